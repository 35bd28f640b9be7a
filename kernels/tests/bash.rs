//! The Bash kernel, driven through the trait on the real shell. `RIALTO_TEST_BASH` names another one than `bash`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
// A binary's modules are reached from nowhere else, and of the driver each language uses a part.
#![allow(unreachable_pub, dead_code)]

#[path = "python/driver.rs"]
mod driver;
#[path = "bash/input.rs"]
mod input;
#[path = "bash/interrupts.rs"]
mod interrupts;
#[path = "bash/questions.rs"]
mod questions;
#[path = "bash/values.rs"]
mod values;

use driver::Driver;
use rialto_protocol::kernel::Launch;

pub(crate) fn start() -> Driver {
    Driver::start_with(&Launch {
        kernel: "bash".into(),
        program: Some(std::env::var("RIALTO_TEST_BASH").unwrap_or_else(|_| "bash".into())),
        cwd: std::env::temp_dir().display().to_string(),
        ..Launch::default()
    })
}
