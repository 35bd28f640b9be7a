//! How a supervisor hears: everything that can wake it is polled here, by the one task, and nothing else waits anywhere.
//!
//! The law of this file: whoever answers `Ready` has not kept our waker. So whatever was taken from anybody makes the turn go
//! on (see `heard` in [`Driver::gather`]), and only a round in which nobody had anything may end in `Pending`.

use super::clock::Alarm;
use super::commit::{Keep, no_room};
use super::connection::{Connection, Heard};
use super::driver::Driver;
use super::outbox::share;
use super::values::Incoming;
use super::{Ending, Fatal};
use rialto_protocol::kernel::KernelEvent;
use rialto_protocol::message::Goaway;
use rialto_protocol::message::screen::FEATURE;
use rialto_protocol::{Code, ErrorReply, Message, Who, limits, version};
use rialto_session::{Input, StoredValue};
use std::task::{Context, Poll};
use std::time::Duration;

/// Kernel events taken in one turn, so that a flood cannot keep clients from being heard.
const EVENTS_PER_TURN: usize = 64;
/// Bytes of output taken in one turn.
const BYTES_PER_TURN: usize = 256 * 1024;
/// Connections, authenticated or not.
const MAX_CONNECTIONS: usize = limits::MAX_CLIENTS + 64;
/// How long a connection may take to say who it is. Microseconds.
pub(super) const HANDSHAKE_US: u64 = 10_000_000;
/// A client that gives no credit for so long is told how far it is behind. Microseconds.
const BEHIND_US: u64 = 1_000_000;
/// Unfinished requests of all connections together. The largest code fits with room beside it; who crosses it is sent away
/// to come again.
const MAX_ASSEMBLING: usize = 20 * 1024 * 1024;
/// Inputs that may wait for space on the disk; beyond it clients are told so.
const MAX_WAITING: usize = 4_096;
/// The clock may ring so much too early.
const EARLY: Duration = Duration::from_millis(50);
/// While accepting fails it is tried again after this long. Microseconds.
const ACCEPT_AGAIN_US: u64 = 500_000;

