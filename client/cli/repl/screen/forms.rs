//! Which form of a value is shown.

use super::html;
use crate::render::size;
use rialto_client::protocol::{Bundle, EvalNumber};

/// What a value looks like.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Form<'b> {
    /// A picture, where it is of a kind that we can draw, and what stands for it where it cannot be shown.
    Image {
        drawable: Option<&'b [u8]>,
        instead: String,
    },
    Text(String),
}

/// The best form of a value in a terminal of this width.
pub(super) fn best(data: &Bundle, n: EvalNumber, columns: usize) -> Form<'_> {
    let text = text(data, columns);
    let image = ["image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml"];
    let Some((mime, bytes)) = image.iter().find_map(|mime| data.get_key_value(*mime)) else {
        return Form::Text(text.unwrap_or_else(|| stand_in(data)));
    };
    let instead = picture(mime, &bytes.0, n);
    // Of a picture's text only what says more than its type and address is worth a line.
    let instead = match text {
        Some(text) if !is_address(&text) => format!("{text}\n{instead}"),
        _ => instead,
    };
    let drawable = matches!(mime.as_str(), "image/png" | "image/jpeg").then_some(bytes.0.as_slice());
    Form::Image { drawable, instead }
}

fn text(data: &Bundle, columns: usize) -> Option<String> {
    let get = |mime: &str| data.get(mime).map(|bytes| bytes.lossy().into_owned());
    get("text/plain")
        .or_else(|| get("text/markdown"))
        .or_else(|| html::text(&data.get("text/html")?.0, columns))
        .or_else(|| get("text/latex"))
        .or_else(|| get("application/json"))
}

/// `<Figure 1>`
fn is_address(text: &str) -> bool {
    text.starts_with('<') && text.ends_with('>') && !text.contains('\n')
}

/// `[image/png 640x480, 19.4 KiB; :save 12 FILE keeps it]`
fn picture(mime: &str, data: &[u8], n: EvalNumber) -> String {
    let pixels = super::images::dimensions(mime, data).map_or_else(String::new, |(w, h)| format!(" {w}x{h}"));
    format!("[{mime}{pixels}, {}; :save {n} FILE keeps it]", size(data.len() as u64))
}

/// `[application/pdf, 12 KiB]`
fn stand_in(data: &Bundle) -> String {
    let forms: Vec<String> = data.iter().map(|(mime, bytes)| format!("{mime}, {}", size(bytes.0.len() as u64))).collect();
    format!("[{}]", forms.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rialto_client::protocol::Bytes;

    fn bundle(forms: &[(&str, &str)]) -> Bundle {
        forms.iter().map(|(mime, data)| ((*mime).to_owned(), Bytes(data.as_bytes().to_vec()))).collect()
    }

    fn shown(forms: &[(&str, &str)]) -> String {
        match best(&bundle(forms), 12, 80) {
            Form::Text(text) => text,
            Form::Image { instead, .. } => instead,
        }
    }

    #[test]
    fn text_as_the_language_shows_it_comes_first() {
        assert_eq!(shown(&[("text/html", "<b>1</b>"), ("text/plain", "1")]), "1");
        assert_eq!(shown(&[("text/html", "<b>1</b>"), ("text/markdown", "*1*")]), "*1*");
        assert_eq!(shown(&[("application/json", "[1]"), ("text/latex", "$1$")]), "$1$");
        assert_eq!(shown(&[("application/x", "12345")]), "[application/x, 5 bytes]");
    }

    #[test]
    fn a_table_without_text_is_drawn_as_text() {
        let html = "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>22</td></tr></table>";
        let text = shown(&[("text/html", html)]);
        assert!(text.contains("1 │ 22") && !text.contains('<'), "{text}");
    }

    #[test]
    fn a_picture_has_one_that_stands_for_it() {
        assert_eq!(shown(&[("image/png", "not one")]), "[image/png, 7 bytes; :save 12 FILE keeps it]");
        assert_eq!(shown(&[("image/webp", "x"), ("text/plain", "<Figure 1>")]), "[image/webp, 1 bytes; :save 12 FILE keeps it]");
        assert_eq!(shown(&[("image/gif", "x"), ("text/plain", "x**2")]), "x**2\n[image/gif, 1 bytes; :save 12 FILE keeps it]");
    }
}
