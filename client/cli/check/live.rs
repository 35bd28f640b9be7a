//! A program that runs already: `rialto kernels --check live` starts one, and tries its session.

use super::codes::{Codes, PYTHON};
use crate::embed::MODULE;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// Has the library from its stdin, and lives as long as that is open.
const PROGRAM: &str = "\
import sys, types
name, program, size = sys.argv[1:]
rialto = sys.modules['rialto'] = types.ModuleType('rialto')
exec(compile(sys.stdin.buffer.read(int(size)), 'rialto.py', 'exec'), rialto.__dict__)
rialto.embed(name, {'__name__': 'live'}, rialto=program)
print('up', flush=True)
sys.stdin.buffer.read()
";

/// Python, but for what `docs/live.md` names: what other threads and child processes print goes where the program's output goes, a
/// call in C is waited for, a restart makes nothing fresh, and after the program's end there is nothing to start again.
pub(super) const CODES: Codes = Codes {
    waits: Some("import asyncio; print('up', flush=True); await asyncio.sleep(1000)"),
    child: None,
    dies: None,
    killed: None,
    background: None,
    fresh: false,
    ..PYTHON
};

/// The program.
pub(super) struct Program {
    child: Child,
    /// Closed, it ends.
    stdin: Option<ChildStdin>,
}

impl Program {
    /// Starts it, and waits until it is a session of this name.
    pub(super) fn start(name: &str, rialto: &Path) -> io::Result<Self> {
        let mut child = Command::new("python3")
            .args(["-c", PROGRAM, name])
            .arg(rialto)
            .arg(MODULE.len().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|why| io::Error::other(format!("python3, the program to look into, does not start: {why}")))?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take();
        let mut program = Self { child, stdin };
        if let Some(stdin) = &mut program.stdin {
            stdin.write_all(MODULE.as_bytes())?;
            stdin.flush()?;
        }
        let mut said = [0; 3];
        let up = stdout.map_or(Ok(()), |mut stdout| stdout.read_exact(&mut said));
        up.map_err(|_| io::Error::other("the program did not become a session; what it said stands above"))?;
        Ok(program)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.stdin = None;
        let _ = self.child.wait();
    }
}
