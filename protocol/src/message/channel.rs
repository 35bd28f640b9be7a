//! How a channel is bound to a session, and how a new session comes to be.

use super::unset;
use crate::data::{Bytes, few};
use crate::error::is_zero;
use crate::ids::{RequestId, SessionId, SessionName};
use crate::scope::Scope;
use crate::setup::Setup;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Binds a channel to a session.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Open {
    /// For the reply.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub re: u32,
    /// The channel to bind, not 0; the client chooses.
    pub channel: u16,
    /// A session's id, a prefix of one, or a name. Empty with `create`: a new one without a name.
    #[serde(default, skip_serializing_if = "unset")]
    pub session: String,
    /// Make it where it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create: Option<Create>,
    /// The most that is to be allowed on this channel; absent: all that this principal may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// Nothing else will be opened on this connection: who answers it may let the session's supervisor have it whole.
    #[serde(default, skip_serializing_if = "unset")]
    pub sole: bool,
}

/// To a supervisor, with two descriptors that travel beside it: from here on this connection's bytes come by the first and go by
/// the second. From a supervisor: they do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Handover {
    /// What was read from the first of them and not yet passed on; the next byte that comes by it follows this.
    #[serde(default, skip_serializing_if = "unset")]
    pub read: Bytes,
}

/// What a new session is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Create {
    /// The request; the same one never makes two sessions.
    pub id: RequestId,
    /// The kernel, `python`.
    pub kernel: String,
    /// Its id, where the client derives one; otherwise the bridge makes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// The interpreter, where the user names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// The folder to start in.
    #[serde(default, skip_serializing_if = "unset")]
    pub cwd: String,
    /// Environment on top of the bridge's own. Never journalled.
    #[serde(default, skip_serializing_if = "unset", deserialize_with = "few::pairs")]
    pub env: BTreeMap<String, String>,
    /// Refuse where the session is there already.
    #[serde(default, skip_serializing_if = "unset")]
    pub must_be_new: bool,
    /// End when nothing is left to run and nobody is attached.
    #[serde(default, skip_serializing_if = "unset")]
    pub ends_when_done: bool,
    /// Delete the journal at that end.
    #[serde(default, skip_serializing_if = "unset")]
    pub remove_at_end: bool,
    /// End after so long without use: nothing ran or waited, and nobody was there. Milliseconds; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cull_after_ms: Option<u64>,
    /// What else its kernel is to find.
    #[serde(default, skip_serializing_if = "Setup::is_plain")]
    pub setup: Setup,
}

/// The channel is bound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// Of the request.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub re: u32,
    /// The channel.
    pub channel: u16,
    /// The session's id: bind to it, not to the name.
    pub session: SessionId,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<SessionName>,
    /// It was made by this request.
    #[serde(default, skip_serializing_if = "unset")]
    pub created: bool,
}

/// The channel is to be closed, or was.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Close {
    /// Why, where there is something to say.
    #[serde(default, skip_serializing_if = "unset")]
    pub reason: String,
}
