//! HTML as text: what tables, lists and paragraphs say, without their looks.
//!
//! The tokens come from a library; only what they mean on a terminal is here. A library that lays out whole documents would bring a
//! tree builder, whose tables every process of this program would carry about in its memory.

mod table;

use html5gum::emitters::default::DefaultEmitter;
use html5gum::{Token, Tokenizer};
use table::Grid;
use unicode_width::UnicodeWidthStr;

/// Longer documents are not laid out: they stay a stand-in.
const LONGEST: usize = 1 << 20;
/// A wider line is hard to read.
const WIDEST: usize = 120;
/// Tables within tables; what is deeper stands in the cell of the last one.
const DEEPEST: usize = 8;

/// The document in lines of this width.
pub(super) fn text(html: &[u8], columns: usize) -> Option<String> {
    if html.len() > LONGEST {
        return None;
    }
    let html = String::from_utf8_lossy(html);
    let mut emitter = DefaultEmitter::default();
    // Scripts and styles are not markup.
    emitter.naively_switch_states(true);
    let mut page = Page { width: columns.saturating_sub(1).clamp(20, WIDEST), ..Page::default() };
    for token in Tokenizer::new_with_emitter(&*html, emitter) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => page.begins(&tag.name, tag.self_closing),
            Token::EndTag(tag) => page.ends(&tag.name),
            Token::String(text) => page.says(&String::from_utf8_lossy(&text)),
            _ => {}
        }
    }
    let text = page.done();
    let text = text.trim_end().trim_start_matches('\n');
    (!text.is_empty()).then(|| text.to_owned())
}

/// What was read so far.
#[derive(Default)]
struct Page {
    width: usize,
    /// Lines that are done, at the bottom; above it a cell for each table that is open.
    flow: Flow,
    tables: Vec<(Flow, Grid)>,
    /// Lists that are open: the number of the next item, where they are numbered.
    lists: Vec<Option<u64>>,
    /// Elements whose text is not for reading.
    hidden: usize,
    /// Elements whose text is as it is.
    verbatim: usize,
}

/// Lines, the last of which may go on.
#[derive(Default)]
struct Flow {
    lines: Vec<String>,
    line: String,
    /// Between two words there was room.
    room: bool,
}

impl Flow {
    fn end_line(&mut self) {
        self.room = false;
        if !self.line.is_empty() {
            self.lines.push(std::mem::take(&mut self.line));
        }
    }

    /// An empty line, unless one is there.
    fn gap(&mut self) {
        self.end_line();
        if self.lines.last().is_some_and(|line| !line.is_empty()) {
            self.lines.push(String::new());
        }
    }

    fn words(&mut self, text: &str, width: usize) {
        self.room |= text.starts_with(|c: char| c.is_ascii_whitespace());
        for word in text.split_ascii_whitespace() {
            if self.room && !self.line.is_empty() {
                if self.line.width() + 1 + word.width() > width {
                    self.end_line();
                } else {
                    self.line.push(' ');
                }
            }
            self.line.push_str(word);
            self.room = true;
        }
        self.room = text.ends_with(|c: char| c.is_ascii_whitespace()) || (self.room && text.trim_ascii().is_empty());
    }

    fn as_it_is(&mut self, text: &str) {
        for (at, line) in text.split('\n').enumerate() {
            if at > 0 {
                self.lines.push(std::mem::take(&mut self.line));
            }
            self.line.push_str(line);
        }
    }

    fn text(mut self) -> String {
        self.end_line();
        self.lines.join("\n").trim_end().to_owned()
    }
}

impl Page {
    fn begins(&mut self, name: &[u8], empty: bool) {
        match name {
            b"script" | b"style" | b"title" | b"template" | b"head" if !empty => self.hidden += 1,
            b"pre" | b"textarea" => {
                self.flow.gap();
                self.verbatim += 1;
            }
            b"br" => {
                let line = std::mem::take(&mut self.flow.line);
                self.flow.lines.push(line);
                self.flow.room = false;
            }
            b"hr" => {
                self.flow.gap();
                self.flow.lines.push("─".repeat(self.width.min(40)));
            }
            b"ul" | b"menu" => self.list(None),
            b"ol" => self.list(Some(1)),
            b"li" => self.item(),
            b"table" if self.tables.len() < DEEPEST => {
                self.flow.gap();
                self.tables.push((std::mem::take(&mut self.flow), Grid::default()));
            }
            b"tr" => {
                self.cell_ends();
                if let Some((_, grid)) = self.tables.last_mut() {
                    grid.row();
                }
            }
            b"td" | b"th" => {
                self.cell_ends();
                if let Some((_, grid)) = self.tables.last_mut() {
                    grid.cell(name == b"th");
                }
            }
            b"img" | b"input" | b"svg" | b"canvas" => self.flow.words("", self.width),
            _ if is_paragraph(name) => self.flow.gap(),
            _ if is_block(name) => self.flow.end_line(),
            _ => {}
        }
    }

