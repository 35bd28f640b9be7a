//! The real binary, a real Python, a real terminal: what a person or a script sees, and what is left when they are gone.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr)]

mod audit;
mod bad_input;
mod commands;
mod common;
mod completing;
mod daemon;
mod done;
mod editing;
mod ends;
mod exec;
mod export;
mod history;
mod interrupting;
mod js;
mod killed;
mod links;
mod logs;
mod observing;
mod python;
mod ran;
mod replaying;
mod rpc;
mod screen;
mod sessions;
mod sharing;
mod ssh;
mod ssh_hosts;
mod ssh_keys;
mod ssh_ways;
mod terminal;
mod together;
mod tokens;
mod typing;
