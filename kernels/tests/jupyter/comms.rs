//! Messages to comms: what widgets talk by.

use crate::driver::Driver;
use crate::python;
use rialto_protocol::Bytes;
use rialto_protocol::data::{CommMessage, CommStep};
use rialto_protocol::kernel::{KernelCommand, KernelEvent};
use serde_json::Value;

/// A target that answers each message with what it was told, and its bytes the other way round.
const TARGET: &str = "
import comm
def target(opened, message):
    opened.send({'opened': message['content']['data']})
    @opened.on_msg
    def told(message):
        opened.send({'told': message['content']['data'], 'of': message['metadata']}, buffers=[bytes(b)[::-1] for b in message['buffers']])
    @opened.on_close
    def closed(message):
        print('closed', message['content']['data'])
comm.get_comm_manager().register_target('test', target)
";

fn tell(d: &mut Driver, number: u64, what: CommStep, data: &str, metadata: &str, buffers: Vec<Bytes>) {
    let target = if what == CommStep::Open { "test" } else { "" }.to_owned();
    let (data, metadata) = (data.to_owned(), metadata.to_owned());
    d.send(KernelCommand::Comm(number, CommMessage { what, comm: "c1".to_owned(), target, data, metadata, buffers }));
}

/// What the kernel says until it has taken this.
fn heard(d: &mut Driver, number: u64) -> Vec<(Value, Vec<u8>)> {
    let mut all = Vec::new();
    loop {
        match d.next() {
            KernelEvent::Display { data, .. } => {
                let said: Value = serde_json::from_slice(&data["application/vnd.jupyter.message+json"].0).unwrap();
                let buffer = data.get("application/vnd.jupyter.buffer;n=0").map(|b| b.0.clone()).unwrap_or_default();
                all.push((said["content"]["data"].clone(), buffer));
            }
            KernelEvent::Took(taken) if taken >= number => return all,
            KernelEvent::Output { .. } | KernelEvent::Took(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_target_of_the_kernel_hears_and_answers() {
    let mut d = python();
    assert!(d.info.comms);
    d.exec(TARGET).ok();
    tell(&mut d, 1, CommStep::Open, r#"{"a":[1,"é"]}"#, "", Vec::new());
    assert_eq!(heard(&mut d, 1), [(serde_json::json!({ "opened": { "a": [1, "é"] } }), Vec::new())]);
    tell(&mut d, 2, CommStep::Msg, r#"{"x":1}"#, r#"{"m":2}"#, vec![Bytes(vec![1, 2, 255])]);
    let (said, buffer) = heard(&mut d, 2).remove(0);
    assert_eq!((&said["told"], &said["of"]["m"]), (&serde_json::json!({ "x": 1 }), &2.into()));
    assert_eq!(buffer, [255, 2, 1]);
    tell(&mut d, 3, CommStep::Close, r#"{"bye":1}"#, "", Vec::new());
    assert_eq!(heard(&mut d, 3), []);
    assert_eq!(d.exec("1").ok().result().as_deref(), Some("1"));
}

#[test]
fn one_that_comes_while_an_eval_runs_is_taken_after_it() {
    let mut d = python();
    d.exec(TARGET).ok();
    d.submit("input()");
    let ask = d.until_ask(&mut Default::default());
    tell(&mut d, 1, CommStep::Open, "{}", "", Vec::new());
    d.reply(&ask, "on", false);
    d.finish().ok();
    assert_eq!(heard(&mut d, 1).len(), 1);
}
