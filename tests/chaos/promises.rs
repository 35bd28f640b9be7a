//! The page that everything is checked against: order, once, nothing lost. From what a client saw, and from a file to which
//! code appends a line when it really runs.

use crate::table::Row;
use rialto_protocol::event::Accepted;
use rialto_protocol::{EvalNumber, Event, Outcome, Record, Seq, Stream};
use std::collections::BTreeMap;
use std::path::Path;

/// What somebody was told, in the order in which it came.
#[derive(Debug, Default, Clone)]
pub(crate) struct Story {
    pub(crate) records: Vec<Record>,
    /// What was named as not kept any more.
    pub(crate) gaps: Vec<(Seq, Seq)>,
}

/// Letters that cannot be packed, however the journal packs.
pub(crate) fn noise(letters: usize) -> String {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"[(state >> 33) as usize % 64])
    };
    (0..letters).map(|_| next()).collect()
}

/// Code that says in `truth` that it runs, does `body`, and prints numbered lines.
pub(crate) fn job(truth: &Path, tag: &str, lines: u64, body: &str) -> String {
    format!(
        "#job {tag} {lines}\nimport os\n_f = os.open({truth:?}, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)\n\
         os.write(_f, b'{tag}\\n')\nos.close(_f)\n{body}\nfor _i in range({lines}): print(f'{tag}:{{_i}}')\n"
    )
}

/// The tag and the number of lines of a job. (A terminal can only say `exec(...) #job tag 3`.)
fn read_job(code: &str) -> Option<(&str, u64)> {
    let mut words = code.lines().next()?.split_once("#job ")?.1.split(' ');
    Some((words.next()?, words.next()?.parse().ok()?))
}

#[derive(Debug, Default)]
struct Eval {
    tag: Option<(String, u64)>,
    started: bool,
    ended: Option<Outcome>,
    stdout: Vec<u8>,
}

/// What was found wrong, by kind.
#[derive(Debug, Default)]
struct Findings {
    lost: Vec<String>,
    doubled: Vec<String>,
    reordered: Vec<String>,
}

/// Checks a whole session, from its first event: promises 1 to 3. Fails with all that is wrong.
pub(crate) fn kept(story: &Story, truth: &Path) -> Row {
    let mut wrong = Findings::default();
    numbers(story, &mut wrong);
    let evals = lives(story, &mut wrong);
    let holes = !story.gaps.is_empty();
    for (n, eval) in &evals {
        output(*n, eval, holes, &mut wrong);
    }
    really(&evals, truth, &mut wrong);
    let Findings { lost, doubled, reordered } = &wrong;
    let row = Row {
        events: story.records.len() as u64,
        lost: lost.len() as u64,
        doubled: doubled.len() as u64,
        reordered: reordered.len() as u64,
        ..Row::default()
    };
    assert_eq!((row.lost, row.doubled, row.reordered), (0, 0, 0), "{wrong:#?}");
    row
}

/// Every number comes once and in order, or is in a gap that was announced.
fn numbers(story: &Story, wrong: &mut Findings) {
    let mut last = 0;
    for record in &story.records {
        let seq = record.seq;
        let announced = story.gaps.contains(&(last + 1, seq - 1));
        if seq <= last {
            wrong.doubled.push(format!("event {seq} came after {last}"));
        } else if seq != last + 1 && !announced {
            wrong.lost.push(format!("after event {last} came {seq}"));
        }
        last = last.max(seq);
    }
}

