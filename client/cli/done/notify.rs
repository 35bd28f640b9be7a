//! Word to somebody who looks at another window: by the terminal, where it is known to pass it on, or by the desktop.

use std::io::IsTerminal;

/// How word is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Off,
    /// As iTerm2 made it.
    Osc9 {
        tmux: bool,
    },
    /// As rxvt made it.
    Osc777 {
        tmux: bool,
    },
    Bell,
    /// A program that most desktops have.
    NotifySend,
}

impl Way {
    pub(crate) fn of_this_terminal() -> Self {
        if !std::io::stdout().is_terminal() {
            return Self::Off;
        }
        Self::by(&|name| std::env::var(name).unwrap_or_default(), &|| on_the_path("notify-send"))
    }

    fn by(var: &dyn Fn(&str) -> String, has_notify_send: &dyn Fn() -> bool) -> Self {
        let (term, program) = (var("TERM"), var("TERM_PROGRAM").to_ascii_lowercase());
        let tmux = !var("TMUX").is_empty();
        match var("RIALTO_NOTIFY").as_str() {
            "osc9" => return Self::Osc9 { tmux },
            "osc777" => return Self::Osc777 { tmux },
            "bell" => return Self::Bell,
            "notify-send" => return Self::NotifySend,
            "" => {}
            _ => return Self::Off,
        }
        if term == "dumb" || term.is_empty() {
            return Self::Off;
        }
        let is = |name: &str| term.starts_with(name) || program.starts_with(name);
        // tmux and screen hide what is behind them, and may show what they do not know.
        let hidden = tmux || term.starts_with("screen") || term.starts_with("tmux") || !var("STY").is_empty();
        if !hidden && (is("iterm") || is("wezterm") || is("xterm-ghostty") || is("ghostty") || is("xterm-kitty")) {
            return Self::Osc9 { tmux: false };
        }
        if !hidden && is("foot") {
            return Self::Osc777 { tmux: false };
        }
        let desktop = !var("DISPLAY").is_empty() || !var("WAYLAND_DISPLAY").is_empty();
        // Over ssh the desktop is another machine's.
        if desktop && var("SSH_CONNECTION").is_empty() && has_notify_send() {
            return Self::NotifySend;
        }
        Self::Off
    }

    /// What is to be written to the terminal, where it is the terminal that sends word.
    pub(super) fn sequence(self, text: &str) -> Option<String> {
        let wrapped = |sequence: String, tmux: bool| {
            if tmux { format!("\x1bPtmux;{}\x1b\\", sequence.replace('\x1b', "\x1b\x1b")) } else { sequence }
        };
        // It begins with a word: some terminals take numbers there for other orders.
        match self {
            Self::Osc9 { tmux } => Some(wrapped(format!("\x1b]9;rialto: {text}\x07"), tmux)),
            Self::Osc777 { tmux } => Some(wrapped(format!("\x1b]777;notify;rialto;{}\x07", text.replace(';', ",")), tmux)),
            Self::Bell => Some("\x07".to_owned()),
            Self::Off | Self::NotifySend => None,
        }
    }
}

fn on_the_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(set: &[(&str, &str)], has_notify_send: bool) -> Way {
        let var = |name: &str| set.iter().find(|(n, _)| *n == name).map_or_else(String::new, |(_, value)| (*value).to_owned());
        Way::by(&var, &|| has_notify_send)
    }

    #[test]
    fn only_a_terminal_that_is_known_to_is_asked_by_itself() {
        let xterm = ("TERM", "xterm-256color");
        assert_eq!(way(&[("TERM", "xterm-kitty")], false), Way::Osc9 { tmux: false });
        assert_eq!(way(&[xterm, ("TERM_PROGRAM", "WezTerm")], true), Way::Osc9 { tmux: false });
        assert_eq!(way(&[("TERM", "foot-extra")], false), Way::Osc777 { tmux: false });
        assert_eq!(way(&[xterm], true), Way::Off);
        assert_eq!(way(&[("TERM", "tmux-256color"), ("TMUX", "x"), ("TERM_PROGRAM", "iTerm.app")], false), Way::Off);
        assert_eq!(way(&[xterm, ("DISPLAY", ":0")], true), Way::NotifySend);
        assert_eq!(way(&[xterm, ("DISPLAY", ":0")], false), Way::Off);
        assert_eq!(way(&[xterm, ("DISPLAY", "localhost:10"), ("SSH_CONNECTION", "a b")], true), Way::Off);
        assert_eq!(way(&[("TERM", "dumb"), ("WAYLAND_DISPLAY", "w")], true), Way::Off);
    }

    #[test]
    fn what_the_user_says_goes() {
        let kitty = ("TERM", "xterm-kitty");
        assert_eq!(way(&[kitty, ("RIALTO_NOTIFY", "off")], true), Way::Off);
        assert_eq!(way(&[kitty, ("RIALTO_NOTIFY", "bell")], true), Way::Bell);
        assert_eq!(way(&[("TERM", "dumb"), ("RIALTO_NOTIFY", "osc777"), ("TMUX", "x")], true), Way::Osc777 { tmux: true });
        assert_eq!(Way::Osc777 { tmux: false }.sequence("a;b").unwrap(), "\x1b]777;notify;rialto;a,b\x07");
        assert_eq!(Way::Osc9 { tmux: true }.sequence("a").unwrap(), "\x1bPtmux;\x1b\x1b]9;rialto: a\x07\x1b\\");
    }
}
