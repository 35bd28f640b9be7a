//! Bytes from a stranger: frames, chunks, messages, their JSON form. What must hold is asserted in the shared function, which the
//! stable test `protocol/tests/fuzz_corpus.rs` calls as well, so that this cannot rot unseen.
#![no_main]

#[path = "../../protocol/tests/common/consume.rs"]
mod consume;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // The first byte says how the rest is cut, so that cuts are explored too.
    let (piece, rest) = bytes.split_first().unwrap_or((&0, &[]));
    consume::consume(rest, &[usize::from(*piece)], 1024 * 1024);
});
