//! Every command: its name, what it takes, what it does. `:help`, completion and the search for what was meant read this.

/// What a command is about; the order of `:help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    Sessions,
    Running,
    Past,
    Files,
    Terminal,
}

impl Group {
    pub(super) const ALL: [Self; 5] = [Self::Sessions, Self::Running, Self::Past, Self::Files, Self::Terminal];

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Sessions => "Sessions",
            Self::Running => "What runs",
            Self::Past => "What happened",
            Self::Files => "Files and the clipboard",
            Self::Terminal => "This terminal",
        }
    }
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Help,
    Sessions,
    Kernels,
    Attach,
    Detach,
    Restart,
    RestartNow,
    Interrupt,
    Force,
    Who,
    Stats,
    History,
    Tail,
    More,
    Replay,
    Redact,
    Save,
    SaveOver,
    Load,
    Copy,
    Export,
    ExportOver,
    Quit,
    End,
    EndNow,
}

/// One command.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) verb: Verb,
    pub(super) name: &'static str,
    /// What it is also called.
    pub(super) also: &'static [&'static str],
    pub(super) takes: &'static str,
    pub(super) group: Group,
    pub(super) what: &'static str,
    pub(super) example: &'static str,
    /// What `:help NAME` adds.
    pub(super) more: &'static str,
}

pub(super) const ALL: [Command; 25] = [
    Command {
        verb: Verb::Sessions,
        name: "sessions",
        also: &["ls"],
        takes: "",
        group: Group::Sessions,
        what: "what lives here, and what it is doing",
        example: ":sessions",
        more: "As `rialto ls` prints it. The session you are in is the one the prompt talks to; :attach changes it.",
    },
    Command {
        verb: Verb::Kernels,
        name: "kernels",
        also: &[],
        takes: "",
        group: Group::Sessions,
        what: "the interpreters a new session can have",
        example: ":kernels",
        more: "As `rialto kernels` prints it: those of the machine this terminal runs on.",
    },
    Command {
        verb: Verb::Attach,
        name: "attach",
        also: &[],
        takes: "SESSION",
        group: Group::Sessions,
        what: "leave this session for another one",
        example: ":attach work",
        more: "By its name, its id or the beginning of one. This session lives on, and so does whatever runs in it. It never makes a \
               session: `rialto NAME` does.",
    },
    Command {
        verb: Verb::Restart,
        name: "restart",
        also: &[],
        takes: "",
        group: Group::Sessions,
        what: "a fresh kernel; what earlier evals made is gone",
        example: ":restart",
        more: "The session, its history and everybody attached stay. Where something runs or waits it says what would be lost, and asks.",
    },
    Command {
        verb: Verb::RestartNow,
        name: "restart!",
        also: &[],
        takes: "",
        group: Group::Sessions,
        what: "the same, and asks nothing",
        example: ":restart!",
        more: "What runs is ended, and what waits never runs.",
    },
    Command {
        verb: Verb::Who,
        name: "who",
        also: &[],
        takes: "",
        group: Group::Sessions,
        what: "who is attached, what runs, what waits",
        example: ":who",
        more: "",
    },
    Command {
        verb: Verb::Interrupt,
        name: "interrupt",
        also: &[],
        takes: "[N]",
        group: Group::Running,
        what: "stop what runs, or eval N, whoever sent it",
        example: ":interrupt 12",
        more: "It stops the eval it names and never another one: if that has ended meanwhile, nothing is hit. An eval that waits is \
               taken out of the queue. What became of it is said when it is known. While your own eval runs, Ctrl-C does the same.",
    },
    Command {
        verb: Verb::Force,
        name: "interrupt!",
        also: &[],
        takes: "[N]",
        group: Group::Running,
        what: "the same, and end the kernel where need be",
        example: ":interrupt! 12",
        more: "For code that goes on after an interrupt. The session lives on, with a fresh kernel; what evals made is gone.",
    },
    Command {
        verb: Verb::Stats,
        name: "stats",
        also: &[],
        takes: "",
        group: Group::Running,
        what: "counts, sizes, the link, the processes",
        example: ":stats",
        more: "",
    },
    Command {
        verb: Verb::History,
        name: "history",
        also: &["hist"],
        takes: "[-g] [PATTERN]",
        group: Group::Past,
        what: "what was run here; -g: what was typed anywhere",
        example: ":history import",
        more: "Of this session: by whomever, from its journal, the last 100 evals, or with PATTERN all that contain it. With -g: what was \
               typed in terminals of this user, whatever the session. Ctrl-R searches that one while typing.",
    },
    Command {
        verb: Verb::Tail,
        name: "tail",
        also: &[],
        takes: "[LINES]",
        group: Group::Past,
        what: "the last lines of output, whoever made them",
        example: ":tail 50",
        more: "20 lines where no number is given.",
    },
    Command {
        verb: Verb::More,
        name: "more",
        also: &[],
        takes: "[N]",
        group: Group::Past,
        what: "page all the output of the last eval, or of N",
        example: ":more",
        more: "Through $PAGER, else `less -R`; where there is neither, all of it is printed.",
    },
    Command {
        verb: Verb::Replay,
        name: "replay",
        also: &[],
        takes: "[N]",
        group: Group::Past,
        what: "what happened while you were away, or eval N",
        example: ":replay 12",
        more: "Everything from where a terminal of this user last looked before you came, as `rialto logs` tells it. For all that ever \
               happened: rialto logs SESSION.",
    },
    Command {
        verb: Verb::Redact,
        name: "redact",
        also: &[],
        takes: "N",
        group: Group::Past,
        what: "remove the text and output of eval N",
        example: ":redact 12",
        more: "That it ran, when, by whom, and a hash of its code stay on record. It asks before it does.",
    },
    Command {
        verb: Verb::Save,
        name: "save",
        also: &[],
        takes: "N [FILE]",
        group: Group::Files,
        what: "write what eval N showed: an image, a value",
        example: ":save 12 plot.png",
        more: "N.2 is the second thing it showed. The ending of FILE chooses the form (.png, .svg, .html, .json, .txt); without FILE the \
               richest form is written, named after the session and the eval. A file that is there is left alone; with ! it is written over.",
    },
    Command {
        verb: Verb::SaveOver,
        name: "save!",
        also: &[],
        takes: "N [FILE]",
        group: Group::Files,
        what: "the same, over a file that is there",
        example: ":save! 12 plot.png",
        more: "",
    },
    Command {
        verb: Verb::Load,
        name: "load",
        also: &[],
        takes: "FILE",
        group: Group::Files,
        what: "run a file of this machine, as one eval",
        example: ":load setup.py",
        more: "What it defines stays in the session, as if it had been pasted.",
    },
    Command {
        verb: Verb::Copy,
        name: "copy",
        also: &[],
        takes: "[out] [N]",
        group: Group::Files,
        what: "an eval's code or output to the clipboard",
        example: ":copy out 12",
        more: "Without N: of the last eval of this session. By OSC 52, so it works over ssh where the terminal allows it, and no terminal says \
               whether it did; in tmux: `set -g set-clipboard on`.",
    },
    Command {
        verb: Verb::Export,
        name: "export",
        also: &["transcript"],
        takes: "FILE",
        group: Group::Files,
        what: "the session as .ipynb, .md, .py, .jsonl or .txt",
        example: ":export work.ipynb",
        more: "From the journal: everything that was run, by whomever, with its output. A file that is there is left alone; with ! it is written over.",
    },
    Command {
        verb: Verb::ExportOver,
        name: "export!",
        also: &[],
        takes: "FILE",
        group: Group::Files,
        what: "the same, over a file that is there",
        example: ":export! work.ipynb",
        more: "",
    },
    Command {
        verb: Verb::Help,
        name: "help",
        also: &["h", "?"],
        takes: "[COMMAND]",
        group: Group::Terminal,
        what: "this, or more about one command",
        example: ":help export",
        more: "",
    },
    Command {
        verb: Verb::Detach,
        name: "detach",
        also: &["d"],
        takes: "",
        group: Group::Terminal,
        what: "leave; everything lives on (Ctrl-D)",
        example: ":detach",
        more: "`rialto SESSION` comes back to the same variables, and to what happened meanwhile.",
    },
    Command {
        verb: Verb::Quit,
        name: "quit",
        also: &["q", "exit"],
        takes: "",
        group: Group::Terminal,
        what: "says how to leave and how to end",
        example: ":quit",
        more: "",
    },
    Command {
        verb: Verb::End,
        name: "quit!",
        also: &["q!"],
        takes: "",
        group: Group::Terminal,
        what: "end the session and its kernel",
        example: ":quit!",
        more: "What happened in it stays readable with `rialto logs`, until `rialto rm`. Where something runs or waits it says what would be lost, \
               and asks.",
    },
    Command {
        verb: Verb::EndNow,
        name: "quit!!",
        also: &["q!!"],
        takes: "",
        group: Group::Terminal,
        what: "the same, and asks nothing",
        example: ":quit!!",
        more: "",
    },
];

