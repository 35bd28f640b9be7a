//! The loop of a supervisor: what happened is fed to the rules, what they ask for is carried out, in order.
//!
//! One task owns everything (journal, kernel, connections, timers), so there is no lock, no channel and nothing to leak. Each
//! turn: gather what is ready; feed it all; commit the records; only then do the rest; fill the lanes.

use super::clock::{Alarm, Alarms, Clock};
use super::commit::Keep;
use super::connection::{Connection, Door, Heard};
use super::deliver::Sending;
use super::outbox::share;
use super::tail::Tail;
use super::values::Incoming;
use super::{Ending, Fatal};
use crate::journal::Journal;
use rialto_kernels::Kernel;
use rialto_protocol::kernel::{Death, KernelCommand, KernelEvent, Launch};
use rialto_protocol::message::{Goaway, Notice};
use rialto_protocol::{Life, Message, Who, limits};
use rialto_session::{ConnId, Input, Output, Session, StoredValue};
use rialto_transports::unix::UnixListener;
use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::signal::unix::Signal;
use tokio::time::Sleep;

/// Kernel events taken in one turn, so that a flood cannot keep clients from being heard.
const EVENTS_PER_TURN: usize = 64;
/// Bytes of output taken in one turn.
const BYTES_PER_TURN: usize = 256 * 1024;
/// Connections, authenticated or not.
const MAX_CONNECTIONS: usize = limits::MAX_CLIENTS + 64;
/// How long a connection may take to say who it is. Microseconds.
const HANDSHAKE_US: u64 = 10_000_000;
/// After this long without anything to do the journal is tidied. Microseconds.
const QUIET_US: u64 = 300_000;
/// A client that gives no credit for so long is told how far it is behind. Microseconds.
const BEHIND_US: u64 = 1_000_000;
/// Rows that one step of retention removes: more bytes than [`TRIM_EVERY`] where they are full, or a flood would win.
const TRIM_ROWS: usize = 256;
/// A step is taken whenever the journal has grown by so much. Bytes.
const TRIM_EVERY: usize = 4 * 1024 * 1024;

/// Everything a running supervisor has.
pub(crate) struct Driver {
    pub(super) session: Session,
    pub(super) journal: Journal,
    pub(super) clock: Clock,
    pub(super) alarms: Alarms,
    pub(super) tail: Tail,
    pub(super) door: Door,
    pub(super) launch: Launch,
    pub(super) budget: u64,
    /// Where the kernel's process is noted down, for whoever must clean up after us.
    pub(super) note_kernel: Box<dyn FnMut(u32)>,
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
    pub(super) incoming: Option<Incoming>,
    /// A display that has come whole, by its key, until the rules have numbered it.
    pub(super) arrived: Option<Incoming>,
    pub(super) inputs: VecDeque<Input>,
    pub(super) batch: Vec<Keep>,
    /// What is to be done once the batch is durable.
    pub(super) deferred: VecDeque<Output>,
    pub(super) stalled: bool,
    /// A batch waits for space on the disk.
    pub(super) blocked: bool,
    /// Bytes recorded since retention last looked.
    pub(super) since_trim: usize,
    pub(super) ending: Option<Ending>,
}

impl Driver {
    /// Runs until the session has nothing left to do, or the process is asked to go.
    pub(crate) async fn run(&mut self) -> Result<Ending, Fatal> {
        loop {
            self.turn()?;
            if let Some(ending) = self.ending.take() {
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
        while let Some(input) = self.inputs.pop_front() {
            self.feed(input);
        }
        self.blocked = !self.commit()?;
        if self.blocked { Ok(()) } else { self.carry_out() }
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
                other => self.deferred.push_back(other),
            }
        }
    }

