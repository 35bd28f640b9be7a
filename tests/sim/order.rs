//! Promise 1: one at a time, in the order of acceptance; numbers without a hole; all output of an eval before its end.

use crate::model::{At, Model};
use crate::story::{Check, hold};
use rialto_protocol::event::{Event, Output, Record};
use rialto_protocol::kernel::DoneHow;
use rialto_protocol::{EvalNumber, Outcome};
use rialto_session::{ConnId, Input, Timer};
use std::collections::BTreeSet;

/// A chunk as the kernel of this world writes it: its own number, and whether it was written after an end.
pub(crate) struct Chunk {
    pub(crate) no: u32,
    pub(crate) background: bool,
}

impl Chunk {
    pub(crate) fn bytes(&self, len: usize) -> Vec<u8> {
        let mut bytes = vec![b'.'; len.max(5)];
        bytes[..4].copy_from_slice(&self.no.to_le_bytes());
        bytes[4] = u8::from(self.background);
        bytes
    }

    fn read(e: &Output) -> Option<Self> {
        let bytes = &e.runs.first()?.data.0;
        let no = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?);
        Some(Self { no, background: *bytes.get(4)? == 1 })
    }
}

/// Before a record is applied: may it come now?
pub(crate) fn record(m: &Model, r: &Record, cause: &Input) -> Check {
    hold!("order", r.seq == m.head + 1, "event {} follows {}", r.seq, m.head);
    if !matches!(r.event, Event::EpochStarted(_) | Event::Created(_)) {
        hold!("order", r.at.mono_us >= m.mono_us, "time goes back at event {}", r.seq);
    }
    if m.ended {
        let may = matches!(r.event, Event::EpochStarted(_) | Event::Redacted(_) | Event::Shared(_) | Event::Unshared(_));
        hold!("order", may, "{:?} comes after the end of the session", r.event);
    }
    match &r.event {
        Event::EpochStarted(e) => hold!("order", e.epoch > m.epoch, "epoch {} follows {}", e.epoch, m.epoch),
        Event::Accepted(e) => {
            hold!("order", e.n == m.evals.len() as u64 + 1, "eval #{} follows #{}", e.n, m.evals.len());
            if e.started {
                hold!("order", m.waiting.is_empty(), "#{} overtakes {:?}", e.n, m.waiting);
                starts(m, e.n)?;
            }
        }
        Event::Started(e) => {
            hold!("order", m.waiting.front() == Some(&e.n), "#{} starts before {:?}", e.n, m.waiting.front());
            starts(m, e.n)?;
        }
        Event::Output(e) => output(m, e)?,
        Event::Display(e) => {
            let known = e.n == 0 || m.eval(e.n).is_some_and(|eval| eval.at != At::Waiting);
            hold!("order", known, "a display of #{}, which never ran", e.n);
        }
        Event::Ended(e) => ended(m, e, cause)?,
        Event::LifeStarted(e) => {
            hold!("order", !m.living && e.life > m.life, "life {} begins in life {}", e.life, m.life);
        }
        Event::LifeEnded(e) => {
            hold!("order", m.running.is_none(), "life {} ends before #{:?}, which runs in it", e.life, m.running);
            let right = if m.living { e.life == m.life } else { e.life == m.life + 1 };
            hold!("order", right, "life {} ends in life {}", e.life, m.life);
        }
        Event::SessionEnded(_) => {
            let quiet = m.running.is_none() && m.waiting.is_empty() && !m.living;
            hold!("order", quiet, "the session ends before what is in it");
        }
        _ => {}
    }
    Ok(())
}

/// A session that ends for want of use was not used.
pub(crate) fn culled(m: &Model, r: &Record, cause: &Input, readers: &BTreeSet<ConnId>) -> Check {
    if matches!(cause, Input::Timer(Timer::Cull)) {
        hold!("order", m.running.is_none() && m.waiting.is_empty(), "{:?}: culled while evals run or wait", r.event);
        hold!("order", readers.is_empty(), "{:?}: culled under {readers:?}", r.event);
    }
    if let Event::SessionEnded(e) = &r.event {
        hold!("order", e.by.is_some() || e.why.is_none() || m.running.is_none(), "culled over an eval");
    }
    Ok(())
}

