//! What the kernel says, and what it means.

use super::due;
use super::forms::{self, BUFFER, MESSAGE, plain};
use super::link::Socket;
use super::specs::Mode;
use super::{Jupyter, State};
use rialto_jupyter_wire::{Header, Message};
use rialto_protocol::data::{Bundle, Bytes, Failure, Show, Stream};
use rialto_protocol::ids::EvalNumber;
use rialto_protocol::kernel::{Ask, DisplayRole, Done, DoneHow, INLINE_RESULT, KernelEvent, Step};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio::time::Instant;

/// The eval that runs.
pub(super) struct Running {
    pub(super) n: EvalNumber,
    show: Show,
    /// It was interrupted.
    pub(super) interrupted: bool,
    /// What was answered, once it was.
    reply: Option<Reply>,
    /// The kernel is idle again because of it.
    idle: bool,
    failure: Option<Failure>,
    /// The last value, which is shown at the end.
    held: Option<Bundle>,
    /// One half of its end is missing: the first probe after that was seen, and when it was sent.
    doubt: Option<(u64, Instant)>,
}

impl Running {
    pub(super) fn new(n: EvalNumber, show: Show) -> Self {
        Self { n, show, interrupted: false, reply: None, idle: false, failure: None, held: None, doubt: None }
    }

    /// One half of its end has come.
    pub(super) fn is_half_over(&self) -> bool {
        self.idle != self.reply.is_some()
    }

    pub(super) fn doubt(&mut self, probe: u64) {
        if self.is_half_over() {
            self.doubt.get_or_insert((probe, Instant::now()));
        }
    }
}

/// What a reply says.
#[derive(Default)]
struct Reply {
    status: String,
    failure: Option<Failure>,
    pages: Vec<Bundle>,
}

/// Nothing is dispatched until an interrupt can have no effect any more.
pub(super) struct Fence {
    pub(super) number: u32,
    /// The first probe that was sent after the interrupt had been carried out.
    pub(super) after: Option<u64>,
}

/// How many were sent, and the last that was answered, and served.
#[derive(Default)]
pub(super) struct Probes {
    sent: u64,
    replied: u64,
    idle: u64,
}

#[derive(Deserialize)]
struct Printed {
    #[serde(default)]
    name: String,
    #[serde(default)]
    text: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Shown {
    data: BTreeMap<String, Value>,
    metadata: Value,
    transient: Value,
}

/// A text in a message; nothing where there is none.
fn text(content: &Value, name: &str) -> String {
    content.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn failure(content: &Value) -> Option<Failure> {
    let lines = content.get("traceback").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let traceback = plain(&lines.collect::<Vec<_>>().join("\n"));
    let (name, value) = (text(content, "ename"), plain(&text(content, "evalue")));
    if name.is_empty() && value.is_empty() && traceback.is_empty() {
        return None;
    }
    Some(Failure { name, value, traceback })
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty)
}

impl Jupyter {
    /// Sends a request that every kernel serves, in its turn.
    pub(super) fn probe(&mut self) -> u64 {
        self.probes.sent += 1;
        let number = self.probes.sent;
        self.send(Socket::Shell, "kernel_info_request", ('p', number), &json!({}));
        number
    }

    /// The letter and the number of a request of ours.
    fn own(&self, header: &Header) -> Option<(char, u64)> {
        let id = header.msg_id.strip_prefix(&self.session)?.strip_prefix('-')?;
        let letter = id.chars().next()?;
        Some((letter, id.get(1..)?.parse().ok()?))
    }

    /// Whose output it is that comes of this request.
    fn place(&self, parent: Option<(char, u64)>) -> (EvalNumber, bool) {
        let running = self.running.as_ref().map(|running| running.n);
        match parent {
            Some(('e', n)) => (n, running != Some(n)),
            _ => (self.ran, true),
        }
    }

    pub(super) fn hear(&mut self, socket: Socket, frames: Vec<Vec<u8>>) {
        if socket == Socket::Heartbeat {
            // The end of an eval is told before its heart's beat is looked at: SOCKETS has the order.
            if self.due.heart_beats(self.running.as_ref().map(|running| running.n)) {
                self.complain("the kernel's heart beats again");
            }
            return;
        }
        let message = match Message::read(frames, &self.key) {
            Ok(message) => message,
            Err(why) => return tracing::warn!(?socket, %why, "a message of the kernel is not heard"),
        };
        let parent = self.own(&message.parent);
        match socket {
            Socket::Iopub => self.published(&message, parent),
            Socket::Shell => self.replied(&message, parent),
            Socket::Control => {
                if message.header.msg_type == "interrupt_reply" {
                    self.interrupts.1 += 1;
                    self.go_to_fence();
                }
            }
            Socket::Stdin => self.asks(message),
            Socket::Heartbeat => {}
        }
        self.settle();
    }

