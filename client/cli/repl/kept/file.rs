//! The file: a line with the place of what was shown, written over and over; a line that says whose it is; then a line for
//! each request, and one for each that is done while others wait. With none waiting there is none of those lines. The last
//! line is what stands half-typed, written over and over where the next request will stand.

use super::claim::Whose;
use rialto_client::Answer;
use rialto_client::protocol::{Cursor, EvalId, Message, codec};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// The most that is kept. More than may wait in the outbox, however it is written.
const MOST: u64 = 64 * 1024 * 1024;
/// The most of what is typed that is kept. Half of an entry would be worse than none of it.
const LONGEST: usize = 256 * 1024;
const FIRST: &str = "rialto terminal 1 ";

/// A request that has no answer, or whose eval was not shown to its end.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Noted {
    /// When it was asked, by the clock on the wall.
    pub(crate) at_ms: u64,
    pub(crate) request: Message,
    /// The session has it.
    pub(crate) answered: bool,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(super) file: File,
    pub(super) path: PathBuf,
    pub(crate) whose: Whose,
    shown: Option<Cursor>,
    /// Where the requests begin, and where they end.
    head: u64,
    end: u64,
    waiting: Vec<Noted>,
    /// What was typed and not entered.
    draft: String,
    /// Why the last of them could not be noted, until that was said.
    trouble: Option<String>,
    /// It was said.
    told: bool,
}

impl Kept {
    /// A new one. The file is empty, and ours.
    pub(super) fn begin(file: File, path: &Path, whose: Whose) -> io::Result<Self> {
        let mut text = place(None).into_bytes();
        text.extend_from_slice(whose.to_line().as_bytes());
        file.write_all_at(&text, 0)?;
        let head = text.len() as u64;
        let path = path.to_owned();
        Ok(Self {
            file,
            path,
            whose,
            shown: None,
            head,
            end: head,
            waiting: Vec::new(),
            draft: String::new(),
            trouble: None,
            told: false,
        })
    }

    /// One that was left. Nothing where it is no such file: cut off while it was made, or of another version.
    pub(super) fn read(mut file: File, path: &Path) -> io::Result<Option<Self>> {
        let mut text = Vec::new();
        (&mut file).take(2 * MOST).read_to_end(&mut text)?;
        let mut lines = text.split_inclusive(|byte| *byte == b'\n');
        let Some(shown) = lines.next().and_then(shown_by) else { return Ok(None) };
        let Some((whose, length)) = lines.next().and_then(|line| Some((Whose::of_line(line)?, line.len()))) else {
            return Ok(None);
        };
        let head = (place(None).len() + length) as u64;
        let path = path.to_owned();
        let mut kept = Self {
            file,
            path,
            whose,
            shown,
            head,
            end: head,
            waiting: Vec::new(),
            draft: String::new(),
            trouble: None,
            told: false,
        };
        for line in lines {
            // What is cut off was never sent: sending comes after. What stands behind a draft is of a longer one.
            if !line.ends_with(b"\n") || kept.take(line).is_none() {
                break;
            }
            kept.end += line.len() as u64;
        }
        if kept.end < text.len() as u64 {
            // The rest of a longer line would stand behind the next one.
            kept.file.set_len(kept.end)?;
            kept.write_draft();
        }
        // It was entered, and nothing was noted after that.
        if kept.waiting.iter().any(|noted| matches!(&noted.request, Message::Submit(m) if *m.code == *kept.draft.trim_end())) {
            kept.draft(String::new());
        }
        Ok(Some(kept))
    }

    /// A request, or the end of one. Nothing where it is neither: the draft is the last.
    fn take(&mut self, line: &[u8]) -> Option<()> {
        let mut line: Value = serde_json::from_slice(line).ok()?;
        if let Some(draft) = line.get("draft").and_then(Value::as_str) {
            draft.clone_into(&mut self.draft);
            return None;
        }
        if let Some(done) = line.get("done").and_then(Value::as_str) {
            self.waiting.retain(|noted| key(&noted.request).as_deref() != Some(done));
        } else {
            let at_ms = line.get("at_ms")?.as_u64()?;
            let request = codec::from_json(line.get_mut("request")?.take()).ok()?;
            key(&request)?;
            self.waiting.push(Noted { at_ms, request, answered: false });
        }
        Some(())
    }

    /// The last event that was shown.
    pub(crate) const fn shown(&self) -> Option<Cursor> {
        self.shown
    }

    /// What was typed and not entered.
    pub(crate) fn half_typed(&self) -> &str {
        &self.draft
    }

