//! What the kernel's terminal shows, on its way to those who look.
//!
//! It is state: whoever is too slow for what is drawn is sent the screen as it is by then, and never a backlog. So little is on its way to
//! anybody, and what was typed a moment ago is seen a moment later also by a slow client.

use super::driver::Driver;
use rialto_protocol::kernel::{KernelCommand, KernelEvent, Shown, ToTerminal};
use rialto_protocol::message::screen::WINDOW;
use rialto_protocol::message::{Drawn, Screen};
use rialto_protocol::{Bytes, Message, codec};
use rialto_session::{ConnId, Input, Watcher};
use std::collections::BTreeMap;

/// Screens on their way to all who look, together; whoever finds no room waits for its own. Bytes.
const WAITING: usize = 4 * 1024 * 1024;

#[derive(Debug, Default)]
pub(super) struct Screens {
    watchers: BTreeMap<ConnId, Place>,
    /// The kernel was asked for its screen.
    asked: bool,
    size: (u16, u16),
    /// Something was put on its way.
    moved: bool,
}

/// One who looks.
#[derive(Debug, Default)]
struct Place {
    /// The request that is not answered yet, and the count that goes with the answer.
    answer: Option<(u32, u64)>,
    /// What comes next is the whole screen.
    wants: bool,
    /// Sent, and not yet said to have been dealt with. Bytes.
    under_way: usize,
}

impl Screens {
    pub(super) fn take_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }
}

impl Driver {
    pub(super) fn watcher(&mut self, conn: ConnId, what: Watcher) {
        match what {
            Watcher::Begins { re, typed } => {
                let place = self.screens.watchers.entry(conn).or_default();
                (place.answer, place.wants) = (Some((re, typed)), true);
                if let Some((life, kernel)) = &self.kernel
                    && !kernel.has_terminal()
                {
                    self.inputs.push_back(Input::Kernel(*life, KernelEvent::Terminal(Shown::Nothing)));
                }
            }
            Watcher::Saw(bytes) => {
                if let Some(place) = self.screens.watchers.get_mut(&conn) {
                    place.under_way = place.under_way.saturating_sub(usize::try_from(bytes).unwrap_or(usize::MAX));
                }
            }
            Watcher::Ends(why) => {
                self.screens.watchers.remove(&conn);
                self.put(conn, &Message::Unwatched(why));
            }
        }
        if self.screens.watchers.is_empty() {
            self.screens.asked = false;
        }
    }

    /// Behind what was drawn, so that nothing overtakes it.
    fn put(&mut self, conn: ConnId, message: &Message) {
        let Some(&(slot, channel)) = self.members.get(&conn) else { return };
        let Some(connection) = self.connections.get_mut(&slot).filter(|connection| !connection.closing) else { return };
        let max_frame = connection.max_frame;
        codec::encode(connection.outbox.bulk(), channel, message, max_frame);
        self.screens.moved = true;
    }

    /// What waits in this client's lane. Nothing where it is not here any more.
    fn lane(&self, conn: ConnId) -> Option<usize> {
        let (slot, _) = self.members.get(&conn)?;
        Some(self.connections.get(slot)?.outbox.bulk_waiting())
    }

    /// Asks for the screen, where somebody waits for it and could take it.
    pub(super) fn want_screens(&mut self) {
        if self.screens.watchers.is_empty() {
            return;
        }
        let members = &self.members;
        self.screens.watchers.retain(|conn, _| members.contains_key(conn));
        if self.screens.asked || !self.screens.watchers.iter().any(|(conn, place)| self.may_have(*conn, place)) {
            return;
        }
        if let Some((_, kernel)) = self.kernel.as_mut().filter(|(_, kernel)| kernel.has_terminal()) {
            kernel.command(KernelCommand::Terminal(ToTerminal::Show));
            self.screens.asked = true;
        }
    }

    fn may_have(&self, conn: ConnId, place: &Place) -> bool {
        // Nothing comes between the chunks of an event that is half sent.
        let free = !self.sending.contains_key(&conn);
        free && place.wants && place.under_way <= WINDOW / 2 && self.lane(conn).is_some_and(|waits| waits <= WINDOW / 2)
    }

    /// The kernel's terminal shows this. How much it was, in bytes.
    pub(super) fn shown(&mut self, shown: Shown) -> usize {
        match shown {
            Shown::Screen { rows, columns, data } => {
                let bytes = data.len();
                self.screen(rows, columns, data);
                bytes
            }
            Shown::Drawn(bytes) => {
                let len = bytes.len();
                self.drawn(bytes);
                len
            }
            Shown::Nothing => 0,
        }
    }

    fn screen(&mut self, rows: u16, columns: u16, data: Vec<u8>) {
        self.screens.asked = false;
        if std::mem::replace(&mut self.screens.size, (rows, columns)) != (rows, columns) {
            self.screens.watchers.values_mut().for_each(|place| place.wants = true);
        }
        let mut waiting: usize = self.screens.watchers.keys().filter_map(|conn| self.lane(*conn)).sum();
        let ready = self.screens.watchers.iter().filter(|(conn, place)| self.may_have(**conn, place)).map(|(conn, _)| *conn);
        let mut message = Screen { rows, columns, data: Bytes(data), ..Screen::default() };
        for conn in ready.collect::<Vec<_>>() {
            let bytes = message.data.0.len();
            if waiting > 0 && waiting + bytes > WAITING {
                continue;
            }
            waiting += bytes;
            let Some(place) = self.screens.watchers.get_mut(&conn) else { continue };
            place.wants = false;
            place.under_way += bytes;
            let answer = place.answer.take();
            (message.re, message.typed) = (answer.map_or(0, |(re, _)| re), answer.map(|(_, typed)| typed));
            let whole = Message::Screen(message);
            self.put(conn, &whole);
            let Message::Screen(back) = whole else { return };
            message = back;
        }
    }

    fn drawn(&mut self, bytes: Vec<u8>) {
        let len = bytes.len();
        let message = Message::Drawn(Drawn { data: Bytes(bytes) });
        for conn in self.screens.watchers.keys().copied().collect::<Vec<_>>() {
            let waits = self.lane(conn).unwrap_or(usize::MAX);
            let Some(place) = self.screens.watchers.get_mut(&conn).filter(|place| !place.wants) else { continue };
            // One that is shown the whole screen may have more than the window under way: then it waits for the next one.
            if place.under_way + len > WINDOW || waits > WINDOW || self.sending.contains_key(&conn) {
                place.wants = true;
            } else {
                place.under_way += len;
                self.put(conn, &message);
            }
        }
    }
}
