//! Code that is a program: its arguments, its input, its end.

use crate::start;
use rialto_protocol::data::Show;
use rialto_protocol::kernel::{Death, DoneHow, KernelCommand};

#[test]
fn a_program_is_over_when_nothing_is_left_to_do() {
    let mut d = start();
    let code =
        "#!/usr/bin/env node\nsetTimeout(() => console.log(process.argv.slice(2), require('path').basename(__filename)), 20)";
    d.submit_as(code, Show::Nothing, Some(&["/tmp/x.js", "a", "b"]));
    assert_eq!(d.finish().ok().out(), "[ 'a', 'b' ] x.js\n");
    d.submit_as(
        "setTimeout(() => { throw new Error('late') }, 5); setInterval(() => {}, 1)",
        Show::Nothing,
        Some(&["/tmp/y.js"]),
    );
    let outcome = d.finish();
    assert!(outcome.failure().traceback.contains("/tmp/y.js:1"), "{}", outcome.failure().traceback);
    d.submit_as("process.exitCode = 4; setImmediate(() => {})", Show::Nothing, Some(&["/tmp/z.js"]));
    assert_eq!(*d.finish().how(), DoneHow::Exit { code: 4, message: None });
    assert_eq!(d.exec("typeof __filename").ok().result().as_deref(), Some("'undefined'"));
}

#[test]
fn a_program_reads() {
    let mut d = start();
    d.submit("const name = prompt('Name? '); `hello ${name}`");
    let mut outcome = crate::driver::Outcome::default();
    let ask = d.until_ask(&mut outcome);
    assert_eq!((ask.prompt.as_str(), ask.line, ask.secret), ("Name? ", true, false));
    d.reply(&ask, "ada", false);
    d.finish_into(&mut outcome);
    assert_eq!(outcome.ok().result().as_deref(), Some("'hello ada'"));

    d.submit("const rl = require('readline/promises').createInterface({ input: process.stdin }); const line = await rl.question('? '); rl.close(); line");
    let mut outcome = crate::driver::Outcome::default();
    let ask = d.until_ask(&mut outcome);
    assert!(!ask.line);
    d.reply(&ask, "grace\n", false);
    d.finish_into(&mut outcome);
    assert_eq!(outcome.ok().result().as_deref(), Some("'grace'"));

    d.submit("fs.readFileSync(0, 'utf8')");
    let mut outcome = crate::driver::Outcome::default();
    let ask = d.until_ask(&mut outcome);
    d.reply(&ask, "one\n", false);
    let ask = d.until_ask(&mut outcome);
    d.reply(&ask, "", true);
    d.finish_into(&mut outcome);
    assert_eq!(outcome.ok().result().as_deref(), Some("'one\\n'"));
}

#[test]
fn its_end_is_told() {
    let mut d = start();
    d.submit("console.log('last'); process.kill(process.pid, 'SIGKILL')");
    let (outcome, death) = d.until_death();
    assert_eq!(outcome.out(), "last\n");
    assert_eq!(death, Death { code: None, signal: Some("SIGKILL".into()), failed_start: None });

    let mut d = start();
    d.exec("process.on('exit', () => console.log('bye'))").ok();
    d.send(KernelCommand::Shutdown);
    let (outcome, death) = d.until_death();
    assert_eq!((outcome.out().as_str(), death.code), ("bye\n", Some(0)));
}
