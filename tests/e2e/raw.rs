//! `rialto attach --raw`: the terminal of a program as it is, left, cut off, killed and come back to.

use crate::common::{Sshd, Terminal, World, lines, signal, until, until_or};
use crate::ws::Web;
use nix::sys::signal::Signal;

/// A program that has the whole screen, draws in colours, says its size, and shows each key.
const DRAWS: &str = r"
import os, signal, sys, tty
tty.setraw(0)
out = sys.stdout
keys = ''
def draw(*_):
    columns, rows = os.get_terminal_size()
    out.write('\x1b[2J\x1b[2;3H\x1b[1;31mred\x1b[0;44mblue\x1b[m size %dx%d\x1b[4;1Hwide \u4e2d\u56fd end\x1b[6;1Hkeys %s' % (rows, columns, keys))
    out.flush()
signal.signal(signal.SIGWINCH, draw)
out.write('\x1b]0;a title\x07\x1b[?1049h\x1b[?2004h')
draw()
while True:
    key = os.read(0, 1)
    if key == b'q':
        break
    keys += key.decode('latin1') if key > b' ' and key < b'\x7f' else '<%d>' % key[0]
    out.write('\x1b[6;1Hkeys ' + keys)
    out.flush()
out.write('\x1b[?1049l\x1b[?2004l')
";

/// A session of that program, waiting to be looked at.
fn draws(world: &World) {
    world.file("draws.py", DRAWS);
    world.run(&["exec", "-s", "art", "-k", "pty:python3 draws.py", "--env", "TERM=xterm-256color", "-c", ""]).exits(0);
}

/// The screen as it is, with its colours, but for what says how to leave it.
fn picture(t: &Terminal<'_>) -> String {
    t.painted()
}

/// Waits until this is what is to be seen.
#[track_caller]
fn looks_like(t: &Terminal<'_>, wanted: &str) {
    until_or(
        "the same picture",
        || (picture(t) == wanted).then_some(()),
        || format!("wanted\n{wanted}\nthe screen\n{}", picture(t)),
    );
}

#[test]
fn a_screen_that_was_left_is_there_again_however_it_was_left() {
    let world = World::new();
    draws(&world);
    let t = Terminal::open(&world, "clear; rialto attach --raw art");
    t.wait_for("size 30x100");
    t.wait_for("Ctrl-] d detaches");
    // Every key is the program's: what interrupts, suspends and ends elsewhere is a byte here.
    t.keys(&["a", "C-c", "C-z", "C-d"]);
    t.wait_for("keys a<3><26><4>");
    t.resize(70, 20);
    t.wait_for("size 20x70");
    t.shows(&["keys a<3><26><4>"]);
    let before = picture(&t);
    assert!(before.contains("\u{1b}[1m\u{1b}[31mred"), "{before:?}");

    signal(t.front("rialto"), Signal::SIGKILL);
    // Nobody has given the terminal back: Enter is no newline there.
    t.wait_for("Killed");
    t.type_text("stty sane; clear; rialto attach --raw art");
    t.keys(&["C-j"]);
    t.wait_for("Ctrl-] d detaches");
    t.keys(&["b"]);
    t.wait_for("keys a<3><26><4>b");
    looks_like(&t, &before.replace("<4>", "<4>b"));

    // Left by its key, and by a signal: the shell finds its terminal as it was.
    t.keys(&["C-]", "d"]);
    t.wait_for("detached; the program runs on: rialto attach --raw art");
    t.type_line("rialto attach --raw art");
    t.wait_for("keys a<3><26><4>b");
    signal(t.front("rialto"), Signal::SIGTERM);
    t.wait_for("detached; the program runs on");
    t.fresh();
    t.type_line("echo typed and seen; stty -a | grep -o -w -e -echo -e echo");
    t.shows(&["$ echo typed and seen; stty -a | grep -o -w -e -echo -e echo", "typed and seen", "echo", "$"]);

    // The program ends, and says how.
    t.type_line("rialto attach --raw art");
    t.wait_for("keys a<3><26><4>b");
    t.keys(&["q"]);
    t.wait_for("the program exited with code 0");
    let said = world.run(&["logs", "art"]).ok();
    assert!(!said.contains("size 20x70") && !said.contains("keys"), "what was drawn is no output:\n{said}");
    world.run(&["kill", "art"]).exits(0);
}

