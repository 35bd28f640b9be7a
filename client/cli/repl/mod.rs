//! `rialto [repl]`: a session in the terminal. A loop: read an entry, run it, show what comes.
//!
//! While code runs nothing is read, so its output needs no care; while a line is read, what others do appears above it.

mod commands;
pub(crate) mod editor;
mod incoming;
mod replay;
mod resume;
mod screen;

use crate::args::{PlaceArgs, ReplArgs};
use crate::exit::Failure;
use crate::local::Place;
use crate::{paint, reach, target};
use editor::{About, Keyboard, Kind, LinkState, Mode, Question, Read, Reply, Typed};
use incoming::Others;
use rialto_client::protocol::event::Asked;
use rialto_client::protocol::event::Who;
use rialto_client::protocol::kernel::{Completeness, Completions};
use rialto_client::protocol::message::{At, Input, Interrupt, Open, Submit};
use rialto_client::protocol::{Bundle, ClientId, Cursor, EvalId, EvalNumber, Message, Seq};
use rialto_client::{Options, Session, Start, Ticket};
use screen::{Above, Busy, Terminal};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

/// How long a kernel that starts is asked whether an entry is complete.
const PATIENCE: Duration = Duration::from_secs(1);
/// A kernel that starts is asked again after this long.
const AGAIN: Duration = Duration::from_millis(50);
/// Events shown of a session that this user has not seen before.
const TAIL: u64 = 40;

pub(crate) async fn run(place: &PlaceArgs, args: ReplArgs) -> Result<u8, Failure> {
    let place = Place::of(place)?;
    let known = |name: &str| place.home().is_none_or(|home| home.resolve(name).is_ok());
    let is_kernel = |name: &str| rialto_kernels::known().iter().any(|k| k.name == name);
    let kernel = args.kernel.as_deref();
    let mut open = target::wanted(args.session.as_deref(), kernel, args.new, args.python.as_deref(), &known, &is_kernel)?;
    // An id, or the beginning of one, names what is there and never makes anything.
    if !open.session.is_empty() && known(&open.session) && !args.new && kernel.is_none() {
        open.create = open.create.filter(|_| place.home().is_none());
    }
    open_in_terminal(&place, open, "terminal", args.edit_mode).await
}

/// A session in the terminal, wherever it came from.
pub(crate) async fn open_in_terminal(place: &Place, open: Open, label: &str, mode: Option<Mode>) -> Result<u8, Failure> {
    let client = rialto_client::client_id()?;
    let (session, away) = handle(place, open, label, client);
    let keyboard = Keyboard::start()?;
    let screen = Terminal::new();
    let mut repl = Repl {
        session,
        place: place.clone(),
        label: label.to_owned(),
        keyboard,
        above: screen.above(),
        screen,
        me: client,
        doing: Doing::Waiting,
        name: String::new(),
        others: Others::default(),
        catching_up: 0,
        asked: Vec::new(),
        questions: BTreeMap::new(),
        interrupting: BTreeMap::new(),
        ask_again: None,
        gone: None,
        mode,
        interrupts: 0,
        outcome: 0,
        away: (away, 0),
        typed_before: place.home().map(|home| home.state().to_owned()),
        connected: std::time::Instant::now(),
    };
    repl.greet().await?;
    let outcome = repl.go().await;
    // The terminal is as it was before the shell has it again.
    let Repl { session, keyboard, .. } = repl;
    drop(keyboard);
    session.leave().await;
    outcome
}

/// A handle that goes on where a terminal of this user last looked, and that place.
fn handle(place: &Place, open: Open, label: &str, client: ClientId) -> (Session, Option<Cursor>) {
    let id = place.home().and_then(|home| home.resolve(&open.session).ok());
    let seen = id.as_ref().and_then(|id| resume::seen(place.home()?, id));
    let mut options = Options::new(client, label);
    options.start = match (&id, seen) {
        (_, Some(cursor)) => Start::After(Some(cursor)),
        (None, None) if place.home().is_some() => Start::After(None),
        _ => Start::Tail(TAIL),
    };
    (place.open_with(open, options), seen)
}

/// What the terminal is busy with.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Doing {
    /// Nothing yet.
    Waiting,
    /// An entry is being typed, or what a program reads.
    Reading(What),
    /// Our eval runs, or waits for its turn.
    Running(EvalId, Option<EvalNumber>),
    /// Asked whether the text of an eval is to be removed.
    Redacting(EvalId, EvalNumber),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum What {
    Entry,
    Input,
}

