//! What a logout would end. `setsid` leaves a login, not its cgroup: where systemd clears those away, only a scope in the user's
//! own manager outlives the login, and that manager outlives the last login only if it lingers.

use super::Check;
use std::path::Path;

/// What is known of this machine's logins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Logins {
    /// systemd runs this machine.
    systemd: bool,
    /// This user's own manager runs, and systemd-run is there to ask it.
    manager: bool,
    /// It stays after the last logout.
    lingers: bool,
    /// What a login leaves behind is ended with it.
    kills: bool,
}

pub(super) fn check() -> Check {
    let uid = nix::unistd::Uid::effective();
    let user = nix::unistd::User::from_uid(uid).ok().flatten().map(|user| user.name).unwrap_or_else(|| uid.to_string());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let run = std::env::split_paths(&path).any(|folder| folder.join("systemd-run").is_file());
    let logins = Logins {
        systemd: Path::new("/run/systemd/system").is_dir(),
        manager: run && Path::new(&format!("/run/user/{uid}/systemd")).is_dir(),
        lingers: Path::new("/var/lib/systemd/linger").join(&user).exists(),
        kills: kills(&settings(), &user),
    };
    judge(logins, &user)
}

fn judge(logins: Logins, user: &str) -> Check {
    let linger = format!("to keep them: loginctl enable-linger {user}");
    match logins {
        Logins { systemd: false, .. } => {
            Check::ok("logout", "nothing here ends what a login leaves behind; sessions live until a reboot")
        }
        Logins { manager: true, lingers: true, .. } => {
            Check::ok("logout", "sessions get a scope of their own in your systemd, which lingers: they outlive every logout")
        }
        Logins { manager: true, .. } => {
            let text = "sessions get a scope of their own in your systemd, which ends some seconds after your last logout, and they with it";
            Check::warn("logout", format!("{text}; {linger}"))
        }
        Logins { kills: true, .. } => {
            let text = "your systemd cannot be asked for a scope, and a logout ends everything that was started in it (KillUserProcesses)";
            Check::warn("logout", format!("{text}; {linger}, then log in anew"))
        }
        Logins { .. } => {
            Check::ok("logout", "a logout leaves what you started alone (KillUserProcesses=no); sessions live until a reboot")
        }
    }
}

/// logind's settings, later files after earlier ones, as it reads them itself.
fn settings() -> String {
    let mut text = String::new();
    let folders = ["/usr/lib/systemd", "/run/systemd", "/etc/systemd"];
    for folder in folders {
        text.push_str(&std::fs::read_to_string(format!("{folder}/logind.conf")).unwrap_or_default());
        text.push('\n');
    }
    for folder in folders {
        let Ok(entries) = std::fs::read_dir(format!("{folder}/logind.conf.d")) else { continue };
        let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        files.sort();
        for file in files.iter().filter(|file| file.extension().is_some_and(|end| end == "conf")) {
            text.push_str(&std::fs::read_to_string(file).unwrap_or_default());
            text.push('\n');
        }
    }
    text
}

/// Whether logins of this user are cleared away at their end.
fn kills(settings: &str, user: &str) -> bool {
    let last = |key: &str| {
        let values = settings.lines().filter_map(|line| line.trim().split_once('='));
        values.filter(|(found, _)| found.trim() == key).map(|(_, value)| value.trim().to_owned()).next_back()
    };
    let names = |key: &str| -> Vec<String> { last(key).unwrap_or_default().split_whitespace().map(ToOwned::to_owned).collect() };
    // Absent, root is spared.
    let spared = last("KillExcludeUsers").map_or_else(|| vec!["root".to_owned()], |_| names("KillExcludeUsers"));
    let only = names("KillOnlyUsers");
    let on = last("KillUserProcesses").is_some_and(|value| matches!(value.as_str(), "yes" | "true" | "on" | "1"));
    on && !spared.iter().any(|name| name == user) && (only.is_empty() || only.iter().any(|name| name == user))
}

#[cfg(test)]
mod tests {
    use super::super::Mark;
    use super::*;

    #[test]
    fn logind_is_read_as_it_reads_itself() {
        assert!(!kills("#KillUserProcesses=yes\n", "u"));
        assert!(kills("[Login]\nKillUserProcesses=no\nKillUserProcesses = yes\n", "u"));
        assert!(!kills("KillUserProcesses=yes", "root"));
        assert!(kills("KillUserProcesses=yes\nKillExcludeUsers=\n", "root"));
        assert!(!kills("KillUserProcesses=yes\nKillOnlyUsers=a b\n", "u"));
    }

    #[test]
    fn only_what_ends_sessions_is_a_warning() {
        let all = Logins { systemd: true, manager: true, lingers: true, kills: true };
        assert_eq!(judge(all, "u").mark, Mark::Ok);
        let fleeting = judge(Logins { lingers: false, ..all }, "u");
        assert!(fleeting.mark == Mark::Warn && fleeting.text.contains("loginctl enable-linger u"));
        assert_eq!(judge(Logins { manager: false, ..all }, "u").mark, Mark::Warn);
        assert_eq!(judge(Logins { manager: false, kills: false, ..all }, "u").mark, Mark::Ok);
        assert_eq!(judge(Logins { systemd: false, ..all }, "u").mark, Mark::Ok);
    }
}
