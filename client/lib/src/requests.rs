//! Questions and requests by name. Each waits for its own answer while events gather for [`Session::next`].

use crate::ids;
use crate::incoming::Answer;
use crate::session::Session;
use rialto_protocol::data::CommMessage;
use rialto_protocol::kernel::{Completeness, Completions};
use rialto_protocol::message::{
    At, Comm, Escalate, EvalInfo, GetEval, Input, Interrupt, InterruptAnswer, Mutate, Plain, Redact, Share, Status, Unshare,
};
use rialto_protocol::{Bundle, Bytes, Code, ErrorReply, EvalId, Life, Message, Scope, Seq};

/// Takes the one kind of reply that fits; the core lets no other through.
macro_rules! expect {
    ($answer:expr, $kind:ident($reply:pat) => $value:expr) => {
        match $answer? {
            Message::$kind($reply) => Ok($value),
            other => Err(odd(&other)),
        }
    };
}

fn odd(reply: &Message) -> ErrorReply {
    ErrorReply::new(0, Code::Internal, format!("kind {:#04x} is no answer to this", reply.kind()))
}

impl Session {
    /// Sends a request and waits for its reply.
    ///
    /// # Errors
    /// As [`Session::send`], or what the bridge refused it with, or `disconnected` for a question whose link was lost.
    pub async fn request(&mut self, message: Message) -> Answer {
        let ticket = self.send(message)?;
        self.wait(ticket).await
    }

    /// How the session is now.
    ///
    /// # Errors
    /// As [`Session::request`]; so for all that follow.
    pub async fn status(&mut self) -> Result<Status, ErrorReply> {
        expect!(self.request(Message::GetStatus(Plain::default())).await, Status(status) => status)
    }

    /// What is known of an eval.
    ///
    /// # Errors
    /// `unknown_eval` among others.
    pub async fn get_eval(&mut self, which: GetEval) -> Result<EvalInfo, ErrorReply> {
        expect!(self.request(Message::GetEval(which)).await, EvalInfo(info) => info)
    }

    /// What could stand at `cursor` bytes into `code`.
    ///
    /// # Errors
    /// `kernel_busy` among others.
    pub async fn complete(&mut self, code: &str, cursor: usize) -> Result<Completions, ErrorReply> {
        expect!(self.request(Message::Complete(at(code, cursor, 0))).await, Completions(reply) => reply.completions)
    }

    /// What is known of the name at `cursor` bytes into `code`; nothing where it is not known.
    ///
    /// # Errors
    /// `kernel_busy` among others.
    pub async fn inspect(&mut self, code: &str, cursor: usize, detail: u8) -> Result<Option<Bundle>, ErrorReply> {
        expect!(self.request(Message::Inspect(at(code, cursor, detail))).await, Inspected(reply) => reply.data)
    }

    /// Whether the language's REPL would run this or ask for more lines.
    ///
    /// # Errors
    /// `kernel_busy` among others.
    pub async fn is_complete(&mut self, code: &str) -> Result<Completeness, ErrorReply> {
        let question = Message::IsComplete(at(code, code.len(), 0));
        expect!(self.request(question).await, Completeness(reply) => reply.completeness)
    }

    /// Stops an eval: the one named, never another. The answer comes once it is true.
    ///
    /// # Errors
    /// As [`Session::request`].
    pub async fn interrupt(&mut self, eval: EvalId, escalate: Option<Escalate>) -> Result<InterruptAnswer, ErrorReply> {
        let message = Message::Interrupt(Interrupt { re: 0, id: ids::request_id()?, eval, escalate });
        expect!(self.request(message).await, InterruptAnswer(answer) => answer)
    }

    /// Answers what a program reads. `None` says that nothing more will come.
    ///
    /// # Errors
    /// `no_such_ask` among others.
    pub async fn input(&mut self, life: Option<Life>, ask: u64, data: Option<Vec<u8>>) -> Result<Seq, ErrorReply> {
        let eof = data.is_none();
        let data = Bytes(data.unwrap_or_default());
        let message = Message::Input(Input { re: 0, id: ids::request_id()?, life, ask, data, eof });
        expect!(self.request(message).await, Carried(carried) => carried.seq)
    }

    /// Sends a message to a comm of the kernel: to that of `life`, where it is said, and to no other.
    ///
    /// # Errors
    /// `wrong_state` where the kernel has no comms, `no_kernel` where that life is over, among others.
    pub async fn comm(&mut self, life: Option<Life>, message: CommMessage) -> Result<Seq, ErrorReply> {
        let message = Message::Comm(Comm { re: 0, id: ids::request_id()?, life, message });
        expect!(self.request(message).await, Carried(carried) => carried.seq)
    }

    /// Begins a new life.
    ///
    /// # Errors
    /// As [`Session::request`].
    pub async fn restart(&mut self) -> Result<Seq, ErrorReply> {
        let message = Message::Restart(Mutate { re: 0, id: ids::request_id()? });
        expect!(self.request(message).await, Carried(carried) => carried.seq)
    }

    /// Ends the session.
    ///
    /// # Errors
    /// As [`Session::request`].
    pub async fn kill(&mut self) -> Result<Seq, ErrorReply> {
        let message = Message::Kill(Mutate { re: 0, id: ids::request_id()? });
        expect!(self.request(message).await, Carried(carried) => carried.seq)
    }

    /// Removes the text of an eval that ended.
    ///
    /// # Errors
    /// As [`Session::request`].
    pub async fn redact(&mut self, eval: EvalId) -> Result<Seq, ErrorReply> {
        let message = Message::Redact(Redact { re: 0, id: ids::request_id()?, eval });
        expect!(self.request(message).await, Carried(carried) => carried.seq)
    }

    /// Lets another principal in, as far as `scope`. Only the owner may.
    ///
    /// # Errors
    /// As [`Session::request`].
    pub async fn share(&mut self, with: &str, scope: Scope) -> Result<Seq, ErrorReply> {
        let message = Message::Share(Share { re: 0, id: ids::request_id()?, with: with.to_owned(), scope });
        expect!(self.request(message).await, Carried(carried) => carried.seq)
    }

    /// Takes that back: channels of that principal are closed at once.
    ///
    /// # Errors
    /// As [`Session::request`]; `wrong_state` where nothing was shared with it.
    pub async fn unshare(&mut self, with: &str) -> Result<Seq, ErrorReply> {
        let message = Message::Unshare(Unshare { re: 0, id: ids::request_id()?, with: with.to_owned() });
        expect!(self.request(message).await, Carried(carried) => carried.seq)
    }
}

fn at(code: &str, cursor: usize, detail: u8) -> At {
    At { re: 0, code: code.to_owned(), cursor: cursor as u64, detail }
}