/// Who waits for the answer to a question about code.
#[derive(Debug)]
enum Asking {
    Complete(Reply<Completions>),
    Inspect(Reply<Bundle>),
    /// And until when a kernel that starts is asked again.
    Judge {
        code: String,
        answer: Reply<Completeness>,
        until: Instant,
    },
}

struct Repl {
    session: Session,
    place: Place,
    label: String,
    keyboard: Keyboard,
    screen: Terminal,
    /// Lines that others print, on their way above the prompt.
    above: Above,
    me: ClientId,
    doing: Doing,
    name: String,
    others: Others,
    /// Events up to this one happened before we came.
    catching_up: Seq,
    /// Questions of our evals that nobody has answered.
    asked: Vec<Asked>,
    /// What the editor asked, and nobody has answered.
    questions: BTreeMap<Ticket, Asking>,
    /// What is asked once more, and when.
    ask_again: Option<(Instant, Asking)>,
    /// The keys that were asked for.
    mode: Option<Mode>,
    /// Since when there is no connection.
    gone: Option<std::time::Instant>,
    interrupts: u32,
    outcome: u8,
    /// Interrupts asked for by a command, and the evals they name.
    interrupting: BTreeMap<Ticket, EvalNumber>,
    /// What happened after this event and up to that one, happened while nobody of this user looked.
    away: (Option<Cursor>, Seq),
    /// The folder where what is typed is kept.
    typed_before: Option<PathBuf>,
    /// Since when there is a link.
    connected: std::time::Instant,
}

/// Goes on, or is over.
enum Next {
    On,
    Over,
    /// On, in another session.
    Attach(String),
}

impl Repl {
    /// Says where we are, and who else is.
    async fn greet(&mut self) -> Result<(), Failure> {
        let connected = reach::first(&mut self.session).await?;
        let greeted = &connected.greeted;
        self.name = greeted.name.as_ref().map_or_else(|| greeted.session.to_string(), ToString::to_string);
        self.catching_up = connected.attached.as_ref().map_or(0, |a| a.head);
        self.away.1 = self.catching_up;
        self.connected = std::time::Instant::now();
        let status = self.session.status().await?;
        let others: Vec<String> = status
            .clients
            .iter()
            .filter(|w| w.client != Some(self.me))
            .map(|w| if w.label.is_empty() { w.principal.clone() } else { format!("{}/{}", w.principal, w.label) })
            .collect();
        self.keyboard.about(About {
            folder: self.place.home().map(|home| home.state().to_owned()),
            kernel: status.kernel.clone(),
            session: self.name.clone(),
            language: status.info.as_ref().map_or_else(|| status.kernel.clone(), |info| info.language.clone()),
            mode: self.mode,
        });
        let kernel = status.info.as_ref().map_or_else(|| status.kernel.clone(), |i| format!("{} {}", i.language, i.version));
        let how = if self.place.made() || status.evals == 0 && self.place.home().is_none() {
            format!("new session {}", self.name)
        } else {
            let evals = if status.evals == 1 { "1 eval".to_owned() } else { format!("{} evals", status.evals) };
            format!("resumed session {}, {evals} so far", self.name)
        };
        let company = if others.is_empty() { String::new() } else { format!("; also attached: {}", others.join(", ")) };
        paint::talk(&format!("{kernel} in {how}{company}. Ctrl-D detaches, :help helps."));
        if let Some(note) = status.info.as_ref().and_then(|i| i.note.as_ref()) {
            paint::talk(note);
        }
        self.screen.name(&self.name)?;
        match status.state.as_str() {
            "ended" => paint::talk("this session has ended: it can be read, not run"),
            "no_kernel" => paint::talk("its kernel is gone; the next entry starts a fresh one"),
            _ => {}
        }
        Ok(())
    }

