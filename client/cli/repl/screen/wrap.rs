//! Our own sentences in a terminal of any width: lines end between words. What a program printed is never touched.

use textwrap::core::display_width;
use textwrap::{Options, WordSplitter, WrapAlgorithm};

/// Each line that is too long becomes several, as far in as it was. A word longer than the terminal stays whole: it may be a path
/// or an address, and is to be copied as one.
pub(crate) fn wrapped(text: &str, columns: usize) -> String {
    let line = |line: &str| {
        if display_width(line) <= columns {
            return line.to_owned();
        }
        let indent: String = line.chars().take_while(|c| *c == ' ').collect();
        let options = Options::new(columns.max(indent.len() + 1))
            .break_words(false)
            .word_splitter(WordSplitter::NoHyphenation)
            .wrap_algorithm(WrapAlgorithm::FirstFit)
            .subsequent_indent(&indent);
        textwrap::fill(line, options)
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_between_words_and_paths_stay_whole() {
        assert_eq!(wrapped("the kernel was restarted", 24), "the kernel was restarted");
        assert_eq!(wrapped("the kernel was restarted: all is gone", 24), "the kernel was\nrestarted: all is gone");
        assert_eq!(wrapped("  what an eval showed\nnext", 12), "  what an\n  eval\n  showed\nnext");
        assert_eq!(wrapped("see /a/long/path-of/something here", 12), "see\n/a/long/path-of/something\nhere");
        assert_eq!(wrapped("rialto x --force-after 1", 14), "rialto x\n--force-after\n1");
    }
}
