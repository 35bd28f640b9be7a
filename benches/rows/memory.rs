//! What a supervisor keeps in memory, whatever is printed and whoever does not read it.

use super::Amount;
use crate::place::{Place, Way, run};
use crate::processes::field;
use crate::silent::Silent;
use crate::table::Row;
use crate::wait::{look, stretch};
use rialto_client::protocol::message::{EvalState, GetEval};
use rialto_client::{EvalOptions, RunItem, Start};
use rialto_protocol::event::Event;
use std::time::Duration;

const BEFORE: &str = "import sys; text = ''.join(f'{i:0999}\\n' for i in range(1000))";
/// An idle supervisor gives back what it does not need soon after its last work.
const SETTLES: Duration = Duration::from_secs(2);

pub(crate) async fn measure(place: &mut Place, amount: Amount) -> Vec<Row> {
    let (mb, clients) = (amount.of(1_000, 1_000, 20), amount.of(100, 100, 5));
    let mut session = place.session("idle", Way::Direct, Start::Tail(0)).await;
    run(&mut session, "1+1", &mut |_| ()).await;
    let pid = i32::try_from(session.status().await.unwrap().pid).unwrap();
    session.leave().await;
    if amount != Amount::Smoke {
        stretch(SETTLES);
    }
    let (now, most) = (mib(pid, "VmRSS"), mib(pid, "VmHWM"));
    let row = Row::new("memory_idle", "supervisor's memory, idle", now, "MiB").at_most(10.0);
    let mut rows = vec![row.own(format!("peak {most:.1} MiB"))];
    let (now, most) = unread(place, "unread", mb, 1).await;
    let row = Row::new("memory_unread", format!("its peak, {mb} MB printed and unread by a client"), most, "MiB");
    rows.push(row.at_most(16.0).own(format!("{now:.1} MiB after")));
    let (now, most) = unread(place, "crowd", mb, clients).await;
    let row = Row::new("memory_clients", format!("its peak, {mb} MB printed and unread by {clients} clients"), most, "MiB");
    rows.push(row.at_most(32.0).own(format!("{now:.1} MiB after")));
    rows
}

/// Prints so much while nobody reads. MiB after it, and at its most.
async fn unread(place: &mut Place, name: &str, mb: usize, clients: usize) -> (f64, f64) {
    let mut session = place.session(name, Way::Direct, Start::Tail(0)).await;
    run(&mut session, BEFORE, &mut |_| ()).await;
    let pid = i32::try_from(session.status().await.unwrap().pid).unwrap();
    let silent: Vec<Silent> = (0..clients).map(|_| Silent::attach(place, name)).collect();
    // Whoever submits goes at once: none that reads is attached.
    let code = format!("for _ in range({mb}): _ = sys.stdout.write(text)");
    let mut run = session.eval(code, EvalOptions::default()).unwrap();
    let eval = run.id();
    while !matches!(run.next().await.unwrap(), RunItem::Event(record) if matches!(record.event, Event::Started(_) | Event::Accepted(_)))
    {
    }
    session.leave().await;
    let mut asker = place.session(name, Way::Direct, Start::Detached).await;
    while asker.get_eval(GetEval { eval: Some(eval), ..GetEval::default() }).await.unwrap().state != EvalState::Ended {
        stretch(Duration::from_millis(20));
    }
    let figures = (mib(pid, "VmRSS"), mib(pid, "VmHWM"));
    asker.leave().await;
    drop(silent);
    figures
}

fn mib(pid: i32, name: &str) -> f64 {
    look("a supervisor's memory", || field(pid, "status", name)) as f64 / 1024.0
}
