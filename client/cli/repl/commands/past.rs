//! What happened: in this session and, typed, in any.

use super::pager::Pager;
use super::text::{LastLines, Text, head, safe};
use crate::exit::Failure;
use crate::logs::{Item, Transcript};
use crate::repl::Repl;
use crate::repl::confirm::Confirm;
use crate::repl::editor::{history, history_file};
use crate::repl::greet::folder_of_history;
use crate::repl::replay::{Past, stoppable};
use crate::{paint, reach, sanitise};
use rialto_client::Start;
use rialto_client::protocol::event::{Accepted, Event};
use rialto_client::protocol::message::{EvalInfo, GetEval, Redact};
use rialto_client::protocol::{EvalId, EvalNumber, Message, SessionId};
use std::collections::VecDeque;

/// Entries that `:history -g` shows.
const TYPED: usize = 1_000;
/// Evals that `:history` shows.
const EVALS: u64 = 100;
/// Lines of code shown of each, and bytes.
const CODE: (usize, usize) = (20, 4 * 1024);
/// Lines that `:tail` shows, and the most it can be asked for.
const LINES: (usize, usize) = (20, 10_000);

impl Repl {
    /// The session, which is known once it answered.
    pub(super) fn session_id(&self) -> Result<SessionId, Failure> {
        self.session.id().cloned().ok_or_else(|| Failure::usage("the session has not answered yet"))
    }

    /// What is known of an eval: of number N, or of the last one.
    pub(super) async fn which(&mut self, which: &str) -> Result<EvalInfo, Failure> {
        let which = if which.is_empty() {
            let status = self.session.status().await?;
            let n = status.running.unwrap_or(status.evals);
            if n == 0 {
                return Err(Failure::usage("nothing has run in this session yet"));
            }
            GetEval { n: Some(n), ..GetEval::default() }
        } else {
            reach::eval(which)?
        };
        Ok(self.session.get_eval(which).await?)
    }

    /// All events of an eval, one by one.
    pub(in crate::repl) async fn past_of(&mut self, which: &str) -> Result<(EvalNumber, Past), Failure> {
        let session = self.session_id()?;
        let info = self.which(which).await?;
        Ok((info.n, Past::eval(&self.place, &session, &info).await?))
    }

    pub(super) async fn history(&mut self, rest: &str) -> Result<(), Failure> {
        let (everywhere, pattern) = match rest.strip_prefix("-g") {
            Some(pattern) if pattern.is_empty() || pattern.starts_with(' ') => (true, pattern.trim()),
            _ => (false, rest),
        };
        let mut shown: VecDeque<String> = VecDeque::new();
        if everywhere {
            return self.typed_anywhere(pattern).await;
        }
        let session = self.session_id()?;
        stoppable(Box::pin(async {
            let status = self.session.status().await?;
            let from = status.evals.saturating_sub(EVALS) + 1;
            let mut start = Start::After(None);
            if pattern.is_empty()
                && from > 1
                && let Ok(info) = self.session.get_eval(GetEval { n: Some(from), ..GetEval::default() }).await
            {
                start = Start::Eval(info.eval);
            }
            let mut past = Past::open(&self.place, &session, start).await?;
            while let Some(item) = past.next().await? {
                let Item::Event(record) = item else { continue };
                if let Event::Accepted(accepted) = record.event
                    && accepted.code.as_ref().is_some_and(|code| code.contains(pattern))
                {
                    if shown.len() as u64 >= EVALS {
                        shown.pop_front();
                    }
                    shown.push_back(self.entry_of(&accepted));
                }
            }
            past.close().await;
            Ok(())
        }))
        .await?;
        if shown.is_empty() {
            return self.say(if pattern.is_empty() { "nothing has run in this session yet" } else { "no eval contains that" });
        }
        let mut pager = Pager::new();
        for entry in shown {
            if !pager.write(&self.screen.suited(&entry)).await? {
                break;
            }
        }
        Ok(pager.end().await?)
    }

    /// What was typed at the terminals of this user.
    async fn typed_anywhere(&mut self, pattern: &str) -> Result<(), Failure> {
        let Some(folder) = folder_of_history(&self.place) else { return self.say("nothing that is typed is remembered here") };
        let found = history::search(&history_file(&folder), pattern, None, TYPED)?;
        if found.is_empty() {
            return self.say(if pattern.is_empty() { "nothing has been typed yet" } else { "no entry contains that" });
        }
        let mut pager = Pager::new();
        for entry in found {
            let session = paint::paint(paint::DIM, sanitise::text(&entry.session));
            let code = safe(entry.code.trim_end()).replace('\n', "\n    ");
            if !pager.write(&self.screen.suited(&format!("{session}\n    {code}\n"))).await? {
                break;
            }
        }
        Ok(pager.end().await?)
    }

