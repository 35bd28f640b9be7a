//! A program of ours reads its stdin: the person is asked where it stands, and everybody else only hears of it.

use super::editor::{Kind, Read, Typed};
use super::{Doing, Repl};
use crate::exit::Failure;
use rialto_client::protocol::Message;
use rialto_client::protocol::event::{Answered, Asked};
use rialto_client::protocol::message::Input;
use std::time::Instant;

/// Questions of ours that may wait. A program asks one at a time; more than these are a program gone mad, and wait unseen.
const MOST: usize = 16;

impl Repl {
    /// Somebody's program asks.
    pub(super) fn asks(&mut self, asked: Asked) {
        if asked.of != Some(self.me) {
            let whom = self.evals.author(asked.n).unwrap_or("its own client").to_owned();
            let prompt = if asked.prompt.trim().is_empty() { String::new() } else { format!(": {}", asked.prompt.trim()) };
            self.talk(&format!("#{} is waiting for input by {whom}{prompt}", asked.n));
        } else if self.asked.len() < MOST {
            self.asked.push(asked);
            self.ask();
        }
    }

    /// Asks the person what the program asks, if the terminal is free to.
    pub(super) fn ask(&mut self) {
        let (Doing::Running(_), Some(asked)) = (self.doing, self.asked.first()) else { return };
        let kind = if asked.secret { Kind::Secret } else { Kind::Input };
        let (prompt, ask) = (asked.prompt.clone(), asked.ask);
        // The prompt may be long or have several lines; the editor wants the last one.
        let (before, last) = prompt.rsplit_once('\n').map_or(("", prompt.as_str()), |(b, l)| (b, l));
        if !before.is_empty() {
            let _ = self.screen.line(&super::commands::text::safe(before));
        }
        let _ = self.screen.before_question(Instant::now());
        self.keyboard.read(Read { prompt: last.to_owned(), initial: String::new(), kind });
        self.doing = Doing::Answering(ask);
    }

    /// What the person typed for it.
    pub(super) fn answered(&mut self, typed: Typed, ask: u64) -> Result<(), Failure> {
        let asked = self.asked.iter().position(|asked| asked.ask == ask).map(|at| self.asked.remove(at));
        self.screen.after_question(Instant::now());
        self.doing = self.evals.ours.map_or(Doing::Waiting, Doing::Running);
        let (data, eof) = match typed {
            Typed::Line(line) | Typed::Entry(line) => (line.into_bytes(), false),
            Typed::Eof => (Vec::new(), true),
            // Ctrl-C is for the eval: what was being typed is no answer, and the program reads no end either.
            _ => return self.ctrl_c().map(|_| ()),
        };
        let Some(asked) = asked else {
            self.talk("that was answered already, or is no longer asked");
            return Ok(());
        };
        // A program that reads its stdin whole gets lines with their ends.
        let data = if asked.line || eof { data } else { [data, b"\n".to_vec()].concat() };
        let life = Some(asked.life).filter(|life| *life > 0);
        let input = Input { re: 0, id: rialto_client::request_id()?, life, ask: asked.ask, data: data.into(), eof };
        self.session.send(Message::Input(input))?;
        self.ask();
        Ok(())
    }

    /// Somebody answered, us or another one.
    pub(super) fn was_answered(&mut self, answered: &Answered) {
        self.asked.retain(|asked| asked.ask != answered.ask);
        if self.doing == Doing::Answering(answered.ask) && answered.by.client != Some(self.me) {
            self.drop_read();
            let by = self.named(&answered.by);
            self.talk(&format!("answered by {by}"));
        }
    }

    /// Nobody waits for answers any more.
    pub(super) fn no_questions(&mut self) {
        self.asked.clear();
        if matches!(self.doing, Doing::Answering(_)) {
            self.drop_read();
        }
    }
}
