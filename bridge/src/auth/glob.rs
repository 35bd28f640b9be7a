//! Which sessions a credential reaches: a glob of their names, such as `ml-*` or `web,db-?`.

use rialto_protocol::{SessionId, SessionName};

/// The longest. Bytes.
pub const MAX_GLOB: usize = 256;

/// Whether a text is such a glob: what names are made of, `*` for any letters, `?` for one, and commas between several.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn sound(glob: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-+@*?".contains(c);
    if glob.len() > MAX_GLOB || glob.split(',').any(|one| one.is_empty() || !one.chars().all(fits)) {
        let say: String = glob.chars().take(40).collect();
        return Err(format!("{say:?} is no glob of sessions: ml-*, or several as in web,db-? (at most {MAX_GLOB} letters)"));
    }
    Ok(())
}

/// Whether it takes in a session: by its name, or by its id where it has none.
#[must_use]
pub fn takes_in(glob: Option<&str>, name: Option<&SessionName>, id: &SessionId) -> bool {
    glob.is_none_or(|glob| matches(glob, name.map_or(id.as_str(), SessionName::as_str)))
}

/// Whether a text fits. Takes time in proportion to both lengths, whatever they are.
#[must_use]
pub fn matches(glob: &str, text: &str) -> bool {
    glob.split(',').any(|one| fits(one.as_bytes(), text.as_bytes()))
}

fn fits(glob: &[u8], text: &[u8]) -> bool {
    let (mut g, mut t) = (0, 0);
    // After the last star: where to go on if what follows does not fit, with one more letter given to that star.
    let mut star: Option<(usize, usize)> = None;
    while let Some(letter) = text.get(t) {
        match glob.get(g) {
            Some(b'*') => {
                g += 1;
                star = Some((g, t));
            }
            Some(b'?') => (g, t) = (g + 1, t + 1),
            Some(own) if own == letter => (g, t) = (g + 1, t + 1),
            _ => match star {
                Some((after, from)) => {
                    (g, t) = (after, from + 1);
                    star = Some((after, t));
                }
                None => return false,
            },
        }
    }
    glob.iter().skip(g).all(|rest| *rest == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same, as one would say it.
    fn plainly(glob: &[u8], text: &[u8]) -> bool {
        match glob.split_first() {
            None => text.is_empty(),
            Some((b'*', rest)) => (0..=text.len()).any(|n| plainly(rest, &text[n..])),
            Some((b'?', rest)) => text.split_first().is_some_and(|(_, text)| plainly(rest, text)),
            Some((own, rest)) => text.split_first().is_some_and(|(first, text)| first == own && plainly(rest, text)),
        }
    }

    proptest! {
        #[test]
        fn it_means_what_it_says(glob in "[ab*?]{0,7}", text in "[ab]{0,9}") {
            prop_assert_eq!(matches(&glob, &text), plainly(glob.as_bytes(), text.as_bytes()));
        }
    }

    #[test]
    fn a_session_is_taken_in_by_its_name_or_by_its_id_where_it_has_none() {
        let (id, name): (SessionId, SessionName) = ("mlmlmlmlml".parse().unwrap(), "web".parse().unwrap());
        assert!(takes_in(None, None, &id) && takes_in(Some("ml*"), None, &id) && takes_in(Some("db,we?"), Some(&name), &id));
        assert!(!takes_in(Some("ml*"), Some(&name), &id), "what has a name goes by that");
    }

    #[test]
    fn hostile_globs_take_no_time() {
        assert!(!matches(&"*a".repeat(120), &"b".repeat(64)));
    }

    #[test]
    fn what_is_no_glob_is_refused() {
        for bad in ["", ",", "a,,b", "a b", "a/b", "[ab]", "é", &"x".repeat(257)] {
            assert!(sound(bad).is_err(), "{bad:?}");
        }
        assert!(sound("ml-*,web,db-?").is_ok());
    }
}
