//! From the name of a kind to a running kernel.

use crate::{Kernel, bash, environment, find, js, jupyter, node, pty, python};
use rialto_protocol::kernel::Launch;

/// Why a kernel could not be started. Each is a sentence for the person who asked for it.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// There is no such kind.
    #[error("there is no kernel {kind:?}; known are: {known}")]
    UnknownKind {
        /// What was asked for.
        kind: String,
        /// What there is.
        known: String,
    },
    /// The interpreter was not found.
    #[error("no {language} interpreter was found: {looked}")]
    NoInterpreter {
        /// The language.
        language: &'static str,
        /// Where it was looked for.
        looked: String,
    },
    /// The virtual or conda environment was not found.
    #[error("there is no {what} environment {name}: {looked}")]
    NoEnvironment {
        /// `virtual` or `conda`.
        what: &'static str,
        /// What was asked for.
        name: String,
        /// Where it was looked for.
        looked: String,
    },
    /// The program that was to be the kernel is not there.
    #[error("the program that this session is in has ended, or is not embedded any more ({socket}: {why})")]
    NoProgram {
        /// Where it listened.
        socket: String,
        /// Why not.
        why: String,
    },
    /// A program with a prompt that cannot be run as it is written.
    #[error("pty:{command} cannot be run: {why}")]
    Program {
        /// The command.
        command: String,
        /// What is wrong with it.
        why: String,
    },
    /// The folder to start in does not exist.
    #[error("the folder {cwd:?} to start in does not exist")]
    NoFolder {
        /// The folder.
        cwd: String,
    },
    /// The system refused.
    #[error("{program} could not be started: {source}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: std::io::Error,
    },
}

/// A kind of kernel, for a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelSpec {
    /// What a session's creator calls it: `python`.
    pub name: String,
    /// Its language.
    pub language: String,
    /// The program that would run, where one was found. A version manager's shim is named as it is: which interpreter it picks
    /// for this folder only it can say, and asking it costs as much as starting through it.
    pub program: Option<String>,
    /// Its version, where that is known without starting it.
    pub version: Option<String>,
    /// The folder of its kernelspec, where Jupyter has one.
    pub found: Option<String>,
}

/// The kinds that need nothing but their interpreter, by name.
const KINDS: &[&str] = &["python", "node", "bash", "js"];

/// Starts a kernel. Its first event is `Ready`, or `Died` with `failed_start`.
///
/// # Errors
/// Where nothing could be started at all: unknown kind, no interpreter, no such folder.
///
/// # Panics
/// Outside of a tokio runtime with IO enabled, like everything that owns a descriptor there.
pub fn launch(launch: &Launch) -> Result<Box<dyn Kernel>, LaunchError> {
    let launch = &*environment::activated(launch)?;
    match launch.kernel.as_str() {
        "python" => python::launch(launch),
        "node" => node::launch(launch),
        "bash" => bash::launch(launch),
        "js" => js::launch(launch),
        "live" => python::live(launch),
        other if other.starts_with("pty:") => pty::launch(launch),
        other => {
            if let Some(started) = jupyter::launch(launch) {
                return started;
            }
            // The name is a stranger's; the sentence must stay a sentence.
            let kind = other.chars().take(80).collect();
            Err(LaunchError::UnknownKind { kind, known: KINDS.join(", ") })
        }
    }
}

/// Whether a kind of this build has this name.
#[must_use]
pub fn is_kernel(name: &str) -> bool {
    KINDS.contains(&name) || name == "live" || pty::is_program(name)
}

/// The kinds of kernel there are, and which program each would use in this folder and environment. Starts nothing.
#[must_use]
pub fn known() -> Vec<KernelSpec> {
    let here = std::env::current_dir().map(|d| d.display().to_string()).unwrap_or_default();
    let launch = Launch { cwd: here, ..Launch::default() };
    let mut all = vec![python::spec(&launch), node::spec(&launch), bash::spec(&launch), js::spec()];
    all.extend(jupyter::known(&launch));
    all
}

/// Whether something can be started by this name in this folder and environment, as far as one can tell without trying.
#[must_use]
pub fn knows(launch: &Launch) -> bool {
    is_kernel(&launch.kernel) || environment::activated(launch).is_ok_and(|launch| jupyter::knows(&launch))
}

/// The version of the program of a spec, where only the program can say it. Starts it.
#[must_use]
pub fn version(spec: &KernelSpec) -> Option<String> {
    let program = std::path::Path::new(spec.program.as_deref()?);
    let said = find::version_said(program)?;
    match spec.name.as_str() {
        "python" => said.strip_prefix("Python ").map(str::to_owned),
        "node" => said.strip_prefix('v').map(str::to_owned),
        // GNU bash, version 5.2.15(1)-release (x86_64-pc-linux-gnu)
        "bash" => said.split_once("version ").and_then(|(_, v)| Some(v.split_once('(')?.0.to_owned())),
        _ => None,
    }
}