    fn published(&mut self, message: &Message, parent: Option<(char, u64)>) {
        self.heard = true;
        let (n, background) = self.place(parent);
        let kind = message.header.msg_type.as_str();
        match kind {
            // Of its start: told only where that fails.
            "stream" if self.is_starting() => {
                if let Ok(Printed { text, .. }) = message.content() {
                    self.said_early(text.as_bytes());
                }
            }
            kind if kind != "status" && self.is_starting() => {}
            "status" => {
                let content: Value = message.content().unwrap_or_default();
                match (content.get("execution_state").and_then(Value::as_str), parent) {
                    (Some("idle"), Some(('e', _))) => {
                        if let Some(running) = self.running.as_mut().filter(|running| running.n == n) {
                            running.idle = true;
                            self.due.look_soon(due::LOOK);
                        }
                    }
                    (Some("idle"), Some(('p', number))) => self.probes.idle = self.probes.idle.max(number),
                    (Some("idle"), Some(('c', number))) => self.took(number),
                    _ => {}
                }
            }
            "stream" => {
                if let Ok(Printed { name, text }) = message.content() {
                    self.show_held();
                    let stream = if name == "stderr" { Stream::Stderr } else { Stream::Stdout };
                    self.told.text(n, background, stream, text);
                }
            }
            "execute_result" | "display_data" | "update_display_data" => {
                let shown: Shown = message.content().unwrap_or_default();
                let extra = kind == "update_display_data" || !is_empty(&shown.metadata) || !is_empty(&shown.transient);
                let mut data = forms::bundle(shown.data);
                if extra {
                    let said = json!({ "msg_type": kind, "metadata": shown.metadata, "transient": shown.transient });
                    data.insert(MESSAGE.to_owned(), said.to_string().as_str().into());
                }
                self.show_held();
                match self.running.as_mut().filter(|_| kind == "execute_result" && !background) {
                    Some(running) => running.held = Some(data),
                    None => self.told.display(n, DisplayRole::Display, data),
                }
            }
            "error" => {
                let said = failure(&message.content().unwrap_or_default());
                match self.running.as_mut().filter(|_| !background) {
                    Some(running) => running.failure = said,
                    None => {
                        let text =
                            said.map(|said| format!("{}\n", if said.traceback.is_empty() { said.value } else { said.traceback }));
                        self.told.text(n, true, Stream::Stderr, text.unwrap_or_default());
                    }
                }
            }
            // The session knows what it sent, and that the kernel ends.
            "execute_input" | "iopub_welcome" | "shutdown_reply" => {}
            // clear_output, comm_open, comm_msg, comm_close, and what a kernel has of its own: for programs.
            _ => {
                let content: Value = message.content().unwrap_or_default();
                let metadata: Value = serde_json::from_slice(message.part(2)).unwrap_or_default();
                let said = json!({ "msg_type": kind, "content": content, "metadata": metadata });
                let mut data: Bundle = [(MESSAGE.to_owned(), said.to_string().as_str().into())].into();
                data.extend(
                    message.buffers.iter().enumerate().map(|(at, bytes)| (format!("{BUFFER}{at}"), Bytes(bytes.clone()))),
                );
                self.show_held();
                self.told.display(n, DisplayRole::Display, data);
            }
        }
    }

    /// One that is too long to be kept is named.
    pub(super) fn hear_of_too_long(&mut self, socket: Socket, mut frames: Vec<Vec<u8>>, size: u64) {
        tracing::warn!(?socket, size, "a message of the kernel is too long");
        if socket == Socket::Iopub {
            // As far as it was read: its parts that are missing are empty, and nothing of it is believed but whose it is.
            frames.resize(frames.len() + 5, b"{}".to_vec());
            let parent = Message::read(frames, &rialto_jupyter_wire::Key::new("")).ok().and_then(|read| self.own(&read.parent));
            let (n, _) = self.place(parent);
            self.show_held();
            self.told.display(n, DisplayRole::Display, forms::too_large(size));
        }
    }

