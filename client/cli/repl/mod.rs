//! `rialto [repl]`: a session in the terminal. One loop: what the person typed, what the session said, what time it is.
//!
//! While code runs nothing is read, so its output needs no care; while a line is read, what others do appears above it.
//!
//! | question | file |
//! |---|---|
//! | what is typed, and how? | `editor/` |
//! | what is shown, and how? | `screen/` |
//! | what becomes of an entry? | `entry.rs` |
//! | what comes from the session? | `incoming.rs`, whose it is: `evals.rs` |
//! | what does Ctrl-C do? | `interrupt.rs` |
//! | what is asked before it is done? | `confirm.rs` |
//! | a program asks something? | `input.rs` |
//! | what is said on coming and going? | `greet.rs`, `missed.rs`, `goodbye.rs` |
//! | the link breaks? | `link.rs` |
//! | the terminal is killed? | `kept/`, `unfinished.rs`, half-typed: `draft.rs` |
//! | who is who? | `names.rs` |
//! | what is `:command`? | `commands/` |

mod budget;
mod commands;
mod confirm;
mod draft;
pub(crate) mod editor;
mod entry;
mod evals;
mod goodbye;
mod greet;
mod headline;
mod incoming;
mod input;
mod interrupt;
mod kept;
mod link;
mod missed;
mod names;
mod others;
mod replay;
mod resume;
mod screen;
mod signals;
mod unfinished;

use crate::args::{DoneArgs, PlaceArgs, ReplArgs};
use crate::done::{Done, Way};
use crate::exit::Failure;
use crate::place::Place;
use crate::raw::Wish;
use crate::target;
use budget::Budget;
use confirm::Confirm;
use editor::{Keyboard, Kind, Mode, Read, Reply, Typed};
use evals::Evals;
use link::Link;
use missed::Missed;
use rialto_bridge::home::Home;
use rialto_client::protocol::event::{Asked, Output};
use rialto_client::protocol::kernel::{Completeness, Completions};
use rialto_client::protocol::message::Open;
use rialto_client::protocol::{Bundle, ClientId, Cursor, EvalId, EvalNumber, Seq, SessionId};
use rialto_client::{Session, Ticket};
use screen::{Above, Left, Terminal};
use signals::{Signal, Signals};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The least time between two looks at the clock.
const TICK: Duration = Duration::from_millis(5);

pub(crate) async fn run(place: &PlaceArgs, args: ReplArgs) -> Result<u8, Failure> {
    if let (true, Some(session)) = (args.observe, &args.session) {
        if args.raw.raw {
            let wish = Wish { observe: true, escape: args.raw.escape };
            return Box::pin(crate::raw::run(&Place::of(place)?, target::observed(session), wish)).await;
        }
        return crate::attach::observe(place, session, None).await;
    }
    let place = Place::of(place)?;
    let known = |name: &str| place.home().is_none_or(|home| home.resolve(name).is_ok());
    // What the place's URL says is meant where nothing else is named.
    let session = args.session.as_deref().or_else(|| place.session().filter(|_| !args.new));
    let kernel = args.kernel.as_deref().or_else(|| place.kernel());
    let named = kernel.is_some();
    let (session, kernel) = target::kernel_by_name(session, kernel, &known, &crate::project::is_kernel);
    // An id, or the beginning of one, names what is there and never makes anything: no profile is needed for it.
    let there = session.is_some_and(&known) && place.home().is_some() && !args.new && !named;
    let chosen = match kernel {
        Some(kernel) => crate::project::named(kernel, &place)?,
        None if there => target::DEFAULT_KERNEL.into(),
        None => match crate::project::default(&place)? {
            Some(chosen) => chosen,
            None => target::default_kernel(&place, args.start.python.as_deref()).into(),
        },
    };
    let mut create = crate::start::create(&chosen, &args.start, &args.life, &place)?;
    if args.raw.raw {
        crate::raw::fits(&mut create);
    }
    let mut open = target::wanted(session, &chosen.kernel, args.new, create);
    if !open.session.is_empty() && known(&open.session) && !args.new && !named {
        open.create = open.create.filter(|_| place.home().is_none());
    }
    let said = args.start.said();
    if place.home().is_some()
        && known(&open.session)
        && let Some(text) = crate::start::without_effect(&said, &open.session)
    {
        crate::paint::talk(&text);
    }
    if args.raw.raw {
        let wish = Wish { observe: false, escape: args.raw.escape };
        return Box::pin(crate::raw::run(&place, open, wish)).await;
    }
    open_in_terminal(&place, open, args.edit_mode, &args.done, None).await
}

