//! Messages to comms of the kernel.

use super::{Story, carried, refusal};
use rialto_protocol::data::{CommMessage, CommStep};
use rialto_protocol::kernel::{KernelCommand, KernelEvent, KernelInfo};
use rialto_protocol::message::{Comm, Mutate};
use rialto_protocol::{Bytes, Code, Life, Message, RequestId};
use rialto_session::Output;

fn comm(id: u8, life: Option<Life>, data: &str) -> Message {
    let message = CommMessage { what: CommStep::Msg, comm: "c".to_owned(), data: data.to_owned(), ..CommMessage::default() };
    Message::Comm(Comm { re: 3, id: RequestId([id; 16]), life, message })
}

/// What the kernel was told, by its numbers.
fn sent(out: &[Output]) -> Vec<u64> {
    out.iter().filter_map(|o| if let Output::Kernel(KernelCommand::Comm(n, _)) = o { Some(*n) } else { None }).collect()
}

/// A session whose kernel has comms; life 2, because the first one has none.
fn begin() -> Story {
    let mut story = Story::begin();
    assert_eq!(refusal(&story.asks(2, comm(40, None, ""))), Some(Code::WrongState));
    story.asks(1, Message::Restart(Mutate { re: 0, id: RequestId([41; 16]) }));
    story.kernel(1, KernelEvent::Died(Default::default()));
    assert_eq!(refusal(&story.asks(2, comm(42, None, ""))), Some(Code::TooBusy), "it starts");
    story.kernel(2, KernelEvent::Ready(KernelInfo { comms: true, ..KernelInfo::default() }));
    story
}

#[test]
fn a_message_is_recorded_and_sent_once() {
    let mut story = begin();
    let out = story.asks(2, comm(1, Some(2), "{\"x\":1}"));
    assert!(carried(&out));
    assert!(matches!(&out[..], [Output::Record(..), Output::Kernel(KernelCommand::Comm(1, _)), ..]), "{out:?}");
    let again = story.asks(1, comm(1, Some(2), "{\"x\":1}"));
    assert!(carried(&again) && sent(&again).is_empty(), "{again:?}");
    // Whoever may only look sends nothing.
    assert_eq!(refusal(&story.asks(3, comm(2, None, ""))), Some(Code::Forbidden));
    // And its supervisor's death is no reason to send it again.
    story.supervisor_dies(20);
    let again = story.asks(2, comm(1, Some(2), "{\"x\":1}"));
    assert!(carried(&again) && sent(&again).is_empty(), "{again:?}");
    assert_eq!(refusal(&story.asks(2, comm(3, None, ""))), Some(Code::NoKernel));
}

#[test]
fn one_for_another_life_reaches_none() {
    let mut story = begin();
    let out = story.asks(2, comm(1, Some(1), ""));
    assert_eq!((refusal(&out), sent(&out)), (Some(Code::NoKernel), Vec::new()));
}

#[test]
fn what_is_no_message_is_refused() {
    let mut story = begin();
    let mut made = |change: fn(&mut CommMessage)| {
        let Message::Comm(mut request) = comm(1, None, "") else { panic!() };
        change(&mut request.message);
        refusal(&story.asks(2, Message::Comm(request)))
    };
    assert_eq!(made(|m| m.comm.clear()), Some(Code::BadMessage));
    assert_eq!(made(|m| m.what = CommStep::Open), Some(Code::BadMessage), "without a target");
    assert_eq!(made(|m| m.data = "[1]".to_owned()), Some(Code::BadMessage));
    assert_eq!(made(|m| m.metadata = "{".to_owned()), Some(Code::BadMessage));
    assert_eq!(made(|m| m.buffers = vec![Bytes(vec![0; 1 << 20])]), Some(Code::CodeTooLarge));
    assert_eq!(made(|_| {}), None);
}

#[test]
fn a_kernel_that_takes_none_is_sent_no_more_than_some() {
    let mut story = begin();
    let mut id = 0;
    let mut send = |story: &mut Story, bytes: usize| {
        id += 1;
        let Message::Comm(mut request) = comm(0, None, "") else { panic!() };
        request.id = RequestId([(id >> 8) as u8, id as u8, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7]);
        request.message.buffers = vec![Bytes(vec![0; bytes])];
        refusal(&story.asks(2, Message::Comm(request)))
    };
    for _ in 0..256 {
        assert_eq!(send(&mut story, 0), None);
    }
    assert_eq!(send(&mut story, 0), Some(Code::TooBusy));
    story.kernel(2, KernelEvent::Took(255));
    let large = 1_000_000;
    for _ in 0..4 {
        assert_eq!(send(&mut story, large), None);
    }
    assert_eq!(send(&mut story, large), Some(Code::TooBusy), "five megabytes");
    story.kernel(2, KernelEvent::Took(260));
    assert_eq!(send(&mut story, large), None);
}