    /// What was to be the last thing shown is not.
    pub(super) fn show_held(&mut self) {
        if let Some(running) = &mut self.running
            && let Some(data) = running.held.take().filter(|_| running.show == Show::Value)
        {
            self.told.display(running.n, DisplayRole::Result, data);
        }
    }

    fn replied(&mut self, message: &Message, parent: Option<(char, u64)>) {
        let content: Value = message.content().unwrap_or_default();
        match parent {
            Some(('e', n)) => {
                let reply = Reply {
                    status: text(&content, "status"),
                    failure: failure(&content),
                    pages: content.get("payload").and_then(Value::as_array).into_iter().flatten().filter_map(page).collect(),
                };
                if let Some(running) = self.running.as_mut().filter(|running| running.n == n) {
                    running.reply = Some(reply);
                    self.due.look_soon(due::LOOK);
                }
            }
            Some(('p', number)) => {
                self.probes.replied = self.probes.replied.max(number);
                if !self.named {
                    self.named = true;
                    let language = content.get("language_info").cloned().unwrap_or_default();
                    self.info.version = text(&language, "version");
                    if self.info.language.is_empty() {
                        self.info.language = text(&language, "name").to_lowercase();
                    }
                }
            }
            Some(('q', number)) => self.answered(number, &content),
            _ => {}
        }
    }

    fn asks(&mut self, message: Message) {
        if message.header.msg_type != "input_request" {
            return;
        }
        let content: Value = message.content().unwrap_or_default();
        self.show_held();
        self.asked += 1;
        let secret = content.get("password").and_then(Value::as_bool).unwrap_or_default();
        let prompt = text(&content, "prompt");
        self.told.event(KernelEvent::Ask(Ask { n: self.n, ask: self.asked, prompt, secret, line: true }));
        self.asks = Some((self.asked, message));
    }

    pub(super) fn answer(&mut self, ask: u64, data: &[u8], eof: bool) {
        let Some((_, request)) = self.asks.take_if(|(number, _)| *number == ask) else { return };
        // What a terminal has for the end of input is what ipykernel takes for it; others know no such thing.
        let at_end = if eof && data.is_empty() && self.info.language == "python" { "\x04" } else { "" };
        let value = format!("{}{at_end}", String::from_utf8_lossy(data));
        let header = Header::new("input_reply", &format!("{}-a{ask}", self.session), &self.session, &due::date());
        let message = Message::new(header, Some(&request), &json!({ "value": value, "status": "ok" }));
        if let Some(link) = self.links.get_mut(Socket::Stdin as usize) {
            link.send(&message, &self.key);
        }
    }

    pub(super) fn interrupt(&mut self, step: Step) {
        if let Some(running) = &mut self.running {
            running.interrupted = true;
        }
        if self.mode == Mode::Message && step <= Step::Again {
            self.interrupts.0 += 1;
            self.send(Socket::Control, "interrupt_request", ('i', self.interrupts.0), &json!({}));
        } else {
            self.process.signal(step);
        }
    }

    /// Sends what is to be served before the fence is told. A message is carried out beside what waits in line: only what is
    /// sent after its answer comes after it.
    pub(super) fn go_to_fence(&mut self) {
        if self.interrupts.1 >= self.interrupts.0 && self.fence.as_ref().is_some_and(|fence| fence.after.is_none()) {
            let probe = self.probe();
            if let Some(fence) = &mut self.fence {
                fence.after = Some(probe);
            }
        }
    }

    /// Tells what is true by now.
    pub(super) fn settle(&mut self) {
        if matches!(self.state, State::Greeting) && self.named && (self.heard || self.due.is_silent_kernel()) {
            self.state = State::Up;
            self.early = Vec::new();
            self.told.event(KernelEvent::Ready(self.info.clone()));
        }
        if self.is_over() {
            self.done();
        }
        let served = self.probes.replied.max(self.probes.idle);
        if let Some(fence) = self.fence.take_if(|fence| fence.after.is_some_and(|after| served >= after)) {
            self.queries.clear();
            self.told.event(KernelEvent::Fenced(fence.number));
        }
        let replied = self.probes.replied;
        self.give_up_queries(replied);
    }

