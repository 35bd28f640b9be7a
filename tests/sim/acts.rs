//! What clients do of their own accord, wise or not.

use crate::client::Client;
use crate::who::{OWNER, SECRET};
use crate::world::{What, World};
use rialto_protocol::data::{CommMessage, CommStep};
use rialto_protocol::event::Who;
use rialto_protocol::message::{At, Comm, Escalate, GetEval, Input, Interrupt, Mutate, Plain, Redact, Share, Submit, Unshare};
use rialto_protocol::{Bytes, ClientId, EvalId, GroupId, Life, Message, OnError, RequestId, Scope, Show};

impl World {
    /// Who is there when the world begins.
    pub(crate) fn people(&mut self) {
        for i in 0..self.dice.between(2, 5) {
            let scope = match self.dice.below(10) {
                _ if i == 0 => Scope::Admin,
                0..2 => Scope::Observe,
                2..8 => Scope::Eval,
                _ => Scope::Admin,
            };
            self.somebody(scope);
        }
        // Most owners share at once, so that others have something to do.
        for with in ["uid:1001", "uid:1002"] {
            if self.dice.chance(80) {
                let (id, scope) = (RequestId(self.dice.id()), [Scope::Observe, Scope::Eval][self.dice.index(2)]);
                self.wish(0, true, |re| Message::Share(Share { re, id, with: with.to_owned(), scope }));
            }
        }
    }

    fn somebody(&mut self, scope: Scope) {
        let no = self.clients.len();
        let who = Who {
            principal: if no == 0 { OWNER.to_owned() } else { format!("uid:{}", 1_000 + self.dice.below(3)) },
            client: Some(ClientId(self.dice.id())),
            label: "sim".to_owned(),
        };
        let budget = self.dice.between(2, 14) as u32;
        let exact = self.dice.chance(50);
        self.clients.push(Client::new(format!("client {no}"), who, scope, exact, budget));
        let (dials, acts) = (self.dice.lag(2_000), self.dice.lag(10_000));
        self.at(dials, What::Dials(no));
        self.at(acts, What::Acts(no));
    }

    pub(crate) fn acts(&mut self, client: usize) {
        if self.clients[client].gone || self.peace {
            return;
        }
        let next = self.dice.lag(self.odds.pace);
        self.at(next, What::Acts(client));
        let c = &self.clients[client];
        let Some(conn) = c.conn else { return };
        let mut roll = self.dice.below(100);
        if c.scope == Scope::Observe && roll < 75 && self.dice.chance(80) {
            roll = 75 + roll % 25;
        }
        match roll {
            0..36 => self.submits(client),
            36..44 => self.interrupts_own(client),
            44..48 => self.interrupts_any(client),
            48..52 => self.interrupts_early(client),
            52..56 => {
                let before = self.clients[client].evals.len();
                self.submits(client);
                if let Some(eval) = self.clients[client].evals.get(before).map(|s| s.eval) {
                    self.interrupts(client, eval);
                }
            }
            56..60 => self.submits_again(client, false),
            60..63 => self.submits_again(client, true),
            63..66 => self.mutates(client, Message::Restart),
            66 if self.odds.kills => self.mutates(client, Message::Kill),
            67..70 => self.redacts(client),
            70..75 => self.asks_about(client),
            75..79 => self.looks(client),
            79..85 => self.breaks(conn),
            85..87 => self.leaves(client),
            87..91 => {
                let lazy = !self.clients[client].lazy;
                self.clients[client].lazy = lazy;
                self.renews(client);
            }
            91..93 if self.clients[client].attached => self.wish(client, false, |re| Message::Detach(Plain { re })),
            93..97 => self.attaches(client, 100),
            97..100 if self.dice.chance(40) => self.comms(client),
            97..100 => self.shares(client),
            _ => {}
        }
    }

    fn submits(&mut self, client: usize) {
        let burst = self.dice.between(1, 4);
        if self.dice.chance(50) {
            let group = self.dice.chance(70).then(|| GroupId(self.dice.id()));
            self.clients[client].group = group;
        }
        for _ in 0..burst {
            if let Some(submit) = self.new_submit(client) {
                self.wish(client, true, |re| Message::Submit(Submit { re: if submit.re == 0 { 0 } else { re }, ..submit }));
            }
        }
    }