#[test]
fn all_see_the_same_in_the_size_of_the_smallest_and_who_watches_types_nothing() {
    let world = World::new();
    draws(&world);
    let one = Terminal::open(&world, "clear; rialto attach --raw art");
    one.wait_for("size 30x100");
    let two = Terminal::open(&world, "clear; rialto attach --raw art --escape ^A");
    two.wait_for("Ctrl-A d detaches");
    two.resize(60, 12);
    one.wait_for("size 12x60");
    two.wait_for("size 12x60");
    two.keys(&["x", "C-]", "y"]);
    one.wait_for("keys x<29>y");
    // Smaller, and only watching: it has no say, and sees the part that fits.
    let three = Terminal::open(&world, "clear; rialto attach --raw art --observe");
    three.wait_for("nothing typed here reaches the program");
    three.wait_for("keys x<29>y");
    three.resize(40, 8);
    three.keys(&["n", "o"]);
    one.keys(&["z"]);
    three.wait_for("keys x<29>yz");
    two.keys(&["C-a", "d"]);
    two.wait_for("detached");
    one.wait_for("size 30x100");
    one.keys(&["q"]);
    three.wait_for("the program exited with code 0");
    world.run(&["kill", "art"]).exits(0);
}

#[test]
fn keys_are_typed_once_also_where_the_link_is_cut_in_between() {
    let world = World::new();
    draws(&world);
    let socket = world.dir().join("d.sock");
    let serve = || {
        let daemon = world.start(&["serve", "--socket", socket.to_str().unwrap()]);
        daemon.wait_for_err("serving");
        daemon
    };
    let daemon = serve();
    let t = Terminal::open(&world, &format!("clear; rialto --at unix://{} attach --raw art", socket.display()));
    t.wait_for("size 30x100");
    t.type_text("abc");
    t.wait_for("keys abc");
    daemon.signal(Signal::SIGKILL);
    t.wait_for("connecting again");
    t.type_text("def");
    let again = serve();
    t.wait_for("keys abcdef");
    t.type_text("g");
    t.wait_for("keys abcdefg");
    assert!(!t.screen().contains("connecting again"), "{}", t.screen());
    t.keys(&["q"]);
    t.wait_for("the program exited with code 0");
    again.signal(Signal::SIGTERM);
    drop(again.end());
    world.run(&["kill", "art"]).exits(0);
}

#[test]
fn behind_an_sshd_it_is_as_here_and_comes_back_when_the_way_breaks() {
    let (here, there) = (World::new(), World::new());
    let sshd = Sshd::known(&here, &there);
    there.file("draws.py", DRAWS);
    let script = there.project().join("draws.py");
    let kernel = format!("pty:python3 {}", script.display());
    let line = format!("clear; rialto --at {} repl art --raw -k '{kernel}'", sshd.at());
    let t = Terminal::open(&here, &line);
    t.wait_for("size 30x100");
    t.keys(&["k"]);
    t.wait_for("keys k");
    sshd.cut();
    t.keys(&["l"]);
    t.wait_for("keys kl");
    t.keys(&["C-]", "d"]);
    t.wait_for("detached; the program runs on");
    there.run(&["kill", "art"]).exits(0);
}

#[test]
fn an_eval_beside_somebody_who_types_waits_for_the_prompt() {
    let world = World::new();
    world.run(&["exec", "-s", "sh", "-k", "pty:bash --norc -i", "-q", "-c", "x=1"]).exits(0);
    let t = Terminal::open(&world, "clear; rialto attach --raw sh");
    t.wait_for("bash$");
    t.type_line("stty size");
    t.wait_for("30 100");
    t.type_text("echo half");
    t.wait_for("bash$ echo half");
    let exec = world.start(&["exec", "-s", "sh", "-c", "echo of the eval"]);
    exec.wait_for_err("somebody types in the terminal");
    t.type_line(" whole");
    exec.end().says(0, "of the eval\n", "[somebody types in the terminal: this runs when the prompt is back]\n");
    t.wait_for("of the eval");
    let half = |event: &serde_json::Value| event.to_string().contains("half whole") && event["background"] == true;
    until("what was typed by hand to be recorded, of no eval", || world.events("sh").iter().any(half).then_some(()));
    t.keys(&["C-]", "d"]);
    world.run(&["kill", "sh"]).exits(0);
}

