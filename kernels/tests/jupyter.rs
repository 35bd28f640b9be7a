//! Kernels that Jupyter starts, driven through the trait: `ipykernel`, `bash_kernel`, and R's. `scripts/setup` installs them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
// A binary's modules are reached from nowhere else, and not every one of them needs all of the driver.
#![allow(unreachable_pub, dead_code)]

#[path = "python/driver.rs"]
mod driver;

#[path = "jupyter/comms.rs"]
mod comms;
#[path = "jupyter/deaths.rs"]
mod deaths;
#[path = "jupyter/floods.rs"]
mod floods;
#[path = "jupyter/interrupts.rs"]
mod interrupts;
#[path = "jupyter/others.rs"]
mod others;
#[path = "jupyter/questions.rs"]
mod questions;
#[path = "jupyter/slow.rs"]
mod slow;
#[path = "jupyter/values.rs"]
mod values;

use driver::Driver;
use rialto_protocol::kernel::Launch;
use std::path::{Path, PathBuf};

/// Where `scripts/setup` has put them.
fn installed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/jupyter/share/jupyter").canonicalize().expect("scripts/setup was run")
}

fn launch_of(kernel: &str) -> Launch {
    let env = [
        ("JUPYTER_PATH".to_owned(), installed().display().to_string()),
        // R prints what is no ASCII as the language of its surroundings has it.
        ("LC_ALL".to_owned(), "C.UTF-8".to_owned()),
    ];
    let cwd = std::env::temp_dir().display().to_string();
    Launch { kernel: kernel.to_owned(), cwd, env: env.into(), ..Launch::default() }
}

fn start(kernel: &str) -> Driver {
    Driver::start_with(&launch_of(kernel))
}

/// `ipykernel`.
fn python() -> Driver {
    start("jupyter:python3")
}

/// A kernelspec of our own, in a folder that goes with the first.
fn made(text: &str) -> (tempfile::TempDir, Launch) {
    let temp = tempfile::tempdir().unwrap();
    std::fs::write(temp.path().join("kernel.json"), text).unwrap();
    let launch = launch_of(&format!("jupyter:{}", temp.path().display()));
    (temp, launch)
}
