//! A session in a few lines: sends one command after the other and collects what the kernel says.

use rialto_kernels::{Kernel, launch};
use rialto_protocol::data::{Bundle, Failure, Show, Stream};
use rialto_protocol::kernel::{
    Answer, Ask, Completeness, Death, Done, DoneHow, Exec, KernelCommand, KernelEvent, KernelInfo, Launch, Query, Step,
};
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

/// Only so that a broken kernel fails a test instead of stopping the run; no test depends on it.
const PATIENCE: Duration = Duration::from_secs(40);

pub struct Driver {
    runtime: tokio::runtime::Runtime,
    pub kernel: Box<dyn Kernel>,
    pub info: KernelInfo,
    pub n: u64,
    fences: u32,
}

/// All that came between a submission and its end.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Every event but the end, in order.
    pub events: Vec<KernelEvent>,
    pub done: Option<Done>,
}

impl Outcome {
    /// What was written to one stream.
    pub fn bytes(&self, wanted: Stream) -> Vec<u8> {
        self.runs().into_iter().filter(|(stream, _)| *stream == wanted).flat_map(|(_, data)| data).collect()
    }
    /// Everything written, in order, neighbours of one stream joined.
    pub fn runs(&self) -> Vec<(Stream, Vec<u8>)> {
        let mut all: Vec<(Stream, Vec<u8>)> = Vec::new();
        for event in &self.events {
            let KernelEvent::Output { runs, .. } = event else { continue };
            for run in runs {
                match all.last_mut() {
                    Some((stream, data)) if *stream == run.stream => data.extend(&run.data.0),
                    _ => all.push((run.stream, run.data.0.clone())),
                }
            }
        }
        all
    }
    pub fn out(&self) -> String {
        String::from_utf8(self.bytes(Stream::Stdout)).expect("stdout is text")
    }
    pub fn err(&self) -> String {
        String::from_utf8(self.bytes(Stream::Stderr)).expect("stderr is text")
    }
    pub fn how(&self) -> &DoneHow {
        &self.done.as_ref().expect("it ended").how
    }
    #[track_caller]
    pub fn failure(&self) -> &Failure {
        match self.how() {
            DoneHow::Error(failure) | DoneHow::Interrupted(failure) => failure,
            other => panic!("no failure but {other:?}"),
        }
    }
    /// The text form of the result, small or large.
    pub fn result(&self) -> Option<String> {
        let bundle = self.bundle()?;
        Some(bundle.get("text/plain").expect("a text form").lossy().into_owned())
    }
    pub fn bundle(&self) -> Option<Bundle> {
        let done = self.done.as_ref().expect("it ended");
        done.result.clone().or_else(|| self.displays().into_iter().find(|(result, _)| *result).map(|(_, bundle)| bundle))
    }
    /// The displays, put together: whether it is the result, and its forms.
    pub fn displays(&self) -> Vec<(bool, Bundle)> {
        let mut all = Vec::new();
        let mut events = self.events.iter();
        while let Some(event) = events.next() {
            let is_result = |role: &rialto_protocol::kernel::DisplayRole| *role == rialto_protocol::kernel::DisplayRole::Result;
            match event {
                KernelEvent::Display { role, data, .. } => all.push((is_result(role), data.clone())),
                KernelEvent::DisplayStart { role, forms, .. } => {
                    let total: u64 = forms.iter().map(|(_, size)| size).sum();
                    let mut data = Vec::new();
                    while (data.len() as u64) < total {
                        match events.next() {
                            Some(KernelEvent::DisplayData(piece)) => data.extend(piece),
                            other => panic!("in the middle of a display came {other:?}"),
                        }
                    }
                    assert_eq!(data.len() as u64, total, "a display is as long as it said");
                    let mut rest = data.as_slice();
                    let mut bundle = Bundle::new();
                    for (mime, size) in forms {
                        let (form, tail) = rest.split_at(usize::try_from(*size).unwrap());
                        bundle.insert(mime.clone(), form.to_vec().into());
                        rest = tail;
                    }
                    all.push((is_result(role), bundle));
                }
                _ => {}
            }
        }
        all
    }
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(*self.how(), DoneHow::Ok, "{:?}", self.err());
        self
    }
}

