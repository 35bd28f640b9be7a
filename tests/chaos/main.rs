//! What happens when real processes die, disks fill and strangers come: the real binary, a real Python, real signals.
//!
//! Every scenario has a name and a seed, ends all processes it started also when it fails, and is checked by the same page
//! ([`promises`]): nothing lost, nothing doubled, nothing reordered, no orphan, no stale file. `RIALTO_LONG=1` runs the large
//! amounts. `./test` prints the table of all scenarios.
//!
//! | file | what dies, or who comes |
//! |---|---|
//! | `stages.rs` | daemon, client, supervisor, kernel, alone and in pairs, at every stage of an eval; over networks, too |
//! | `serve_dies.rs` | the daemon, a client |
//! | `terminal_dies.rs` | a person's terminal, alone and in pairs, at every stage of an eval; the next one goes on |
//! | `supervisor_dies.rs` | the supervisor, at every point of its work |
//! | `upgraded.rs` | the binary, while evals run; and clients of long ago and of later |
//! | `short_evals.rs` | one of many evals that follow one another, their kernel |
//! | `clock_jumps.rs` | nobody: the clock on the wall is set forwards and back |
//! | `kernel_dies.rs` | a child of the kernel, the kernel, its whole group |
//! | `descriptors_run_out.rs` | the descriptors of a command, of a daemon |
//! | `little_is_kept.rs` | events that are not kept any more, and how that is said |
//! | `links_break.rs` | links, at any byte: cut, silent, slow, doubled; over networks, too |
//! | `disk_fills.rs` | the space below the journal |
//! | `many_come.rs` | twenty who want the same name |
//! | `another_user.rs` | somebody else on the same machine |
//! | `nobody_comes.rs` | nobody: what an idle session costs |
//! | `one_stalls.rs` | a client that does not read, and everybody's memory |
//! | `processes_stop.rs` | a process that stops and goes on, a folder that is wiped, a shutdown |
//! | `hostile/` | peers that send anything at all |
//! | `ports/` | the same by ssh, WebSockets and HTTP, with and without TLS; slow ones, and crowds |
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout)]

mod actor;
mod another_user;
mod client;
mod clock_jumps;
mod daemon;
mod descriptors_run_out;
mod dice;
mod disk_fills;
mod hostile;
mod kernel_dies;
mod links_break;
mod little_is_kept;
mod many_come;
mod nobody_comes;
mod one_stalls;
mod ports;
mod processes;
mod processes_stop;
mod promises;
mod raw;
mod serve_dies;
mod short_evals;
mod stages;
mod supervisor_dies;
mod table;
mod terminal_dies;
mod upgraded;
#[path = "../ways/mod.rs"]
mod ways;
mod world;

/// Larger amounts.
fn long() -> bool {
    std::env::var_os("RIALTO_LONG").is_some()
}
