//! The loop of a supervisor: what happened is fed to the rules, what they ask for is carried out, in order.
//!
//! One task owns everything (journal, kernel, connections, timers), so there is no lock, no channel and nothing to leak. Each
//! turn: gather what is ready; feed it all; commit the records; only then do the rest; fill the lanes.

use super::ahead::Ahead;
use super::clock::{Alarm, Alarms, Clock};
use super::commit::Keep;
use super::connection::{Connection, Door};
use super::deliver::Sending;
use super::handed::Note;
use super::screens::Screens;
use super::spans::Spans;
use super::tail::Tail;
use super::tally::Counted;
use super::values::Incoming;
use super::{Ending, Fatal};
use crate::auth::audit::{Line, What};
use crate::journal::{Head, Journal};
use rialto_kernels::Kernel;
use rialto_protocol::kernel::{Death, KernelCommand, KernelEvent, Launch};
use rialto_protocol::{ClientId, Code, ErrorReply, EvalNumber, Life, Message, Seq};
use rialto_session::{Access, ConnId, Input, Output, Session};
use rialto_transports::unix::UnixListener;
use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::task::Poll;
use tokio::signal::unix::Signal;
use tokio::time::Sleep;

/// A step is taken whenever the journal has grown by so much. Bytes.
const TRIM_EVERY: usize = 4 * 1024 * 1024;
/// Where the last step was not enough, another is taken after so many rows: tiny evals are many rows and few bytes, and a step
/// removes a number of rows. Half of that, so it gains on them.
const TRIM_AGAIN: usize = super::tidy::TRIM_ROWS / 2;

/// An eval has just begun, and whoever it is for hears soon what it says first: most evals are over in less time than it takes
/// to be woken. So the word of its beginning waits a moment, and with it that of the end of the one before: a client that has
/// more evals waiting is not waiting for that one alone, and is written to once for several. What others' evals say does not wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    /// Whose eval it is.
    pub(super) client: ClientId,
    /// The first event that waits. Who is further behind than this is sent everything.
    pub(super) from: Seq,
    /// Bytes that wait.
    pub(super) bytes: usize,
}

/// Everything a running supervisor has.
pub(crate) struct Driver {
    pub(super) session: Session,
    pub(super) journal: Journal,
    pub(super) clock: Clock,
    pub(super) alarms: Alarms,
    pub(super) tail: Tail,
    pub(super) door: Door,
    pub(super) launch: Launch,
    /// What is to be said of its surroundings, once with each life.
    pub(super) notes: Vec<String>,
    pub(super) budget: u64,
    /// Where the kernel's process is noted down, for whoever must clean up after us.
    pub(super) note_kernel: Box<dyn FnMut(u32)>,
    /// Where it is noted down whom the session is shared with, for whoever lists sessions.
    pub(super) note_shares: Box<dyn FnMut(&Access)>,
    /// Where it is noted down who asked for more than they may.
    pub(super) note_denied: Box<dyn FnMut(Line)>,
    /// Where it is noted down how far the journal went, for whoever verifies it.
    pub(super) note_head: Box<dyn FnMut(Head)>,
    /// Finds the place of the socket anew and listens there: the folder may have gone, or another one have become the right one.
    pub(super) bind_again: Box<dyn FnMut() -> Result<UnixListener, Fatal>>,
    pub(super) listener: UnixListener,
    pub(super) terminate: Signal,
    pub(super) rebind: Signal,
    pub(super) sleep: Pin<Box<Sleep>>,
    pub(super) kernel: Option<(Life, Box<dyn Kernel>)>,
    pub(super) connections: BTreeMap<u64, Connection>,
    pub(super) next_slot: u64,
    /// Where each client's channel is.
    pub(super) members: BTreeMap<ConnId, (u64, u16)>,
    pub(super) next_conn: ConnId,
    pub(super) sending: BTreeMap<ConnId, Sending>,
    /// Who is shown the kernel's terminal.
    pub(super) screens: Screens,
    /// What waits a moment for what comes next.
    pub(super) held: Option<Held>,
    /// Whose eval ran at the end of the last turn that recorded anything.
    pub(super) ran_for: Option<ClientId>,
    pub(super) incoming: Option<Incoming>,
    /// A display that has come whole, by its key, until the rules have numbered it.
    pub(super) arrived: Option<Incoming>,
    pub(super) inputs: VecDeque<Input>,
    pub(super) batch: Vec<Keep>,
    /// What is to be done once the batch is durable.
    pub(super) deferred: VecDeque<Output>,
    /// Which evals overtook the batch, or lie ready beside the one that runs,
    pub(super) handed: Note,
    /// and whether one did in this turn.
    pub(super) overtook: bool,
    /// What the kernel was handed beside the eval that runs.
    pub(super) ahead: Ahead,
    /// The batch waits for what the next turn adds to it.
    pub(super) gathering: bool,
    /// It has waited long enough, and so have those whom it is for.
    pub(super) waited: bool,
    pub(super) stalled: bool,
    /// A batch waits for space on the disk.
    pub(super) blocked: bool,
    /// Bytes of the kernel's that may still be recorded while the disk is full.
    pub(super) stall_room: usize,
    /// Bytes of unfinished requests, all connections together.
    pub(super) assembling: usize,
    /// Accepting has failed, and was said.
    pub(super) accept_failed: bool,
    /// What goes on, for whoever collects it.
    pub(super) spans: Spans,
    /// What is counted for whoever watches many sessions.
    pub(super) tally: Counted,
    /// Bytes of output recorded since we started.
    pub(super) printed: u64,
    /// Bytes recorded since retention last looked,
    pub(super) since_trim: usize,
    /// and rows.
    pub(super) rows_since_trim: usize,
    /// Then it had more to do than one step does.
    pub(super) trim_again: bool,
    pub(super) ending: Option<Ending>,
}