impl Driver {
    /// Waits until something has happened, and takes it in.
    pub(super) fn gather(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fatal>> {
        self.flush(cx)?;
        let mut heard = self.accept(cx);
        heard |= self.hear_clients(cx);
        if !self.blocked {
            self.hear_kernel(cx);
        }
        // What a terminal shows goes no other way than to whoever looks: the lanes are to be written.
        heard |= self.screens.take_moved();
        heard |= self.hear_signals(cx);
        heard |= self.wake(cx)?;
        let anything = !self.blocked && (self.has_input() || !self.batch.is_empty() && !self.gathering);
        if anything || heard || self.ending.is_some() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// Writes and fills until nobody takes any more.
    pub(super) fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), Fatal> {
        // Each round gives every client one lane at most, so nobody waits for another's gigabyte; the bound keeps one very
        // fast reader from keeping the kernel and the others waiting.
        for round in 0..16 {
            let filled = !self.blocked && self.fill()?;
            if filled {
                // Who reads the past makes lanes long without making anything happen.
                self.tidy_later();
            }
            if round == 0 && !self.alarms.is_set(Alarm::Behind) && self.session.audience().anyone_spent(self.session.head()) {
                self.alarms.set(Alarm::Behind, self.clock.mono_us() + BEHIND_US);
            }
            let mut gone = Vec::new();
            let now = self.clock.mono_us();
            let mut leaving = false;
            // A lane that was too full to be filled and is not any more: its client took all of it, so nobody will be woken
            // to say that there is room.
            let (mut room, share) = (false, share(self.connections.len()));
            for (slot, connection) in &mut self.connections {
                let was_full = !connection.has_room(share);
                match connection.poll_write(cx) {
                    Poll::Ready(()) if connection.closing => gone.push(*slot),
                    // Who is sent away and does not read would have its seat for ever: nothing of it is read any more.
                    Poll::Pending if connection.closing => {
                        leaving = true;
                        connection.leave_by_us.get_or_insert(now + HANDSHAKE_US);
                    }
                    Poll::Ready(()) | Poll::Pending => room |= was_full && connection.has_room(share),
                }
            }
            for slot in gone {
                self.drop_connection(slot);
            }
            if leaving && !self.alarms.is_set(Alarm::Handshakes) {
                self.alarms.set(Alarm::Handshakes, now + HANDSHAKE_US);
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

    /// True where somebody came.
    fn accept(&mut self, cx: &mut Context<'_>) -> bool {
        let mut heard = false;
        while self.connections.len() < MAX_CONNECTIONS {
            match self.listener.poll_accept(cx) {
                Poll::Ready(Ok(stream)) => {
                    heard = true;
                    self.accept_failed = false;
                    let now = self.clock.mono_us();
                    self.connections.insert(self.next_slot, Connection::new(stream, now));
                    self.next_slot += 1;
                    if !self.alarms.is_set(Alarm::Handshakes) {
                        self.alarms.set(Alarm::Handshakes, now + HANDSHAKE_US);
                    }
                }
                Poll::Ready(Err(e)) => {
                    // Out of descriptors, most likely: those who are here go on, and it is tried again in a while.
                    if !std::mem::replace(&mut self.accept_failed, true) {
                        tracing::warn!(error = %e, "a connection could not be accepted");
                    }
                    self.alarms.set(Alarm::Accept, self.clock.mono_us() + ACCEPT_AGAIN_US);
                    return heard;
                }
                Poll::Pending => return heard,
            }
        }
        heard
    }

    /// True where anybody said anything, or left.
    fn hear_clients(&mut self, cx: &mut Context<'_>) -> bool {
        let mut any = false;
        let mut heard = Vec::new();
        let mut gone = Vec::new();
        for (slot, connection) in &mut self.connections {
            match connection.poll_read(cx) {
                Poll::Ready(Ok(0)) | Poll::Ready(Err(_)) => gone.push(*slot),
                Poll::Ready(Ok(_)) => {
                    any = true;
                    let before = connection.assembling();
                    connection.hear(&self.door, &mut self.next_conn, &mut heard);
                    self.assembling = (self.assembling + connection.assembling()).saturating_sub(before);
                    if self.assembling > MAX_ASSEMBLING && connection.assembling() > 0 {
                        let why = "too many large requests are being put together here; connect again and send yours later";
                        connection.hang_up(Code::TooBusy, &why);
                    }
                    for heard in heard.drain(..) {
                        match heard {
                            Heard::Greet { channel, .. } if self.members.len() >= limits::MAX_CLIENTS => {
                                connection.no_seat(channel);
                            }
                            Heard::Greet { channel, conn, greet, scope } => {
                                self.members.insert(conn, (*slot, channel));
                                let (principal, _) = connection.who.clone().unwrap_or_default();
                                let label = greet.label.chars().take(limits::MAX_LABEL).collect();
                                self.tally.came(greet.client);
                                let who = Who { principal, client: Some(greet.client), label };
                                self.inputs.push_back(Input::Joined { conn, who, scope });
                                if let Some(mut greeted) = self.session.greeted(super::APP) {
                                    greeted.features = version::common(&greet.features, &[FEATURE]);
                                    connection.say(channel, &Message::Greeted(greeted));
                                }
                            }
                            Heard::Message { conn, message } if self.blocked => match message {
                                Message::Ping(bytes) => connection.say_to(conn, &Message::Pong(bytes)),
                                Message::Credit(credit) => self.session.audience_mut().grant(conn, credit.bytes),
                                // It asks for nothing that must be recorded, only to be served once that is possible.
                                attach @ Message::Attach(_) if self.inputs.len() < MAX_WAITING => {
                                    // It waits for the answer before it says anything else, and should know for what.
                                    connection.say_to(conn, &no_room());
                                    self.inputs.push_back(Input::Request(conn, attach));
                                }
                                message => {
                                    let text = "the disk is full, even for what would have to be recorded first; free some space";
                                    let error = ErrorReply::new(message.re().unwrap_or(0), Code::DiskFull, text);
                                    connection.say_to(conn, &Message::Error(error));
                                }
                            },
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
        any |= !gone.is_empty();
        for slot in gone {
            self.drop_connection(slot);
        }
        any
    }

    pub(super) fn drop_connection(&mut self, slot: u64) {
        let Some(connection) = self.connections.remove(&slot) else { return };
        self.assembling = self.assembling.saturating_sub(connection.assembling());
        for conn in connection.members() {
            self.members.remove(&conn);
            self.sending.remove(&conn);
            self.inputs.push_back(Input::Left(conn));
        }
    }

    fn hear_kernel(&mut self, cx: &mut Context<'_>) {
        // On a full disk the kernel waits, unless it was told to stop: then its last words are heard, as far as the reserve
        // goes. One that is being ended by force has only what is in its pipes, and that must be heard to see it end.
        // Before what was handed over and has begun, the ends of those before it are in there, too.
        let must = self.session.ending() || self.session.urgent() && self.stall_room > 0 || !self.ahead.is_empty();
        if self.stalled && !must {
            return;
        }
        let Some((life, _)) = self.kernel else { return };
        let mut bytes = 0;
        for _ in 0..EVENTS_PER_TURN {
            if self.stalled {
                self.stall_room = self.stall_room.saturating_sub(std::mem::take(&mut bytes));
            }
            let Some((_, kernel)) = &mut self.kernel else { return };
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
                    self.gathering = false;
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
                KernelEvent::Terminal(shown) => bytes += self.shown(shown),
                KernelEvent::Died(death) => {
                    if let Some(unfinished) = self.incoming.take() {
                        self.journal.drop_value(unfinished.key);
                    }
                    self.all_back();
                    self.inputs.push_back(Input::Kernel(life, KernelEvent::Died(death)));
                    self.kernel = None;
                    return;
                }
                KernelEvent::Ready(mut info) => {
                    let note: Vec<String> = info.note.into_iter().chain(self.notes.iter().cloned()).collect();
                    info.note = Some(note.join("; ")).filter(|note| !note.is_empty());
                    self.inputs.push_back(Input::Kernel(life, KernelEvent::Ready(info)));
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

    /// True where one came.
    fn hear_signals(&mut self, cx: &mut Context<'_>) -> bool {
        let mut heard = false;
        if self.terminate.poll_recv(cx).is_ready() {
            // The machine goes down, or an administrator wants us gone. The session is not over: its kernel is, and whoever
            // comes next finds that said.
            self.ending = Some(Ending { ended: false });
            let goaway = Message::Goaway(Goaway { reason: "shutdown".to_owned(), retry_after_ms: Some(1_000) });
            self.connections.values_mut().for_each(|connection| connection.say(0, &goaway));
        }
        while self.rebind.poll_recv(cx).is_ready() {
            heard = true;
            match (self.bind_again)() {
                Ok(listener) => self.listener = listener,
                Err(e) => tracing::warn!(error = %e, "the socket could not be bound again"),
            }
        }
        heard
    }

    /// Does what is due, and arranges to be woken for the next. True where something was done.
    fn wake(&mut self, cx: &mut Context<'_>) -> Result<bool, Fatal> {
        let mut woken = false;
        loop {
            let now = self.clock.mono_us();
            while let Some(alarm) = self.alarms.due(now) {
                woken = true;
                match alarm {
                    Alarm::Session(timer) => self.inputs.push_back(Input::Timer(timer)),
                    Alarm::Space => self.look_for_space()?,
                    Alarm::Tidy => self.tidy()?,
                    Alarm::Behind => self.tell_who_is_behind(),
                    Alarm::Held => {
                        self.held = None;
                        self.gathering = false;
                        self.waited = !self.batch.is_empty();
                    }
                    Alarm::Ahead => self.not_short(now),
                    Alarm::Handshakes => self.drop_silent(now),
                    // That somebody may be at the door is all it says.
                    Alarm::Accept => {}
                }
            }
            let Some(next) = self.alarms.next() else { return Ok(woken) };
            let deadline = self.clock.instant(next);
            // One that rings a little early finds nothing due, and is set anew: that is less than to set it with every event.
            let set = self.sleep.deadline();
            if set > deadline || set + EARLY < deadline || self.sleep.is_elapsed() {
                self.sleep.as_mut().reset(deadline);
            }
            if self.sleep.as_mut().poll(cx).is_pending() || woken {
                return Ok(woken);
            }
        }
    }
}