    /// A new eval, with an id and code of its own. Its `re` is 0 where no reply is asked for.
    fn new_submit(&mut self, client: usize) -> Option<Submit> {
        let (id, quiet, large) = (self.dice.id(), self.dice.chance(30), self.dice.chance(12));
        let on_error = if self.dice.chance(70) { OnError::Stop } else { OnError::Continue };
        let show = if self.dice.chance(80) { Show::Value } else { Show::Nothing };
        let argv = self.dice.chance(20).then(|| vec!["x".to_owned()]);
        let c = &mut self.clients[client];
        if c.budget == 0 || c.outbox.len() > 30 {
            return None;
        }
        c.budget -= 1;
        let mut code = format!("{} {}", c.name, c.evals.len());
        if large {
            code.push_str(&" ".repeat(5_000));
        }
        let quiet = quiet && c.scope > Scope::Observe;
        let submit = Submit {
            re: u32::from(!quiet),
            eval: EvalId(id),
            code: code.into(),
            group: c.group,
            on_error,
            show,
            argv,
            trace: None,
        };
        c.evals.push(submit.clone());
        Some(submit)
    }

    fn submits_again(&mut self, client: usize, other: bool) {
        let c = &self.clients[client];
        if c.evals.is_empty() {
            return;
        }
        let mut submit = c.evals[self.dice.index(c.evals.len())].clone();
        if other {
            // Other code, or the same code to be run in another way.
            match self.dice.below(4) {
                0 => submit.argv = Some(vec!["x".to_owned(), "other".to_owned()]),
                1 => submit.show = if submit.show == Show::Value { Show::Nothing } else { Show::Value },
                _ => submit.code = format!("{} but not quite", submit.code).into(),
            }
        }
        self.wish(client, true, |re| Message::Submit(Submit { re, ..submit }));
    }

    fn interrupts_own(&mut self, client: usize) {
        let c = &self.clients[client];
        let open: Vec<EvalId> = c.evals.iter().map(|s| s.eval).filter(|e| !c.ended.contains(e)).collect();
        let any: Vec<EvalId> = c.evals.iter().map(|s| s.eval).collect();
        let from = if open.is_empty() || self.dice.chance(10) { any } else { open };
        if !from.is_empty() {
            let eval = from[self.dice.index(from.len())];
            self.interrupts(client, eval);
        }
    }

    fn interrupts_any(&mut self, client: usize) {
        let evals = &self.model.evals;
        if evals.is_empty() {
            return;
        }
        let eval = match self.model.running.and_then(|n| self.model.eval(n)) {
            Some(running) if self.dice.chance(70) => running.eval,
            _ => evals[self.dice.index(evals.len())].eval,
        };
        self.interrupts(client, eval);
    }

    /// The interrupt goes first; the submit follows, or never comes.
    fn interrupts_early(&mut self, client: usize) {
        let Some(submit) = self.new_submit(client) else { return };
        self.interrupts(client, submit.eval);
        if self.dice.chance(70) {
            self.wish(client, true, |re| Message::Submit(Submit { re, ..submit }));
        }
    }

    pub(crate) fn interrupts(&mut self, client: usize, eval: EvalId) {
        let id = RequestId(self.dice.id());
        let mut some = |percent: u64, ms: u64| self.dice.chance(percent).then(|| self.dice.between(1, ms));
        let plan =
            Escalate { again_ms: some(60, 100), terminate_ms: some(30, 400), kill_ms: some(20, 800), answer_ms: some(30, 300) };
        let escalate = self.dice.chance(70).then_some(plan);
        self.wish(client, true, |re| Message::Interrupt(Interrupt { re, id, eval, escalate }));
    }

    fn mutates(&mut self, client: usize, make: fn(Mutate) -> Message) {
        let id = RequestId(self.dice.id());
        self.wish(client, true, |re| make(Mutate { re, id }));
        if self.dice.chance(40) {
            // What comes after a restart is meant for the life after it.
            self.submits(client);
        }
    }

