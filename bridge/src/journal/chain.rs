//! What proves a journal: every record has a hash, and one hash, the head, stands for all of them.
//!
//! The records are the leaves of a tree that grows at its right end, as in the logs of Certificate Transparency. A plain chain
//! (each hash over the one before) would do while nothing is ever removed; retention and `redact` remove records from the
//! middle, and what is left of a chain before such a hole could be replaced by anything. In a tree one hash stands for a
//! whole removed range, and the head still covers what is left on both sides. It is the same head before and after.
//!
//! A leaf covers number, kind, eval and body of a record, the body as it is stored. Where a body has text that may be removed (code, results, prompts),
//! it covers the hash of the body and, apart from that, the hash of what stays without the text; so neither who ran it nor how
//! it ended can be changed under the pretext of a redaction.
//!
//! No key is involved: whoever can write the file can make a new chain. What that cannot do is to get a head that somebody has
//! kept elsewhere; hence the anchor (`anchor.rs`) and `rialto verify --expect`.

use super::error::JournalError;
use super::redact::bare;
use super::{Journal, int, pack, uint};
use rialto_protocol::event::Record;
use rialto_protocol::{EvalNumber, Seq, codec};
use rusqlite::{OptionalExtension, params};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// A hash of the chain: SHA-256. With the instructions that processors have for it, it is the fastest for records of 100 bytes.
pub(super) type Hash = [u8; 32];

/// What one record adds to the chain.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seal {
    pub(super) leaf: Hash,
    /// The hash of what stays of its body without the text, where it has text.
    pub(super) part: Option<Hash>,
}

/// The first byte of what is hashed, so that nothing is mistaken for another sort of thing.
const LEAF: u8 = 0;
const NODE: u8 = 1;
const HEAD: u8 = 2;
/// What stands for records that should be there and are not, so that a damaged journal can be continued. Verifying names them.
pub(super) const MISSING: Hash = [0; 32];

/// The head of a chain: how far it goes, and the hash of everything up to there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The last record.
    pub seq: Seq,
    /// The hash over all records up to it.
    pub hash: [u8; 32],
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, data_encoding::HEXLOWER.encode(&self.hash))
    }
}

impl FromStr for Head {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WANTED: &str = "a head is a number, a colon and 64 hex digits, as `rialto verify --head` prints it";
        let (seq, hash) = text.trim().split_once(':').ok_or(WANTED)?;
        let hash = data_encoding::HEXLOWER_PERMISSIVE.decode(hash.as_bytes()).map_err(|_| WANTED)?;
        Ok(Self { seq: seq.parse().map_err(|_| WANTED)?, hash: hash.try_into().map_err(|_| WANTED)? })
    }
}

/// The hash of a body that is kept whole, or of one piece of one that is not.
pub(super) fn content(body: &[u8]) -> Hash {
    Sha256::digest(body).into()
}

/// The hash of a body kept in pieces, from the hashes of these in order.
pub(super) fn content_of_pieces(pieces: &[u8]) -> Hash {
    content(pieces)
}

/// The leaf of one record. `whole` is the hash of its body, `part` that of its body without text where there is some.
pub(super) fn leaf(seq: Seq, kind: i64, n: EvalNumber, in_pieces: bool, whole: &Hash, part: Option<&Hash>) -> Hash {
    let mut text = [0; 19 + 32 + 32];
    let parts: [&[u8]; 7] = [
        &[LEAF],
        &seq.to_le_bytes(),
        &n.to_le_bytes(),
        &[pack::wire(kind)],
        &[u8::from(in_pieces) | u8::from(part.is_some()) << 1 | u8::from(kind & pack::PACKED != 0) << 2],
        whole,
        part.map_or(&[], |part| part),
    ];
    let mut at = 0;
    for part in parts {
        if let Some(place) = text.get_mut(at..at + part.len()) {
            place.copy_from_slice(part);
            at += part.len();
        }
    }
    content(text.get(..at).unwrap_or(&text))
}

