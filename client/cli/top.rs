//! `rialto top`: what all sessions are doing, once a second. In a pipe, or with --once, one table.
//!
//! It shows and changes nothing: no key ends or interrupts anything.

mod load;
mod screen;
mod table;

use crate::args::{PlaceArgs, TopArgs};
use crate::exit::{self, Failure};
use crate::place::Place;
use load::{Load, Sample};
use screen::Screen;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};
pub(crate) use table::Order;
use table::Row;
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};

/// Between two looks.
const EVERY: Duration = Duration::from_secs(1);
/// Between the two looks of one that is taken once: rates need two.
const ONCE: Duration = Duration::from_millis(500);

pub(crate) async fn run(place: &PlaceArgs, args: &TopArgs) -> Result<u8, Failure> {
    let place = Place::of(place)?;
    let live = !args.once && !args.json && std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if live { watch(&place, args.sort).await } else { once(&place, args).await }
}

/// What is to be seen now, with rates since the last look.
async fn look(place: &Place, load: &mut Load) -> Result<Vec<Row>, Failure> {
    let listed = place.list().await?.sessions;
    let sample = Sample::take(place.home().is_some());
    let rows = listed.into_iter().filter(|listed| listed.state != "ended").map(|listed| {
        let rates = load.rates(&listed, &sample);
        Row::of(listed, rates)
    });
    let rows = rows.collect();
    load.turn(sample);
    Ok(rows)
}

async fn once(place: &Place, args: &TopArgs) -> Result<u8, Failure> {
    let mut load = Load::default();
    look(place, &mut load).await?;
    tokio::time::sleep(ONCE).await;
    let mut rows = look(place, &mut load).await?;
    args.sort.sort(&mut rows);
    let mut out = std::io::stdout().lock();
    if args.json {
        for row in &rows {
            writeln!(out, "{}", row.json())?;
        }
    } else {
        for line in table::lines(&rows, usize::MAX) {
            writeln!(out, "{line}")?;
        }
    }
    out.flush()?;
    Ok(0)
}

async fn watch(place: &Place, mut order: Order) -> Result<u8, Failure> {
    let mut ends = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
    let mut resized = signal(SignalKind::window_change())?;
    let mut screen = Screen::open()?;
    let mut keys = tokio::io::stdin();
    let mut key = [0; 16];
    let mut load = Load::default();
    let mut rows = Vec::new();
    let mut trouble = None;
    let mut next = Instant::now();
    loop {
        let [interrupt, terminate, hangup] = &mut ends;
        let mut ended = async || {
            tokio::select! {
                () = heard(interrupt) => {}
                () = heard(terminate) => {}
                () = heard(hangup) => {}
            }
        };
        tokio::select! {
            () = ended() => return Ok(exit::INTERRUPTED),
            _ = resized.recv() => {}
            read = keys.read(&mut key) => match read {
                Ok(0) | Err(_) => return Ok(0),
                Ok(length) => {
                    for key in key.get(..length).unwrap_or_default() {
                        match key {
                            b'q' | b'Q' | 3 | 4 => return Ok(0),
                            b's' => order = order.next(),
                            _ => {}
                        }
                    }
                }
            },
            () = tokio::time::sleep_until(next.into()) => {
                match look(place, &mut load).await {
                    Ok(found) => (rows, trouble) = (found, None),
                    // A daemon that is replaced is back in a moment.
                    Err(why) => trouble = Some(why.text().to_owned()),
                }
                next = Instant::now() + EVERY;
            }
        }
        order.sort(&mut rows);
        screen.show(&table::page(&rows, order, trouble.as_deref(), screen.size()))?;
    }
}

/// A signal that came; one that cannot be listened to never does.
async fn heard(signal: &mut std::io::Result<tokio::signal::unix::Signal>) {
    match signal {
        Ok(signal) => drop(signal.recv().await),
        Err(_) => std::future::pending().await,
    }
}
