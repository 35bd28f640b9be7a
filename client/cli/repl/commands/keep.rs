//! Between the session and this machine: what an eval showed into a file, a file into the session, text onto the clipboard.

use super::text::Text;
use crate::exit::{self, Failure};
use crate::render::size;
use crate::repl::Repl;
use crate::repl::replay::stoppable;
use data_encoding::BASE64;
use rialto_client::protocol::event::Event;
use rialto_client::protocol::{Bundle, EvalNumber};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

/// The most that goes onto the clipboard: what terminals take in one sequence. Bytes.
const CLIPBOARD: usize = 72 * 1024;
/// The most output that `:save` and `:copy` gather. Bytes.
const GATHERED: usize = 64 * 1024 * 1024;
/// The largest file that `:load` reads: what one eval may hold. Bytes.
const LOADED: u64 = 16 * 1024 * 1024;

/// Forms by the ending of a file, richest first.
const FORMS: [(&str, &str); 12] = [
    ("image/png", "png"),
    ("image/jpeg", "jpg"),
    ("image/gif", "gif"),
    ("image/svg+xml", "svg"),
    ("application/pdf", "pdf"),
    ("text/html", "html"),
    ("text/latex", "tex"),
    ("text/markdown", "md"),
    ("application/json", "json"),
    ("text/csv", "csv"),
    ("application/vnd.apache.parquet", "parquet"),
    ("text/plain", "txt"),
];

/// Which of an eval's displays: `12.2` is the second of #12.
fn which(text: &str) -> Result<(&str, usize), Failure> {
    let Some((eval, at)) = text.rsplit_once('.') else { return Ok((text, 1)) };
    match at.parse() {
        Ok(at) if at > 0 => Ok((eval, at)),
        _ => Err(Failure::usage(format!("{text:?} names nothing: 12 is what eval 12 showed, 12.2 the second thing"))),
    }
}

/// The form to write, and the ending of its file's name.
fn form<'b>(data: &'b Bundle, file: Option<&Path>) -> Result<(&'b [u8], &'static str), String> {
    let ending = file.and_then(Path::extension).and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
    let ending = match ending.as_deref() {
        Some("jpeg") => Some("jpg"),
        Some("htm") => Some("html"),
        other => other,
    };
    let found = FORMS.iter().find_map(|(mime, of)| data.get(*mime).filter(|_| ending.is_none_or(|e| e == *of)).map(|b| (b, *of)));
    match (found, ending) {
        (Some((bytes, ending)), _) => Ok((&bytes.0, ending)),
        // A name with an ending that stands for no form: the value as text.
        (None, Some(e)) if FORMS.iter().all(|(_, of)| *of != e) => form(data, None),
        (None, _) => {
            let forms: Vec<&str> = data.keys().map(String::as_str).collect();
            Err(format!("it is not there in that form; it has {}", forms.join(", ")))
        }
    }
}

impl Repl {
    pub(super) async fn save(&mut self, rest: &str, over: bool) -> Result<(), Failure> {
        let (name, file) = rest.split_once(char::is_whitespace).map_or((rest, None), |(n, f)| (n, Some(path(f.trim()))));
        let (eval, at) = which(name)?;
        if eval.is_empty() {
            return Err(Failure::usage(":save takes the number of an eval, as in :save 12 plot.png"));
        }
        let (n, displays, text) = stoppable(self.shown_by(eval)).await?;
        let (bytes, ending) = match displays.get(at - 1) {
            Some(data) => form(data, file.as_deref()).map_err(Failure::usage)?,
            None if at == 1 && !text.is_empty() => (text.as_bytes(), "txt"),
            None => return Err(Failure::usage(format!("#{n} has shown {} things", displays.len()))),
        };
        let part = if at > 1 { format!("-{at}") } else { String::new() };
        let file = file.unwrap_or_else(|| PathBuf::from(format!("{}-{n}{part}.{ending}", self.name)));
        let (mut out, made) = Made::create(&file, over.then_some(()).ok_or(":save!"))?;
        if let Err(why) = out.write_all(bytes) {
            made.discard();
            return Err(cannot(&file, &why));
        }
        made.keep()?;
        self.say(&format!("wrote {} ({})", file.display(), size(bytes.len() as u64)))
    }