/// The session is deleted: nobody comes back to it.
pub(crate) fn forget(home: &Home, session: &SessionId) {
    kept::forget(home.state(), session);
    resume::forget(home, session);
}

/// A session in the terminal, wherever it came from. It begins with what was missed, or with so many of the last lines.
pub(crate) async fn open_in_terminal(
    place: &Place,
    open: Open,
    mode: Option<Mode>,
    done: &DoneArgs,
    tail: Option<usize>,
) -> Result<u8, Failure> {
    let label = &names::label(place.home().is_none());
    place.prepare().await?;
    // Before the editor starts: it takes signals over while it reads, and gives back what it found.
    let mut signals = Signals::new()?;
    let me = rialto_client::client_id()?;
    let handle = greet::handle(place, open, label, me);
    let mut repl = Repl::new(handle, place.clone(), label, mode)?;
    repl.done = Done::for_a_terminal(done);
    repl.begins_with = tail;
    let before = repl.keyboard.before();
    let greet = async {
        repl.greet().await?;
        match repl.begins_with.take() {
            Some(lines) => repl.last_lines(lines).await,
            None => Ok(()),
        }
    };
    if let Err(why) = signals.stopping(&before, Box::pin(greet)).await {
        repl.leave_notes();
        return Err(why);
    }
    let outcome = repl.go(signals).await;
    repl.leave_terminal();
    let Repl { session, keyboard, done, .. } = repl;
    // The editor puts the terminal back as it was, while a link that is slow says goodbye.
    drop(keyboard);
    session.leave().await;
    done.leave(crate::paint::talk).await;
    outcome
}

/// What the terminal is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    /// Nothing: code is read next.
    Waiting,
    /// Code is being typed.
    Reading,
    /// Our eval runs, or waits for its turn, or for the link. Nothing is read.
    Running(EvalId),
    /// A program of ours reads, and the person types; the number of the question.
    Answering(u64),
    /// Ctrl-C came twice: the person is asked what to do about this eval.
    Deciding(EvalId),
    /// The person is asked whether that is to be done.
    Confirming(Confirm),
    /// The person is asked whether what was typed long ago is still to be run.
    Recalling,
    /// What was being read is moot: the editor is to say that it has stopped.
    Dropping,
}

/// A request under way, and what its answer is for.
enum Awaited {
    Complete(Reply<Completions>),
    Judge(Judging),
    Inspect(Reply<Bundle>),
    /// An entry of ours.
    Submit(EvalId),
    /// Ctrl-C.
    Stop,
    /// `:interrupt`, and the eval it names.
    Interrupt(EvalNumber),
}

/// Whether an entry is complete; a kernel that starts is asked again until then.
struct Judging {
    code: String,
    answer: Reply<Completeness>,
    until: Instant,
}

struct Repl {
    session: Session,
    place: Place,
    label: String,
    /// Who this terminal is; the same as the one before it that was killed.
    me: ClientId,
    /// What is noted on disk for the one that comes after this; nothing where nobody types.
    kept: Option<kept::Shared>,
    /// What the one before had not done.
    unfinished: unfinished::Unfinished,
    /// Our eval is over, and its end is being shown.
    ending: Option<EvalId>,
    /// Who this user is to the session.
    principal: String,
    /// The session's name.
    name: String,
    keyboard: Keyboard,
    screen: Terminal,
    /// Lines that others print, on their way above the prompt, and how many may.
    above: Above,
    budget: Budget,
    doing: Doing,
    evals: Evals,
    link: Link,
    /// Since when our eval is told to stop.
    stopping: Option<Instant>,
    /// Questions of our evals that nobody has answered.
    asked: Vec<Asked>,
    awaited: BTreeMap<Ticket, Awaited>,
    /// What our eval printed while the person is asked something about it.
    held: Held,
    /// The last event that a terminal of this user had shown before, and the last one that happened before this one came.
    away: Option<Cursor>,
    until: Seq,
    /// What came while the link was gone: counted up to that event, if the link's loss was told.
    returning: Option<(Missed, Seq, Duration)>,
    /// What a flood left out.
    left: Option<Left>,
    /// Why the last eval ended that way.
    told: Option<String>,
    outcome: u8,
    /// The session has: nothing more comes from it.
    ended: bool,
    /// The keys that were asked for.
    mode: Option<Mode>,
    /// So many of the last lines were asked for: then what was missed is only counted.
    begins_with: Option<usize>,
    /// What was said of the kernel's surroundings.
    noted: Option<String>,
    /// The kernel is a program that ran before it.
    live: bool,
    /// Which eval Ctrl-C at the prompt was offered to stop, and when.
    offered: Option<(EvalNumber, Instant)>,
    /// What is asked once more, and when.
    ask_again: Option<(Instant, Judging)>,
    /// When what is typed is noted next.
    note_draft_at: Option<Instant>,
    /// What follows a long eval.
    done: Done,
}

