//! `rialto places test`: how far it comes, step by step.

use crate::exit::{self, Failure};
use crate::paint;
use crate::place::Known;
use crate::place::url::Way;
use rialto_client::protocol::message::Open;
use rialto_client::{Connect, Met, Through};
use serde_json::json;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long the bridge may take for its hello, once there is a way to it.
const ANSWER: Duration = Duration::from_secs(30);

pub(super) async fn run(at: &str, as_json: bool) -> Result<u8, Failure> {
    let known = Known::of(at)?;
    let steps = Arc::new(Mutex::new(Vec::<String>::new()));
    let step = {
        let steps = steps.clone();
        move |text: &str| {
            let text = crate::ls::plain(text);
            if !as_json {
                paint::talk(&format!("{} {text}", paint::paint(paint::GOOD, "ok")));
            }
            steps.lock().unwrap_or_else(PoisonError::into_inner).push(text);
        }
    };
    let began = Instant::now();
    let outcome = reached(&known, step.clone()).await;
    let took = began.elapsed();
    let steps = steps.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match outcome {
        Ok(met) => {
            let Met { welcome, round_trip } = met;
            let ms = round_trip.as_secs_f64() * 1e3;
            let (app, principal, scope) = (crate::ls::plain(&welcome.app), crate::ls::plain(&welcome.principal), welcome.scope);
            let mut out = std::io::stdout().lock();
            if as_json {
                let line = json!({
                    "place": at, "ok": true, "app": app, "contract": welcome.contract, "principal": principal,
                    "scope": scope.to_string(), "round_trip_ms": ms, "connected_in_ms": took.as_secs_f64() * 1e3, "steps": steps,
                });
                writeln!(out, "{line}")?;
            } else {
                writeln!(out, "{at} answers: {app}, contract {}", welcome.contract)?;
                writeln!(out, "you are {principal} there, and may {scope}")?;
                writeln!(out, "there and back takes {ms:.1} ms; connecting took {} ms", took.as_millis())?;
            }
            Ok(0)
        }
        Err(why) => {
            if as_json {
                let line = json!({ "place": at, "ok": false, "error": why.text(), "steps": steps });
                writeln!(std::io::stdout().lock(), "{line}")?;
                return Ok(exit::UNAVAILABLE);
            }
            Err(why)
        }
    }
}

async fn reached(known: &Known, step: impl Fn(&str) + Send + Sync + 'static + Clone) -> Result<Met, Failure> {
    let dialer: Arc<dyn rialto_client::Dialer> = match &known.url.way {
        Way::Ssh(machine) => Arc::new(known.ssh(machine).telling(step.clone())),
        _ => known.dialer()?,
    };
    let text = dialer.text();
    let link = Through { dialer, local: true }.connect(Open::default()).await?;
    step(&format!("{text} is connected"));
    match tokio::time::timeout(ANSWER, rialto_client::meet(link, "rialto places test")).await {
        Ok(met) => Ok(met?),
        Err(_) => {
            let text = format!("{text} is connected, and no bridge answers there within {} s", ANSWER.as_secs());
            Err(Failure::new(exit::UNAVAILABLE, text))
        }
    }
}
