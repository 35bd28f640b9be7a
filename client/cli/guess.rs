//! `rialto lss`: a word that is no command means a session, and one that looks like a command was probably meant as one.

use crate::args::{Args, PlaceArgs};
use crate::place::Place;
use clap::CommandFactory;

/// The command that was meant, as far as one can tell. A name of a session must not be taken for one that only looks alike, so
/// the beginning has to be right, and of short words the letters, too; and `main` is a name.
pub(crate) fn meant(word: &str) -> Option<String> {
    let command = Args::command();
    let names = command
        .get_subcommands()
        .filter(|sub| !sub.is_hide_set())
        .map(|sub| sub.get_name().to_owned())
        .filter(|name| name != "man");
    let alike = names.filter_map(|name| Some((distance(word, &name)?, name)));
    alike.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

fn distance(word: &str, name: &str) -> Option<usize> {
    let sorted = |text: &str| {
        let mut letters: Vec<char> = text.chars().collect();
        letters.sort_unstable();
        letters
    };
    let short = word.chars().count() <= 4;
    let swapped = sorted(word) == sorted(name);
    let distance = strsim::damerau_levenshtein(word, name);
    let near = distance > 0 && distance <= if short { 1 } else { 2 };
    let another = short && !swapped && word.chars().count() == name.chars().count();
    (near && !another && (swapped || word.chars().next() == name.chars().next())).then_some(distance)
}

/// A session of this name, or a kernel. Elsewhere that would have to be asked for: there a name is taken at its word.
pub(crate) fn is_there(word: &str, place: &PlaceArgs) -> bool {
    let session = || Place::of(place).is_ok_and(|place| place.home().is_none_or(|home| home.resolve(word).is_ok()));
    crate::project::is_kernel(word) || session()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_command_is_seen_and_a_name_is_left_alone() {
        for (word, name) in [
            ("lss", "ls"),
            ("sl", "ls"),
            ("atach", "attach"),
            ("attahc", "attach"),
            ("wat", "wait"),
            ("exce", "exec"),
            ("logss", "logs"),
        ] {
            assert_eq!(meant(word).as_deref(), Some(name), "{word}");
        }
        for word in ["work", "test", "db", "tmp", "dev", "w", "x1", "main", "python", "demo", "notes"] {
            assert_eq!(meant(word), None, "{word}");
        }
    }
}