    async fn go(&mut self) -> Result<u8, Failure> {
        let mut sigint = signal(SignalKind::interrupt())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let mut terminate = signal(SignalKind::terminate())?;
        loop {
            if matches!(self.doing, Doing::Waiting) && self.caught_up() {
                self.screen.before_read()?;
                self.read_code();
            }
            let tick = self.screen.next_tick().into_iter().chain(self.above.due()).min();
            let late = self.ask_again.as_ref().map(|(at, _)| *at);
            let next = tokio::select! {
                biased;
                _ = sigint.recv() => { self.ctrl_c()?; Next::On }
                _ = hangup.recv() => Next::Over,
                _ = terminate.recv() => Next::Over,
                typed = self.keyboard.typed.recv() => match typed {
                    Some(typed) => self.typed(typed).await?,
                    None => Next::Over,
                },
                incoming = self.session.next() => self.incoming(incoming).await?,
                () = async { match late { Some(at) => tokio::time::sleep_until(at).await, None => std::future::pending().await } } => {
                    self.ask_once_more()?;
                    Next::On
                }
                () = async { match tick { Some(at) => tokio::time::sleep_until(at.into()).await, None => std::future::pending().await } } => {
                    self.tick().await?;
                    Next::On
                }
            };
            match next {
                Next::On => {}
                Next::Over => break,
                Next::Attach(session) => Box::pin(self.attach(&session)).await?,
            }
        }
        self.say_goodbye();
        Ok(self.outcome)
    }

    /// Time has passed for what is shown.
    async fn tick(&mut self) -> Result<(), Failure> {
        let now = Instant::now().into_std();
        if let Some(line) = self.above.tick(now) {
            self.above(&line).await;
        }
        Ok(self.screen.tick(now)?)
    }

    fn say_goodbye(&mut self) {
        let _ = self.screen.leave(Instant::now().into_std());
        if let (Some(home), Some(id), Some(cursor)) = (self.place.home(), self.session.id(), self.session.cursor()) {
            resume::note(home, id, cursor);
        }
    }

    /// Whoever did something, as this person knows them.
    fn author(&self, who: &Who) -> String {
        if who.client == Some(self.me) { "you".to_owned() } else { commands::named(who) }
    }

    fn caught_up(&self) -> bool {
        self.session.cursor().map_or(0, |c| c.seq) >= self.catching_up
    }

    fn read_code(&mut self) {
        self.keyboard.read(Read { prompt: ">>> ".to_owned(), initial: self.screen.typed(), kind: Kind::Code });
        self.doing = Doing::Reading(What::Entry);
    }

    async fn typed(&mut self, typed: Typed) -> Result<Next, Failure> {
        match (typed, self.doing) {
            (Typed::Ask(question), _) => self.ask_kernel(question)?,
            (Typed::Failed(why), _) => return Err(Failure::new(crate::exit::IO, format!("the terminal cannot be read: {why}"))),
            (Typed::Quit, _) => return Ok(Next::Over),
            (Typed::Entry(entry), Doing::Reading(What::Entry)) => return self.entry(&entry).await,
            (Typed::Eof, Doing::Reading(What::Entry)) => {
                let left = if self.others.anything_runs() { " Something still runs in it." } else { "" };
                paint::talk(&format!("detached from {}; it lives on.{left} Come back with: rialto {}", self.name, self.name));
                return Ok(Next::Over);
            }
            (_, Doing::Reading(What::Entry)) => self.doing = Doing::Waiting,
            (typed, Doing::Redacting(eval, n)) => self.redact_or_not(&typed, eval, n)?,
            // What the program reads.
            (Typed::Line(line), Doing::Reading(What::Input)) => self.answer(line.into_bytes(), false)?,
            (Typed::Eof, Doing::Reading(What::Input)) => self.answer(Vec::new(), true)?,
            (Typed::Interrupted, Doing::Reading(What::Input)) => {
                self.back_to_running();
                self.ctrl_c()?;
            }
            (_, Doing::Reading(What::Input)) => self.back_to_running(),
            (_, _) => {}
        }
        Ok(Next::On)
    }

    /// An entry: nothing, a command, or code.
    async fn entry(&mut self, entry: &str) -> Result<Next, Failure> {
        self.doing = Doing::Waiting;
        if entry.trim().is_empty() {
            return Ok(Next::On);
        }
        if let Some(command) = entry.strip_prefix(':') {
            return self.command(command.trim()).await;
        }
        self.run_code(entry)?;
        Ok(Next::On)
    }

    /// What the editor wants to know of the kernel.
    fn ask_kernel(&mut self, question: Question) -> Result<(), Failure> {
        let at = |code: &str, cursor: usize, detail| At { re: 0, code: code.to_owned(), cursor: cursor as u64, detail };
        let (message, asking) = match question {
            Question::Complete { code, cursor, answer } => (Message::Complete(at(&code, cursor, 0)), Asking::Complete(answer)),
            Question::Inspect { code, cursor, detail, answer } => {
                (Message::Inspect(at(&code, cursor, detail)), Asking::Inspect(answer))
            }
            Question::Judge { code, answer } => {
                (Message::IsComplete(at(&code, 0, 0)), Asking::Judge { code, answer, until: Instant::now() + PATIENCE })
            }
        };
        let ticket = self.session.send(message)?;
        self.questions.insert(ticket, asking);
        Ok(())
    }

