//! Questions that OpenSSH asks only of accounts that have a password: asked by a small server of the test's own.

use crate::common::{Terminal, World, configure};
use russh::keys::PrivateKey;
use russh::server::{self, Auth, ChannelOpenHandle, Config, Handler, Msg, Response, Session};
use russh::{Channel, ChannelId, MethodKind, MethodSet};
use std::borrow::Cow;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What has to be shown to get in.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Wants {
    Password,
    /// A password and a number, one question after the other, and both at each connection.
    Number,
    /// A key, and then a password.
    KeyAndPassword,
    /// Any key but the first, of which it knows nothing. Over the second it dies, as often as it is told to.
    Another {
        /// As which program it is known.
        known: &'static str,
    },
}

/// What befalls the connections of a server.
#[derive(Default)]
struct Fate {
    /// So many of them are still to die over their second key.
    dies: AtomicUsize,
    /// The one there is ends.
    cut: tokio::sync::Notify,
}

struct Server {
    wants: Wants,
    key_shown: bool,
    /// Keys that were shown on this connection.
    keys: usize,
    fate: Arc<Fate>,
    /// How many questions were answered.
    answered: usize,
    there: Vec<(&'static str, String)>,
    rialto: Option<Child>,
}

const ONLY: fn(MethodKind) -> Option<MethodSet> = |method| Some(MethodSet::from([method].as_slice()));

impl Server {
    fn no(&self) -> Auth {
        let method = match self.wants {
            Wants::Password => MethodKind::Password,
            Wants::Number => MethodKind::KeyboardInteractive,
            Wants::KeyAndPassword if self.key_shown => MethodKind::Password,
            Wants::KeyAndPassword | Wants::Another { .. } => MethodKind::PublicKey,
        };
        Auth::Reject { proceed_with_methods: ONLY(method), partial_success: false }
    }
}

fn ask(prompt: &'static str, shown: bool) -> Auth {
    Auth::Partial { name: "".into(), instructions: "".into(), prompts: Cow::Owned(vec![(prompt.into(), shown)]) }
}

impl Handler for Server {
    type Error = russh::Error;

    async fn auth_none(&mut self, _: &str) -> Result<Auth, russh::Error> {
        Ok(self.no())
    }

    async fn auth_publickey(&mut self, _: &str, _: server::VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
        if let Wants::Another { .. } = self.wants {
            self.keys += 1;
            return match self.keys {
                1 => Ok(self.no()),
                _ if self.fate.dies.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok() => {
                    Err(russh::Error::Disconnect)
                }
                _ => Ok(Auth::Accept),
            };
        }
        if self.wants != Wants::KeyAndPassword {
            return Ok(self.no());
        }
        self.key_shown = true;
        Ok(Auth::Reject { proceed_with_methods: ONLY(MethodKind::Password), partial_success: true })
    }

    async fn auth_password(&mut self, _: &str, password: &str) -> Result<Auth, russh::Error> {
        let right = password == "open sesame" && (self.wants == Wants::Password || self.key_shown);
        Ok(if right { Auth::Accept } else { self.no() })
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _: &str,
        _: &str,
        answer: Option<Response<'a>>,
    ) -> Result<Auth, russh::Error> {
        let Some(mut answer) = answer else {
            self.answered = 0;
            return Ok(ask("Password: ", false));
        };
        let answer = answer.next().unwrap_or_default();
        self.answered += 1;
        Ok(match (self.answered, answer.as_ref()) {
            (1, b"open sesame") => ask("Number of the day: ", true),
            (2, b"42") => Auth::Accept,
            _ => self.no(),
        })
    }

    async fn channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(&mut self, channel: ChannelId, command: &[u8], session: &mut Session) -> Result<(), russh::Error> {
        let mut run = Command::new("/bin/sh");
        run.arg("-c").arg(String::from_utf8_lossy(command).as_ref()).env_clear().envs(self.there.iter().cloned());
        let mut child = run.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        session.channel_success(channel)?;
        let (handle, mut stdout) = (session.handle(), child.stdout.take().unwrap());
        let runtime = tokio::runtime::Handle::current();
        std::thread::spawn(move || {
            let mut chunk = vec![0; 64 * 1024];
            while let Ok(n @ 1..) = stdout.read(&mut chunk) {
                if runtime.block_on(handle.data(channel, chunk[..n].to_vec())).is_err() {
                    return;
                }
            }
            let _ = runtime.block_on(handle.close(channel));
        });
        self.rialto = Some(child);
        Ok(())
    }

