//! What happens on attach: the place of a cursor is found, and said where it is not what the client believes.

use crate::audience::{Place, place};
use crate::input::ConnId;
use crate::session::Turn;
use rialto_protocol::message::{Attach, Attached, Rewound};
use rialto_protocol::{Code, Message};

impl Turn<'_> {
    pub(crate) fn attach(&mut self, conn: ConnId, m: &Attach) {
        let head = self.s.state.head;
        let mut rewound = None;
        let after = if let Some(eval) = m.eval {
            let Some(facts) = self.archive.eval(&eval) else {
                return self.error(conn, m.re, Code::UnknownEval, format!("no eval {eval} in this session to attach at"));
            };
            facts.first - 1
        } else if let Some(tail) = m.tail {
            head.saturating_sub(tail)
        } else if let Some(cursor) = m.after {
            match place(cursor, &self.s.state.epochs, head) {
                Place::After(seq) => seq,
                Place::Rewound(seq) => {
                    rewound = Some(Rewound { epoch: self.s.state.epoch(), seq });
                    seq
                }
            }
        } else {
            0
        };
        self.s.audience.attach(conn, after, m.credit);
        self.reply(conn, Message::Attached(Attached { re: m.re, epoch: self.s.state.epoch(), after, head }));
        if let Some(rewound) = rewound {
            self.reply(conn, Message::Rewound(rewound));
        }
    }

    pub(crate) fn left(&mut self, conn: ConnId) {
        self.unseen(conn);
        self.s.audience.clients.remove(&conn);
        self.linger();
    }
}
