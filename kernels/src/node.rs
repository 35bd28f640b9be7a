//! Node: which one, and how it is started. The files of `runners/node/` do the rest.

use crate::Kernel;
use crate::find::{self, Looked};
use crate::launch::{KernelSpec, LaunchError};
use crate::runner::{Runner, Script};
use rialto_protocol::kernel::Launch;
use tokio::process::Command;

/// The main thread's part, in the order in which it must run.
const RUNNER: &str = concat!(
    include_str!("../runners/node/state.js"),
    include_str!("../runners/node/channel.js"),
    include_str!("../runners/node/interrupt.js"),
    include_str!("../runners/node/output.js"),
    include_str!("../runners/node/input.js"),
    include_str!("../runners/node/children.js"),
    include_str!("../runners/node/scan.js"),
    include_str!("../runners/node/run.js"),
    include_str!("../runners/node/results.js"),
    include_str!("../runners/node/questions.js"),
    include_str!("../runners/node/main.js"),
);
/// The other thread's.
const WORKER: &str = include_str!("../runners/node/worker.js");

/// Reads the runner from the channel and becomes it.
const BOOTSTRAP: &str = include_str!("../runners/node/bootstrap.js");

const LOOKED: Looked = Looked { language: "Node", names: &["node", "nodejs"] };

/// Starts a Node kernel.
pub(crate) fn launch(launch: &Launch) -> Result<Box<dyn Kernel>, LaunchError> {
    let cwd = find::folder(launch)?;
    let program = find::program(launch, &LOOKED)?;
    let mut command = Command::new(&program);
    // Code that is stopped in the middle of a callback leaves Node's stack of asynchronous contexts as it was; Node is not to end
    // itself for that.
    command.args(["--no-force-async-hooks-checks", "-e", BOOTSTRAP, "--"]).current_dir(cwd).envs(&launch.env);
    let script = Script { source: RUNNER, later: WORKER, tells_interrupts: true, ..Script::default() };
    match Runner::start(command, script) {
        Ok(runner) => Ok(Box::new(runner)),
        Err(source) => Err(LaunchError::Start { program: program.display().to_string(), source }),
    }
}

/// What `launch` would start.
pub(crate) fn spec(launch: &Launch) -> KernelSpec {
    let program = find::program(launch, &LOOKED).ok().map(|p| p.display().to_string());
    KernelSpec { name: "node".into(), language: "javascript".into(), program, version: None, found: None }
}
