//! `rialto completions SHELL` and `rialto man`: both made of the command line's own description, so that neither can be out of
//! date.

use crate::args::{Args, CompletionsArgs};
use crate::exit::Failure;
use clap::CommandFactory;
use clap_mangen::Man;
use std::io::Write;

const NOTES: &str = r".SH EXIT STATUS
0 ok; 1 an error in the code, or the command could not do what it was asked; N after the code's own exit(N);
64 the command line cannot be understood; 69 no connection: no such session, no supervisor, no daemon;
70 the kernel died, or an internal fault; 74 reading or writing failed; 77 not allowed; 124 timeout; 130 interrupted.
.SH ENVIRONMENT
.TP
\fBRIALTO_AT\fR
Where the sessions are, as \fB\-\-at\fR.
.TP
\fBRIALTO_STATE_DIR\fR, \fBRIALTO_RUNTIME_DIR\fR
Whole paths of other folders for journals and for sockets; they are for tests.
.TP
\fBRIALTO_LOG\fR
What supervisors and the daemon write to their logs, such as \fBinfo\fR or \fBrialto_bridge=debug\fR.
.TP
\fBNO_COLOR\fR
No colours.
.SH FILES
.TP
\fI~/.local/state/rialto/MACHINE/sessions/ID/\fR
A session: its journal, its lock, its log.
.TP
\fI/run/user/UID/rialto/\fR, else \fI/tmp/rialto\-UID/\fR
Sockets.
";

pub(crate) fn run(args: &CompletionsArgs) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "rialto", &mut script);
    written(&script)
}

pub(crate) fn man() -> Result<u8, Failure> {
    written(&page()?)
}

/// One page for all of it: whoever types `man rialto` wants to search.
fn page() -> std::io::Result<Vec<u8>> {
    let mut command = Args::command();
    command.build();
    let mut page = Vec::new();
    let man = Man::new(command.clone());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help") {
        writeln!(page, ".SH RIALTO {}", sub.get_name().to_uppercase())?;
        if let Some(about) = sub.get_about() {
            writeln!(page, "{about}.")?;
        }
        let man = Man::new(sub.clone());
        let mut part = Vec::new();
        man.render_synopsis_section(&mut part)?;
        man.render_options_section(&mut part)?;
        if sub.get_after_help().is_some() {
            man.render_extra_section(&mut part)?;
        }
        page.extend_from_slice(String::from_utf8_lossy(&part).replace(".SH ", ".SS ").as_bytes());
    }
    page.extend_from_slice(NOTES.as_bytes());
    man.render_extra_section(&mut page)?;
    man.render_version_section(&mut page)?;
    Ok(page)
}

fn written(bytes: &[u8]) -> Result<u8, Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_command_and_no_hidden_one() {
        let page = String::from_utf8(page().unwrap()).unwrap();
        for sub in Args::command().get_subcommands().filter(|sub| !sub.is_hide_set()) {
            assert!(page.contains(&format!(".SH RIALTO {}", sub.get_name().to_uppercase())), "{}", sub.get_name());
        }
        assert!(!page.contains("SUPERVISE") && page.contains(r"\-\-force\-after"));
    }
}
