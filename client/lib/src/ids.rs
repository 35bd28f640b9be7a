//! The one place of this crate that rolls dice. Everything else gets ids as arguments.

use rialto_protocol::{ClientId, Code, ErrorReply, EvalId, GroupId, RequestId};

fn random<const N: usize>() -> Result<[u8; N], ErrorReply> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|why| ErrorReply::new(0, Code::Internal, format!("this machine gives no random bytes: {why}")))?;
    Ok(bytes)
}

/// An id for one submission of code.
///
/// # Errors
/// Where the system has no randomness to give: an id that might not be unique must never name an eval.
pub fn eval_id() -> Result<EvalId, ErrorReply> {
    random().map(EvalId)
}

/// An id for one mutating request.
///
/// # Errors
/// As [`eval_id`].
pub fn request_id() -> Result<RequestId, ErrorReply> {
    random().map(RequestId)
}

/// An id for this client program.
///
/// # Errors
/// As [`eval_id`].
pub fn client_id() -> Result<ClientId, ErrorReply> {
    random().map(ClientId)
}

/// An id for evals that stop together.
///
/// # Errors
/// As [`eval_id`].
pub fn group_id() -> Result<GroupId, ErrorReply> {
    random().map(GroupId)
}

/// What jitter is made of. Nothing rests on its quality, only on two clients not having the same.
pub(crate) fn seed() -> u64 {
    random().map_or(0x9e37_79b9_7f4a_7c15, u64::from_le_bytes)
}
