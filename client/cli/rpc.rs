//! `rialto rpc`: the protocol as JSON lines, for programs that have no library of ours. One connection, and no reconnecting: it
//! says hello, open and greet; what comes on stdin goes out, and what comes in is printed.
//!
//! Nothing here waits for anything else: requests go out while nobody reads stdout, so that an interrupt gets through a flood.
//! What bounds it: nothing is read from the session while printed lines wait, nothing from stdin while requests do.

mod line;
mod track;

use crate::args::{PlaceArgs, RpcArgs};
use crate::exit::{self, Failure};
use crate::place::Place;
use crate::stdin::{Got, Stdin};
use crate::{project, start, target};
use line::{Lines, Request};
use rialto_client::json::{CHANNEL, costs_credit};
use rialto_client::protocol::assemble::Assembler;
use rialto_client::protocol::frame::Decoder;
use rialto_client::protocol::limits::{DEFAULT_CREDIT, DEFAULT_MAX_FRAME, MAX_EVENT};
use rialto_client::protocol::message::{Credit, Plain};
use rialto_client::protocol::{Code, ErrorReply, Message, codec};
use rialto_client::{Connect, Link, Stream, json};
use std::future::pending;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::oneshot;
use track::Track;

/// Requests that wait to be sent; beyond it stdin is not read. Bytes.
const MAX_UNSENT: usize = 256 * 1024;
/// Between two looks at an eval whose end this connection cannot see, once stdin has ended.
const LOOK: Duration = Duration::from_millis(100);

pub(crate) async fn run(place: &PlaceArgs, args: &RpcArgs) -> Result<u8, Failure> {
    let place = Place::of(place)?;
    let open = match (&args.session, &args.kernel) {
        (Some(session), None) if args.observe => target::observed(session),
        (Some(session), None) => target::existing(session),
        (session, kernel) => {
            let chosen = match kernel {
                Some(kernel) => project::named(kernel, &place)?,
                None => target::DEFAULT_KERNEL.into(),
            };
            let create = start::create(&chosen, &args.start, &args.life, &place)?;
            target::wanted(session.as_deref(), &chosen.kernel, false, create)
        }
    };
    let link = match place.connect(open).await {
        Ok(link) => link,
        Err(why) => {
            // For the program that reads our stdout; the failure tells the person.
            let mut line = codec::to_json(&Message::Error(why.clone())).to_string();
            line.push('\n');
            std::io::Write::write_all(&mut std::io::stdout(), line.as_bytes())?;
            return Err(why.into());
        }
    };
    let mut rpc = Rpc::new(place, link)?;
    let outcome = rpc.serve().await;
    // What was printed is to arrive, whatever came after it.
    rpc.print().await?;
    outcome
}

struct Rpc {
    place: Place,
    read: ReadHalf<Stream>,
    write: WriteHalf<Stream>,
    stdout: tokio::io::Stdout,
    stdin: Stdin,
    asked: Option<oneshot::Receiver<Got>>,
    lines: Lines,
    decoder: Decoder,
    assembler: Assembler,
    max_frame: u32,
    /// To be sent, and to be printed.
    unsent: Vec<u8>,
    unprinted: Vec<u8>,
    track: Track,
    /// Bytes of events since credit was granted last; nothing once the client grants it itself.
    owed: Option<u64>,
    listing: Option<u32>,
    /// What is asked for only once the bridge has said that it can do it.
    held: Option<json::Held>,
}

/// What happened.
enum Turn {
    Stdin(Got),
    Read(usize),
    Wrote(usize),
    Printed(usize),
    Look,
}

impl Rpc {
    fn new(place: Place, link: Link) -> Result<Self, Failure> {
        let (read, write) = tokio::io::split(link.stream);
        let app = concat!("rialto rpc ", env!("CARGO_PKG_VERSION"));
        let (unsent, held) = json::opening(app, "rpc", link.open, link.cookie)?;
        Ok(Self {
            place,
            read,
            write,
            stdout: tokio::io::stdout(),
            stdin: Stdin::default(),
            asked: None,
            lines: Lines::default(),
            decoder: Decoder::default(),
            assembler: Assembler::new(MAX_EVENT),
            max_frame: DEFAULT_MAX_FRAME,
            unsent,
            unprinted: Vec::new(),
            track: Track::default(),
            owed: Some(0),
            listing: None,
            held,
        })
    }

    async fn serve(&mut self) -> Result<u8, Failure> {
        loop {
            if let Some(re) = self.listing.take() {
                self.list(re).await;
            }
            if self.track.done(self.owed.is_none()) && self.unsent.is_empty() && self.unprinted.is_empty() {
                return Ok(0);
            }
            match self.turn().await? {
                Turn::Stdin(Some(bytes)) => self.lines.push(&bytes),
                Turn::Stdin(None) => self.lines.end(),
                Turn::Read(0) => return self.over("the other side closed the connection"),
                Turn::Read(_) => {
                    if let Some(why) = self.received()? {
                        return self.over(&why);
                    }
                }
                Turn::Wrote(n) => drop(self.unsent.drain(..n)),
                Turn::Printed(n) => drop(self.unprinted.drain(..n)),
                Turn::Look => {
                    if let Some(question) = self.track.question() {
                        codec::encode(&mut self.unsent, CHANNEL, &question, self.max_frame);
                    }
                }
            }
            self.requests();
        }
    }

