//! `rialto replay SESSION`: its inputs once more, in a fresh kernel, and where what came of them differs. `rialto fork` does the
//! same for the state that is left (`fork.rs`).

mod inputs;
mod plan;
mod progress;
mod report;
mod shown;
mod target;

pub(crate) use inputs::{Input, Inputs};
pub(crate) use plan::{Plan, Skips, Which};
pub(crate) use progress::Progress;
pub(crate) use shown::{Shown, word};
pub(crate) use target::Target;

use crate::args::{PlaceArgs, ReplayArgs};
use crate::exit::{self, Failure};
use crate::logs::Item;
use crate::place::Place;
use crate::{paint, start};
use report::Report;
use rialto_client::protocol::message::{Create, Open};
use rialto_client::protocol::{EvalNumber, Outcome};
use serde_json::json;

pub(crate) async fn run(place: &PlaceArgs, args: &ReplayArgs) -> Result<u8, Failure> {
    let place = Place::of(place)?;
    let range = (args.from.as_deref(), args.until.as_deref());
    let plan = Plan::of(&place, &args.session, "replay", range, Which::All).await?;
    let report = Report::new(args.json);
    let mut counts = Counts::default();
    let mut walk = Walk::new(&plan, &place, &args.session)?;
    let mut target = None;
    let mut progress = Progress::new("replaying", plan.runs);
    let mut stopped = false;
    while let Some(step) = walk.next().await? {
        let input = match step {
            Step::Run(input) => input,
            Step::Skip(input, why) => {
                progress.clear();
                report.skipped(&input, why)?;
                continue;
            }
        };
        // Made for the first eval and not before: where there is nothing to run there is no session.
        let target = match &mut target {
            Some(target) => target,
            None => target.insert(Target::open(&place, open(&place, &plan, args)?, "replay").await?),
        };
        let again = target.run(&input, &mut progress).await?;
        progress.step();
        if again.stopped {
            stopped = true;
            break;
        }
        let differs = input.shown.differs(&again.shown, !args.ignore_output);
        if !differs.is_empty() || args.json {
            progress.clear();
        }
        report.ran(&input, &again, &differs)?;
        counts.ran += 1;
        counts.different += u64::from(!differs.is_empty());
        if !differs.is_empty() && args.stop_on_difference {
            break;
        }
    }
    progress.clear();
    let skips = walk.close().await;
    let name = target.as_ref().filter(|_| args.into.is_some()).map(|target| target.name.clone());
    if let Some(target) = target {
        target.leave().await;
    }
    if !args.json {
        skips.sentences().for_each(|sentence| paint::talk(&sentence));
    }
    counts.tell(&report, &plan, &skips, name.as_deref(), stopped)?;
    Ok(match (stopped, counts.different) {
        (true, _) => exit::INTERRUPTED,
        (false, 0) => 0,
        (false, _) => exit::ERROR,
    })
}

#[derive(Debug, Default)]
struct Counts {
    ran: u64,
    different: u64,
}

impl Counts {
    fn tell(&self, report: &Report, plan: &Plan, skips: &Skips, into: Option<&str>, stopped: bool) -> Result<(), Failure> {
        let rest = plan.runs.saturating_sub(self.ran);
        let value = json!({
            "session": plan.name,
            "into": into,
            "ran": self.ran,
            "same": self.ran - self.different,
            "different": self.different,
            "skipped": skips.count(),
            "left": rest,
        });
        let evals = |n: u64| if n == 1 { "1 eval".to_owned() } else { format!("{n} evals") };
        let mut text = match (self.ran, self.different) {
            (0, _) => format!("{}: nothing was run again", plan.name),
            (ran, 0) => format!("{}: {} ran again, and the same came of all", plan.name, evals(ran)),
            (ran, different) => format!("{}: {} ran again, {different} differ", plan.name, evals(ran)),
        };
        if skips.count() > 0 {
            text.push_str(&format!("; {} not", skips.count()));
        }
        if rest > 0 {
            text.push_str(&format!("; {} left", if stopped { format!("stopped, {rest}") } else { rest.to_string() }));
        }
        if let Some(name) = into {
            text.push_str(&format!("; in session {name}"));
        }
        Ok(report.summary(&value, &text)?)
    }
}

