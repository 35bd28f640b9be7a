//! `rialto fork SESSION NAME`: a session with the state of another one. State cannot be copied out of an interpreter, so it is
//! rebuilt: what ran in the other's kernel is run again in a fresh one (`replay.rs`), and what could not be carried is said.

use crate::args::{ForkArgs, PlaceArgs};
use crate::exit::{self, Failure};
use crate::place::Place;
use crate::replay::{Plan, Progress, Step, Target, Walk, Which, create};
use crate::{ls, paint, sanitise};
use rialto_client::protocol::message::Open;
use std::io::Write;

pub(crate) async fn run(place: &PlaceArgs, args: &ForkArgs) -> Result<u8, Failure> {
    let place = Place::of(place)?;
    let plan = Plan::of(&place, &args.session, "fork", (None, args.until.as_deref()), Which::LastLife).await?;
    if plan.runs == 0 {
        let text = format!("nothing that ran in the kernel of {} can be run again: there is no state to rebuild", plan.name);
        return Err(Failure::new(exit::ERROR, text));
    }
    let mut walk = Walk::new(&plan, &place, &args.session)?;
    let mut create = create(&place, &plan, None, args.cwd.as_deref(), args.python.as_deref())?;
    create.must_be_new = true;
    let open = Open { session: args.name.clone(), create: Some(create), ..Open::default() };
    let mut target = Target::open(&place, open, "fork").await?;
    let mut progress = Progress::new("running", plan.runs);
    let rebuilt = rebuild(&mut walk, &mut target, &mut progress).await;
    progress.clear();
    let skips = walk.close().await;
    let name = target.name.clone();
    target.leave().await;
    skips.sentences().for_each(|sentence| paint::talk(&sentence));
    let half = || format!("{name} is there with a part of it; `rialto kill {name}` ends it");
    let Rebuilt { ran, different, last, stopped } = rebuilt.inspect_err(|_| paint::talk(&half()))?;
    if stopped {
        paint::talk(&half());
        return Ok(exit::INTERRUPTED);
    }
    let evals = if ran == 1 { "1 eval".to_owned() } else { format!("{ran} evals") };
    paint::talk(&format!("session {name} has the state of {} after #{last}: {evals} ran again", plan.name));
    if different > 0 {
        paint::talk(&format!("{different} of them ended otherwise than they had: what they made may be missing"));
        return Ok(exit::ERROR);
    }
    Ok(0)
}

#[derive(Default)]
struct Rebuilt {
    ran: u64,
    different: u64,
    last: u64,
    stopped: bool,
}

async fn rebuild(walk: &mut Walk<'_>, target: &mut Target, progress: &mut Progress) -> Result<Rebuilt, Failure> {
    let mut rebuilt = Rebuilt::default();
    while let Some(step) = walk.next().await? {
        let Step::Run(input) = step else { continue };
        let again = target.run(&input, progress).await?;
        progress.step();
        if again.stopped {
            rebuilt.stopped = true;
            break;
        }
        rebuilt.ran += 1;
        rebuilt.last = input.n();
        let (was, is) = (input.shown.in_words(), again.shown.in_words());
        if was != is {
            progress.clear();
            rebuilt.different += 1;
            let code = input.accepted.code.as_deref().unwrap_or_default();
            let line: String = sanitise::text(code.trim().lines().next().unwrap_or_default()).chars().take(60).collect();
            let mut out = anstream::stdout().lock();
            writeln!(out, "#{} was {}, is {}: {line}", input.n(), ls::plain(&was), ls::plain(&is))?;
            out.flush()?;
        }
    }
    Ok(rebuilt)
}
