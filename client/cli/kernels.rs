//! `rialto kernels`: what can be run here, and what would run it.

use crate::args::PlaceArgs;
use crate::completions;
use crate::exit::Failure;
use crate::{check, ls, paint, project};
use clap_complete::engine::ArgValueCandidates;
use rialto_kernels::KernelSpec;
use serde_json::json;
use std::io::Write;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rialto kernels                                 what can be run here
  rialto kernels --check node                    whether it does what every kernel must, each promise tried
  rialto kernels --check 'pty:sqlite3'           the same of a program with a prompt, as far as it makes sense there
")]
pub(crate) struct KernelsArgs {
    /// Try what every kernel must do with these, in a session of their own (python, node, bash, jupyter:python3)
    #[arg(long, value_name = "KERNEL", value_delimiter = ',', add = ArgValueCandidates::new(completions::kernels))]
    pub(crate) check: Vec<String>,
    /// Print JSON lines
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(place: &PlaceArgs, args: &KernelsArgs) -> Result<u8, Failure> {
    if args.check.is_empty() { list(args.json) } else { check::run(&args.check, place.at.as_deref(), args.json) }
}

/// What can be run here.
pub(crate) fn list(as_json: bool) -> Result<u8, Failure> {
    let mut known = rialto_kernels::known();
    for spec in known.iter_mut().filter(|spec| spec.version.is_none()) {
        spec.version = rialto_kernels::version(spec);
    }
    if as_json {
        let mut out = std::io::stdout().lock();
        for KernelSpec { name, language, program, version, found } in &known {
            let line = json!({ "name": name, "language": language, "program": program, "version": version, "found": found });
            writeln!(out, "{line}")?;
        }
        for (name, profile, file) in project::known()? {
            let line = json!({ "name": name, "kernel": profile.base(), "profile": file });
            writeln!(out, "{line}")?;
        }
        out.flush()?;
        return Ok(0);
    }
    let jupyter = known.iter().any(|spec| spec.found.is_some());
    let heads = ["KERNEL", "LANGUAGE", "VERSION", "PROGRAM", "KERNELSPEC"];
    let columns = if jupyter { heads.len() } else { heads.len() - 1 };
    let mut table = ls::table(heads.get(..columns).unwrap_or_default());
    for KernelSpec { name, language, program, version, found } in &known {
        let version = version.as_deref().unwrap_or("-");
        let program = program.as_deref().unwrap_or("not found");
        let row = [name, language, version, program, found.as_deref().unwrap_or("-")];
        table.add_row(row.into_iter().take(columns).map(ls::plain));
    }
    for (name, profile, file) in project::known()? {
        table.add_row(
            [name, profile.base(), "-".to_owned(), format!("profile of {}", file.display())].map(|text| ls::plain(&text)),
        );
    }
    ls::print(&table)?;
    for missing in known.iter().filter(|spec| spec.program.is_none()) {
        match &missing.found {
            None => paint::talk(&missing_hint(&missing.name)),
            Some(folder) => paint::talk(&format!("{}: the program that {folder}/kernel.json names is not there", missing.name)),
        }
    }
    Ok(0)
}

/// What to do where an interpreter is not there.
pub(crate) fn missing_hint(kernel: &str) -> String {
    match kernel {
        "python" => {
            "no Python was found: install Python 3.8 or newer (python3 on the PATH), or name one with --python".to_owned()
        }
        "node" => "no Node was found: install Node 18 or newer (node on the PATH), or name one with --program".to_owned(),
        "bash" => "no Bash was found: install bash, or name one with --program".to_owned(),
        other => format!("no interpreter for {other} was found on the PATH: install one"),
    }
}
