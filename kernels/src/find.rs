//! Where interpreters are: the folder, the environment, the PATH, as the kernel will see them.

use crate::launch::LaunchError;
use rialto_protocol::kernel::Launch;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What is looked for where nothing is named.
pub(crate) struct Looked {
    pub(crate) language: &'static str,
    /// On the PATH, best first.
    pub(crate) names: &'static [&'static str],
}

/// The folder to start in.
pub(crate) fn folder(launch: &Launch) -> Result<&str, LaunchError> {
    let cwd = if launch.cwd.is_empty() { "." } else { &launch.cwd };
    if Path::new(cwd).is_dir() { Ok(cwd) } else { Err(LaunchError::NoFolder { cwd: cwd.to_owned() }) }
}

/// The user's home folder: of the environment, else as the system's list of users has it.
pub(crate) fn home() -> Option<PathBuf> {
    let said = std::env::var_os("HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    said.or_else(|| Some(nix::unistd::User::from_uid(nix::unistd::geteuid()).ok()??.dir))
}

/// The interpreter that was named, or the first of those on the PATH.
pub(crate) fn program(launch: &Launch, looked: &Looked) -> Result<PathBuf, LaunchError> {
    if let Some(program) = named(launch, looked.language)? {
        return Ok(program);
    }
    let found = looked.names.iter().find_map(|name| on_path(launch, name));
    found.ok_or_else(|| LaunchError::NoInterpreter {
        language: looked.language,
        looked: match looked.names {
            [one] => format!("{one} is not on the PATH; name one with --program"),
            names => format!("neither {} is on the PATH; name one with --program", names.join(" nor ")),
        },
    })
}

/// The interpreter that was named, where one was.
pub(crate) fn named(launch: &Launch, language: &'static str) -> Result<Option<PathBuf>, LaunchError> {
    let Some(named) = launch.program.as_deref().filter(|p| !p.is_empty()) else { return Ok(None) };
    let cwd = std::path::absolute(if launch.cwd.is_empty() { "." } else { &launch.cwd }).unwrap_or_default();
    let program = if named.contains('/') { Some(cwd.join(named)).filter(|p| is_program(p)) } else { on_path(launch, named) };
    let looked = if named.contains('/') { format!("{named} is no program") } else { format!("{named} is not on the PATH") };
    program.map(Some).ok_or(LaunchError::NoInterpreter { language, looked })
}

/// A variable as the kernel will see it.
pub(crate) fn variable(launch: &Launch, name: &str) -> Option<OsString> {
    launch.env.get(name).map(OsString::from).or_else(|| std::env::var_os(name))
}

/// The first on the PATH, be it a shim (pyenv, asdf) that costs its 50 to 100 ms at every start. What the shim runs depends on the
/// folder and the environment at that moment; an interpreter remembered from an earlier start, or the next one on the PATH, would
/// be fast and now and then the wrong one.
pub(crate) fn on_path(launch: &Launch, name: &str) -> Option<PathBuf> {
    let path = variable(launch, "PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| is_program(program))
}

pub(crate) fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

/// The first line of what the program says of its version.
pub(crate) fn version_said(program: &Path) -> Option<String> {
    let asked = Command::new(program).arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let said = String::from_utf8_lossy(&asked.stdout);
    asked.status.success().then(|| said.lines().next().unwrap_or_default().trim().to_owned())
}
