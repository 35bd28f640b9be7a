//! Patterns as SSH's files have them: `*`, `?`, and `!` in front of what is meant not to match.

/// Whether `*` and `?` make `pattern` into `text`. Linear in both, whatever the pattern.
pub(in crate::ssh) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where to go on after the last star, if what follows it does not fit.
    let mut star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p + 1, t));
                p += 1;
            }
            Some(c) if *c == '?' || Some(c) == text.get(t) => {
                p += 1;
                t += 1;
            }
            _ => match &mut star {
                Some((after, from)) => {
                    *from += 1;
                    (p, t) = (*after, *from);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

/// Whether one of the patterns matches and none of those with `!` does.
pub(in crate::ssh) fn any<'a>(patterns: impl Iterator<Item = &'a str>, text: &str) -> bool {
    let mut found = false;
    for pattern in patterns {
        match pattern.strip_prefix('!') {
            Some(pattern) if matches(pattern, text) => return false,
            Some(_) => {}
            None => found |= matches(pattern, text),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_questions_and_negations() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("*.example.org", "a.example.org", true),
            ("*.example.org", "example.org", false),
            ("10.0.0.?", "10.0.0.7", true),
            ("10.0.0.?", "10.0.0.17", false),
            ("a*b*c", "axxbyybzc", true),
            ("a*b*c", "axxbyybz", false),
            ("", "x", false),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
        assert!(any(["*.org", "!bad.org"].into_iter(), "good.org"));
        assert!(!any(["*.org", "!bad.org"].into_iter(), "bad.org"));
        assert!(!any(["!bad.org"].into_iter(), "good.org"));
        // A pattern made to be slow is not.
        assert!(!matches(&"a*".repeat(500), &"a".repeat(400).replace("aaaa", "aaab")));
    }
}
