use super::*;
use rialto_client::protocol::data::Run;
use rialto_client::protocol::event::{Stamp, Started};
use rialto_client::protocol::message::Gap;
use rialto_client::protocol::{EvalId, Failure};

fn shown(terminal: bool, events: Vec<Event>) -> String {
    let mut out = Vec::new();
    let mut transcript = Transcript::new(terminal, terminal, &mut out);
    // Times differ by zone: they are taken out again below.
    for (at, event) in events.into_iter().enumerate() {
        let record = Record { seq: at as u64 + 10, at: Stamp { wall_ms: 1_790_000_000_000, mono_us: 0 }, event };
        transcript.item(&Item::Event(Box::new(record))).unwrap();
    }
    transcript.finish().unwrap();
    drop(transcript);
    let text = String::from_utf8(out).unwrap();
    text.replace(&clock::time(1_790_000_000_000), "T").replace(&clock::date(1_790_000_000_000), "D")
}

fn accepted(n: EvalNumber, started: bool, code: &str) -> Event {
    let by = Some(Who { principal: "uid:1".into(), client: None, label: "exec".into() });
    let (code, eval) = (Some(code.into()), EvalId([1; 16]));
    Event::Accepted(Accepted {
        n,
        eval,
        started,
        by,
        code,
        hash: None,
        group: None,
        on_error: Default::default(),
        show: Default::default(),
        argv: None,
        trace: None,
    })
}

fn output(n: EvalNumber, background: bool, stream: Stream, text: &str) -> Event {
    Event::Output(Output { n, background, runs: vec![Run { stream, data: text.into() }] })
}

#[test]
fn it_reads_like_a_terminal() {
    let failure = Some(Failure { traceback: "Traceback\nValueError: x\n".into(), ..Failure::default() });
    let text = shown(
        false,
        vec![
            accepted(1, true, "for i in x:\n  print(i)"),
            output(1, false, Stream::Stdout, "no end"),
            Event::Ended(Ended { n: 1, result: Some([("text/plain".to_owned(), "42".into())].into()), ..Ended::default() }),
            output(1, true, Stream::Stdout, "late\n"),
            accepted(2, true, "bad"),
            Event::Ended(Ended { n: 2, outcome: Outcome::Error, failure, ..Ended::default() }),
        ],
    );
    let wanted = "--- D\n#1 uid:1/exec T\n>>> for i in x:\n...   print(i)\nno end\n42\n#1 in the background:\nlate\n\
                  #2 uid:1/exec T\n>>> bad\nTraceback\nValueError: x\n#2 ended with an error T\n";
    assert_eq!(text, wanted);
}

#[test]
fn what_waits_is_shown_where_it_starts_or_at_the_end() {
    let text = shown(
        false,
        vec![
            accepted(1, true, "a"),
            accepted(2, false, "b"),
            accepted(3, false, "c"),
            Event::Ended(Ended { n: 1, ..Ended::default() }),
            Event::Started(Started { n: 2 }),
        ],
    );
    assert_eq!(text, "--- D\n#1 uid:1/exec T\n>>> a\n#2 uid:1/exec T\n>>> b\n#3 uid:1/exec T (waits)\n>>> c\n");
}

#[test]
fn a_terminal_is_safe_and_a_pipe_is_exact() {
    let evil = "\x1b[31mred\x1b[m\x1b]52;c;eA==\x07\n";
    let events = || vec![output(1, false, Stream::Stdout, evil), output(1, false, Stream::Stderr, "err\n")];
    assert_eq!(shown(false, events()), format!("{evil}err\n"));
    let text = shown(true, events());
    assert!(text.starts_with("\x1b[31mred\x1b[m\n\x1b[31merr\n") && !text.contains("]52"), "{text:?}");
}

#[test]
fn a_gap_is_named() {
    let mut out = Vec::new();
    let mut transcript = Transcript::new(false, false, &mut out);
    transcript.item(&Item::Gap(Gap { from: 12, to: 90 })).unwrap();
    transcript.flush().unwrap();
    drop(transcript);
    assert_eq!(out, b"... events 12 to 90 are no longer kept\n");
}
