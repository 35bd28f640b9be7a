//! A world: a clock of its own, everything that is under way, and the faults that its seed has in store.

use crate::client::{Client, Frame};
use crate::count::Count;
use crate::dice::Dice;
use crate::faults::{Fault, TROUBLE};
use crate::journal::Journal;
use crate::kernel::Kernel;
use crate::model::Model;
use crate::nothing_lost;
use crate::once::Once;
use crate::story::{Broken, Check, Story, hold};
use crate::supervisor::Supervisor;
use rialto_protocol::kernel::{KernelCommand, KernelEvent};
use rialto_protocol::{Epoch, Life, Message, Seq};
use rialto_session::{ConnId, Handed, Input, Timer};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};

/// What is under way.
pub(crate) enum What {
    /// A client's message, to its supervisor.
    Request(ConnId, Message),
    /// To a client.
    Hears(ConnId, Frame),
    /// A client dials.
    Dials(usize),
    /// Each side notices a broken channel in its own time.
    SupervisorNotices(u32, ConnId),
    ClientNotices(usize, ConnId),
    /// A client does something of its own accord.
    Acts(usize),
    /// It looks at what was not answered.
    Retries(usize),
    /// It takes note of a question, in its own time.
    Types(usize, u64, Life, bool, u32),
    Turn(u32),
    Pump(u32),
    TimerDue(u32, Timer, u64),
    ToKernel(u32, KernelCommand, u64),
    FromKernel(u32, Life, KernelEvent),
    KernelStep(u32),
    /// The kernel looks for what was handed over beside the eval that has ended.
    Looks(u32),
    Answers(u32, u64),
    Noise(u32),
    Signal(u32, u64),
    Fault(Fault),
}

struct Item {
    at: u64,
    tie: u64,
    what: What,
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Item {}
impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Item {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.tie).cmp(&(self.at, self.tie))
    }
}

/// A connection. Two lanes up: interrupts and credit overtake the rest. One down.
pub(crate) struct Link {
    pub(crate) client: usize,
    pub(crate) open: bool,
    sup: u32,
    up: [u64; 2],
    down: u64,
    lag: u64,
}

/// What this world is like.
pub(crate) struct Odds {
    pub(crate) ends_when_done: bool,
    /// Sessions of this world are killed now and then.
    pub(crate) kills: bool,
    /// After so long without use the session is culled.
    pub(crate) cull_after_ms: Option<u64>,
    /// Requests are sent again after a while, on the same connection too.
    pub(crate) impatient: bool,
    /// Microseconds between two acts of a client.
    pub(crate) pace: u64,
}

pub(crate) struct World {
    pub(crate) now: u64,
    pub(crate) wall_base: u64,
    pub(crate) dice: Dice,
    pub(crate) odds: Odds,
    pub(crate) story: Story,
    pub(crate) count: Count,
    queue: BinaryHeap<Item>,
    ties: u64,
    pub(crate) steps: u64,
    pub(crate) journal: Journal,
    pub(crate) sup: Option<Supervisor>,
    pub(crate) kernel: Option<Kernel>,
    pub(crate) clients: Vec<Client>,
    pub(crate) links: BTreeMap<ConnId, Link>,
    pub(crate) model: Model,
    pub(crate) once: Once,
    pub(crate) sups: u32,
    pub(crate) kernels: u32,
    pub(crate) signals: u64,
    pub(crate) values: u64,
    conns: ConnId,
    /// The latest epoch there ever was, remembered or not.
    pub(crate) epochs: Epoch,
    /// The last event that anybody was sent.
    pub(crate) most_sent: Seq,
    /// How often the journal lost what it had kept.
    pub(crate) pasts: u32,
    pub(crate) crash_soon: bool,
    /// What was handed to a kernel ahead of its records, as it was noted.
    pub(crate) handed: Option<Handed>,
    /// Records wait for those of the next eval before they are made safe.
    pub(crate) gathers: bool,
    /// An interrupt is out and its fence not answered.
    pub(crate) unfenced: bool,
    pub(crate) stalled: bool,
    pub(crate) peace: bool,
}

