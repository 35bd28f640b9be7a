//! `rialto exec`: run code and be, to whoever called, as if the interpreter had been called: its stdout, its stderr, its exit
//! code. What differs: it runs at most once, and it goes on if this program is killed.

use crate::args::{ExecArgs, PlaceArgs};
use crate::done::{Done, Finished};
use crate::exit::{self, Failure};
use crate::place::Place;
use crate::render::Screen;
use crate::stdin::{Got, Stdin};
use crate::{paint, project, reach, sanitise, start, target};
use rialto_client::protocol::event::{Asked, Event};
use rialto_client::protocol::message::{Escalate, Input, Interrupt, Open, Submit};
use rialto_client::protocol::trace::is_traceparent;
use rialto_client::protocol::{Code, EvalId, Message, Outcome, Record, SessionId, SessionName, Show, codec};
use rialto_client::{EvalOptions, EvalRun, Incoming, RunItem, Start};
use sha2::{Digest, Sha256};
use std::io::{IsTerminal, Read};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// A pause until the next attempt that is worth a word even where it is the first. Milliseconds.
const SOON: u64 = 1_000;

/// What is to be run, and how.
struct Source {
    code: String,
    show: Show,
    argv: Vec<String>,
    /// stdin was the code: the program reads the end of the file.
    stdin_is_code: bool,
}

/// What the place's URL says is meant where nothing else is named.
fn meant(mut args: ExecArgs, place: &Place) -> ExecArgs {
    if args.session.is_none() && !args.rm {
        args.session = place.session().map(str::to_owned);
    }
    if args.kernel.is_none() {
        args.kernel = place.kernel().map(str::to_owned);
    }
    args
}

pub(crate) async fn run(place: &PlaceArgs, args: ExecArgs) -> Result<u8, Failure> {
    let source = source(&args)?;
    let eval = match &args.eval_id {
        Some(text) => named_eval(text),
        None => rialto_client::eval_id()?,
    };
    let place = Place::of(place)?;
    let args = meant(args, &place);
    let open = open(&args, &place, eval)?;
    // What that one says of itself is for who sits in front of it.
    let says_where = open.create.as_ref().is_none_or(|create| create.kernel != target::BUILT_IN);
    if args.detach {
        return detached(&args, &place, open, eval, source).await;
    }
    let start = match (&args.session, &args.eval_id) {
        // A session of its own holds nothing but this.
        (None, _) => Start::After(None),
        (Some(_), None) => Start::Tail(0),
        // It may have run long ago: submitting says whether, and its events are read from where they began.
        (Some(_), Some(_)) => {
            let mut asker = place.open(open.clone(), "exec", Start::Detached)?;
            reach::first(&mut asker).await?;
            asker.request(submit(eval, &source)).await?;
            asker.leave().await;
            Start::Eval(eval)
        }
    };
    let mut session = place.open(open, "exec", start)?;
    let connected = reach::first(&mut session).await?;
    say_without_effect(&args, place.made() || connected.opened.created);
    if args.eval_id.is_some() {
        // What ran under this id is shown to whoever means the same code, and to nobody else: refused comes first.
        session.request(submit(eval, &source)).await?;
    }
    let Source { code, show, argv, stdin_is_code } = source;
    let options = EvalOptions { id: Some(eval), show, argv: Some(argv), trace: trace(), ..EvalOptions::default() };
    let live = connected.greeted.kernel == crate::embed::KERNEL;
    let mut follow = Follow { says_where, live, ..Follow::new(&args, stdin_is_code) };
    let mut run = session.eval(code, options)?;
    let outcome = follow.until_it_ends(&mut run).await;
    let n = run.number().unwrap_or(0);
    session.leave().await;
    if let Some((how, took)) = follow.took {
        let greeted = &connected.greeted;
        let name = greeted.name.as_ref().map_or_else(|| greeted.session.to_string(), ToString::to_string);
        // Heard from before it runs.
        let mut stop = signal(SignalKind::interrupt())?;
        let mut done = Done::for_a_script(&args.done);
        let (_, said) = done.ended(&Finished { session: &name, at: place.at(), n, outcome: how, took });
        said.iter().for_each(|text| paint::complain(text));
        tokio::select! {
            () = done.finish(paint::complain) => {}
            // Whoever does not want to wait for it ends it.
            _ = stop.recv() => {}
        }
    }
    outcome
}

