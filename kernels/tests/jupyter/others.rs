//! Kernels of other languages, which listen at ports and know nothing of us.

use crate::start;
use rialto_protocol::data::Stream;

#[test]
fn r_shows_values_streams_and_errors() {
    let mut d = start("ir");
    assert_eq!(d.info.language, "r");
    let outcome = d.exec("cat('aé😀\\n'); write('err', stderr()); c(1, 2)").ok();
    assert_eq!(outcome.out(), "aé😀\n");
    assert_eq!(outcome.err(), "err\n");
    // It has no last value: each is shown where it stands.
    let shown = outcome.displays();
    assert_eq!(shown[0].1["text/plain"].lossy(), "[1] 1 2");
    assert!(shown[0].1.contains_key("text/html"));
    let outcome = d.exec("stop('boom')");
    assert!(outcome.failure().value.contains("boom"), "{:?}", outcome.failure());
    // What a program writes past the kernel.
    assert_eq!(d.exec("invisible(system('echo child'))").ok().out(), "child\n");
}

#[test]
fn bash_keeps_its_state_and_a_status_is_the_end() {
    use rialto_protocol::kernel::DoneHow;
    let mut d = start("jupyter:bash");
    d.exec("x=42; cd /").ok();
    assert_eq!(d.exec("echo $x; pwd").ok().bytes(Stream::Stdout), b"42\n/\n");
    assert_eq!(*d.exec("(exit 7)").how(), DoneHow::Exit { code: 7, message: None });
}