/// How long it may take to come to rest after that.
const REST: u64 = 60_000_000;

impl World {
    pub(crate) fn new(seed: u64, wanted: bool) -> Self {
        let mut dice = Dice::new(seed);
        let odds = Odds {
            ends_when_done: dice.chance(12),
            kills: dice.chance(15),
            cull_after_ms: dice.chance(15).then(|| dice.between(20, 4_000)),
            impatient: dice.chance(50),
            pace: dice.between(20_000, 150_000),
        };
        let mut world = Self {
            now: 0,
            wall_base: 1_000_000 + dice.below(1_000_000),
            dice,
            odds,
            story: Story::new(wanted),
            count: Count::default(),
            queue: BinaryHeap::new(),
            ties: 0,
            steps: 0,
            journal: Journal::default(),
            sup: None,
            kernel: None,
            clients: Vec::new(),
            links: BTreeMap::new(),
            model: Model::default(),
            once: Once::default(),
            sups: 0,
            kernels: 0,
            signals: 0,
            values: 0,
            conns: 0,
            epochs: 0,
            most_sent: 0,
            pasts: 0,
            crash_soon: false,
            handed: None,
            gathers: false,
            unfenced: false,
            stalled: false,
            peace: false,
        };
        world.people();
        world.troubles();
        world
    }

    pub(crate) fn wall_ms(&self) -> u64 {
        self.wall_base + self.now / 1_000
    }

    pub(crate) fn tell(&mut self, who: &str, what: impl FnOnce() -> String) {
        self.story.tell(self.now, who, what);
    }

    /// After this long.
    pub(crate) fn at(&mut self, wait: u64, what: What) {
        self.ties += 1;
        self.queue.push(Item { at: self.now + wait, tie: self.ties, what });
    }

    /// Runs to the end; what is broken, if anything is.
    pub(crate) fn run(&mut self) -> Check {
        while let Some(item) = self.queue.pop() {
            self.now = item.at;
            self.steps += 1;
            self.happens(item.what)?;
            if self.peace && self.steps.is_multiple_of(16) && self.at_rest() {
                return self.last_look();
            }
            if self.now > TROUBLE + REST || self.steps > 60_000 {
                return Err(Broken { promise: "liveness", how: self.what_is_left() });
            }
        }
        if self.at_rest() { self.last_look() } else { Err(Broken { promise: "liveness", how: self.what_is_left() }) }
    }

    fn happens(&mut self, what: What) -> Check {
        match what {
            What::Request(conn, message) => {
                if self.links.get(&conn).is_some_and(|l| l.open) {
                    self.arrives(Input::Request(conn, message));
                }
            }
            What::Hears(conn, frame) => {
                if let Some(client) = self.links.get(&conn).filter(|l| l.open).map(|l| l.client) {
                    return self.client_hears(client, conn, frame);
                }
            }
            What::Dials(client) => return self.dials(client),
            What::SupervisorNotices(sup, conn) => {
                if self.sup.as_ref().is_some_and(|s| s.no == sup) {
                    self.arrives(Input::Left(conn));
                }
            }
            What::ClientNotices(client, conn) => self.client_loses(client, conn),
            What::Acts(client) => self.acts(client),
            What::Retries(client) => self.retries(client),
            What::Types(client, ask, life, secret, pasts) if pasts == self.pasts => self.types(client, ask, life, secret),
            What::Turn(sup) if self.is_up(sup) => return self.turn(),
            What::Pump(sup) if self.is_up(sup) => return self.pump(),
            What::TimerDue(sup, timer, due) if self.is_up(sup) => self.timer_due(timer, due),
            What::FromKernel(sup, life, event) if self.is_up(sup) => self.hears_kernel(life, event),
            What::Types(..) | What::Turn(_) | What::Pump(_) | What::TimerDue(..) | What::FromKernel(..) => {}
            What::ToKernel(no, command, last) => return self.kernel_hears(no, command, last),
            What::KernelStep(no) => self.kernel_step(no),
            What::Looks(no) => return self.kernel_looks(no),
            What::Answers(no, number) => self.kernel_answers(no, number),
            What::Noise(no) => self.noise(no),
            What::Signal(no, signal) => return self.signal_lands(no, signal),
            What::Fault(fault) => return self.fault(fault),
        }
        Ok(())
    }

