//! The rules of one session as a state machine: what is accepted, what runs next, whom an interrupt hits, who hears what.
//!
//! This crate will never know a clock, a socket, a file, a thread or dice: time comes with each input, ids come from whoever
//! makes them, and what is to be done comes out as data. `docs/architecture.md` says who carries it out, and by which law.
//!
//! | question | file |
//! |---|---|
//! | what can happen, what can be asked for? | `input.rs` |
//! | what survives? | `state.rs` |
//! | what happens on submit? | `submit.rs`, `once.rs` |
//! | what runs next? | `dispatch.rs` |
//! | what may be handed over before its turn? | `ahead.rs` |
//! | what happens on interrupt? | `interrupt.rs` |
//! | how do kernels come and go? | `lives.rs` |
//! | what happens when the program reads? | `ask.rs` |
//! | who hears what? | `attach.rs`, `audience.rs` |
//! | who sees and types into the kernel's terminal? | `watch.rs` |
//! | what is true after a supervisor died? | `recover.rs` |
//! | what is removed first? | `retention.rs` |
//! | who may come in, and how far? | `share.rs` |
//! | when does it end for want of use? | `idle.rs` |

mod ahead;
pub mod archive;
mod ask;
mod attach;
pub mod audience;
mod comm;
mod dispatch;
mod idle;
pub mod input;
mod interrupt;
mod lives;
pub mod once;
mod query;
mod recover;
pub mod retention;
mod session;
pub mod share;
mod state;
mod status;
mod submit;
mod watch;

pub use archive::{Archive, EvalFacts};
pub use audience::{Audience, Due};
pub use input::{ConnId, Input, Output, StoredValue, Timer, Watcher};
pub use recover::Handed;
pub use session::Session;
pub use share::{Access, user};
