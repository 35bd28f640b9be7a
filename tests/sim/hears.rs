//! What a client makes of what it hears; it checks all of it.

use crate::bounded;
use crate::client::{Begin, Client, Frame, re_of, reply_re};
use crate::story::{Broken, Check, hold};
use crate::world::{What, World};
use rialto_protocol::event::{Event, Record};
use rialto_protocol::message::{Attached, Credit};
use rialto_protocol::{Code, ErrorReply, Message};
use rialto_session::ConnId;

impl World {
    pub(crate) fn client_hears(&mut self, client: usize, conn: ConnId, frame: Frame) -> Check {
        if self.clients[client].conn != Some(conn) || self.clients[client].gone {
            return Ok(());
        }
        if self.story.wanted {
            let name = self.clients[client].name.clone();
            self.tell(&name, || format!("hears {frame:?}"));
        }
        let c = &mut self.clients[client];
        hold!(
            "nothing_lost",
            !c.must_rewind || matches!(frame, Frame::Reply(Message::Rewound(_))),
            "{} was set back silently",
            c.name
        );
        match frame {
            Frame::Piece(bytes) => {
                bounded::received(c.granted, c.received)?;
                c.received += bytes;
            }
            Frame::Event(record, bytes) => {
                hold!("nothing_lost", c.attached, "{} hears event {} and is not attached", c.name, record.seq);
                bounded::received(c.granted, c.received)?;
                c.received += bytes;
                c.seen.event(record.clone())?;
                self.count.one("events delivered");
                self.client_learns(client, &record);
            }
            Frame::Reply(message) => self.client_is_told(client, message)?,
        }
        self.renews(client);
        Ok(())
    }

    /// Grants what was used, unless it cannot be bothered.
    pub(crate) fn renews(&mut self, client: usize) {
        let c = &mut self.clients[client];
        let Some(conn) = c.conn.filter(|_| c.attached && !c.lazy && c.begins.is_none()) else { return };
        if c.granted < c.received + 1_500 {
            let bytes = 10_000;
            c.granted += bytes;
            self.ask(conn, Message::Credit(Credit { bytes }));
        }
    }

    fn client_learns(&mut self, client: usize, record: &Record) {
        let c = &mut self.clients[client];
        let me = c.who.client;
        match &record.event {
            Event::EpochStarted(e) if c.exact => c.epoch = e.epoch,
            Event::LifeStarted(e) => c.life = Some(e.life),
            Event::LifeEnded(_) => c.asks.clear(),
            Event::Accepted(e) => {
                // Of two submits under one id it answers the one whose code was accepted.
                let code = self.model.by_id(&e.eval).map(|eval| (eval.code.clone(), eval.argv.clone(), eval.show));
                c.outbox.retain(|_, w| match &w.message {
                    Message::Submit(s) if s.eval == e.eval => s.re != 0 && code != Some((s.code.clone(), s.argv.clone(), s.show)),
                    _ => true,
                });
            }
            Event::Ended(e) => {
                if let Some(eval) = self.model.eval(e.n) {
                    c.ended.insert(eval.eval);
                }
            }
            Event::Asked(e) => {
                let Some(life) = c.life else { return };
                let answers = match (e.of == me, self.peace) {
                    (true, true) => 100,
                    (true, false) => 80,
                    (false, _) => 20,
                };
                c.asks.insert((life, e.ask));
                if self.dice.chance(answers) {
                    let wait = self.dice.lag(20_000);
                    self.at(wait, What::Types(client, e.ask, life, e.secret, self.pasts));
                }
            }
            _ => {}
        }
    }

    fn client_is_told(&mut self, client: usize, message: Message) -> Check {
        let c = &mut self.clients[client];
        match &message {
            Message::Attached(a) => attached(c, a)?,
            Message::Rewound(r) => {
                c.must_rewind = false;
                c.life = None;
                c.seen.rewound(r.seq)?;
                c.epoch = r.epoch;
                let seen = std::mem::take(&mut c.seen);
                let true_so_far = seen.is_true(&self.journal, &c.name);
                c.seen = seen;
                true_so_far?;
            }
            Message::Gap(g) => {
                c.seen.gap(g.from, g.to)?;
                // The `accepted` that it waits for may have been in there: who asked for no reply must ask again.
                c.outbox.values_mut().filter(|w| re_of(&w.message) == Some(0)).for_each(|w| w.again = true);
                self.retries_in(client, 1_000);
                return Ok(());
            }
            Message::Detached(_) => c.attached = false,
            Message::EvalInfo(info) => {
                c.outbox.retain(|_, w| !matches!(&w.message, Message::Submit(s) if s.re == 0 && s.eval == info.eval));
            }
            Message::Error(e) => return self.is_refused(client, e),
            _ => {}
        }
        if let Some(re) = reply_re(&message).filter(|re| *re != 0) {
            c.outbox.remove(&re);
        }
        Ok(())
    }

    fn is_refused(&mut self, client: usize, e: &ErrorReply) -> Check {
        let c = &mut self.clients[client];
        let ended = matches!(e.known(), Some(Code::SessionEnded | Code::Forbidden));
        if e.re == 0 {
            // It cannot know which of those that asked for no reply this is.
            if ended {
                c.outbox.retain(|_, w| re_of(&w.message) != Some(0));
            }
            c.outbox.values_mut().filter(|w| re_of(&w.message) == Some(0)).for_each(|w| w.again = true);
        } else if let Some(wish) = c.outbox.get_mut(&e.re) {
            if e.retryable && wish.keeps {
                wish.again = true;
            } else {
                let attach = matches!(wish.message, Message::Attach(_));
                c.outbox.remove(&e.re);
                if attach {
                    c.begins = None;
                    self.attaches(client, 100);
                }
            }
        }
        self.retries_in(client, 30_000);
        Ok(())
    }
}

fn attached(c: &mut Client, a: &Attached) -> Check {
    let Some(begins) = c.begins.take() else {
        return Err(Broken { promise: "nothing_lost", how: format!("{} is attached and did not ask", c.name) });
    };
    c.attached = true;
    // What it granted and used before belongs to the place before.
    let credit = c.outbox.get(&a.re).and_then(|w| if let Message::Attach(m) = &w.message { m.credit } else { None });
    (c.granted, c.received) = (credit.unwrap_or(0), 0);
    match begins {
        Begin::Cursor(seq) => {
            c.must_rewind = a.after != seq;
            if a.after == seq {
                // Events that came since it asked will come again.
                if c.seen.to > seq {
                    c.life = None;
                }
                c.seen.rewound(seq)?;
            }
            // Not before it has heard where it was set back to: with a new epoch and an old number it would be believed.
            if !c.exact && !c.must_rewind {
                c.epoch = a.epoch;
            }
        }
        Begin::Anywhere => {
            c.seen.begin(a.after);
            // An `asked` does not say of which life it is; who begins in the middle learns it with the next life.
            c.life = None;
            c.epoch = a.epoch;
        }
    }
    Ok(())
}