impl Driver {
    /// Runs until the session has nothing left to do, or the process is asked to go.
    pub(crate) async fn run(&mut self) -> Result<Ending, Fatal> {
        loop {
            self.turn()?;
            if let Some(ending) = self.ending.take() {
                self.held = None;
                // What has not begun is not lost with us.
                self.all_back();
                // What is said last must still go out; whoever does not take it at once finds the connection closed.
                return std::future::poll_fn(|cx| Poll::Ready(self.flush(cx).map(|()| ending))).await;
            }
            std::future::poll_fn(|cx| self.gather(cx)).await?;
        }
    }

    /// Feeds what was gathered, keeps the records, does the rest.
    fn turn(&mut self) -> Result<(), Fatal> {
        // While a batch waits for space nothing else may happen: it would happen before those records.
        if self.blocked {
            return Ok(());
        }
        // An alarm that rang is no news: tidying must not be what makes the next tidying due.
        if !self.inputs.is_empty() || !self.batch.is_empty() {
            self.tidy_later();
        }
        // Once an append has failed the journal knows nothing of what follows it, so nothing more is decided before it is set
        // right: the same eval could be accepted twice.
        while !self.journal.has_failed()
            && let Some(input) = self.next_input()
        {
            self.feed(input);
        }
        self.hand_more();
        self.gathering = self.may_gather();
        if self.gathering {
            return Ok(());
        }
        self.blocked = !self.commit()?;
        if !self.blocked {
            return self.carry_out();
        }
        // The rules cannot say it any more: what they say comes after records that cannot be kept.
        for conn in self.members.keys().copied().collect::<Vec<_>>() {
            self.reply(conn, &super::commit::no_room());
        }
        Ok(())
    }

    /// One input to the rules; their records go into the open transaction at once, the rest waits.
    fn feed(&mut self, input: Input) {
        let mut out = Vec::new();
        self.session.handle(self.clock.now(), input, &self.journal, &mut out);
        self.take(out);
    }

    pub(super) fn take(&mut self, out: Vec<Output>) {
        for output in out {
            match output {
                Output::Record(record, conn) => self.keep_record(record, conn),
                Output::RecordStored { seq, at, n, value } => {
                    let Some(arrived) = self.arrived.take().filter(|a| a.key == value.key) else { continue };
                    let (head, len) = arrived.head(seq, at);
                    self.keep_piece(head);
                    self.keep_stored(seq, n, value.key, arrived.pieces, len);
                }
                Output::Redact { n, .. } => self.keep_redaction(n),
                Output::Next { exec, accepted } => {
                    self.follows();
                    self.overtook = self.ahead.begins(exec.n);
                    if !self.overtook {
                        self.overtook = self.may_overtake(accepted, exec.n);
                        if self.overtook {
                            self.hand(exec);
                        } else {
                            self.deferred.push_back(Output::Next { exec, accepted });
                        }
                    }
                }
                other => self.deferred.push_back(other),
            }
        }
    }

    /// Whether the next eval may be handed over before the records of this turn are durable: where its own `accepted` is, no
    /// other command is under way to the kernel, and which it is has been noted. The kernel then runs it while we commit.
    fn may_overtake(&mut self, accepted: Seq, n: EvalNumber) -> bool {
        let commands = |o: &Output| matches!(o, Output::Kernel(_) | Output::StartKernel(_) | Output::Next { .. });
        accepted <= self.journal.committed()
            && !self.stalled
            && !self.journal.has_failed()
            && !self.deferred.iter().any(commands)
            && self.handed.add(self.session.epoch(), [n])
    }

    /// A denial is for the record, too.
    fn note_denial(&mut self, conn: ConnId, message: &Message) {
        if let Message::Error(error) = message
            && error.known() == Some(Code::Forbidden)
        {
            let slot = self.members.get(&conn).map(|(slot, _)| *slot);
            let who = slot.and_then(|slot| self.connections.get(&slot)?.who.clone());
            let (principal, _) = who.unwrap_or_default();
            (self.note_denied)(Line { principal, ..Line::new(What::Denied, error.text.clone()) });
        }
    }

