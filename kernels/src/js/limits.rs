//! What code may take of the process it runs in.

use std::collections::BTreeMap;
use std::time::Duration;

/// Threads of killed kernels that may still be computing when another kernel is started.
pub(super) const LEFT: usize = 2;
/// The thread's stack; untouched pages of it cost nothing. Bytes.
pub(super) const THREAD_STACK: usize = 8 * 1024 * 1024;
/// What of it code may use: the rest is for the engine's own functions, which are not counted. Bytes.
pub(super) const STACK: usize = 2 * 1024 * 1024;
/// Timers at once. One more throws.
pub(super) const TIMERS: usize = 10_000;
/// Promises that were rejected and that nobody has looked at yet. Later ones are not told.
pub(super) const REJECTIONS: usize = 100;

/// What a session's creator may set, by the environment of its kernel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Bytes of the heap. Beyond it the engine throws.
    pub(super) memory: usize,
    /// For which an eval may compute without a pause; waiting does not count. None: until it is interrupted.
    pub(super) time: Option<Duration>,
}

impl Limits {
    /// `RIALTO_JS_MEMORY` in MiB (default 64) and `RIALTO_JS_TIME` in seconds (default 60, 0 for no limit).
    pub(super) fn of(environment: &BTreeMap<String, String>) -> Result<Self, String> {
        let number = |name: &str, default: u32| match environment.get(name).cloned().or_else(|| std::env::var(name).ok()) {
            None => Ok(default),
            Some(text) => text.trim().parse().map_err(|_| format!("{name} is {text:?}, and a whole number is wanted")),
        };
        let (memory, time) = (number("RIALTO_JS_MEMORY", 64)?, number("RIALTO_JS_TIME", 60)?);
        if !(4..=4096).contains(&memory) {
            return Err(format!("RIALTO_JS_MEMORY is {memory} MiB; it may be 4 to 4096"));
        }
        Ok(Self { memory: memory as usize * 1024 * 1024, time: (time > 0).then(|| Duration::from_secs(time.into())) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_set_or_default() {
        let of = |pairs: &[(&str, &str)]| Limits::of(&pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect());
        let set = of(&[("RIALTO_JS_MEMORY", "16"), ("RIALTO_JS_TIME", "0")]).unwrap();
        assert_eq!((set.memory, set.time), (16 * 1024 * 1024, None));
        assert_eq!(of(&[]).unwrap().time, Some(Duration::from_secs(60)));
        assert!(of(&[("RIALTO_JS_MEMORY", "1")]).unwrap_err().contains("4 to 4096"));
        assert!(of(&[("RIALTO_JS_TIME", "soon")]).unwrap_err().contains("whole number"));
    }
}
