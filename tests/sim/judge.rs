//! Where what an input made is held against the promises: record by record, reply by reply, in its order.

use crate::model::At;
use crate::story::{Check, hold};
use crate::world::World;
use crate::{bounded, interrupt, nothing_lost, once, order, who};
use rialto_protocol::event::{Display, Event, Record};
use rialto_protocol::kernel::{DisplayRole, Exec, KernelCommand, Step};
use rialto_protocol::{Bundle, Bytes, Code, Message, Outcome, Seq};
use rialto_session::{Archive, ConnId, Input, Output};

impl World {
    /// Judges what an input made, in its order, and puts the records into the journal, not yet safe.
    pub(crate) fn keep(&mut self, cause: &Input, out: &mut [Output]) -> Check {
        for o in out {
            if let Output::RecordStored { seq, at, n, value } = o {
                let n = *n;
                let data = Bundle::from([("image/png".to_owned(), Bytes(vec![b'p'; value.len as usize]))]);
                let event = Event::Display(Display { n, role: DisplayRole::Display, data });
                *o = Output::Record(Record { seq: *seq, at: *at, event }, None);
            }
            match o {
                Output::Record(r, of) => {
                    let Some(sup) = &mut self.sup else { return Ok(()) };
                    order::record(&self.model, r, cause)?;
                    self.once.record(&self.model, r)?;
                    interrupt::record(&self.model, r, cause)?;
                    who::record(&self.model, r, cause, &sup.present)?;
                    bounded::record(r, sup.stalled)?;
                    order::culled(&self.model, r, cause, &sup.readers)?;
                    if let Some(conn) = of {
                        sup.own.insert(r.seq, *conn);
                    }
                    self.judge_lost(&r.event)?;
                    self.model.apply(r);
                    self.count.event(&r.event);
                    self.journal.append(r.clone());
                }
                Output::Reply(conn, message) => {
                    if matches!(cause, Input::Request(_, Message::Submit(_))) {
                        self.not_said_twice(*conn, message)?;
                    }
                    self.judge_reply(*conn, message)?;
                }
                Output::Kernel(command) => self.judge_command(command)?,
                Output::Next { exec, accepted } => {
                    let named = self.journal.record(*accepted).map(|r| &r.event);
                    let right = matches!(named, Some(Event::Accepted(a)) if a.n == exec.n);
                    hold!("once", right, "#{} is said to be accepted by {named:?}", exec.n);
                    self.judge_exec(exec)?;
                }
                Output::StartKernel(_) => self.unfenced = false,
                _ => {}
            }
        }
        Ok(())
    }

    fn judge_command(&mut self, command: &KernelCommand) -> Check {
        match command {
            KernelCommand::Exec(exec) => self.judge_exec(exec)?,
            KernelCommand::Interrupt(Step::Interrupt | Step::Again | Step::Terminate) => self.unfenced = true,
            KernelCommand::Fence(number) => {
                if let Some(sup) = &mut self.sup {
                    sup.fence = Some(*number);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// What never reached a kernel is not lost: it may be submitted again without a thought.
    fn judge_lost(&mut self, event: &Event) -> Check {
        if let Event::Ended(e) = event
            && e.outcome == Outcome::Lost
            && self.model.eval(e.n).is_some_and(|eval| eval.at == At::Waiting)
        {
            let noted = self.handed.as_ref().is_some_and(|handed| handed.evals.contains(&e.n));
            hold!("order", noted, "#{} is called lost, and was never handed over: {:?}", e.n, self.handed);
            self.count.one("ended lost as they were handed over");
        }
        Ok(())
    }

    fn judge_exec(&self, exec: &Exec) -> Check {
        hold!("interrupt", !self.unfenced, "#{} is dispatched before the last interrupt is fenced", exec.n);
        hold!("once", self.model.running == Some(exec.n), "#{} is dispatched and no record says so", exec.n);
        Ok(())
    }

    /// A second answer to one submit would be no harm, and cost as much as the eval itself.
    fn not_said_twice(&self, conn: ConnId, message: &Message) -> Check {
        if let (Message::EvalInfo(info), Some(sup)) = (message, &self.sup) {
            let due = sup.session.audience().next(Some(conn - 1), Seq::MAX).filter(|due| due.conn == conn);
            let hears = due.is_some_and(|due| due.credit > 0 && due.after < info.first);
            hold!("bounded", info.known || !hears, "{info:?} is said to one who is about to hear the event");
        }
        Ok(())
    }

    /// A reply that is said between two turns.
    pub(crate) fn say_late(&mut self, output: Output) -> Check {
        if let Output::Reply(conn, message) = output {
            self.judge_reply(conn, &message)?;
            self.count.one("submits answered late, for want of credit");
            self.send(conn, crate::client::Frame::Reply(message));
        }
        Ok(())
    }

    fn judge_reply(&mut self, conn: ConnId, message: &Message) -> Check {
        let Some(sup) = &mut self.sup else { return Ok(()) };
        let re = crate::client::reply_re(message).filter(|re| *re != 0);
        let asked = re.and_then(|re| sup.asked.get_mut(&(conn, re)));
        if let Some((request, asked, answered)) = asked {
            *answered += 1;
            hold!("who", *answered <= *asked, "{request:?} came {asked} times, and is answered once more: {message:?}");
            if let Some((_, scope)) = sup.present.get(&conn) {
                who::reply(request, message, *scope, sup.lessened.contains(&conn))?;
            }
            if let Some(id) = crate::client::request_id(request) {
                once::known_request(self.journal.request(&id), request, message)?;
            }
            if let (Message::Carried(c), Some(id)) = (message, crate::client::request_id(request)) {
                nothing_lost::carried(&self.journal, &self.model, id, c)?;
            }
            let refused = matches!(message, Message::Error(e) if e.known() != Some(Code::IdReused));
            if let (Message::Submit(s), false) = (&*request, refused) {
                once::submit_answered(&self.model, s, message)?;
            }
        } else if let Some(re) = re {
            hold!("who", !sup.present.contains_key(&conn), "number {re} is answered, and was not asked: {message:?}");
        }
        match message {
            Message::InterruptAnswer(a) => {
                interrupt::verdict(&self.model, a)?;
                self.count.verdict(a.verdict);
            }
            Message::Error(e) => self.count.error(e.known()),
            Message::Rewound(_) => self.count.one("rewound"),
            _ => {}
        }
        Ok(())
    }
}

/// The channel that submitted an eval is sent its `accepted`: that is the answer, where none was given.
pub(crate) fn answered_by_event(sup: &mut crate::supervisor::Supervisor, conn: ConnId, record: &Record) {
    let Event::Accepted(accepted) = &record.event else { return };
    for ((of, _), (request, _, answered)) in &mut sup.asked {
        let same = |s: &rialto_protocol::message::Submit| {
            s.eval == accepted.eval && (Some(&s.code), &s.argv, s.show) == (accepted.code.as_ref(), &accepted.argv, accepted.show)
        };
        if *of == conn && *answered == 0 && matches!(request, Message::Submit(s) if same(s)) {
            *answered = 1;
        }
    }
}
