//! A daemon that can be killed and comes back at the same socket, and ends with its test.

use crate::processes::{signal, until};
use crate::ways::{Door, Way};
use crate::world::{RIALTO, World};
use nix::sys::signal::Signal;
use rialto_client::Through;
use rialto_transports::unix::UnixDialer;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::Arc;

pub(crate) struct Daemon {
    pub(crate) socket: PathBuf,
    exe: PathBuf,
    child: Option<Child>,
    /// What stands there instead, where clients come by another way than its socket.
    door: Option<Door>,
}

impl Daemon {
    pub(crate) async fn new(world: &World) -> Self {
        let daemon = Self::begin(world);
        daemon.listens().await;
        daemon
    }

    /// One that is reached by this way.
    pub(crate) async fn by(world: &World, way: Way) -> Self {
        if way == Way::Unix {
            return Self::new(world).await;
        }
        let door = Some(Door::open(way, &world.path(""), &world.spawn.env));
        Self { socket: PathBuf::new(), exe: RIALTO.into(), child: None, door }
    }

    /// One that does not listen yet.
    pub(crate) fn begin(world: &World) -> Self {
        Self::of(world, RIALTO.into())
    }

    /// The same of another file.
    pub(crate) fn of(world: &World, exe: PathBuf) -> Self {
        let mut daemon = Self { socket: world.path("daemon.sock"), exe, child: None, door: None };
        daemon.starts(world);
        daemon
    }

    pub(crate) fn starts(&mut self, world: &World) {
        if let Some(door) = &mut self.door {
            return door.comes_back();
        }
        let log = std::fs::OpenOptions::new().create(true).append(true).open(world.path("daemon.log")).unwrap();
        let mut command = world.command_of(&self.exe, &["serve", "--socket", self.socket.to_str().unwrap()]);
        self.child = Some(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
    }

    /// Waits until it does.
    pub(crate) async fn listens(&self) {
        if let Some(door) = &self.door {
            return until("somebody who listens", || door.is_up().then_some(())).await;
        }
        until("a daemon that listens", || std::os::unix::net::UnixStream::connect(&self.socket).ok()).await;
    }

    pub(crate) fn pid(&self) -> i32 {
        if let Some(door) = &self.door {
            return i32::try_from(door.pid().expect("it lives")).unwrap();
        }
        i32::try_from(self.child.as_ref().expect("it lives").id()).unwrap()
    }

    /// `kill -9`. Its socket stays where it is.
    pub(crate) fn dies(&mut self) {
        if let Some(door) = &mut self.door {
            door.dies();
        }
        if let Some(mut child) = self.child.take() {
            signal(i32::try_from(child.id()).unwrap(), Signal::SIGKILL);
            child.wait().unwrap();
        }
    }

    /// What `--at` takes.
    pub(crate) fn at(&self) -> String {
        let by = self.door.as_ref().and_then(Door::at);
        by.unwrap_or_else(|| format!("unix://{}", self.socket.display()))
    }

    /// What a program needs in its environment to come by that.
    pub(crate) fn env(&self) -> Vec<(OsString, OsString)> {
        self.door.as_ref().map(Door::env).unwrap_or_default()
    }

    pub(crate) fn through(&self) -> Through {
        self.through_port(None)
    }

    /// The same by somebody who leads there.
    pub(crate) fn through_port(&self, port: Option<u16>) -> Through {
        match &self.door {
            Some(door) => Through { dialer: door.dialer(port), local: false },
            None => Through { dialer: Arc::new(UnixDialer::new(&self.socket)), local: true },
        }
    }

    /// Where it listens for TCP.
    pub(crate) fn port(&self) -> Option<u16> {
        self.door.as_ref().and_then(Door::port)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.dies();
    }
}