/// The names that completion offers.
pub(in crate::repl) fn names() -> Vec<&'static str> {
    ALL.iter().map(|command| command.name).collect()
}

/// The command of this name.
pub(super) fn find(name: &str) -> Option<&'static Command> {
    ALL.iter().find(|command| command.name == name || command.also.contains(&name))
}

/// The command that was meant, as far as one can tell.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    // What begins so is meant rather than what merely looks like it.
    let begins = ALL.iter().find(|command| !name.is_empty() && command.name.starts_with(name));
    let alike = || {
        let by_distance = ALL.iter().map(|command| (strsim::damerau_levenshtein(name, command.name), command));
        by_distance.min_by_key(|(distance, _)| *distance).filter(|(distance, _)| *distance <= 2).map(|(_, command)| command)
    };
    begins.or_else(alike).map(|command| command.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_means_one_command() {
        let mut all: Vec<&str> = ALL.iter().flat_map(|c| c.also.iter().copied().chain([c.name])).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
        assert!(ALL.iter().all(|c| c.example.starts_with(&format!(":{}", c.name))), "an example shows its own command");
        assert!(ALL.iter().all(|c| find(c.name).is_some_and(|found| found.verb == c.verb)));
    }

    #[test]
    fn what_was_meant_is_found() {
        assert_eq!(nearest("exprot"), Some("export"));
        assert_eq!(nearest("hep"), Some("help"));
        assert_eq!(nearest("sess"), Some("sessions"));
        assert_eq!(nearest("attahc"), Some("attach"));
        assert_eq!((nearest("xyzzy"), nearest("")), (None, None));
    }
}
