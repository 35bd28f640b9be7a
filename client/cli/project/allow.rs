//! May a project's file be used? Asked once for each content of each file, and remembered by a hash of both: a file that has changed, or
//! one that was copied elsewhere, is asked about again.

use super::{FILE, Project};
use crate::args::PlaceArgs;
use crate::exit::{self, Failure};
use crate::paint;
use crate::place::Place;
use crate::sanitise;
use clap::ValueHint;
use sha2::{Digest, Sha256};
use std::io::{BufRead, IsTerminal, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Lines of a file that are shown before the question.
const SHOWN: usize = 40;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rialto allow                                   the .rialto.toml of this project, as it is now
  rialto allow --undo                            no longer
")]
pub(crate) struct AllowArgs {
    /// The file, or a folder of the project. Default: here
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) path: Option<PathBuf>,
    /// Take it back
    #[arg(long)]
    pub(crate) undo: bool,
}

pub(crate) fn run(place: &PlaceArgs, args: &AllowArgs) -> Result<u8, Failure> {
    let place = Place::of(place)?;
    let path = crate::start::cwd().join(args.path.as_deref().unwrap_or(Path::new("")));
    let found = if path.is_dir() { Project::of(&path)? } else { Project::read(&path)? };
    let project = found.ok_or_else(|| Failure::usage(format!("there is no {FILE} in {} or above it", path.display())))?;
    let file = project.record(&place)?;
    let name = project.path.display();
    if args.undo {
        let removed = std::fs::remove_file(&file);
        if let Err(why) = removed.as_ref().err().map_or(Ok(()), not_missing) {
            return Err(Failure::new(exit::IO, format!("{} cannot be removed: {why}", file.display())));
        }
        paint::talk(&format!("{name} is not used any more until it is allowed again"));
        return Ok(0);
    }
    project.allow(&place)?;
    paint::talk(&format!("{name} is used from now on, as it is now; if it changes it is asked about again"));
    Ok(0)
}

fn not_missing(why: &std::io::Error) -> Result<(), String> {
    if why.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(why.to_string()) }
}

impl Project {
    /// The file whose presence says yes.
    fn record(&self, place: &Place) -> Result<PathBuf, Failure> {
        let home = place.home().ok_or_else(|| Failure::usage("a project's file is of this machine; leave --at away"))?;
        let mut hash = Sha256::new();
        // By its real name: the same file must not be asked about by each way there is to it.
        let real = std::fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        hash.update(real.as_os_str().as_encoded_bytes());
        hash.update([0]);
        hash.update(self.text.as_bytes());
        let name: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(home.state().join("allowed").join(name))
    }

    fn allow(&self, place: &Place) -> Result<(), Failure> {
        let file = self.record(place)?;
        let cannot = |why: std::io::Error| Failure::new(exit::IO, format!("{} cannot be written: {why}", file.display()));
        if let Some(folder) = file.parent() {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(cannot)?;
        }
        let mut out =
            std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&file).map_err(cannot)?;
        // For whoever looks what was allowed.
        writeln!(out, "{}", self.path.display()).map_err(cannot)
    }

    /// Goes on where the file, as it is now, was allowed; asks where there is a terminal to ask at.
    pub(super) fn must_be_allowed(&self, place: &Place) -> Result<(), Failure> {
        if self.record(place)?.exists() {
            return Ok(());
        }
        let name = self.path.display();
        if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
            let text = format!(
                "{name} says how kernels are started here, which may run any program, and was not allowed as it is now: read it, then `rialto allow`"
            );
            return Err(Failure::new(exit::FORBIDDEN, text));
        }
        paint::talk(&format!("{name} says how kernels are started here, which may run any program:"));
        let mut err = anstream::stderr().lock();
        for line in self.text.lines().take(SHOWN) {
            writeln!(err, "  {}", sanitise::text(line))?;
        }
        if self.text.lines().count() > SHOWN {
            writeln!(err, "  ... and {} lines more", self.text.lines().count() - SHOWN)?;
        }
        write!(err, "Use it? It is asked about again when it changes. [y/N] ")?;
        err.flush()?;
        drop(err);
        let mut said = String::new();
        std::io::stdin().lock().read_line(&mut said)?;
        if ["y", "yes"].contains(&said.trim().to_lowercase().as_str()) {
            return self.allow(place);
        }
        Err(Failure::new(exit::FORBIDDEN, format!("{name} is not used; -k KERNEL starts one without it")))
    }
}
