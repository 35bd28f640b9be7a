//! A program that reads is seen to, and its client is asked.

use crate::driver::Outcome;
use crate::start;

#[test]
fn what_a_program_reads_is_asked_for() {
    for (program, code, prompt, out) in [
        ("python3 -i", "print('hello', input('who? '))", "who? ", "hello ada\n"),
        ("bash --norc -i", "read -p 'who? ' x; echo hello $x", "who? ", "hello ada\n"),
        ("lua", "io.write('who? '); print('hello ' .. io.read())", "who? ", "hello ada\n"),
        ("bash --norc -i", "sh -c 'read x; echo hello $x'", "", "hello ada\n"),
    ] {
        let mut d = start(program);
        d.submit(code);
        let mut outcome = Outcome::default();
        let ask = d.until_ask(&mut outcome);
        assert_eq!((ask.prompt.as_str(), ask.secret, ask.line), (prompt, false, true), "{program}: {code}");
        d.reply(&ask, "ada", false);
        d.finish_into(&mut outcome);
        assert_eq!(outcome.out(), out, "{program}: {code}");
    }
}

#[test]
fn what_is_not_shown_is_a_secret() {
    let mut d = start("python3 -i");
    d.submit("import getpass; x = getpass.getpass('key: '); print(len(x))");
    let mut outcome = Outcome::default();
    let ask = d.until_ask(&mut outcome);
    assert_eq!((ask.prompt.as_str(), ask.secret), ("key: ", true));
    d.reply(&ask, "hunter2", false);
    d.finish_into(&mut outcome);
    assert_eq!(outcome.out(), "\n7\n");
}

#[test]
fn the_end_of_the_input_can_be_said() {
    let mut d = start("bash --norc -i");
    d.submit("cat; echo over");
    let mut outcome = Outcome::default();
    let ask = d.until_ask(&mut outcome);
    d.reply(&ask, "a line", false);
    let ask = d.until_ask(&mut outcome);
    d.reply(&ask, "", true);
    d.finish_into(&mut outcome);
    assert_eq!(outcome.out(), "a line\nover\n");
}
