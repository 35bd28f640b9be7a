//! How a session is now, for whoever asks.

use crate::input::ConnId;
use crate::lives::Phase;
use crate::session::Turn;
use rialto_protocol::message::{Greeted, Status};
use rialto_protocol::{Message, version};

impl crate::Session {
    /// The answer to a client's greeting. Nothing before the first epoch has begun.
    #[must_use]
    pub fn greeted(&self, app: &str) -> Option<Greeted> {
        let created = self.state.created.as_ref()?;
        Some(Greeted {
            contract: version::MAX_CONTRACT,
            features: Vec::new(),
            session: created.session.clone(),
            name: created.name.clone(),
            kernel: created.kernel.clone(),
            epoch: self.state.epoch(),
            head: self.state.head,
            app: app.to_owned(),
        })
    }
}

impl Turn<'_> {
    pub(crate) fn status(&mut self, conn: ConnId, re: u32) {
        let s = &self.s.state;
        let Some(created) = &s.created else { return };
        let state = match (&self.s.stalled, &self.s.phase) {
            _ if s.ended => "ended",
            (Some(_), _) => "stalled",
            _ if s.running.is_some() => "running",
            (None, Phase::None) => "no_kernel",
            (None, Phase::Starting(..)) => "starting",
            (None, Phase::Ready) => "idle",
            (None, Phase::Ending(_)) => "ending",
        };
        let status = Status {
            re,
            session: created.session.clone(),
            name: created.name.clone(),
            state: state.to_owned(),
            kernel: created.kernel.clone(),
            info: s.living.clone(),
            epoch: s.epoch(),
            head: s.head,
            life: s.life,
            running: s.running.as_ref().map(|r| r.n),
            running_eval: s.running.as_ref().map(|r| r.eval),
            running_ms: s.running.as_ref().map(|r| self.at.mono_us.saturating_sub(r.since_us) / 1_000),
            queued: s.queue.len() as u64,
            evals: s.last_n,
            clients: self.s.audience.clients.values().map(|c| c.who.clone()).collect(),
            owner: s.access.owner.clone(),
            created_ms: s.created_ms,
            cwd: created.cwd.clone(),
            stalled: self.s.stalled.clone(),
            pid: 0,
            printed: 0,
            shares: s.access.list(),
            scope: self.s.audience.clients.get(&conn).map(|c| c.scope),
            cull_after_ms: created.cull_after_ms,
            tally: None,
        };
        self.reply(conn, Message::Status(status));
    }
}
