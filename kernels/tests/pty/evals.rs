//! What an eval's output is: what came between what was typed and the next prompt, and nothing else.

use crate::{how, says, start};
use rialto_protocol::kernel::{Completeness, DoneHow};

#[test]
fn sqlite3() {
    let long = "a".repeat(500);
    let (asks, says_long) = (format!("select '{long}';"), format!("{long}\n"));
    says(
        "sqlite3",
        &[
            ("select 1;", "1\n"),
            ("create table t(a, b);", ""),
            ("insert into t values (1, 'é😀'),\n  (2, 'x\ty');", ""),
            ("select * from t;", "1|é😀\n2|x\ty\n"),
            ("select 1;\nselect 2;\n", "1\n2\n"),
            (&asks, &says_long),
            (".print 'no newline'", "no newline\n"),
            ("", ""),
            ("select 'sqlite> ';", "sqlite> \n"),
        ],
    );
}

#[test]
fn python() {
    says(
        "python3 -i",
        &[
            ("1", "1\n"),
            ("'a'", "'a'\n"),
            ("def f(x):\n    if x:\n\n        return 1\n    else:\n        return 2\nf(0)", "2\n"),
            ("print('x', end='')", "x"),
            ("for i in range(3):\n    print(i)\n", "0\n1\n2\n"),
            ("print('>>> ')", ">>> \n"),
            ("import time; print('>>> ', end='', flush=True); time.sleep(0.3); print('y')", ">>> y\n"),
            ("import time; print('half', end='', flush=True); time.sleep(0.3); print(' done')", "half done\n"),
        ],
    );
}

#[test]
fn bytes_come_as_they_are() {
    let mut d = start("python3 -i");
    let outcome = d.exec("import sys; _ = sys.stdout.buffer.write(bytes([255, 0, 254])); sys.stdout.flush()");
    assert_eq!(outcome.bytes(rialto_protocol::data::Stream::Stdout), [255, 0, 254]);
}

#[test]
fn node() {
    says(
        "node -i",
        &[("1+1", "2\n"), ("function f() {\n  return 'ä'\n}\nf()", "undefined\n'ä'\n"), ("console.log('> ')", "> \nundefined\n")],
    );
}

#[test]
fn bash() {
    says(
        "bash --norc -i",
        &[
            ("echo hi", "hi\n"),
            ("x=4; echo $x", "4\n"),
            ("for i in 1 2; do\n  echo $i\ndone", "1\n2\n"),
            ("cat <<E\n\ttab\nE", "\ttab\n"),
            ("printf 'no newline'", "no newline"),
            ("sleep 0.3 | cat; (exit 3)", ""),
            ("echo $?", "3\n"),
        ],
    );
}

#[test]
fn gdb() {
    says(
        "gdb -q -nx",
        &[
            ("p 6*7", "$1 = 42\n"),
            (
                "define twice\nprint $arg0 * 2\nend",
                "Type commands for definition of \"twice\".\nEnd with a line saying just \"end\".\n",
            ),
            ("twice 4", "$2 = 8\n"),
            ("show pagination", "State of pagination is off.\n"),
        ],
    );
}

#[test]
fn lua() {
    says(
        "lua",
        &[("1 + 1", "2\n"), ("function f(x)\n  return x * 2\nend", ""), ("print(f(4))", "8\n"), ("x =\n 5", ""), ("x", "5\n")],
    );
}

#[test]
fn much_comes_whole() {
    let mut d = start("python3 -i");
    let outcome = d.exec("for _ in range(50): print('x' * 99_999)\n");
    assert_eq!(outcome.out().len(), 5_000_000);
}

#[test]
fn what_is_unfinished_is_taken_back() {
    let mut d = start("bash --norc -i");
    let outcome = d.exec("for i in 1 2; do");
    assert_eq!(outcome.failure().name, "Unfinished");
    assert_eq!(d.exec("echo fine").out(), "fine\n");
    // What was seen to be unfinished is known to be; what was not is not run to find out.
    let mut judged = |code| d.judge(code);
    assert_eq!(judged("for i in 1 2; do"), Completeness::Incomplete { indent: String::new() });
    assert_eq!(judged("for i in 3; do"), Completeness::Unknown);

    let mut d = start("sqlite3");
    assert_eq!(d.exec("select 1").failure().name, "Unfinished");
    assert_eq!(d.exec("select 2;").out(), "2\n");
    // What our own rules take for whole, and the program does not.
    d.exec("create table t(a);");
    assert_eq!(d.exec("create trigger x after insert on t begin select 1;").failure().name, "Unfinished");
    assert_eq!(d.exec("select 3;").out(), "3\n");
}

#[test]
fn a_line_that_the_terminal_cannot_take_is_refused() {
    let mut d = start("node -i");
    let outcome = d.exec(&format!("'{}'.length", "x".repeat(5_000)));
    assert!(outcome.failure().value.contains("at most 4094"), "{:?}", outcome.failure());
    assert_eq!(d.exec("1").out(), "1\n");
}

#[test]
fn a_program_that_ends_is_told_of() {
    let mut d = start("python3 -i");
    d.submit("import os; print('last'); os._exit(5)");
    let (outcome, death) = d.until_death();
    assert_eq!((outcome.out().as_str(), death.code, death.signal), ("last\n", Some(5), None));
    let mut d = start("python3 -i");
    d.submit("import os; os.kill(os.getpid(), 9)");
    assert_eq!(d.until_death().1.signal.as_deref(), Some("SIGKILL"));
}

#[test]
fn a_program_that_cannot_be_run_says_why() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _inside = runtime.enter();
    let why = |command: &str| rialto_kernels::launch(&how(command)).map(|_| ()).unwrap_err().to_string();
    assert!(why("no-such-program").contains("there is no program no-such-program"));
    assert!(why("'open").contains("cannot be run"));
    drop(_inside);
    let death = crate::driver::Driver::try_start(&how("sh -c 'echo no such base; exit 2'")).err().unwrap();
    assert_eq!((death.failed_start.as_deref(), death.code), (Some("no such base"), Some(2)));
}

#[test]
fn it_is_left_in_its_own_way() {
    let mut d = start("sqlite3");
    d.send(rialto_protocol::kernel::KernelCommand::Shutdown);
    assert_eq!(d.until_death().1.code, Some(0));
}

#[test]
fn what_comes_after_the_end_is_background() {
    let mut d = start("bash --norc -i");
    assert!(matches!(d.exec("(sleep 0.2; echo la''te) 2>/dev/null & disown").how(), DoneHow::Ok));
    loop {
        if let rialto_protocol::kernel::KernelEvent::Output { background, runs, .. } = d.next() {
            assert!(background);
            if String::from_utf8_lossy(&runs[0].data.0).contains("late") {
                break;
            }
        }
    }
    assert_eq!(d.exec("echo on").out(), "on\n");
}