    /// Nothing more will come: as it should be where the session has ended.
    fn over(&mut self, why: &str) -> Result<u8, Failure> {
        if self.track.ended() {
            return Ok(0);
        }
        let why = ErrorReply::new(0, Code::Disconnected, format!("{why}; start again and attach with the last cursor"));
        self.say(&Message::Error(why.clone()));
        Err(why.into())
    }

    /// Waits for one thing. Each of them may be given up half way without losing anything.
    async fn turn(&mut self) -> std::io::Result<Turn> {
        let wants_input = !self.lines.has_ended() && self.unsent.len() < MAX_UNSENT && !self.lines.has_line();
        if wants_input && self.asked.is_none() {
            self.asked = Some(self.stdin.chunk());
        }
        let (asked, unsent, unprinted) = (&mut self.asked, &self.unsent, &self.unprinted);
        let input = async {
            match asked {
                Some(answer) => answer.await.ok().flatten(),
                None => pending().await,
            }
        };
        let looks = self.track.looks();
        let look = async { if looks { tokio::time::sleep(LOOK).await } else { pending().await } };
        let turn = tokio::select! {
            wrote = self.write.write(unsent), if !unsent.is_empty() => Turn::Wrote(wrote?),
            printed = self.stdout.write(unprinted), if !unprinted.is_empty() => Turn::Printed(printed?),
            read = self.read.read_buf(self.decoder.buffer()), if unprinted.is_empty() => Turn::Read(read?),
            got = input, if wants_input => Turn::Stdin(got),
            () = look => Turn::Look,
        };
        match turn {
            Turn::Stdin(_) => self.asked = None,
            Turn::Wrote(_) => self.write.flush().await?,
            _ => {}
        }
        Ok(turn)
    }

    /// Sends what the lines ask for.
    fn requests(&mut self) {
        // The first lines are the greeting's; what is asked is answered behind them.
        if !self.track.greeted() {
            return;
        }
        while self.unsent.len() < MAX_UNSENT
            && self.listing.is_none()
            && let Some(line) = self.lines.next()
        {
            match line.and_then(|line| line::request(&line, &mut self.track)) {
                Ok(None) => {}
                Ok(Some(Request { message: Message::List(Plain { re }), .. })) if self.place.home().is_some() => {
                    self.listing = Some(re);
                }
                Ok(Some(Request { message, channel })) => {
                    if matches!(message, Message::Credit(_)) {
                        self.owed = None;
                    }
                    codec::encode(&mut self.unsent, channel, &message, self.max_frame);
                }
                Err(error) => self.say(&Message::Error(error)),
            }
        }
        if self.lines.has_ended() && !self.lines.has_line() {
            self.track.no_more();
        }
    }

    /// Takes what was read apart. Some: a daemon stays, and has no session for us any more, because of this.
    fn received(&mut self) -> Result<Option<String>, Failure> {
        let mut closed = None;
        loop {
            let foreign = |why: &dyn std::fmt::Display| {
                Failure::new(exit::UNAVAILABLE, format!("the other side breaks the protocol: {why}"))
            };
            let Some((header, body)) = self.decoder.next().map_err(|why| foreign(&why))? else { break };
            // Also for a part of something larger: it is not printed yet, but without credit the rest would never come.
            if let Some(owed) = self.owed.as_mut().filter(|_| costs_credit(header)) {
                *owed += header.frame_len() as u64;
            }
            let Some(body) = self.assembler.take(header, body).map_err(|why| foreign(&why))? else { continue };
            let message = codec::decode(header, &body).map_err(|why| foreign(&why))?;
            match &message {
                Message::Ping(eight) => {
                    codec::encode(&mut self.unsent, header.channel, &Message::Pong(*eight), self.max_frame);
                    continue;
                }
                Message::Welcome(welcome) => {
                    self.max_frame = welcome.max_frame.clamp(1024, DEFAULT_MAX_FRAME);
                    if let Some(held) = self.held.take() {
                        match held.after(welcome) {
                            Ok(rest) => self.unsent.extend(rest),
                            Err(why) => {
                                self.say(&Message::Error(why.clone()));
                                return Err(why.into());
                            }
                        }
                    }
                }
                Message::Closed(close) if header.channel == CHANNEL => {
                    closed =
                        Some(if close.reason.is_empty() { "the session was closed".to_owned() } else { close.reason.clone() });
                }
                Message::Error(error) if !self.track.greeted() => {
                    self.say(&message);
                    return Err(error.clone().into());
                }
                _ => {}
            }
            if self.track.heard(&message) {
                self.say(&message);
            }
        }
        if let Some(owed) = self.owed.as_mut().filter(|owed| **owed >= DEFAULT_CREDIT / 2) {
            let credit = Message::Credit(Credit { bytes: std::mem::take(owed) });
            codec::encode(&mut self.unsent, CHANNEL, &credit, self.max_frame);
        }
        Ok(closed)
    }

    /// What sessions there are: a question to the place, which here is no daemon but this program itself.
    async fn list(&mut self, re: u32) {
        let answer = match self.place.list().await {
            Ok(listing) => Message::Listing(rialto_client::protocol::message::Listing { re, ..listing }),
            Err(error) => Message::Error(ErrorReply { re, ..error }),
        };
        self.track.heard(&answer);
        self.say(&answer);
    }

    fn say(&mut self, message: &Message) {
        self.unprinted.extend_from_slice(codec::to_json(message).to_string().as_bytes());
        self.unprinted.push(b'\n');
    }

    async fn print(&mut self) -> std::io::Result<()> {
        self.stdout.write_all(&self.unprinted).await?;
        self.unprinted.clear();
        self.stdout.flush().await
    }
}
