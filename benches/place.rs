//! Folders of its own, the real binary in them, and the end of everything that was started there.

use crate::processes;
use crate::wait::look;
use rialto_bridge::auth;
use rialto_bridge::home::Home;
use rialto_bridge::router::{self, Spawn};
use rialto_client::{Connect, EvalOptions, Link, Linking, Options, Session, Start, Through};
use rialto_protocol::event::{Ended, Event};
use rialto_protocol::message::{Create, Open};
use rialto_protocol::{Outcome, Show};
use rialto_transports::Dialer;
use rialto_transports::unix::UnixDialer;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use tempfile::TempDir;

pub(crate) const RIALTO: &str = env!("CARGO_BIN_EXE_rialto");

/// One machine's worth of sessions.
pub(crate) struct Place {
    temp: TempDir,
    home: Home,
    spawn: Spawn,
    /// The interpreter itself: a version manager's script in front of it would be measured instead.
    pub(crate) python: String,
    daemon: Option<Child>,
}

/// How a session is reached.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Its supervisor's own socket.
    Direct,
    /// The daemon's.
    Daemon,
}

impl Way {
    pub(crate) const BOTH: [Self; 2] = [Self::Direct, Self::Daemon];

    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Direct => "Unix socket",
            Self::Daemon => "through the daemon",
        }
    }
}

impl Place {
    pub(crate) fn new() -> Self {
        let temp = tempfile::Builder::new().prefix("bench-").tempdir().unwrap();
        let home = Home::at(&temp.path().join("state"), &temp.path().join("run")).unwrap();
        let env = vec![("RIALTO_STATE_DIR".into(), home.state().into()), ("RIALTO_RUNTIME_DIR".into(), home.runtime().into())];
        let spawn = Spawn { exe: RIALTO.into(), args: vec!["supervise".into()], env, scope: false, agent: None };
        Self { temp, home, spawn, python: python(), daemon: None }
    }

    /// The binary, in this place.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(RIALTO);
        command.args(arguments).envs(self.spawn.env.iter().map(|(key, value)| (key, value)));
        command.env_remove("RIALTO_AT").stdin(Stdio::null()).current_dir(self.temp.path());
        command
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.temp.path().join(name)
    }

    /// A request for the session of a name, made where it is not there.
    pub(crate) fn open(&self, name: &str) -> Open {
        let create = Create {
            id: rialto_client::request_id().unwrap(),
            kernel: "python".into(),
            session: None,
            program: Some(self.python.clone()),
            cwd: self.temp.path().display().to_string(),
            env: Default::default(),
            must_be_new: false,
            ends_when_done: false,
            remove_at_end: false,
            cull_after_ms: None,
            setup: Default::default(),
        };
        Open { session: name.into(), create: Some(create), ..Open::default() }
    }

    pub(crate) fn connector(&mut self, way: Way) -> Box<dyn Connect> {
        if way == Way::Daemon {
            return Box::new(Through { dialer: Arc::new(UnixDialer::new(self.daemon())), local: true });
        }
        let (home, spawn) = (self.home.clone(), self.spawn.clone());
        Box::new(move |open: Open| -> Linking {
            let (home, spawn) = (home.clone(), spawn.clone());
            Box::pin(async move {
                let reached = router::ensure(&home, &open, &auth::ourself(), &spawn).await?;
                let open = Open { session: reached.session.to_string(), create: None, ..open };
                Ok(Link { stream: Box::new(reached.stream), cookie: Some(reached.cookie.into_bytes()), open, local: true })
            })
        })
    }

    /// A client of the session of a name.
    pub(crate) async fn session(&mut self, name: &str, way: Way, start: Start) -> Session {
        let connector = self.connector(way);
        let mut session = Session::new(Boxed(connector), self.open(name), options(start));
        session.connected().await.unwrap();
        session
    }

    /// The same by any link.
    pub(crate) async fn session_by(&self, name: &str, dialer: Arc<dyn Dialer>, start: Start) -> Session {
        let mut session = Session::new(Through { dialer, local: true }, self.open(name), options(start));
        session.connected().await.unwrap();
        session
    }

    /// What everything here has in its environment.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let text = |text: &std::ffi::OsString| text.to_string_lossy().into_owned();
        self.spawn.env.iter().map(|(key, value)| (text(key), text(value))).collect()
    }

    /// The socket, cookie and id of the session of a name.
    pub(crate) fn found(&self, name: &str) -> (PathBuf, Vec<u8>, String) {
        let session = self.home.session(&self.home.resolve(name).unwrap());
        (session.socket().unwrap().to_owned(), session.cookie().unwrap().into_bytes(), session.id().to_string())
    }

    /// Supervisor and kernel of a session, and the daemon where that is between.
    pub(crate) async fn parts(&self, session: &mut Session, way: Way) -> Vec<i32> {
        let supervisor = i32::try_from(session.status().await.unwrap().pid).unwrap();
        let daemon = self.daemon.as_ref().filter(|_| way == Way::Daemon).map(|child| i32::try_from(child.id()).unwrap());
        processes::children(supervisor).into_iter().chain([supervisor]).chain(daemon).collect()
    }

    /// Whether its supervisor lives.
    pub(crate) fn lives(&self, name: &str) -> bool {
        let id = self.home.resolve(name).unwrap();
        self.home.session(&id).lives().unwrap()
    }

    /// All processes that were started here.
    pub(crate) fn processes(&self) -> Vec<i32> {
        processes::with_variable(&self.mark())
    }

    fn mark(&self) -> String {
        format!("RIALTO_RUNTIME_DIR={}", self.home.runtime().display())
    }

    /// The daemon's socket; it is started when it is first asked for.
    fn daemon(&mut self) -> PathBuf {
        let socket = self.path("daemon.sock");
        if self.daemon.is_none() {
            let mut command = self.command(&["serve", "--socket"]);
            self.daemon = Some(command.arg(&socket).stderr(Stdio::null()).spawn().unwrap());
            look("a daemon", || std::os::unix::net::UnixStream::connect(&socket).ok());
        }
        socket
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
        processes::end_all(&self.mark());
    }
}

/// A connector of either kind.
pub(crate) struct Boxed(pub(crate) Box<dyn Connect>);

impl Connect for Boxed {
    fn connect(&self, open: Open) -> Linking {
        self.0.connect(open)
    }
}

pub(crate) fn options(start: Start) -> Options {
    let mut options = Options::new(rialto_client::client_id().unwrap(), "bench");
    options.start = start;
    options
}

/// Runs code to its end, which must be a good one. What it prints goes to `printed`.
pub(crate) async fn run(session: &mut Session, code: &str, printed: &mut dyn FnMut(&[u8])) -> Ended {
    let run = session.eval(code, EvalOptions { show: Show::Value, ..EvalOptions::default() }).unwrap();
    let finished = run.finish(|record| {
        if let Event::Output(output) = &record.event {
            output.runs.iter().for_each(|run| printed(&run.data.0));
        }
    });
    let ended = finished.await.unwrap().ended.unwrap();
    assert_eq!(ended.outcome, Outcome::Ok, "{ended:?}");
    ended
}

/// The value of an eval, as text.
pub(crate) fn value(ended: &Ended) -> &[u8] {
    ended.result.as_ref().and_then(|result| result.get("text/plain")).map_or(&[], |text| &text.0)
}

fn python() -> String {
    let named = std::env::var("RIALTO_TEST_PYTHON").unwrap_or_else(|_| "python3".into());
    let said = Command::new(named).args(["-c", "import sys; print(sys.executable, end='')"]).output().unwrap();
    String::from_utf8(said.stdout).unwrap()
}
