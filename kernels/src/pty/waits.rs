//! What a program in a terminal is doing now: reading, perhaps reading, or something else. Linux tells; elsewhere it is always
//! "perhaps", and how long it has been quiet decides.

use std::path::Path;

/// Whether the program waits for what is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waits {
    /// It reads the terminal, and nothing else.
    Reads,
    /// It waits for one of several things, or nobody can tell.
    Perhaps,
    /// It computes, sleeps, or waits for another program.
    No,
}

/// Of the processes in the terminal's foreground.
#[cfg(target_os = "linux")]
pub(super) fn waits(foreground: Option<i32>, terminal: &Path) -> Waits {
    let Some(group) = foreground else { return Waits::Perhaps };
    let leader = of(group, terminal);
    match leader {
        Some(Doing::Waits(waits)) => return waits,
        // Only then is one of the others of interest, and all processes are looked at.
        Some(Doing::WaitsForChild) | None => {}
    }
    let Ok(processes) = std::fs::read_dir("/proc") else { return Waits::Perhaps };
    let pids = processes.flatten().filter_map(|process| process.file_name().to_str()?.parse::<i32>().ok());
    let members = pids.filter(|pid| *pid != group && group_of(*pid) == Some(group));
    let mut found = Waits::No;
    for member in members {
        match of(member, terminal) {
            Some(Doing::Waits(Waits::Reads)) => return Waits::Reads,
            Some(Doing::Waits(Waits::Perhaps)) => found = Waits::Perhaps,
            _ => {}
        }
    }
    found
}

#[cfg(not(target_os = "linux"))]
pub(super) fn waits(_foreground: Option<i32>, _terminal: &Path) -> Waits {
    Waits::Perhaps
}

#[cfg(target_os = "linux")]
enum Doing {
    Waits(Waits),
    WaitsForChild,
}

#[cfg(target_os = "linux")]
fn group_of(pid: i32) -> Option<i32> {
    stat(pid)?.get(2)?.parse().ok()
}

/// What stands after the name: state, parent, group, session...
#[cfg(target_os = "linux")]
fn stat(pid: i32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(text.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

/// None: there is no such process any more.
#[cfg(target_os = "linux")]
fn of(pid: i32, terminal: &Path) -> Option<Doing> {
    use nix::libc;
    let stat = stat(pid)?;
    if stat.first().is_some_and(|state| state == "Z") {
        return None;
    }
    let waits = |waits| Some(Doing::Waits(waits));
    // Of another user: it may wait for anything.
    let Ok(call) = std::fs::read_to_string(format!("/proc/{pid}/syscall")) else { return waits(Waits::Perhaps) };
    let mut words = call.split_whitespace();
    let Some(number) = words.next().and_then(|word| word.parse::<libc::c_long>().ok()) else { return waits(Waits::No) };
    let first = words.next().and_then(|word| u32::from_str_radix(word.trim_start_matches("0x"), 16).ok());
    let several = [libc::SYS_ppoll, libc::SYS_pselect6, libc::SYS_epoll_pwait, libc::SYS_epoll_pwait2];
    #[cfg(target_arch = "x86_64")]
    let older = [libc::SYS_poll, libc::SYS_select, libc::SYS_epoll_wait];
    #[cfg(not(target_arch = "x86_64"))]
    let older: [libc::c_long; 0] = [];
    if number == libc::SYS_read || number == libc::SYS_readv {
        let open = first.and_then(|fd| std::fs::read_link(format!("/proc/{pid}/fd/{fd}")).ok());
        let reads = open.is_some_and(|path| path == terminal || path == Path::new("/dev/tty"));
        return waits(if reads { Waits::Reads } else { Waits::No });
    }
    if several.contains(&number) || older.contains(&number) {
        return waits(Waits::Perhaps);
    }
    if number == libc::SYS_wait4 || number == libc::SYS_waitid {
        return Some(Doing::WaitsForChild);
    }
    // Another thread of it may be the one that reads.
    let threads = stat.get(17).and_then(|n| n.parse::<u32>().ok()).unwrap_or(1);
    waits(if number == libc::SYS_futex && threads > 1 { Waits::Perhaps } else { Waits::No })
}
