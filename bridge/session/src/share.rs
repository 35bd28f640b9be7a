//! Who may come in, and how far: the one place where that is decided.
//!
//! A session has an owner, who may do all; everybody else may what the owner shared, and for those with whom nothing is shared
//! it is not there. The router asks here before it shows a session, the supervisor before it opens a channel, the rules when
//! somebody joins and whenever something was shared or taken back.

use crate::input::{ConnId, Output};
use crate::session::Turn;
use rialto_protocol::event::{Event, Shared, Unshared};
use rialto_protocol::message::{Share, Sharing, Unshare};
use rialto_protocol::{Code, ErrorReply, Scope, limits};
use std::collections::BTreeMap;

/// The user behind a principal: `uid:1000` of `uid:1000/laptop`, which is that user by the credential `laptop`. Users own
/// sessions and are shared with; which credential it was is said for the record, and may do less than its user.
#[must_use]
pub fn user(principal: &str) -> &str {
    principal.split_once('/').map_or(principal, |(user, _)| user)
}

/// Whose a session is, and whom it is shared with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Access {
    /// The user that owns it.
    pub owner: String,
    /// What others may do.
    pub shares: BTreeMap<String, Scope>,
}

impl Access {
    /// What a principal may do here. None: for it the session is not there.
    #[must_use]
    pub fn scope_of(&self, principal: &str) -> Option<Scope> {
        if user(principal) == self.owner {
            return Some(Scope::Admin);
        }
        // Shared with one credential alone, with its user, or both: then what is more.
        let shared = [principal, user(principal)].iter().filter_map(|name| self.shares.get(*name)).max().copied();
        if cfg!(mutant = "unshared_session_is_seen") { shared.or(Some(Scope::Observe)) } else { shared }
    }

    /// The same for one channel, on which at most `asked` is wanted.
    #[must_use]
    pub fn on_channel(&self, principal: &str, asked: Scope) -> Option<Scope> {
        let may = self.scope_of(principal)?;
        Some(if cfg!(mutant = "shared_scope_is_ignored") { asked } else { asked.min(may) })
    }

    /// For a status.
    pub(crate) fn list(&self) -> Vec<Sharing> {
        self.shares.iter().map(|(with, scope)| Sharing { with: with.clone(), scope: *scope }).collect()
    }
}

/// What is said to whom a session is not shared with: no more than to somebody who guessed a name.
#[must_use]
pub fn not_there() -> ErrorReply {
    ErrorReply::new(0, Code::UnknownSession, "no session of that name or id is yours or shared with you")
}

impl Turn<'_> {
    pub(crate) fn share(&mut self, conn: ConnId, m: Share) {
        if let Some(seq) = self.archive.request(&m.id).filter(|_| !cfg!(mutant = "share_is_carried_out_twice")) {
            return self.carried(conn, m.re, seq);
        }
        let access = &self.s.state.access;
        let refusal = if m.with.is_empty() || m.with.len() > limits::MAX_LABEL || m.with.chars().any(char::is_control) {
            Some((Code::BadName, format!("a principal's name has 1 to {} bytes and no control characters", limits::MAX_LABEL)))
        } else if m.scope >= Scope::Admin {
            Some((Code::WrongState, "admin is the owner's alone; share with the scope observe or eval".to_owned()))
        } else if user(&m.with) == access.owner {
            Some((Code::WrongState, format!("{} owns this session and may do everything already", m.with)))
        } else if access.shares.len() >= limits::MAX_SHARES && !access.shares.contains_key(&m.with) {
            Some((Code::TooBusy, format!("a session is shared with at most {} others; unshare one", limits::MAX_SHARES)))
        } else {
            None
        };
        if let Some((code, text)) = refusal {
            return self.error(conn, m.re, code, text);
        }
        let by = self.who(conn);
        let with = m.with.clone();
        let seq = self.record(Event::Shared(Shared { with: m.with, scope: m.scope, by, id: m.id }));
        self.access_changed(&with);
        self.carried(conn, m.re, seq);
    }

    pub(crate) fn unshare(&mut self, conn: ConnId, m: Unshare) {
        if let Some(seq) = self.archive.request(&m.id) {
            return self.carried(conn, m.re, seq);
        }
        if !self.s.state.access.shares.contains_key(&m.with) {
            let text = format!("this session is not shared with {}", m.with.chars().take(limits::MAX_LABEL).collect::<String>());
            return self.error(conn, m.re, Code::WrongState, text);
        }
        let by = self.who(conn);
        let with = m.with.clone();
        let seq = self.record(Event::Unshared(Unshared { with: m.with, by, id: m.id }));
        self.access_changed(&with);
        self.carried(conn, m.re, seq);
    }

    /// At once, for channels that are open already: they may do what is shared now, or are closed.
    fn access_changed(&mut self, principal: &str) {
        self.out.push(Output::Access(self.s.state.access.clone()));
        let concerns = |who: &str| who == principal || user(who) == principal;
        let theirs = self.s.audience.clients.iter().filter(|(_, client)| concerns(&client.who.principal));
        let theirs: Vec<(ConnId, String, Scope)> =
            theirs.map(|(conn, client)| (*conn, client.who.principal.clone(), client.asked)).collect();
        for (conn, who, asked) in theirs {
            if cfg!(mutant = "open_channels_keep_their_scope") {
                continue;
            }
            match self.s.state.access.on_channel(&who, asked) {
                Some(scope) => {
                    if let Some(client) = self.s.audience.clients.get_mut(&conn) {
                        client.scope = scope;
                    }
                }
                None => {
                    self.out.push(Output::TurnAway(conn, not_there()));
                    self.left(conn);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_may_all_others_what_is_shared_and_strangers_nothing() {
        let access = Access { owner: "uid:1".into(), shares: [("uid:2".into(), Scope::Eval)].into() };
        assert_eq!(access.scope_of("uid:1"), Some(Scope::Admin));
        assert_eq!(access.scope_of("uid:2"), Some(Scope::Eval));
        assert_eq!(access.scope_of("uid:10"), None);
        assert_eq!(access.scope_of(""), None);
        assert_eq!(access.on_channel("uid:1", Scope::Observe), Some(Scope::Observe), "who asks for less gets less");
        assert_eq!(access.on_channel("uid:2", Scope::Admin), Some(Scope::Eval));
    }

    #[test]
    fn a_credential_is_its_users_and_may_be_shared_with_alone() {
        let shares = [("uid:2".into(), Scope::Observe), ("uid:2/ci".into(), Scope::Eval), ("uid:3/ci".into(), Scope::Eval)];
        let access = Access { owner: "uid:1".into(), shares: shares.into() };
        assert_eq!(access.on_channel("uid:1/laptop", Scope::Eval), Some(Scope::Eval), "as far as the credential goes");
        assert_eq!((access.scope_of("uid:2/x"), access.scope_of("uid:2/ci")), (Some(Scope::Observe), Some(Scope::Eval)));
        assert_eq!(
            (access.scope_of("uid:3/ci"), access.scope_of("uid:3"), access.scope_of("uid:3/x")),
            (Some(Scope::Eval), None, None)
        );
        assert_eq!((access.scope_of("uid:10/laptop"), access.scope_of("/uid:1"), access.scope_of("uid:1x/")), (None, None, None));
    }
}