/// Output that cannot be shown now. When full, the oldest goes, counted.
#[derive(Debug, Default)]
struct Held {
    output: std::collections::VecDeque<(Output, Seq)>,
    bytes: usize,
    dropped: usize,
}

/// Goes on, or is over.
enum Next {
    On,
    Over,
    /// On, in another session.
    Attach(String),
}

impl Repl {
    fn new(handle: greet::Handle, place: Place, label: &str, mode: Option<Mode>) -> Result<Self, Failure> {
        let screen = Terminal::new();
        let greet::Handle { session, me, away, kept, unfinished } = handle;
        Ok(Self {
            session,
            place,
            label: label.to_owned(),
            me,
            kept,
            unfinished,
            ending: None,
            principal: String::new(),
            name: String::new(),
            keyboard: Keyboard::start()?,
            above: screen.above(),
            screen,
            budget: Budget::default(),
            doing: Doing::Waiting,
            evals: Evals::default(),
            link: Link::new(Instant::now()),
            stopping: None,
            asked: Vec::new(),
            awaited: BTreeMap::new(),
            held: Held::default(),
            away,
            until: 0,
            returning: None,
            left: None,
            told: None,
            outcome: 0,
            ended: false,
            mode,
            begins_with: None,
            noted: None,
            live: false,
            offered: None,
            ask_again: None,
            note_draft_at: None,
            done: Done::new(None, Duration::MAX, Way::Off),
        })
    }

    async fn go(&mut self, mut signals: Signals) -> Result<u8, Failure> {
        let mut ticked: Option<Instant> = None;
        loop {
            if self.doing == Doing::Waiting && !self.recall() {
                let initial = self.begun();
                self.screen.before_read()?;
                self.keyboard.read(Read { prompt: PROMPT.to_owned(), initial, kind: Kind::Code });
                self.doing = Doing::Reading;
            }
            // Time goes first, or a flood would stop the clock; but whatever is due, the session has its turn in between.
            let timer = self.next_tick().map(|due| ticked.map_or(due, |ticked| due.max(ticked + TICK)));
            let next = tokio::select! {
                biased;
                signal = signals.next() => match signal {
                    Signal::Interrupt => self.ctrl_c()?,
                    Signal::Quit => {
                        self.screen.echoed(echo("^\\"))?;
                        Next::Over
                    }
                    Signal::Stop => {
                        self.screen.echoed(echo("^Z"))?;
                        self.keyboard.before().stop();
                        Next::On
                    }
                    Signal::Gone => Next::Over,
                },
                typed = self.keyboard.typed.recv() => match typed {
                    Some(typed) => {
                        let before = self.keyboard.before();
                        let next = signals.stopping(&before, Box::pin(self.typed(typed))).await?;
                        // A Ctrl-C that came while a command or a pager ran was for that.
                        if self.doing == Doing::Waiting {
                            signals.forget_interrupts().await;
                        }
                        next
                    }
                    None => Next::Over,
                },
                () = signals::at(timer) => {
                    self.tick()?;
                    ticked = Some(Instant::now());
                    Next::On
                }
                () = self.keyboard.draft.changed() => {
                    self.typing(Instant::now());
                    Next::On
                }
                text = self.done.next() => {
                    self.talk(&text);
                    Next::On
                }
                incoming = self.session.next(), if !self.ended => self.incoming(incoming)?,
            };
            match next {
                Next::On => {}
                Next::Over => return Ok(self.outcome),
                Next::Attach(session) => {
                    let before = self.keyboard.before();
                    signals.stopping(&before, Box::pin(self.attach(&session))).await?;
                }
            }
        }
    }

