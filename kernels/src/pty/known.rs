//! Programs whose ways are known: what they show before they read, what they should find in their environment, how they are left.
//! Of any other the prompt is learnt.

use super::code::Language;

#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// What it speaks, for whoever colours code.
    pub(super) speaks: &'static str,
    pub(super) prompt: Option<&'static str>,
    pub(super) more: Option<&'static str>,
    pub(super) language: Language,
    pub(super) environment: &'static [(&'static str, &'static str)],
    /// Typed once, before anything else.
    pub(super) first: &'static [&'static str],
    /// What is typed to leave it.
    pub(super) leave: Option<&'static str>,
    /// Typed one after the other where an interrupt does not take back what is half typed: none of them may ever run anything.
    pub(super) cancel: &'static [&'static str],
    /// It draws on the whole screen.
    pub(super) draws: bool,
}

const ANY: Known = Known {
    speaks: "",
    prompt: None,
    more: None,
    language: Language::Any,
    environment: &[],
    first: &[],
    leave: None,
    cancel: &[],
    draws: false,
};

/// An interpreter that was given a program to run is that program.
fn runs_another(arguments: &[String]) -> bool {
    let is_code = |word: &String| !word.starts_with('-') || ["-c", "-e", "-m", "-p"].contains(&word.as_str());
    !arguments.iter().any(|word| word == "-i") && arguments.iter().any(is_code)
}

/// By the name of the program's file, and what it is started with.
pub(super) fn of(program: &str, arguments: &[String]) -> Known {
    let interprets = ["python", "lua", "node", "bash", "irb"].iter().any(|name| program.starts_with(name));
    let known = match program {
        _ if interprets && runs_another(arguments) => ANY,
        "sqlite3" => Known {
            speaks: "sql",
            prompt: Some("sqlite> "),
            more: Some("^.{0,8}\\.\\.\\.> "),
            language: Language::Sql('.'),
            leave: Some(".quit"),
            // Whatever is open, one of these closes it, and none is a statement.
            cancel: &[") (cancelled; end;", "' ) (cancelled; end;", "\" ) (cancelled; end;", "*/ ) (cancelled; end;"],
            ..ANY
        },
        "psql" => Known {
            speaks: "sql",
            prompt: Some("^[^\\s'\"]*[=!^@][*!?]?[#>] "),
            more: Some("^[^\\s'\"]*[-*'\"$(][*!?]?[#>] "),
            language: Language::Sql('\\'),
            leave: Some("\\q"),
            ..ANY
        },
        "mysql" | "mariadb" => Known {
            speaks: "sql",
            prompt: Some("^(mysql|MariaDB \\[[^\\]]*\\])> "),
            more: Some("^ {0,40}[-'\"`/*]{1,2}> "),
            language: Language::Sql('\\'),
            leave: Some("\\q"),
            ..ANY
        },
        "gdb" | "gdb-multiarch" => Known {
            speaks: "gdb",
            prompt: Some("\\(gdb\\) "),
            more: Some("^ *>"),
            first: &["set pagination off", "set style enabled off"],
            leave: Some("quit"),
            ..ANY
        },
        "node" | "nodejs" => Known {
            speaks: "javascript",
            prompt: Some("> "),
            more: Some("^(\\.\\.\\.|\\|)[. ]*"),
            // Its own editor of lines draws where this reads.
            environment: &[("NODE_NO_READLINE", "1")],
            leave: Some(".exit"),
            ..ANY
        },
        "irb" => Known {
            speaks: "ruby",
            prompt: Some("irb\\([^)]*\\):\\d+(:\\d+)?> "),
            more: Some("irb\\([^)]*\\):\\d+(:\\d+)?[*'\"/\\]] "),
            leave: Some("exit"),
            ..ANY
        },
        "ghci" => {
            Known { speaks: "haskell", prompt: Some("^[\\w.* ]+> "), more: Some("^[\\w.* ]+\\| "), leave: Some(":quit"), ..ANY }
        }
        // Their own prompts are whatever the user's files make of them.
        "bash" => Known {
            speaks: "bash",
            prompt: Some("bash\\$ "),
            more: Some("^> "),
            first: &["unset PROMPT_COMMAND; PS1='bash$ ' PS2='> '"],
            leave: Some("exit"),
            ..ANY
        },
        "vi" | "vim" | "nvim" | "view" | "nano" | "emacs" | "less" | "more" | "man" | "htop" | "top" | "btop" | "mc" | "tmux"
        | "screen" => Known { draws: true, ..ANY },
        _ if program.starts_with("python") => Known {
            speaks: "python",
            prompt: Some(">>> "),
            more: Some("^\\.\\.\\. "),
            language: Language::Python,
            // From 3.13 on its prompt draws.
            environment: &[("PYTHON_BASIC_REPL", "1")],
            leave: Some("exit()"),
            ..ANY
        },
        _ if program.starts_with("lua") => {
            Known { speaks: "lua", prompt: Some("> "), more: Some("^>> "), leave: Some("os.exit()"), ..ANY }
        }
        _ => ANY,
    };
    let speaks = if known.speaks.is_empty() { "text" } else { known.speaks };
    Known { speaks, ..known }
}
