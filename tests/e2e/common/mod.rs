//! A user's machine in a folder, and what runs on it.

mod processes;
mod run;
mod sshd;
mod terminal;
mod wait;
mod world;

pub(crate) use processes::signal;
pub(crate) use run::{Running, Said};
pub(crate) use sshd::{Sshd, configure, known_hosts};
pub(crate) use terminal::Terminal;
pub(crate) use wait::{until, until_or};
pub(crate) use world::{World, lines};
