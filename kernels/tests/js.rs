//! The JavaScript engine of this program, driven through the trait.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
// A binary's modules are reached from nowhere else, and of the driver each language uses a part.
#![allow(unreachable_pub, dead_code)]

#[path = "python/driver.rs"]
mod driver;
#[path = "js/hostile.rs"]
mod hostile;
#[path = "js/interrupts.rs"]
mod interrupts;
#[path = "js/questions.rs"]
mod questions;
#[path = "js/values.rs"]
mod values;

use driver::Driver;
use rialto_protocol::kernel::Launch;

pub(crate) fn js() -> Launch {
    Launch { kernel: "js".into(), ..Launch::default() }
}

pub(crate) fn start() -> Driver {
    Driver::start_with(&js())
}

/// With limits.
pub(crate) fn start_with(environment: &[(&str, &str)]) -> Driver {
    let env = environment.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Driver::start_with(&Launch { env, ..js() })
}
