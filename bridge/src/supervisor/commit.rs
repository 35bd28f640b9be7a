//! The law: a record survives `kill -9` before anything after it happens. And what to do when the disk is full.
//!
//! All inputs of one turn put their records into one transaction, committed before anything else they asked for is carried
//! out. When the disk is full nothing after the records happens until they are kept: the reserve is given up so that ends and
//! interrupts still fit, the kernel is not read (and so waits), and clients are told.

use super::clock::Alarm;
use super::driver::Held;
use super::handed;
use super::tail::Entry;
use super::values::Piece;
use super::{Driver, Fatal};
use rialto_protocol::event::{Accepted, Record};
use rialto_protocol::message::Notice;
use rialto_protocol::{EvalNumber, Event, Message, Seq, codec, kind};
use rialto_session::{ConnId, Input};

/// How often a full disk is looked at again. Microseconds.
const SPACE_EVERY_US: u64 = 250_000;
/// How long the word that an eval has begun waits for what it says first. Microseconds.
const HOLD_US: u64 = 500;
/// And how much may wait with it. Bytes.
const HOLD: usize = 16 * 1024;
/// What waits for the next eval's is no longer than this. Bytes, of one record.
const GATHERED: usize = 1024;
/// What may be heard of a kernel that was told to stop on a full disk: about half the reserve. Bytes.
const STALL_ROOM: usize = 512 * 1024;

/// Something to be kept, held until the commit has succeeded so that it can be appended again.
#[derive(Debug)]
pub(super) enum Keep {
    Record { record: Box<Record>, body: Vec<u8>, conn: Option<ConnId> },
    Piece(Piece),
    Stored { seq: Seq, n: EvalNumber, key: u64, pieces: u64, len: u64 },
    Redact(EvalNumber),
}

impl Driver {
    /// Takes a record into the turn's transaction.
    pub(super) fn keep_record(&mut self, record: Record, conn: Option<ConnId>) {
        let body = codec::record_body(&record);
        self.journal.append(&record, &body);
        self.batch.push(Keep::Record { record: Box::new(record), body, conn });
    }

    pub(super) fn keep_piece(&mut self, piece: Piece) {
        self.journal.piece(piece.key, piece.index, &piece.bytes);
        self.batch.push(Keep::Piece(piece));
    }

    pub(super) fn keep_stored(&mut self, seq: Seq, n: EvalNumber, key: u64, pieces: u64, len: u64) {
        self.journal.append_pieces(seq, n, key, pieces, len);
        self.batch.push(Keep::Stored { seq, n, key, pieces, len });
    }

    /// In the same transaction as its `redacted` event, so that neither is there without the other.
    pub(super) fn keep_redaction(&mut self, n: EvalNumber) {
        self.journal.redact(n);
        self.batch.push(Keep::Redact(n));
    }

    /// Makes the turn's records durable. False: the disk is full even for the reserve, and the turn must wait.
    pub(super) fn commit(&mut self) -> Result<bool, Fatal> {
        if self.batch.is_empty() {
            return Ok(true);
        }
        match self.journal.commit() {
            Ok(()) => {}
            Err(e) if e.is_full() => {
                self.stall(&e.to_string());
                self.journal.release_reserve()?;
                if !self.commit_again()? {
                    return Ok(false);
                }
            }
            Err(e) => return Err(e.into()),
        }
        self.publish();
        Ok(true)
    }

    /// Whether the turn's records may wait for those of the next eval: it has been handed over, whoever submitted it hears
    /// nothing before it has run, and nothing else was asked for. A commit costs as much for a few evals as for one. A supervisor
    /// that is killed meanwhile has lost these evals: they are few, and so is the time.
    pub(super) fn may_gather(&mut self) -> bool {
        let small = |keep: &Keep| matches!(keep, Keep::Record { body, .. } if body.len() <= GATHERED);
        let gathers = std::mem::take(&mut self.overtook)
            && self.deferred.is_empty()
            && !self.stalled
            && !self.journal.has_failed()
            && self.handed.len() < handed::MOST
            && self.batch.len() <= 4 * handed::MOST
            && self.ran_for.is_some()
            && self.ran_for == self.session.running_for()
            && self.batch.iter().all(small);
        if gathers && !self.alarms.is_set(Alarm::Held) {
            self.alarms.set(Alarm::Held, self.clock.mono_us() + HOLD_US);
        }
        gathers
    }

    /// Appends the batch once more, after a full disk rolled it back.
    fn commit_again(&mut self) -> Result<bool, Fatal> {
        for keep in &self.batch {
            match keep {
                Keep::Record { record, body, .. } => self.journal.append(record, body),
                Keep::Piece(p) => self.journal.piece(p.key, p.index, &p.bytes),
                Keep::Redact(n) => self.journal.redact(*n),
                Keep::Stored { seq, n, key, pieces, len } => self.journal.append_pieces(*seq, *n, *key, *pieces, *len),
            }
        }
        match self.journal.commit() {
            Ok(()) => Ok(true),
            Err(e) if e.is_full() => Ok(false),
            Err(e) => Err(e.into()),
        }
    }

