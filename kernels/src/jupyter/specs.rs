//! Which kernelspecs are installed, and where: Jupyter's own folders, the environments of Python and conda that can be seen from
//! here, and what a project brings along.

use crate::find::variable;
use rialto_protocol::kernel::Launch;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What a session's creator puts before the name of a kernelspec.
pub(crate) const PREFIX: &str = "jupyter:";

/// A kernelspec is a few hundred bytes. One that is larger is none.
const LARGEST: u64 = 256 * 1024;
/// Kernelspecs that are looked at; who has more names one by its folder.
const MOST: usize = 256;
/// Environments of conda that are looked into.
const ENVIRONMENTS: usize = 64;

/// What `kernel.json` says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Spec {
    pub(crate) argv: Vec<String>,
    #[serde(default)]
    pub(crate) display_name: String,
    #[serde(default)]
    pub(crate) language: String,
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) interrupt_mode: Mode,
}

/// How its kernel is interrupted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    #[default]
    Signal,
    Message,
}

/// A kernelspec that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Installed {
    /// The folder's name, which is what the kernelspec is called.
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) spec: Spec,
    /// One of the same name comes before it: only its folder names it.
    pub(crate) hidden: bool,
}

impl Installed {
    fn read(folder: &Path) -> Option<Self> {
        let name = folder.file_name()?.to_str()?.to_lowercase();
        let file = std::fs::File::open(folder.join("kernel.json")).ok()?;
        let mut text = Vec::new();
        file.take(LARGEST).read_to_end(&mut text).ok()?;
        let spec: Spec = serde_json::from_slice(&text).ok()?;
        (!spec.argv.is_empty()).then(|| Self { name, folder: folder.to_owned(), spec, hidden: false })
    }

    /// What a session's creator calls it.
    pub(crate) fn kernel(&self) -> String {
        if self.hidden { format!("{PREFIX}{}", self.folder.display()) } else { format!("{PREFIX}{}", self.name) }
    }

    /// The installation it belongs to: `/opt/env` of `/opt/env/share/jupyter/kernels/python3`.
    pub(crate) fn prefix(&self) -> Option<&Path> {
        let kernels = self.folder.parent()?;
        kernels.ends_with("share/jupyter/kernels").then(|| kernels.ancestors().nth(3)).flatten()
    }
}

/// All that are installed, in the order in which they are looked for.
pub(crate) fn installed(launch: &Launch) -> Vec<Installed> {
    let mut all: Vec<Installed> = Vec::new();
    for data in folders(launch) {
        let Ok(entries) = std::fs::read_dir(data.join("kernels")) else { continue };
        let mut here: Vec<_> = entries.flatten().filter_map(|entry| Installed::read(&entry.path())).take(MOST).collect();
        here.sort_by(|a, b| a.name.cmp(&b.name));
        for mut one in here {
            one.hidden = all.iter().any(|other| other.name == one.name);
            if all.len() < MOST {
                all.push(one);
            }
        }
    }
    all
}

/// The kernelspec that is meant: by its name, or by its folder.
pub(crate) fn find(launch: &Launch) -> Option<Installed> {
    let wanted = launch.kernel.strip_prefix(PREFIX).unwrap_or(&launch.kernel);
    if wanted.contains('/') {
        let cwd = std::path::absolute(if launch.cwd.is_empty() { "." } else { &launch.cwd }).unwrap_or_default();
        return Installed::read(&cwd.join(wanted));
    }
    let wanted = wanted.to_lowercase();
    installed(launch).into_iter().find(|one| one.name == wanted)
}

