//! `rialto verify`: is a journal what was recorded? Every record against its hash, all hashes against the head, the head
//! against what was kept of it elsewhere.
//!
//! It never asks the supervisor: a proof given by whoever keeps the record would be none. So it reads a copy of the journal's
//! bytes, which also means that no session waits for it.

mod copy;

use crate::args::{PlaceArgs, VerifyArgs};
use crate::exit::{self, Failure};
use crate::place::Place;
use crate::{ls, paint};
use copy::Copied;
use rialto_bridge::home::{Home, SessionHome};
use rialto_bridge::journal::{Anchor, Head, Held, JournalError, Verdict};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Times that a journal which is written to meanwhile is copied again before it is called broken.
const TRIES: usize = 3;

/// What is to be verified.
struct Target {
    name: String,
    journal: PathBuf,
    session: Option<SessionHome>,
}

/// What was found of one.
struct Found {
    verdict: Option<Verdict>,
    /// Why the file cannot even be read to its end.
    unreadable: Option<String>,
    anchor: Anchor,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Whole,
    Unchained,
    Rewound,
    Broken,
}

pub(crate) fn run(place: &PlaceArgs, args: &VerifyArgs) -> Result<u8, Failure> {
    let place = Place::of(place)?;
    let Some(home) = place.home() else {
        return Err(Failure::usage("verify reads journals of this machine: run it where they are, without --at"));
    };
    let targets = targets(home, args)?;
    if args.expect.is_some() && targets.len() != 1 {
        return Err(Failure::usage("--expect is the head of one journal: name that one"));
    }
    let mut worst = State::Whole;
    let mut failed = Ok(0);
    let mut out = anstream::stdout();
    for target in &targets {
        match look(target, args.expect) {
            Ok(found) => {
                let state = found.state(args.expect);
                worst = worst.max(state);
                let several = targets.len() > 1;
                match (args.json, args.head) {
                    (true, _) => writeln!(out, "{}", found.json(target, state, args.expect))?,
                    (false, true) => found.print_head(target, several, &mut out)?,
                    (false, false) => found.print(target, state, args.expect, &mut out)?,
                }
                if args.head && state > State::Unchained && !args.json {
                    found.complain(target, args.expect);
                }
            }
            // One that cannot be looked at must not hide the others.
            Err(failure) if failed.is_ok() => failed = Err(failure),
            Err(failure) => drop(exit::code(Err(failure))),
        }
    }
    out.flush()?;
    match worst {
        State::Broken => Ok(exit::BROKEN),
        State::Rewound if failed.is_ok() => Ok(exit::REWOUND),
        _ => failed,
    }
}

fn targets(home: &Home, args: &VerifyArgs) -> Result<Vec<Target>, Failure> {
    let of = |session: SessionHome| {
        let name =
            session.spec().ok().and_then(|spec| spec.name).map_or_else(|| session.id().to_string(), |name| name.to_string());
        Target { name, journal: session.journal(), session: Some(session) }
    };
    if args.all {
        let mut all: Vec<Target> = home.sessions()?.into_iter().filter(|session| session.journal().exists()).map(of).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        return Ok(all);
    }
    let one = |text: &String| {
        let path = Path::new(text);
        if text.contains('/') || path.is_file() {
            return Ok(Target { name: text.clone(), journal: path.to_owned(), session: None });
        }
        Ok(of(home.session(&home.resolve(text)?)))
    };
    args.which.iter().map(one).collect()
}

fn look(target: &Target, expect: Option<Head>) -> Result<Found, Failure> {
    let mut tries = TRIES;
    loop {
        // Before the journal: an anchor is never ahead of it, unless something was lost.
        let anchor = target.session.as_ref().map(SessionHome::anchor).unwrap_or_default();
        let wanted: Vec<Head> = anchor.head().into_iter().chain(expect).collect();
        let copied = Copied::of(&target.journal)
            .map_err(|why| Failure::new(exit::IO, format!("{} cannot be copied to be read: {why}", target.name)))?;
        let found = match copied.open().and_then(|journal| journal.verify(&wanted)) {
            Ok(verdict) => Found { verdict: Some(verdict), unreadable: None, anchor },
            Err(JournalError::NoChain(_)) => Found { verdict: None, unreadable: None, anchor },
            Err(why @ (JournalError::Corrupt { .. } | JournalError::NotAJournal { .. })) => {
                let why = why.to_string().replace(&copied.path().display().to_string(), &target.journal.display().to_string());
                Found { verdict: None, unreadable: Some(why), anchor }
            }
            Err(why) => return Err(Failure::new(exit::UNAVAILABLE, why.to_string())),
        };
        tries -= 1;
        // A copy of a file that is written to may be torn; a broken journal is broken each time.
        let lives = target.session.as_ref().is_some_and(|session| session.lives().unwrap_or(false));
        if tries == 0 || !lives || found.state(expect) < State::Rewound {
            return Ok(found);
        }
    }
}

impl Found {
    fn state(&self, expect: Option<Head>) -> State {
        if self.unreadable.is_some() {
            return State::Broken;
        }
        let Some(verdict) = &self.verdict else {
            return if expect.is_some() { State::Broken } else { State::Unchained };
        };
        if !verdict.faults.is_empty() || verdict.held.iter().any(|(_, held)| *held == Some(Held::Differs)) {
            return State::Broken;
        }
        if verdict.held.iter().any(|(_, held)| *held == Some(Held::Rewound)) { State::Rewound } else { State::Whole }
    }

