//! The facade for whoever has nothing but `ssh`: the program that a person here would use is run for them there, in a terminal
//! of its own or between pipes. It is told who they are, and keeps to what they may do.
//!
//! This crate will never know a command of that program, a session or the protocol. No shell ever reads what a peer wrote.

mod child;
mod piped;
mod screen;
mod user;

pub use user::User;

use rialto_transports::{Asked, Boxed, Exit, Identity, Programs, What, Wires};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio::sync::Semaphore;

/// A line that cannot be understood.
const USAGE: u8 = 64;
/// Nothing can be started now, or here.
const UNAVAILABLE: u8 = 69;

/// What to run.
pub struct Program {
    /// For ourselves; it may be a file that has been replaced since.
    pub ours: PathBuf,
    /// For other users, who may not look into our process.
    pub theirs: PathBuf,
    /// What of our own environment it gets, where it runs as us.
    pub environment: Vec<(String, String)>,
    /// How it is told who it runs for.
    pub told: fn(&Identity) -> Vec<(String, String)>,
    /// The words that make it speak the protocol.
    pub protocol: Vec<String>,
    /// So many of them at once.
    pub most: usize,
}

/// Runs the program for peers.
pub struct Terminals {
    program: Arc<Program>,
    seats: Arc<Semaphore>,
}

impl Terminals {
    /// For this program.
    #[must_use]
    pub fn of(program: Program) -> Self {
        Self { seats: Arc::new(Semaphore::new(program.most)), program: Arc::new(program) }
    }
}

impl Programs for Terminals {
    fn run(&self, asked: Asked, mut wires: Wires) -> Boxed<'static, Exit> {
        let (program, seat) = (Arc::clone(&self.program), Arc::clone(&self.seats).try_acquire_owned());
        Box::pin(async move {
            let refusal = match (&seat, words(&program, &asked.what)) {
                (Err(_), _) => {
                    tracing::warn!(principal = asked.identity.principal, most = program.most, "too many terminals");
                    (UNAVAILABLE, format!("{} programs run here for others, and no more will; try again later", program.most))
                }
                (Ok(_), Err(why)) => (USAGE, why),
                (Ok(_), Ok(words)) => {
                    // The first word alone: the others may be code.
                    tracing::info!(
                        principal = asked.identity.principal,
                        what = words.first(),
                        terminal = asked.terminal.is_some(),
                        "runs"
                    );
                    match child::start(&program, &asked, words) {
                        Ok(child::Started::Screen(pty, child)) => return screen::carry(pty, child, wires).await,
                        Ok(child::Started::Piped(child)) => return piped::carry(child, wires).await,
                        Err(why) => {
                            tracing::warn!(principal = asked.identity.principal, why, "cannot be started");
                            (UNAVAILABLE, why)
                        }
                    }
                }
            };
            let (code, text) = refusal;
            // On a terminal there is no other way out than the output.
            let end = if asked.terminal.is_some() { "\r\n" } else { "\n" };
            let said = format!("rialto: {text}{end}");
            let out = if asked.terminal.is_some() { &mut wires.output } else { &mut wires.errors };
            tokio::select! {
                biased;
                _ = out.write_all(said.as_bytes()) => {}
                // Nobody is left to be told.
                () = hung_up(&mut wires.controls) => {}
            }
            drop(seat);
            Exit::Status(code)
        })
    }

    fn elsewhere(&self, identity: &Identity) -> bool {
        User::of(&identity.principal).is_none_or(|uid| uid != nix::unistd::Uid::effective().as_raw())
    }
}

fn words(program: &Program, what: &What) -> Result<Vec<String>, String> {
    match what {
        What::Protocol => Ok(program.protocol.clone()),
        What::Line(line) => shell_words::split(line).map_err(|_| format!("a quote is not closed in: {}", line.escape_debug())),
        _ => Ok(Vec::new()),
    }
}

/// Waits until the peer is gone, whatever else it says.
async fn hung_up(controls: &mut tokio::sync::mpsc::Receiver<rialto_transports::Control>) {
    while controls.recv().await.is_some() {}
}
