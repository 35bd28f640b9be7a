//! What goes over a new link first: hello, open, greet, attach, and at once whatever waits, in one write. Nothing waits for
//! an answer, because a cold start is paid in round trips; but for what an old bridge would pass over in silence.

use super::{CHANNEL, Core, Phase};
use crate::incoming::{Connected, Incoming};
use rialto_protocol::assemble::Assembler;
use rialto_protocol::frame::Decoder;
use rialto_protocol::limits::{DEFAULT_MAX_FRAME, FLOOR_MAX_FRAME, MAX_EVENT};
use rialto_protocol::message::screen::FEATURE;
use rialto_protocol::message::{Attached, Greet, Greeted, Hello, Open, Opened, Welcome};
use rialto_protocol::version::{self, FEATURES, MAX_CONTRACT, MIN_CONTRACT};
use rialto_protocol::{Bytes, Code, ErrorReply, Message};
use std::time::Duration;

pub(super) const RE_OPEN: u32 = 1;
pub(super) const RE_ATTACH: u32 = 2;

/// How long a link may take to answer. A supervisor that starts is in it.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was said on one link.
#[derive(Debug)]
pub(super) struct Conversation {
    pub(super) decoder: Decoder,
    pub(super) assembler: Assembler,
    /// What this side may send. Until the welcome says otherwise: what every bridge takes.
    pub(super) max_frame: u32,
    pub(super) welcome: Option<Welcome>,
    pub(super) opened: Option<Opened>,
    pub(super) greeted: Option<Greeted>,
    pub(super) attached: Option<Attached>,
    pub(super) goaway_ms: Option<u64>,
    /// When this side leaves by itself,
    pub(super) leave_at: Option<Duration>,
    /// and why.
    pub(super) leave_why: &'static str,
    /// What is asked for only once the other side has said that it can do it. Nothing else is sent before.
    pub(super) held: Option<Box<Open>>,
    /// The caller leaves: a last word behind everything else.
    pub(super) goodbye: bool,
}

impl Default for Conversation {
    fn default() -> Self {
        Self {
            decoder: Decoder::new(DEFAULT_MAX_FRAME),
            assembler: Assembler::new(MAX_EVENT),
            max_frame: FLOOR_MAX_FRAME,
            welcome: None,
            opened: None,
            greeted: None,
            attached: None,
            goaway_ms: None,
            leave_at: None,
            leave_why: "",
            held: None,
            goodbye: false,
        }
    }
}

impl Conversation {
    pub(super) fn connected(&self, again: bool) -> Option<Connected> {
        Some(Connected {
            welcome: self.welcome.clone()?,
            opened: self.opened.clone()?,
            greeted: self.greeted.clone()?,
            attached: self.attached.clone(),
            again,
        })
    }
}

impl Core {
    pub(super) fn greet(&mut self, now: Duration, cookie: Option<Vec<u8>>, open: Open) {
        self.talk = Conversation {
            leave_at: Some(now + PATIENCE),
            leave_why: "the session did not answer the greeting",
            ..Conversation::default()
        };
        let hello = Hello {
            magic: "rialto".to_owned(),
            min: MIN_CONTRACT,
            max: MAX_CONTRACT,
            features: FEATURES.iter().map(|name| (*name).to_owned()).collect(),
            max_frame: self.options.max_frame,
            app: self.options.app.clone(),
            cookie: cookie.map(Bytes),
            on_behalf: None,
        };
        self.lanes.control(0, &Message::Hello(hello), FLOOR_MAX_FRAME);
        if version::needs_features(&open) {
            self.talk.held = Some(Box::new(open));
        } else {
            self.open(open);
        }
    }

    fn open(&mut self, open: Open) {
        let greet = Greet {
            min: MIN_CONTRACT,
            max: MAX_CONTRACT,
            features: vec![FEATURE.to_owned()],
            client: self.options.client,
            label: self.options.label.clone(),
        };
        let open = Open { re: RE_OPEN, channel: CHANNEL, sole: true, ..open };
        self.lanes.bulk(0, &Message::Open(open), FLOOR_MAX_FRAME);
        self.lanes.bulk(CHANNEL, &Message::Greet(greet), FLOOR_MAX_FRAME);
        if self.position.wants_events() {
            let attach = self.position.attach(RE_ATTACH, self.credit.attach());
            self.lanes.bulk(CHANNEL, &Message::Attach(attach), FLOOR_MAX_FRAME);
        }
    }

    pub(super) fn welcomed(&mut self, now: Duration, welcome: Welcome) {
        if !(MIN_CONTRACT..=MAX_CONTRACT).contains(&welcome.contract) {
            let text =
                format!("it wants to speak contract {}; this side speaks {MIN_CONTRACT} to {MAX_CONTRACT}", welcome.contract);
            return self.close(ErrorReply::new(0, Code::NoCommonContract, text));
        }
        let agreed = welcome.max_frame.min(self.options.max_frame).max(FLOOR_MAX_FRAME);
        self.talk.max_frame = agreed;
        self.talk.decoder.set_max_frame(agreed);
        if let Some(open) = self.talk.held.take() {
            if let Some(why) = version::lacks(&open, &welcome) {
                return self.close(why);
            }
            self.open(*open);
        }
        self.talk.welcome = Some(welcome);
        self.settle(now);
    }

    pub(super) fn opened(&mut self, now: Duration, opened: Opened) {
        if self.bound.as_ref().is_some_and(|id| *id != opened.session) {
            let text = format!("the other side opened session {} instead", opened.session);
            return self.close(ErrorReply::new(0, Code::SessionGone, text));
        }
        self.bound = Some(opened.session.clone());
        self.talk.opened = Some(opened);
        self.settle(now);
    }

    pub(super) fn greeted(&mut self, now: Duration, greeted: Greeted) {
        if self.bound.as_ref().is_some_and(|id| *id != greeted.session) {
            let text = format!("session {} answered instead", greeted.session);
            return self.close(ErrorReply::new(0, Code::SessionGone, text));
        }
        self.talk.greeted = Some(greeted);
        self.settle(now);
    }

    pub(super) fn attached(&mut self, now: Duration, attached: Attached) {
        self.position.attached(&attached);
        // Where the bridge chose the place, the caller has "seen" everything before it.
        self.handed = self.handed.or(self.position.at());
        self.talk.attached = Some(attached);
        self.settle(now);
    }

    /// All have answered: the link is up.
    fn settle(&mut self, now: Duration) {
        let complete = !self.position.wants_events() || self.talk.attached.is_some();
        if !complete || !matches!(self.phase, Phase::Greeting) {
            return;
        }
        let Some(connected) = self.talk.connected(self.counters.links > 0) else { return };
        self.talk.leave_at = None;
        self.phase = Phase::Live;
        self.counters.links += 1;
        self.reconnect.up(now);
        self.inbox.news(Incoming::Connected(Box::new(connected)));
    }

    /// Somebody on the way said no to the link or the session.
    pub(super) fn refused(&mut self, now: Duration, why: ErrorReply) {
        if why.retryable { self.lost(now, why) } else { self.close(why) }
    }
}
