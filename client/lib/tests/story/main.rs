//! Stories of a handle and a scripted bridge. The bridge keeps the promises of a real one (ids run once, events have
//! numbers, credit is honoured) in a hundred lines, and can be told to break each of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod bridge;
mod cuts;
mod driver;
mod errors;
mod events;
mod requests;
mod world;
