//! One hostile stream, made from its seed.

use super::messages::{self, any_message};
use crate::dice::Dice;
use crate::raw::Raw;
use rialto_protocol::frame::{Header, IGNORABLE, MORE};
use rialto_protocol::message::{Attach, Open, Plain, Submit};
use rialto_protocol::{Code, EvalId, Message, OnError, Scope, Show, codec, limits};
use rialto_transports::Dialer;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;

/// At which door, and as whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// The supervisor's, without its cookie.
    Stranger,
    /// The supervisor's, with the scope to observe.
    Observer,
    /// The supervisor's, with the scope to run evals or with all there is.
    Member,
    /// The daemon's.
    Daemon,
}

/// What a peer may have found out.
#[derive(Clone)]
pub(crate) struct Known {
    pub(crate) dialer: Arc<dyn Dialer>,
    pub(crate) cookie: Vec<u8>,
    pub(crate) session: String,
    /// An eval of the bystander's.
    pub(crate) eval: EvalId,
}

/// Plays the stream of a seed to its end: the other side has answered or closed. Gives the errors it answered with.
pub(crate) async fn play(seed: u64, door: Door, known: Known) -> BTreeSet<String> {
    let raw = Raw::over(known.dialer.dial().await.unwrap());
    play_on(raw, Dice(seed), door, known).await
}

/// The same on a connection that is there already.
pub(crate) async fn play_on(mut raw: Raw, mut dice: Dice, door: Door, known: Known) -> BTreeSet<String> {
    let inside = enter(&mut raw, &mut dice, door, &known).await;
    let mut errors = BTreeSet::new();
    if door == Door::Daemon && inside && dice.below(8) == 0 {
        raw.say(0, &Message::Open(Open { re: 76, channel: 2, session: "nobodys".to_owned(), ..Open::default() })).await;
        // It may have been turned away before that.
        while let Some((_, message)) = raw.next().await {
            if let Message::Error(error) = message {
                errors.insert(error.name);
                break;
            }
        }
    }
    // Half of them say nothing but valid messages; what is no frame ends a stream at once, and is the last word of some.
    let temper = dice.below(4);
    for _ in 0..1 + dice.below(12) {
        let bytes = match dice.below(8) {
            0 if temper == 0 => [garbage, oversize, chunks][usize::try_from(dice.below(3)).unwrap()](&mut dice),
            1 | 2 if temper < 2 => mutated(&mut dice, door, &known, inside),
            3 => valid(&mut dice, door, &known, inside).repeat(2),
            _ => valid(&mut dice, door, &known, inside),
        };
        // It may have closed by now: then nobody listens, and that is an answer.
        if !raw.bytes(&bytes).await {
            break;
        }
    }
    if door == Door::Daemon && inside && temper > 1 {
        // What a daemon has not carried on when the connection ends it drops: these see to it that it has.
        raw.say(1, &Message::GetStatus(Plain { re: 77 })).await;
        while let Some((_, message)) = raw.next().await {
            match message {
                Message::Status(status) if status.re == 77 => break,
                Message::Error(error) => {
                    // A channel that they have closed answers no question.
                    let closed = error.known() == Some(Code::WrongState);
                    errors.insert(error.name);
                    if closed {
                        break;
                    }
                }
                _ => {}
            }
        }
    }
    // Some are gone without a word, with whatever is on its way.
    if dice.below(4) > 0 {
        // The others are half open: they say nothing more, and listen to the end, which must come.
        let _ = raw.stream.shutdown().await;
        while let Some((_, message)) = raw.next().await {
            if let Message::Error(error) = message {
                errors.insert(error.name);
            }
        }
    }
    errors
}

/// Goes as far in as the dice say. True: a channel of the session is open.
async fn enter(raw: &mut Raw, dice: &mut Dice, door: Door, known: &Known) -> bool {
    let far = dice.below(8);
    let scope = match door {
        Door::Observer => Some(Scope::Observe),
        Door::Member if dice.below(2) == 0 => Some(Scope::Eval),
        _ => None,
    };
    if far == 0 {
        return false;
    }
    let cookie = match door {
        Door::Stranger => [None, Some(dice.bytes::<64>().to_vec())][usize::from(dice.below(2) == 0)].clone(),
        Door::Daemon => None,
        _ => Some(known.cookie.clone()),
    };
    raw.hello(cookie.as_deref(), scope).await;
    if far == 1 {
        return false;
    }
    raw.say(0, &Message::Open(Open { channel: 1, session: known.session.clone(), ..Open::default() })).await;
    if far > 2 {
        raw.greet(1).await;
        raw.say(1, &Message::Attach(Attach { credit: Some(dice.below(1 << 20)), ..Attach::default() })).await;
        if door == Door::Daemon {
            // What is sent before the daemon has found the session goes no further when the connection ends.
            raw.find(|m| matches!(m, Message::Attached(_)).then_some(())).await;
        }
    }
    true
}