/// Submits, says how to find it again, and goes.
async fn detached(args: &ExecArgs, place: &Place, open: Open, eval: EvalId, source: Source) -> Result<u8, Failure> {
    let mut session = place.open(open, "exec", Start::Detached)?;
    let connected = reach::first(&mut session).await?;
    say_without_effect(args, place.made() || connected.opened.created);
    let Message::EvalInfo(info) = session.request(submit(eval, &source)).await? else {
        return Err(Failure::internal("the submit was answered by something else".to_owned()));
    };
    let name = connected.opened.name.map_or_else(|| connected.opened.session.to_string(), |n| n.to_string());
    session.leave().await;
    let mut screen = Screen::new();
    screen.line(&format!("{name}#{}", info.n))?;
    screen.flush()?;
    paint::talk(&format!("eval {eval}; follow it with: rialto wait {name} {}, or: rialto logs -f {name}", info.n));
    Ok(0)
}

/// A session that was there already is as it was made.
fn say_without_effect(args: &ExecArgs, made: bool) {
    if let (Some(session), false) = (&args.session, made)
        && let Some(text) = start::without_effect(&args.start.said(), session)
    {
        paint::talk(&text);
    }
}

/// The trace that whoever called us is in. What is no traceparent is as good as none.
fn trace() -> Option<String> {
    std::env::var("TRACEPARENT").ok().filter(|text| is_traceparent(text))
}

fn submit(eval: EvalId, source: &Source) -> Message {
    Message::Submit(Submit {
        re: 0,
        eval,
        code: source.code.as_str().into(),
        group: None,
        on_error: Default::default(),
        show: source.show,
        argv: Some(source.argv.clone()),
        trace: trace(),
    })
}

/// The code: an argument, a file, or what a pipe says.
fn source(args: &ExecArgs) -> Result<Source, Failure> {
    let value = if args.quiet { Show::Nothing } else { Show::Value };
    let argv = |name: &str| std::iter::once(name.to_owned()).chain(args.args.iter().cloned()).collect();
    if let Some(code) = &args.code {
        return Ok(Source { code: code.clone(), show: value, argv: argv("-c"), stdin_is_code: false });
    }
    match args.file.as_deref() {
        None if std::io::stdin().is_terminal() => {
            Err(Failure::usage("nothing to run: give -c CODE, a FILE, or - with the code on stdin (see rialto exec --help)"))
        }
        None | Some("-") => {
            let mut bytes = Vec::new();
            std::io::stdin().lock().read_to_end(&mut bytes)?;
            Ok(Source { code: text(bytes, "what stdin says")?, show: value, argv: argv("-"), stdin_is_code: true })
        }
        Some(file) => {
            let bytes = std::fs::read(file).map_err(|e| Failure::new(exit::USAGE, format!("{file} cannot be read: {e}")))?;
            Ok(Source { code: text(bytes, file)?, show: Show::Nothing, argv: argv(file), stdin_is_code: false })
        }
    }
}

fn text(bytes: Vec<u8>, what: &str) -> Result<String, Failure> {
    String::from_utf8(bytes).map_err(|e| Failure::usage(format!("{what} is no UTF-8 text: {e}")))
}

/// An id is taken as it is; any other text is hashed, so that "deploy-7" is one eval for ever.
fn named_eval(text: &str) -> EvalId {
    text.parse().unwrap_or_else(|_| {
        let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        let mut id = [0; 16];
        id.copy_from_slice(digest.first_chunk::<16>().unwrap_or(&[0; 16]));
        EvalId(id)
    })
}

/// The kernel that files of this name are for.
fn by_extension(file: &str) -> Option<&'static str> {
    match std::path::Path::new(file).extension()?.to_str()? {
        "js" | "mjs" | "cjs" => Some("node"),
        "sh" | "bash" => Some("bash"),
        _ => None,
    }
}

fn fallback(args: &ExecArgs, place: &Place) -> &'static str {
    let kernel = target::default_kernel(place, args.start.python.as_deref());
    if kernel == target::BUILT_IN {
        paint::talk("no Python was found: this runs as JavaScript, by the kernel js that is built in; -k names another");
    }
    kernel
}

/// Where it runs: in the session that is named, or in one of its own whose id follows from the eval's, so that a retry meets
/// the same session.
fn open(args: &ExecArgs, place: &Place, eval: EvalId) -> Result<Open, Failure> {
    let by_name = || args.file.as_deref().and_then(by_extension);
    let chosen = match (args.kernel.as_deref(), by_name()) {
        (Some(kernel), _) => project::named(kernel, place)?,
        // What is there already is met, whatever the project wants of new ones.
        (None, _) if args.session.is_some() => target::DEFAULT_KERNEL.into(),
        (None, Some(kernel)) => kernel.into(),
        (None, None) => match project::default(place)? {
            Some(chosen) => chosen,
            None => fallback(args, place).into(),
        },
    };
    let mut create = start::create(&chosen, &args.start, &args.life, place)?;
    if let Some(session) = &args.session {
        if args.kernel.is_some() {
            // Asked to make it where it is not there, we can say at once that it can never be there.
            session.parse::<SessionName>().map_err(|e| Failure::usage(e.to_string()))?;
        }
        return Ok(Open { session: session.clone(), create: args.kernel.is_some().then_some(create), ..Open::default() });
    }
    let digest: [u8; 32] = Sha256::digest(eval.0).into();
    create.session = Some(SessionId::from_bytes(*digest.first_chunk::<10>().unwrap_or(&[0; 10])));
    create.ends_when_done = !args.detach;
    create.remove_at_end = args.rm;
    Ok(Open { create: Some(create), ..Open::default() })
}

