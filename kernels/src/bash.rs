//! Bash: which one, how it is started, and the lines it reads. `runners/bash/runner.sh` does the rest.
//!
//! The shell is an interactive one that reads its commands from a pipe: so an interrupt ends the command and the shell goes on with its
//! next line. An eval is three lines: what is to be run; running it; telling how it ended, which is read after an interrupt, too.

use crate::Kernel;
use crate::find::{self, Looked};
use crate::launch::{KernelSpec, LaunchError};
use crate::runner::{Runner, Script};
use rialto_protocol::kernel::Launch;
use tokio::process::Command;

const RUNNER: &str = include_str!("../runners/bash/runner.sh");

const LOOKED: Looked = Looked { language: "Bash", names: &["bash"] };

/// Starts a Bash kernel.
pub(crate) fn launch(launch: &Launch) -> Result<Box<dyn Kernel>, LaunchError> {
    let cwd = find::folder(launch)?;
    let program = find::program(launch, &LOOKED)?;
    let mut command = Command::new(&program);
    command.args(["--norc", "--noprofile", "--noediting", "-i"]).current_dir(cwd).envs(&launch.env);
    // Nobody sees its prompts.
    command.env("PS1", "").env("PS2", "").env_remove("PROMPT_COMMAND");
    match Runner::start(command, Script { source: RUNNER, is_shell: true, ..Script::default() }) {
        Ok(runner) => Ok(Box::new(runner)),
        Err(source) => Err(LaunchError::Start { program: program.display().to_string(), source }),
    }
}

/// What `launch` would start.
pub(crate) fn spec(launch: &Launch) -> KernelSpec {
    let program = find::program(launch, &LOOKED).ok().map(|p| p.display().to_string());
    KernelSpec { name: "bash".into(), language: "bash".into(), program, version: None, found: None }
}
