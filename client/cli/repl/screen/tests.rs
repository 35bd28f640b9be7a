use super::*;
use rialto_client::protocol::{Bytes, Run};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

#[derive(Clone, Default)]
struct Glass(Rc<RefCell<Vec<u8>>>);

impl Write for Glass {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Glass {
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.borrow_mut())).unwrap()
    }
}

const FINE: Look =
    Look { out: Kind::Terminal, err: Kind::Terminal, colour: true, patience: Some(Duration::from_secs(1)), title: false };

fn terminal(look: Look) -> (Terminal, Glass, Glass) {
    let (out, err) = (Glass::default(), Glass::default());
    let size = || Size { columns: 40, rows: 6, pixels: None };
    (Terminal::on(Box::new(out.clone()), Box::new(err.clone()), look, size), out, err)
}

fn output(runs: &[(Stream, &str)]) -> Output {
    let runs = runs.iter().map(|(stream, text)| Run { stream: *stream, data: Bytes(text.as_bytes().to_vec()) }).collect();
    Output { n: 14, background: false, runs }
}

use Stream::{Stderr, Stdout};

#[test]
fn both_streams_in_order_and_stderr_red() {
    let (mut t, out, err) = terminal(FINE);
    let now = Instant::now();
    t.output(&output(&[(Stdout, "a"), (Stderr, "b \x1b[32mgreen\x1b[0m c"), (Stdout, "d\n")]), 1, now).unwrap();
    assert_eq!(out.take(), "a\x1b[31mb \x1b[32mgreen\x1b[m\x1b[31m c\x1b[39md\n");
    assert_eq!(err.take(), "");
    // Without colours of ours its own stay; a dumb terminal gets none at all.
    let (mut t, out, _) = terminal(Look { colour: false, ..FINE });
    t.output(&output(&[(Stderr, "b \x1b[32mgreen\x1b[0m\n")]), 1, now).unwrap();
    assert_eq!(out.take(), "b \x1b[32mgreen\x1b[0m\n".replace("[0m", "[m"));
    let dumb = Look { out: Kind::Dumb, err: Kind::Dumb, patience: None, title: false, ..FINE };
    let (mut t, out, _) = terminal(dumb);
    t.begin(now);
    t.output(&output(&[(Stderr, "b \x1b[32mgreen\x1b[0m\r\x1b[2K")]), 1, now).unwrap();
    t.note("said").unwrap();
    t.failure(&Failure { name: "E".into(), value: "v".into(), traceback: String::new() }, now).unwrap();
    t.end(now + Duration::from_secs(9)).unwrap();
    t.name("x").unwrap();
    t.leave(now).unwrap();
    assert_eq!(out.take(), "b green\r\nsaid\nE: v\n");
}

#[test]
fn into_pipes_bytes_go_as_they_are() {
    let (mut t, out, err) = terminal(Look { out: Kind::Pipe, err: Kind::Pipe, patience: None, title: false, ..FINE });
    let now = Instant::now();
    t.begin(now);
    let text = "\x1b]0;t\x07x\n".repeat(1_000);
    t.output(&output(&[(Stdout, &text), (Stderr, "\x1b[31mred")]), 1, now).unwrap();
    assert_eq!((out.take(), err.take()), (text, "\x1b[31mred".to_owned()));
    assert_eq!(t.end(now).unwrap(), None);
}

#[test]
fn what_was_left_on_is_put_back() {
    let (mut t, out, _) = terminal(FINE);
    let now = Instant::now();
    t.begin(now);
    t.output(&output(&[(Stdout, "\x1b[?25l\x1b[1mbold\x1b]8;;http://x\x1b\\link")]), 1, now).unwrap();
    out.take();
    t.end(now).unwrap();
    assert_eq!(out.take(), "\x1b]8;;\x1b\\\x1b[?25h\x1b[0m");
    t.before_read().unwrap();
    assert_eq!(out.take(), "\n");
}

