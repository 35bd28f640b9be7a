//! 1,000 evals submitted at once. The session runs them one at a time; the floor's child has read all of them before it
//! answers. Each has its own code and gives how many ran so far, so the values say whether the order was kept.

use super::Amount;
use crate::figures::median;
use crate::floor::{Floor, Run, request};
use crate::place::{Place, Way, run, value};
use crate::table::Row;
use rialto_client::protocol::message::Submit;
use rialto_client::{Incoming, Session, Start};
use rialto_protocol::event::Event;
use rialto_protocol::{Message, OnError, Show};
use std::time::Instant;

const BEFORE: &str = "ran = []";

fn code(i: usize) -> String {
    format!("ran.append({i}) or len(ran) if len(ran) == {i} else 'out of order'")
}

pub(crate) async fn measure(place: &mut Place, rounds: usize, amount: Amount) -> Vec<Row> {
    let evals = amount.of(1_000, 1_000, 50);
    let mut floor = Floor::start(&place.python);
    floor.ask(Run::Exec, BEFORE);
    let mut sessions = Vec::new();
    for way in Way::BOTH {
        let name = if way == Way::Direct { "thousand" } else { "thousand-daemon" };
        let mut session = place.session(name, way, Start::Tail(0)).await;
        run(&mut session, BEFORE, &mut |_| ()).await;
        sessions.push((way, session, Vec::new(), Vec::new()));
    }
    let mut floors = Vec::new();
    // The first round warms up.
    for round in 0..=rounds {
        let all: Vec<u8> = (0..evals).flat_map(|i| request(Run::Eval, &code(round * evals + i))).collect();
        let start = Instant::now();
        floor.say(&all);
        for i in 0..evals {
            assert_eq!(floor.answer(&mut |_| ()), (round * evals + i + 1).to_string());
        }
        let raw = evals as f64 / start.elapsed().as_secs_f64();
        floors.push(raw);
        for (_, session, rates, ratios) in &mut sessions {
            let own = at_once(session, round * evals, evals).await;
            if round > 0 {
                rates.push(own);
                ratios.push(own / raw);
            }
        }
    }
    let rate = |all: &mut [f64]| format!("{:.0} /s", median(all));
    let mut rows = Vec::new();
    for (way, session, mut rates, mut ratios) in sessions {
        session.leave().await;
        let key = if way == Way::Direct { "thousand" } else { "thousand_daemon" };
        let row = Row::new(key, format!("1,000 evals at once, {}", way.text()), median(&mut ratios), "x of the rate");
        let row = if way == Way::Direct { row.at_least(0.35) } else { row };
        rows.push(row.own(rate(&mut rates)).floor(rate(&mut floors)).note("order kept"));
    }
    rows
}

/// Evals a second.
async fn at_once(session: &mut Session, first: usize, evals: usize) -> f64 {
    let start = Instant::now();
    for i in first..first + evals {
        let submit = Submit {
            re: 0,
            eval: rialto_client::eval_id().unwrap(),
            code: code(i).into(),
            group: None,
            on_error: OnError::Stop,
            show: Show::Value,
            argv: None,
            trace: None,
        };
        session.send(Message::Submit(submit)).unwrap();
    }
    let mut next = first;
    while next < first + evals {
        match session.next().await {
            Incoming::Event(record) => {
                if let Event::Ended(ended) = record.event {
                    next += 1;
                    assert_eq!(value(&ended), next.to_string().as_bytes(), "the order");
                }
            }
            Incoming::Answer(_, Err(why)) => panic!("{why:?}"),
            _ => {}
        }
    }
    evals as f64 / start.elapsed().as_secs_f64()
}