/// The link to a program was lost and made anew, or it is another program under the same name.
pub(crate) const AGAIN_IN: &str = "this ran in the program as it is now: the link to it was made anew";

/// Follows one eval to its end on the terminal or the pipes of this program.
struct Follow {
    screen: Screen,
    stdin: Stdin,
    reading: Option<(Asked, oneshot::Receiver<Got>)>,
    json: bool,
    stdin_is_code: bool,
    own_session: bool,
    /// The kernel is a program that ran before it.
    live: bool,
    /// Says which environment the kernel is in.
    says_where: bool,
    timeout: Option<Duration>,
    timed_out: bool,
    interrupts: u32,
    /// When it started, and how it ended and how long it took. Microseconds of its supervisor's clock.
    started_us: u64,
    took: Option<(Outcome, Duration)>,
}

impl Follow {
    fn new(args: &ExecArgs, stdin_is_code: bool) -> Self {
        Self {
            screen: Screen::new(),
            stdin: Stdin::default(),
            reading: None,
            json: args.json,
            stdin_is_code,
            own_session: args.session.is_none(),
            live: false,
            says_where: true,
            timeout: args.timeout,
            timed_out: false,
            interrupts: 0,
            started_us: 0,
            took: None,
        }
    }

    async fn until_it_ends(&mut self, run: &mut EvalRun<'_>) -> Result<u8, Failure> {
        let mut sigint = signal(SignalKind::interrupt())?;
        let deadline = self.timeout.map(|t| tokio::time::Instant::now() + t);
        loop {
            let limit = deadline.filter(|_| !self.timed_out);
            tokio::select! {
                biased;
                _ = sigint.recv() => self.interrupt(run)?,
                item = run.next() => match item {
                    None => break,
                    Some(item) => self.show(run, item)?,
                },
                got = async { match &mut self.reading { Some((_, got)) => got.await.ok().flatten(), None => std::future::pending().await } } => {
                    if let Some((asked, _)) = self.reading.take() {
                        answer(run, &asked, got)?;
                    }
                }
                () = async { match limit { Some(at) => tokio::time::sleep_until(at).await, None => std::future::pending().await } } => {
                    self.timed_out = true;
                    let escalate = Escalate { again_ms: Some(1_000), terminate_ms: Some(2_000), kill_ms: Some(3_000), answer_ms: None };
                    send_interrupt(run, Some(escalate))?;
                }
            }
            if self.interrupts > 2 {
                paint::talk("left while the code goes on; `rialto ls` shows it");
                return Ok(exit::INTERRUPTED);
            }
        }
        self.screen.flush()?;
        if self.timed_out {
            let seconds = self.timeout.unwrap_or_default().as_secs_f64();
            paint::complain(&format!("the code was stopped after {seconds} s"));
            return Ok(exit::TIMEOUT);
        }
        match run.over() {
            Some(Ok(finished)) => Ok(exit::of(&rialto_client::protocol::event::Ended {
                outcome: finished.outcome,
                code: finished.code,
                ..Default::default()
            })),
            Some(Err(e)) => Err(e.clone().into()),
            None => Err(Failure::internal("the eval's end was not seen".to_owned())),
        }
    }

    /// Ctrl-C: interrupt; again: by force, where nobody else can be hit by it; a third time: go.
    fn interrupt(&mut self, run: &mut EvalRun<'_>) -> Result<(), Failure> {
        self.interrupts += 1;
        match self.interrupts {
            1 => send_interrupt(run, None),
            2 if self.own_session => {
                paint::talk("stopping it by force");
                send_interrupt(run, Some(Escalate { terminate_ms: Some(200), kill_ms: Some(1_000), ..Escalate::default() }))
            }
            2 => {
                paint::talk("interrupted twice; once more leaves it running and goes");
                send_interrupt(run, None)
            }
            _ => Ok(()),
        }
    }

    fn show(&mut self, run: &mut EvalRun<'_>, item: RunItem) -> Result<(), Failure> {
        match item {
            RunItem::Event(record) => self.event(run, record)?,
            RunItem::Other(incoming) => self.other(incoming)?,
        }
        // Write in large pieces while more is here, and at once when not.
        if run.session().idle() {
            self.screen.flush()?;
        }
        Ok(())
    }