fn starts(m: &Model, n: EvalNumber) -> Check {
    hold!("order", m.running.is_none(), "#{n} starts while #{:?} runs", m.running);
    hold!("order", m.living, "#{n} starts without a kernel");
    Ok(())
}

fn output(m: &Model, e: &Output) -> Check {
    let chunk = Chunk::read(e);
    if e.background {
        hold!("order", m.running != Some(e.n), "background output of #{}, which runs", e.n);
        let ran = e.n == 0 || m.eval(e.n).is_some_and(|eval| eval.at != At::Waiting);
        hold!("order", ran, "background output of #{}, which never ran", e.n);
        if let Some(c) = chunk {
            hold!("order", c.background, "output of #{} before its end is marked background", e.n);
            hold!("order", c.no == m.background, "background chunk {} follows {}", c.no, m.background);
        }
    } else {
        hold!("order", m.running == Some(e.n), "output of #{}, which does not run, is not marked background", e.n);
        if let Some(c) = chunk {
            hold!("order", !c.background, "background output is taken for that of #{}", e.n);
            let before = m.eval(e.n).map_or(0, |eval| eval.chunks);
            hold!("order", c.no == before, "chunk {} of #{} follows {before}", c.no, e.n);
        }
    }
    Ok(())
}

fn ended(m: &Model, e: &rialto_protocol::event::Ended, cause: &Input) -> Check {
    let Some(eval) = m.eval(e.n) else {
        hold!("order", false, "#{} ends, which never was", e.n);
        return Ok(());
    };
    match e.outcome {
        Outcome::Cancelled | Outcome::NotRun => {
            hold!("order", eval.at == At::Waiting, "#{} ends {:?} while {:?}", e.n, e.outcome, eval.at);
        }
        // It was handed over when the supervisor died, and no record says so; `judge.rs` knows which was.
        Outcome::Lost if eval.at == At::Waiting => {}
        _ => {
            hold!("order", eval.at == At::Running, "#{} ends {:?} while {:?}", e.n, e.outcome, eval.at);
            // After a crash the records that would tell the first end of a life from a later one may be trimmed.
            let told = e.fresh_state == m.fresh || e.outcome == Outcome::Lost;
            hold!("order", told, "#{} says fresh_state {}, it is {}", e.n, e.fresh_state, m.fresh);
        }
    }
    if let Input::Kernel(_, rialto_protocol::kernel::KernelEvent::Done(done)) = cause
        && done.n == e.n
    {
        let as_told = match done.how {
            DoneHow::Ok => Outcome::Ok,
            DoneHow::Error(_) => Outcome::Error,
            DoneHow::Interrupted(_) => Outcome::Interrupted,
            DoneHow::Exit { .. } => Outcome::Exit,
        };
        hold!("order", e.outcome == as_told, "the kernel ended #{} {as_told:?}, the record says {:?}", e.n, e.outcome);
        let wrote = done.result.as_ref().and_then(|r| r.get("wrote")).and_then(|b| b.lossy().parse::<u32>().ok());
        if let Some(wrote) = wrote {
            hold!("order", wrote == eval.chunks, "#{} wrote {wrote} chunks, {} came before its end", e.n, eval.chunks);
        }
    }
    Ok(())
}

/// After a turn: nothing is left in a place where it cannot stay.
pub(crate) fn rest(m: &Model) -> Check {
    let running = m.evals.iter().filter(|e| e.at == At::Running).count();
    hold!("order", running <= 1, "{running} evals run at once");
    hold!("order", running == usize::from(m.running.is_some()), "an eval that ran was forgotten");
    Ok(())
}