    /// What was typed, by what it was typed for.
    async fn typed(&mut self, typed: Typed) -> Result<Next, Failure> {
        match (typed, self.doing) {
            (Typed::Ask(question), _) => self.question(question)?,
            (Typed::NothingToClear, Doing::Reading) => self.ctrl_c_at_the_prompt()?,
            (Typed::NothingToClear, _) => {}
            (Typed::Failed(why), _) => return Err(Failure::new(crate::exit::IO, format!("the terminal cannot be read: {why}"))),
            (Typed::Quit, _) => return Ok(Next::Over),
            (Typed::Entry(entry), Doing::Reading) => {
                self.doing = Doing::Waiting;
                return self.entry(&entry).await;
            }
            (Typed::More, Doing::Reading) => {
                self.doing = Doing::Waiting;
                return self.command("more").await;
            }
            (Typed::Eof, Doing::Reading) => {
                self.detached();
                return Ok(Next::Over);
            }
            (_, Doing::Reading) => {
                self.doing = Doing::Waiting;
                self.no_draft();
            }
            (typed, Doing::Answering(ask)) => self.answered(typed, ask)?,
            (typed, Doing::Deciding(eval)) => return self.decided(&typed, eval),
            (typed, Doing::Confirming(what)) => return self.confirmed(&typed, what).await,
            (typed, Doing::Recalling) => self.recalled(&typed)?,
            // Whatever was typed for it came too late.
            (_, Doing::Dropping) => {
                self.go_on()?;
                if self.ended {
                    return Ok(self.over());
                }
            }
            (_, Doing::Waiting | Doing::Running(_)) => {}
        }
        Ok(Next::On)
    }

    /// The editor reads: what is shown goes above that.
    const fn is_reading(&self) -> bool {
        !matches!(self.doing, Doing::Waiting | Doing::Running(_))
    }

    /// What is being read is moot.
    fn drop_read(&mut self) {
        if self.is_reading() && self.doing != Doing::Dropping {
            self.note_draft();
            self.keyboard.cancel();
            self.doing = Doing::Dropping;
        }
    }

    /// After something was asked: back to our eval, to its next question, or to the prompt.
    fn go_on(&mut self) -> Result<(), Failure> {
        self.screen.after_question(Instant::now());
        self.doing = self.evals.ours.map_or(Doing::Waiting, Doing::Running);
        self.show_held()?;
        self.ask();
        Ok(())
    }

    fn next_tick(&self) -> Option<Instant> {
        let screen = if self.is_reading() { None } else { self.screen.next_tick() };
        let again = self.ask_again.as_ref().map(|(at, _)| *at);
        screen.into_iter().chain(self.above.due()).chain(self.link.next()).chain(again).chain(self.note_draft_at).min()
    }

    /// Time has passed.
    fn tick(&mut self) -> Result<(), Failure> {
        let now = Instant::now();
        if let Some(line) = self.above.tick(now) {
            self.show_above(&line);
        }
        self.tick_link(now);
        self.ask_once_more(now);
        self.tick_draft(now);
        if self.is_reading() { Ok(()) } else { Ok(self.screen.tick(now)?) }
    }

    /// Something to say that is not the program's, and not an answer.
    fn talk(&mut self, text: &str) {
        if self.is_reading() {
            let text = self.screen.wrapped(&crate::sanitise::text(text));
            let text: Vec<String> = text.lines().map(|line| crate::paint::paint(crate::paint::DIM, line)).collect();
            let text = text.join("\n");
            self.show_above(&text);
        } else {
            let _ = self.screen.note(text);
            let _ = self.screen.flush();
        }
    }

    /// Shows text: above the prompt while a line is typed, else where the cursor is.
    fn show_above(&mut self, text: &str) {
        if self.is_reading() {
            let mut text = self.screen.suited(text);
            if !text.ends_with('\n') {
                text.push('\n');
            }
            self.keyboard.above(&text);
        } else {
            let _ = self.screen.line(text.trim_end_matches('\n'));
        }
    }
}

/// What a terminal shows of a key that is a signal, where it is for us to show.
fn echo(key: &'static str) -> Option<&'static str> {
    editor::can_edit().then_some(key)
}

/// What stands before code.
const PROMPT: &str = ">>> ";