    /// Does what was asked for, now that the records before it are durable.
    pub(super) fn carry_out(&mut self) -> Result<(), Fatal> {
        while let Some(output) = self.deferred.pop_front() {
            match output {
                Output::Kernel(command) => self.command(command),
                Output::Next { exec, .. } => self.hand(exec),
                Output::StartKernel(life) => self.start_kernel(life),
                Output::Reply(conn, message) => {
                    self.note_denial(conn, &message);
                    self.reply(conn, &message);
                }
                Output::Watcher(conn, what) => self.watcher(conn, what),
                Output::Everyone(message) => {
                    let all: Vec<ConnId> = self.members.keys().copied().collect();
                    for conn in all {
                        self.reply(conn, &message);
                    }
                }
                Output::Access(access) => {
                    (self.note_shares)(&access);
                    self.door.access = access;
                }
                Output::TurnAway(conn, why) => self.turn_away(conn, why),
                Output::SetTimer(timer, at_us) => self.alarms.set(Alarm::Session(timer), at_us),
                Output::ClearTimer(timer) => self.alarms.clear(Alarm::Session(timer)),
                Output::Exit { ended } => self.ending = Some(Ending { ended }),
                Output::Odd(what) => tracing::warn!(what, "odd"),
                // Taken before; see `take`.
                Output::Record(..) | Output::RecordStored { .. } | Output::Redact { .. } => {}
            }
        }
        if let Some(fault) = self.journal.take_fault() {
            return Err(fault.into());
        }
        // A flood leaves no quiet moment: it is trimmed as it comes.
        if self.since_trim > TRIM_EVERY && !self.stalled {
            self.since_trim = 0;
            self.journal.restore_reserve();
            self.trim()?;
            self.note_head();
        } else if self.trim_again && self.rows_since_trim > TRIM_AGAIN && !self.stalled {
            self.trim()?;
        }
        Ok(())
    }

    /// Notes down how far the journal went. Never before its records are durable: an anchor ahead of its journal says that
    /// something was lost.
    pub(super) fn note_head(&mut self) {
        if let Some(head) = self.journal.chain_head() {
            (self.note_head)(head);
        }
    }

    pub(super) fn reply(&mut self, conn: ConnId, message: &Message) {
        let Some(&(slot, channel)) = self.members.get(&conn) else { return };
        let Some(connection) = self.connections.get_mut(&slot) else { return };
        match message {
            Message::Status(status) => {
                let (pid, printed) = (std::process::id(), self.printed);
                let status =
                    rialto_protocol::message::Status { pid, printed, tally: Some(Box::new(self.tally.told())), ..status.clone() };
                connection.say(channel, &Message::Status(status));
            }
            // A value that is half sent is sent to its end, or its chunks would never be closed; but it no longer moves the cursor.
            Message::Attached(_) => {
                if let Some(sending) = self.sending.get_mut(&conn) {
                    sending.stale = true;
                }
                connection.say(channel, message);
            }
            _ => connection.say(channel, message),
        }
    }

    fn turn_away(&mut self, conn: ConnId, why: ErrorReply) {
        self.sending.remove(&conn);
        if let Some((slot, channel)) = self.members.remove(&conn)
            && let Some(connection) = self.connections.get_mut(&slot)
        {
            connection.turn_away(channel, why);
        }
    }

    pub(super) fn command(&mut self, command: KernelCommand) {
        // An answer goes to whoever reads, which is not the loop that takes evals.
        if !matches!(command, KernelCommand::Input { .. }) {
            self.all_back();
        }
        if let Some((_, kernel)) = &mut self.kernel {
            kernel.command(command);
        }
    }

    pub(super) fn start_kernel(&mut self, life: Life) {
        self.kernel = None;
        self.ahead.forget();
        let launched = launch_kernel(&self.launch, &mut self.note_kernel);
        self.take_kernel(life, launched);
    }

    pub(super) fn take_kernel(&mut self, life: Life, launched: Launched) {
        match launched {
            Ok(kernel) => self.kernel = Some((life, kernel)),
            Err(death) => self.inputs.push_back(Input::Kernel(life, KernelEvent::Died(death))),
        }
    }
}

/// A kernel that starts, or why none does.
pub(super) type Launched = Result<Box<dyn Kernel>, Death>;

/// Starts a kernel, and notes down its process.
pub(super) fn launch_kernel(launch: &Launch, note: &mut dyn FnMut(u32)) -> Launched {
    let kernel = rialto_kernels::launch(launch).map_err(|e| Death { failed_start: Some(e.to_string()), ..Death::default() })?;
    if let Some(pid) = kernel.pid() {
        note(pid);
    }
    Ok(kernel)
}
