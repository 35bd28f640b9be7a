//! What the kernel of a new session finds when it starts.

use clap::ValueHint;
use std::path::PathBuf;

const HEADING: &str = "What the kernel of a new session finds (paths are of the machine where it will be)";

#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct StartArgs {
    /// The folder to start in. Default: this one; on another machine the home folder
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = HEADING)]
    pub(crate) cwd: Option<PathBuf>,
    /// An environment variable; a name alone passes on what it is here. Never recorded. May be said often
    #[arg(long = "env", value_name = "NAME[=VALUE]", help_heading = HEADING)]
    pub(crate) env: Vec<String>,
    /// A virtual environment's folder. Default: the active one, else the project's (.venv, venv)
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = HEADING, conflicts_with_all = ["conda", "python"])]
    pub(crate) venv: Option<PathBuf>,
    /// A conda environment: its name or its folder. No conda need be on the path
    #[arg(long, value_name = "NAME", help_heading = HEADING, conflicts_with = "python")]
    pub(crate) conda: Option<String>,
    /// The interpreter
    #[arg(long, visible_aliases = ["program", "node"], value_name = "PATH", value_hint = ValueHint::ExecutablePath, help_heading = HEADING)]
    pub(crate) python: Option<PathBuf>,
    /// The environment of your login shell, as after `ssh machine`. It has five seconds
    #[arg(long, help_heading = HEADING)]
    pub(crate) login: bool,
}

impl StartArgs {
    /// The options that were said.
    pub(crate) fn said(&self) -> Vec<&'static str> {
        let Self { cwd, env, venv, conda, python, login } = self;
        let said = [
            (cwd.is_some(), "--cwd"),
            (!env.is_empty(), "--env"),
            (venv.is_some(), "--venv"),
            (conda.is_some(), "--conda"),
            (python.is_some(), "--python"),
            (*login, "--login"),
        ];
        said.into_iter().filter_map(|(is, name)| is.then_some(name)).collect()
    }
}