    /// What an eval displayed, its value last; and what it printed.
    async fn shown_by(&mut self, eval: &str) -> Result<(EvalNumber, Vec<Bundle>, String), Failure> {
        let (n, mut past) = self.past_of(eval).await?;
        let (mut displays, mut text, mut taken) = (Vec::new(), String::new(), 0);
        let mut reader = Text::default();
        while let Some(event) = past.next_of(n).await? {
            let data = match event {
                Event::Display(display) => display.data,
                Event::Ended(ended) => match ended.result {
                    Some(result) => result,
                    None => continue,
                },
                other => {
                    text.push_str(&reader.of(&other));
                    if text.len() > GATHERED {
                        return Err(Failure::new(exit::ERROR, format!("#{n} printed too much for this; :more shows it")));
                    }
                    continue;
                }
            };
            taken += data.values().map(|form| form.0.len()).sum::<usize>();
            if taken > 4 * GATHERED {
                return Err(Failure::new(exit::ERROR, format!("#{n} has shown too much to choose from")));
            }
            displays.push(data);
        }
        past.close().await;
        Ok((n, displays, text))
    }

    /// The code to run.
    pub(super) fn load(&self, rest: &str) -> Result<String, Failure> {
        if rest.is_empty() {
            return Err(Failure::usage(":load takes a file of this machine, as in :load setup.py"));
        }
        crate::facade::may_touch("the file is read")?;
        let file = path(rest);
        let cannot = |why: &dyn std::fmt::Display| Failure::new(exit::IO, format!("{} cannot be read: {why}", file.display()));
        let length = std::fs::metadata(&file).map_err(|why| cannot(&why))?.len();
        if length > LOADED {
            return Err(cannot(&format!("it has {}, and one eval takes {}", size(length), size(LOADED))));
        }
        std::fs::read_to_string(&file).map_err(|why| cannot(&why))
    }

    pub(super) async fn copy(&mut self, rest: &str) -> Result<(), Failure> {
        let (output, eval) = match rest.strip_prefix("out") {
            Some(eval) if eval.is_empty() || eval.starts_with(' ') => (true, eval.trim()),
            _ => (false, rest),
        };
        let (n, text) = stoppable(async {
            let (n, mut past) = self.past_of(eval).await?;
            let (mut text, mut reader) = (String::new(), Text::default());
            while let Some(event) = past.next_of(n).await? {
                match (&event, output) {
                    (Event::Accepted(accepted), false) => {
                        text = accepted.code.as_deref().unwrap_or_default().to_owned();
                        break;
                    }
                    (_, true) => text.push_str(&reader.of(&event)),
                    _ => {}
                }
                if text.len() > GATHERED {
                    break;
                }
            }
            past.close().await;
            Ok((n, text))
        })
        .await?;
        let what = if output { "output" } else { "code" };
        if text.is_empty() {
            return self.say(&format!("#{n} has no {what}"));
        }
        if text.len() > CLIPBOARD {
            let most = size(CLIPBOARD as u64);
            let text =
                format!("the {what} of #{n} has {}, more than a terminal's clipboard takes ({most}); ", size(text.len() as u64));
            return self.say(&(text + if output { ":save writes it to a file" } else { ":export writes it to a file" }));
        }
        if !std::io::stdout().is_terminal() {
            return self.say("there is no terminal whose clipboard could take it");
        }
        let mut out = std::io::stdout();
        out.write_all(clipboard(&text, std::env::var_os("TMUX").is_some()).as_bytes())?;
        out.flush()?;
        // Nobody says whether it was taken.
        self.say(&format!("sent the {what} of #{n} to the terminal, for its clipboard ({})", size(text.len() as u64)))
    }
}

