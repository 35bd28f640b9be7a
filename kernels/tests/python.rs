//! The Python kernel, driven through the trait on the real interpreter. `RIALTO_TEST_PYTHON` names another one than
//! `python3`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[path = "python/deaths.rs"]
mod deaths;
#[path = "python/driver.rs"]
mod driver;
#[path = "python/interrupts.rs"]
mod interrupts;
#[path = "python/output.rs"]
mod output;
#[path = "python/values.rs"]
mod values;
