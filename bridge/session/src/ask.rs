//! What happens when the program reads: the client whose eval it is is asked. If that client is gone another may answer,
//! but never a secret. An answer is recorded before the kernel gets it; a secret one by its length alone.

use crate::input::{ConnId, Output};
use crate::session::Turn;
use crate::share::user;
use rialto_protocol::event::{Answered, Asked, Event};
use rialto_protocol::kernel::{Ask, KernelCommand};
use rialto_protocol::message::Input as Reply;
use rialto_protocol::{Code, limits};

/// Questions one eval may have open at once (threads that read at the same time).
const MAX_ASKS: usize = 16;

impl Turn<'_> {
    pub(crate) fn asked(&mut self, ask: Ask) {
        let Some(running) = self.s.state.running.as_ref().filter(|r| r.n == ask.n) else {
            // A thread that reads after its eval ended has nobody to ask: it reads the end of the file.
            self.out.push(Output::Kernel(KernelCommand::Input { ask: ask.ask, data: Vec::new(), eof: true }));
            return;
        };
        let of = running.client;
        if self.s.state.asks.len() >= MAX_ASKS && !cfg!(mutant = "questions_have_no_end") {
            self.out.push(Output::Kernel(KernelCommand::Input { ask: ask.ask, data: Vec::new(), eof: true }));
            return;
        }
        let Ask { n, ask, prompt, secret, line } = ask;
        let life = self.s.state.life;
        self.record(Event::Asked(Asked { n, ask, prompt, secret, line, of, life }));
    }

    pub(crate) fn answer(&mut self, conn: ConnId, m: Reply) {
        if let Some(seq) = self.archive.request(&m.id).filter(|_| !cfg!(mutant = "input_is_answered_twice")) {
            return self.carried(conn, m.re, seq);
        }
        let asked = self.s.state.asks.iter().find(|a| a.ask == m.ask).cloned();
        let stale = m.life.is_some_and(|life| life != self.s.state.life) && !cfg!(mutant = "answer_reaches_another_life");
        let Some(asked) = asked.filter(|_| !stale) else {
            let text = format!("nothing is being read under number {}: it was answered, or its eval ended", m.ask);
            return self.error(conn, m.re, Code::NoSuchAsk, text);
        };
        let me = self.who(conn);
        // A client's id is no secret, so it proves nothing about another user.
        let same = self.s.state.running.as_ref().is_none_or(|r| user(&r.principal) == user(&me.principal));
        let mine = asked.of.is_none() || asked.of == me.client && (same || cfg!(mutant = "client_id_proves_who"));
        if !mine && !cfg!(mutant = "secret_is_answered_by_anybody") {
            if asked.secret {
                let text = format!("eval #{} asks for a secret; only the client that submitted it may answer", asked.n);
                return self.error(conn, m.re, Code::NotYourAsk, text);
            }
            if asked.of.is_some_and(|of| self.s.audience.present(of)) {
                let text = format!("eval #{} asks the client that submitted it, and that client is here", asked.n);
                return self.error(conn, m.re, Code::NotYourAsk, text);
            }
        }
        if m.data.0.len() > limits::MAX_INPUT {
            let text = format!("an answer has at most {} bytes; send the rest when it is asked for", limits::MAX_INPUT);
            return self.error(conn, m.re, Code::CodeTooLarge, text);
        }
        let len = m.data.0.len() as u64;
        let kept = (!asked.secret || cfg!(mutant = "secret_is_journalled")).then(|| m.data.clone());
        let answered = Answered { n: asked.n, ask: m.ask, by: me, id: m.id, len, data: kept, eof: m.eof };
        let seq = self.record(Event::Answered(answered));
        self.out.push(Output::Kernel(KernelCommand::Input { ask: m.ask, data: m.data.0, eof: m.eof }));
        self.carried(conn, m.re, seq);
    }
}