/// Jupyter's data folders, best first, each once.
fn folders(launch: &Launch) -> Vec<PathBuf> {
    let path = |name: &str| variable(launch, name).filter(|value| !value.is_empty());
    let home = path("HOME").map(PathBuf::from);
    let in_home = |rest: &str| home.as_ref().map(|home| home.join(rest));
    let in_prefix = |prefix: &Path| prefix.join("share/jupyter");
    let mut all: Vec<PathBuf> = path("JUPYTER_PATH").map(|all| std::env::split_paths(&all).collect()).unwrap_or_default();
    for active in ["VIRTUAL_ENV", "CONDA_PREFIX"] {
        all.extend(path(active).map(|prefix| in_prefix(Path::new(&prefix))));
    }
    // The Python that a session would have here: of the project's virtual environment, else of the PATH.
    let python = crate::python::spec(launch).program.map(PathBuf::from);
    let prefix = |program: &Path| program.parent().and_then(Path::parent).map(in_prefix);
    all.extend(python.as_deref().and_then(prefix));
    if cfg!(target_os = "macos") {
        all.extend(in_home("Library/Jupyter"));
    }
    let data = path("XDG_DATA_HOME").map(PathBuf::from).or_else(|| in_home(".local/share"));
    all.extend(path("JUPYTER_DATA_DIR").map(PathBuf::from).or_else(|| data.map(|data| data.join("jupyter"))));
    // A program of an environment is a link to that of the installation it was made from.
    all.extend(python.and_then(|program| program.canonicalize().ok()).as_deref().and_then(prefix));
    all.extend([PathBuf::from("/usr/local/share/jupyter"), PathBuf::from("/usr/share/jupyter")]);
    // Where conda notes down all environments of a user.
    let noted = in_home(".conda/environments.txt").and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
    all.extend(
        noted
            .lines()
            .map(str::trim)
            .filter(|line| line.starts_with('/'))
            .take(ENVIRONMENTS)
            .map(|line| in_prefix(Path::new(line))),
    );
    let mut seen = Vec::new();
    all.retain(|folder| {
        let real = folder.canonicalize();
        let new = real.as_ref().is_ok_and(|real| !seen.contains(real));
        seen.extend(real);
        new
    });
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(data: &Path, name: &str, text: &str) {
        let folder = data.join("kernels").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("kernel.json"), text).unwrap();
    }

    fn launch(kernel: &str, root: &Path) -> Launch {
        let of = |rest: &str| root.join(rest).to_string_lossy().into_owned();
        let env = [
            ("HOME", of("home")),
            ("PATH", of("bin")),
            ("JUPYTER_PATH", of("one")),
            ("VIRTUAL_ENV", of("venv")),
            ("CONDA_PREFIX", String::new()),
            ("XDG_DATA_HOME", of("data")),
            ("JUPYTER_DATA_DIR", String::new()),
        ];
        let env = env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Launch { kernel: kernel.to_owned(), cwd: of("home"), env, ..Launch::default() }
    }

    #[test]
    fn they_are_found_everywhere_and_the_first_of_a_name_is_meant() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("home/.conda")).unwrap();
        std::fs::write(root.join("home/.conda/environments.txt"), format!("{}\n\nrelative\n", root.join("conda").display()))
            .unwrap();
        put(&root.join("one"), "Here", r#"{"argv": ["here"], "language": "h", "interrupt_mode": "message"}"#);
        put(&root.join("venv/share/jupyter"), "here", r#"{"argv": ["there"], "env": {"A": "1"}}"#);
        put(&root.join("data/jupyter"), "user", r#"{"argv": ["user"], "metadata": {"debugger": true}}"#);
        put(&root.join("conda/share/jupyter"), "far-away", r#"{"argv": ["R"]}"#);
        put(&root.join("one"), "broken", "{");
        put(&root.join("one"), "empty", r#"{"argv": []}"#);
        let found: Vec<_> = installed(&launch("", &root)).into_iter().filter(|one| one.folder.starts_with(&root)).collect();
        let names: Vec<_> = found.iter().map(Installed::kernel).collect();
        let hidden = format!("jupyter:{}", root.join("venv/share/jupyter/kernels/here").display());
        assert_eq!(names, ["jupyter:here", &hidden, "jupyter:user", "jupyter:far-away"]);
        assert_eq!(found[1].prefix(), Some(root.join("venv").as_path()));
        assert_eq!(found[0].prefix(), None);

        let argv = |kernel: &str| find(&launch(kernel, &root)).map(|one| one.spec.argv.concat());
        assert_eq!(argv("jupyter:here").as_deref(), Some("here"));
        assert_eq!(argv("HERE").as_deref(), Some("here"));
        assert_eq!(argv(&hidden).as_deref(), Some("there"));
        assert_eq!(argv("far-away").as_deref(), Some("R"));
        assert_eq!(argv("jupyter:nothing"), None);
        assert_eq!(find(&launch("here", &root)).map(|one| one.spec.interrupt_mode), Some(Mode::Message));
    }
}
