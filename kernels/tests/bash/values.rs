//! State, output and the status of what was run.

use crate::driver::Driver;
use crate::start;
use rialto_protocol::data::{Show, Stream};
use rialto_protocol::kernel::{Death, DoneHow, KernelCommand, KernelEvent};

fn status(d: &mut Driver, code: &str) -> i32 {
    match d.exec(code).how() {
        DoneHow::Ok => 0,
        DoneHow::Exit { code, message: None } => *code,
        other => panic!("{code}: {other:?}"),
    }
}

#[test]
fn state_is_kept_as_in_a_terminal() {
    let mut d = start();
    assert_eq!(d.info.language, "bash");
    d.exec("x='a b'; declare -A map=([k]=v); f() { echo \"f:$1\"; }; alias hi='echo hi'; cd /").ok();
    let outcome = d.exec("f \"$x\"; echo \"${map[k]}\"; hi; pwd; echo é '*' \"\\$x\" '\\n'; printf '%s\\n' $'a\\tb'").ok();
    assert_eq!(outcome.out(), "f:a b\nv\nhi\n/\né * $x \\n\na\tb\n");
    assert_eq!(
        d.exec("for i in 1 2 3; do\n  echo $i\ndone | sort -r | head -1\ncat <<EOF\n  here $x\nEOF").ok().out(),
        "3\n  here a b\n"
    );
    assert_eq!(
        d.exec("echo $LINENO; [[ $- == *i* ]] && echo interactive; echo \"$0 $#\"").ok().out().lines().nth(1),
        Some("interactive")
    );
}

#[test]
fn the_status_is_the_evals_and_the_next_one_sees_it() {
    let mut d = start();
    assert_eq!(status(&mut d, "true"), 0);
    assert_eq!(status(&mut d, "(exit 7)"), 7);
    assert_eq!(d.exec("echo $?").ok().out(), "7\n");
    assert_eq!(status(&mut d, "no_such_command_here"), 127);
    assert_eq!(status(&mut d, "false | true"), 0);
    assert_eq!(status(&mut d, "set -o pipefail; false | true"), 1);
    assert_eq!(status(&mut d, "set +o pipefail; sh -c 'kill -TERM $$'"), 143);
    let outcome = d.exec("if then fi");
    assert!(matches!(outcome.how(), DoneHow::Exit { code: 1 | 2, .. }), "{:?}", outcome.how());
    assert!(outcome.err().contains("syntax error"), "{}", outcome.err());
    assert_eq!(status(&mut d, "return 3 2>/dev/null; true"), 0);
}

#[test]
fn exit_ends_the_eval_and_not_the_shell() {
    let mut d = start();
    d.exec("kept=1").ok();
    assert_eq!(status(&mut d, "exit 3; kept=2"), 3);
    assert_eq!(status(&mut d, "g() { for i in 1 2; do exit 4; done; }; g; kept=2"), 4);
    assert_eq!(status(&mut d, "(exit 5)"), 5);
    assert_eq!(status(&mut d, "false; exit"), 1);
    assert_eq!(status(&mut d, "exit 0; kept=2"), 0);
    assert_eq!(d.exec("echo $kept").ok().out(), "1\n");
    // An option that ends shells ends the eval.
    assert_eq!(status(&mut d, "set -e; h() { false; echo not this; }; h; echo nor this"), 1);
    assert_eq!(status(&mut d, "false; echo nor this"), 1);
    assert_eq!(d.exec("set +e; false; echo $kept").ok().out(), "1\n");
    assert_ne!(status(&mut d, "set -u; echo $no_such_variable"), 0);
    assert_eq!(d.exec("set +u; echo $kept").ok().out(), "1\n");
}

#[test]
fn the_runner_needs_none_of_what_the_user_may_redefine() {
    let mut d = start();
    d.exec("printf() { echo mine; }; kill() { echo mine; }; trap() { echo mine; }; eval() { echo mine; }; set() { echo mine; }; echo() { builtin echo mine; }").ok();
    assert_eq!(d.exec("echo x").ok().out(), "mine\n");
    assert_eq!(status(&mut d, "exit 3"), 3);
    d.submit("sh -c 'echo up; exec sleep 1000'");
    let mut outcome = crate::driver::Outcome::default();
    d.until_out(&mut outcome, "up");
    d.interrupt();
    d.finish_into(&mut outcome);
    d.fence();
    let mut d = start();
    assert_eq!(d.exec("IFS=x; LC_ALL=C; x=1; set -x; builtin echo a").ok().out(), "a\n");
    assert_eq!(d.exec("builtin set +x; builtin echo é").ok().out(), "é\n");
}

#[test]
fn all_output_comes_before_the_end_and_bytes_are_bytes() {
    let mut d = start();
    let outcome = d.exec("for i in {1..2000}; do echo o$i; done; ls /no/such; printf '\\377\\001'");
    assert_eq!(outcome.bytes(Stream::Stdout).len(), (1..=2000).map(|i| format!("o{i}\n").len()).sum::<usize>() + 2);
    assert!(outcome.err().contains("/no/such"));
    let outcome = d.exec("head -c 50000000 /dev/zero | tr '\\0' x").ok();
    assert_eq!(outcome.bytes(Stream::Stdout).len(), 50_000_000);
}

#[test]
fn jobs_go_on_in_the_background() {
    let mut d = start();
    d.exec("{ sleep 0.05; echo late; } 2>/dev/null & ").ok();
    loop {
        match d.next() {
            KernelEvent::Output { background: true, runs, .. } if runs.iter().any(|r| r.data.0 == b"late\n") => break,
            KernelEvent::Output { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    // The runner's own helper is none of the shell's jobs.
    assert_eq!(d.exec("jobs; wait; echo over").ok().out().lines().last(), Some("over"));
}

#[test]
fn a_program_has_its_arguments() {
    let mut d = start();
    d.submit_as("echo \"$# $1 $2\"; exit 6", Show::Nothing, Some(&["/tmp/x.sh", "a b", "'c'"]));
    let outcome = d.finish();
    assert_eq!((outcome.out().as_str(), outcome.how()), ("2 a b 'c'\n", &DoneHow::Exit { code: 6, message: None }));
    assert_eq!(d.exec("echo $#").ok().out(), "0\n");
}

#[test]
fn its_end_is_told() {
    let mut d = start();
    d.submit("echo last; kill -KILL $$");
    let (outcome, death) = d.until_death();
    assert_eq!(outcome.out(), "last\n");
    assert_eq!(death, Death { code: None, signal: Some("SIGKILL".into()), failed_start: None });
    let mut d = start();
    d.submit("exec sh -c 'echo other; exit 5'");
    let (outcome, death) = d.until_death();
    assert_eq!((outcome.out().as_str(), death.code), ("other\n", Some(5)));
    let mut d = start();
    d.exec("trap 'echo bye' EXIT").ok();
    d.send(KernelCommand::Shutdown);
    let (outcome, death) = d.until_death();
    assert_eq!((outcome.out().as_str(), death.code), ("bye\n", Some(0)));
}
