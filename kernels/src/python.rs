//! Python: which interpreter, and how it is started. The files of `runners/python/` do the rest.

use crate::Kernel;
use crate::environment::venv::{self, Looked};
use crate::find::{folder, is_program, named, on_path, variable};
use crate::launch::{KernelSpec, LaunchError};
use crate::runner::{Runner, Script};
use rialto_protocol::kernel::Launch;
use std::collections::BTreeMap;
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
    command.arg("-c").arg(BOOTSTRAP).current_dir(cwd).envs(&launch.env).envs(&found.variables);
    if found.note.is_some() {
        // It would lead an environment's interpreter to another one's library.
        command.env_remove("PYTHONHOME");
    }
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
        looks_ahead: true,
        ..Script::default()
    };
    match Runner::start(command, script) {
        Ok(runner) => Ok(Box::new(runner)),
        Err(source) => Err(LaunchError::Start { program: found.program.display().to_string(), source }),
    }
}

/// What a program that is a kernel by itself is told at first.
const PARTS: &str = concat!(
    include_str!("../runners/python/later/displays.py"),
    include_str!("../runners/python/later/questions.py"),
    include_str!("../runners/python/later/complete.py"),
    include_str!("../runners/python/later/inspect.py"),
    include_str!("../runners/python/later/is_complete.py"),
);

/// A Python program that runs already, by its own will.
pub(crate) fn live(launch: &Launch) -> Result<Box<dyn Kernel>, LaunchError> {
    crate::runner::live::launch(launch, PARTS)
}

/// What `launch` would start.
pub(crate) fn spec(launch: &Launch) -> KernelSpec {
    let program = find(launch).ok().map(|found| found.program);
    let version = program.as_deref().and_then(version_in_name);
    let program = program.map(|p| p.display().to_string());
    KernelSpec { name: "python".into(), language: "python".into(), program, version, found: None }
}

struct Found {
    program: PathBuf,
    /// What the environment that it belongs to sets.
    variables: BTreeMap<String, String>,
    note: Option<String>,
}

impl Found {
    fn plain(program: PathBuf) -> Self {
        Self { program, variables: BTreeMap::new(), note: None }
    }

    fn in_environment(launch: &Launch, folder: &Path, program: PathBuf) -> Self {
        let note = Some(format!("virtual environment {}", folder.display()));
        Self { program, variables: venv::variables(launch, folder), note }
    }
}

/// The interpreter: what was named, else that of the conda environment that was, else of the active virtual environment, else of the
/// project's own, else the PATH's.
fn find(launch: &Launch) -> Result<Found, LaunchError> {
    let cwd = std::path::absolute(if launch.cwd.is_empty() { "." } else { &launch.cwd }).unwrap_or_default();
    if let Some(program) = named(launch, "Python")? {
        return Ok(Found::plain(program));
    }
    let mut note = None;
    if let (Some(_), Some(prefix)) = (&launch.setup.conda, launch.env.get("CONDA_PREFIX")) {
        note = Some(format!("conda environment {prefix}"));
        if !is_program(&Path::new(prefix).join("bin/python")) {
            note = Some(format!("conda environment {prefix}, which has no Python of its own"));
        }
    } else {
        match venv::of(launch, &cwd) {
            Looked::Found(folder) => {
                if let Some(program) = venv::python(&folder) {
                    return Ok(Found::in_environment(launch, &folder, program));
                }
            }
            Looked::Unusable(why) => note = Some(why),
            Looked::Nothing => {}
        }
    }
    let program = on_path(launch, "python3").or_else(|| on_path(launch, "python"));
    let looked = || "neither python3 nor python is on the PATH; name one with --python".to_owned();
    let program = program.ok_or_else(|| LaunchError::NoInterpreter { language: "Python", looked: looked() })?;
    Ok(Found { note, ..Found::plain(program) })
}

/// `3.11` of a program that is really `/usr/bin/python3.11`.
fn version_in_name(program: &Path) -> Option<String> {
    let real = program.canonicalize().ok()?;
    let version = real.file_name()?.to_str()?.strip_prefix("python")?;
    (version.contains('.') && version.chars().all(|c| c.is_ascii_digit() || c == '.')).then(|| version.to_owned())
}