    fn ends(&mut self, name: &[u8]) {
        match name {
            b"script" | b"style" | b"title" | b"template" | b"head" => self.hidden = self.hidden.saturating_sub(1),
            b"pre" | b"textarea" => {
                self.verbatim = self.verbatim.saturating_sub(1);
                self.flow.gap();
            }
            b"ul" | b"ol" | b"menu" => {
                self.lists.pop();
                self.flow.end_line();
            }
            b"td" | b"th" | b"tr" => self.cell_ends(),
            b"table" => self.table_ends(),
            _ if is_paragraph(name) => self.flow.gap(),
            _ if is_block(name) => self.flow.end_line(),
            _ => {}
        }
    }

    fn says(&mut self, text: &str) {
        if self.hidden > 0 {
            return;
        }
        if self.verbatim > 0 {
            return self.flow.as_it_is(text);
        }
        self.flow.words(text, self.width);
    }

    fn list(&mut self, number: Option<u64>) {
        self.flow.end_line();
        if self.lists.len() < DEEPEST {
            self.lists.push(number);
        }
    }

    fn item(&mut self) {
        self.flow.end_line();
        self.flow.line = "  ".repeat(self.lists.len().saturating_sub(1));
        match self.lists.last_mut() {
            Some(Some(number)) => {
                self.flow.line.push_str(&format!("{number}. "));
                *number += 1;
            }
            _ => self.flow.line.push_str("* "),
        }
    }

    fn cell_ends(&mut self) {
        if let Some((_, grid)) = self.tables.last_mut() {
            grid.fill(std::mem::take(&mut self.flow).text());
        }
    }

    fn table_ends(&mut self) {
        self.cell_ends();
        let Some((around, grid)) = self.tables.pop() else { return };
        self.flow = around;
        self.flow.lines.extend(grid.lines(self.width));
        self.flow.gap();
    }

    fn done(mut self) -> String {
        while !self.tables.is_empty() {
            self.table_ends();
        }
        self.flow.text()
    }
}

fn is_paragraph(name: &[u8]) -> bool {
    matches!(name, b"p" | b"h1" | b"h2" | b"h3" | b"h4" | b"h5" | b"h6" | b"blockquote" | b"figure" | b"dl")
}

fn is_block(name: &[u8]) -> bool {
    const BLOCKS: &[&[u8]] = &[
        b"address",
        b"article",
        b"aside",
        b"body",
        b"caption",
        b"dd",
        b"details",
        b"div",
        b"dt",
        b"fieldset",
        b"figcaption",
        b"footer",
        b"form",
        b"header",
        b"html",
        b"main",
        b"nav",
        b"option",
        b"section",
        b"summary",
    ];
    BLOCKS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(html: &str) -> String {
        text(html.as_bytes(), 40).unwrap_or_default()
    }

    #[test]
    fn what_is_written_is_read_without_its_markup() {
        assert_eq!(shown("<b>1</b> &lt; <i>2</i>&nbsp;&amp; 3"), "1 < 2\u{a0}& 3");
        assert_eq!(shown("<style>p{}</style><script>1 < 2</script><p>a\n  b<p>c<br>d"), "a b\n\nc\nd");
        assert_eq!(shown("<pre>a  b\n  c</pre>d"), "a  b\n  c\n\nd");
        assert_eq!(shown("<ul><li>a<ol><li>b<li>c</ol><li>d</ul>"), "* a\n  1. b\n  2. c\n* d");
        assert_eq!(
            shown("<h1>T</h1>one two three four five six seven eight nine"),
            "T\n\none two three four five six seven eight\nnine"
        );
        assert_eq!(text(&vec![b'x'; LONGEST + 1], 40), None);
        assert_eq!(text(b"<p></p>", 40), None);
    }

    #[test]
    fn a_table_is_drawn() {
        let html = "<table><thead><tr><th></th><th>a</th></tr></thead><tbody><tr><th>0</th><td>1.5</td></tr>
            <tr><th>1</th><td>x<br>y</td></tr></tbody></table>after";
        assert_eq!(shown(html), "  │ a\n──┼─────\n0 │ 1.5\n1 │ x\n  │ y\n\nafter");
        let wide = format!("<table><tr><td>{}</td><td>b</td></tr></table>", "word ".repeat(20));
        assert!(shown(&wide).lines().all(|line| line.width() < 40), "{}", shown(&wide));
        let inner = "<table><tr><td>a<table><tr><td>1</td><td>2</td></tr></table></td><td>b</td></tr></table>";
        assert_eq!(shown(inner), "a     │ b\n      │\n1 │ 2 │");
    }

    #[test]
    fn whatever_comes_is_shown_in_some_way() {
        for html in
            ["<table>", "</table></td></li>", "<tr><td>1", "<td>", "<", "<a", "&#0;&#xffffff;&bogus;", "\u{0}", "</pre></ul>x"]
        {
            text(html.as_bytes(), 40);
        }
        let deep = "<table><tr><td>".repeat(2_000) + "x";
        assert!(text(deep.as_bytes(), 40).unwrap().contains('x'));
        let lists = "<ul><li>".repeat(2_000) + "x";
        assert!(text(lists.as_bytes(), 40).unwrap().len() < 100_000);
        assert_eq!(text(b"\xff<b>x", 40).unwrap(), "\u{fffd}x");
    }
}
