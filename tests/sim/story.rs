//! What happened in a world, so that a person can read it: kept only where somebody will.

/// Why a world failed: the promise that was broken, and how.
#[derive(Debug, Clone)]
pub(crate) struct Broken {
    pub(crate) promise: &'static str,
    pub(crate) how: String,
}

/// What an invariant says.
pub(crate) type Check = Result<(), Broken>;

/// Fails with a sentence where the condition does not hold.
macro_rules! hold {
    ($promise:literal, $cond:expr, $($how:tt)+) => {
        if !$cond {
            return Err($crate::story::Broken { promise: $promise, how: format!($($how)+) });
        }
    };
}
pub(crate) use hold;

/// The transcript: time, who, what.
pub(crate) struct Story {
    pub(crate) wanted: bool,
    lines: Vec<String>,
}

impl Story {
    pub(crate) const fn new(wanted: bool) -> Self {
        Self { wanted, lines: Vec::new() }
    }

    pub(crate) fn tell(&mut self, now: u64, who: &str, what: impl FnOnce() -> String) {
        if self.wanted {
            let mut what = what();
            if what.len() > 600 {
                let end = (0..=600).rev().find(|at| what.is_char_boundary(*at)).unwrap_or(0);
                what.truncate(end);
                what.push('…');
            }
            self.lines.push(format!("{:>9}.{:03} ms  {who:<12} {what}", now / 1_000, now % 1_000));
        }
    }

    pub(crate) fn print(&self) {
        for line in &self.lines {
            eprintln!("{line}");
        }
    }
}
