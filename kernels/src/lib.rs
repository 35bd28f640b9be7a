//! Running interpreters behind one vocabulary: commands in, events out. It will never know clients, connections, journals,
//! queues, or who may do what.
//!
//! A [`Kernel`] is a state machine with file descriptors: its owner hands it commands and polls it for events, and nothing
//! else happens. There are no tasks here, and one thread: that of the engine of `js`.
//!
//! # Layout
//! - [`launch`](launch()) and [`known`] (`launch.rs`): from a kind's name to a running kernel.
//! - `runner/`: kernels that are a small script on the user's own interpreter, whatever its language.
//! - `python.rs`, `node.rs`, `bash.rs`: which interpreter, and how it is started. `runners/python/`, `runners/node/`, `runners/bash/` are their runners.
//! - `js/`: JavaScript inside of this process, with nothing installed.
//! - `jupyter/`: any kernel that Jupyter can start.
//! - `pty/`: any program with a prompt, in a terminal of its own.
//! - [`screen`]: what such a terminal shows, kept for whoever comes later.
//! - `find.rs`: where interpreters are.
//! - `environment/`: virtual environments, conda's, and that of a login shell.
//! - [`profiles`]: kernels that the user gave names to.

mod bash;
mod environment;
mod find;
mod js;
mod jupyter;
mod launch;
mod node;
pub mod profiles;
mod pty;
mod python;
mod runner;
pub mod screen;

pub use environment::settle;
pub use launch::{KernelSpec, LaunchError, is_kernel, known, knows, launch, version};

use rialto_protocol::EvalNumber;
use rialto_protocol::kernel::{Exec, KernelCommand, KernelEvent};
use std::task::{Context, Poll};

/// A running interpreter.
///
/// The owner polls it from one task. **Not polling it is back-pressure**: a kernel reads no further ahead than about
/// 128 KiB, so a program that prints into an unpolled kernel soon waits. Dropping it kills its process group.
pub trait Kernel: Send {
    /// The next thing that happened. `Ready` comes first and once, `Died` last and once; after it, `Pending` for ever
    /// (and the waker is not kept).
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<KernelEvent>;

    /// Says something to the kernel. Never waits: what the kernel does not take at once is kept, and sent by
    /// [`Kernel::poll_event`], so that the caller must poll after a command. After the death it does nothing.
    fn command(&mut self, command: KernelCommand);

    /// Hands over evals that run one after the other: where nothing runs the first begins now, and where something runs all of
    /// them come after it. The rest begin when the one before has ended, without a word from here. How many were taken, from the
    /// front; none where it is a kernel that is told each by [`Kernel::command`], or they are too long, or there is no room.
    /// [`Kernel::command`] must not be given an eval before these have ended or were taken back.
    fn hand_over(&mut self, _execs: &[Exec]) -> usize {
        0
    }

    /// Takes back what [`Kernel::hand_over`] took and what has not begun: the last of them. The end of whatever came before those
    /// that are not taken back has been said already, and [`Kernel::poll_event`] tells it without waiting. The eval that runs
    /// by what was told so far is never taken back, even where its kernel has not begun it.
    fn take_back(&mut self) -> Vec<EvalNumber> {
        Vec::new()
    }

    /// It is a program in a terminal: [`KernelCommand::Terminal`] means something to it.
    fn has_terminal(&self) -> bool {
        false
    }

    /// The process, as long as it lives (for a recovery that must find what is left of it: its process group has the same
    /// number).
    fn pid(&self) -> Option<u32>;

    /// Ends the process group at once (SIGKILL). `Died` follows where the process still lived.
    fn kill_group(&mut self);
}