    fn event(&mut self, run: &mut EvalRun<'_>, record: Record) -> Result<(), Failure> {
        if self.json {
            self.screen.json(&codec::to_json(&Message::Event(record.clone())))?;
        }
        match &record.event {
            Event::Asked(asked) => self.asked(run, asked)?,
            Event::Accepted(_) | Event::Started(_) => self.started_us = record.at.mono_us,
            Event::Ended(ended) => {
                self.reading = None;
                let took = record.at.mono_us.saturating_sub(self.started_us);
                self.took = Some((ended.outcome, Duration::from_micros(took)));
            }
            _ => {}
        }
        if self.json {
            return Ok(());
        }
        match record.event {
            Event::Output(output) => self.screen.output(&output)?,
            Event::Display(display) if crate::render::is_for_programs(&display.data) => {}
            Event::Display(display) => self.screen.value(&display.data)?,
            Event::Ended(ended) => {
                if let Some(result) = &ended.result {
                    self.screen.value(result)?;
                }
                if let Some(failure) = &ended.failure {
                    self.screen.failure(failure)?;
                }
                self.screen.flush()?;
                if let Some(why) = &ended.why {
                    // sys.exit("text") prints that text, as the language does; everything else is ours to say.
                    if ended.outcome == Outcome::Exit { paint_plain(why)? } else { paint::complain(why) }
                }
                if ended.fresh_state {
                    paint::talk(if self.live {
                        AGAIN_IN
                    } else {
                        "this ran in a fresh kernel: what earlier evals of the session made is gone"
                    });
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn asked(&mut self, run: &mut EvalRun<'_>, asked: &Asked) -> Result<(), Failure> {
        // Where nobody types, a prompt is output like any other: to stdout, as the language does.
        if asked.line && !asked.secret && !self.json && (self.stdin_is_code || !std::io::stdin().is_terminal()) {
            self.screen.prompt(&asked.prompt)?;
        }
        if self.stdin_is_code {
            return answer(run, asked, None);
        }
        self.screen.flush()?;
        let got = match (asked.line, asked.secret) {
            (true, true) => self.stdin.secret(&asked.prompt),
            (true, false) => self.stdin.line(&asked.prompt),
            (false, _) => self.stdin.chunk(),
        };
        self.reading = Some((asked.clone(), got));
        Ok(())
    }

    fn other(&mut self, incoming: Incoming) -> Result<(), Failure> {
        match incoming {
            // A supervisor that was just leaving is met now and then; the first new attempt finds it back, where that comes soon.
            Incoming::Reconnecting { attempt, in_ms, why } if attempt > 1 || in_ms > SOON => {
                paint::talk(&format!("{}; trying again in {in_ms} ms", why.text));
            }
            // The disk is full, or the queue: nobody should wait without knowing for what.
            Incoming::Delayed { error, in_ms, .. } => paint::talk(&format!("{}; trying again in {in_ms} ms", error.text)),
            // Which environment it is in, where that is not simply the one of whoever called.
            Incoming::Event(Record { event: Event::LifeStarted(life), .. }) if !self.json && self.says_where => {
                if let Some(note) = &life.kernel.note {
                    paint::talk(&sanitise::text(note));
                }
            }
            Incoming::Gap(gap) => paint::talk(&format!("events {} to {} are no longer kept", gap.from, gap.to)),
            // Everything is read here, as fast as it is written out: that some of it is still to come is no news.
            Incoming::Notice(notice) if notice.what == "behind" => {}
            Incoming::Notice(notice) => paint::talk(&format!("{}: {}", notice.what, notice.text)),
            Incoming::Closed(e) => return Err(e.into()),
            // A refused submit ends the run, and is told there; an answer to what is no longer asked is nobody's news.
            Incoming::Answer(_, Err(e)) if matches!(e.known(), Some(Code::NoSuchAsk | Code::IdReused)) => {}
            Incoming::Error(e) => paint::complain(&e.text),
            _ => {}
        }
        Ok(())
    }
}

fn paint_plain(text: &str) -> Result<(), Failure> {
    use std::io::Write;
    Ok(writeln!(std::io::stderr(), "{text}")?)
}

fn send_interrupt(run: &mut EvalRun<'_>, escalate: Option<Escalate>) -> Result<(), Failure> {
    let interrupt = Interrupt { re: 0, id: rialto_client::request_id()?, eval: run.id(), escalate };
    run.session().send(Message::Interrupt(interrupt))?;
    Ok(())
}

fn answer(run: &mut EvalRun<'_>, asked: &Asked, got: Got) -> Result<(), Failure> {
    let eof = got.is_none();
    let data = got.unwrap_or_default().into();
    let input = Input {
        re: 0,
        id: rialto_client::request_id()?,
        life: Some(asked.life).filter(|life| *life > 0),
        ask: asked.ask,
        data,
        eof,
    };
    run.session().send(Message::Input(input))?;
    Ok(())
}