fn garbage(dice: &mut Dice) -> Vec<u8> {
    (0..dice.below(600)).map(|_| dice.bytes::<1>()[0]).collect()
}

/// A header that promises more than anybody takes, and what follows it.
fn oversize(dice: &mut Dice) -> Vec<u8> {
    let len = u32::try_from(u64::from(limits::DEFAULT_MAX_FRAME) + 1 + dice.below(1 << 31)).unwrap();
    let [kind, flags, channel] = dice.bytes();
    let mut bytes = Header { len, kind, flags, channel: u16::from(channel) }.encode().to_vec();
    bytes.extend(garbage(dice));
    bytes
}

/// Chunks of one value, with others between them, and seldom an end.
fn chunks(dice: &mut Dice) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..1 + dice.below(5) {
        let [kind, more, channel] = dice.bytes();
        let kind = [0x80, 0x40, 0x0a, kind][usize::try_from(dice.below(4)).unwrap()];
        let body: Vec<u8> = (0..dice.below(3_000)).map(|_| dice.bytes::<1>()[0]).collect();
        let flags = if more < 200 { MORE } else { IGNORABLE };
        let header = Header { len: u32::try_from(body.len()).unwrap(), kind, flags, channel: u16::from(channel % 3) };
        bytes.extend(header.encode());
        bytes.extend(body);
    }
    bytes
}

/// A valid message with some bytes changed, cut or added; its length still right, so that it is the body that is wrong.
fn mutated(dice: &mut Dice, door: Door, known: &Known, inside: bool) -> Vec<u8> {
    let mut bytes = valid(dice, door, known, inside);
    for _ in 0..1 + dice.below(4) {
        if bytes.len() > 9 {
            let at = 8 + usize::try_from(dice.below(bytes.len() as u64 - 8)).unwrap();
            match dice.below(3) {
                0 => bytes[at] = dice.bytes::<1>()[0],
                1 => bytes.truncate(at),
                _ => bytes.insert(at, dice.bytes::<1>()[0]),
            }
        }
    }
    let len = u32::try_from(bytes.len() - 8).unwrap_or(0);
    bytes.splice(..4, len.to_le_bytes());
    bytes
}

/// A valid message, of any kind, on any channel, now.
fn valid(dice: &mut Dice, door: Door, known: &Known, inside: bool) -> Vec<u8> {
    let random: Vec<u8> = (0..dice.below(300)).map(|_| dice.bytes::<1>()[0]).collect();
    let message = match dice.below(10) {
        // What the bystander submitted, with other code.
        0 => submit(known.eval, "'other code'"),
        1 => submit(EvalId(dice.bytes()), ["1/0", "'x' * 3", "(", "print(1)"][usize::try_from(dice.below(4)).unwrap()]),
        _ => loop {
            let message = any_message(dice.bytes::<1>()[0], &mut messages::Dice(&random));
            if harmless(&message, door) {
                break message;
            }
        },
    };
    let channel = match dice.below(6) {
        0 => 0,
        1 => u16::from(dice.bytes::<1>()[0]),
        _ => u16::from(inside),
    };
    let mut bytes = Vec::new();
    codec::encode(&mut bytes, channel, &message, limits::FLOOR_MAX_FRAME);
    bytes
}

/// Whoever may end the session or its kernel ends the bystander's work by right: that is no attack.
fn harmless(message: &Message, door: Door) -> bool {
    let may = matches!(door, Door::Member | Door::Daemon);
    !(may && matches!(message, Message::Kill(_) | Message::Restart(_)))
}

fn submit(eval: EvalId, code: &str) -> Message {
    let (group, argv, trace) = (None, None, None);
    Message::Submit(Submit { re: 3, eval, code: code.into(), group, on_error: OnError::Stop, show: Show::Value, argv, trace })
}