/// The sequence that puts text on the clipboard of the terminal. tmux takes it itself or, where it is told to, passes it on:
/// which of the two it does is its user's choice, so it gets both forms.
fn clipboard(text: &str, tmux: bool) -> String {
    let plain = format!("\x1b]52;c;{}\x07", BASE64.encode(text.as_bytes()));
    if tmux { format!("{plain}\x1bPtmux;{}\x1b\\", plain.replace('\x1b', "\x1b\x1b")) } else { plain }
}

/// A path as a person types it.
pub(super) fn path(text: &str) -> PathBuf {
    match (text.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => Path::new(&home).join(rest),
        _ => PathBuf::from(text),
    }
}

/// A file that is being written: one that was not there, or, where that was asked for, one that takes the place of what is once
/// it is whole.
pub(super) struct Made {
    made: PathBuf,
    file: PathBuf,
}

impl Made {
    /// `over`: the command that writes over a file, where this is not it.
    pub(super) fn create(file: &Path, over: Result<(), &str>) -> Result<(std::fs::File, Self), Failure> {
        crate::facade::may_touch("the file is written")?;
        let made = if over.is_ok() { beside(file) } else { file.to_owned() };
        let out = std::fs::File::create_new(&made).map_err(|why| match (why.kind(), over) {
            (std::io::ErrorKind::AlreadyExists, Err(instead)) => {
                let text = format!("{} is there already; it is left alone ({instead} writes over it)", file.display());
                Failure::new(exit::IO, text)
            }
            _ => cannot(file, &why),
        })?;
        Ok((out, Self { made, file: file.to_owned() }))
    }

    /// It is whole.
    pub(super) fn keep(self) -> Result<(), Failure> {
        if self.made == self.file {
            return Ok(());
        }
        std::fs::rename(&self.made, &self.file).map_err(|why| {
            let _ = std::fs::remove_file(&self.made);
            cannot(&self.file, &why)
        })
    }

    /// Half of it is nothing.
    pub(super) fn discard(self) {
        let _ = std::fs::remove_file(&self.made);
    }
}

fn cannot(file: &Path, why: &std::io::Error) -> Failure {
    Failure::new(exit::IO, format!("{} cannot be written: {why}", file.display()))
}

fn beside(file: &Path) -> PathBuf {
    let mut name = file.file_name().map(std::ffi::OsStr::to_owned).unwrap_or_default();
    name.push(format!(".{}.part", std::process::id()));
    file.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rialto_client::protocol::Bytes;

    fn plot() -> Bundle {
        let of = |mime: &str, text: &str| (mime.to_owned(), Bytes::from(text));
        [of("text/plain", "<Figure>"), of("image/png", "PNG"), of("text/html", "<img>")].into()
    }

    #[test]
    fn the_ending_chooses_the_form() {
        let form =
            |file: Option<&str>| form(&plot(), file.map(Path::new)).map(|(b, e)| (String::from_utf8_lossy(b).into_owned(), e));
        assert_eq!(form(None), Ok(("PNG".into(), "png")));
        assert_eq!(form(Some("a.HTML")), Ok(("<img>".into(), "html")));
        assert_eq!(form(Some("a.txt")), Ok(("<Figure>".into(), "txt")));
        assert_eq!(form(Some("no-ending")), Ok(("PNG".into(), "png")));
        assert!(form(Some("a.svg")).unwrap_err().contains("image/png"));
    }

    #[test]
    fn what_is_named_is_found() {
        assert_eq!((which("12").unwrap(), which("12.2").unwrap()), (("12", 1), ("12", 2)));
        assert!(which("12.x").is_err() && which("12.0").is_err());
    }

    #[test]
    fn the_clipboard_gets_the_text_and_tmux_may_pass_it_on() {
        assert_eq!(clipboard("hi", false), "\x1b]52;c;aGk=\x07");
        assert_eq!(clipboard("hi", true), "\x1b]52;c;aGk=\x07\x1bPtmux;\x1b\x1b]52;c;aGk=\x07\x1b\\");
    }
}
