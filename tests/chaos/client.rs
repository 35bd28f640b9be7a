//! A client that remembers all it was told.

use crate::promises::Story;
use rialto_bridge::auth;
use rialto_bridge::home::Home;
use rialto_bridge::router::{self, Spawn};
use rialto_client::{Answer, EvalOptions, Incoming, Link, Linking, Options, Session, Start, Ticket};
use rialto_protocol::event::Ended;
use rialto_protocol::message::{Interrupt, InterruptAnswer, Mutate, Notice, Open, Status, Submit};
use rialto_protocol::{Code, Cursor, ErrorReply, EvalId, EvalNumber, Event, Message, Outcome, RequestId};
use std::collections::BTreeMap;

pub(crate) struct Client {
    pub(crate) session: Session,
    /// Everything that came with a number.
    pub(crate) story: Story,
    pub(crate) answers: BTreeMap<Ticket, Answer>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) delayed: Vec<ErrorReply>,
    pub(crate) numbers: BTreeMap<EvalId, EvalNumber>,
    pub(crate) ended: BTreeMap<EvalNumber, Ended>,
    /// Bytes of output.
    pub(crate) printed: u64,
    /// Links that broke or did not come to be.
    pub(crate) attempts: u64,
    /// What daemon and supervisor call themselves, link by link.
    pub(crate) met: Vec<(String, String)>,
}

/// The principal of these tests.
pub(crate) fn me() -> String {
    auth::ourselves()
}

impl Client {
    pub(crate) fn new(home: Home, spawn: Spawn, open: Open, start: Start) -> Self {
        let connector = move |open: Open| -> Linking {
            let (home, spawn) = (home.clone(), spawn.clone());
            Box::pin(async move {
                let reached = router::ensure(&home, &open, &auth::ourself(), &spawn).await?;
                let open = Open { session: reached.session.to_string(), create: None, ..open };
                Ok(Link { stream: Box::new(reached.stream), cookie: Some(reached.cookie.into_bytes()), open, local: true })
            })
        };
        let mut options = Options::new(rialto_client::client_id().unwrap(), "chaos");
        options.start = start;
        Self::of(Session::new(connector, open, options))
    }

    pub(crate) fn of(session: Session) -> Self {
        Self {
            session,
            story: Story::default(),
            answers: BTreeMap::new(),
            notices: Vec::new(),
            delayed: Vec::new(),
            numbers: BTreeMap::new(),
            ended: BTreeMap::new(),
            printed: 0,
            attempts: 0,
            met: Vec::new(),
        }
    }

    /// Takes in the next thing.
    pub(crate) async fn step(&mut self) {
        match self.session.next().await {
            Incoming::Event(record) => {
                match &record.event {
                    Event::Accepted(a) => _ = self.numbers.insert(a.eval, a.n),
                    Event::Ended(e) => _ = self.ended.insert(e.n, e.clone()),
                    Event::Output(o) => self.printed += o.runs.iter().map(|run| run.data.0.len() as u64).sum::<u64>(),
                    _ => {}
                }
                self.story.records.push(record);
            }
            Incoming::Gap(gap) => self.story.gaps.push((gap.from, gap.to)),
            Incoming::Rewound(rewound) => panic!("nothing was lost, and yet: {rewound:?}"),
            Incoming::Answer(ticket, answer) => _ = self.answers.insert(ticket, answer),
            Incoming::Delayed { error, .. } => {
                println!("to be sent again: {}", error.text);
                self.delayed.push(error);
            }
            Incoming::Notice(notice) => self.notices.push(notice),
            Incoming::Closed(why) => panic!("the session closed: {why:?}"),
            Incoming::Reconnecting { attempt, why, .. } => {
                self.attempts += 1;
                println!("attempt {attempt}: {}", why.text);
            }
            Incoming::Error(why) => println!("an error: {}", why.text),
            Incoming::Connected(connected) => self.met.push((connected.welcome.app, connected.greeted.app)),
            Incoming::Goaway(_) | Incoming::Terminal(_) => {}
        }
    }

    /// Goes on until there is what `found` looks for.
    pub(crate) async fn until<T>(&mut self, mut found: impl FnMut(&Self) -> Option<T>) -> T {
        loop {
            if let Some(found) = found(self) {
                return found;
            }
            self.step().await;
        }
    }

    /// Goes on until an event of this kind.
    pub(crate) async fn event(&mut self, which: impl Fn(&Event) -> bool) {
        let from = self.story.records.len();
        self.until(|c| c.story.records.get(from..).unwrap_or_default().iter().any(|r| which(&r.event)).then_some(())).await;
    }

    /// Reads everything there is now.
    pub(crate) async fn catch_up(&mut self) {
        let head = self.status().await.head;
        self.until(|c| (c.session.cursor().map_or(0, |cursor| cursor.seq) >= head).then_some(())).await;
    }

    /// Submits without waiting for anything.
    pub(crate) fn submit(&mut self, code: impl Into<String>) -> (EvalId, Ticket) {
        self.submit_with(code, EvalOptions::default())
    }

    pub(crate) fn submit_with(&mut self, code: impl Into<String>, options: EvalOptions) -> (EvalId, Ticket) {
        let EvalOptions { id, group, on_error, show, argv, trace } = options;
        let eval = id.unwrap_or_else(|| rialto_client::eval_id().unwrap());
        let submit = Submit { re: 0, eval, code: code.into().into(), group, on_error, show, argv, trace };
        (eval, self.session.send(Message::Submit(submit)).unwrap())
    }

    /// The answer to a request, taken in order with everything else.
    pub(crate) async fn answer(&mut self, ticket: Ticket) -> Answer {
        self.until(|c| c.answers.get(&ticket).cloned()).await
    }

    pub(crate) async fn ask(&mut self, message: Message) -> Answer {
        let ticket = self.session.send(message).unwrap();
        self.answer(ticket).await
    }

    /// How the eval ended.
    pub(crate) async fn end_of(&mut self, eval: EvalId) -> Ended {
        self.until(|c| c.ended.get(c.numbers.get(&eval)?).cloned()).await
    }

    /// Runs it to its end.
    pub(crate) async fn run(&mut self, code: impl Into<String>) -> Outcome {
        let (eval, _) = self.submit(code);
        self.end_of(eval).await.outcome
    }

    /// Sends an interrupt, and gives the ticket of its answer.
    pub(crate) fn interrupt(&mut self, eval: EvalId) -> Ticket {
        let id = rialto_client::request_id().unwrap();
        self.session.send(Message::Interrupt(Interrupt { re: 0, id, eval, escalate: None })).unwrap()
    }

    pub(crate) async fn verdict(&mut self, ticket: Ticket) -> InterruptAnswer {
        match self.answer(ticket).await {
            Ok(Message::InterruptAnswer(answer)) => answer,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn status(&mut self) -> Status {
        loop {
            match self.ask(Message::GetStatus(Default::default())).await {
                Ok(Message::Status(status)) => return status,
                // A question changes nothing, so where a cut took its answer it is asked again.
                Err(why) if why.known() == Some(Code::Disconnected) && why.retryable => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The supervisor's process.
    pub(crate) async fn supervisor(&mut self) -> i32 {
        i32::try_from(self.status().await.pid).unwrap()
    }

    pub(crate) fn cursor(&self) -> Option<Cursor> {
        self.session.cursor()
    }
}

/// A request with nothing but its id.
pub(crate) fn mutate() -> Mutate {
    let RequestId(bytes) = rialto_client::request_id().unwrap();
    Mutate { re: 0, id: RequestId(bytes) }
}
