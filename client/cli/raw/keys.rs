//! What was typed and has not reached the program: kept until it was taken, and sent again on a new link from where the last one was cut.
//! So nothing is typed twice, and nothing is lost.

use rialto_client::protocol::Bytes;
use rialto_client::protocol::message::Keys as Message;
use rialto_client::protocol::message::screen::MAX_KEYS;

/// What waits beyond it is left in our own terminal. Bytes.
const MOST: usize = 64 * 1024;

#[derive(Debug, Default)]
pub(super) struct Keys {
    /// How many bytes were taken before those that are kept.
    before: u64,
    kept: Vec<u8>,
    /// How many of those are on their way.
    sent: usize,
}

impl Keys {
    pub(super) fn have_room(&self) -> bool {
        self.kept.len() < MOST
    }

    pub(super) fn typed(&mut self, keys: &[u8]) {
        self.kept.extend_from_slice(keys);
    }

    /// A new link, on which so many were taken so far.
    pub(super) fn begin(&mut self, taken: u64) {
        if taken < self.before {
            // Nothing of ours is known: it is another program than the one that these were for.
            self.kept.clear();
        }
        self.taken(taken);
        (self.before, self.sent) = (taken, 0);
    }

    /// So many were taken so far.
    pub(super) fn taken(&mut self, taken: u64) {
        let now = usize::try_from(taken.saturating_sub(self.before)).unwrap_or(usize::MAX).min(self.kept.len());
        self.kept.drain(..now);
        self.sent = self.sent.saturating_sub(now);
        self.before = self.before.max(taken);
    }

    /// What is to be sent next; it counts as sent.
    pub(super) fn next(&mut self) -> Option<Message> {
        let rest = self.kept.get(self.sent..)?;
        let part = rest.get(..rest.len().min(MAX_KEYS)).filter(|part| !part.is_empty())?;
        let message = Message { re: 0, from: Some(self.before + self.sent as u64), data: Bytes(part.to_vec()) };
        self.sent += message.data.0.len();
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(keys: &mut Keys) -> Vec<(u64, Vec<u8>)> {
        std::iter::from_fn(|| keys.next()).map(|keys| (keys.from.unwrap(), keys.data.0)).collect()
    }

    #[test]
    fn a_link_that_is_cut_costs_no_key_and_none_is_sent_that_was_taken() {
        let mut keys = Keys::default();
        keys.begin(0);
        keys.typed(b"abc");
        assert_eq!(sent(&mut keys), [(0, b"abc".to_vec())]);
        keys.taken(1);
        keys.typed(b"d");
        assert_eq!(sent(&mut keys), [(3, b"d".to_vec())]);
        // Cut: the other side had taken two more of them, and their answer was lost.
        keys.begin(3);
        assert_eq!(sent(&mut keys), [(3, b"d".to_vec())]);
        keys.taken(4);
        assert_eq!(sent(&mut keys), []);
        assert!(keys.kept.is_empty());
    }

    #[test]
    fn what_was_meant_for_a_program_that_is_gone_is_not_typed_into_the_next() {
        let mut keys = Keys::default();
        keys.begin(0);
        keys.typed(b"abcd");
        keys.taken(2);
        keys.begin(0);
        assert_eq!(sent(&mut keys), []);
        keys.typed(b"e");
        assert_eq!(sent(&mut keys), [(0, b"e".to_vec())]);
    }

    #[test]
    fn a_paste_goes_in_parts_and_waits_for_room() {
        let mut keys = Keys::default();
        keys.typed(&vec![b'x'; MOST]);
        assert!(!keys.have_room());
        assert_eq!(
            sent(&mut keys).iter().map(|(from, part)| (*from, part.len())).collect::<Vec<_>>(),
            [(0, MAX_KEYS), (MAX_KEYS as u64, MAX_KEYS)]
        );
    }
}
