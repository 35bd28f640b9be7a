//! One line of `ssh_config`: a keyword and its arguments.

/// The keyword in small letters and its arguments; nothing where the line says nothing. An error where a quote is not closed.
pub(super) fn words(line: &str) -> Result<Option<(String, Vec<String>)>, ()> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let end = line.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(line.len());
    let (keyword, rest) = line.split_at(end);
    // One equals sign may stand between, with spaces or without.
    let rest = rest.trim_start();
    let rest = rest.strip_prefix('=').unwrap_or(rest);
    Ok(Some((keyword.to_ascii_lowercase(), arguments(rest)?)))
}

fn arguments(text: &str) -> Result<Vec<String>, ()> {
    let mut all = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        match chars.peek() {
            None | Some('#') => return Ok(all),
            Some(_) => {}
        }
        let mut word = String::new();
        let mut quoted = None;
        loop {
            match (chars.next(), quoted) {
                (None, None) => break,
                (None, Some(_)) => return Err(()),
                (Some(c), None) if c.is_whitespace() => break,
                (Some(c @ ('"' | '\'')), None) => quoted = Some(c),
                (Some(c), Some(quote)) if c == quote => quoted = None,
                (Some('\\'), _) if matches!(chars.peek(), Some('"' | '\'' | '\\')) => word.extend(chars.next()),
                (Some(c), _) => word.push(c),
            }
        }
        all.push(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> (String, Vec<String>) {
        words(line).unwrap().unwrap()
    }

    #[test]
    fn keywords_and_arguments() {
        let is = |line: &str, keyword: &str, args: &[&str]| {
            assert_eq!(read(line), (keyword.to_owned(), args.iter().map(|s| (*s).to_owned()).collect()), "{line}");
        };
        is("  HostName = 10.0.0.1  ", "hostname", &["10.0.0.1"]);
        is("Port=2222 # why", "port", &["2222"]);
        is("IdentityFile \"~/my keys/a\" b", "identityfile", &["~/my keys/a", "b"]);
        is("Host a !b *.c", "host", &["a", "!b", "*.c"]);
        assert_eq!((words(""), words(" # x")), (Ok(None), Ok(None)));
        assert_eq!(words("IdentityFile \"x"), Err(()));
    }
}