    fn is_up(&self, sup: u32) -> bool {
        self.sup.as_ref().is_some_and(|s| s.no == sup)
    }

    fn dials(&mut self, client: usize) -> Check {
        if self.clients[client].gone || self.clients[client].conn.is_some() {
            return Ok(());
        }
        if let Some(wait) = self.clients[client].away.checked_sub(self.now).filter(|wait| *wait > 0) {
            self.at(wait, What::Dials(client));
            return Ok(());
        }
        if self.sup.is_none() {
            self.start_supervisor()?;
        }
        // It may have died of its own start.
        let Some(sup) = &self.sup else {
            self.at(20_000, What::Dials(client));
            return Ok(());
        };
        self.conns += 1;
        let (conn, sup) = (self.conns, sup.no);
        let lag = [20, 200, 5_000][self.dice.index(3)];
        self.links.insert(conn, Link { client, open: true, sup, up: [0; 2], down: 0, lag });
        let (who, scope) = (self.clients[client].who.clone(), self.clients[client].scope);
        self.arrives(Input::Joined { conn, who, scope });
        self.connected(client, conn);
        Ok(())
    }

    /// To the supervisor.
    pub(crate) fn ask(&mut self, conn: ConnId, message: Message) {
        let lag = self.links.get(&conn).map_or(0, |l| l.lag);
        let wait = self.dice.lag(lag);
        let now = self.now;
        let Some(link) = self.links.get_mut(&conn).filter(|l| l.open) else { return };
        let lane = usize::from(matches!(message, Message::Interrupt(_) | Message::Credit(_) | Message::Ping(_)));
        // What goes ahead is never overtaken itself.
        link.up[lane] = link.up[lane].max(link.up[1]).max(now + wait) + 1;
        let wait = link.up[lane] - now;
        self.at(wait, What::Request(conn, message));
    }

    /// To a client. Where the channel is gone, so is what was said.
    pub(crate) fn send(&mut self, conn: ConnId, frame: Frame) {
        let lag = self.links.get(&conn).map_or(0, |l| l.lag);
        let wait = self.dice.lag(lag);
        let now = self.now;
        let Some(link) = self.links.get_mut(&conn).filter(|l| l.open) else { return };
        link.down = link.down.max(now + wait) + 1;
        let wait = link.down - now;
        self.at(wait, What::Hears(conn, frame));
    }

    /// A channel breaks: what is under way on it is lost, and each side notices later.
    pub(crate) fn breaks(&mut self, conn: ConnId) {
        let Some(link) = self.links.get_mut(&conn).filter(|l| l.open) else { return };
        link.open = false;
        let (client, sup) = (link.client, link.sup);
        let (one, other) = (self.dice.lag(2_000), self.dice.lag(2_000));
        self.at(one, What::SupervisorNotices(sup, conn));
        self.at(other, What::ClientNotices(client, conn));
    }

    fn last_look(&mut self) -> Check {
        for client in self.clients.iter().filter(|c| !c.gone) {
            client.seen.is_true(&self.journal, &client.name)?;
            hold!("nothing_lost", client.seen.to == self.journal.head(), "{} stays at {}", client.name, client.seen.to);
        }
        nothing_lost::redacted(&self.journal)?;
        if let Some(sup) = &self.sup {
            let open = |conn: &ConnId| self.links.get(conn).is_some_and(|l| l.open);
            for ((conn, re), (request, asked, answered)) in sup.asked.iter().filter(|((conn, _), _)| open(conn)) {
                hold!("liveness", *answered > 0, "number {re} on channel {conn} was asked {asked} times: {request:?}");
            }
        }
        for eval in &self.model.evals {
            hold!("order", matches!(eval.at, crate::model::At::Ended(_)), "#{} never ended", eval.n);
        }
        Ok(())
    }
}
