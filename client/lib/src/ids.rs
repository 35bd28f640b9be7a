//! The one place of this crate that rolls dice. Everything else gets ids as arguments.

use rialto_protocol::{ClientId, Code, ErrorReply, EvalId, GroupId, RequestId};
use std::time::{SystemTime, UNIX_EPOCH};

fn random<const N: usize>() -> Result<[u8; N], ErrorReply> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|why| ErrorReply::new(0, Code::Internal, format!("this machine gives no random bytes: {why}")))?;
    Ok(bytes)
}

/// An id for one submission of code: a UUID of version 7, which begins with the time. A journal keeps its ids in order, and those
/// that come in order cost it least. That it is unique rests on its 74 random bits alone; a clock may be as wrong as it likes.
///
/// # Errors
/// Where the system has no randomness to give: an id that might not be unique must never name an eval.
pub fn eval_id() -> Result<EvalId, ErrorReply> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(EvalId(uuid7(u64::try_from(since.as_millis()).unwrap_or(0), random()?)))
}

/// A UUID of version 7, of a time in milliseconds since 1970 and of random bytes.
fn uuid7(ms: u64, mut id: [u8; 16]) -> [u8; 16] {
    let [_, _, time @ ..] = ms.to_be_bytes();
    let (first, rest) = id.split_at_mut(time.len());
    first.copy_from_slice(&time);
    if let [version, _, variant, ..] = rest {
        *version = 0x70 | *version & 0x0f;
        *variant = 0x80 | *variant & 0x3f;
    }
    id
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_evals_are_uuids_that_begin_with_the_time() {
        let id = uuid7(0x0199_0a0b_0c0d, [0xff; 16]);
        assert_eq!(id, [0x01, 0x99, 0x0a, 0x0b, 0x0c, 0x0d, 0x7f, 0xff, 0xbf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        assert!(uuid7(7, [0xff; 16]) < uuid7(8, [0; 16]));
    }

    #[test]
    fn no_two_are_the_same() {
        let ids: std::collections::HashSet<EvalId> = (0..1_000).map(|_| eval_id().unwrap()).collect();
        assert_eq!(ids.len(), 1_000);
    }
}
