//! `rialto attach --raw`: the terminal of a session's program, as it is. Keys go to the program byte for byte, its screen is drawn as it
//! draws it, and has the size of ours.
//!
//! | question | file |
//! |---|---|
//! | what is typed and not for the program? | `escape.rs` |
//! | how is our terminal taken, and given back? | `terminal.rs` |
//! | what is written to it? | `paint.rs` |
//! | what is on its way to the program? | `keys.rs` |

mod escape;
mod keys;
mod paint;
mod terminal;

pub(crate) use escape::Escape;

use crate::exit::{self, Failure};
use crate::place::Place;
use crate::stdin::{Got, Stdin};
use escape::{Keyboard, Meant};
use keys::Keys;
use paint::Paint;
use rialto_client::protocol::Message;
use rialto_client::protocol::message::screen::{FEATURE, Seen, Watch};
use rialto_client::protocol::message::{Create, Open, Resize, Screen as Shown};
use rialto_client::{Connected, Incoming, Keepalive, Options, Session, Start};
use rialto_kernels::screen::Screen;
use std::future::pending;
use std::time::Duration;
use terminal::Taken;
use tokio::io::AsyncWriteExt;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};

/// What an answer is for.
const RE: u32 = 1;
/// How long a line of ours stays over the program's.
const SAID: Duration = Duration::from_secs(4);
/// How long the terminal may take for what was drawn last.
const LAST: Duration = Duration::from_secs(1);
const CONTINUED: i32 = nix::libc::SIGCONT;

/// What is wanted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wish {
    pub(crate) observe: bool,
    pub(crate) escape: Escape,
}

/// How it ended.
enum End {
    Detached,
    /// The program is over, and this is how.
    Over(String),
    /// Somebody wants us gone.
    Gone(u8),
}

pub(crate) async fn run(place: &Place, open: Open, wish: Wish) -> Result<u8, Failure> {
    if !terminal::is_here() {
        let text = "--raw needs a terminal on both ends; `rialto logs -f` and `rialto exec` need none";
        return Err(Failure::usage(text));
    }
    place.prepare().await?;
    let name = open.session.clone();
    let mut options = Options::new(rialto_client::client_id()?, "raw");
    options.start = Start::Detached;
    // A person sits in front of it: that the other side is silent is worth knowing, wherever it is.
    options.keepalive = Keepalive::Always;
    let mut session = place.open_with(open, options);
    let connected = session.connected().await?;
    let name = if name.is_empty() { connected.opened.session.to_string() } else { name };
    can_show(&connected)?;
    let mut raw = Raw::new(session, wish);
    raw.begin().await?;
    let end = raw.go().await;
    let session = raw.give_back().await;
    session.leave().await;
    match end? {
        End::Detached => {
            crate::paint::talk(&format!("detached; the program runs on: rialto attach --raw {name}"));
            Ok(0)
        }
        End::Over(why) => {
            crate::paint::talk(&why);
            Ok(0)
        }
        End::Gone(code) => Ok(code),
    }
}

/// A new session that begins to be looked at: its program finds a terminal that can draw, of the size of ours.
pub(crate) fn fits(create: &mut Create) {
    let (rows, columns) = terminal::size();
    create.env.entry("TERM".to_owned()).or_insert_with(|| "xterm-256color".to_owned());
    create.setup.size.get_or_insert_with(|| format!("{rows}x{columns}"));
}

fn can_show(connected: &Connected) -> Result<(), Failure> {
    if connected.greeted.features.iter().any(|feature| feature == FEATURE) {
        return Ok(());
    }
    let app = &connected.greeted.app;
    let text =
        format!("the session is kept by an older build ({app}) that shows no terminal; restart its supervisor with this one");
    Err(Failure::new(exit::ERROR, text))
}

struct Raw {
    session: Session,
    wish: Wish,
    size: (u16, u16),
    screen: Option<Screen>,
    paint: Paint,
    /// While it is ours.
    taken: Option<Taken>,
    keyboard: Keyboard,
    keys: Keys,
    stdin: Stdin,
    asked: Option<oneshot::Receiver<Got>>,
    stdout: tokio::io::Stdout,
    unwritten: Vec<u8>,
    /// Bytes that were taken in and are not drawn yet.
    dealt: u64,
    /// The screen has changed since it was drawn.
    changed: bool,
    /// A line over the last one, and until when.
    said: Option<(String, Option<Instant>)>,
}