    /// What is durable may be seen: it goes to the tail.
    fn publish(&mut self) {
        let mut clear = false;
        self.handed.committed(self.ahead.row());
        self.hold();
        self.rows_since_trim += self.batch.len();
        for keep in self.batch.drain(..) {
            match keep {
                Keep::Record { record, body, conn } => {
                    self.since_trim += body.len();
                    match &record.event {
                        Event::Output(_) | Event::Display(_) => self.printed += body.len() as u64,
                        event => {
                            self.spans.note(event);
                            self.tally.note(event, record.at.mono_us);
                        }
                    }
                    let own = conn.and_then(|conn| shorter(&record).map(|own| (conn, own)));
                    self.tail.push(Entry { seq: record.seq, kind: kind::event_kind(&record.event), body, own });
                }
                // The tail may hold what was redacted, and cannot hold a giant.
                Keep::Stored { .. } | Keep::Redact(_) => clear = true,
                Keep::Piece(piece) => {
                    self.since_trim += piece.bytes.len();
                    self.printed += piece.bytes.len() as u64;
                }
            }
        }
        if clear {
            self.tail.clear();
        }
    }

    /// Decides whether what has just become durable waits for what comes next. It does for at most [`HOLD_US`], counted from
    /// the first that waits.
    fn hold(&mut self) {
        let begins = |event: &Event| matches!(event, Event::Started(_)) || matches!(event, Event::Accepted(a) if a.started);
        let ends_in_a_beginning = matches!(self.batch.last(), Some(Keep::Record { record, .. }) if begins(&record.event));
        let before = std::mem::replace(&mut self.ran_for, self.session.running_for());
        let waits = ends_in_a_beginning && !std::mem::take(&mut self.waited);
        let held = self.ran_for.filter(|_| waits).and_then(|client| {
            let (mut from, mut bytes) = (None, 0);
            for keep in &self.batch {
                let Keep::Record { record, body, .. } = keep else { return None };
                // What somebody else's eval said is not made to wait, only the beginning is.
                from = from.filter(|_| before == Some(client)).or(Some(record.seq));
                bytes += body.len();
            }
            let new = Held { client, from: from?, bytes };
            Some(match self.held {
                Some(held) if held.client == client => Held { bytes: held.bytes + new.bytes, ..held },
                _ => new,
            })
        });
        let held = held.filter(|held| held.bytes < HOLD);
        // What was gathered has waited since then already.
        match held {
            Some(_) if !self.alarms.is_set(Alarm::Held) => self.alarms.set(Alarm::Held, self.clock.mono_us() + HOLD_US),
            Some(_) => {}
            None => self.alarms.clear(Alarm::Held),
        }
        self.held = held;
    }

    fn stall(&mut self, why: &str) {
        if !self.stalled {
            self.stalled = true;
            self.all_back();
            self.stall_room = STALL_ROOM;
            tracing::warn!(why, "the disk is full: the kernel waits");
            self.inputs.push_back(Input::Stalled(format!("disk full: {why}. Free some space; all goes on by itself")));
        }
        self.alarms.set(Alarm::Space, self.clock.mono_us() + SPACE_EVERY_US);
    }

    /// Is there space again?
    pub(super) fn look_for_space(&mut self) -> Result<(), Fatal> {
        if self.blocked {
            if !self.commit_again()? {
                self.alarms.set(Alarm::Space, self.clock.mono_us() + SPACE_EVERY_US);
                return Ok(());
            }
            self.blocked = false;
            self.publish();
            self.carry_out()?;
        }
        if self.journal.restore_reserve() {
            self.stalled = false;
            tracing::info!("there is space again");
            // It may have been started when there was no room to note it down.
            if let Some(pid) = self.kernel.as_ref().and_then(|(_, kernel)| kernel.pid()) {
                (self.note_kernel)(pid);
            }
            self.inputs.push_back(Input::Resumed);
        } else {
            // It may be our own journal that fills the disk.
            self.trim()?;
            self.journal.idle();
            self.alarms.set(Alarm::Space, self.clock.mono_us() + SPACE_EVERY_US);
        }
        Ok(())
    }
}

/// What is said to everybody while not even the reserve has room.
pub(super) fn no_room() -> Message {
    let text = "disk full, and its reserve with it: nothing can be recorded. Free some space; all goes on by itself";
    Message::Notice(Notice { what: "stalled".to_owned(), text: text.to_owned(), events: 0 })
}

/// What the channel that submitted an eval is told of it: not its own code, name and hash again.
fn shorter(record: &Record) -> Option<Vec<u8>> {
    let Event::Accepted(a) = &record.event else { return None };
    let a = Accepted {
        n: a.n,
        eval: a.eval,
        started: a.started,
        by: None,
        code: None,
        hash: None,
        group: None,
        on_error: Default::default(),
        show: Default::default(),
        argv: None,
        trace: None,
    };
    Some(codec::record_body(&Record { seq: record.seq, at: record.at, event: Event::Accepted(a) }))
}