fn node(left: &Hash, right: &Hash) -> Hash {
    let mut text = [NODE; 65];
    let (_, halves) = text.split_at_mut(1);
    let (first, second) = halves.split_at_mut(32);
    first.copy_from_slice(left);
    second.copy_from_slice(right);
    content(&text)
}

/// The right edge of the tree: all that is needed to go on, and to say the head. One hash for each bit of `count` that is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tree {
    /// The number of the first record that it covers.
    pub(super) start: Seq,
    /// How many it covers.
    pub(super) count: u64,
    peaks: Vec<Hash>,
}

impl Tree {
    pub(super) const fn new(start: Seq) -> Self {
        Self { start, count: 0, peaks: Vec::new() }
    }

    /// As it was written down; none where that makes no sense.
    pub(super) fn read(start: Seq, count: u64, peaks: &[u8]) -> Option<Self> {
        let (peaks, rest) = peaks.as_chunks::<32>();
        let fits = rest.is_empty() && peaks.len() == count.count_ones() as usize && start > 0;
        fits.then(|| Self { start, count, peaks: peaks.to_vec() })
    }

    pub(super) fn peaks(&self) -> Vec<u8> {
        self.peaks.concat()
    }

    /// The number of the next record.
    pub(super) const fn next(&self) -> Seq {
        self.start + self.count
    }

    pub(super) fn push(&mut self, leaf: Hash) {
        self.push_node(0, leaf);
    }

    /// Adds a whole subtree of 2^level records. False: it does not stand where one can.
    pub(super) fn push_node(&mut self, level: u32, hash: Hash) -> bool {
        if level > 62 || self.count & ((1 << level) - 1) != 0 {
            return false;
        }
        let mut hash = hash;
        for _ in 0..(self.count >> level).trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = node(&left, &hash);
            }
        }
        self.peaks.push(hash);
        self.count += 1 << level;
        true
    }

    /// Goes on behind records that are not there, in as few steps as there are bits in their number.
    pub(super) fn skip_to(&mut self, next: Seq) {
        while self.next() < next {
            let level = self.count.trailing_zeros().min((next - self.next()).ilog2()).min(62);
            self.push_node(level, MISSING);
        }
    }

    pub(super) fn head(&self) -> Head {
        let mut text = vec![HEAD];
        text.extend(self.start.to_le_bytes());
        text.extend(self.count.to_le_bytes());
        text.extend(self.peaks.as_flattened());
        Head { seq: self.next() - 1, hash: content(&text) }
    }

    /// Becomes what `other` is, in the memory that it has.
    pub(super) fn follow(&mut self, other: &Self) {
        (self.start, self.count) = (other.start, other.count);
        self.peaks.clone_from(&other.peaks);
    }
}

/// The chain of an open journal.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    /// With what the open transaction has added.
    pub(super) open: Tree,
    /// Without.
    pub(super) committed: Tree,
}

impl Journal {
    /// The head of the chain over all committed records. None: a journal of an older build, opened to be read.
    #[must_use]
    pub fn chain_head(&self) -> Option<Head> {
        self.chain.as_ref().map(|chain| chain.committed.head())
    }

    /// The seal of a record whose body is kept whole or, then with the hash of its pieces, not.
    pub(super) fn seal(record: &Record, kind: i64, n: EvalNumber, in_pieces: bool, whole: &Hash) -> Seal {
        let part = bare(record).map(|bare| content(&codec::record_body(&bare)));
        Seal { leaf: leaf(record.seq, kind, n, in_pieces, whole, part.as_ref()), part }
    }

    /// The hash of a body that is kept in pieces.
    pub(super) fn pieces_hash(&self, value: u64) -> rusqlite::Result<Hash> {
        let mut find = self.db.prepare_cached("SELECT hash FROM pieces WHERE value = ?1 ORDER BY at")?;
        let mut found = find.query([int(value)])?;
        let mut hashes = Vec::new();
        while let Some(row) = found.next()? {
            hashes.extend_from_slice(row.get_ref(0)?.as_blob_or_null()?.unwrap_or(&MISSING));
        }
        Ok(content_of_pieces(&hashes))
    }

