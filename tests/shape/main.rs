//! What must stay true of the tree itself: who may depend on whom, what the pure packages never touch, how long files are, which
//! words appear where, and that the contract's document says what the contract's source does.
//!
//! Each rule lives in a file of its own, is a function from text to findings, and shows on a planted example that it can fail.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod arrows;
mod contract;
mod live;
mod purity;
mod sizes;
mod source;
mod words;

/// Fails with all findings, one a line, below a sentence that says what the rule is for.
fn none(rule: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{rule}\n  {}", findings.join("\n  "));
}
