//! Programs nobody has described: their prompts are learnt, or an end is guessed and said to be.

use crate::driver::Outcome;
use crate::start;

/// A program with a prompt of its own, which asks for more where a line ends with a backslash.
const OWN: &str = "python3 -c '
import sys
n = 0
print(\"Welcome to nothing\")
while True:
    n += 1
    line = input(\"own[%d]> \" % n)
    while line.endswith(\"\\\\\"):
        line = line[:-1] + input(\"   ..> \")
    print(\"said\", line)
'";

#[test]
fn a_prompt_is_learnt() {
    let mut d = start(OWN);
    assert!(d.info.note.as_ref().is_some_and(|note| note.contains("own[2]>")), "{:?}", d.info);
    for (code, out) in [("one", "said one\n"), ("two\\\nthree", "said twothree\n"), ("own[1]> ", "said own[1]> \n")] {
        let outcome = d.exec(code);
        assert_eq!((outcome.out().as_str(), outcome.done.unwrap().idle_guess), (out, false), "{code}");
    }
}

#[test]
fn where_there_is_no_prompt_the_end_is_a_guess_and_said_to_be() {
    let mut d = start("cat");
    let outcome = d.exec("hello");
    assert_eq!((outcome.out().as_str(), outcome.done.unwrap().idle_guess), ("hello\n", true));
    let mut d = start("sh -c 'while read x; do sleep 0.5; echo $((x + 1)); done'");
    let outcome = d.exec("41");
    assert_eq!((outcome.out().as_str(), outcome.done.unwrap().idle_guess), ("42\n", true));
}

#[test]
fn what_is_asked_before_the_prompt_is_asked_of_the_first_eval() {
    let mut d = start(
        "python3 -c '
import getpass
key = getpass.getpass(\"key: \")
while True:
    print(len(key), input(\"k> \"))
'",
    );
    d.submit("now");
    let mut outcome = Outcome::default();
    let ask = d.until_ask(&mut outcome);
    assert_eq!((ask.prompt.as_str(), ask.secret), ("key: ", true));
    d.reply(&ask, "hunter2", false);
    d.finish_into(&mut outcome);
    assert!(outcome.out().contains("7 now\n"), "{:?}", outcome.out());
}
