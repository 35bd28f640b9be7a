//! Promises that were rejected while nobody looked at them.

use crate::js::limits::REJECTIONS;
use rquickjs::{Ctx, Persistent, Promise, Value};

#[derive(Default)]
pub(super) struct Rejected(Vec<(Persistent<Value<'static>>, Persistent<Value<'static>>)>);

impl Rejected {
    /// One was rejected, or somebody looks at it after all.
    pub(super) fn track<'js>(&mut self, ctx: &Ctx<'js>, promise: Value<'js>, reason: Value<'js>, handled: bool) {
        if handled {
            self.0.retain(|(kept, _)| kept.clone().restore(ctx).is_ok_and(|kept| kept != promise));
        } else if self.0.len() < REJECTIONS {
            self.0.push((Persistent::save(ctx, promise), Persistent::save(ctx, reason)));
        }
    }

    /// The reasons of all that are left, but of this one.
    pub(super) fn take<'js>(&mut self, ctx: &Ctx<'js>, but: Option<&Promise<'js>>) -> Vec<Value<'js>> {
        let but = but.map(|promise| promise.clone().into_value());
        let kept = self.0.drain(..).filter_map(|(promise, reason)| {
            let promise = promise.restore(ctx).ok()?;
            if Some(&promise) == but.as_ref() { None } else { reason.restore(ctx).ok() }
        });
        kept.collect()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
