//! Completions as they are listed: above the prompt, in columns, no more than fit on the screen.

use super::assist::{DIM, PLAIN};
use rialto_client::protocol::kernel::Completion;
use unicode_width::UnicodeWidthStr;

/// Names wider than this do not push the kinds of the others away.
const WIDEST: usize = 60;
/// Between two columns.
const GAP: usize = 2;
/// Rows that are not for the list: what is typed, the line that counts what is not listed, and one to spare.
const ROWS_KEPT: usize = 3;

/// The list, in lines; `more` says that the kernel knows even more.
pub(super) fn lines(items: &[Completion], more: bool, (rows, columns): (usize, usize), colours: bool) -> String {
    let (dim, plain) = if colours { (DIM, PLAIN) } else { ("", "") };
    let names = items.iter().map(|item| item.text.width()).max().unwrap_or(0).min(WIDEST);
    let before_kind = |item: &Completion| (names + GAP).saturating_sub(item.text.width()).max(GAP);
    let width = |item: &Completion| match item.kind.as_str() {
        "" => item.text.width(),
        kind => item.text.width() + before_kind(item) + kind.width(),
    };
    let widest = items.iter().map(width).max().unwrap_or(0) + GAP;
    let across = ((columns + GAP) / widest).max(1);
    let fit = across * rows.saturating_sub(ROWS_KEPT).max(1);
    let listed = items.get(..fit).unwrap_or(items);
    let down = listed.len().div_ceil(across).max(1);
    let mut out = String::new();
    for row in 0..down {
        let mut gap = 0;
        for item in listed.iter().skip(row).step_by(down) {
            out.push_str(&" ".repeat(gap));
            out.push_str(&item.text);
            if !item.kind.is_empty() {
                out.push_str(&format!("{}{dim}{}{plain}", " ".repeat(before_kind(item)), item.kind));
            }
            gap = widest.saturating_sub(width(item));
        }
        out.push('\n');
    }
    let hidden = items.len() - listed.len();
    if hidden > 0 || more {
        let many = if more { format!("{hidden} or more") } else { hidden.to_string() };
        out.push_str(&format!("{dim}… {many} others; type on{plain}\n"));
    }
    out
}

/// What all of them begin with.
pub(super) fn shared(items: &[Completion]) -> &str {
    let mut texts = items.iter().map(|item| item.text.as_str());
    let first = texts.next().unwrap_or_default();
    let same = |a: &str, b: &str| {
        a.char_indices().zip(b.chars()).find(|((_, a), b)| a != b).map_or(a.len().min(b.len()), |((i, _), _)| i)
    };
    let length = texts.fold(first.len(), |length, text| length.min(same(first, text)));
    first.get(..length).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(n: usize) -> Vec<Completion> {
        (0..n).map(|i| Completion { text: format!("name_{i}"), kind: "function".to_owned() }).collect()
    }

    #[test]
    fn a_list_fits_on_the_screen() {
        assert_eq!(lines(&items(2), false, (24, 80), false), "name_0  function  name_1  function\n");
        assert_eq!(lines(&items(3), false, (24, 40), false), "name_0  function  name_2  function\nname_1  function\n");
        let many = lines(&items(500), false, (24, 80), false);
        // Four columns of 21 rows.
        assert_eq!((many.lines().count(), many.lines().last().unwrap()), (22, "… 416 others; type on"));
        assert!(many.lines().all(|line| line.width() <= 80), "{many}");
        assert!(lines(&items(3), true, (24, 80), false).ends_with("\n… 0 or more others; type on\n"));
        assert!(!lines(&items(500), false, (1, 1), false).is_empty());
        let wide =
            [Completion { text: "x".repeat(200), kind: String::new() }, Completion { text: "y".to_owned(), kind: String::new() }];
        assert_eq!(lines(&wide, false, (24, 80), false).lines().count(), 2);
    }

    #[test]
    fn what_all_begin_with() {
        assert_eq!((shared(&items(3)), shared(&items(1)), shared(&[])), ("name_", "name_0", ""));
    }
}
