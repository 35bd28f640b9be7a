//! `rialto audit`: who came in from outside, who was refused, and who asked for more than they may. (What was run in a session,
//! and by whom, is `rialto logs --audit`.)

use crate::args::PlaceArgs;
use crate::exit::Failure;
use crate::logs::clock;
use crate::{ls, paint, token};
use clap::Args;
use rialto_bridge::auth::audit::{Audit, Line, What};
use rialto_bridge::home::Home;
use std::io::Write;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rialto audit                                   the last hundred lines
  rialto audit -n 1000 --json | jq 'select(.what == \"refused\")'

It is of this machine's daemons, sessions and tokens of yours. It holds at most two mebibytes; the oldest goes first.
")]
pub(crate) struct AuditArgs {
    /// So many lines, the last ones
    #[arg(short = 'n', long, value_name = "LINES", default_value = "100")]
    lines: usize,
    /// Print JSON lines
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(place: &PlaceArgs, args: &AuditArgs) -> Result<u8, Failure> {
    token::here(place, "the audit log is on the machine that keeps it")?;
    let audit = Audit::of(&Home::find()?);
    let all = audit.read()?;
    if all.is_empty() {
        paint::talk("nobody has come from outside, and nobody was refused");
    }
    let mut out = std::io::stdout().lock();
    for line in all.iter().skip(all.len().saturating_sub(args.lines)) {
        if args.json {
            serde_json::to_writer(&mut out, line).map_err(std::io::Error::from)?;
            writeln!(out)?;
        } else {
            writeln!(out, "{}", said(line))?;
        }
    }
    out.flush()?;
    Ok(0)
}

fn said(line: &Line) -> String {
    let what = match line.what {
        What::LetIn => "let in",
        What::Refused => "refused",
        What::Denied => "denied",
        What::Closed => "closed",
        What::Limited => "limited",
        What::Made => "made",
        What::Revoked => "revoked",
        What::Other => "other",
    };
    let mut text = format!("{}  {what:<8}", clock::when(line.at_ms));
    let parts =
        [("", line.principal.as_str()), ("from ", line.from.as_str()), ("in ", line.session.as_str()), ("", line.text.as_str())];
    for (before, part) in parts.iter().filter(|(_, part)| !part.is_empty()) {
        text.push_str("  ");
        text.push_str(before);
        // What a stranger wrote must not draw on the screen.
        text.push_str(&ls::plain(part));
    }
    if line.unwritten > 0 {
        text.push_str(&format!("  (after {} more that were not written)", line.unwritten));
    }
    text
}
