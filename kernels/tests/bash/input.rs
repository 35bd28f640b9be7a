//! What the shell and its programs read comes from whoever is attached.

use crate::driver::Outcome;
use crate::start;

#[test]
fn read_asks_with_its_prompt() {
    let mut d = start();
    d.submit("read -r -p 'Name? ' name; read -rs -p 'Secret? ' s; echo \"$name/$s\"");
    let mut outcome = Outcome::default();
    let ask = d.until_ask(&mut outcome);
    assert_eq!((ask.prompt.as_str(), ask.line, ask.secret), ("Name? ", true, false));
    d.reply(&ask, "ada b", false);
    let ask = d.until_ask(&mut outcome);
    assert_eq!((ask.prompt.as_str(), ask.line, ask.secret), ("Secret? ", true, true));
    d.reply(&ask, "xyz", false);
    d.finish_into(&mut outcome);
    assert_eq!(outcome.ok().out(), "ada b/xyz\n");
}

#[test]
fn read_of_something_else_asks_nobody() {
    let mut d = start();
    let outcome = d.exec("while read -r line; do echo \"<$line>\"; done < <(printf 'a\\nb\\n'); echo x | { read y; echo $y; }; read z <<< zed; echo $z").ok();
    assert_eq!(outcome.out(), "<a>\n<b>\nx\nzed\n");
}

#[test]
fn the_end_of_input_is_one_and_the_next_eval_may_read_again() {
    let mut d = start();
    d.submit("while read line; do echo \"<$line>\"; done; read more || echo no more");
    let mut outcome = Outcome::default();
    let ask = d.until_ask(&mut outcome);
    d.reply(&ask, "one", false);
    let ask = d.until_ask(&mut outcome);
    d.reply(&ask, "", true);
    d.finish_into(&mut outcome);
    assert_eq!(outcome.ok().out(), "<one>\nno more\n");
    d.submit("read x; echo $x");
    let mut outcome = Outcome::default();
    let ask = d.until_ask(&mut outcome);
    d.reply(&ask, "again", false);
    d.finish_into(&mut outcome);
    assert_eq!(outcome.ok().out(), "again\n");
}

#[test]
#[cfg(target_os = "linux")]
fn a_program_that_reads_asks_as_well() {
    let mut d = start();
    d.submit("echo up; head -n 2 | sort -r; wc -c");
    let mut outcome = Outcome::default();
    let ask = d.until_ask(&mut outcome);
    assert_eq!((outcome.out().as_str(), ask.line), ("up\n", false));
    d.reply(&ask, "a\nb\n", false);
    let ask = d.until_ask(&mut outcome);
    d.reply(&ask, "four", true);
    d.finish_into(&mut outcome);
    assert_eq!(outcome.ok().out(), "up\nb\na\n4\n");
}
