//! Completions as they are listed: above the prompt, in columns, no more than fit on the screen.

use super::assist::{DIM, PLAIN};
use rialto_client::protocol::kernel::Completion;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Names wider than this do not push the kinds of the others away.
const WIDEST: usize = 60;
/// Between two columns.
const GAP: usize = 2;
/// Rows that are not for the list: what is typed, the line that counts what is not listed, and one to spare.
const ROWS_KEPT: usize = 3;
/// So few are listed one to a line, with what they are called with.
const FEW: usize = 12;

/// The list, in lines; `more` says that the kernel knows even more.
pub(super) fn lines(items: &[Completion], more: bool, (rows, columns): (usize, usize), colours: bool) -> String {
    let few = items.len() <= FEW.min(rows.saturating_sub(ROWS_KEPT));
    if few && !more && items.iter().any(|item| !item.signature.is_empty()) {
        return with_signatures(items, columns, colours);
    }
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

/// One to a line, so that there is room for what each is called with.
fn with_signatures(items: &[Completion], columns: usize, colours: bool) -> String {
    let (dim, plain) = if colours { (DIM, PLAIN) } else { ("", "") };
    let widest = |of: fn(&Completion) -> &str| items.iter().map(|item| of(item).width()).max().unwrap_or(0).min(WIDEST);
    let (names, kinds) = (widest(|item| &item.text), widest(|item| &item.kind));
    let mut out = String::new();
    for item in items {
        let gap = " ".repeat(names.saturating_sub(item.text.width()) + GAP);
        let about = format!("{:kinds$}{}{}", item.kind, " ".repeat(GAP), item.signature);
        let room = columns.saturating_sub(item.text.width() + gap.width());
        out.push_str(&format!("{}{gap}{dim}{}{plain}\n", item.text, cut(about.trim_end(), room)));
    }
    out
}

/// As much of it as fits, and a sign that there was more.
fn cut(text: &str, room: usize) -> String {
    if text.width() <= room {
        return text.to_owned();
    }
    let mut width = 1;
    let fits = |c: &char| {
        width += c.width().unwrap_or(0);
        width <= room
    };
    text.chars().take_while(fits).chain(['…']).collect()
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
        (0..n).map(|i| Completion { text: format!("name_{i}"), kind: "function".to_owned(), ..Completion::default() }).collect()
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
        let wide = ["x".repeat(200), "y".to_owned()].map(|text| Completion { text, ..Completion::default() });
        assert_eq!(lines(&wide, false, (24, 80), false).lines().count(), 2);
    }

    #[test]
    fn a_few_are_listed_with_what_they_are_called_with() {
        let mut few = items(2);
        few[0].signature = "(name, loud=False)".to_owned();
        assert_eq!(lines(&few, false, (24, 80), false), "name_0  function  (name, loud=False)\nname_1  function\n");
        assert_eq!(lines(&few, false, (24, 28), false), "name_0  function  (name, lo…\nname_1  function\n");
        assert_eq!(lines(&few, false, (4, 80), false).lines().count(), 1, "no room for lines of their own");
    }

    #[test]
    fn what_all_begin_with() {
        assert_eq!((shared(&items(3)), shared(&items(1)), shared(&[])), ("name_", "name_0", ""));
    }
}