    /// Nothing is left to be done or to be said.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.draft.is_empty()
    }

    /// This is typed and not entered. What begins with a space is kept nowhere, as in the history.
    pub(crate) fn draft(&mut self, text: String) {
        let text = if text.len() > LONGEST || text.starts_with(' ') || text.trim().is_empty() { String::new() } else { text };
        if text != self.draft {
            self.draft = text;
            self.write_draft();
        }
    }

    /// One write, and then what is left of a longer one is cut off. Lost, it is typed again.
    fn write_draft(&self) {
        let mut line = Vec::new();
        if !self.draft.is_empty() {
            line = json!({ "draft": self.draft }).to_string().into_bytes();
            line.push(b'\n');
        }
        let _ = self.file.write_all_at(&line, self.end);
        let _ = self.file.set_len(self.end + line.len() as u64);
    }

    /// What was asked and is not done, in order.
    pub(crate) fn waiting(&self) -> &[Noted] {
        &self.waiting
    }

    /// Those that the session may not have.
    pub(crate) fn unanswered(&self) -> impl Iterator<Item = &Noted> {
        self.waiting.iter().filter(|noted| !noted.answered)
    }

    /// Everything up to here was shown.
    pub(crate) fn show(&mut self, cursor: Cursor) {
        if self.shown != Some(cursor) {
            self.shown = Some(cursor);
            // It was written before, so there is space for it. Lost, some of it would be shown twice.
            let _ = self.file.write_all_at(place(self.shown).as_bytes(), 0);
        }
    }

    /// This is about to be sent.
    pub(super) fn asked(&mut self, request: &Message) {
        let Some(id) = key(request) else { return };
        if self.waiting.iter().any(|noted| key(&noted.request).as_deref() == Some(&id)) {
            return;
        }
        let noted = Noted { at_ms: now_ms(), request: request.clone(), answered: false };
        self.append(&json!({ "at_ms": noted.at_ms, "request": codec::to_json(request) }));
        self.waiting.push(noted);
    }

    pub(super) fn answered(&mut self, request: &Message, answer: &Answer) {
        let Some(id) = key(request) else { return };
        match (request, answer) {
            // It waits for what it prints.
            (Message::Submit(_), Ok(_)) => {
                let same = self.waiting.iter_mut().filter(|noted| key(&noted.request).as_deref() == Some(&id));
                same.for_each(|noted| noted.answered = true);
            }
            _ => self.done(&id),
        }
    }

    /// All of this eval was shown; or nobody wants to see it, or it run.
    pub(crate) fn finished(&mut self, eval: EvalId) {
        self.done(&format!("eval {eval}"));
    }

    /// Nobody wants this done any more.
    pub(crate) fn given_up(&mut self, request: &Message) {
        if let Some(id) = key(request) {
            self.done(&id);
        }
    }

    fn done(&mut self, id: &str) {
        let before = self.waiting.len();
        self.waiting.retain(|noted| key(&noted.request).as_deref() != Some(id));
        if self.waiting.len() == before {
            return;
        }
        if self.waiting.is_empty() {
            self.end = self.head;
            // Lost, it would be asked for once more, and found to be done.
            let _ = self.file.set_len(self.head);
            if !self.draft.is_empty() {
                self.write_draft();
            }
        } else {
            self.append(&json!({ "done": id }));
        }
    }

    /// Where the disk is full it goes on in memory, and says so.
    fn append(&mut self, line: &Value) {
        let mut line = line.to_string().into_bytes();
        line.push(b'\n');
        let written = if self.end + line.len() as u64 > MOST {
            Err(io::Error::other("too much waits already"))
        } else {
            self.file.write_all_at(&line, self.end)
        };
        match written {
            Ok(()) => {
                self.end += line.len() as u64;
                self.told = false;
                // It stood where this line stands now.
                if !self.draft.is_empty() {
                    self.write_draft();
                }
            }
            Err(why) => {
                // Half a line would hide those that follow.
                let _ = self.file.set_len(self.end);
                if !std::mem::replace(&mut self.told, true) {
                    self.trouble = Some(why.to_string());
                }
            }
        }
    }

    /// Why something could not be noted; said once.
    pub(crate) fn trouble(&mut self) -> Option<String> {
        self.trouble.take()
    }

    /// The terminal leaves by itself: what runs lives on and is told when somebody comes back. What nobody has had stays, and
    /// the file with it.
    pub(crate) fn leave(&mut self) {
        let answered: Vec<String> =
            self.waiting.iter().filter(|noted| noted.answered).filter_map(|noted| key(&noted.request)).collect();
        answered.iter().for_each(|id| self.done(id));
        if self.is_idle() {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// What makes a request the same one again; nothing for what is not noted.
fn key(request: &Message) -> Option<String> {
    let (kind, id) = match request {
        Message::Submit(m) => return Some(format!("eval {}", m.eval)),
        Message::Interrupt(m) => ("interrupt", m.id),
        Message::Restart(m) => ("restart", m.id),
        Message::Kill(m) => ("kill", m.id),
        Message::Redact(m) => ("redact", m.id),
        Message::Share(m) => ("share", m.id),
        Message::Unshare(m) => ("unshare", m.id),
        _ => return None,
    };
    Some(format!("{kind} {id}"))
}

/// The first line, always of the same length: it is written over in one go.
fn place(shown: Option<Cursor>) -> String {
    let Cursor { epoch, seq } = shown.unwrap_or(Cursor { epoch: 0, seq: 0 });
    format!("{FIRST}{epoch:020} {seq:020}\n")
}

/// What it says: nothing yet, or this. None where it is no such line.
fn shown_by(line: &[u8]) -> Option<Option<Cursor>> {
    let text = std::str::from_utf8(line).ok()?.strip_prefix(FIRST)?.strip_suffix('\n')?;
    let (epoch, seq) = text.split_once(' ')?;
    let cursor = Cursor { epoch: epoch.parse().ok()?, seq: seq.parse().ok()? };
    Some(Some(cursor).filter(|cursor| cursor.epoch > 0))
}

pub(super) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