    /// A kernel that starts is asked until it can say.
    fn ask_once_more(&mut self) -> Result<(), Failure> {
        let Some((_, asking)) = self.ask_again.take() else { return Ok(()) };
        if let Asking::Judge { code, .. } = &asking {
            let at = At { re: 0, code: code.clone(), cursor: 0, detail: 0 };
            let ticket = self.session.send(Message::IsComplete(at))?;
            self.questions.insert(ticket, asking);
        }
        Ok(())
    }

    fn run_code(&mut self, code: &str) -> Result<(), Failure> {
        let eval = rialto_client::eval_id()?;
        let submit = Submit {
            re: 0,
            eval,
            code: code.into(),
            group: None,
            on_error: Default::default(),
            show: Default::default(),
            argv: None,
            trace: None,
        };
        self.session.send(Message::Submit(submit))?;
        self.interrupts = 0;
        self.doing = Doing::Running(eval, None);
        self.others.ours = Some(eval);
        self.screen.begin(Instant::now().into_std());
        Ok(())
    }

    /// Ctrl-C while something of ours runs, or is read by it.
    fn ctrl_c(&mut self) -> Result<(), Failure> {
        // A terminal that is read plainly sends a signal where another sends a key.
        if matches!(self.doing, Doing::Reading(_) | Doing::Redacting(..)) {
            self.keyboard.cancel();
        }
        let Doing::Running(eval, _) = self.doing else { return Ok(()) };
        self.interrupts += 1;
        match self.interrupts {
            1 | 2 => {
                if self.interrupts == 2 {
                    self.screen.note("interrupting again; a third Ctrl-C gives the prompt back and leaves it running")?;
                    self.screen.flush()?;
                }
                let interrupt = Interrupt { re: 0, id: rialto_client::request_id()?, eval, escalate: None };
                self.session.send(Message::Interrupt(interrupt))?;
                let since = Instant::now().into_std();
                self.screen.busy(Busy::Interrupting { n: self.others.number_of(eval), since });
            }
            _ => {
                let n = self.others.number_of(eval).map_or_else(String::new, |n| format!(" #{n}"));
                self.screen.end(Instant::now().into_std())?;
                self.screen.note(&format!(
                    "eval{n} goes on; its output appears here. To end it by force: rialto interrupt {} --force-after 1",
                    self.name
                ))?;
                self.doing = Doing::Waiting;
            }
        }
        Ok(())
    }

    /// A program of ours reads: ask the person.
    fn ask(&mut self) {
        let Some(asked) = self.asked.first() else { return };
        let kind = if asked.secret { Kind::Secret } else { Kind::Input };
        let prompt = asked.prompt.clone();
        // The prompt may be long or have several lines; the editor wants the last one.
        let (before, last) = prompt.rsplit_once('\n').map_or(("", prompt.as_str()), |(b, l)| (b, l));
        if !before.is_empty() {
            let _ = self.screen.line(before);
        }
        let _ = self.screen.before_question(Instant::now().into_std());
        self.keyboard.read(Read { prompt: last.to_owned(), initial: String::new(), kind });
        self.doing = Doing::Reading(What::Input);
    }

    fn answer(&mut self, data: Vec<u8>, eof: bool) -> Result<(), Failure> {
        self.back_to_running();
        if self.asked.is_empty() {
            paint::talk("that was answered already, or is no longer asked");
            return Ok(());
        }
        let asked = self.asked.remove(0);
        // A program that reads its stdin whole gets lines with their ends.
        let data = if asked.line || eof { data } else { [data, b"\n".to_vec()].concat() };
        let input = Input {
            re: 0,
            id: rialto_client::request_id()?,
            life: Some(asked.life).filter(|life| *life > 0),
            ask: asked.ask,
            data: data.into(),
            eof,
        };
        self.session.send(Message::Input(input))?;
        Ok(())
    }

    fn back_to_running(&mut self) {
        self.screen.after_question(Instant::now().into_std());
        self.doing = self.others.ours.map_or(Doing::Waiting, |eval| Doing::Running(eval, self.others.number_of(eval)));
    }
}
