//! A machine of its own: folders, and what listens there.

use crate::ways::{Door, Way};
use std::process::Command;
use tempfile::TempDir;

pub(crate) struct Place {
    // First, so that it ends before its folders go.
    door: Door,
    _temp: TempDir,
}

impl Place {
    pub(crate) fn new(way: Way) -> Self {
        // Short and without links: a socket's path ends at 107 bytes, and folders that are links are refused.
        let base = std::fs::canonicalize("/tmp").unwrap();
        let temp = tempfile::Builder::new().prefix("rc-").tempdir_in(base).unwrap();
        let env = [
            ("RIALTO_STATE_DIR".into(), temp.path().join("s").into()),
            ("RIALTO_RUNTIME_DIR".into(), temp.path().join("r").into()),
            // Where scripts/setup puts kernels of Jupyter; and R writes what is no ASCII as its surroundings have it.
            ("JUPYTER_PATH".into(), concat!(env!("CARGO_MANIFEST_DIR"), "/target/jupyter/share/jupyter").into()),
            ("LC_ALL".into(), "C.UTF-8".into()),
            ("XDG_CACHE_HOME".into(), concat!(env!("CARGO_MANIFEST_DIR"), "/target/jupyter/cache").into()),
        ];
        Self { door: Door::open(way, temp.path(), &env), _temp: temp }
    }

    /// The binary, by this way.
    pub(crate) fn rialto(&self) -> Command {
        self.door.rialto()
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.door.fmt(f)
    }
}
