//! A terminal with a shell in it, and somebody who types and looks: tmux on a socket of its own.

use super::wait::until_or;
use super::world::World;
use std::process::Command;

#[derive(Debug)]
pub(crate) struct Terminal<'w> {
    world: &'w World,
    name: String,
}

impl<'w> Terminal<'w> {
    /// A shell in a window of 100 x 30.
    pub(crate) fn new(world: &'w World) -> Self {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let name = format!("t{}", COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        let terminal = Self { world, name };
        // Without the line that says how long an eval takes: on a busy machine it would come into any story.
        terminal.tmux(&["new-session", "-d", "-x", "100", "-y", "30", "RIALTO_STATUS=off PS1='$ ' exec sh"]);
        terminal.wait_for("$");
        terminal
    }

    /// A terminal in which this was typed.
    #[track_caller]
    pub(crate) fn open(world: &'w World, line: &str) -> Self {
        let terminal = Self::new(world);
        terminal.type_line(line);
        terminal
    }

    fn command(&self) -> Command {
        let mut command = self.world.command("tmux");
        command.env("TMUX_TMPDIR", self.world.dir()).args(["-L", &self.name, "-f", "/dev/null"]);
        command
    }

    /// What tmux itself is told.
    #[track_caller]
    pub(crate) fn tmux(&self, arguments: &[&str]) -> String {
        let output = self.command().args(arguments).output().expect("tmux is there");
        assert!(output.status.success(), "tmux {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Types text, and Enter.
    #[track_caller]
    pub(crate) fn type_line(&self, text: &str) {
        self.type_text(text);
        self.keys(&["Enter"]);
    }

    #[track_caller]
    pub(crate) fn type_text(&self, text: &str) {
        if !text.is_empty() {
            // A semicolon at the end is tmux's own.
            let text = text.strip_suffix(';').map_or_else(|| text.to_owned(), |rest| format!("{rest}\\;"));
            self.tmux(&["send-keys", "-l", "--", &text]);
        }
    }

    /// Presses keys by tmux's names: `C-c`, `C-d`, `Up`, `Tab`.
    #[track_caller]
    pub(crate) fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    /// Pastes as a terminal does: bracketed where the program asked for it.
    #[track_caller]
    pub(crate) fn paste(&self, text: &str) {
        self.tmux(&["set-buffer", "--", text]);
        self.tmux(&["paste-buffer", "-p"]);
    }

    #[track_caller]
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        self.tmux(&["resize-window", "-x", &columns.to_string(), "-y", &rows.to_string()]);
        // Tmux draws it at once and tells the program a little later.
        let tty = self.tmux(&["display-message", "-p", "#{pane_tty}"]);
        let size = || self.world.command("stty").args(["-F", tty.trim(), "size"]).output().expect("stty is there").stdout;
        let told = || (String::from_utf8_lossy(&size()).trim() == format!("{rows} {columns}")).then_some(());
        super::wait::until("the program to be told", told);
        // Being told is a signal, which may come later than a key that is pressed then.
        let pending = |pid: &str| {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let mask =
                status.lines().find_map(|line| line.strip_prefix("ShdPnd:")).and_then(|m| u64::from_str_radix(m.trim(), 16).ok());
            mask.unwrap_or(0) & 1 << (nix::libc::SIGWINCH - 1) != 0
        };
        let heard = || {
            let listing = self.world.command("ps").args(["-t", tty.trim(), "-o", "pid="]).output().expect("ps is there").stdout;
            (!String::from_utf8_lossy(&listing).split_whitespace().any(pending)).then_some(())
        };
        super::wait::until("the program to hear it", heard);
    }

    /// Clears the screen of a shell, so that what is waited for cannot be what was there before.
    #[track_caller]
    pub(crate) fn fresh(&self) {
        self.type_line("clear");
        until_or("an empty screen", || (self.screen() == "$").then_some(()), || self.screen());
    }

    /// What stands on the screen, without the empty rest of lines and screen, and prompts without the cell of their state:
    /// what a story says would otherwise be hard to see.
    #[track_caller]
    pub(crate) fn screen(&self) -> String {
        let bare = |line: &str| match line.strip_prefix("  ").or_else(|| line.strip_prefix("● ")) {
            Some(rest) if rest.starts_with(">>>") || rest.starts_with("...") => rest.to_owned(),
            _ => line.to_owned(),
        };
        let lines: Vec<String> = self.whole_screen().lines().map(bare).collect();
        lines.join("\n")
    }

    /// The same with all that stands there.
    #[track_caller]
    pub(crate) fn whole_screen(&self) -> String {
        let text = self.tmux(&["capture-pane", "-p"]);
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        lines.join("\n").trim_end().to_owned()
    }

    /// The screen with its colours.
    #[track_caller]
    pub(crate) fn painted(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-e"])
    }

    /// The screen and everything that has scrolled away.
    #[track_caller]
    pub(crate) fn history(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-S", "-"])
    }

    /// Waits until the screen ends with these lines: the place where somebody would type next. Whole lines, or half of what
    /// is being typed would do.
    #[track_caller]
    pub(crate) fn shows(&self, lines: &[&str]) {
        let wanted = lines.join("\n");
        let ends = || format!("\n{}", self.screen()).ends_with(&format!("\n{wanted}")).then_some(());
        until_or("the screen to end so", ends, || format!("wanted\n{wanted}\nthe screen\n{}", self.screen()));
    }

    /// Waits until this stands somewhere on the screen.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) {
        let seen = || self.screen().contains(text).then_some(());
        until_or(&format!("{text:?}"), seen, || format!("the screen\n{}", self.screen()));
    }

    /// What is on tmux's clipboard; nothing where nothing was put there.
    pub(crate) fn buffer(&self) -> String {
        let output = self.command().arg("show-buffer").output().expect("tmux is there");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// What runs in front in this terminal, by its process.
    #[track_caller]
    pub(crate) fn front(&self, name: &str) -> i32 {
        let tty = self.tmux(&["display-message", "-p", "#{pane_tty}"]);
        let listing = self.world.command("ps").args(["-t", tty.trim(), "-o", "pid=,comm="]).output().unwrap().stdout;
        let listing = String::from_utf8_lossy(&listing).into_owned();
        let lines = listing.lines().filter_map(|line| line.trim().split_once(' '));
        let pids: Vec<i32> =
            lines.filter(|(_, comm)| comm.trim().ends_with(name)).filter_map(|(pid, _)| pid.parse().ok()).collect();
        assert_eq!(pids.len(), 1, "one {name} in\n{listing}");
        pids[0]
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        let _ = self.command().arg("kill-server").output();
    }
}
