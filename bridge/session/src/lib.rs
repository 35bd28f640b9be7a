//! The rules of one session as a state machine: what is accepted, what runs next, whom an interrupt hits, who hears what.
//!
//! This crate will never know a clock, a socket, a file, a thread or dice: time comes with each input, ids come from whoever
//! makes them, and what is to be done comes out as data. `docs/architecture.md` says who carries it out, and by which law.

pub mod archive;
pub mod retention;