    /// Where the chain stands: what was written down, and the records since. What is missing or out of place is bridged, so that a
    /// damaged journal can still be used; `verify` finds it.
    pub(super) fn recover_chain(&self) -> rusqlite::Result<Tree> {
        let sql = "SELECT start, count, peaks FROM chain";
        let row = |row: &rusqlite::Row<'_>| Ok((uint(row.get(0)?), uint(row.get(1)?), row.get::<_, Vec<u8>>(2)?));
        let found = self.db.query_row(sql, [], row).optional()?;
        let written = found.as_ref().and_then(|(start, count, peaks)| Tree::read(*start, *count, peaks));
        let start = found.map_or(1, |(start, ..)| start);
        if let Some(tree) = written
            && let Some(tree) = self.grow(tree)?
        {
            return Ok(tree);
        }
        Ok(self.grow(Tree::new(start))?.unwrap_or_else(|| Tree::new(self.head + 1)))
    }

    /// Adds what the file has after a tree. None: a removed range begins before its end, so it has to be grown from the start.
    fn grow(&self, mut tree: Tree) -> rusqlite::Result<Option<Tree>> {
        let across = "SELECT EXISTS (SELECT 1 FROM gone WHERE seq < ?1 AND seq + (1 << level) > ?1)";
        if self.db.query_row(across, [int(tree.next())], |row| row.get(0))? {
            return Ok(None);
        }
        let sql = "SELECT seq, 0, leaf FROM events WHERE seq >= ?1 UNION ALL SELECT seq, 0, leaf FROM outputs WHERE seq >= ?1
                   UNION ALL SELECT seq, level, hash FROM gone WHERE seq >= ?1 ORDER BY seq";
        let mut find = self.db.prepare(sql)?;
        let mut found = find.query([int(tree.next())])?;
        while let Some(row) = found.next()? {
            let (seq, level): (i64, i64) = (row.get(0)?, row.get(1)?);
            let hash = row.get_ref(2)?.as_blob_or_null().ok().flatten().and_then(|hash| hash.try_into().ok());
            if uint(seq) < tree.next() {
                continue;
            }
            tree.skip_to(uint(seq));
            if !tree.push_node(u32::try_from(level).unwrap_or(63), hash.unwrap_or(MISSING)) {
                tree.push(MISSING);
            }
        }
        tree.skip_to(self.head + 1);
        Ok(Some(tree))
    }

    /// Writes down where the chain stands, with the index: recovery looks at the records since.
    pub(super) fn write_chain(&self) -> rusqlite::Result<()> {
        let Some(chain) = &self.chain else { return Ok(()) };
        let tree = &chain.committed;
        let mut update = self.db.prepare_cached("UPDATE chain SET count = ?1, peaks = ?2")?;
        update.execute(params![int(tree.count), tree.peaks()]).map(drop)
    }

    /// Keeps what stands for records that are removed. Neighbours become one: a removed flood is a few hashes.
    pub(super) fn bury(&self, rows: &[(Seq, Option<Hash>)]) -> rusqlite::Result<()> {
        let Some(chain) = &self.chain else { return Ok(()) };
        let start = chain.open.start;
        let mut runs: Vec<(Seq, u32, Hash)> = Vec::new();
        for (seq, hash) in rows.iter().filter_map(|(seq, hash)| Some((*seq, (*hash)?))).filter(|(seq, _)| *seq >= start) {
            let mut new = (seq, 0, hash);
            // In memory first: most are a run.
            while let Some(last) = runs.last()
                && let Some(both) = merge(start, *last, new)
            {
                runs.pop();
                new = both;
            }
            runs.push(new);
        }
        let mut find = self.db.prepare_cached("DELETE FROM gone WHERE seq = ?1 AND level = ?2 RETURNING hash")?;
        let mut put = self.db.prepare_cached("INSERT OR REPLACE INTO gone (seq, level, hash) VALUES (?1, ?2, ?3)")?;
        for mut new in runs {
            loop {
                let size = 1_u64 << new.1;
                let is_right = ((new.0 - start) >> new.1) & 1 == 1;
                let other = if is_right { new.0.checked_sub(size) } else { new.0.checked_add(size) };
                let found = match other {
                    Some(other) => find
                        .query_row(params![int(other), new.1], |row| row.get::<_, Hash>(0))
                        .optional()?
                        .map(|hash| (other, new.1, hash)),
                    None => None,
                };
                let Some(other) = found else { break };
                let (left, right) = if is_right { (other, new) } else { (new, other) };
                let Some(both) = merge(start, left, right) else { break };
                new = both;
            }
            put.execute(params![int(new.0), new.1, new.2])?;
        }
        Ok(())
    }