/// What happened.
enum Turn {
    Incoming(Box<Incoming>),
    Typed(Got),
    Wrote(usize),
    Resized,
    Continued,
    Gone(u8),
    Time,
}

struct Signals {
    resized: Signal,
    continued: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Raw {
    fn new(session: Session, wish: Wish) -> Self {
        let size = terminal::size();
        Self {
            session,
            wish,
            size,
            screen: None,
            paint: Paint::new(size, !wish.observe),
            taken: None,
            keyboard: Keyboard::new(wish.escape),
            keys: Keys::default(),
            stdin: Stdin::default(),
            asked: None,
            stdout: tokio::io::stdout(),
            unwritten: Vec::new(),
            dealt: 0,
            changed: false,
            said: None,
        }
    }

    /// Asks to see, and waits for what there is; only then the terminal is taken, so that a refusal is read where it was asked.
    async fn begin(&mut self) -> Result<(), Failure> {
        self.ask();
        loop {
            match self.session.next().await {
                Incoming::Terminal(Message::Screen(shown)) => {
                    self.shown(shown)?;
                    break;
                }
                // Asked already, on the link that was there first.
                Incoming::Connected(again) if again.again => self.ask(),
                Incoming::Error(why) => return Err(why.into()),
                Incoming::Closed(why) => return Err(why.into()),
                Incoming::Terminal(Message::Unwatched(over)) => return Err(Failure::new(exit::DIED, over.reason)),
                _ => {}
            }
        }
        self.taken = Some(Taken::take()?);
        let escape = self.wish.escape;
        self.say(match (self.wish.observe, escape) {
            (true, Escape::None) => "watching: nothing typed here reaches the program".to_owned(),
            (true, _) => format!("watching: nothing typed here reaches the program; {escape} d leaves"),
            (false, Escape::None) => "every key is the program's; leave by closing this terminal".to_owned(),
            (false, _) => format!("{escape} d detaches, {escape} ? says more"),
        });
        Ok(())
    }

    /// On each new link: our size, and what there is to be seen.
    fn ask(&mut self) {
        self.say_size();
        self.session.say(&Message::Watch(Watch { re: RE }));
    }

    fn say_size(&mut self) {
        let (rows, columns) = self.size;
        if !self.wish.observe {
            self.session.say(&Message::Resize(Resize { re: RE, rows, columns }));
        }
    }

    fn say(&mut self, text: String) {
        self.said = Some((text, Some(Instant::now() + SAID)));
        self.changed = true;
    }

    async fn go(&mut self) -> Result<End, Failure> {
        let mut signals = Signals {
            resized: signal(SignalKind::window_change())?,
            continued: signal(SignalKind::from_raw(CONTINUED))?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        };
        loop {
            self.draw();
            match self.turn(&mut signals).await? {
                Turn::Incoming(incoming) => {
                    if let Some(end) = self.incoming(*incoming)? {
                        return Ok(end);
                    }
                }
                Turn::Typed(None) => return Ok(End::Detached),
                Turn::Typed(Some(bytes)) => {
                    if self.typed(&bytes) {
                        return Ok(End::Detached);
                    }
                }
                Turn::Wrote(n) => {
                    self.unwritten.drain(..n.min(self.unwritten.len()));
                    if self.unwritten.is_empty() {
                        self.stdout.flush().await?;
                    }
                }
                Turn::Resized => {
                    self.size = terminal::size();
                    self.paint.resize(self.size);
                    self.changed = true;
                    self.say_size();
                }
                Turn::Continued => {
                    if let Some(taken) = &self.taken {
                        taken.again()?;
                    }
                    self.size = terminal::size();
                    self.paint.resize(self.size);
                    self.changed = true;
                    self.say_size();
                }
                Turn::Gone(code) => return Ok(End::Gone(code)),
                Turn::Time => {
                    self.said = None;
                    self.changed = true;
                }
            }
        }
    }

    /// Waits for one thing. Each of them may be given up half way without losing anything.
    async fn turn(&mut self, signals: &mut Signals) -> Result<Turn, Failure> {
        if self.asked.is_none() && self.keys.have_room() {
            self.asked = Some(self.stdin.chunk());
        }
        let asked = &mut self.asked;
        let typed = async {
            match asked {
                Some(answer) => answer.await.ok().flatten(),
                None => pending().await,
            }
        };
        let until = self.said.as_ref().and_then(|(_, until)| *until);
        let time = async {
            match until {
                Some(at) => sleep_until(at).await,
                None => pending().await,
            }
        };
        let turn = tokio::select! {
            _ = signals.terminate.recv() => Turn::Gone(128 + 15),
            _ = signals.hangup.recv() => Turn::Gone(128 + 1),
            got = typed => Turn::Typed(got),
            _ = signals.resized.recv() => Turn::Resized,
            _ = signals.continued.recv() => Turn::Continued,
            wrote = self.stdout.write(&self.unwritten), if !self.unwritten.is_empty() => Turn::Wrote(wrote?),
            incoming = self.session.next() => Turn::Incoming(Box::new(incoming)),
            () = time => Turn::Time,
        };
        if matches!(turn, Turn::Typed(_)) {
            self.asked = None;
        }
        Ok(turn)
    }

    fn incoming(&mut self, incoming: Incoming) -> Result<Option<End>, Failure> {
        match incoming {
            Incoming::Terminal(Message::Screen(shown)) => self.shown(shown)?,
            Incoming::Terminal(Message::Drawn(drawn)) => {
                self.dealt += drawn.data.0.len() as u64;
                if let Some(screen) = &mut self.screen {
                    screen.feed(&drawn.data.0);
                    self.changed = true;
                }
            }
            Incoming::Terminal(Message::Typed(typed)) => self.keys.taken(typed.typed),
            Incoming::Terminal(Message::Unwatched(over)) => return Ok(Some(End::Over(over.reason))),
            Incoming::Connected(connected) => {
                can_show(&connected)?;
                self.ask();
            }
            Incoming::Reconnecting { why, .. } => {
                // What it is comes first: why may be longer than the line.
                self.said = Some((format!("connecting again: {}", why.text), None));
                self.changed = true;
            }
            Incoming::Error(why) | Incoming::Closed(why) => return Err(why.into()),
            _ => {}
        }
        Ok(None)
    }

    /// All of it, as it is now.
    fn shown(&mut self, shown: Shown) -> Result<(), Failure> {
        let mut screen = Screen::new(shown.rows, shown.columns).map_err(|why| Failure::internal(why.to_string()))?;
        screen.feed(&shown.data.0);
        self.dealt += shown.data.0.len() as u64;
        self.screen = Some(screen);
        self.changed = true;
        if let Some(taken) = shown.typed {
            // It is there again.
            if matches!(self.said, Some((_, None))) {
                self.said = None;
            }
            self.keys.begin(taken);
            self.send_keys();
        }
        Ok(())
    }

    /// True: to leave.
    fn typed(&mut self, bytes: &[u8]) -> bool {
        for meant in self.keyboard.typed(bytes) {
            match meant {
                Meant::Keys(keys) => {
                    if matches!(self.said, Some((_, Some(_)))) {
                        self.said = None;
                        self.changed = true;
                    }
                    if !self.wish.observe {
                        self.keys.typed(&keys);
                        self.send_keys();
                    }
                }
                Meant::Detach => return true,
                Meant::Help => {
                    let escape = self.wish.escape;
                    self.say(format!("after {escape}: d detaches, r draws anew, {escape} types it; all else is the program's"));
                }
                Meant::Redraw => {
                    self.paint.anew();
                    self.changed = true;
                }
            }
        }
        false
    }

    fn send_keys(&mut self) {
        while let Some(keys) = self.keys.next() {
            if !self.session.say(&Message::Keys(keys)) {
                break;
            }
        }
    }

    /// Draws what has changed, unless the terminal is still busy with what was drawn before: then the next picture is of what is by then.
    fn draw(&mut self) {
        if !self.unwritten.is_empty() {
            return;
        }
        if let (true, Some(screen)) = (std::mem::take(&mut self.changed), &mut self.screen) {
            let rang = screen.take_bell();
            self.unwritten = self.paint.frame(screen, self.said.as_ref().map(|(text, _)| text.as_str()));
            if rang {
                self.unwritten.push(7);
            }
        }
        if self.dealt > 0 {
            self.session.say(&Message::Seen(Seen { bytes: std::mem::take(&mut self.dealt) }));
        }
    }

    /// The terminal is its owner's again.
    async fn give_back(self) -> Session {
        let Self { session, mut stdout, taken, .. } = self;
        let _ = timeout(LAST, stdout.flush()).await;
        drop(taken);
        session
    }
}
