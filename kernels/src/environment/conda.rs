//! Conda environments by name, without conda: what `conda activate` would set is read from the environment's own files. Only the
//! scripts that a package put there are left to a shell.

use super::{path_with, whole};
use crate::find;
use crate::launch::LaunchError;
use rialto_protocol::kernel::Launch;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where installers put it, below the home folder; in `/opt` without the dot.
const USUAL: &[&str] = &["miniforge3", "mambaforge", "miniconda3", "anaconda3", "micromamba", ".conda", ".local/share/mamba"];
/// A file of variables, or of environments, is no longer. Bytes.
const LONGEST: u64 = 1 << 20;

/// The folder of the environment: a path says it, a name is looked for.
pub(super) fn prefix(launch: &Launch, name: &str) -> Result<PathBuf, LaunchError> {
    let missing = |looked: String| LaunchError::NoEnvironment { what: "conda", name: name.to_owned(), looked };
    if name.contains('/') {
        let folder = PathBuf::from(whole(name));
        return if is_one(&folder) {
            Ok(folder)
        } else {
            Err(missing("no conda has made that folder (no conda-meta)".to_owned()))
        };
    }
    let roots = roots(launch);
    if name == "base" || name == "root" {
        let root = roots.iter().find(|root| is_one(root));
        return root.cloned().ok_or_else(|| missing(places(&roots)));
    }
    let listed = listed().into_iter().filter(|folder| folder.file_name().is_some_and(|last| last == name));
    let below = folders(launch).into_iter().chain(roots.iter().map(|root| root.join("envs"))).map(|folder| folder.join(name));
    below.chain(listed).find(|folder| is_one(folder)).ok_or_else(|| missing(places(&roots)))
}

fn places(roots: &[PathBuf]) -> String {
    let there: Vec<String> =
        roots.iter().filter(|root| root.is_dir()).map(|root| root.join("envs").display().to_string()).collect();
    if there.is_empty() {
        "no conda was found (set MAMBA_ROOT_PREFIX, or give the environment's folder)".to_owned()
    } else {
        format!("it is not in {}, nor in ~/.conda/environments.txt", there.join(", "))
    }
}

/// Conda keeps a record of each package there; nothing else does.
fn is_one(folder: &Path) -> bool {
    folder.join("conda-meta").is_dir()
}

/// Where a conda may be installed, likeliest first.
fn roots(launch: &Launch) -> Vec<PathBuf> {
    let variable = |name: &str| find::variable(launch, name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let mut roots: Vec<PathBuf> = variable("MAMBA_ROOT_PREFIX").into_iter().collect();
    // ROOT/bin/conda
    roots.extend(variable("CONDA_EXE").and_then(|program| Some(program.parent()?.parent()?.to_owned())));
    if let Some(active) = variable("CONDA_PREFIX") {
        // ROOT/envs/NAME, or ROOT itself
        let above = active.parent().filter(|envs| envs.file_name().is_some_and(|name| name == "envs")).and_then(Path::parent);
        roots.push(above.unwrap_or(&active).to_owned());
    }
    if let Some(home) = find::home() {
        roots.extend(USUAL.iter().map(|name| home.join(name)));
    }
    roots.extend(USUAL.iter().chain(&["conda"]).map(|name| Path::new("/opt").join(name)));
    roots
}

/// Where environments are kept beside the installation's own folder.
fn folders(launch: &Launch) -> Vec<PathBuf> {
    let said = ["CONDA_ENVS_PATH", "CONDA_ENVS_DIRS"].iter().filter_map(|name| find::variable(launch, name));
    said.flat_map(|paths| std::env::split_paths(&paths).collect::<Vec<_>>()).filter(|path| path.is_absolute()).collect()
}

/// Environments that conda was told to make elsewhere.
fn listed() -> Vec<PathBuf> {
    let Some(file) = find::home().map(|home| home.join(".conda/environments.txt")) else { return Vec::new() };
    let text = text(&file).unwrap_or_default();
    text.lines().map(|line| PathBuf::from(line.trim())).filter(|path| path.is_absolute()).collect()
}

fn text(file: &Path) -> Option<String> {
    std::fs::metadata(file).ok().filter(|about| about.is_file() && about.len() <= LONGEST)?;
    std::fs::read_to_string(file).ok()
}

/// What `conda activate` would set, but for scripts.
pub(super) fn variables(launch: &Launch, prefix: &Path) -> BTreeMap<String, String> {
    let folder = prefix.to_string_lossy().into_owned();
    let above = prefix.parent().and_then(Path::file_name);
    let name = match prefix.file_name() {
        Some(name) if above.is_some_and(|above| above == "envs") => name.to_string_lossy().into_owned(),
        _ if prefix.join("envs").is_dir() => "base".to_owned(),
        _ => folder.clone(),
    };
    let mut variables: BTreeMap<String, String> = [
        ("CONDA_PREFIX", folder),
        ("CONDA_DEFAULT_ENV", name.clone()),
        ("CONDA_PROMPT_MODIFIER", format!("({name}) ")),
        ("CONDA_SHLVL", "1".to_owned()),
        ("PATH", path_with(launch, &prefix.join("bin"))),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into();
    // First the packages', then what the user set by `conda env config vars set`.
    for file in sorted(&prefix.join("etc/conda/env_vars.d"), "json") {
        set(&mut variables, text(&file), Some);
    }
    set(&mut variables, text(&prefix.join("conda-meta/state")), |said| said.get("env_vars").cloned());
    variables
}

fn set(
    variables: &mut BTreeMap<String, String>,
    text: Option<String>,
    part: impl Fn(serde_json::Value) -> Option<serde_json::Value>,
) {
    let said = text.and_then(|text| serde_json::from_str(&text).ok()).and_then(part);
    let Some(serde_json::Value::Object(said)) = said else { return };
    for (name, value) in said {
        if let Some(value) = value.as_str().filter(|value| *value != "***unset***" && !value.contains('\0')) {
            variables.insert(name, value.to_owned());
        }
    }
}

/// Scripts that packages want to be read by the shell.
pub(super) fn scripts(prefix: &Path) -> Vec<PathBuf> {
    sorted(&prefix.join("etc/conda/activate.d"), "sh")
}

fn sorted(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = entries.filter(|file| file.extension().is_some_and(|e| e == extension)).take(256).collect();
    files.sort();
    files
}
