//! Who is sent what: as the audience says, from the journal, in frames, as long as there is credit.

use crate::client::Frame;
use crate::nothing_lost;
use crate::story::Check;
use crate::world::{What, World};
use rialto_protocol::event::{Event, Output as Written, Record};
use rialto_protocol::{Message, Seq};
use rialto_session::ConnId;

/// Frames of this world hold at most this much; what is larger comes in pieces. Bytes.
const FRAME: usize = 8_000;

impl World {
    pub(crate) fn pump_soon(&mut self, wait: u64) {
        if let Some(sup) = &mut self.sup
            && !std::mem::replace(&mut sup.pump_is_due, true)
        {
            let no = sup.no;
            self.at(wait, What::Pump(no));
        }
    }

    /// Sends everybody what is due: a few events each, in turn.
    pub(crate) fn pump(&mut self) -> Check {
        let head = self.journal.durable as Seq;
        let mut last = None;
        if let Some(sup) = &mut self.sup {
            sup.pump_is_due = false;
        }
        while let Some(due) = self.sup.as_ref().and_then(|s| s.session.audience().next(last, head)) {
            last = Some(due.conn);
            self.feed(due.conn, due.after, head)?;
        }
        let mut out = Vec::new();
        if let Some(sup) = &mut self.sup {
            sup.session.settle(&self.journal, &mut out);
        }
        for o in out {
            self.say_late(o)?;
        }
        if self.sup.as_ref().is_some_and(|s| s.session.audience().next(None, head).is_some()) {
            self.pump_soon(100);
        }
        Ok(())
    }

    fn feed(&mut self, conn: ConnId, mut after: Seq, head: Seq) -> Check {
        for _ in 0..16 {
            let Some(sup) = &mut self.sup else { return Ok(()) };
            let next = self.journal.next_shown(after);
            // Where everything up to the head was trimmed, the hole ends at the head.
            let seq = next.as_ref().map_or(head + 1, |r| r.seq);
            if seq > after + 1
                && let Some(gap) = sup.session.audience().gap(conn, seq)
            {
                nothing_lost::gap_is_real(&self.journal, gap.from, gap.to)?;
                sup.session.audience_mut().skipped(conn, gap.to, 0);
                self.count.one("gaps");
                self.send(conn, Frame::Reply(Message::Gap(gap)));
            }
            let Some(sup) = &mut self.sup else { return Ok(()) };
            let Some(record) = next else { return Ok(()) };
            let size = size_of(&record.event);
            let sent = sup.partly.get(&conn).filter(|(of, _)| *of == seq).map_or(0, |(_, sent)| *sent);
            let piece = (size - sent).min(FRAME);
            if sent + piece < size {
                sup.partly.insert(conn, (seq, sent + piece));
                sup.session.audience_mut().sent(conn, seq - 1, piece);
                self.send(conn, Frame::Piece(piece as u64));
            } else {
                sup.partly.remove(&conn);
                sup.session.audience_mut().sent(conn, seq, piece);
                let told = sup.own.get(&seq) == Some(&conn);
                let record = if told { std::sync::Arc::new(without_own(&record)) } else { record };
                if told {
                    // Of an event that retention shortened, the journal still knows the code.
                    crate::judge::answered_by_event(sup, conn, &self.journal.rows[seq as usize - 1].record);
                }
                self.most_sent = self.most_sent.max(seq);
                self.send(conn, Frame::Event(record, piece as u64));
                after = seq;
            }
            let Some(sup) = &self.sup else { return Ok(()) };
            if after >= head || sup.session.audience().credit(conn) <= 0 {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// The submitter knows what it said.
fn without_own(record: &Record) -> Record {
    let mut record = record.clone();
    if let Event::Accepted(e) = &mut record.event {
        (e.by, e.code, e.hash) = (None, None, None);
    }
    record
}

/// About what an event takes on the wire.
fn size_of(event: &Event) -> usize {
    40 + match event {
        Event::Output(Written { runs, .. }) => runs.iter().map(|r| r.data.0.len()).sum(),
        Event::Display(e) => e.data.values().map(|b| b.0.len()).sum(),
        Event::Accepted(e) => e.code.as_ref().map_or(0, |c| c.len()),
        _ => 0,
    }
}