    /// Numbers and leaves of rows that are about to be removed.
    pub(super) fn leaves(&self, sql: &str, rows: impl rusqlite::Params) -> rusqlite::Result<Vec<(Seq, Option<Hash>)>> {
        if self.chain.is_none() {
            return Ok(Vec::new());
        }
        let mut find = self.db.prepare_cached(sql)?;
        let found = find.query_map(rows, |row| Ok((uint(row.get(0)?), row.get(1)?)))?;
        found.collect()
    }

    pub(super) fn no_chain(&self) -> JournalError {
        JournalError::NoChain(self.path.clone())
    }
}

/// Two neighbours as their parent; none where they are not the two halves of one.
fn merge(start: Seq, left: (Seq, u32, Hash), right: (Seq, u32, Hash)) -> Option<(Seq, u32, Hash)> {
    let size = 1_u64 << left.1;
    let halves = left.1 == right.1 && left.0 + size == right.0 && ((left.0 - start) >> left.1) & 1 == 0 && left.1 < 61;
    halves.then(|| (left.0, left.1 + 1, node(&left.2, &right.2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: u64) -> Vec<Hash> {
        (0..count).map(|n| content(&n.to_le_bytes())).collect()
    }

    fn grown(start: Seq, leaves: &[Hash]) -> Tree {
        let mut tree = Tree::new(start);
        leaves.iter().for_each(|leaf| tree.push(*leaf));
        tree
    }

    #[test]
    fn a_removed_range_weighs_as_much_as_what_it_was() {
        let all = leaves(100);
        let whole = grown(7, &all);
        // Everything that can be one node is one.
        let mut runs: Vec<(Seq, u32, Hash)> = Vec::new();
        for (at, leaf) in all.iter().enumerate().skip(13).take(70) {
            let mut new = (7 + at as u64, 0, *leaf);
            while let Some(both) = runs.last().and_then(|last| merge(7, *last, new)) {
                runs.pop();
                new = both;
            }
            runs.push(new);
        }
        assert!(runs.len() < 12, "{}", runs.len());
        let mut tree = grown(7, &all[..13]);
        for (seq, level, hash) in runs {
            assert_eq!(tree.next(), seq);
            assert!(tree.push_node(level, hash));
        }
        all[83..].iter().for_each(|leaf| tree.push(*leaf));
        assert_eq!(tree, whole);
        assert_eq!(Tree::read(7, 100, &tree.peaks()), Some(whole));
    }

    #[test]
    fn every_head_is_another() {
        let all = leaves(20);
        let mut heads: Vec<Head> = (0..=20).map(|n| grown(1, &all[..n]).head()).collect();
        heads.push(grown(2, &all).head());
        let mut swapped = all.clone();
        swapped.swap(3, 11);
        heads.push(grown(1, &swapped).head());
        let mut hashes: Vec<Hash> = heads.iter().map(|head| head.hash).collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), heads.len());
        let text = heads[5].to_string();
        assert_eq!(text.parse(), Ok(heads[5]));
        assert!("5:12".parse::<Head>().is_err() && "x".parse::<Head>().is_err());
    }

    #[test]
    fn what_is_missing_is_bridged_in_few_steps() {
        let mut tree = grown(1, &leaves(5));
        tree.skip_to(1 << 61);
        assert_eq!(tree.next(), 1 << 61);
        assert!(Tree::read(1, tree.count, &tree.peaks()).is_some());
    }
}
