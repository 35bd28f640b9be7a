//! The session in which evals are run again: one at a time, answered as they had been answered.

use super::inputs::{Answer, Input};
use super::progress::Progress;
use super::shown::Shown;
use crate::exit::{self, Failure};
use crate::place::Place;
use crate::stdin::{Got, Stdin};
use crate::{paint, reach};
use rialto_client::protocol::event::{Asked, Event};
use rialto_client::protocol::message::{Escalate, Input as Reply, Interrupt, Open};
use rialto_client::protocol::{EvalNumber, Life, Message, Outcome};
use rialto_client::{EvalOptions, EvalRun, Incoming, RunItem, Session, Start};
use std::io::IsTerminal;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// How often the line on the terminal is drawn anew.
const TICK: Duration = Duration::from_millis(200);

/// See the module.
pub(crate) struct Target {
    session: Session,
    pub(crate) name: String,
    /// It is gone when nobody is attached any more: what runs in it may be ended by force.
    temporary: bool,
    stdin: Stdin,
    stop: Signal,
    /// The life of the eval that was run last, as it had been; whether the kernel died under it here.
    life: Option<Life>,
    died: bool,
}

/// What became of an eval.
pub(crate) struct Again {
    pub(crate) n: EvalNumber,
    pub(crate) shown: Shown,
    /// Ctrl-C: nothing more is to be run.
    pub(crate) stopped: bool,
}

impl Target {
    pub(crate) async fn open(place: &Place, open: Open, label: &str) -> Result<Self, Failure> {
        let stop = signal(SignalKind::interrupt())?;
        let temporary = open.create.as_ref().is_some_and(|create| create.ends_when_done);
        let mut session = place.open(open, label, Start::After(None))?;
        let connected = reach::first(&mut session).await?;
        let greeted = &connected.greeted;
        let name = greeted.name.as_ref().map_or_else(|| greeted.session.to_string(), ToString::to_string);
        Ok(Self { session, name, temporary, stdin: Stdin::default(), stop, life: None, died: false })
    }

    pub(crate) async fn leave(self) {
        self.session.leave().await;
    }

    /// Runs an eval as it had run.
    pub(crate) async fn run(&mut self, input: &Input, progress: &mut Progress) -> Result<Again, Failure> {
        // Where it had a fresh kernel it gets one; one that died by itself is followed by a fresh one anyway.
        if self.life.is_some_and(|life| life != input.life) && !self.died {
            self.session.restart().await?;
        }
        self.life = Some(input.life);
        let code = input.accepted.code.clone().unwrap_or_default();
        let options = EvalOptions { show: input.accepted.show, argv: input.accepted.argv.clone(), ..EvalOptions::default() };
        let mut run = self.session.eval(code, options)?;
        let mut one = One { input, asks: 0, shown: Shown::default(), stops: 0, temporary: self.temporary };
        let mut reading: Option<(Asked, oneshot::Receiver<Got>)> = None;
        let mut clock = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                biased;
                _ = self.stop.recv() => one.stop(&mut run)?,
                item = run.next() => match item {
                    None => break,
                    Some(RunItem::Event(record)) => {
                        if let Event::Asked(asked) = &record.event {
                            progress.clear();
                            if let Some(asked) = one.asked(&mut run, asked)? {
                                let got = match (asked.line, asked.secret) {
                                    (true, true) => self.stdin.secret(&asked.prompt),
                                    (true, false) => self.stdin.line(&asked.prompt),
                                    (false, _) => self.stdin.chunk(),
                                };
                                reading = Some((asked, got));
                            }
                        }
                        if let Event::Ended(_) = &record.event {
                            reading = None;
                        }
                        one.shown.event(&record.event);
                    }
                    Some(RunItem::Other(other)) => self::other(other, progress)?,
                },
                got = async { match &mut reading { Some((_, got)) => got.await.ok().flatten(), None => std::future::pending().await } } => {
                    if let Some((asked, _)) = reading.take() {
                        answer(&mut run, &asked, got)?;
                    }
                }
                _ = clock.tick(), if reading.is_none() && progress.is_on() => progress.tick(input.n()),
            }
            if one.stops > 2 {
                return Err(Failure::new(exit::INTERRUPTED, format!("left #{} running in {}", input.n(), self.name)));
            }
        }
        let n = run.number().unwrap_or(0);
        match run.over() {
            Some(Ok(finished)) if one.shown.ended.is_none() => {
                one.shown.ended = Some(super::shown::End::from(finished.outcome));
            }
            Some(Err(why)) => return Err(why.clone().into()),
            _ => {}
        }
        self.died = one.shown.outcome() == Some(Outcome::Died);
        Ok(Again { n, shown: one.shown, stopped: one.stops > 0 })
    }
}

/// One eval on its way.
struct One<'a> {
    input: &'a Input,
    /// Questions so far.
    asks: usize,
    shown: Shown,
    /// How often Ctrl-C was pressed.
    stops: u32,
    temporary: bool,
}

impl One<'_> {
    fn stop(&mut self, run: &mut EvalRun<'_>) -> Result<(), Failure> {
        self.stops += 1;
        let force = Escalate { terminate_ms: Some(1_000), kill_ms: Some(2_000), ..Escalate::default() };
        let escalate = self.temporary.then_some(force);
        let id = rialto_client::request_id()?;
        let eval = run.id();
        run.session().send(Message::Interrupt(Interrupt { re: 0, id, eval, escalate }))?;
        Ok(())
    }

    /// A question: answered from the record, or to be answered by whoever is here.
    fn asked(&mut self, run: &mut EvalRun<'_>, asked: &Asked) -> Result<Option<Asked>, Failure> {
        self.asks += 1;
        let known = self.input.answers.get(self.asks - 1);
        match known {
            Some(Answer::Data(data)) => answer(run, asked, Some(data.clone()))?,
            Some(Answer::Eof) => answer(run, asked, None)?,
            Some(Answer::Secret) | None => {
                let n = self.input.n();
                let what =
                    if known.is_some() { "asks for a secret, which is never recorded" } else { "asks more than it had asked" };
                if std::io::stdin().is_terminal() {
                    paint::talk(&format!("#{n} {what}; answer it here"));
                    return Ok(Some(asked.clone()));
                }
                paint::talk(&format!("#{n} {what}, and there is no terminal to ask at: it is told that nothing more comes"));
                answer(run, asked, None)?;
            }
        }
        Ok(None)
    }
}

fn answer(run: &mut EvalRun<'_>, asked: &Asked, got: Got) -> Result<(), Failure> {
    let eof = got.is_none();
    let life = Some(asked.life).filter(|life| *life > 0);
    let reply =
        Reply { re: 0, id: rialto_client::request_id()?, life, ask: asked.ask, data: got.unwrap_or_default().into(), eof };
    run.session().send(Message::Input(reply))?;
    Ok(())
}

fn other(incoming: Incoming, progress: &mut Progress) -> Result<(), Failure> {
    let text = match incoming {
        Incoming::Reconnecting { attempt: 2, why, .. } => format!("{}; reconnecting", why.text),
        Incoming::Delayed { error, in_ms, .. } => format!("{}; trying again in {in_ms} ms", error.text),
        Incoming::Notice(notice) if notice.what != "behind" => notice.text,
        Incoming::Closed(why) => return Err(why.into()),
        _ => return Ok(()),
    };
    progress.clear();
    paint::talk(&text);
    Ok(())
}