/// One at a time, in the order of acceptance, output inside, one end each.
fn lives(story: &Story, wrong: &mut Findings) -> BTreeMap<EvalNumber, Eval> {
    let mut evals: BTreeMap<EvalNumber, Eval> = BTreeMap::new();
    let mut running: Option<EvalNumber> = None;
    let mut ran = 0;
    let mut begin = |n: EvalNumber, running: &mut Option<EvalNumber>, wrong: &mut Findings| {
        if let Some(other) = running.replace(n) {
            wrong.reordered.push(format!("#{n} started while #{other} ran"));
        }
        if n <= ran {
            wrong.reordered.push(format!("#{n} started after #{ran}"));
        }
        ran = n;
    };
    for record in &story.records {
        match &record.event {
            Event::Accepted(a) => {
                let tag = a.code.as_deref().and_then(read_job).map(|(tag, lines)| (tag.to_owned(), lines));
                if evals.last_key_value().is_some_and(|(last, _)| *last >= a.n) {
                    wrong.reordered.push(format!("#{} was accepted late", a.n));
                }
                if evals.insert(a.n, Eval { tag, started: a.started, ..Eval::default() }).is_some() {
                    wrong.doubled.push(format!("#{} was accepted twice", a.n));
                }
                if a.started {
                    begin(a.n, &mut running, wrong);
                }
            }
            Event::Started(s) => {
                begin(s.n, &mut running, wrong);
                let eval = evals.entry(s.n).or_default();
                if std::mem::replace(&mut eval.started, true) {
                    wrong.doubled.push(format!("#{} started twice", s.n));
                }
            }
            Event::Output(o) if !o.background => {
                if running != Some(o.n) {
                    wrong.reordered.push(format!("output of #{} while {running:?} ran", o.n));
                }
                let eval = evals.entry(o.n).or_default();
                for run in o.runs.iter().filter(|run| run.stream == Stream::Stdout) {
                    eval.stdout.extend_from_slice(&run.data.0);
                }
            }
            Event::Ended(e) => {
                if running == Some(e.n) {
                    running = None;
                }
                if evals.entry(e.n).or_default().ended.replace(e.outcome).is_some() {
                    wrong.doubled.push(format!("#{} ended twice", e.n));
                }
            }
            _ => {}
        }
    }
    evals
}

/// The numbered lines: all of them where it ended well, the first so many where it did not.
fn output(n: EvalNumber, eval: &Eval, holes: bool, wrong: &mut Findings) {
    let Some((tag, lines)) = &eval.tag else { return };
    let text = String::from_utf8_lossy(&eval.stdout);
    let (whole, rest) = text.rsplit_once('\n').unwrap_or(("", &text));
    let mut next = 0;
    for line in whole.lines() {
        let number = line.strip_prefix(tag.as_str()).and_then(|rest| rest.strip_prefix(':')?.parse::<u64>().ok());
        match number {
            Some(found) if found == next || (holes && found > next) => next = found + 1,
            Some(found) if found > next => return wrong.lost.push(format!("#{n}: line {next}, instead came {found}")),
            Some(found) => return wrong.doubled.push(format!("#{n}: line {found} again, instead of {next}")),
            // The rest of a line whose beginning retention took.
            None if holes => {}
            None => return wrong.reordered.push(format!("#{n}: {line:?} where line {next} was to come")),
        }
    }
    let ok = eval.ended == Some(Outcome::Ok);
    if ok && next != *lines {
        wrong.lost.push(format!("#{n} ended well with {next} of {lines} lines"));
    }
    if !rest.is_empty() && (ok || !format!("{tag}:{next}").starts_with(rest)) && !holes {
        wrong.lost.push(format!("#{n}: its last line is half: {rest:?}"));
    }
}

/// What ran, ran once, and what was said not to have run did not.
fn really(evals: &BTreeMap<EvalNumber, Eval>, truth: &Path, wrong: &mut Findings) {
    let text = std::fs::read_to_string(truth).unwrap_or_default();
    let mut times: BTreeMap<&str, u64> = BTreeMap::new();
    for line in text.lines() {
        *times.entry(line).or_default() += 1;
    }
    for (n, eval) in evals {
        let Some((tag, _)) = &eval.tag else { continue };
        let ran = times.remove(tag.as_str()).unwrap_or(0);
        if ran > 1 {
            wrong.doubled.push(format!("#{n} ({tag}) ran {ran} times"));
        }
        // What is handed over while the end of the one before is recorded may run without a record of it, and is lost then.
        if ran > 0 && !eval.started && eval.ended != Some(Outcome::Lost) {
            wrong.reordered.push(format!("#{n} ({tag}) ran and was never started: {:?}", eval.ended));
        }
        if ran == 0 && eval.ended == Some(Outcome::Ok) {
            wrong.lost.push(format!("#{n} ({tag}) ended well and never ran"));
        }
    }
    for tag in times.keys() {
        wrong.lost.push(format!("{tag} ran, and the journal does not know it"));
    }
}

