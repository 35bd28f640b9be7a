//! What makes two submits the same: the hash over everything that decides what an eval does.

use crate::archive::CodeHash;
use rialto_protocol::Show;
use sha2::{Digest, Sha256};

/// SHA-256 over the code, whether its value is shown, and its arguments, each with its length so that they cannot blur.
#[must_use]
pub fn hash(code: &str, show: Show, argv: Option<&[String]>) -> CodeHash {
    let mut h = Sha256::new();
    let mut part = |bytes: &[u8]| {
        h.update((bytes.len() as u64).to_le_bytes());
        h.update(bytes);
    };
    part(code.as_bytes());
    part(if show == Show::Value || cfg!(mutant = "show_is_not_hashed") { b"v" } else { b"n" });
    part(if argv.is_some() { b"a" } else { b"-" });
    for arg in argv.filter(|_| !cfg!(mutant = "arguments_are_not_hashed")).unwrap_or_default() {
        part(arg.as_bytes());
    }
    h.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_decides_what_an_eval_does_is_in_its_hash() {
        let plain = hash("x", Show::Value, None);
        assert_eq!(plain, hash("x", Show::Value, None));
        assert_ne!(plain, hash("y", Show::Value, None));
        assert_ne!(plain, hash("x", Show::Nothing, None));
        assert_ne!(plain, hash("x", Show::Value, Some(&[])));
        assert_ne!(plain, hash("x", Show::Value, Some(&["a".to_owned()])));
        assert_ne!(
            hash("x", Show::Value, Some(&["ab".to_owned()])),
            hash("x", Show::Value, Some(&["a".to_owned(), "b".to_owned()]))
        );
    }
}
