//! A daemon that can be killed and comes back at the same socket, and ends with its test.

use crate::processes::{signal, until};
use crate::world::{RIALTO, World};
use nix::sys::signal::Signal;
use rialto_client::Through;
use rialto_transports::unix::UnixDialer;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::Arc;

pub(crate) struct Daemon {
    pub(crate) socket: PathBuf,
    exe: PathBuf,
    child: Option<Child>,
}

impl Daemon {
    pub(crate) async fn new(world: &World) -> Self {
        let daemon = Self::begin(world);
        daemon.listens().await;
        daemon
    }

    /// One that does not listen yet.
    pub(crate) fn begin(world: &World) -> Self {
        Self::of(world, RIALTO.into())
    }

    /// The same of another file.
    pub(crate) fn of(world: &World, exe: PathBuf) -> Self {
        let mut daemon = Self { socket: world.path("daemon.sock"), exe, child: None };
        daemon.starts(world);
        daemon
    }

    pub(crate) fn starts(&mut self, world: &World) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(world.path("daemon.log")).unwrap();
        let mut command = world.command_of(&self.exe, &["serve", "--socket", self.socket.to_str().unwrap()]);
        self.child = Some(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
    }

    /// Waits until it does.
    pub(crate) async fn listens(&self) {
        until("a daemon that listens", || std::os::unix::net::UnixStream::connect(&self.socket).ok()).await;
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.as_ref().expect("it lives").id()).unwrap()
    }

    /// `kill -9`. Its socket stays where it is.
    pub(crate) fn dies(&mut self) {
        if let Some(mut child) = self.child.take() {
            signal(i32::try_from(child.id()).unwrap(), Signal::SIGKILL);
            child.wait().unwrap();
        }
    }

    /// What `--at` takes.
    pub(crate) fn at(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    pub(crate) fn through(&self) -> Through {
        Through { dialer: Arc::new(UnixDialer::new(&self.socket)), local: true }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.dies();
    }
}
