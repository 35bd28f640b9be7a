//! What was printed is kept smaller than it came, for a flood is bound by what is written.
//!
//! A packed row says so in its kind and holds the length of the body and an LZ4 block. Only output is packed: records that
//! state is made of are short, and recovery reads all of them.

use rusqlite::types::Type;

/// Added to the kind of a packed row.
pub(super) const PACKED: i64 = 0x100;
/// Shorter bodies are kept as they are: there is nothing to gain.
const WORTH: usize = 512;
/// Bytes before the block: the length of the body.
const HEAD: usize = 4;

/// The body, packed; none where that saves less than an eighth of it.
pub(super) fn pack(body: &[u8]) -> Option<Vec<u8>> {
    if body.len() < WORTH {
        return None;
    }
    let mut packed = vec![0; HEAD + lz4_flex::block::get_maximum_output_size(body.len())];
    let (head, block) = packed.split_at_mut(HEAD);
    head.copy_from_slice(&u32::try_from(body.len()).ok()?.to_le_bytes());
    let len = HEAD + lz4_flex::block::compress_into(body, block).ok()?;
    packed.truncate(len);
    (len <= body.len() / 8 * 7).then_some(packed)
}

/// The body of a packed row; none where it is no such thing, or longer than `ceiling`.
fn unpack(packed: &[u8], ceiling: usize) -> Option<Vec<u8>> {
    let (head, block) = packed.split_first_chunk::<HEAD>()?;
    let len = u32::from_le_bytes(*head) as usize;
    if len > ceiling {
        return None;
    }
    let mut body = vec![0; len];
    (lz4_flex::block::decompress_into(block, &mut body).ok()? == len).then_some(body)
}

/// The kind on the wire, of a stored one; 0xff, which is none, for nonsense.
pub(super) fn wire(kind: i64) -> u8 {
    u8::try_from(kind & !PACKED).unwrap_or(u8::MAX)
}

/// Kind and body of a row of output, by what its two columns hold.
pub(super) fn read(kind: i64, body: &[u8]) -> rusqlite::Result<(u8, Vec<u8>)> {
    let bad = |why: &str| rusqlite::Error::FromSqlConversionFailure(2, Type::Blob, why.into());
    let wire = u8::try_from(kind & !PACKED).map_err(|_| bad("no kind of ours"))?;
    if kind & PACKED == 0 {
        return Ok((wire, body.to_vec()));
    }
    unpack(body, super::PIECE).map(|body| (wire, body)).ok_or_else(|| bad("a packed row that cannot be unpacked"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_packed_comes_back(words in prop::collection::vec("[a-z]{1,6} ", 0..2_000), noise in prop::collection::vec(any::<u8>(), 0..3_000)) {
            for body in [words.concat().into_bytes(), noise] {
                if let Some(packed) = pack(&body) {
                    prop_assert!(packed.len() < body.len());
                    prop_assert_eq!(read(0x71 | PACKED, &packed).unwrap(), (0x71, body));
                }
            }
        }

        #[test]
        fn garbage_is_refused_or_at_least_harmless(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
            if let Ok((_, body)) = read(0x71 | PACKED, &bytes) {
                prop_assert!(body.len() <= super::super::PIECE);
            }
        }
    }

    #[test]
    fn a_length_is_not_believed() {
        let mut packed = pack(&[b'x'; 4_000]).unwrap();
        packed[..4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(read(0x71 | PACKED, &packed).is_err());
        assert!(pack(&[b'x'; 100]).is_none());
    }
}