pub fn python() -> Launch {
    Launch {
        kernel: "python".into(),
        program: Some(std::env::var("RIALTO_TEST_PYTHON").unwrap_or_else(|_| "python3".into())),
        cwd: std::env::temp_dir().display().to_string(),
        ..Launch::default()
    }
}

impl Driver {
    pub fn start() -> Self {
        Self::start_with(&python())
    }

    pub fn start_with(how: &Launch) -> Self {
        match Self::try_start(how) {
            Ok(driver) => driver,
            Err(death) => panic!("{death:?}"),
        }
    }

    pub fn try_start(how: &Launch) -> Result<Self, Death> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let kernel = {
            let _inside = runtime.enter();
            launch(how).unwrap()
        };
        let mut this = Self { runtime, kernel, info: KernelInfo::default(), n: 0, fences: 0 };
        match this.next() {
            KernelEvent::Ready(info) => this.info = info,
            KernelEvent::Died(death) => return Err(death),
            other => panic!("the first event is {other:?}"),
        }
        Ok(this)
    }

    /// The next event.
    #[track_caller]
    pub fn next(&mut self) -> KernelEvent {
        let kernel = &mut self.kernel;
        let next = async { tokio::time::timeout(PATIENCE, poll_fn(|cx| kernel.poll_event(cx))).await };
        self.runtime.block_on(next).expect("an event comes")
    }

    /// The next event, if one comes in time.
    #[allow(dead_code, reason = "of the driver each language uses a part")]
    pub fn next_within(&mut self, time: Duration) -> Option<KernelEvent> {
        let kernel = &mut self.kernel;
        let next = async { tokio::time::timeout(time, poll_fn(|cx| kernel.poll_event(cx))).await };
        self.runtime.block_on(next).ok()
    }

    /// Whether there is no event now.
    pub fn is_silent(&mut self) -> bool {
        let kernel = &mut self.kernel;
        self.runtime.block_on(poll_fn(|cx| Poll::Ready(kernel.poll_event(cx).is_pending())))
    }

    pub fn send(&mut self, command: KernelCommand) {
        self.kernel.command(command);
    }

    /// Submits without waiting; gives the number.
    pub fn submit(&mut self, code: &str) -> u64 {
        self.submit_as(code, Show::Value, None)
    }

    pub fn submit_as(&mut self, code: &str, show: Show, argv: Option<&[&str]>) -> u64 {
        self.n += 1;
        let argv = argv.map(|words| words.iter().map(|w| (*w).to_owned()).collect());
        self.send(KernelCommand::Exec(Exec { n: self.n, code: code.into(), show, argv, trace: None }));
        self.n
    }

    #[track_caller]
    pub fn exec(&mut self, code: &str) -> Outcome {
        self.submit(code);
        self.finish()
    }

    /// Everything until the end of the eval that was submitted last.
    #[track_caller]
    pub fn finish(&mut self) -> Outcome {
        let mut outcome = Outcome::default();
        loop {
            match self.next() {
                KernelEvent::Done(done) => {
                    assert_eq!(done.n, self.n, "the end is of the eval that runs");
                    outcome.done = Some(done);
                    return outcome;
                }
                KernelEvent::Died(death) => panic!("it died: {death:?}; stderr:\n{}\nafter {:?}", outcome.err(), outcome.events),
                event => {
                    if let KernelEvent::Output { n, background, .. } = &event {
                        assert_eq!((*n, *background), (self.n, false), "output before the end belongs to the eval");
                    }
                    outcome.events.push(event);
                }
            }
        }
    }

    /// Collects events until one answers the question.
    #[track_caller]
    pub fn until<T>(&mut self, outcome: &mut Outcome, mut wanted: impl FnMut(&Outcome, &KernelEvent) -> Option<T>) -> T {
        loop {
            let event = self.next();
            let found = wanted(outcome, &event);
            if let KernelEvent::Done(done) = &event {
                assert!(found.is_some(), "it ended too early: {done:?} after {:?}", outcome.events);
                outcome.done = Some(done.clone());
            } else {
                outcome.events.push(event);
            }
            if let Some(found) = found {
                return found;
            }
        }
    }

    /// Collects until this text has been written to stdout.
    #[track_caller]
    pub fn until_out(&mut self, outcome: &mut Outcome, text: &str) {
        while !outcome.out().contains(text) {
            self.until(outcome, |_, event| matches!(event, KernelEvent::Output { .. }).then_some(()));
        }
    }

    #[track_caller]
    pub fn until_ask(&mut self, outcome: &mut Outcome) -> Ask {
        self.until(outcome, |_, event| match event {
            KernelEvent::Ask(ask) => Some(ask.clone()),
            _ => None,
        })
    }

    /// Collects until the end, into an outcome that has begun.
    #[track_caller]
    pub fn finish_into(&mut self, outcome: &mut Outcome) {
        if outcome.done.is_none() {
            let rest = self.finish();
            outcome.events.extend(rest.events);
            outcome.done = rest.done;
        }
    }

    pub fn interrupt(&mut self) {
        self.send(KernelCommand::Interrupt(Step::Interrupt));
    }

    /// A fence, and its answer. Gives what came before it.
    #[track_caller]
    pub fn fence(&mut self) -> Vec<KernelEvent> {
        self.fences += 1;
        self.send(KernelCommand::Fence(self.fences));
        let mut before = Vec::new();
        loop {
            match self.next() {
                KernelEvent::Fenced(k) => {
                    assert_eq!(k, self.fences);
                    return before;
                }
                KernelEvent::Died(death) => panic!("it died: {death:?}"),
                event => before.push(event),
            }
        }
    }

    /// The outcome of code that writes `up` and is interrupted then.
    #[track_caller]
    pub fn interrupted(&mut self, code: &str) -> Outcome {
        self.submit(code);
        let mut outcome = Outcome::default();
        self.until_out(&mut outcome, "up");
        self.interrupt();
        self.finish_into(&mut outcome);
        outcome
    }

    /// A fence that nothing of an eval overtakes.
    #[track_caller]
    pub fn fence_in_silence(&mut self, after: &str) {
        for event in self.fence() {
            assert!(matches!(event, KernelEvent::Output { background: true, .. }), "{after}: {event:?}");
        }
    }

    pub fn reply(&mut self, ask: &Ask, data: &str, eof: bool) {
        self.send(KernelCommand::Input { ask: ask.ask, data: data.into(), eof });
    }

    #[track_caller]
    pub fn query(&mut self, query: Query) -> Answer {
        self.send(KernelCommand::Query(7, query));
        loop {
            match self.next() {
                KernelEvent::Answer(7, answer) => return answer,
                KernelEvent::Output { background: true, .. } => {}
                other => panic!("instead of an answer came {other:?}"),
            }
        }
    }

    /// Whether that is complete.
    #[track_caller]
    pub fn judge(&mut self, code: &str) -> Completeness {
        match self.query(Query::IsComplete { code: code.into() }) {
            Answer::Completeness(it) => it,
            other => panic!("{other:?}"),
        }
    }

    /// What could stand at its end: from where on, and the texts.
    #[track_caller]
    pub fn complete(&mut self, code: &str) -> (usize, Vec<String>) {
        match self.query(Query::Complete { code: code.into(), cursor: code.len() }) {
            Answer::Completions(c) => (c.start, c.items.into_iter().map(|i| i.text).collect()),
            other => panic!("{other:?}"),
        }
    }

    /// Everything until the death, and the death.
    #[track_caller]
    pub fn until_death(&mut self) -> (Outcome, Death) {
        let mut outcome = Outcome::default();
        loop {
            match self.next() {
                KernelEvent::Died(death) => return (outcome, death),
                KernelEvent::Done(done) => outcome.done = Some(done),
                event => outcome.events.push(event),
            }
        }
    }
}
