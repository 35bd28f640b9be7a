//! How a Jupyter kernel is started: a folder that is ours alone, the file that tells it where to listen, its command, and the
//! lifeline that ends it where we are gone.

use super::link::Where;
use super::specs::{Installed, Mode};
use crate::find::{self, variable};
use crate::launch::LaunchError;
use crate::runner::pipes::Pipe;
use crate::runner::process::Process;
use data_encoding::HEXLOWER;
use rialto_jupyter_wire::{Connection, Transport};
use rialto_protocol::data::Stream;
use rialto_protocol::kernel::Launch;
use std::io::{self, PipeWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command as Plain;
use tokio::process::Command;

/// Runs a module of Python with what a kernel of `ipykernel` needs to lose nothing.
const LAUNCHER: &str = include_str!("../../runners/jupyter/launcher.py");
/// Runs anything else.
const WATCHED: &str = include_str!("../../runners/jupyter/watched.sh");

/// What other programs that start kernels tell theirs, and what is between the bridge and its supervisor.
const NOT_OURS: [&str; 4] = ["JPY_PARENT_PID", "JPY_SESSION_NAME", "JPY_INTERRUPT_EVENT", "RIALTO_GIVEN"];

/// A folder that nobody else can look into, for as long as the kernel lives.
#[derive(Debug)]
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    fn new() -> io::Result<Self> {
        // A socket's path has 107 bytes at most.
        let run = PathBuf::from(format!("/run/user/{}", nix::unistd::geteuid()));
        let base = if cfg!(target_os = "linux") && nix::unistd::access(&run, nix::unistd::AccessFlags::W_OK).is_ok() {
            run
        } else {
            std::env::temp_dir()
        };
        // Made for its owner alone.
        Ok(Self(nix::unistd::mkdtemp(&base.join("rialto-k-XXXXXX"))?))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::debug!(%error, "the kernel's folder was not removed");
        }
    }
}

/// A kernel's process, and what belongs to it.
pub(super) struct Started {
    pub(super) process: Process,
    /// Closed with us: then the kernel ends itself.
    pub(super) lifeline: PipeWriter,
    pub(super) out: Pipe,
    pub(super) err: Pipe,
    pub(super) folder: Folder,
    pub(super) place: Where,
    pub(super) mode: Mode,
    pub(super) program: String,
}

/// Starts it.
pub(super) fn start(one: &Installed, launch: &Launch) -> Result<Started, LaunchError> {
    let cwd = find::folder(launch)?;
    let named = find::named(launch, "the kernelspec's")?.map(|program| program.display().to_string());
    let Some(program) = named.or_else(|| super::program(one, launch)) else {
        let wanted = one.spec.argv.first().cloned().unwrap_or_default();
        let source = io::Error::other(format!("it is not there; {}/kernel.json names it", one.folder.display()));
        return Err(LaunchError::Start { program: wanted, source });
    };
    let failed = |source| LaunchError::Start { program: program.clone(), source };
    let folder = Folder::new().map_err(failed)?;
    let file = folder.0.join("connection.json");
    let place = describe(&folder.0, &file, &one.name).map_err(failed)?;
    let mut words = vec![program.clone()];
    words.extend(one.spec.argv.iter().skip(1).map(|word| filled(word, one, &file)));
    let mut command = Command::from(command_of(&words, &folder.0, &place.base));
    command.current_dir(cwd).envs(one.spec.env.iter().map(|(name, value)| (name, expanded(value, launch)))).envs(&launch.env);
    for name in NOT_OURS {
        command.env_remove(name);
    }
    let (life_reader, lifeline) = io::pipe().map_err(failed)?;
    let (out_reader, out_writer) = io::pipe().map_err(failed)?;
    let (err_reader, err_writer) = io::pipe().map_err(failed)?;
    command.stdin(life_reader).stdout(out_writer).stderr(err_writer);
    let process = Process::start_with(&mut command, &[]).map_err(failed)?;
    // The command holds our copies of the child's ends.
    drop(command);
    let out = Pipe::new(out_reader, Stream::Stdout).map_err(failed)?;
    let err = Pipe::new(err_reader, Stream::Stderr).map_err(failed)?;
    Ok(Started { process, lifeline, out, err, folder, place, mode: one.spec.interrupt_mode, program })
}

/// The ports that kernels are given: none that a system hands out by itself, because between our look and the kernel's use
/// of it any program that connects to anything might get one of those.
const PORTS: std::ops::Range<u16> = 16_384..32_768;
/// So many of them are looked at, before it is left to the system.
const LOOKED_AT: usize = 64;

/// A port that is free, for as long as this is kept.
// Nobody comes in by these: they are closed before anybody could, and only tell which ports are free.
#[allow(clippy::disallowed_methods)]
fn free_port() -> io::Result<std::net::TcpListener> {
    for _ in 0..LOOKED_AT {
        let mut bytes = [0; 2];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        let port = PORTS.start + u16::from_ne_bytes(bytes) % (PORTS.end - PORTS.start);
        if let Ok(listener) = std::net::TcpListener::bind(("127.0.0.1", port)) {
            return Ok(listener);
        }
    }
    std::net::TcpListener::bind(("127.0.0.1", 0))
}