    fn redacts(&mut self, client: usize) {
        let c = &self.clients[client];
        if c.evals.is_empty() {
            return;
        }
        let eval = c.evals[self.dice.index(c.evals.len())].eval;
        let id = RequestId(self.dice.id());
        self.wish(client, true, |re| Message::Redact(Redact { re, id, eval }));
    }

    /// Lets somebody in, or out again; whoever asks may be somebody to whom that is forbidden.
    pub(crate) fn shares(&mut self, client: usize) {
        let (id, with) = (RequestId(self.dice.id()), format!("uid:{}", 1_000 + self.dice.below(3)));
        let scope = [Scope::Observe, Scope::Eval, Scope::Eval, Scope::Admin][self.dice.index(4)];
        if self.dice.chance(65) {
            self.wish(client, true, |re| Message::Share(Share { re, id, with, scope }));
        } else {
            self.wish(client, true, |re| Message::Unshare(Unshare { re, id, with }));
        }
    }

    /// Says something to what lives in the kernel: mostly to the life that is there now.
    fn comms(&mut self, client: usize) {
        let id = RequestId(self.dice.id());
        let life = self.model.life;
        let data = format!("{{\"id\":\"{id}\",\"life\":{life}}}");
        let message = CommMessage { what: CommStep::Msg, comm: "c".to_owned(), data, ..CommMessage::default() };
        self.wish(client, true, |re| Message::Comm(Comm { re, id, life: Some(life), message }));
    }

    fn asks_about(&mut self, client: usize) {
        self.wish(client, false, |re| Message::IsComplete(At { re, code: "f(".to_owned(), cursor: 2, detail: 0 }));
    }

    fn looks(&mut self, client: usize) {
        let n = self.dice.below(self.model.evals.len() as u64 + 2);
        match self.dice.below(3) {
            0 => self.wish(client, false, |re| Message::GetStatus(Plain { re })),
            1 => self.wish(client, false, |re| Message::GetEval(GetEval { re, eval: None, n: Some(n) })),
            _ => {
                if let Some(conn) = self.clients[client].conn {
                    self.ask(conn, Message::Ping([7; 8]));
                }
            }
        }
    }

    /// It ends: comes back later with everything it had, or somebody else comes in its place.
    fn leaves(&mut self, client: usize) {
        self.count.one("clients that died");
        if let Some(conn) = self.clients[client].conn {
            self.breaks(conn);
        }
        if client != 0 && self.dice.chance(60) {
            let c = &mut self.clients[client];
            c.gone = true;
            let scope = c.scope;
            self.somebody(scope);
        }
    }

    pub(crate) fn types(&mut self, client: usize, ask: u64, life: Life, secret: bool) {
        let id = RequestId(self.dice.id());
        // Whoever types a secret must say to which life: the next one may ask something harmless under the same number.
        let life_said = (secret || self.dice.chance(80)).then_some(life);
        let eof = self.dice.chance(10);
        let c = &self.clients[client];
        if c.gone || !c.asks.contains(&(life, ask)) {
            return;
        }
        let data = Bytes::from(if secret { SECRET } else { "yes" });
        self.wish(client, true, |re| Message::Input(Input { re, id, life: life_said, ask, data, eof }));
    }

    /// From now on it behaves.
    pub(crate) fn calms(&mut self, client: usize) {
        let c = &mut self.clients[client];
        c.lazy = false;
        self.renews(client);
        let c = &self.clients[client];
        if c.conn.is_none() {
            self.at(1_000, What::Dials(client));
        }
    }

    /// In peace: who is detached attaches, and what does not end is ended.
    pub(crate) fn cleans_up(&mut self) {
        for client in 0..self.clients.len() {
            let c = &self.clients[client];
            if !c.gone && c.conn.is_some() && !c.attached && !c.outbox.values().any(|w| matches!(w.message, Message::Attach(_))) {
                self.attaches(client, 100);
            }
        }
        let Some(eval) = self.model.running.and_then(|n| self.model.eval(n)).map(|e| e.eval) else { return };
        let id = RequestId(self.dice.id());
        let plan = Escalate { again_ms: Some(50), terminate_ms: Some(200), kill_ms: Some(400), answer_ms: None };
        self.wish(0, true, |re| Message::Interrupt(Interrupt { re, id, eval, escalate: Some(plan) }));
    }
}
