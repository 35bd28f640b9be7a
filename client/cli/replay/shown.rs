//! What an eval came to, so that two runs of it can be compared: its outcome, its value, what it printed. Of long texts the
//! beginning is kept and a hash of all, so that a gigabyte is compared in little memory.

use crate::render;
use rialto_client::protocol::event::{Ended, Event};
use rialto_client::protocol::kernel::DisplayRole;
use rialto_client::protocol::{Outcome, Stream};
use sha2::{Digest, Sha256};

/// Kept of each text. Bytes.
const KEPT: usize = 64 * 1024;

/// A text as it goes by.
#[derive(Debug, Clone, Default)]
pub(crate) struct Text {
    pub(super) bytes: u64,
    pub(super) head: Vec<u8>,
    hash: Sha256,
}

impl Text {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.hash.update(bytes);
        let room = KEPT - self.head.len().min(KEPT);
        self.head.extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or_default());
    }

    pub(super) fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.head)
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes && self.hash.clone().finalize() == other.hash.clone().finalize()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        let mut it = Self::default();
        it.push(text.as_bytes());
        it
    }
}

/// What one run of an eval came to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shown {
    stdout: Text,
    stderr: Text,
    displays: Text,
    value: Text,
    pub(crate) ended: Option<End>,
    /// Events of it that retention has removed.
    pub(crate) trimmed: u64,
}

/// How it ended.
#[derive(Debug, Clone, Default)]
pub(crate) struct End {
    pub(crate) outcome: Outcome,
    code: Option<i32>,
    /// `ValueError: no`
    failure: Option<String>,
}

impl From<Outcome> for End {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, ..Self::default() }
    }
}

/// One respect in which two runs differ.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Difference {
    pub(crate) what: &'static str,
    pub(crate) was: Text,
    pub(crate) is: Text,
}

impl Shown {
    /// Takes an event of the eval.
    pub(crate) fn event(&mut self, event: &Event) {
        match event {
            // What threads print after the end comes when it comes: it is nobody's result.
            Event::Output(output) if !output.background => {
                for run in &output.runs {
                    let text = if run.stream == Stream::Stdout { &mut self.stdout } else { &mut self.stderr };
                    text.push(&run.data.0);
                }
            }
            Event::Display(display) if display.role == DisplayRole::Result => {
                self.value = render::value(&display.data).as_str().into();
            }
            Event::Display(display) => {
                self.displays.push(render::value(&display.data).as_bytes());
                self.displays.push(b"\n");
            }
            Event::Ended(ended) => self.end(ended),
            _ => {}
        }
    }

    fn end(&mut self, ended: &Ended) {
        let failure = ended.failure.as_ref().map(|failure| format!("{}: {}", failure.name, failure.value));
        self.ended = Some(End { outcome: ended.outcome, code: ended.code, failure });
        if let Some(result) = &ended.result {
            self.value = render::value(result).as_str().into();
        }
    }

    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.ended.as_ref().map(|end| end.outcome)
    }

    /// How it ended, in a line: `error (ValueError: no)`.
    pub(crate) fn in_words(&self) -> String {
        let Some(end) = &self.ended else { return "no end".to_owned() };
        let word = word(end.outcome);
        match (&end.failure, end.code, end.outcome) {
            (Some(failure), ..) => format!("{word} ({failure})"),
            (None, Some(code), Outcome::Exit) => format!("{word} ({code})"),
            _ => word,
        }
    }

    /// Where a second run of the same code differs. Without `output`: only its outcome, its exception, its value.
    pub(crate) fn differs(&self, is: &Self, output: bool) -> Vec<Difference> {
        let mut all = vec![("outcome", Text::from(self.in_words().as_str()), Text::from(is.in_words().as_str()))];
        all.push(("value", self.value.clone(), is.value.clone()));
        // Part of it is gone: nothing can be said of the whole.
        if output && self.trimmed == 0 {
            all.push(("displays", self.displays.clone(), is.displays.clone()));
            all.push(("stdout", self.stdout.clone(), is.stdout.clone()));
            all.push(("stderr", self.stderr.clone(), is.stderr.clone()));
        }
        all.into_iter().filter(|(_, was, is)| was != is).map(|(what, was, is)| Difference { what, was, is }).collect()
    }
}

/// An outcome as the protocol writes it.
pub(crate) fn word(outcome: Outcome) -> String {
    serde_json::to_value(outcome).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rialto_client::protocol::data::Run;
    use rialto_client::protocol::event::Output;
    use rialto_client::protocol::{Bundle, Bytes, Failure};

    fn run(printed: &[&str], value: Option<&str>, outcome: Outcome, failure: Option<&str>) -> Shown {
        let mut shown = Shown::default();
        for text in printed {
            let runs = vec![Run { stream: Stream::Stdout, data: (*text).into() }];
            shown.event(&Event::Output(Output { n: 1, background: false, runs }));
        }
        let result: Option<Bundle> = value.map(|text| [("text/plain".to_owned(), Bytes::from(text))].into());
        let failure = failure.map(|value| Failure { name: "E".into(), value: value.into(), ..Failure::default() });
        shown.event(&Event::Ended(Ended { n: 1, outcome, result, failure, ..Ended::default() }));
        shown
    }

    fn what(was: &Shown, is: &Shown) -> Vec<&'static str> {
        was.differs(is, true).into_iter().map(|difference| difference.what).collect()
    }

    #[test]
    fn how_it_was_cut_into_pieces_makes_no_difference_and_everything_else_does() {
        let was = run(&["one\n", "two\n"], Some("1"), Outcome::Ok, None);
        assert_eq!(what(&was, &run(&["one\ntwo\n"], Some("1"), Outcome::Ok, None)), [""; 0]);
        assert_eq!(what(&was, &run(&["one\ntwo"], Some("1"), Outcome::Ok, None)), ["stdout"]);
        assert_eq!(what(&was, &run(&["one\ntwo\n"], None, Outcome::Ok, None)), ["value"]);
        assert_eq!(what(&was, &run(&["one\ntwo\n"], None, Outcome::Error, Some("no"))), ["outcome", "value"]);
        let (no, yes) = (run(&[], None, Outcome::Error, Some("no")), run(&[], None, Outcome::Error, Some("yes")));
        assert_eq!(what(&no, &yes), ["outcome"]);
        let mut background = was.clone();
        let runs = vec![Run { stream: Stream::Stdout, data: "late".into() }];
        background.event(&Event::Output(Output { n: 1, background: true, runs }));
        assert_eq!(what(&was, &background), [""; 0]);
    }

    #[test]
    fn a_flood_is_compared_to_its_end_in_little_memory() {
        let flood = "x".repeat(1 << 20);
        let was = run(&[&flood, &flood, "a"], None, Outcome::Ok, None);
        assert_eq!(what(&was, &run(&[&flood, &flood, "a"], None, Outcome::Ok, None)), [""; 0]);
        assert_eq!(what(&was, &run(&[&flood, &flood, "b"], None, Outcome::Ok, None)), ["stdout"]);
        assert!(was.stdout.head.len() == KEPT && was.stdout.bytes == (2 << 20) + 1);
    }

    #[test]
    fn of_what_was_trimmed_only_the_outcome_is_compared() {
        let mut was = run(&["half"], Some("1"), Outcome::Ok, None);
        was.trimmed = 3;
        assert_eq!(what(&was, &run(&["half and the rest"], Some("1"), Outcome::Ok, None)), [""; 0]);
        assert_eq!(what(&was, &run(&["half and the rest"], Some("2"), Outcome::Ok, None)), ["value"]);
    }
}
