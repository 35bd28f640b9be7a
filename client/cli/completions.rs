//! `rialto completions SHELL` and `rialto man`: both made of the command line's own description, so that neither can be out of
//! date. What a shell sources asks the program at each Tab: only it knows the sessions there are.

use crate::args::{Args, CompletionsArgs};
use crate::exit::Failure;
use clap::CommandFactory;
use clap_complete::CompleteEnv;
use clap_complete::engine::CompletionCandidate;
use clap_complete::env::Shells;
use clap_mangen::Man;
use rialto_bridge::home::Home;
use std::io::Write;

const NOTES: &str = r".SH EXIT STATUS
0 ok; 1 an error in the code, or the command could not do what it was asked; N after the code's own exit(N);
64 the command line cannot be understood; 65 and 66 a journal is broken, or older than it should be (\fBverify\fR); 69 no connection: no such session, no supervisor, no daemon;
70 the kernel died, or an internal fault; 74 reading or writing failed; 77 not allowed; 124 timeout; 130 interrupted.
.SH ENVIRONMENT
.TP
\fBRIALTO_AT\fR
Where the sessions are, as \fB\-\-at\fR.
.TP
\fBRIALTO_TOKEN\fR
The token for a \fBwss://\fR place whose settings name none.
.TP
\fBRIALTO_CULL_AFTER\fR
How long new sessions live without use, as \fB\-\-cull\-after\fR.
.TP
\fBRIALTO_STATE_DIR\fR, \fBRIALTO_RUNTIME_DIR\fR
Whole paths of other folders for journals and for sockets; they are for tests.
.TP
\fBRIALTO_LOG\fR
What supervisors and the daemon write to their logs, such as \fBinfo\fR or \fBrialto_bridge=debug\fR.
.TP
\fBTRACEPARENT\fR
The trace that what \fBexec\fR runs belongs to (W3C trace context).
.TP
\fBRIALTO_EDIT_MODE\fR
\fBvi\fR or \fBemacs\fR, as \fB\-\-edit\-mode\fR.
.TP
\fBRIALTO_IMAGES\fR
How the terminal draws pictures: \fBkitty\fR, \fBiterm\fR, \fBsixel\fR, or \fBoff\fR. Otherwise it is asked.
.TP
\fBRIALTO_STATUS\fR
\fBoff\fR: no line with a clock while something runs, no window title.
.TP
\fBRIALTO_NOTIFY\fR
How a terminal client sends word of a long eval's end: \fBosc9\fR, \fBosc777\fR, \fBbell\fR, \fBnotify\-send\fR, or \fBoff\fR. Otherwise by the terminal where it is known to
pass it on, else by the desktop where there is one.
.TP
\fBRIALTO_ON_DONE_AFTER\fR
What is a long eval, in seconds, as \fB\-\-on\-done\-after\fR.
.TP
\fBNO_COLOR\fR
No colours.
.SH FILES
.TP
\fI~/.local/state/rialto/MACHINE/sessions/ID/\fR
A session: its journal, its lock, its log.
.TP
\fI~/.config/rialto/kernels.toml\fR, \fI.rialto.toml\fR of a project
Kernels with names of your own.
.TP
\fI~/.config/rialto/places.toml\fR
Places with names, as \fBrialto places\fR writes them.
.TP
\fI/run/user/UID/rialto/\fR, else \fI/tmp/rialto\-UID/\fR
Sockets.
";

/// Set by what the shell sources, for the question that it asks at a Tab.
const ASKS: &str = "RIALTO_COMPLETE";
/// Sessions that are offered. More would be no help, and each costs reading a file.
const MOST: usize = 200;

/// Answers a shell that asks what could stand at the cursor. False where none asks: then the program runs.
///
/// # Errors
/// Where the question is none, or nobody reads the answer.
pub(crate) fn answer() -> Result<bool, Failure> {
    let asked = CompleteEnv::with_factory(Args::command).var(ASKS).bin("rialto").try_complete(std::env::args_os(), None);
    asked.map_err(|e| Failure::usage(e.to_string()))
}

pub(crate) fn run(args: &CompletionsArgs) -> Result<u8, Failure> {
    let name = args.shell.to_string();
    let shells = Shells::builtins();
    let shell = shells.completer(&name).ok_or_else(|| Failure::usage(format!("{name} has no completions here")))?;
    let mut script = Vec::new();
    shell.write_registration(ASKS, "rialto", "rialto", "rialto", &mut script)?;
    written(&script)
}

/// The sessions of this machine, living ones first.
pub(crate) fn sessions() -> Vec<CompletionCandidate> {
    // A Tab is no moment for complaints: where nothing can be read nothing is offered.
    let Ok(all) = Home::find().and_then(|home| home.sessions()) else { return Vec::new() };
    let specs = all.iter().take(MOST).filter_map(|session| Some((session.ended(), session.spec().ok()?)));
    let mut specs: Vec<_> = specs.collect();
    specs.sort_by_key(|(ended, spec)| (*ended, std::cmp::Reverse(spec.created_ms)));
    let candidate = |(n, (ended, spec)): (usize, (bool, rialto_bridge::home::Spec))| {
        let name = spec.name.map_or_else(|| spec.id.to_string(), |name| name.to_string());
        let what = if ended { format!("{}, ended", spec.kernel) } else { spec.kernel };
        CompletionCandidate::new(name).help(Some(what.into())).display_order(Some(n))
    };
    specs.into_iter().enumerate().map(candidate).collect()
}

/// The places that have a name.
pub(crate) fn places() -> Vec<CompletionCandidate> {
    let all = crate::place::kept::all().unwrap_or_default().into_iter().take(MOST);
    all.map(|(name, kept)| CompletionCandidate::new(name).help(kept.get("at").map(|at| at.to_owned().into()))).collect()
}

/// The kernels that can be run here.
pub(crate) fn kernels() -> Vec<CompletionCandidate> {
    let own = rialto_kernels::profiles::of_user().unwrap_or_default().profiles.into_keys();
    rialto_kernels::known().into_iter().map(|kernel| kernel.name).chain(own).map(CompletionCandidate::new).collect()
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
