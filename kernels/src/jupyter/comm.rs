//! Messages to comms: what widgets and other things of a kernel talk by with programs. They go by the shell socket, so that a
//! kernel takes them in their turn, behind the eval that runs. What it says in return is published, and shown like a display.

use super::Jupyter;
use super::due;
use super::link::Socket;
use rialto_jupyter_wire::{Header, Message};
use rialto_protocol::data::{CommMessage, CommStep};
use rialto_protocol::kernel::KernelEvent;
use serde_json::{Value, json};

/// How far they are.
#[derive(Debug, Default)]
pub(super) struct Comms {
    sent: u64,
    taken: u64,
    /// Those sent before the eval that was sent last.
    before: u64,
}

impl Comms {
    pub(super) const fn before_eval(&mut self) {
        self.before = self.sent;
    }
}

impl Jupyter {
    pub(super) fn comm(&mut self, number: u64, message: CommMessage) {
        let CommMessage { what, comm, target, data, metadata, buffers } = message;
        let object = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| json!({}));
        let data: Value = object(&data);
        let (kind, content) = match what {
            CommStep::Open => ("comm_open", json!({ "comm_id": comm, "target_name": target, "data": data })),
            CommStep::Msg => ("comm_msg", json!({ "comm_id": comm, "data": data })),
            CommStep::Close => ("comm_close", json!({ "comm_id": comm, "data": data })),
        };
        let header = Header::new(kind, &format!("{}-c{number}", self.session), &self.session, &due::date());
        let mut message = Message::new(header, None, &content);
        message.set_metadata(&object(&metadata));
        message.buffers = buffers.into_iter().map(|bytes| bytes.0).collect();
        if let Some(link) = self.links.get_mut(Socket::Shell as usize) {
            link.send(&message, &self.key);
        }
        self.comms.sent = number;
    }

    /// The kernel is done with this one, so with those before it.
    pub(super) fn took(&mut self, number: u64) {
        if number > self.comms.taken {
            self.comms.taken = number;
            self.told.event(KernelEvent::Took(number));
        }
    }

    /// The end of an eval says the same of what was sent before it, whatever the kernel says or not.
    pub(super) fn took_before_eval(&mut self) {
        self.took(self.comms.before);
    }
}
