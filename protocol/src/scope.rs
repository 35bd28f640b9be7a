//! What a principal may do, and the one place where that is decided.

use serde::{Deserialize, Serialize};

/// Each includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", from = "String")]
pub enum Scope {
    /// See: attach, list, read. A scope of a newer build reads as this, the least.
    #[default]
    Observe,
    /// Run code, which without a sandbox is a shell as the bridge's user.
    Eval,
    /// End sessions and remove what they kept.
    Admin,
}

crate::data::lenient!(Scope { Eval "eval", Admin "admin"; else Observe });

/// What a kind of message needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needs {
    /// Nothing: hellos, credit, pings, replies.
    Nothing,
    /// At least this scope.
    AtLeast(Scope),
}

impl Needs {
    /// Read off the two top bits of the number, so that a router need not know the message.
    #[must_use]
    pub const fn of(kind: u8) -> Self {
        match kind >> 6 {
            0 => Self::Nothing,
            1 => Self::AtLeast(Scope::Observe),
            2 => Self::AtLeast(Scope::Eval),
            _ => Self::AtLeast(Scope::Admin),
        }
    }
}

impl Scope {
    /// Whether a message of this kind may be sent by a holder of this scope.
    #[must_use]
    pub fn permits(self, kind: u8) -> bool {
        match Needs::of(kind) {
            Needs::Nothing => true,
            Needs::AtLeast(least) => self >= least,
        }
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Observe => "observe",
            Self::Eval => "eval",
            Self::Admin => "admin",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_include_one_another_and_nothing_more() {
        assert!(Scope::Observe.permits(0x01) && Scope::Observe.permits(0x40));
        assert!(!Scope::Observe.permits(0x80) && !Scope::Observe.permits(0xc0));
        assert!(Scope::Eval.permits(0x80) && !Scope::Eval.permits(0xc0));
        assert!(Scope::Admin.permits(0xc0));
    }
}
