//! The Node kernel, driven through the trait on the real interpreter. `RIALTO_TEST_NODE` names another one than `node`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
// A binary's modules are reached from nowhere else, and of the driver each language uses a part.
#![allow(unreachable_pub, dead_code)]

#[path = "python/driver.rs"]
mod driver;
#[path = "node/interrupts.rs"]
mod interrupts;
#[path = "node/output.rs"]
mod output;
#[path = "node/programs.rs"]
mod programs;
#[path = "node/questions.rs"]
mod questions;
#[path = "node/values.rs"]
mod values;

use driver::Driver;
use rialto_protocol::kernel::Launch;

pub(crate) fn node() -> Launch {
    Launch {
        kernel: "node".into(),
        program: Some(std::env::var("RIALTO_TEST_NODE").unwrap_or_else(|_| "node".into())),
        cwd: std::env::temp_dir().display().to_string(),
        ..Launch::default()
    }
}

pub(crate) fn start() -> Driver {
    Driver::start_with(&node())
}
