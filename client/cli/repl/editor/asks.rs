//! `obj?`, `obj??`, `?obj`: what somebody asks about a name instead of running it.

/// The name that is asked about, and how much is wanted of it: 0 a summary, 1 everything.
pub(crate) fn asks_about(entry: &str) -> Option<(&str, u8)> {
    let text = entry.trim();
    let (name, marks) = if let Some(rest) = text.strip_prefix("??").or_else(|| text.strip_prefix('?')) {
        (rest, text.len() - rest.len())
    } else if let Some(rest) = text.strip_suffix("??").or_else(|| text.strip_suffix('?')) {
        (rest, text.len() - rest.len())
    } else {
        return None;
    };
    let name = name.trim();
    let first = name.chars().next()?;
    // A name, with what leads to it: `a.b`, `a[0].b`. Anything else is the language's own business.
    let of_a_name = |c: char| c.is_alphanumeric() || "_.[]'\"$@:".contains(c);
    let plain = (first.is_alphabetic() || "_$@".contains(first)) && name.chars().all(of_a_name) && !name.ends_with('.');
    plain.then_some((name, u8::from(marks > 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_asked_about() {
        assert_eq!(asks_about("str?"), Some(("str", 0)));
        assert_eq!(asks_about(" os.path.join?? "), Some(("os.path.join", 1)));
        assert_eq!(asks_about("?len"), Some(("len", 0)));
        assert_eq!(asks_about("??len"), Some(("len", 1)));
        assert_eq!(asks_about("a['k'][0].b?"), Some(("a['k'][0].b", 0)));
    }

    #[test]
    fn everything_else_is_for_the_kernel() {
        for entry in ["x", "?", "??", "f(1)?", "a ? b : c", "1?", "'what?'", "# why?", "!ls ?", "%time?x", "x.?", "a\nb?"] {
            assert_eq!(asks_about(entry), None, "{entry:?}");
        }
    }
}
