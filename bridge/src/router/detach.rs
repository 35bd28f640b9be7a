//! A supervisor leaves whatever started it.

use std::io;
use std::path::Path;

/// Leaves the session (in the system's sense), the working folder and every descriptor of whoever started us, and lets
/// nobody else read what is written from here on. Stdin, stdout and stderr stay: they were chosen by the one who started us.
///
/// Call it first of all: what else is open in this process by then is closed under its owner.
///
/// # Errors
/// Where the session's folder cannot be entered.
pub fn detach(dir: &Path) -> io::Result<()> {
    // It fails for the leader of a process group (started by hand from a shell), which stays in its terminal's session.
    let _ = nix::unistd::setsid();
    close_inherited();
    // The folder we were started in may be on a disk that somebody wants to unmount.
    std::env::set_current_dir(dir)?;
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o077));
    Ok(())
}

/// Closes everything from 3 on. A listener of the daemon, kept open here, would make its port busy after its end; a pipe
/// would keep its reader waiting.
fn close_inherited() {
    let listing = if cfg!(target_os = "linux") { "/proc/self/fd" } else { "/dev/fd" };
    let Ok(entries) = std::fs::read_dir(listing) else { return };
    // Collected first: one of them is the listing's own, and is closed by then.
    let open: Vec<i32> = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    for fd in open.into_iter().filter(|fd| *fd > 2) {
        let _ = nix::unistd::close(fd);
    }
}
