//! Who speaks, and what both sides can do: the first words of a connection and of a channel, and the last.

use super::unset;
use crate::data::{Bytes, few};
use crate::error::is_zero;
use crate::ids::{ClientId, Epoch, Seq, SessionId, SessionName};
use crate::scope::Scope;
use serde::{Deserialize, Serialize};

/// The first frame of a connection, from the side that dialled. Readable by every contract there will ever be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Hello {
    /// `rialto`.
    pub magic: String,
    /// The oldest contract spoken.
    pub min: u16,
    /// The newest.
    pub max: u16,
    /// Abilities beyond the contract.
    #[serde(default, skip_serializing_if = "unset", deserialize_with = "few::texts")]
    pub features: Vec<String>,
    /// The longest frame body this side takes. Bytes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub max_frame: u32,
    /// The program and its version, for people.
    #[serde(default, skip_serializing_if = "unset")]
    pub app: String,
    /// A supervisor's cookie, where one is dialled directly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<Bytes>,
    /// From a daemon: for whom it speaks. Believed only together with the cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf: Option<OnBehalf>,
}

/// Whom a daemon authenticated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnBehalf {
    /// The identity.
    pub principal: String,
    /// What it may do.
    pub scope: Scope,
}

/// The answer to [`Hello`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Welcome {
    /// The contract spoken from here on.
    pub contract: u16,
    /// The abilities both have.
    #[serde(default, skip_serializing_if = "unset", deserialize_with = "few::texts")]
    pub features: Vec<String>,
    /// The longest frame body, both ways. Bytes.
    pub max_frame: u32,
    /// The program and its version, for people.
    #[serde(default)]
    pub app: String,
    /// `daemon` or `supervisor`.
    #[serde(default)]
    pub role: String,
    /// Who the other side takes this one for.
    #[serde(default)]
    pub principal: String,
    /// What it lets it do.
    #[serde(default)]
    pub scope: Scope,
}

/// The other side will close soon, and says why.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Goaway {
    /// `shutdown`, `restart`, `upgrade`, `ended`.
    pub reason: String,
    /// When to come back. Milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// The first frame of a channel: the hello with the supervisor, end to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greet {
    /// The oldest contract spoken.
    pub min: u16,
    /// The newest.
    pub max: u16,
    /// Abilities beyond the contract.
    #[serde(default, skip_serializing_if = "unset", deserialize_with = "few::texts")]
    pub features: Vec<String>,
    /// This client; the same over reconnects.
    pub client: ClientId,
    /// What it is: `terminal`, `exec`, `rpc`.
    #[serde(default, skip_serializing_if = "unset")]
    pub label: String,
}

/// The answer to [`Greet`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeted {
    /// The contract spoken on this channel.
    pub contract: u16,
    /// The abilities both have.
    #[serde(default, skip_serializing_if = "unset", deserialize_with = "few::texts")]
    pub features: Vec<String>,
    /// The session.
    pub session: SessionId,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<SessionName>,
    /// The kernel it runs.
    pub kernel: String,
    /// The supervisor's incarnation.
    pub epoch: Epoch,
    /// The last event so far.
    pub head: Seq,
    /// The program and its version, for people.
    #[serde(default)]
    pub app: String,
}