#[test]
fn a_prompt_begins_on_a_line_of_its_own() {
    let fresh = |text: &str| {
        let (mut t, out, _) = terminal(FINE);
        t.output(&output(&[(Stdout, text)]), 1, Instant::now()).unwrap();
        out.take();
        t.before_read().unwrap();
        out.take()
    };
    for empty in ["", "x\n", "bar\r\x1b[K", "bar\x1b[2K\r\x1b[2K", "x\x1b[H\x1b[2J\x1b[3J"] {
        assert_eq!(fresh(empty), "", "{empty:?}");
    }
    for text in ["x", "bar\r", "a\nb", "x\x1b[A", "\x1b[5C"] {
        assert_eq!(fresh(text), "\n", "{text:?}");
    }
}

#[test]
fn a_flood_stops_and_what_is_left_out_is_named() {
    let (mut t, out, _) = terminal(FINE);
    let now = Instant::now();
    t.begin(now);
    t.busy(Busy::Running { n: Some(14), since: now });
    for i in 0..1_000 {
        t.output(&output(&[(Stdout, &format!("line {i}\n"))]), 100 + i, now).unwrap();
    }
    assert_eq!(out.take().lines().last(), Some("line 18"));
    t.tick(now).unwrap();
    assert_eq!(out.take(), "\r\x1b[2K\x1b[2m⋯ 981 more lines, 8.5 KiB · 0 s · Ctrl-\x1b[0m");
    let left = t.end(now).unwrap().unwrap();
    assert_eq!((left.n, left.first, left.last, left.lines), (14, 119, 1099, 979));
    assert_eq!(out.take(), "\r\x1b[2K\x1b[2m⋯ 979 lines not shown; Ctrl-O shows all\nof it\x1b[0m\nline 998\nline 999\n");
}

#[test]
fn what_was_counted_is_told_however_short_it_ran() {
    let (mut t, out, _) = terminal(Look { title: true, ..FINE });
    let now = Instant::now();
    let at = |ms: u64| now + Duration::from_millis(ms);
    t.name("work").unwrap();
    t.begin(now);
    t.tick(at(1_000)).unwrap();
    assert!(out.take().contains("waiting: its turn"));
    t.busy(Busy::Running { n: Some(14), since: at(1_001) });
    t.tick(at(1_200)).unwrap();
    assert!(out.take().contains(" 0 s · #14"));
    t.end(at(1_301)).unwrap();
    assert_eq!(out.take(), "\r\x1b[2K\x1b[2m0.3 s\x1b[0m\n\x1b]0;work\x07");
    // One that only waited on the screen is over without a word, and the title is not its any more.
    t.begin(now);
    t.busy(Busy::Queued { n: Some(15), before: 1 });
    t.tick(at(1_000)).unwrap();
    assert!(out.take().contains("\x1b]0;work · #15\x07"));
    t.busy(Busy::Running { n: Some(15), since: at(1_001) });
    t.end(at(1_002)).unwrap();
    assert_eq!(out.take(), "\r\x1b[2K\x1b]0;work\x07");
}

#[test]
fn the_line_that_says_what_goes_on_comes_and_goes() {
    let (mut t, out, _) = terminal(FINE);
    let now = Instant::now();
    let at = |ms: u64| now + Duration::from_millis(ms);
    assert_eq!(t.next_tick(), None, "nothing runs, nothing ticks");
    t.begin(now);
    t.busy(Busy::Running { n: Some(14), since: now });
    assert_eq!(t.next_tick(), Some(at(1_000)));
    t.tick(at(999)).unwrap();
    assert_eq!(out.take(), "");
    t.tick(at(1_000)).unwrap();
    assert_eq!(out.take(), "\r\x1b[2K\x1b[2m⠼ 1 s · #14\x1b[0m".replace('⠼', "⠇"));
    assert_eq!(t.next_tick(), Some(at(1_125)));
    t.output(&output(&[(Stdout, "word\n")]), 1, at(1_200)).unwrap();
    assert_eq!(out.take(), "\r\x1b[2Kword\n");
    // Never in the middle of a line: there it would stand in the program's own.
    t.output(&output(&[(Stdout, "half")]), 2, at(1_300)).unwrap();
    out.take();
    assert_eq!(t.next_tick(), None);
    t.tick(at(9_000)).unwrap();
    assert_eq!(out.take(), "");
    t.end(at(9_900)).unwrap();
    assert_eq!(out.take(), "\n\x1b[2m9.9 s\x1b[0m\n");
    assert_eq!(t.next_tick(), None);
}
