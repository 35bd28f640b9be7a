//! What every process of ours runs on.

use std::io::{self, pipe};
use tokio::runtime::{Builder, Runtime};

/// Pairs of descriptors that must be free: what the runtime takes for itself, with some to spare.
const PAIRS: usize = 4;

/// One thread for all that is asynchronous.
///
/// # Errors
/// What is missing, in the system's words.
pub fn build() -> io::Result<Runtime> {
    // The runtime panics where it finds no descriptor for its signals, so it is asked for only where there are some.
    let free = (0..PAIRS).map(|_| pipe()).collect::<io::Result<Vec<_>>>()?;
    drop(free);
    Builder::new_current_thread().enable_all().build()
}