/// Everything one has seen is in what another has.
pub(crate) fn within(seen: &Story, all: &Story) {
    let known: BTreeMap<Seq, &Record> = all.records.iter().map(|record| (record.seq, record)).collect();
    let redacted = |n: EvalNumber| all.records.iter().any(|r| matches!(&r.event, Event::Redacted(e) if e.n == n));
    for record in &seen.records {
        let kept = known.get(&record.seq).unwrap_or_else(|| panic!("event {} was seen and is not kept", record.seq));
        match (&record.event, &kept.event) {
            // Whoever submitted it is not told its own words, and what was redacted is not told any more.
            (Event::Accepted(seen), Event::Accepted(kept)) if seen.code.is_none() || redacted(seen.n) => {
                let own = |a: &Accepted| (a.n, a.eval, a.started);
                assert_eq!(own(seen), own(kept));
            }
            (Event::Output(seen), Event::Output(kept)) if redacted(seen.n) => assert_eq!(seen.n, kept.n),
            (Event::Ended(seen), Event::Ended(kept)) if redacted(seen.n) => {
                assert_eq!((seen.n, seen.outcome), (kept.n, kept.outcome));
            }
            _ => assert_eq!(record, *kept),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rialto_protocol::event::{Ended, Output, Started};
    use rialto_protocol::{EvalId, Run, Stamp};

    fn story(events: Vec<Event>) -> Story {
        let at = Stamp::default();
        let records = events.into_iter().enumerate().map(|(i, event)| Record { seq: i as u64 + 1, at, event });
        Story { records: records.collect(), gaps: Vec::new() }
    }

    fn accepted(n: u64, started: bool) -> Event {
        let code = Some(job(Path::new("/t"), &format!("t{n}"), 3, "").into());
        let eval = EvalId([n as u8; 16]);
        let (by, hash, group, argv, trace) = (None, None, None, None, None);
        let (on_error, show) = Default::default();
        Event::Accepted(Accepted { n, eval, started, by, code, hash, group, on_error, show, argv, trace })
    }

    fn output(n: u64, text: &str) -> Event {
        let run = Run { stream: Stream::Stdout, data: text.as_bytes().to_vec().into() };
        Event::Output(Output { n, background: false, runs: vec![run] })
    }

    fn ended(n: u64, outcome: Outcome) -> Event {
        Event::Ended(Ended { n, outcome, ..Ended::default() })
    }

    /// The first runs to its end, the second never starts, the third is lost in the middle of a line.
    fn good() -> Vec<Event> {
        vec![
            accepted(1, true),
            output(1, "t1:0\nt1"),
            accepted(2, false),
            ended(2, Outcome::NotRun),
            accepted(3, false),
            output(1, ":1\nt1:2\n"),
            ended(1, Outcome::Ok),
            Event::Started(Started { n: 3 }),
            output(3, "t3:0\nt3:"),
            ended(3, Outcome::Lost),
        ]
    }

    /// What is said of a story with this ground truth; nothing where all is well.
    fn said(events: Vec<Event>, truth: &str) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), truth).unwrap();
        let checked = std::panic::catch_unwind(|| kept(&story(events), file.path()));
        checked.err().map_or_else(String::new, |why| *why.downcast::<String>().unwrap())
    }

    #[test]
    fn every_broken_promise_is_seen() {
        assert_eq!(said(good(), "t1\nt3\n"), "");
        assert_eq!(said(good(), "t1\n"), "", "whether what was lost had begun is not known");
        let with = |at: usize, event: Event| {
            let mut events = good();
            events[at] = event;
            events
        };
        let cases = [
            (said(good(), "t1\nt3\nt1\n"), "#1 (t1) ran 2 times"),
            (said(good(), "t1\nt2\n"), "#2 (t2) ran and was never started"),
            (said(good(), "t3\n"), "#1 (t1) ended well and never ran"),
            (said(good(), "t1\nt9\n"), "t9 ran, and the journal does not know it"),
            (said(with(5, output(1, ":1\n")), "t1\n"), "#1 ended well with 2 of 3 lines"),
            (said(with(5, output(1, ":2\n")), "t1\n"), "line 1, instead came 2"),
            (said(with(1, output(1, "t1:0\nt1:0\nt1")), "t1\n"), "line 0 again"),
            (said(with(1, output(3, "t1:0\nt1")), "t1\n"), "output of #3"),
            (said(with(6, output(1, "")), "t1\n"), "#3 started while #1 ran"),
            (said(with(9, ended(1, Outcome::Ok)), "t1\n"), "#1 ended twice"),
        ];
        for (said, expected) in &cases {
            assert!(said.contains(expected), "{expected}: {said}");
        }
        let mut holed = story(good());
        holed.records.remove(4);
        assert!(std::panic::catch_unwind(|| kept(&holed, Path::new("/nowhere"))).is_err());
        let mut twice = story(good());
        twice.records.insert(4, twice.records[4].clone());
        assert!(std::panic::catch_unwind(|| kept(&twice, Path::new("/nowhere"))).is_err());
    }
}
