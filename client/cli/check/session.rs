//! One session to try things in, through this very program: what a user would get.

use super::live::Program;
use crate::embed::KERNEL;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

pub(super) struct Session {
    program: PathBuf,
    place: Vec<String>,
    name: String,
    kernel: String,
    /// What it is a session of, where that runs already. Ended after the session.
    _program: Option<Program>,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) code: i32,
    pub(super) out: Vec<u8>,
    pub(super) err: String,
}

impl Said {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.out).into_owned()
    }
}

impl Session {
    pub(super) fn new(kernel: &str, at: Option<&str>) -> io::Result<Self> {
        let place = at.map(|at| vec!["--at".to_owned(), at.to_owned()]).unwrap_or_default();
        // What is no name's letter is left out: a kernelspec may be named by its folder.
        let word: String = kernel.chars().filter(char::is_ascii_alphanumeric).take(32).collect();
        let name = format!("check-{word}-{}", std::process::id());
        let program = std::env::current_exe()?;
        let runs = (kernel == KERNEL).then(|| {
            let elsewhere = || io::Error::other("a program is embedded on the machine where it runs; leave --at away");
            if at.is_some() { Err(elsewhere()) } else { Program::start(&name, &program) }
        });
        Ok(Self { _program: runs.transpose()?, program, place, name, kernel: kernel.to_owned() })
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.place).args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Any command of this program, with this session's name at its end.
    pub(super) fn run(&self, words: &[&str], input: &str) -> io::Result<Said> {
        let mut words = words.to_vec();
        words.push(&self.name);
        let mut child = self.command(&words).stdin(Stdio::piped()).spawn()?;
        give(&mut child, input)?;
        let all = child.wait_with_output()?;
        let err = String::from_utf8_lossy(&all.stderr).into_owned();
        Ok(Said { code: all.status.code().unwrap_or(-1), out: all.stdout, err })
    }

    fn exec_command(&self, code: &str) -> Command {
        let named = ["exec", "-s", &self.name, "-c", code];
        let mut command = self.command(&named);
        // What runs already is what it is.
        if self.kernel != KERNEL {
            command.args(["-k", &self.kernel]);
        }
        command
    }

    pub(super) fn exec(&self, code: &str, input: &str) -> io::Result<Said> {
        let mut child = self.exec_command(code).stdin(Stdio::piped()).spawn()?;
        give(&mut child, input)?;
        let all = child.wait_with_output()?;
        let err = String::from_utf8_lossy(&all.stderr).into_owned();
        Ok(Said { code: all.status.code().unwrap_or(-1), out: all.stdout, err })
    }

    /// stdout and stderr as one.
    pub(super) fn exec_both(&self, code: &str) -> io::Result<String> {
        let (mut reader, writer) = io::pipe()?;
        let mut command = self.exec_command(code);
        command.stdout(writer.try_clone()?).stderr(writer);
        let mut child = command.spawn()?;
        drop(command);
        let mut all = Vec::new();
        reader.read_to_end(&mut all)?;
        child.wait()?;
        Ok(String::from_utf8_lossy(&all).into_owned())
    }

    /// Runs it, interrupts it once it has written `up`, and gives what it exits with.
    pub(super) fn interrupted(&self, code: &str) -> io::Result<(i32, Said)> {
        let mut child = self.exec_command(code).stdin(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        // Open until the end: nobody has said that no more comes.
        let _input = child.stdin.take();
        let Some(mut out) = child.stdout.take() else { return Err(io::Error::other("no pipe")) };
        let mut seen = Vec::new();
        let mut piece = [0; 4096];
        while !seen.windows(2).any(|two| two == b"up") {
            match out.read(&mut piece)? {
                0 => break,
                n => seen.extend_from_slice(piece.get(..n).unwrap_or_default()),
            }
        }
        let said = self.run(&["interrupt"], "")?;
        io::copy(&mut out, &mut io::sink())?;
        Ok((child.wait()?.code().unwrap_or(-1), said))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for word in ["kill", "rm"] {
            drop(self.run(&[word], ""));
        }
    }
}

fn give(child: &mut Child, input: &str) -> io::Result<()> {
    match child.stdin.take() {
        Some(mut stdin) => match stdin.write_all(input.as_bytes()) {
            // It did not want to read, and that is no failure of it.
            Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(e),
            _ => Ok(()),
        },
        None => Ok(()),
    }
}