    /// Does what was asked for, now that the records before it are durable.
    pub(super) fn carry_out(&mut self) -> Result<(), Fatal> {
        while let Some(output) = self.deferred.pop_front() {
            match output {
                Output::Kernel(command) => self.command(command),
                Output::StartKernel(life) => self.start_kernel(life),
                Output::Reply(conn, message) => self.reply(conn, &message),
                Output::Everyone(message) => {
                    let all: Vec<ConnId> = self.members.keys().copied().collect();
                    for conn in all {
                        self.reply(conn, &message);
                    }
                }
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
            self.journal.trim_step(self.budget, TRIM_ROWS)?;
        }
        Ok(())
    }

    fn tidy_later(&mut self) {
        self.alarms.set(Alarm::Tidy, self.clock.now().mono_us + QUIET_US);
    }

    fn reply(&mut self, conn: ConnId, message: &Message) {
        let Some(&(slot, channel)) = self.members.get(&conn) else { return };
        let Some(connection) = self.connections.get_mut(&slot) else { return };
        match message {
            Message::Status(status) => {
                let status = rialto_protocol::message::Status { pid: std::process::id(), ..status.clone() };
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

    fn command(&mut self, command: KernelCommand) {
        if let Some((_, kernel)) = &mut self.kernel {
            kernel.command(command);
        }
    }

    pub(super) fn start_kernel(&mut self, life: Life) {
        self.kernel = None;
        match rialto_kernels::launch(&self.launch) {
            Ok(kernel) => {
                if let Some(pid) = kernel.pid() {
                    (self.note_kernel)(pid);
                }
                self.kernel = Some((life, kernel));
            }
            Err(e) => {
                let death = Death { failed_start: Some(e.to_string()), ..Death::default() };
                self.inputs.push_back(Input::Kernel(life, KernelEvent::Died(death)));
            }
        }
    }

    /// Waits until something has happened, and takes it in.
    fn gather(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fatal>> {
        self.flush(cx)?;
        if !self.blocked {
            self.accept(cx);
            self.hear_clients(cx);
            self.hear_kernel(cx);
        }
        self.hear_signals(cx);
        let woken = self.wake(cx)?;
        let anything = !self.blocked && (!self.inputs.is_empty() || !self.batch.is_empty());
        if !anything && self.ending.is_none() && !woken { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    /// Writes and fills until nobody takes any more.
    fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), Fatal> {
        // Each round gives every client one lane at most, so nobody waits for another's gigabyte; the bound keeps one very
        // fast reader from keeping the kernel and the others waiting.
        for round in 0..16 {
            let filled = !self.blocked && self.fill()?;
            if filled {
                // Who reads the past makes lanes long without making anything happen.
                self.tidy_later();
            }
            if round == 0 && !self.alarms.is_set(Alarm::Behind) && self.session.audience().anyone_spent(self.session.head()) {
                self.alarms.set(Alarm::Behind, self.clock.now().mono_us + BEHIND_US);
            }
            let mut gone = Vec::new();
            // A lane that was too full to be filled and is not any more: its client took all of it, so nobody will be woken
            // to say that there is room.
            let (mut room, share) = (false, share(self.connections.len()));
            for (slot, connection) in &mut self.connections {
                let was_full = !connection.has_room(share);
                match connection.poll_write(cx) {
                    Poll::Ready(Ok(())) if connection.closing => gone.push(*slot),
                    Poll::Ready(Err(_)) => gone.push(*slot),
                    Poll::Ready(Ok(())) | Poll::Pending => room |= was_full && connection.has_room(share),
                }
            }
            for slot in gone {
                self.drop_connection(slot);
            }
            if !filled && !room {
                return Ok(());
            }
            if round == 15 {
                cx.waker().wake_by_ref();
            }
        }
        Ok(())
    }

    fn accept(&mut self, cx: &mut Context<'_>) {
        while self.connections.len() < MAX_CONNECTIONS {
            match self.listener.poll_accept(cx) {
                Poll::Ready(Ok(stream)) => {
                    let now = self.clock.now().mono_us;
                    self.connections.insert(self.next_slot, Connection::new(stream, now));
                    self.next_slot += 1;
                    if !self.alarms.is_set(Alarm::Handshakes) {
                        self.alarms.set(Alarm::Handshakes, now + HANDSHAKE_US);
                    }
                }
                Poll::Ready(Err(e)) => {
                    // Out of descriptors, most likely: those who are here go on, and the next turn tries again.
                    tracing::warn!(error = %e, "a connection could not be accepted");
                    return;
                }
                Poll::Pending => return,
            }
        }
    }

    fn hear_clients(&mut self, cx: &mut Context<'_>) {
        let mut heard = Vec::new();
        let mut gone = Vec::new();
        for (slot, connection) in &mut self.connections {
            match connection.poll_read(cx) {
                Poll::Ready(Ok(0)) | Poll::Ready(Err(_)) => gone.push(*slot),
                Poll::Ready(Ok(_)) => {
                    connection.hear(&self.door, &mut self.next_conn, &mut heard);
                    for heard in heard.drain(..) {
                        match heard {
                            Heard::Greet { channel, .. } if self.members.len() >= limits::MAX_CLIENTS => {
                                connection.turn_away(channel);
                            }
                            Heard::Greet { channel, conn, greet } => {
                                self.members.insert(conn, (*slot, channel));
                                let (principal, scope) = connection.who.clone().unwrap_or_default();
                                let label = greet.label.chars().take(limits::MAX_LABEL).collect();
                                let who = Who { principal, client: Some(greet.client), label };
                                self.inputs.push_back(Input::Joined { conn, who, scope });
                                if let Some(greeted) = self.session.greeted(super::APP) {
                                    connection.say(channel, &Message::Greeted(greeted));
                                }
                            }
                            Heard::Message { conn, message } => self.inputs.push_back(Input::Request(conn, message)),
                            Heard::Closed { conn } => {
                                self.members.remove(&conn);
                                self.sending.remove(&conn);
                                self.inputs.push_back(Input::Left(conn));
                            }
                        }
                    }
                }
                Poll::Pending => {}
            }
        }
        for slot in gone {
            self.drop_connection(slot);
        }
    }

    fn drop_connection(&mut self, slot: u64) {
        let Some(connection) = self.connections.remove(&slot) else { return };
        for conn in connection.members() {
            self.members.remove(&conn);
            self.sending.remove(&conn);
            self.inputs.push_back(Input::Left(conn));
        }
    }

    fn hear_kernel(&mut self, cx: &mut Context<'_>) {
        if self.stalled && !self.session.urgent() {
            return;
        }
        let Some((life, kernel)) = &mut self.kernel else { return };
        let life = *life;
        let mut bytes = 0;
        for _ in 0..EVENTS_PER_TURN {
            let Poll::Ready(event) = kernel.poll_event(cx) else { return };
            match event {
                KernelEvent::DisplayStart { n, role, forms } => {
                    if let Some(unfinished) = self.incoming.take() {
                        self.journal.drop_value(unfinished.key);
                    }
                    let key = self.journal.new_value();
                    self.incoming = Some(Incoming::begin(n, role, forms, key));
                }
                KernelEvent::DisplayData(data) => {
                    bytes += data.len();
                    let Some(incoming) = &mut self.incoming else { continue };
                    for piece in incoming.data(&data) {
                        self.journal.piece(piece.key, piece.index, &piece.bytes);
                        self.batch.push(Keep::Piece(piece));
                    }
                    if incoming.is_whole() {
                        let (n, key) = (incoming.n, incoming.key);
                        self.arrived = self.incoming.take();
                        let value = StoredValue { key, len: 0, pieces: 0 };
                        self.inputs.push_back(Input::Stored { life, n, value });
                        // One at a time: the next would take this one's place.
                        cx.waker().wake_by_ref();
                        return;
                    }
                }
                KernelEvent::Died(death) => {
                    if let Some(unfinished) = self.incoming.take() {
                        self.journal.drop_value(unfinished.key);
                    }
                    self.inputs.push_back(Input::Kernel(life, KernelEvent::Died(death)));
                    self.kernel = None;
                    return;
                }
                event => {
                    if let KernelEvent::Output { runs, .. } = &event {
                        bytes += runs.iter().map(|r| r.data.0.len()).sum::<usize>();
                    }
                    self.inputs.push_back(Input::Kernel(life, event));
                }
            }
            if bytes >= BYTES_PER_TURN {
                break;
            }
        }
        // There may be more, and nobody else will say so.
        cx.waker().wake_by_ref();
    }

    fn hear_signals(&mut self, cx: &mut Context<'_>) {
        if self.terminate.poll_recv(cx).is_ready() {
            // The machine goes down, or an administrator wants us gone. The session is not over: its kernel is, and whoever
            // comes next finds that said.
            self.ending = Some(Ending { ended: false });
            let goaway = Message::Goaway(Goaway { reason: "shutdown".to_owned(), retry_after_ms: Some(1_000) });
            self.connections.values_mut().for_each(|connection| connection.say(0, &goaway));
        }
        if self.rebind.poll_recv(cx).is_ready() {
            match (self.bind_again)() {
                Ok(listener) => self.listener = listener,
                Err(e) => tracing::warn!(error = %e, "the socket could not be bound again"),
            }
        }
    }

    /// Does what is due, and arranges to be woken for the next. True where something was done.
    fn wake(&mut self, cx: &mut Context<'_>) -> Result<bool, Fatal> {
        let mut woken = false;
        loop {
            let now = self.clock.now().mono_us;
            while let Some(alarm) = self.alarms.due(now) {
                woken = true;
                match alarm {
                    Alarm::Session(timer) => self.inputs.push_back(Input::Timer(timer)),
                    Alarm::Space => self.look_for_space()?,
                    Alarm::Tidy => self.tidy()?,
                    Alarm::Behind => self.tell_who_is_behind(),
                    Alarm::Handshakes => self.drop_silent(now),
                }
            }
            let Some(next) = self.alarms.next() else { return Ok(woken) };
            let deadline = self.clock.instant(next);
            if self.sleep.deadline() != deadline {
                self.sleep.as_mut().reset(deadline);
            }
            if self.sleep.as_mut().poll(cx).is_pending() || woken {
                return Ok(woken);
            }
        }
    }

    /// Nothing happened for a moment: index, trim, give memory back.
    fn tidy(&mut self) -> Result<(), Fatal> {
        if self.blocked || self.stalled {
            return Ok(());
        }
        if !self.journal.restore_reserve() {
            tracing::warn!("the disk has no room for the journal's reserve");
        }
        if self.journal.trim_step(self.budget, TRIM_ROWS)? {
            self.alarms.set(Alarm::Tidy, self.clock.now().mono_us + QUIET_US / 10);
        } else {
            self.journal.idle();
        }
        for connection in self.connections.values_mut() {
            connection.rest();
        }
        Ok(())
    }

    /// Once per stall: from then on it is the client's choice to read on or to attach at the tail.
    fn tell_who_is_behind(&mut self) {
        let head = self.session.head();
        while let Some((conn, events)) = self.session.audience_mut().next_behind(head) {
            let text = format!("{events} events wait for you to read on; attach with a tail to skip them");
            let notice = Notice { what: "behind".to_owned(), text, events };
            self.reply(conn, &Message::Notice(notice));
        }
    }

    fn drop_silent(&mut self, now: u64) {
        let mut next = None;
        for connection in self.connections.values_mut().filter(|c| c.who.is_none()) {
            let until = connection.since_us + HANDSHAKE_US;
            if until <= now {
                connection.hang_up(rialto_protocol::Code::Unauthenticated, &"no hello came in ten seconds");
            } else {
                next = Some(next.map_or(until, |n: u64| n.min(until)));
            }
        }
        if let Some(next) = next {
            self.alarms.set(Alarm::Handshakes, next);
        }
    }
}
