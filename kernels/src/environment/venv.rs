//! Virtual environments of Python: the one that is active, and the one of a project.

use super::path_with;
use crate::find::{home, is_program, variable};
use rialto_protocol::kernel::Launch;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What uv, poetry (in the project), pipenv (in the project), pdm and everybody's habit call it.
const NAMES: &[&str] = &[".venv", "venv"];

/// What was looked for.
pub(crate) enum Looked {
    Found(PathBuf),
    /// It is there, and cannot be used: a sentence.
    Unusable(String),
    Nothing,
}

/// What a virtual environment is to the programs in it. They are not told by the interpreter alone: what it starts (pip, a tool of the
/// project) is to be found in there, too.
pub(crate) fn variables(launch: &Launch, folder: &Path) -> BTreeMap<String, String> {
    let path = path_with(launch, &folder.join("bin"));
    [("VIRTUAL_ENV".to_owned(), folder.to_string_lossy().into_owned()), ("PATH".to_owned(), path)].into()
}

/// Its interpreter.
pub(crate) fn python(folder: &Path) -> Option<PathBuf> {
    Some(folder.join("bin/python")).filter(|program| is_program(program))
}

/// The one that is active, else the one of the project that the folder belongs to.
pub(crate) fn of(launch: &Launch, cwd: &Path) -> Looked {
    if let Some(active) = variable(launch, "VIRTUAL_ENV").filter(|folder| !folder.is_empty()).map(PathBuf::from) {
        return match python(&active) {
            Some(_) => Looked::Found(active),
            None => Looked::Unusable(format!("VIRTUAL_ENV is {}, which has no bin/python that runs; not used", active.display())),
        };
    }
    let home = home();
    for folder in cwd.ancestors() {
        // In the home folder, or above a project's root, it is of something else.
        if Some(folder) == home.as_deref() && folder != cwd {
            break;
        }
        let mut there = NAMES.iter().map(|name| folder.join(name));
        if let Some(environment) = there.find(|each| each.join("pyvenv.cfg").exists()) {
            return judge(environment);
        }
        if [".git", "pyproject.toml", ".rialto.toml"].iter().any(|mark| folder.join(mark).exists()) {
            break;
        }
    }
    Looked::Nothing
}

/// A folder that everybody may write to, such as the one for temporary files, may hold somebody else's trap.
fn judge(environment: PathBuf) -> Looked {
    let me = nix::unistd::geteuid().as_raw();
    let name = environment.display();
    match std::fs::metadata(&environment) {
        Ok(about) if about.uid() != me && about.uid() != 0 => {
            Looked::Unusable(format!("virtual environment {name} belongs to user {} and is not used", about.uid()))
        }
        Ok(_) if python(&environment).is_some() => Looked::Found(environment),
        _ => Looked::Unusable(format!("virtual environment {name} has no bin/python that runs; not used")),
    }
}
