//! One session as a line of text.

use comfy_table::Color;
use rialto_client::protocol::Scope;
use rialto_client::protocol::message::{Listed, Memory, Status};

pub(super) const HEADER: [&str; 9] = ["SESSION", "KERNEL", "STATE", "CLIENTS", "QUEUE", "EVALS", "MEMORY", "AGE", "FOLDER"];
/// The column of the state.
pub(super) const STATE: usize = 2;

/// What colour says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    Idle,
    Busy,
    Trouble,
    Over,
}

impl Mood {
    fn of(state: &str) -> Self {
        match state {
            "idle" => Self::Idle,
            "running" | "starting" | "ending" => Self::Busy,
            "ended" => Self::Over,
            _ => Self::Trouble,
        }
    }

    pub(super) const fn colour(self) -> Option<Color> {
        match self {
            Self::Idle => Some(Color::Green),
            Self::Busy => Some(Color::Yellow),
            Self::Trouble => Some(Color::Red),
            Self::Over => None,
        }
    }
}

pub(super) struct Row {
    pub(super) state: Mood,
    pub(super) cells: [String; 9],
}

impl Row {
    pub(super) fn of(listed: &Listed, now_ms: u64, home: &str) -> Self {
        let status = listed.status.as_ref();
        let name = listed.name.as_ref().map_or_else(|| listed.session.to_string(), ToString::to_string);
        let number = |of: &dyn Fn(&Status) -> u64| status.map_or_else(|| "-".to_owned(), |status| of(status).to_string());
        // Whoever asked for this list is no client of the session.
        let clients = |status: &Status| status.clients.iter().filter(|who| who.label != "list").count() as u64;
        Self {
            state: Mood::of(&listed.state),
            cells: [
                plain(&whose(&name, listed)),
                plain(&listed.kernel),
                state(listed),
                number(&clients),
                number(&|status| status.queued),
                number(&|status| status.evals),
                listed.memory.map_or_else(|| "-".to_owned(), memory),
                duration(now_ms.saturating_sub(listed.created_ms)),
                plain(&folder(&listed.cwd, home)),
            ],
        }
    }
}

/// `work`; `work (observe)` for who may not do everything there.
fn whose(name: &str, listed: &Listed) -> String {
    match listed.scope {
        Some(scope) if scope < Scope::Admin => format!("{name} ({scope})"),
        _ => name.to_owned(),
    }
}

/// Both processes together: `14.2M`; `~14.2M` where what they share with others is counted in full.
fn memory(memory: Memory) -> String {
    let mib = (memory.supervisor + memory.kernel) as f64 / f64::from(1 << 20);
    format!("{}{mib:.1}M", if memory.proportional { "" } else { "~" })
}

/// `running #12 3.2s`.
fn state(listed: &Listed) -> String {
    let Some(status) = &listed.status else { return plain(&listed.state) };
    let text = match (status.state.as_str(), status.running) {
        ("running", Some(n)) => format!("running #{n} {}", running(status.running_ms.unwrap_or(0))),
        ("no_kernel", _) => "no kernel".to_owned(),
        ("stalled", _) => format!("stalled: {}", status.stalled.as_deref().unwrap_or("for an unknown reason")),
        (other, _) => other.to_owned(),
    };
    plain(&text)
}

/// How long something has run: exact as long as that can matter.
fn running(ms: u64) -> String {
    if ms < 60_000 { format!("{}.{}s", ms / 1000, ms % 1000 / 100) } else { duration(ms) }
}

/// How long ago: two units at most.
pub(crate) fn duration(ms: u64) -> String {
    let s = ms / 1000;
    match s {
        0..60 => format!("{s}s"),
        60..3600 => format!("{}m", s / 60),
        3600..86_400 => format!("{}h{:02}m", s / 3600, s % 3600 / 60),
        _ => format!("{}d{}h", s / 86_400, s % 86_400 / 3600),
    }
}

/// A folder, the user's own one as `~`.
fn folder(cwd: &str, home: &str) -> String {
    match cwd.strip_prefix(home) {
        Some(rest) if home.len() > 1 && (rest.is_empty() || rest.starts_with('/')) => format!("~{rest}"),
        _ => cwd.to_owned(),
    }
}

/// Text in one line and one column, whatever it holds: a folder's name may be anything, an escape sequence too.
pub(crate) fn plain(text: &str) -> String {
    // What turns a line around, or is not seen at all, is what somebody else wrote to be misread.
    let hides = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    text.chars().map(|c| if c.is_control() || hides(c) { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(state: &str) -> Listed {
        Listed {
            session: "abcdefghij".parse().unwrap(),
            name: None,
            kernel: "python".into(),
            state: state.into(),
            created_ms: 1_000,
            cwd: "/home/u/app".into(),
            status: None,
            bytes: 0,
            owner: String::new(),
            scope: None,
            memory: None,
        }
    }

    #[test]
    fn ages_read_well() {
        let said: Vec<String> = [0, 59_999, 60_000, 3_660_000, 90_000_000].into_iter().map(duration).collect();
        assert_eq!(said, ["0s", "59s", "1m", "1h01m", "1d1h"]);
        assert_eq!((running(3_249).as_str(), running(61_000).as_str()), ("3.2s", "1m"));
    }

    #[test]
    fn a_session_without_a_supervisor_has_a_row_too() {
        let row = Row::of(&listed("dead"), 6_000, "/home/u");
        assert_eq!(row.cells, ["abcdefghij", "python", "dead", "-", "-", "-", "-", "5s", "~/app"]);
        assert_eq!(row.state, Mood::Trouble);
    }

    #[test]
    fn no_folder_escapes_its_column() {
        let evil = Listed { cwd: "/tmp/\x1b]0;x\x07\t\n".into(), ..listed("idle") };
        let row = Row::of(&evil, 0, "/");
        assert_eq!(row.cells[8], "/tmp/?]0;x???");
        assert_eq!(folder("/home/user2", "/home/u"), "/home/user2");
    }
}
