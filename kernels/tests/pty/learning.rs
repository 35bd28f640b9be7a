//! Programs nobody has described: their prompts are learnt, or an end is guessed and said to be.

use crate::driver::Outcome;
use crate::{how, start};
use rialto_protocol::kernel::{KernelCommand, Launch};

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

/// What a profile says is not learnt.
#[test]
fn what_is_said_of_a_program_is_taken_as_it_is() {
    let mut launch: Launch = how(
        r#"sh -c 'stty -echo; while printf "what now? "; read -r x; do case $x in *,) printf "and? "; read -r y;; bye) exit 7;; size) y=$(stty size);; *) y=;; esac; echo "<$x$y>"; done'"#,
    );
    launch.setup.prompt = Some("^what now\\? $".into());
    launch.setup.continuation = Some("^and\\? $".into());
    launch.setup.size = Some("40x120".into());
    launch.setup.exit = Some("bye".into());
    launch.setup.eol = Some("lf".into());
    launch.setup.echo = Some(false);
    let mut d = crate::driver::Driver::start_with(&launch);
    for (code, out) in [("one", "<one>\n"), ("two,\nthree", "<two,three>\n"), ("size", "<size40 120>\n")] {
        let outcome = d.exec(code);
        assert_eq!((outcome.out().as_str(), outcome.done.unwrap().idle_guess), (out, false), "{code}");
    }
    d.send(KernelCommand::Shutdown);
    assert_eq!(d.until_death().1.code, Some(7));
    launch.setup.size = Some("0x80".into());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _inside = runtime.enter();
    assert!(rialto_kernels::launch(&launch).map(|_| ()).unwrap_err().to_string().contains("24x80"));
}
