//! The bridge: supervisors that own sessions, their journals, the router that finds them, and the daemon on the network side.
//!
//! This crate will never know a terminal, a line editor or a command line; nor what an interpreter's language means.

pub mod auth;
pub mod daemon;
pub mod home;
pub mod journal;
pub mod observe;
pub mod router;
pub mod runtime;
pub mod supervisor;
pub mod tasks;
