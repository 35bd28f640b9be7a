//! Which contract two sides speak. A contract is a version of the messages, never of the program.

use crate::error::{Code, ErrorReply};
use crate::message::{Open, Welcome};

/// The oldest contract this build speaks.
pub const MIN_CONTRACT: u16 = 1;
/// The newest.
pub const MAX_CONTRACT: u16 = 1;

/// `create` may say what else a kernel is to find (`setup`): a bridge that does not know of it would pass over it in silence, and
/// what was meant for one environment would run in another.
pub const SETUP: &str = "setup";
/// What this build can do beyond the contract.
pub const FEATURES: &[&str] = &[SETUP];
/// A supervisor takes a client's own descriptors (`handover`): who found it is then out of the way of every byte.
pub const HANDOVER: &str = "handover";

/// What is to be asked of a bridge only where it has said that it can.
#[must_use]
pub fn needs_features(open: &Open) -> bool {
    open.create.as_ref().is_some_and(|create| !create.setup.is_plain())
}

/// Why it cannot be asked of the one that has answered.
#[must_use]
pub fn lacks(open: &Open, welcome: &Welcome) -> Option<ErrorReply> {
    // A supervisor makes no session: what it is asked for is there already.
    if !needs_features(open) || welcome.role == "supervisor" || welcome.features.iter().any(|name| name == SETUP) {
        return None;
    }
    let who = if welcome.app.is_empty() { "the bridge" } else { welcome.app.as_str() };
    let text = format!(
        "{who} at this place is too old for --venv, --conda, --login and what a profile says of a prompt: it would start the kernel without; \
         update it there, or leave them out"
    );
    Some(ErrorReply::new(0, Code::WrongState, text))
}

/// No contract is spoken by both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "no contract in common: the other side speaks {theirs_min} to {theirs_max}, this one {MIN_CONTRACT} to {MAX_CONTRACT}; \
     update the older of the two"
)]
pub struct NoCommonContract {
    /// Their oldest.
    pub theirs_min: u16,
    /// Their newest.
    pub theirs_max: u16,
}

/// The highest contract that both speak.
///
/// # Errors
/// [`NoCommonContract`] where the ranges do not meet.
pub fn negotiate(theirs_min: u16, theirs_max: u16) -> Result<u16, NoCommonContract> {
    let best = theirs_max.min(MAX_CONTRACT);
    if best >= theirs_min.max(MIN_CONTRACT) { Ok(best) } else { Err(NoCommonContract { theirs_min, theirs_max }) }
}

/// The features both know, in our order.
#[must_use]
pub fn common(theirs: &[String], ours: &[&str]) -> Vec<String> {
    ours.iter().filter(|f| theirs.iter().any(|t| t == *f)).map(|f| (*f).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_common_contract_wins() {
        assert_eq!(negotiate(1, 1), Ok(1));
        assert_eq!(negotiate(1, 9), Ok(1));
        assert!(negotiate(2, 9).is_err());
        assert!(negotiate(0, 0).is_err());
    }
}