/// Writes the connection's file. Ports of this machine, for a kernel that was not told of better.
fn describe(folder: &Path, file: &Path, name: &str) -> io::Result<Where> {
    let listeners: Vec<_> = (0..5).map(|_| free_port()).collect::<io::Result<_>>()?;
    let mut ports = [0; 5];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr()?.port();
    }
    drop(listeners);
    let connection = Connection::new(Transport::Tcp, "127.0.0.1", ports, &random()?, name);
    let mut out = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    out.write_all(&serde_json::to_vec(&connection)?)?;
    Ok(Where { base: folder.join("k"), file: connection })
}

/// 32 digits that nobody guesses.
pub(super) fn random() -> io::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(HEXLOWER.encode(&bytes))
}

/// The command that runs these words with a lifeline at its standard input.
fn command_of(words: &[String], folder: &Path, base: &Path) -> Plain {
    if let Some((python, module)) = as_module(words) {
        let mut command = Plain::new(python.first().map_or("python3", String::as_str));
        command.args(python.get(1..).unwrap_or_default()).args(["-c", LAUNCHER]).arg(folder).arg(base).args(module);
        return command;
    }
    let mut command = Plain::new("/bin/sh");
    command.args(["-c", WATCHED, "sh"]).arg(folder).args(words);
    command
}

/// `python -X dev -m module arguments`: what comes before and after `-m`.
fn as_module(words: &[String]) -> Option<(&[String], &[String])> {
    let name = Path::new(words.first()?).file_name()?.to_str()?;
    if !name.starts_with("python") && !name.starts_with("pypy") {
        return None;
    }
    let mut at = 1;
    loop {
        match words.get(at)?.as_str() {
            "-m" => break,
            "-X" | "-W" => at += 2,
            option if option.starts_with('-') && option.len() > 1 && !option.starts_with("-c") => at += 1,
            _ => return None,
        }
    }
    Some((words.get(..at)?, words.get(at + 1..).filter(|module| !module.is_empty())?))
}

/// A word of a kernelspec's command.
fn filled(word: &str, one: &Installed, file: &Path) -> String {
    let shown = |path: Option<&Path>| path.map(|path| path.display().to_string()).unwrap_or_default();
    word.replace("{connection_file}", &shown(Some(file)))
        .replace("{resource_dir}", &shown(Some(&one.folder)))
        .replace("{prefix}", &shown(one.prefix()))
}

/// A variable's value in a kernelspec: `${NAME}` and `$NAME` stand for others, `$$` for a dollar.
fn expanded(value: &str, launch: &Launch) -> String {
    let mut out = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let word = |text: &str| text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
        let (name, more) = match after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some(braced) => braced,
            None => after.split_at(word(after)),
        };
        rest = more;
        match variable(launch, name).filter(|_| !name.is_empty()) {
            Some(value) => out.push_str(&value.to_string_lossy()),
            None if name.is_empty() && after.starts_with('$') => {
                out.push('$');
                rest = after.get(1..).unwrap_or_default();
            }
            // As it stands: it may mean something to the kernel.
            None => {
                out.push('$');
                out.push_str(after.get(..after.len() - more.len()).unwrap_or_default());
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_of_python_is_seen() {
        let seen = |line: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            as_module(&words).map(|(before, after)| (before.join(" "), after.join(" ")))
        };
        let some = |before: &str, after: &str| Some((before.to_owned(), after.to_owned()));
        assert_eq!(seen("/v/bin/python3.11 -m ipykernel_launcher -f F"), some("/v/bin/python3.11", "ipykernel_launcher -f F"));
        assert_eq!(seen("python -Xfrozen_modules=off -X dev -m a"), some("python -Xfrozen_modules=off -X dev", "a"));
        for other in ["R -m x", "python -c x -m y", "python x.py -m y", "python -m", "python"] {
            assert_eq!(seen(other), None, "{other}");
        }
    }

    #[test]
    fn variables_of_a_kernelspec_stand_for_others() {
        let env = [("A", "1"), ("B_2", "two")].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let launch = Launch { env, ..Launch::default() };
        assert_eq!(expanded("x${A}y$B_2/$$A ${NOT_THERE_AT_ALL} $", &launch), "x1ytwo/$A ${NOT_THERE_AT_ALL} $");
    }

    #[test]
    fn the_folder_is_ours_alone_and_goes() {
        use std::os::unix::fs::PermissionsExt;
        let folder = Folder::new().unwrap();
        let place = describe(&folder.0, &folder.0.join("c.json"), "x").unwrap();
        assert_eq!(folder.0.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(folder.0.join("c.json").metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(place.file.ports().iter().all(|port| *port > 0));
        let path = folder.0.clone();
        drop(folder);
        assert!(!path.exists());
    }
}