    /// What became of a head, as a sentence.
    fn heads(&self, expect: Option<Head>) -> Vec<(State, String)> {
        let Some(verdict) = &self.verdict else { return Vec::new() };
        let end = verdict.head.map_or(0, |head| head.seq);
        let sentence = |(wanted, held): &(Head, Option<Held>), at: usize| {
            let whose = if expect == Some(*wanted) && at + 1 == verdict.held.len() {
                "the head that was expected"
            } else {
                "the head kept beside it"
            };
            let seq = wanted.seq;
            match held {
                Some(Held::Differs) => Some((State::Broken, format!("up to event {seq} it is not what {whose} stands for"))),
                Some(Held::Rewound) => Some((
                    State::Rewound,
                    format!("it ends with event {end}, and {whose} with {seq}: an older copy was put back, or power was lost"),
                )),
                Some(Held::Removed) => Some((
                    State::Whole,
                    format!("retention removed what lies around {whose} (event {seq}); the next one can be compared again"),
                )),
                _ => None,
            }
        };
        verdict.held.iter().enumerate().filter_map(|(at, held)| sentence(held, at)).collect()
    }

    fn faults(&self, expect: Option<Head>) -> Vec<String> {
        let mut said: Vec<String> = self.unreadable.iter().cloned().collect();
        if let Some(verdict) = &self.verdict {
            said.extend(verdict.faults.iter().map(ToString::to_string));
            if verdict.more > 0 {
                said.push(format!("{} more of the kind", verdict.more));
            }
        } else if expect.is_some() && said.is_empty() {
            said.push("none of its events is chained, so it cannot be what was expected".to_owned());
        }
        said.extend(self.heads(expect).into_iter().filter(|(state, _)| *state > State::Unchained).map(|(_, text)| text));
        said
    }

    fn complain(&self, target: &Target, expect: Option<Head>) {
        for fault in self.faults(expect) {
            paint::complain(&format!("{}: {fault}", ls::plain(&target.name)));
        }
    }

    fn print_head(&self, target: &Target, several: bool, out: &mut impl Write) -> std::io::Result<()> {
        match self.verdict.as_ref().and_then(|verdict| verdict.head) {
            Some(head) if several => writeln!(out, "{}  {head}", ls::plain(&target.name)),
            Some(head) => writeln!(out, "{head}"),
            None => {
                paint::talk(&format!("{}: none of its events is chained", ls::plain(&target.name)));
                Ok(())
            }
        }
    }

    fn print(&self, target: &Target, state: State, expect: Option<Head>, out: &mut impl Write) -> std::io::Result<()> {
        let word = match state {
            State::Whole => paint::paint(paint::GOOD, "whole"),
            State::Unchained => "not chained: an older build wrote it, and none has gone on with it since".to_owned(),
            State::Rewound => paint::paint(paint::ERROR, "rewound"),
            State::Broken => paint::paint(paint::ERROR, "broken"),
        };
        let head = self.verdict.as_ref().and_then(|verdict| verdict.head).map(|head| format!(", head {head}"));
        let events = self.verdict.as_ref().map(|verdict| format!(": {} events", verdict.records));
        let name = ls::plain(&target.name);
        writeln!(out, "{name}: {word}{}{}", events.unwrap_or_default(), head.unwrap_or_default())?;
        for fault in self.faults(expect) {
            writeln!(out, "  {fault}")?;
        }
        for (_, note) in self.heads(expect).iter().filter(|(state, _)| *state == State::Whole) {
            writeln!(out, "  {note}")?;
        }
        if let Some(verdict) = &self.verdict {
            if verdict.start > 1 {
                writeln!(out, "  no chain before event {}: an older build wrote those", verdict.start)?;
            }
            if verdict.removed > 0 || verdict.bare > 0 {
                let (gone, bare) = (verdict.removed, verdict.bare);
                writeln!(out, "  removed by retention or redact, their hashes kept: {gone} events; the text of {bare} more")?;
            }
        }
        for rewind in &self.anchor.rewound {
            let (when, from, to) = (crate::logs::when(rewind.at_ms), number(&rewind.from), number(&rewind.to));
            writeln!(out, "  {when}: a supervisor found it ending with event {to} instead of {from}, and went on from there")?;
        }
        Ok(())
    }

    fn json(&self, target: &Target, state: State, expect: Option<Head>) -> Value {
        let verdict = self.verdict.as_ref();
        let word = match state {
            State::Whole => "whole",
            State::Unchained => "unchained",
            State::Rewound => "rewound",
            State::Broken => "broken",
        };
        json!({
            "name": target.name,
            "session": target.session.as_ref().map(|session| session.id().as_str()),
            "journal": target.journal,
            "state": word,
            "head": verdict.and_then(|verdict| verdict.head).map(|head| head.to_string()),
            "events": verdict.map(|verdict| verdict.records),
            "removed": verdict.map(|verdict| verdict.removed),
            "without_text": verdict.map(|verdict| verdict.bare),
            "first_chained": verdict.map(|verdict| verdict.start),
            "faults": self.faults(expect),
            "anchor": self.anchor.head().map(|head| head.to_string()),
            "rewound": self.anchor.rewound,
        })
    }
}

/// The number of a head that is text.
fn number(head: &str) -> &str {
    head.split(':').next().unwrap_or_default()
}
