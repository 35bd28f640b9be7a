//! What stands behind tmux. It passes on what is wrapped for it, where its owner allows that.

use super::detect::{Found, Protocol, by_name};
use std::process::{Command, Stdio};

/// Asks tmux about its terminal.
pub(super) fn what_it_passes_on() -> Found {
    let asked = Command::new("tmux")
        .args(["display-message", "-p", "#{allow-passthrough}\t#{client_termname}\t#{client_termtype}"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    asked.map_or(Found::Never, |output| of(&String::from_utf8_lossy(&output.stdout)))
}

pub(super) fn of(answer: &str) -> Found {
    let mut parts = answer.trim_end().split('\t');
    let (passes, name, kind) = (parts.next(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    match (by_name(name, kind), passes) {
        // It draws these itself where it can, and is asked for that.
        (Some(protocol @ (Protocol::Kitty | Protocol::Iterm)), Some("on" | "all" | "1")) => Found::Known { protocol, tmux: true },
        _ => Found::Ask { tmux: false },
    }
}

/// Wraps a sequence for it.
#[cfg_attr(not(feature = "images"), allow(dead_code, reason = "only what is drawn is wrapped"))]
pub(super) fn wrapped(sequence: &str) -> String {
    format!("\x1bPtmux;{}\x1b\\", sequence.replace('\x1b', "\x1b\x1b"))
}
