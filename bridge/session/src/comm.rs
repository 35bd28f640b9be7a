//! Messages to what lives in the kernel beside evals: Jupyter's comms, which widgets talk by. Recorded before the kernel gets
//! them, once, like every other request that changes something. They start no life, and belong to the one they were meant for.

use crate::input::{ConnId, Output};
use crate::lives::Phase;
use crate::session::Turn;
use rialto_protocol::data::{CommMessage, CommStep};
use rialto_protocol::event::{CommSent, Event};
use rialto_protocol::kernel::KernelCommand;
use rialto_protocol::message::Comm;
use rialto_protocol::{Code, limits};
use std::collections::VecDeque;

/// Messages that the kernel may have before it: it takes none while an eval runs.
const MAX_OPEN: usize = 256;
/// Their bytes.
const MAX_OPEN_BYTES: usize = 4 * 1024 * 1024;

/// What was sent to the life that is under way, and not taken so far.
#[derive(Debug, Default)]
pub(crate) struct Comms {
    last: u64,
    open: VecDeque<(u64, usize)>,
    bytes: usize,
}

impl Comms {
    /// The kernel has taken all up to this number.
    pub(crate) fn taken(&mut self, number: u64) {
        while let Some((_, bytes)) = self.open.front().filter(|(open, _)| *open <= number) {
            self.bytes = self.bytes.saturating_sub(*bytes);
            self.open.pop_front();
        }
    }
}

fn size(message: &CommMessage) -> usize {
    let buffers = message.buffers.iter().fold(0, |sum, buffer| sum + buffer.0.len() + 32);
    message.comm.len() + message.target.len() + message.data.len() + message.metadata.len() + buffers
}

impl Turn<'_> {
    pub(crate) fn comm(&mut self, conn: ConnId, m: Comm) {
        if let Some(seq) = self.archive.request(&m.id).filter(|_| !cfg!(mutant = "comm_is_sent_twice")) {
            return self.carried(conn, m.re, seq);
        }
        let size = size(&m.message);
        if let Some((code, text)) = self.refuses_comm(&m, size) {
            return self.error(conn, m.re, code, text);
        }
        let (by, life) = (self.who(conn), self.s.state.life);
        let seq = self.record(Event::CommSent(CommSent { life, message: m.message.clone(), by, id: m.id }));
        let comms = &mut self.s.comms;
        comms.last += 1;
        comms.open.push_back((comms.last, size));
        comms.bytes += size;
        let number = comms.last;
        self.out.push(Output::Kernel(KernelCommand::Comm(number, m.message)));
        self.carried(conn, m.re, seq);
    }

    fn refuses_comm(&self, m: &Comm, size: usize) -> Option<(Code, String)> {
        let CommMessage { what, comm, target, .. } = &m.message;
        let no = |code: Code, text: &str| Some((code, text.to_owned()));
        if comm.is_empty() || comm.len() > limits::MAX_LABEL || (*what == CommStep::Open && target.is_empty()) {
            return no(Code::BadMessage, "a comm has an id of 1 to 128 bytes, and one that is opened has a target");
        }
        if size > limits::MAX_COMM {
            return Some((Code::CodeTooLarge, format!("a message has at most {} bytes with its buffers", limits::MAX_COMM)));
        }
        if !m.message.is_readable() {
            return no(Code::BadMessage, "data and metadata of a comm's message are objects of JSON, written as text");
        }
        if self.s.state.ended {
            return no(Code::SessionEnded, "the session has ended; start another");
        }
        match &self.s.phase {
            Phase::Ready => {}
            Phase::None => return no(Code::NoKernel, "no kernel lives here; a restart or an eval starts one, without its comms"),
            Phase::Starting(..) | Phase::Ending(_) => {
                return no(Code::TooBusy, "the kernel is being started or ended; try again");
            }
        }
        let life = self.s.state.life;
        if m.life.is_some_and(|of| of != life) && !cfg!(mutant = "comm_reaches_another_life") {
            return Some((Code::NoKernel, format!("the comm was of another life; this is life {life}, where it is not open")));
        }
        if !self.s.state.living.as_ref().is_some_and(|kernel| kernel.comms) {
            return no(Code::WrongState, "this kernel has no comms; those of Jupyter have");
        }
        if self.s.stalled.is_some() {
            return no(Code::DiskFull, "the disk is full, so the message cannot be recorded; try again when there is space");
        }
        let comms = &self.s.comms;
        if comms.open.len() >= MAX_OPEN || comms.bytes + size > MAX_OPEN_BYTES {
            return no(Code::TooBusy, "the kernel has not taken what was sent to its comms before: it runs an eval; try again");
        }
        None
    }
}
