//! Promise 1 for one kernel: what is written comes in order, and all of it.

use crate::driver::Outcome;
use crate::start;
use rialto_protocol::data::Stream;
use rialto_protocol::kernel::KernelEvent;

#[test]
fn streams_keep_their_mutual_order() {
    let mut d = start();
    let outcome = d.exec("for (let i = 0; i < 500; i++) { console.log('o' + i); console.error('e' + i) }").ok();
    let runs = outcome.runs();
    assert_eq!(runs.len(), 1000);
    for (i, run) in runs.iter().enumerate() {
        let (stream, letter) = if i % 2 == 0 { (Stream::Stdout, 'o') } else { (Stream::Stderr, 'e') };
        assert_eq!(*run, (stream, format!("{letter}{}\n", i / 2).into_bytes()));
    }
}

#[test]
fn a_child_that_is_waited_for_keeps_its_place() {
    let mut d = start();
    let outcome = d
        .exec(
            "const { execSync, spawnSync, spawn } = child_process;
            for (let i = 0; i < 20; i++) {
              console.log('a' + i);
              execSync('echo b' + i, { stdio: 'inherit' });
              process.stdout.write('c' + i + '\\n');
              spawnSync('sh', ['-c', 'echo d' + i], { stdio: 'inherit' });
              fs.writeSync(1, 'e' + i + '\\n');
              await new Promise(r => spawn('echo', ['f' + i], { stdio: 'inherit' }).on('exit', r));
            }",
        )
        .ok();
    let expected: String = (0..20).flat_map(|i| "abcdef".chars().map(move |c| format!("{c}{i}\n"))).collect();
    assert_eq!(outcome.out(), expected);
}

#[test]
fn what_is_written_is_seen_while_the_code_runs() {
    let mut d = start();
    d.submit("console.log('one'); console.log('two'); while (true) {}");
    let mut outcome = Outcome::default();
    d.until_out(&mut outcome, "two");
    d.interrupt();
    d.finish_into(&mut outcome);
}

#[test]
fn fifty_megabytes_come_whole() {
    let mut d = start();
    let outcome = d.exec("for (let i = 0; i < 50; i++) process.stdout.write(('é' + i % 10).repeat(349525) + 'x')").ok();
    let out = outcome.out();
    assert_eq!(out.len(), 50 * (349_525 * 3 + 1));
    assert!(out.ends_with("é9é9x"));
    for event in &outcome.events {
        let KernelEvent::Output { runs, .. } = event else { continue };
        assert!(runs.iter().all(|run| std::str::from_utf8(&run.data.0).is_ok()), "characters are not cut");
    }
}

#[test]
fn bytes_are_bytes() {
    let mut d = start();
    let outcome = d.exec("process.stdout.write(Buffer.from([255, 0, 254])); process.stdout.write(new Uint8Array([1, 2]))").ok();
    assert_eq!(outcome.bytes(Stream::Stdout), [255, 0, 254, 1, 2]);
    assert_eq!(d.exec("console.log('\\u{1F600}', '\\ud800')").ok().out(), "😀 \u{FFFD}\n");
}

#[test]
fn what_comes_after_the_end_is_in_the_background() {
    let mut d = start();
    d.exec("setTimeout(() => console.log('late'), 20); Promise.reject(new Error('nobody waits')); 1").ok();
    match d.next() {
        KernelEvent::Output { n: 1, background: true, runs } => assert_eq!(runs[0].data.0, b"late\n"),
        other => panic!("{other:?}"),
    }
    let outcome = d.exec("Promise.reject(new Error('nobody waits')); 1").ok();
    assert!(outcome.err().contains("Uncaught (in promise)") && outcome.err().contains("nobody waits"), "{}", outcome.err());
    let outcome = d.exec("setTimeout(() => { throw new Error('stray') }, 1); await new Promise(r => setTimeout(r, 30)); 5").ok();
    assert!(outcome.err().contains("stray") && outcome.err().contains("<cell-3>"), "{}", outcome.err());
}
