//! Which contract two sides speak. A contract is a version of the messages, never of the program.

/// The oldest contract this build speaks.
pub const MIN_CONTRACT: u16 = 1;
/// The newest.
pub const MAX_CONTRACT: u16 = 1;

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
