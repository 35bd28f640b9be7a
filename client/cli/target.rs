//! Which session is meant: by name, or the one that belongs to this project and kernel.

use crate::place::Place;
use crate::start::cwd;
use rialto_client::protocol::Scope;
use rialto_client::protocol::message::{Create, Open};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// What marks the root of a project, nearest first.
const MARKS: &[&str] = &[".rialto.toml", ".git", ".hg", "pyproject.toml", "setup.py", "Cargo.toml", "package.json"];

/// The kernel of a session for which nobody named one.
pub(crate) const DEFAULT_KERNEL: &str = "python";
/// The one that needs nothing.
pub(crate) const BUILT_IN: &str = "js";

/// The folder a project begins in: the nearest one upwards with a mark, else this one.
pub(crate) fn project_root(cwd: &Path) -> PathBuf {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    for dir in cwd.ancestors() {
        // A dotfiles repository in the home folder must not make all of it one project.
        if Some(dir) == home.as_deref() && dir != cwd {
            break;
        }
        if MARKS.iter().any(|mark| dir.join(mark).exists()) {
            return dir.to_owned();
        }
    }
    cwd.to_owned()
}

/// The name of the session that belongs to a kernel and a project: readable, and different for folders of the same name.
pub(crate) fn default_name(kernel: &str, root: &Path) -> String {
    let folder = root.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let folder: String = folder.chars().filter(|c| c.is_ascii_alphanumeric() || "._-".contains(*c)).take(32).collect();
    let digest = Sha256::digest(root.as_os_str().as_encoded_bytes());
    let hash: String = digest.iter().take(2).map(|b| format!("{b:02x}")).collect();
    let kernel: String = kernel.chars().filter(|c| c.is_ascii_alphanumeric()).take(16).collect();
    if folder.is_empty() { format!("{kernel}-{hash}") } else { format!("{kernel}-{folder}-{hash}") }
}

/// An existing session, by whatever names it.
pub(crate) fn existing(session: &str) -> Open {
    Open { session: session.to_owned(), ..Open::default() }
}

/// The same, to look and do nothing; the bridge sees to that.
pub(crate) fn observed(session: &str) -> Open {
    Open { scope: Some(Scope::Observe), ..existing(session) }
}

/// The kernel where nobody names one: Python, and where this machine has none the JavaScript that this program brings along. Of
/// another machine we know nothing.
pub(crate) fn default_kernel(place: &Place, python: Option<&Path>) -> &'static str {
    let missing = || rialto_kernels::known().iter().any(|kernel| kernel.name == DEFAULT_KERNEL && kernel.program.is_none());
    if place.home().is_some() && python.is_none() && missing() { BUILT_IN } else { DEFAULT_KERNEL }
}

/// What a person who says `rialto [SESSION] [-k KERNEL] [--new]` wants.
pub(crate) fn wanted(session: Option<&str>, kernel: &str, new: bool, mut create: Create) -> Open {
    let name = match (session, new) {
        (Some(name), _) => name.to_owned(),
        (None, false) => default_name(kernel, &project_root(&cwd())),
        // A second session of the same project needs a name of its own; the bridge makes an id, and that will do.
        (None, true) => String::new(),
    };
    create.must_be_new = new && session.is_some();
    Open { session: name, create: Some(create), ..Open::default() }
}

/// A name nobody has that is a kernel's means: that kernel's session of this project.
pub(crate) fn kernel_by_name<'a>(
    session: Option<&'a str>,
    kernel: Option<&'a str>,
    known: &dyn Fn(&str) -> bool,
    is_kernel: &dyn Fn(&str) -> bool,
) -> (Option<&'a str>, Option<&'a str>) {
    match (session, kernel) {
        (Some(name), None) if !known(name) && is_kernel(name) => (None, Some(name)),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rialto_client::protocol::SessionName;

    fn is_name(text: &str) -> bool {
        text.parse::<SessionName>().is_ok()
    }

    #[test]
    fn the_default_session_belongs_to_the_project_and_the_kernel() {
        let a = default_name("python", Path::new("/home/u/a/app"));
        assert!(a.starts_with("python-app-") && is_name(&a), "{a}");
        assert_ne!(a, default_name("python", Path::new("/home/u/b/app")));
        assert_ne!(a, default_name("node", Path::new("/home/u/a/app")));
        assert!(is_name(&default_name("pty:sqlite3 x.db", Path::new("/"))));
    }

    #[test]
    fn a_kernels_name_means_its_session_unless_a_session_has_it() {
        assert_eq!(kernel_by_name(Some("python"), None, &|_| false, &|k| k == "python"), (None, Some("python")));
        assert_eq!(kernel_by_name(Some("python"), None, &|_| true, &|k| k == "python"), (Some("python"), None));
    }
}
