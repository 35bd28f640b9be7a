//! How events look: a program's own bytes as they are, everything else so that a person can read it.

use crate::paint::{self, paint};
use rialto_client::protocol::event::Output;
use rialto_client::protocol::{Bundle, Bytes, Failure, Stream};
use std::io::{self, BufWriter, Stderr, Stdout, Write};

/// Both streams of this program, in order: before one is written the other is flushed.
pub(crate) struct Screen {
    out: BufWriter<Stdout>,
    err: Stderr,
}

impl Screen {
    pub(crate) fn new() -> Self {
        Self { out: BufWriter::with_capacity(64 * 1024, io::stdout()), err: io::stderr() }
    }

    /// What the code wrote: byte by byte what it wrote.
    pub(crate) fn output(&mut self, output: &Output) -> io::Result<()> {
        for run in &output.runs {
            match run.stream {
                Stream::Stdout => self.out.write_all(&run.data.0)?,
                Stream::Stderr => {
                    self.out.flush()?;
                    self.err.write_all(&run.data.0)?;
                }
            }
        }
        Ok(())
    }

    /// What a program asks, where no line editor shows it.
    pub(crate) fn prompt(&mut self, prompt: &str) -> io::Result<()> {
        self.out.write_all(prompt.as_bytes())?;
        Ok(())
    }

    /// A value, as the language's REPL shows it.
    pub(crate) fn value(&mut self, data: &Bundle) -> io::Result<()> {
        match plain(data) {
            Some(text) => self.out.write_all(&text.0)?,
            None => write!(self.out, "{}", stand_in(data))?,
        }
        self.out.write_all(b"\n")?;
        Ok(())
    }

    /// An exception, as the language prints it.
    pub(crate) fn failure(&mut self, failure: &Failure) -> io::Result<()> {
        self.out.flush()?;
        let text = if failure.traceback.is_empty() {
            format!("{}: {}", failure.name, failure.value)
        } else {
            failure.traceback.trim_end().to_owned()
        };
        for line in text.lines() {
            writeln!(anstream::stderr(), "{}", paint(paint::STDERR, line))?;
        }
        Ok(())
    }

    /// A JSON line.
    pub(crate) fn json(&mut self, value: &serde_json::Value) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, value)?;
        self.out.write_all(b"\n")
    }

    /// A line of text on stdout.
    pub(crate) fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{text}")
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A value's text, or what it is where it has none.
pub(crate) fn value(data: &Bundle) -> String {
    plain(data).map_or_else(
        || {
            let forms: Vec<&str> = data.keys().map(String::as_str).collect();
            format!("[{}]", forms.join("; "))
        },
        |text| text.lossy().into_owned(),
    )
}

/// An exception as the language prints it.
pub(crate) fn failed(failure: &Failure) -> String {
    if failure.traceback.is_empty() { format!("{}: {}", failure.name, failure.value) } else { failure.traceback.clone() }
}

/// Whether only programs can make anything of it: what a kernel of Jupyter tells of widgets, or that its output is to be cleared.
pub(crate) fn is_for_programs(data: &Bundle) -> bool {
    !data.is_empty() && data.keys().all(|mime| mime.starts_with("application/vnd.jupyter."))
}

/// The form that every terminal can show.
fn plain(data: &Bundle) -> Option<&Bytes> {
    data.get("text/plain").or_else(|| data.get("text/markdown"))
}

/// What stands for a value that has no form in text: `[image/png, 12 KiB]`.
fn stand_in(data: &Bundle) -> String {
    let forms: Vec<String> = data.iter().map(|(mime, bytes)| format!("{mime}, {}", size(bytes.0.len() as u64))).collect();
    format!("[{}]", forms.join("; "))
}

/// A number of bytes, for people.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["bytes", "KiB", "MiB", "GiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or("bytes");
    if unit == 0 { format!("{bytes} {name}") } else { format!("{value:.1} {name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_well() {
        assert_eq!((size(0).as_str(), size(1023).as_str(), size(1536).as_str()), ("0 bytes", "1023 bytes", "1.5 KiB"));
        assert_eq!(size(5 << 40), "5120.0 GiB");
    }

    #[test]
    fn what_is_for_programs_is_not_for_people() {
        let of = |mimes: &[&str]| mimes.iter().map(|mime| ((*mime).to_owned(), Bytes::default())).collect::<Bundle>();
        assert!(is_for_programs(&of(&["application/vnd.jupyter.message+json", "application/vnd.jupyter.buffer;n=0"])));
        assert!(!is_for_programs(&of(&["application/vnd.jupyter.message+json", "text/plain"])) && !is_for_programs(&of(&[])));
    }

    #[test]
    fn a_value_without_text_is_named() {
        let data: Bundle = [("image/png".to_owned(), Bytes(vec![0; 2048]))].into();
        assert_eq!(stand_in(&data), "[image/png, 2.0 KiB]");
    }
}
