//! Who sees the kernel's terminal and types into it: whoever may observe sees, whoever may eval types and says a size.
//!
//! What is seen is state and no history, so nothing here is recorded; what the program writes outside of a screen of its own comes as
//! output all the same. What is typed belongs to no eval. Each client's keys are counted, so that what was cut off in the middle can go
//! on where it was and nothing is typed twice; the count lives as long as the kernel that was typed into.

use crate::input::{ConnId, Output, Watcher};
use crate::lives::Phase;
use crate::session::Turn;
use rialto_protocol::kernel::{Death, KernelCommand, ToTerminal};
use rialto_protocol::message::screen::{MAX_COLUMNS, MAX_KEYS, MAX_ROWS};
use rialto_protocol::message::{Keys, Plain, Resize, Typed, Unwatched, Watch as Request};
use rialto_protocol::{ClientId, Code, Message};
use std::collections::BTreeMap;

/// Clients whose keys are counted. Beyond it those are forgotten that are not here.
const MAX_COUNTED: usize = 256;

/// Rows and columns.
type Size = (u16, u16);

#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// Whoever watches, with the request.
    watchers: BTreeMap<ConnId, u32>,
    /// The terminals of those who said how large theirs is.
    sizes: BTreeMap<ConnId, Size>,
    /// What the kernel was told last.
    size: Option<Size>,
    /// How much of each client's keys was taken.
    typed: BTreeMap<ClientId, u64>,
}

impl Watch {
    /// Whether this client sees the terminal.
    pub(crate) fn is_watched_by(&self, conn: ConnId) -> bool {
        self.watchers.contains_key(&conn)
    }
}

fn to_terminal(what: ToTerminal) -> Output {
    Output::Kernel(KernelCommand::Terminal(what))
}

impl Turn<'_> {
    /// There is a kernel, or one is being started. Where there is none: says so.
    fn has_kernel(&mut self, conn: ConnId, re: u32) -> bool {
        let none = matches!(self.s.phase, Phase::None);
        if none {
            let text = "no kernel runs in this session; `rialto restart` starts one";
            self.error(conn, re, Code::NoKernel, text.to_owned());
        }
        !none
    }

    pub(crate) fn watch(&mut self, conn: ConnId, m: Request) {
        if !self.has_kernel(conn, m.re) {
            return;
        }
        self.s.watch.watchers.insert(conn, m.re);
        self.settle_size();
        let client = self.who(conn).client;
        let typed = client.and_then(|client| self.s.watch.typed.get(&client).copied()).unwrap_or(0);
        self.out.push(Output::Watcher(conn, Watcher::Begins { re: m.re, typed }));
    }

    pub(crate) fn unwatch(&mut self, conn: ConnId, m: Plain) {
        self.unseen(conn);
        self.out.push(Output::Watcher(conn, Watcher::Ends(Unwatched { re: m.re, reason: String::new() })));
    }

    /// The client is gone, or wants to see no more.
    pub(crate) fn unseen(&mut self, conn: ConnId) {
        self.s.watch.sizes.remove(&conn);
        if self.s.watch.watchers.remove(&conn).is_some() {
            self.settle_size();
            if self.s.watch.watchers.is_empty() {
                self.out.push(to_terminal(ToTerminal::Hide));
            }
        }
    }

    pub(crate) fn resize(&mut self, conn: ConnId, m: Resize) {
        if m.rows == 0 || m.columns == 0 {
            return self.error(conn, m.re, Code::WrongState, "a terminal has at least one row and one column".to_owned());
        }
        self.s.watch.sizes.insert(conn, (m.rows.min(MAX_ROWS), m.columns.min(MAX_COLUMNS)));
        self.settle_size();
    }

    /// The terminal has the size of the smallest of all who look, so that each sees all of it. It keeps it when they have gone.
    fn settle_size(&mut self) {
        let watch = &mut self.s.watch;
        let sizes = || watch.sizes.iter().filter(|(conn, _)| watch.watchers.contains_key(conn)).map(|(_, size)| *size);
        let (Some(rows), Some(columns)) = (sizes().map(|s| s.0).min(), sizes().map(|s| s.1).min()) else { return };
        if watch.size != Some((rows, columns)) {
            watch.size = Some((rows, columns));
            self.out.push(to_terminal(ToTerminal::Resize { rows, columns }));
        }
    }

    pub(crate) fn keys(&mut self, conn: ConnId, m: Keys) {
        if m.data.0.len() > MAX_KEYS {
            let text = format!("{} bytes of keys in one; {MAX_KEYS} are taken", m.data.0.len());
            return self.error(conn, m.re, Code::CodeTooLarge, text);
        }
        if !self.has_kernel(conn, m.re) {
            return;
        }
        let Some(client) = self.who(conn).client else { return };
        let had = self.s.watch.typed.get(&client).copied().unwrap_or(0);
        // What was taken already came before on a link that is gone. What would leave a hole is not known to be what was meant.
        let from = m.from.unwrap_or(had);
        if from > had {
            let text = format!("keys from {from} on, and only {had} came before them");
            return self.error(conn, m.re, Code::WrongState, text);
        }
        let known = usize::try_from(had - from).unwrap_or(usize::MAX);
        let known = if cfg!(mutant = "keys_are_typed_twice") { 0 } else { known };
        let new = m.data.0.get(known..).unwrap_or_default().to_vec();
        let typed = had.saturating_add(new.len() as u64);
        self.count(client, typed);
        if !new.is_empty() {
            self.out.push(to_terminal(ToTerminal::Keys(new)));
        }
        self.reply(conn, Message::Typed(Typed { re: m.re, typed }));
    }

    fn count(&mut self, client: ClientId, typed: u64) {
        let audience = &self.s.audience;
        let counted = &mut self.s.watch.typed;
        if counted.len() >= MAX_COUNTED && !counted.contains_key(&client) {
            counted.retain(|client, _| audience.present(*client));
        }
        counted.insert(client, typed);
    }

    /// The kernel is no program in a terminal.
    pub(crate) fn nothing_to_watch(&mut self) {
        let text = "this session's kernel is no program in a terminal: there is no screen, and nothing to type into";
        for (conn, re) in std::mem::take(&mut self.s.watch.watchers) {
            self.error(conn, re, Code::WrongState, text.to_owned());
            self.out.push(Output::Watcher(conn, Watcher::Ends(Unwatched { re: 0, reason: text.to_owned() })));
        }
    }

    pub(crate) fn nothing_more_to_watch(&mut self, death: &Death) {
        let reason = match (&death.failed_start, &death.signal, death.code) {
            (Some(why), ..) => why.clone(),
            (None, Some(signal), _) => format!("the program was ended by {signal}"),
            (None, None, code) => format!("the program exited with code {}", code.unwrap_or(0)),
        };
        for (conn, _) in std::mem::take(&mut self.s.watch.watchers) {
            self.out.push(Output::Watcher(conn, Watcher::Ends(Unwatched { re: 0, reason: reason.clone() })));
        }
        // The next life has a terminal of its own.
        self.s.watch.size = None;
        self.s.watch.typed.clear();
    }
}
