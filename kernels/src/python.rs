//! Python: which interpreter, and how it is started. The files of `runners/python/` do the rest.

use crate::Kernel;
use crate::find::{folder, is_program, named, on_path, variable};
use crate::launch::{KernelSpec, LaunchError};
use crate::runner::{Runner, Script};
use rialto_protocol::kernel::Launch;
use std::path::{Path, PathBuf};
use tokio::process::Command;

/// The runner: what every session needs, in the order in which it must run.
const RUNNER: &str = concat!(
    include_str!("../runners/python/state.py"),
    include_str!("../runners/python/interrupt.py"),
    include_str!("../runners/python/channel.py"),
    include_str!("../runners/python/output.py"),
    include_str!("../runners/python/input.py"),
    include_str!("../runners/python/children.py"),
    include_str!("../runners/python/tick.py"),
    include_str!("../runners/python/run.py"),
    include_str!("../runners/python/results.py"),
    include_str!("../runners/python/main.py"),
);
/// The rest of it is compiled only when it is first needed, which halves the cold start.
const LATER: &str = concat!(
    include_str!("../runners/python/later/coroutine.py"),
    include_str!("../runners/python/later/program.py"),
    include_str!("../runners/python/later/displays.py"),
    include_str!("../runners/python/later/failure.py"),
    include_str!("../runners/python/later/imports.py"),
    include_str!("../runners/python/later/questions.py"),
    include_str!("../runners/python/later/complete.py"),
    include_str!("../runners/python/later/inspect.py"),
    include_str!("../runners/python/later/is_complete.py"),
);

/// Reads the runner from the channel and becomes it.
const BOOTSTRAP: &str = include_str!("../runners/python/bootstrap.py");

/// Starts a Python kernel.
pub(crate) fn launch(launch: &Launch) -> Result<Box<dyn Kernel>, LaunchError> {
    let cwd = folder(launch)?;
    let found = find(launch)?;
    let mut command = Command::new(&found.program);
    command.arg("-c").arg(BOOTSTRAP).current_dir(cwd).envs(&launch.env);
    // At the interpreter's start this would make the C library's output unbuffered for the whole kernel; the user meant the
    // programs that it starts, and for those it is put back.
    let unbuffered = variable(launch, "PYTHONUNBUFFERED").and_then(|v| v.into_string().ok());
    command.env_remove("PYTHONUNBUFFERED");
    let environment: Vec<_> = unbuffered.map(|v| ("PYTHONUNBUFFERED", v)).into_iter().collect();
    let script = Script {
        source: RUNNER,
        later: LATER,
        cache: launch.cache.as_deref(),
        environment: &environment,
        note: found.note,
        ..Script::default()
    };
    match Runner::start(command, script) {
        Ok(runner) => Ok(Box::new(runner)),
        Err(source) => Err(LaunchError::Start { program: found.program.display().to_string(), source }),
    }
}

/// What `launch` would start.
pub(crate) fn spec(launch: &Launch) -> KernelSpec {
    let program = find(launch).ok().map(|found| found.program);
    let version = program.as_deref().and_then(version_in_name);
    let program = program.map(|p| p.display().to_string());
    KernelSpec { name: "python".into(), language: "python".into(), program, version }
}

struct Found {
    program: PathBuf,
    note: Option<String>,
}

impl Found {
    /// The interpreter of a virtual environment, where there is one in this folder.
    fn in_environment(folder: &Path) -> Option<Self> {
        let program = folder.join("bin/python");
        let note = Some(format!("virtual environment {}", folder.display()));
        is_program(&program).then_some(Self { program, note })
    }
}

/// The interpreter: what was named, else the active virtual environment, else the project's own, else the PATH.
fn find(launch: &Launch) -> Result<Found, LaunchError> {
    let cwd = std::path::absolute(if launch.cwd.is_empty() { "." } else { &launch.cwd }).unwrap_or_default();
    if let Some(program) = named(launch, "Python")? {
        return Ok(Found { program, note: None });
    }
    if let Some(active) = variable(launch, "VIRTUAL_ENV").filter(|v| !v.is_empty())
        && let Some(found) = Found::in_environment(Path::new(&active))
    {
        return Ok(found);
    }
    for folder in cwd.ancestors() {
        if let Some(found) = [".venv", "venv"].iter().find_map(|name| Found::in_environment(&folder.join(name))) {
            return Ok(found);
        }
        // Above the project's root a virtual environment is somebody else's.
        if folder.join(".git").exists() || folder.join("pyproject.toml").exists() {
            break;
        }
    }
    let program = on_path(launch, "python3").or_else(|| on_path(launch, "python"));
    let looked = || "neither python3 nor python is on the PATH; name one with --program".to_owned();
    let program = program.ok_or_else(|| LaunchError::NoInterpreter { language: "Python", looked: looked() })?;
    Ok(Found { program, note: None })
}

/// `3.11` of a program that is really `/usr/bin/python3.11`.
fn version_in_name(program: &Path) -> Option<String> {
    let real = program.canonicalize().ok()?;
    let version = real.file_name()?.to_str()?.strip_prefix("python")?;
    (version.contains('.') && version.chars().all(|c| c.is_ascii_digit() || c == '.')).then(|| version.to_owned())
}