#[test]
fn where_there_is_no_terminal_that_is_said() {
    let world = World::new();
    world.session("work", "x = 1");
    world.run(&["attach", "--raw", "work"]).complains(64, &["--raw needs a terminal"]);
    let t = Terminal::open(&world, "clear; rialto attach --raw work; echo code $?");
    t.wait_for("this session's kernel is no program in a terminal");
    t.wait_for("code 1");
    t.fresh();
    t.type_line("rialto attach --raw work --escape x; echo code $?");
    t.wait_for("a key is wanted as ^], ^A");
    t.wait_for("code 64");
    world.run(&["kill", "work"]).exits(0);
}

#[test]
fn over_a_websocket_with_tls_it_is_as_here_and_comes_back_when_the_way_breaks() {
    let world = World::new();
    draws(&world);
    let web = Web::new(&world, &["--tls-self-signed"]);
    let t = Terminal::open(&world, &format!("clear; RIALTO_TOKEN={} rialto --at '{}' attach --raw art", web.token, web.at));
    t.wait_for("size 30x100");
    t.keys(&["a", "C-c"]);
    t.wait_for("keys a<3>");
    t.resize(70, 20);
    t.wait_for("size 20x70");
    web.daemon.signal(Signal::SIGKILL);
    t.wait_for("connecting again");
    t.type_text("b");
    let (socket, port) = (world.dir().join("d.sock"), web.port().to_string());
    let again = world.start(&["serve", "--socket", socket.to_str().unwrap(), "--ws", &port, "--tls-self-signed"]);
    t.wait_for("keys a<3>b");
    assert!(picture(&t).contains("\u{1b}[1m\u{1b}[31mred"), "{:?}", picture(&t));
    // Taken back in the middle of it.
    world.run(&["token", "revoke", &web.name]).exits(0);
    t.wait_for("was revoked");
    t.type_line("echo typed and seen; stty -a | grep -o -w -e -echo -e echo");
    t.wait_for("typed and seen\necho\n");
    again.signal(Signal::SIGTERM);
    again.end().exits(0);
    world.run(&["kill", "art"]).exits(0);
}

#[test]
fn a_program_sees_and_types_through_rpc() {
    let world = World::new();
    draws(&world);
    let mut rpc = world.start(&["rpc", "art"]);
    let mut say = |message: &str| rpc.write(format!("{message}\n"));
    say(r#"{"type":"resize","rows":20,"columns":70}"#);
    say(r#"{"type":"watch","re":7}"#);
    say(r#"{"type":"keys","re":8,"data":"ab","from":0}"#);
    // As if the answer had been lost: what was taken is not typed again.
    say(r#"{"type":"keys","re":9,"data":"abc","from":0}"#);
    say(r#"{"type":"keys","re":10,"data":"x","from":7}"#);
    rpc.wait_for_out("keys abc");
    rpc.wait_for_out("size 20x70");
    // Nothing that was asked waits for an answer any more, and what is watched goes on for ever.
    let all = lines(&rpc.end().ok());
    let of = |kind: &str| all.iter().filter(|line| line["type"] == kind).collect::<Vec<_>>();
    assert_eq!(of("greeted")[0]["features"], serde_json::json!(["screen"]));
    let screen = of("screen")[0];
    assert!(screen["re"] == 7 && screen["rows"] == 20 && screen["columns"] == 70 && screen["typed"] == 0, "{screen}");
    let typed: Vec<_> = of("typed").iter().map(|line| (line["re"].clone(), line["typed"].clone())).collect();
    assert_eq!(typed, [(8.into(), 2.into()), (9.into(), 3.into())]);
    assert_eq!((&of("error")[0]["re"], &of("error")[0]["name"]), (&10.into(), &"wrong_state".into()));
    let drawn: String = of("drawn").iter().filter_map(|line| line["data"].as_str()).collect();
    assert!(drawn.contains("keys abc") && !drawn.contains("abx"), "{drawn:?}");
    // Who only looks on types nothing.
    let watcher = world.start(&["rpc", "art", "--observe"]);
    let said = watcher.end_with("{\"type\":\"watch\"}\n{\"type\":\"keys\",\"re\":3,\"data\":\"q\"}\n").ok();
    assert!(said.contains("\"forbidden\"") && said.contains("keys abc"), "{said}");
    world.run(&["kill", "art"]).exits(0);
}