    /// `#12 anna exec  the code`.
    fn entry_of(&self, accepted: &Accepted) -> String {
        let by = accepted
            .by
            .as_ref()
            .map_or_else(String::new, |by| if by.client == Some(self.me) { "you".to_owned() } else { self.named(by) });
        let label = format!("#{} {by}", accepted.n);
        let code = accepted.code.as_deref().unwrap_or_default();
        let clean = safe(head(code.trim_end(), CODE.1));
        let mut text = format!("{}\n", paint::paint(paint::DIM, label.trim_end()));
        for line in clean.lines().take(CODE.0) {
            text.push_str(&format!("    {line}\n"));
        }
        if code.trim_end().lines().count() > clean.lines().take(CODE.0).count() {
            text.push_str(&format!("    {}\n", paint::paint(paint::DIM, "...")));
        }
        text
    }

    pub(super) async fn tail(&mut self, rest: &str) -> Result<(), Failure> {
        let wanted = match rest {
            "" => LINES.0,
            text => text.parse().map_err(|_| Failure::usage(":tail takes a number of lines, as in :tail 50"))?,
        };
        self.last_lines(wanted).await
    }

    /// The last lines of output.
    pub(in crate::repl) async fn last_lines(&mut self, wanted: usize) -> Result<(), Failure> {
        let wanted = wanted.min(LINES.1);
        let session = self.session_id()?;
        let lines = stoppable(async {
            // Lines may be many to an event, or an event to each line: begin near the end and go back where that was too near.
            let mut events = 200.max(wanted as u64);
            loop {
                let mut past = Past::open(&self.place, &session, Start::Tail(events)).await?;
                let (mut text, mut last) = (Text::default(), LastLines::new(wanted));
                let mut first = None;
                while let Some(item) = past.next().await? {
                    if let Item::Event(record) = item {
                        first.get_or_insert(record.seq);
                        last.push(&text.of(&record.event));
                    }
                }
                past.close().await;
                if last.count() >= wanted as u64 || first.is_none_or(|seq| seq <= 1) || events > 1_000_000 {
                    return Ok(last.take());
                }
                events *= 10;
            }
        })
        .await?;
        if lines.is_empty() {
            return self.say("there is no output yet");
        }
        for line in lines {
            self.say(&line)?;
        }
        Ok(())
    }

    pub(super) async fn more(&mut self, which: &str) -> Result<(), Failure> {
        let (n, mut past) = stoppable(self.past_of(which)).await?;
        let (mut text, mut pager, mut any) = (Text::default(), Pager::new(), false);
        loop {
            let Some(event) = past.next_of(n).await? else { break };
            let shown = text.of(&event);
            any |= !shown.is_empty();
            if !shown.is_empty() && !pager.write(&shown).await? {
                break;
            }
        }
        past.close().await;
        pager.end().await?;
        if any { Ok(()) } else { self.say(&format!("#{n} has shown nothing")) }
    }

    pub(super) async fn replay(&mut self, which: &str) -> Result<(), Failure> {
        let (only, mut past) = if which.is_empty() {
            let session = self.session_id()?;
            let (from, to) = (self.away, self.until);
            (None, stoppable(async { Ok(Past::after(&self.place, &session, from).await?.to(to)) }).await?)
        } else {
            let (n, past) = stoppable(self.past_of(which)).await?;
            (Some(n), past)
        };
        let colour = !matches!(anstream::AutoStream::choice(&std::io::stdout()), anstream::ColorChoice::Never);
        let (mut pager, mut any) = (Pager::new(), false);
        let mut transcript = Transcript::new(true, colour, Vec::new());
        while let Some(item) = past.next().await? {
            // Others' evals that came to the queue meanwhile are not part of this one.
            let other = |n| matches!(&item, Item::Event(record) if super::super::replay::number(&record.event) != Some(n));
            if only.is_some_and(other) {
                continue;
            }
            any = true;
            transcript.item(&item)?;
            let text = String::from_utf8_lossy(&transcript.take()?).into_owned();
            if !pager.write(&text).await? {
                break;
            }
        }
        past.close().await;
        transcript.finish()?;
        pager.write(&String::from_utf8_lossy(&transcript.take()?)).await?;
        pager.end().await?;
        if any { Ok(()) } else { self.say("nothing happened while you were away") }
    }

    /// Asks first: what is removed does not come back.
    pub(super) async fn redact(&mut self, which: &str) -> Result<(), Failure> {
        if which.is_empty() {
            return Err(Failure::usage(":redact takes the number of an eval, as in :redact 12"));
        }
        let info = stoppable(self.which(which)).await?;
        self.confirm(&format!("remove the text and output of #{} for good?", info.n), Confirm::Redact(info.eval, info.n));
        Ok(())
    }
}

/// The event says that it is done, and the answer only why it is not.
pub(in crate::repl) fn redacted(repl: &mut Repl, eval: EvalId) -> Result<(), Failure> {
    let request = Redact { re: 0, id: rialto_client::request_id()?, eval };
    repl.session.send(Message::Redact(request))?;
    Ok(())
}
