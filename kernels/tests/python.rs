//! The Python kernel, driven through the trait on the real interpreter. `RIALTO_TEST_PYTHON` names another one than
//! `python3`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
// A binary's modules are reached from nowhere else, and of the driver each language uses a part.
#![allow(unreachable_pub, dead_code)]

#[path = "python/ahead.rs"]
mod ahead;
#[path = "python/blocking.rs"]
mod blocking;
#[path = "python/cache.rs"]
mod cache;
#[path = "python/deaths.rs"]
mod deaths;
#[path = "python/displays.rs"]
mod displays;
#[path = "python/driver.rs"]
mod driver;
#[path = "python/interrupts.rs"]
mod interrupts;
#[path = "python/output.rs"]
mod output;
#[path = "python/programs.rs"]
mod programs;
#[path = "python/questions.rs"]
mod questions;
#[path = "python/values.rs"]
mod values;
