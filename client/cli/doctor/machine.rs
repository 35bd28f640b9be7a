//! The machine: folders, space, interpreters, limits, and what was left lying about.

use super::Check;
use crate::kernels::missing_hint;
use crate::render::size;
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::statvfs::statvfs;
use rialto_bridge::home::Home;
use rialto_client::protocol::SessionId;
use rialto_transports::unix::MAX_PATH;
use std::io::{IsTerminal, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const MIB: u64 = 1024 * 1024;
/// How long an interpreter may take to say its version: a cold one on a slow disk does take seconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where sessions and sockets are. That they are ours alone was checked to find them.
pub(super) fn folders(home: &Home) -> Vec<Check> {
    let state = home.state().display();
    let mut checks = vec![match home.notice() {
        Some(notice) => Check::warn("sessions", notice),
        None => Check::ok("sessions", format!("kept in {state}, open to you alone, on a disk of this machine")),
    }];
    // All ids are of one length, so any will do.
    let session = home.session(&SessionId::from_bytes([0; 10]));
    checks.push(match session.socket() {
        Ok(path) => {
            let len = path.as_os_str().len();
            Check::ok("sockets", format!("in {}; their paths have {len} bytes of at most {MAX_PATH}", home.runtime().display()))
        }
        Err(why) => Check::fail("sockets", why.to_string()),
    });
    checks
}

pub(super) fn space(state: &Path) -> Check {
    let Ok(found) = statvfs(state) else { return Check::warn("disk", "its free space cannot be told") };
    #[allow(clippy::useless_conversion, reason = "blocks are counted in 32 bits on macOS")]
    let free = u64::from(found.blocks_available()).saturating_mul(found.fragment_size());
    let text = format!("{} free where sessions are kept", size(free));
    match free / MIB {
        0..64 => {
            Check::fail("disk", format!("{text}: evals would stall; free some, `rialto gc -n` shows what this program keeps"))
        }
        64..1024 => Check::warn("disk", format!("{text}; `rialto gc -n` shows what this program keeps")),
        _ => Check::ok("disk", text),
    }
}

/// What died, and what leads nowhere.
pub(super) fn stale(home: &Home) -> Vec<Check> {
    let mut checks = Vec::new();
    match home.sessions() {
        Ok(sessions) => {
            let dead = |session: &&_| -> bool {
                let session: &rialto_bridge::home::SessionHome = session;
                !session.ended() && session.lives().is_ok_and(|lives| !lives)
            };
            let dead: Vec<String> = sessions.iter().filter(dead).map(|session| session.id().to_string()).collect();
            let bytes = sessions.iter().map(|session| session.bytes()).sum();
            let all = format!("{} sessions, {}", sessions.len(), size(bytes));
            let rewound = sessions.iter().filter(|session| !session.anchor().rewound.is_empty());
            let rewound: Vec<String> = rewound.map(|session| session.id().to_string()).collect();
            if !rewound.is_empty() {
                let next = "`rialto verify` says when";
                let text =
                    format!("journals that were put back, or lost their end with the power: {}; {next}", rewound.join(", "));
                checks.push(Check::warn("journals", text));
            }
            checks.push(if dead.is_empty() {
                Check::ok("history", all)
            } else {
                let next = "attach to go on, `rialto kill` ends it properly, `rialto gc` deletes it in time";
                Check::warn("history", format!("{all}; without a supervisor, but not ended: {}; {next}", dead.join(", ")))
            });
        }
        Err(why) => checks.push(Check::fail("history", why.to_string())),
    }
    let names = home.state().join("names");
    let lost: Vec<String> = std::fs::read_dir(&names)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        // Beginning with a dot: being written this instant.
        .filter(|name| !name.starts_with('.') && home.resolve(name).is_err())
        .collect();
    if !lost.is_empty() {
        let text = format!(
            "without a session: {}; they are free to be taken again, and delete {} if you mind",
            lost.join(", "),
            names.display()
        );
        checks.push(Check::warn("names", text));
    }
    checks
}

/// Each interpreter is started: one that is there and does not run is worse than none.
pub(super) fn kernels() -> Vec<Check> {
    let check = |spec: rialto_kernels::KernelSpec| {
        let Some(program) = spec.program else { return Check::fail("kernel", missing_hint(&spec.name)) };
        match version(&program) {
            Ok((version, took)) => {
                Check::ok("kernel", format!("{}: {program} is {version}, and said so in {} ms", spec.name, took.as_millis()))
            }
            Err(why) => Check::fail("kernel", format!("{}: {program} {why}; name another with --python", spec.name)),
        }
    };
    // What Jupyter has is looked at where somebody uses it.
    rialto_kernels::known().into_iter().filter(|spec| spec.found.is_none()).map(check).collect()
}

/// What a program answers to `--version`.
fn version(program: &str) -> Result<(String, Duration), String> {
    let began = Instant::now();
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|why| format!("cannot be started: {why}"))?;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if began.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(2)),
            outcome => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(outcome.map_or_else(
                    |why| format!("cannot be waited for: {why}"),
                    |_| format!("did not say its version within {} s", PATIENCE.as_secs()),
                ));
            }
        }
    };
    let took = began.elapsed();
    let mut said = String::new();
    if let Some(stdout) = child.stdout.take() {
        let _ = stdout.take(200).read_to_string(&mut said);
    }
    let said = crate::ls::plain(said.trim());
    if status.success() && !said.is_empty() { Ok((said, took)) } else { Err(format!("does not run ({status})")) }
}

pub(super) fn descriptors() -> Check {
    match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((soft, _)) if soft < 64 => {
            Check::fail("files", format!("{soft} may be open at once, and a session needs 64: ulimit -n 1024"))
        }
        Ok((soft, _)) if soft < 512 => {
            Check::warn("files", format!("{soft} may be open at once: few for a daemon or many clients; ulimit -n 1024"))
        }
        Ok((soft, _)) => Check::ok("files", format!("{soft} may be open at once")),
        Err(why) => Check::warn("files", format!("how many may be open cannot be told: {why}")),
    }
}

pub(super) fn terminal() -> Check {
    let name = std::env::var("TERM").unwrap_or_default();
    if !(std::io::stdin().is_terminal() && std::io::stdout().is_terminal()) {
        return Check::ok("terminal", "none here: output is plain, and nothing is asked");
    }
    match name.as_str() {
        "" | "dumb" => Check::warn("terminal", "TERM does not say what yours can do: no line editing and no colours"),
        name => Check::ok("terminal", crate::ls::plain(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Mark;
    use super::*;

    #[test]
    fn a_program_is_really_started() {
        assert!(version("/nonexistent/python").unwrap_err().contains("cannot be started"));
        assert!(version("/bin/false").unwrap_err().contains("does not run"));
        assert!(version("/bin/echo").is_ok());
    }

    #[test]
    fn this_machine_has_a_disk_and_files() {
        assert_ne!(descriptors().mark, Mark::Fail);
        assert!(space(Path::new("/")).text.contains("free"));
        assert_eq!(space(Path::new("/nonexistent")).mark, Mark::Warn);
    }
}
