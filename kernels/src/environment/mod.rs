//! What a kernel finds when it starts: virtual environments, conda's, and that of the user's login shell.
//!
//! | question | file |
//! |---|---|
//! | which virtual environment? | `venv.rs` |
//! | where is a conda environment, and what does it set? | `conda.rs` |
//! | what does a shell make of the environment? | `shell.rs` |

mod conda;
mod shell;
pub(crate) mod venv;

use crate::find;
use crate::launch::LaunchError;
use rialto_protocol::kernel::Launch;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What a shell sets for itself, and what is the session's own whatever a shell says.
const NOT_TAKEN: &[&str] = &["PWD", "OLDPWD", "SHLVL", "_", "SSH_AUTH_SOCK", "TRACEPARENT", "TRACESTATE"];

/// Finds out what only other programs can say: what the user's login shell makes of the environment, what the scripts of a conda
/// environment do. Once for all lives of a session, because it takes time. `given` are the variables that the session's creator
/// named: they win. What went wrong is put in words and does not keep the kernel from starting.
pub async fn settle(launch: &mut Launch, given: &BTreeSet<String>) -> Vec<String> {
    let mut notes = Vec::new();
    if launch.setup.login {
        match shell::login(&launch.env).await {
            Ok(variables) => take(launch, variables, given),
            Err(why) => notes.push(why),
        }
    }
    if let Some(prefix) = launch.setup.conda.as_deref().and_then(|name| conda::prefix(launch, name).ok())
        && let scripts = conda::scripts(&prefix)
        && !scripts.is_empty()
    {
        let mut env = launch.env.clone();
        env.extend(conda::variables(launch, &prefix));
        match shell::sourced(&scripts, &env).await {
            Ok(variables) => take(launch, variables, given),
            Err(why) => notes.push(why),
        }
    }
    notes
}

fn take(launch: &mut Launch, variables: BTreeMap<String, String>, given: &BTreeSet<String>) {
    let ours = |name: &str| name.starts_with("RIALTO_") || NOT_TAKEN.contains(&name) || given.contains(name);
    launch.env.extend(variables.into_iter().filter(|(name, _)| !ours(name)));
}

/// The same launch, whole paths in it, in the environment that it names.
///
/// # Errors
/// Where what it names is not there.
pub(crate) fn activated(launch: &Launch) -> Result<Cow<'_, Launch>, LaunchError> {
    let Launch { program, cwd, setup, .. } = launch;
    let at_home = |text: &str| text == "~" || text.starts_with("~/");
    let tildes = [program.as_deref(), Some(cwd.as_str())].into_iter().flatten().any(at_home);
    if setup.venv.is_none() && setup.conda.is_none() && !tildes {
        return Ok(Cow::Borrowed(launch));
    }
    let mut launch = launch.clone();
    launch.cwd = whole(&launch.cwd);
    launch.program = launch.program.as_deref().map(whole);
    let variables = if let Some(folder) = &launch.setup.venv {
        let folder = PathBuf::from(whole(folder));
        if !folder.join("bin").is_dir() {
            return Err(LaunchError::NoEnvironment {
                what: "virtual",
                name: folder.display().to_string(),
                looked: NO_BIN.into(),
            });
        }
        venv::variables(&launch, &folder)
    } else if let Some(name) = &launch.setup.conda {
        let prefix = conda::prefix(&launch, name)?;
        conda::variables(&launch, &prefix)
    } else {
        BTreeMap::new()
    };
    launch.env.extend(variables);
    Ok(Cow::Owned(launch))
}

const NO_BIN: &str = "there is no folder bin in it";

/// `~/x` is in the home folder of the user that runs this.
fn whole(path: &str) -> String {
    match (path.strip_prefix('~'), find::home()) {
        (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => format!("{}{rest}", home.display()),
        _ => path.to_owned(),
    }
}

/// The PATH with a folder in front.
fn path_with(launch: &Launch, folder: &Path) -> String {
    let path = find::variable(launch, "PATH").unwrap_or_default();
    let rest = std::env::split_paths(&path).filter(|each| each != folder);
    let joined = std::env::join_paths(std::iter::once(folder.to_owned()).chain(rest));
    joined.map(|path| path.to_string_lossy().into_owned()).unwrap_or_else(|_| path.to_string_lossy().into_owned())
}
