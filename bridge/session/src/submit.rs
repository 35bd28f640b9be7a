//! What happens on submit: an id is run at most once, whatever comes again.

use crate::archive::EvalFacts;
use crate::audience::Owed;
use crate::dispatch::exec;
use crate::input::ConnId;
use crate::once;
use crate::session::Turn;
use crate::state::weight;
use rialto_protocol::event::{Accepted, Ended, Event};
use rialto_protocol::kernel::KernelCommand;
use rialto_protocol::message::{EvalInfo, EvalState, GetEval, Redact, Submit};
use rialto_protocol::{Bytes, Code, ErrorReply, Message, Outcome, limits};

/// When to try again where evals must end first. Milliseconds.
const FREE_MS: u64 = 1_000;

impl Turn<'_> {
    pub(crate) fn submit(&mut self, conn: ConnId, m: Submit) {
        let hash = once::hash(&m.code, m.show, m.argv.as_deref());
        if let Some(facts) = self.archive.eval(&m.eval).filter(|_| !cfg!(mutant = "known_id_runs_again")) {
            if facts.hash != hash && !cfg!(mutant = "id_reuse_is_allowed") {
                let text = format!("eval {} was submitted before with other code; make a new id for new code", m.eval);
                return self.error(conn, m.re, Code::IdReused, text);
            }
            let info = self.info(m.re, &facts, true);
            return self.reply(conn, Message::EvalInfo(info));
        }
        if let Err(text) = self.has_room_for(conn) {
            let error = ErrorReply { after_ms: Some(FREE_MS), ..ErrorReply::new(m.re, Code::QueueFull, text) };
            return self.reply(conn, Message::Error(error));
        }
        if let Err((code, text)) = self.may_accept(&m) {
            return self.error(conn, m.re, code, text);
        }
        let by = self.s.audience.clients.get(&conn).map(|c| c.who.clone());
        let n = self.s.state.last_n + 1;
        let cancelled = self.archive.noted_interrupt(&m.eval) && !cfg!(mutant = "early_interrupt_is_forgotten");
        let stopped =
            m.group.and_then(|g| self.archive.stopped_group(&g)).filter(|_| !cfg!(mutant = "late_submit_escapes_its_group"));
        let started = !cancelled && stopped.is_none() && self.may_start() && self.s.state.queue.is_empty();
        let code = m.code.clone();
        let (eval, re, show, argv, trace) = (m.eval, m.re, m.show, m.argv.clone(), m.trace.clone());
        let first = self.record_of(
            Event::Accepted(Accepted {
                n,
                eval,
                started,
                by,
                code: Some(m.code),
                hash: Some(Bytes(hash.to_vec())),
                group: m.group,
                on_error: m.on_error,
                show,
                argv: m.argv,
                trace: m.trace,
            }),
            Some(conn),
        );
        let mut state = if started { EvalState::Running } else { EvalState::Queued };
        let mut last = None;
        let mut outcome = None;
        if cancelled {
            let why = "it was interrupted before it arrived".to_owned();
            last = Some(self.end_waiting(n, Outcome::Cancelled, why));
            outcome = Some(Outcome::Cancelled);
        } else if let Some(by) = stopped {
            last = Some(self.end_waiting(n, Outcome::NotRun, format!("its group was stopped by eval #{by}")));
            outcome = Some(Outcome::NotRun);
        } else if started {
            self.out.push(Output::Kernel(KernelCommand::Exec(exec(n, code, show, argv, trace))));
        }
        if last.is_some() {
            state = EvalState::Ended;
        }
        // Whoever hears the event needs no second answer.
        if re != 0 && !self.s.audience.owe(conn, Owed { first, re, eval }) {
            let info = EvalInfo { re, eval, n, state, known: false, first, last, outcome, code: None };
            self.reply(conn, Message::EvalInfo(info));
        }
    }

    /// Answers by a reply what this client's events were to answer.
    pub(crate) fn pay(&mut self, conn: ConnId) {
        let Some(client) = self.s.audience.clients.get_mut(&conn) else { return };
        for owed in std::mem::take(&mut client.owed) {
            if cfg!(mutant = "new_place_forgets_who_waits") {
                continue;
            }
            if let Some(facts) = self.archive.eval(&owed.eval) {
                let info = self.info(owed.re, &facts, false);
                self.reply(conn, Message::EvalInfo(info));
            }
        }
    }

    /// Nobody but the owner itself fills the whole queue.
    fn has_room_for(&self, conn: ConnId) -> Result<(), String> {
        let s = &self.s.state;
        let Some(client) = self.s.audience.clients.get(&conn) else { return Ok(()) };
        let principal = &client.who.principal;
        // Looked at only where there can be so many at all.
        if s.queue.len() < limits::MAX_QUEUE_OF_ONE || *principal == s.access.owner {
            return Ok(());
        }
        let theirs = s.queue.iter().filter(|waits| waits.principal == *principal).count();
        if theirs < limits::MAX_QUEUE_OF_ONE {
            return Ok(());
        }
        Err(format!(
            "{theirs} evals of {principal} wait already, the most that one principal may have here; try again when some have ended"
        ))
    }

    fn may_accept(&self, m: &Submit) -> Result<(), (Code, String)> {
        let s = &self.s.state;
        if (s.ended || self.s.phase.session_is_ending()) && !cfg!(mutant = "ended_session_accepts") {
            let text = "the session has ended: it can be read, not run; start another".to_owned();
            return Err((Code::SessionEnded, text));
        }
        if let Some(why) = self.s.stalled.as_ref().filter(|_| !cfg!(mutant = "full_disk_accepts")) {
            return Err((Code::DiskFull, format!("nothing new starts while the session is stalled: {why}")));
        }
        let bytes = weight(&m.code, m.argv.as_deref(), m.trace.as_deref());
        if bytes > limits::MAX_CODE {
            let text = format!("the code and its arguments are {bytes} bytes; one eval takes at most {}", limits::MAX_CODE);
            return Err((Code::CodeTooLarge, text));
        }
        if s.queue.len() >= limits::MAX_QUEUE && !cfg!(mutant = "queue_has_no_end") {
            let text =
                format!("{} evals wait already, the most this session queues; try again when some have ended", s.queue.len());
            return Err((Code::QueueFull, text));
        }
        if s.queued_bytes + bytes > limits::MAX_QUEUED_CODE {
            let text = format!(
                "{} bytes of code wait already, the most this session queues is {}",
                s.queued_bytes,
                limits::MAX_QUEUED_CODE
            );
            return Err((Code::QueueFull, text));
        }
        Ok(())
    }

    /// Ends an eval that never started.
    pub(crate) fn end_waiting(&mut self, n: u64, outcome: Outcome, why: String) -> u64 {
        self.record(Event::Ended(Ended { n, outcome, why: Some(why), ..Ended::default() }))
    }

    /// What is known of an eval, as a reply.
    pub(crate) fn info(&self, re: u32, facts: &EvalFacts, known: bool) -> EvalInfo {
        let running = self.s.state.running.as_ref().is_some_and(|r| r.n == facts.n);
        let state = match (facts.last, running) {
            (Some(_), _) => EvalState::Ended,
            (None, true) => EvalState::Running,
            (None, false) => EvalState::Queued,
        };
        EvalInfo {
            re,
            eval: facts.eval,
            n: facts.n,
            state,
            known,
            first: facts.first,
            last: facts.last,
            outcome: facts.outcome,
            code: facts.code,
        }
    }

    pub(crate) fn get_eval(&mut self, conn: ConnId, m: &GetEval) {
        let facts = match (m.eval, m.n) {
            (Some(id), _) => self.archive.eval(&id),
            (None, Some(n)) => self.archive.eval_number(n),
            (None, None) => None,
        };
        if let Some(facts) = facts {
            let info = self.info(m.re, &facts, true);
            return self.reply(conn, Message::EvalInfo(info));
        }
        let which = match (m.eval, m.n) {
            (Some(id), _) => id.to_string(),
            (None, Some(n)) => format!("#{n}"),
            (None, None) => "of no id and no number".to_owned(),
        };
        self.error(
            conn,
            m.re,
            Code::UnknownEval,
            format!("no eval {which} in this session; its last one is #{}", self.s.state.last_n),
        );
    }

    pub(crate) fn redact(&mut self, conn: ConnId, m: &Redact) {
        if let Some(seq) = self.archive.request(&m.id) {
            return self.carried(conn, m.re, seq);
        }
        let Some(facts) = self.archive.eval(&m.eval) else {
            return self.error(conn, m.re, Code::UnknownEval, format!("no eval {} in this session", m.eval));
        };
        let Some(last) = facts.last else {
            let text = format!("eval #{} has not ended; interrupt it or wait, then redact it", facts.n);
            return self.error(conn, m.re, Code::WrongState, text);
        };
        let by = self.who(conn);
        let seq = self.record(Event::Redacted(rialto_protocol::event::Redacted { n: facts.n, by, id: m.id }));
        self.out.push(Output::Redact { n: facts.n, first: facts.first, last });
        self.carried(conn, m.re, seq);
    }

    pub(crate) fn carried(&mut self, conn: ConnId, re: u32, seq: u64) {
        self.reply(conn, Message::Carried(rialto_protocol::message::Carried { re, seq }));
    }

    pub(crate) fn who(&self, conn: ConnId) -> rialto_protocol::Who {
        self.s.audience.clients.get(&conn).map(|c| c.who.clone()).unwrap_or_default()
    }
}

use crate::input::Output;
