//! An interrupt while output floods: how long until its error is seen, and how long until it is answered where nobody reads.

use super::Amount;
use crate::figures::{median, ms, percentile};
use crate::floor::{Floor, Run, request};
use crate::place::{Place, Way, run};
use crate::processes::signal;
use crate::silent::Silent;
use crate::table::Row;
use crate::wait::stretch;
use nix::sys::signal::Signal;
use rialto_client::{EvalOptions, EvalRun, RunItem, Session, Start};
use rialto_protocol::event::Event;
use rialto_protocol::message::{Interrupt, Verdict};
use rialto_protocol::{EvalId, Message, Outcome, Record};
use std::time::{Duration, Instant};

const BEFORE: &str = "line = 'a line of a hundred bytes '.ljust(99, '.')";
const FLOOD: &str = "while True: print(line)";
/// Output that is seen before the interrupt.
const ENOUGH: usize = 1_000_000;
/// How long the client that has not read has not read: the flood stands still behind it long before.
const UNREAD: Duration = Duration::from_millis(200);

pub(crate) async fn measure(place: &mut Place, rounds: usize, amount: Amount) -> Vec<Row> {
    let enough = amount.of(ENOUGH, ENOUGH, 10_000);
    let mut floors: Vec<f64> = (0..rounds).map(|_| floor(place, enough)).collect();
    let shown = |all: &mut [f64]| format!("worst {:.1} ms of {}", percentile(all, 100), all.len());
    let floor = format!("{:.1} ms, {}", median(&mut floors), shown(&mut floors));
    let mut rows = Vec::new();
    for way in Way::BOTH {
        let (name, key) = match way {
            Way::Direct => ("flood", "interrupt"),
            Way::Daemon => ("flood-daemon", "interrupt_daemon"),
        };
        let mut session = place.session(name, way, Start::Tail(0)).await;
        run(&mut session, BEFORE, &mut |_| ()).await;
        let mut all = Vec::new();
        for _ in 0..rounds {
            all.push(seen(&mut session, enough).await);
        }
        session.leave().await;
        let row = Row::new(key, format!("interrupt in a flood until its error is seen, {}", way.text()), median(&mut all), "ms");
        let row = if way == Way::Direct { row.at_most(5.0) } else { row };
        rows.push(row.own(shown(&mut all)).floor(floor.clone()));
    }
    let mut session = place.session("stalled", Way::Direct, Start::Tail(0)).await;
    run(&mut session, BEFORE, &mut |_| ()).await;
    let _silent = Silent::attach(place, "stalled");
    let (mut other, mut own) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        other.push(answered(&mut session, enough, false).await);
        own.push(answered(&mut session, enough, true).await);
    }
    session.leave().await;
    for (key, who, mut all) in
        [("answer", "another client does not read", other), ("answer_unread", "the one that asks has not read either", own)]
    {
        let row = Row::new(key, format!("answer to an interrupt in a flood while {who}"), median(&mut all), "ms");
        rows.push(row.at_most(20.0).own(shown(&mut all)).floor(floor.clone()));
    }
    rows
}

fn floor(place: &Place, enough: usize) -> f64 {
    let mut floor = Floor::start(&place.python);
    floor.ask(Run::Exec, BEFORE);
    floor.say(&request(Run::Exec, FLOOD));
    floor.skip(enough);
    let start = Instant::now();
    signal(floor.pid(), Signal::SIGINT);
    floor.until(b"KeyboardInterrupt");
    ms(start.elapsed())
}

/// Starts a flood and reads so much of it.
async fn flood(session: &mut Session, enough: usize) -> EvalRun<'_> {
    let mut run = session.eval(FLOOD, EvalOptions::default()).unwrap();
    let mut bytes = 0;
    while bytes < enough {
        bytes += printed(&run.next().await.expect("a flood has no end"));
    }
    run
}

fn printed(item: &RunItem) -> usize {
    match item {
        RunItem::Event(Record { event: Event::Output(output), .. }) => output.runs.iter().map(|run| run.data.0.len()).sum(),
        _ => 0,
    }
}

async fn end(run: &mut EvalRun<'_>) {
    while run.next().await.is_some() {}
    assert_eq!(run.over().unwrap().as_ref().unwrap().outcome, Outcome::Interrupted);
}

async fn seen(session: &mut Session, enough: usize) -> f64 {
    let mut run = flood(session, enough).await;
    let eval = run.id();
    let start = Instant::now();
    run.session().send(interrupt(eval)).unwrap();
    end(&mut run).await;
    ms(start.elapsed())
}

async fn answered(session: &mut Session, enough: usize, unread: bool) -> f64 {
    let mut run = flood(session, enough).await;
    let eval = run.id();
    if unread {
        stretch(UNREAD);
    }
    let start = Instant::now();
    let answer = run.session().request(interrupt(eval)).await.unwrap();
    let took = ms(start.elapsed());
    assert!(matches!(&answer, Message::InterruptAnswer(answer) if answer.verdict == Verdict::Interrupted), "{answer:?}");
    end(&mut run).await;
    took
}

fn interrupt(eval: EvalId) -> Message {
    Message::Interrupt(Interrupt { re: 0, id: rialto_client::request_id().unwrap(), eval, escalate: None })
}
