//! SSH, by `russh` alone: no other folder of the workspace names that library, because its interface moves with each minor release.
//!
//! One SSH connection carries one connection of ours, in one channel. More channels would be of no use and of some harm: where one
//! channel is not read the library stops reading all of them, so what goes over one connection is multiplexed by our own frames,
//! which have credit.
//!
//! | question | file |
//! |---|---|
//! | how is a machine reached? | `client.rs`; by the system's `ssh`: `system.rs` |
//! | what does `~/.ssh/config` say? | `config/` |
//! | is this the machine it says it is? | `known_hosts.rs`, `check.rs` |
//! | how does one get in? | `auth.rs`, `auth/` |
//! | how does the program begin over there? | `begin.rs` |
//! | who ends what? | `channel.rs`: a connection and the library's task for it end with the stream |

mod auth;
mod begin;
mod channel;
mod check;
mod client;
mod config;
mod fail;
mod known_hosts;
mod paths;
mod person;
pub mod server;
mod system;

/// What our own server calls itself, by which our client knows it. (It begins like OpenSSH for the reason in `server/deaf.rs`.)
const OURS: &str = "SSH-2.0-OpenSSH_compatible.rialto";

pub use begin::awaited;
pub use client::{Ran, SshDialer, Target};
pub use person::Person;