    /// Whether the eval has ended.
    fn is_over(&mut self) -> bool {
        let Probes { replied, idle, .. } = self.probes;
        let Some(running) = &mut self.running else { return false };
        if running.idle && running.reply.is_some() {
            return true;
        }
        let Some((probe, since)) = running.doubt.filter(|_| running.is_half_over()) else { return false };
        if running.idle {
            return replied >= probe;
        }
        // It may be a kernel that never tells of a probe that it is idle.
        let silent = replied >= probe && since.elapsed() > due::SILENT;
        if idle >= probe || silent {
            let n = running.n;
            self.told.text(n, false, Stream::Stderr, "[the kernel has lost the end of this output]\n".to_owned());
            return true;
        }
        false
    }

    fn done(&mut self) {
        // What children wrote that it waited for.
        while self.take_pipes() {}
        let Some(mut running) = self.running.take() else { return };
        let n = running.n;
        self.took_before_eval();
        self.asks = None;
        self.ran = n;
        let runs = self.halves.flush();
        if !runs.is_empty() {
            self.told.event(KernelEvent::Output { n, background: false, runs });
        }
        let held = running.held.take().filter(|_| running.show == Show::Value);
        let reply = running.reply.take();
        let size = |data: &Bundle| data.values().map(|bytes| bytes.0.len()).sum::<usize>();
        let (result, shown) = match held {
            Some(data) if size(&data) > INLINE_RESULT => (None, Some(data)),
            held => (held, None),
        };
        if let Some(data) = shown {
            self.told.display(n, DisplayRole::Result, data);
        }
        let lost = reply.is_none();
        let Reply { status, failure, pages } = reply.unwrap_or_default();
        for page in pages {
            self.told.display(n, DisplayRole::Display, page);
        }
        // A traceback that was published is the same, and some kernels answer without.
        let failure = running.failure.take().or(failure);
        let how = match failure {
            None if status == "ok" => DoneHow::Ok,
            Some(failure) if self.info.language == "python" && failure.name == "SystemExit" => exit(&failure),
            // A shell whose command failed has a status, and no words.
            Some(failure) if failure.name.is_empty() && !running.interrupted && failure.value.parse::<u8>().is_ok() => {
                exit(&failure)
            }
            Some(failure) if running.interrupted && self.stopped_by_interrupt(&failure) => DoneHow::Interrupted(failure),
            None if running.interrupted => DoneHow::Interrupted(without_words()),
            Some(failure) => DoneHow::Error(failure),
            None => {
                let value = if lost { "the kernel has lost the answer" } else { "the kernel did not run it" };
                DoneHow::Error(Failure { name: "Aborted".to_owned(), value: value.to_owned(), ..Failure::default() })
            }
        };
        self.told.event(KernelEvent::Done(Done { n, how, result, idle_guess: false }));
    }

    /// Whether this is what an interrupt leaves behind. Of languages whose word for it we do not know every failure is.
    fn stopped_by_interrupt(&self, failure: &Failure) -> bool {
        self.info.language != "python" || failure.name == "KeyboardInterrupt" || failure.name.is_empty()
    }

    /// Says something of our own.
    pub(super) fn complain(&mut self, what: &str) {
        let background = self.running.is_none();
        self.told.text(self.n, background, Stream::Stderr, format!("[{what}]\n"));
    }
}

/// Of a kernel that has nothing to say of an interrupt.
fn without_words() -> Failure {
    Failure { name: "Interrupted".to_owned(), value: "the eval was interrupted".to_owned(), ..Failure::default() }
}

/// What a pager would show.
fn page(payload: &Value) -> Option<Bundle> {
    if payload.get("source").and_then(Value::as_str) != Some("page") {
        return None;
    }
    let data: BTreeMap<String, Value> = serde_json::from_value(payload.get("data")?.clone()).ok()?;
    let mut data = forms::bundle(data);
    if let Some(text) = data.get_mut("text/plain") {
        *text = plain(&text.lossy()).as_str().into();
    }
    Some(data)
}

fn exit(failure: &Failure) -> DoneHow {
    match failure.value.as_str() {
        "" | "None" => DoneHow::Exit { code: 0, message: None },
        value => match value.parse::<i64>() {
            Ok(code) => DoneHow::Exit { code: i32::try_from(code.rem_euclid(256)).unwrap_or(1), message: None },
            Err(_) => DoneHow::Exit { code: 1, message: Some(value.to_owned()) },
        },
    }
}
