//! The terminal as it is: what is seen of it, what is typed by hand, and an eval beside that.

use crate::driver::{Driver, Outcome};
use crate::{how, start};
use rialto_kernels::screen::Screen;
use rialto_protocol::kernel::{KernelCommand, KernelEvent, Shown, ToTerminal};

fn tell(d: &mut Driver, what: ToTerminal) {
    d.send(KernelCommand::Terminal(what));
}

fn types(d: &mut Driver, keys: &str) {
    tell(d, ToTerminal::Keys(keys.into()));
}

/// Whoever looks, and all output that came meanwhile: text, and whether it was of no eval.
struct Looker {
    screen: Screen,
    out: Vec<(String, bool)>,
}

impl Looker {
    fn begin(d: &mut Driver) -> Self {
        tell(d, ToTerminal::Show);
        let mut looker = Self { screen: Screen::new(1, 1).unwrap(), out: Vec::new() };
        while !matches!(looker.next(d), Some(KernelEvent::Terminal(Shown::Screen { .. }))) {}
        looker
    }

    fn next(&mut self, d: &mut Driver) -> Option<KernelEvent> {
        let event = d.next();
        match &event {
            KernelEvent::Terminal(Shown::Screen { rows, columns, data }) => {
                self.screen = Screen::new(*rows, *columns).unwrap();
                self.screen.feed(data);
            }
            KernelEvent::Terminal(Shown::Drawn(bytes)) => drop(self.screen.feed(bytes)),
            KernelEvent::Output { background, runs, .. } => {
                let text = runs.iter().map(|run| String::from_utf8_lossy(&run.data.0).into_owned()).collect();
                self.out.push((text, *background));
            }
            _ => {}
        }
        Some(event)
    }

    /// Until the screen has a line that is this.
    #[track_caller]
    fn sees(&mut self, d: &mut Driver, line: &str) {
        while !self.text().iter().any(|shown| shown == line) {
            self.next(d);
        }
    }

    fn text(&self) -> Vec<String> {
        self.screen.grid().screen().visible_lines().map(|line| line.text().trim_end().to_owned()).collect()
    }

    fn output(&self, background: bool) -> String {
        self.out.iter().filter(|(_, b)| *b == background).map(|(text, _)| text.as_str()).collect()
    }
}

const FULL: &str = r#"python3 -c "
import os, sys, tty, signal, termios
was = termios.tcgetattr(0)
tty.setraw(0)
def draw(*_):
    r, c = os.get_terminal_size()[::-1]
    sys.stdout.write('\x1b[2J\x1b[3;5H\x1b[1;32mgreen\x1b[m %dx%d' % (r, c)); sys.stdout.flush()
signal.signal(signal.SIGWINCH, draw)
sys.stdout.write('\x1b[?1049h'); draw()
while True:
    key = os.read(0, 1)
    if key == b'q': break
    sys.stdout.write('\x1b[5;1Hkey %d' % key[0]); sys.stdout.flush()
sys.stdout.write('\x1b[?1049l'); sys.stdout.flush()
termios.tcsetattr(0, termios.TCSADRAIN, was)
""#;

#[test]
fn what_is_drawn_is_seen_by_whoever_comes_and_is_no_output() {
    let mut launch = how("bash --norc -i");
    launch.env.insert("TERM".into(), "xterm-256color".into());
    let mut d = Driver::start_with(&launch);
    while !d.is_silent() {}
    types(&mut d, &format!("{FULL}\r"));
    let mut first = Looker::begin(&mut d);
    first.sees(&mut d, "    green 24x80");
    types(&mut d, "\x03");
    first.sees(&mut d, "key 3");
    tell(&mut d, ToTerminal::Resize { rows: 10, columns: 40 });
    first.sees(&mut d, "    green 10x40");
    assert_eq!(first.screen.size(), (10, 40));
    // Somebody who comes now sees the same, colours and all.
    let second = Looker::begin(&mut d);
    assert_eq!(second.text(), first.text());
    assert_eq!(second.screen.dump(), first.screen.dump());
    types(&mut d, "q");
    while !first.output(true).contains("were drawn on the whole screen; that is not kept]\n") {
        first.next(&mut d);
    }
    assert!(!first.output(true).contains("green 24x80"), "{:?}", first.out);
    first.sees(&mut d, "bash$");
    d.submit("echo beside");
    while !matches!(first.next(&mut d), Some(KernelEvent::Done(_))) {}
    assert_eq!(first.output(false), "beside\n", "{:?}", first.out);
}

#[test]
fn what_is_typed_by_hand_is_of_no_eval_and_an_eval_waits_for_it() {
    let mut d = start("bash --norc -i");
    let mut looker = Looker::begin(&mut d);
    types(&mut d, "echo by\"\"hand\r");
    looker.sees(&mut d, "byhand");
    types(&mut d, "echo half");
    looker.sees(&mut d, "bash$ echo half");
    d.submit("echo of-the-eval");
    // It says what it waits for; until then nothing of it is typed.
    while !looker.output(false).contains("somebody types in the terminal") {
        looker.next(&mut d);
    }
    assert!(!looker.text().iter().any(|line| line.contains("of-the-eval")));
    types(&mut d, " whole\r");
    loop {
        if let Some(KernelEvent::Done(done)) = looker.next(&mut d) {
            assert!(!done.idle_guess);
            break;
        }
    }
    assert!(looker.output(true).contains("half whole\n"), "{:?}", looker.out);
    assert!(looker.output(false).ends_with("of-the-eval\n"), "{:?}", looker.out);
}

#[test]
fn to_interrupt_an_eval_that_waits_for_somebodys_hand_does_not_touch_what_they_do() {
    let mut d = start("bash --norc -i");
    let mut looker = Looker::begin(&mut d);
    types(&mut d, "echo half");
    looker.sees(&mut d, "bash$ echo half");
    d.submit("echo never");
    d.interrupt();
    let mut outcome = Outcome::default();
    d.until(&mut outcome, |_, event| matches!(event, KernelEvent::Done(_)).then_some(()));
    types(&mut d, " whole\r");
    looker.sees(&mut d, "half whole");
    assert!(!looker.text().iter().any(|line| line.contains("never")));
}
