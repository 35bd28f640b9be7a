//! HTML as text.

/// Longer documents are not laid out: they stay a stand-in.
const LONGEST: usize = 1 << 20;
/// A wider line is hard to read.
const WIDEST: usize = 120;

/// The document in lines of this width.
pub(super) fn text(html: &[u8], columns: usize) -> Option<String> {
    if html.len() > LONGEST {
        return None;
    }
    let width = columns.saturating_sub(1).clamp(20, WIDEST);
    let text = html2text::config::plain_no_decorate().string_from_read(html, width).ok()?;
    let text = text.trim_end();
    (!text.is_empty()).then(|| text.to_owned())
}
