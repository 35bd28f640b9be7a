//! `rialto places install`: this program, on a machine that has none. Whole or not at all, and only where it can run.

use crate::exit::{self, Failure};
use crate::paint;
use crate::place::Known;
use crate::place::url::Way;
use rialto_transports::DialError;
use rialto_transports::ssh::{Ran, SshDialer};
use sha2::{Digest, Sha256};

/// A program is no longer than this.
const LONGEST: u64 = 1 << 30;

/// What kind of machine it is.
const KIND: &str = "exec sh -c 'uname -s; uname -m'";

pub(super) async fn run(at: &str) -> Result<u8, Failure> {
    let known = Known::of(at)?;
    let Way::Ssh(machine) = &known.url.way else {
        return Err(Failure::usage(format!("{at} is not behind SSH, so nothing can be copied there from here")));
    };
    let dialer = known.ssh(machine);
    let there = ran(&dialer, KIND, &[]).await?;
    let uname = nix::sys::utsname::uname().map_err(|why| Failure::internal(format!("which machine this is: {why}")))?;
    let here = format!("{} {}", uname.sysname().to_string_lossy(), uname.machine().to_string_lossy());
    let kind = there.stdout.lines().rev().take(2).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join(" ");
    if kind.trim() != here {
        let text = format!(
            "{at} is another kind of machine ({}, this one is {here}): this program would not run there. Build it for that machine, \
             copy it to ~/.local/bin/rialto there, or name where it is with `command` in the place's settings",
            crate::ls::plain(&kind)
        );
        return Err(Failure::new(exit::ERROR, text));
    }
    let program = own()?;
    let sum = Sha256::digest(&program).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    paint::talk(&format!("copying {} MB to {at} ...", program.len() / 1_000_000));
    let put = ran(&dialer, &script(&sum), &program).await?;
    let said = put.stdout.lines().next_back().unwrap_or_default();
    match put.code {
        Some(0) => {
            paint::talk(&format!(
                "{} is in ~/.local/bin of {at}; `rialto places test {at}` tells whether it answers",
                crate::ls::plain(said)
            ));
            Ok(0)
        }
        code => {
            let code = code.map_or_else(|| "no exit code".to_owned(), |code| format!("exit code {code}"));
            let words = crate::ls::plain(put.stderr.trim());
            Err(Failure::new(exit::ERROR, format!("nothing was changed on {at}: {words} ({code})")))
        }
    }
}

/// Takes the program from its stdin. What was there stays until the new one is whole and has run.
fn script(sum: &str) -> String {
    format!(
        "exec sh -c 'set -e; d=\"$HOME/.local/bin\"; mkdir -p \"$d\"; t=\"$d/.rialto.new.$$\"; trap \"rm -f \\\"$t\\\"\" EXIT; \
         cat >\"$t\"; chmod 755 \"$t\"; \
         s=$({{ sha256sum \"$t\" 2>/dev/null || shasum -a 256 \"$t\"; }} | cut -c1-64); \
         if [ \"$s\" != {sum} ]; then echo \"what arrived is not what was sent ($s)\" >&2; exit 65; fi; \
         v=$(\"$t\" --version) || {{ echo \"it was copied and does not run there\" >&2; exit 66; }}; \
         mv -f \"$t\" \"$d/rialto\"; echo \"$v\"'"
    )
}

/// This very program.
fn own() -> Result<Vec<u8>, Failure> {
    let path = if cfg!(target_os = "linux") { "/proc/self/exe".into() } else { std::env::current_exe()? };
    if std::fs::metadata(&path)?.len() > LONGEST {
        return Err(Failure::internal("this program is too long to be copied".to_owned()));
    }
    Ok(std::fs::read(&path)?)
}

async fn ran(dialer: &SshDialer, command: &str, input: &[u8]) -> Result<Ran, Failure> {
    dialer.run(command, input).await.map_err(|why: DialError| Failure::new(exit::UNAVAILABLE, why.to_string()))
}
