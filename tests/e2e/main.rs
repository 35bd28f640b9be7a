//! The real binary, a real Python, a real terminal: what a person or a script sees, and what is left when they are gone.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;
mod exec;
mod terminal;