    async fn data(&mut self, _: ChannelId, data: &[u8], _: &mut Session) -> Result<(), russh::Error> {
        self.rialto.as_mut().unwrap().stdin.as_mut().unwrap().write_all(data)?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.rialto {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Serves one connection after the other, as long as the test's process lives. Where it listens.
fn serve(here: &World, there: &World, wants: Wants) -> String {
    serve_and_die(here, there, wants, Arc::default())
}

#[allow(clippy::disallowed_methods)]
fn serve_and_die(here: &World, there: &World, wants: Wants, fate: Arc<Fate>) -> String {
    std::fs::create_dir_all(here.dir().join("home/.ssh")).unwrap();
    configure(here, "StrictHostKeyChecking accept-new\n");
    there.sh("ssh-keygen -q -t ed25519 -N '' -f ../host_key").ok();
    let key: PrivateKey = russh::keys::load_secret_key(there.dir().join("host_key"), None).unwrap();
    let mut config = Config { keys: vec![key], auth_rejection_time: std::time::Duration::ZERO, ..Config::default() };
    if let Wants::Another { known } = wants {
        config.server_id = russh::SshId::Standard(known.into());
    }
    let environment = vec![
        ("PATH", there.path().to_owned()),
        ("HOME", there.dir().join("home").display().to_string()),
        ("RIALTO_STATE_DIR", there.state().display().to_string()),
        ("RIALTO_RUNTIME_DIR", there.runtime().display().to_string()),
    ];
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = Arc::new(config);
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let (there, rialto) = (environment.clone(), None);
            let server = Server { wants, key_shown: false, keys: 0, fate: fate.clone(), answered: 0, there, rialto };
            runtime.block_on(async {
                socket.set_nonblocking(true).unwrap();
                let socket = tokio::net::TcpStream::from_std(socket).unwrap();
                if let Ok(session) = server::run_stream(config.clone(), socket, server).await {
                    tokio::select! {
                        _ = session => {}
                        () = fate.cut.notified() => {}
                    }
                }
            });
        }
    });
    format!("ssh://127.0.0.1:{port}")
}

#[test]
fn a_password_is_asked_for_and_not_shown() {
    let (here, there) = (World::new(), World::new());
    let at = serve(&here, &there, Wants::Password);
    here.run(&["--at", &at, "ls"]).complains(69, &["needs a person", "asks for a password"]);
    let t = Terminal::open(&here, &format!("clear; rialto --at {at} exec -c 6*7"));
    t.wait_for("'s password:");
    t.type_line("wrong");
    until_asked(&t, 2);
    t.type_line("open sesame");
    t.shows(&["42", "$"]);
    assert!(!t.history().contains("sesame"), "{}", t.history());
}

#[test]
fn questions_are_asked_one_after_the_other() {
    let (here, there) = (World::new(), World::new());
    let at = serve(&here, &there, Wants::Number);
    here.run(&["--at", &at, "ls"]).complains(69, &["needs a person", "Password"]);
    let t = Terminal::open(&here, &format!("clear; rialto --at {at} exec -c 6*7"));
    t.wait_for("Password:");
    t.type_line("open sesame");
    t.wait_for("Number of the day:");
    t.type_line("42");
    t.shows(&["Number of the day: 42", "42", "$"]);
}

#[test]
fn one_proof_may_not_be_enough() {
    let (here, there) = (World::new(), World::new());
    let at = serve(&here, &there, Wants::KeyAndPassword);
    here.sh("ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519").ok();
    let t = Terminal::open(&here, &format!("clear; rialto --at {at} exec -c 6*7"));
    t.wait_for("'s password:");
    t.type_line("open sesame");
    t.shows(&["42", "$"]);
}

#[test]
fn a_link_that_comes_back_gives_the_password_again_and_a_number_needs_a_person() {
    for wants in [Wants::Password, Wants::Number] {
        let (here, there) = (World::new(), World::new());
        let at = serve(&here, &there, wants);
        let t = Terminal::open(&here, &format!("clear; rialto --at {at}/work"));
        t.wait_for("assword:");
        t.type_line("open sesame");
        if wants == Wants::Number {
            t.wait_for("Number of the day:");
            t.type_line("42");
        }
        t.wait_for("session work");
        t.type_line("x = 40");
        t.shows(&[">>> x = 40", ">>>"]);
        // What serves the connection over there ends, and with it the connection.
        let bridges = there.processes().into_iter().filter(|found| format!("{found:?}").ends_with("stdio "));
        let bridges: Vec<i32> = bridges.map(|found| found.pid).collect();
        bridges.iter().for_each(|pid| crate::common::signal(*pid, nix::sys::signal::Signal::SIGKILL));
        if wants == Wants::Password {
            t.type_line("x + 2");
            t.wait_for("42");
            t.shows(&[">>>"]);
            t.keys(&["C-d"]);
        } else {
            let said = || t.screen().replace('\n', " ").contains("needs a person: the server asks").then_some(());
            crate::common::until("it to be said that a person is needed", said);
            t.keys(&["C-d"]);
        }
        t.wait_for("Come back with");
        t.shows(&["$"]);
        there.run(&["kill", "work"]).exits(0);
    }
}

/// Three keys, tried one after the other.
fn three_keys(here: &World) {
    let keys: String = ["one", "two", "three"]
        .map(|name| {
            here.sh(&format!("ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/{name}")).ok();
            format!("IdentityFile ~/.ssh/{name}\n")
        })
        .concat();
    configure(here, &format!("StrictHostKeyChecking accept-new\nIdentitiesOnly yes\n{keys}"));
}

#[test]
fn a_server_that_dies_between_two_keys_is_tried_again_and_that_is_said() {
    let (here, there) = (World::new(), World::new());
    let fate = Arc::new(Fate { dies: AtomicUsize::new(1), ..Fate::default() });
    let dies = &fate.dies;
    let at = serve_and_die(&here, &there, Wants::Another { known: "SSH-2.0-OpenSSH_9.9" }, fate.clone());
    three_keys(&here);
    // The first attempt to reach it: the next one does, and nobody need know.
    here.run(&["--at", &at, "exec", "-s", "work", "-k", "python", "-c", "x = 42"]).says(0, "", "");
    assert_eq!(dies.load(Ordering::Relaxed), 0);
    // In the middle of an eval: it dies of two attempts to come back.
    let go = there.project().join("go");
    let code = format!("import os; os.mkfifo({go:?}); print('begun', flush=True); _ = open({go:?}).read(); x");
    let running = here.start(&["--at", &at, "exec", "-s", "work", "-c", &code]);
    running.wait_for_out("begun\n");
    dies.store(2, Ordering::Relaxed);
    fate.cut.notify_one();
    running.wait_for_err("the connection was closed during authentication");
    crate::common::until("it to come back", || (dies.load(Ordering::Relaxed) == 0).then_some(()));
    std::fs::OpenOptions::new().write(true).open(go).unwrap();
    let said = running.end().exits(0);
    assert_eq!(said.out(), "begun\n42\n");
    assert!(said.err().contains("trying again in"), "{said}");
    there.run(&["kill", "work"]).exits(0);
}

#[test]
fn a_server_that_may_have_counted_keys_is_left_alone_and_that_is_said() {
    let (here, there) = (World::new(), World::new());
    let fate = Arc::new(Fate { dies: AtomicUsize::new(1), ..Fate::default() });
    let dies = &fate.dies;
    let at = serve_and_die(&here, &there, Wants::Another { known: "SSH-2.0-other" }, fate.clone());
    three_keys(&here);
    let said = "the connection was closed during authentication; where many keys are offered it may be one too many";
    here.run(&["--at", &at, "ls"]).complains(69, &[said, "`IdentitiesOnly yes` helps"]);
    // It was not asked again, though it would have let us in.
    dies.store(1, Ordering::Relaxed);
    here.run(&["--at", &at, "ls"]).complains(69, &[said]);
    here.run(&["--at", &at, "ls"]).exits(0);
}

/// Until the question stands there so often.
fn until_asked(t: &Terminal<'_>, times: usize) {
    crate::common::until("the question to be asked again", || (t.history().matches("password:").count() == times).then_some(()));
}
