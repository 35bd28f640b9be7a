//! Programs that read.

use crate::driver::{Driver, Outcome};
use rialto_protocol::kernel::DoneHow;

#[test]
fn a_program_asks_and_is_answered() {
    let mut d = Driver::start();
    d.exec("import sys, getpass").ok();
    // Code, the answers (None is the end of input), what is asked (prompt, secret, line), the result.
    type Case<'a> = (&'a str, &'a [Option<&'a str>], &'a [(&'a str, bool, bool)], &'a str);
    let cases: &[Case] = &[
        ("input()", &[Some("x")], &[("", false, true)], "'x'"),
        ("input('name? ') + input('age? ')", &[Some("ann"), Some("7")], &[("name? ", false, true), ("age? ", false, true)], "'ann7'"),
        ("input(12)", &[Some("")], &[("12", false, true)], "''"),
        ("getpass.getpass()", &[Some("s3")], &[("Password: ", true, true)], "'s3'"),
        ("sys.stdin.readline()", &[Some("a\nb\n")], &[("", false, false)], "'a\\n'"),
        // What the last one left is still there, also for input().
        ("input()", &[], &[], "'b'"),
        ("sys.stdin.read()", &[Some("one"), Some(" two\n"), None], &[("", false, false); 3], "'one two\\n'"),
        ("[line for line in sys.stdin]", &[Some("1\n2"), Some("\n3"), None], &[("", false, false); 3], "['1\\n', '2\\n', '3']"),
        ("sys.stdin.buffer.readline()", &[Some("\u{e9}\n")], &[("", false, false)], "b'\\xc3\\xa9\\n'"),
    ];
    for (code, answers, asked, result) in cases {
        d.submit(code);
        let mut outcome = Outcome::default();
        let mut last = 0;
        for (answer, (prompt, secret, line)) in answers.iter().zip(*asked) {
            let ask = d.until_ask(&mut outcome);
            assert_eq!((ask.prompt.as_str(), ask.secret, ask.line, ask.n), (*prompt, *secret, *line, d.n), "{code}");
            assert!(ask.ask > last, "ask numbers grow");
            last = ask.ask;
            d.reply(&ask, answer.unwrap_or_default(), answer.is_none());
        }
        d.finish_into(&mut outcome);
        assert_eq!(outcome.ok().result().as_deref(), Some(*result), "{code}");
    }
}

#[test]
fn the_end_of_input_is_an_eoferror() {
    let mut d = Driver::start();
    for code in ["input()", "import getpass; getpass.getpass()"] {
        d.submit(code);
        let mut outcome = Outcome::default();
        let ask = d.until_ask(&mut outcome);
        d.reply(&ask, "", true);
        d.finish_into(&mut outcome);
        assert_eq!(outcome.failure().name, "EOFError", "{code}");
    }
    // It ends the input of that eval, not of the session.
    d.submit("input()");
    let mut outcome = Outcome::default();
    let ask = d.until_ask(&mut outcome);
    d.reply(&ask, "again", false);
    d.finish_into(&mut outcome);
    assert_eq!(outcome.result().as_deref(), Some("'again'"));
}

#[test]
fn output_before_a_question_comes_before_it() {
    let mut d = Driver::start();
    d.submit("import os\nprint('a')\n_ = os.system('echo b')\ninput('?')");
    let mut outcome = Outcome::default();
    let ask = d.until_ask(&mut outcome);
    assert_eq!(outcome.out(), "a\nb\n");
    d.reply(&ask, "", false);
    d.finish_into(&mut outcome);
}

#[test]
fn threads_and_coroutines_may_ask_too() {
    let mut d = Driver::start();
    let code = "import asyncio\nasync def f():\n    loop = asyncio.get_running_loop()\n    return await loop.run_in_executor(None, input, 'q')\nawait f()";
    d.submit(code);
    let mut outcome = Outcome::default();
    let ask = d.until_ask(&mut outcome);
    d.reply(&ask, "t", false);
    d.finish_into(&mut outcome);
    assert_eq!(outcome.ok().result().as_deref(), Some("'t'"));
    d.exec("import threading\nt = threading.Thread(target=lambda: print(input('late?')))\nt.start()").ok();
    let mut outcome = Outcome::default();
    let ask = d.until_ask(&mut outcome);
    d.reply(&ask, "after the end", false);
    d.until_out(&mut outcome, "after the end\n");
}

#[test]
fn an_interrupt_ends_the_wait_and_a_late_answer_is_for_nobody() {
    let mut d = Driver::start();
    for code in ["input()", "import sys\nsys.stdin.read()"] {
        d.submit(code);
        let mut outcome = Outcome::default();
        let ask = d.until_ask(&mut outcome);
        d.interrupt();
        d.finish_into(&mut outcome);
        assert!(matches!(outcome.how(), DoneHow::Interrupted(_)));
        d.reply(&ask, "too late", false);
        d.fence();
        d.submit("input()");
        let ask = d.until_ask(&mut outcome);
        d.reply(&ask, "in time", false);
        assert_eq!(d.finish().result().as_deref(), Some("'in time'"));
    }
}