/// The fresh session: named and kept, or gone with this program.
fn open(place: &Place, plan: &Plan, args: &ReplayArgs) -> Result<Open, Failure> {
    let mut create = create(place, plan, args.kernel.as_deref(), args.cwd.as_deref(), args.python.as_deref())?;
    create.ends_when_done = args.into.is_none();
    create.remove_at_end = args.into.is_none();
    create.must_be_new = args.into.is_some();
    Ok(Open { session: args.into.clone().unwrap_or_default(), create: Some(create), ..Open::default() })
}

/// A session like the one that was, unless told otherwise.
pub(crate) fn create(
    place: &Place,
    plan: &Plan,
    kernel: Option<&str>,
    cwd: Option<&std::path::Path>,
    python: Option<&std::path::Path>,
) -> Result<Create, Failure> {
    let said = crate::args::StartArgs {
        python: python.map(std::path::Path::to_owned),
        cwd: cwd.map(std::path::Path::to_owned),
        ..Default::default()
    };
    let mut create = start::create(&kernel.unwrap_or(&plan.kernel).into(), &said, &crate::args::LifeArgs::default(), place)?;
    // The same interpreter only for the same kernel.
    if python.is_none() && kernel.is_none_or(|kernel| kernel == plan.kernel) {
        create.program.clone_from(&plan.program);
    }
    if cwd.is_none() && !place.is_far() {
        create.cwd.clone_from(&plan.cwd);
    }
    Ok(create)
}

const fn ran(outcome: Outcome) -> bool {
    !matches!(outcome, Outcome::Cancelled | Outcome::NotRun)
}

/// An eval, and whether it is run again.
pub(crate) enum Step {
    Run(Input),
    Skip(Input, &'static str),
}

/// The evals of a plan, one after the other.
pub(crate) struct Walk<'p> {
    plan: &'p Plan,
    past: crate::past::Past,
    inputs: Inputs,
    rest: Option<std::vec::IntoIter<Input>>,
    skips: Skips,
    /// The last eval that was seen accepted.
    last: EvalNumber,
}

impl<'p> Walk<'p> {
    pub(crate) fn new(plan: &'p Plan, place: &Place, session: &str) -> Result<Self, Failure> {
        let past = plan.past(place, session, "replay")?;
        let (inputs, rest, skips) = (Inputs::default(), None, Skips::default());
        // In the middle of a session the earlier ones are not missing.
        let last = if plan.start.is_some() { EvalNumber::MAX } else { 0 };
        Ok(Self { plan, past, inputs, rest, skips, last })
    }

    pub(crate) async fn next(&mut self) -> Result<Option<Step>, Failure> {
        loop {
            let input = match &mut self.rest {
                Some(rest) => match rest.next() {
                    Some(input) => input,
                    None => return Ok(None),
                },
                None => match self.past.next().await? {
                    Some(Item::Event(record)) => {
                        if let rialto_client::protocol::event::Event::Accepted(accepted) = &record.event {
                            self.missing(accepted.n);
                        }
                        match self.inputs.event(*record) {
                            Some(input) => input,
                            None => continue,
                        }
                    }
                    Some(Item::Gap(gap)) => {
                        self.inputs.gap(gap);
                        continue;
                    }
                    Some(Item::Rewound(_)) => continue,
                    None => {
                        let rest: Vec<Input> = std::mem::take(&mut self.inputs).rest().collect();
                        self.rest = Some(rest.into_iter());
                        continue;
                    }
                },
            };
            if !self.plan.wants(&input) {
                // They run in order: nothing that is wanted follows.
                if input.n() > self.plan.until && input.shown.outcome().is_some_and(ran) {
                    return Ok(None);
                }
                continue;
            }
            return Ok(Some(match input.skip() {
                None => Step::Run(input),
                Some(why) => {
                    let why = if self.plan.redacted.contains(&input.n()) { "redacted" } else { why };
                    self.skips.add(why, input.n());
                    Step::Skip(input, why)
                }
            }));
        }
    }

    /// Retention may have removed all that is known of an eval.
    fn missing(&mut self, n: EvalNumber) {
        let (from, to) = (self.last.saturating_add(1).max(self.plan.from), n.min(self.plan.until.saturating_add(1)));
        self.skips.add_all("no longer on record", from, to);
        self.last = self.last.max(n);
    }

    pub(crate) async fn close(self) -> Skips {
        self.past.close().await;
        self.skips
    }
}
