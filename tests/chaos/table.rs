//! What was checked, as a table. Each test may be a process of its own, so each leaves its rows in a folder of the run and
//! prints all that are there: whichever ends last prints the whole.

use std::path::PathBuf;

/// `./test` prints the same words over the sum of all rows.
const HEAD: &str =
    "scenario                                       played    events  lost  doubled  reordered  orphans  stale  measured";

/// What one scenario came to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    /// Times it was played, each with another seed.
    pub(crate) played: u64,
    /// Events that were compared.
    pub(crate) events: u64,
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    pub(crate) reordered: u64,
    /// Processes that were left running.
    pub(crate) orphans: u64,
    /// Files that were left lying.
    pub(crate) stale: u64,
    /// What was measured.
    pub(crate) note: String,
}

impl Row {
    pub(crate) fn add(&mut self, other: &Self) {
        self.played += other.played;
        self.events += other.events;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.reordered += other.reordered;
        self.orphans += other.orphans;
        self.stale += other.stale;
        self.note.push_str(&other.note);
    }

    /// Keeps the row, prints the table, and fails where anything in it should be 0 and is not.
    pub(crate) fn close(self, name: &str) {
        let folder = folder();
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(name.replace(' ', "_")), self.line(name)).unwrap();
        let mut files: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        println!("{HEAD}");
        for file in files {
            println!("{}", std::fs::read_to_string(file).unwrap_or_default());
        }
        assert!(self.played > 0, "{name} was never played");
        let wrong = [self.lost, self.doubled, self.reordered, self.orphans, self.stale];
        assert_eq!(wrong, [0; 5], "{name}: {self:?}");
    }

    fn line(&self, name: &str) -> String {
        let Self { played, events, lost, doubled, reordered, orphans, stale, note } = self;
        format!("{name:<46} {played:>6} {events:>9} {lost:>5} {doubled:>8} {reordered:>10} {orphans:>8} {stale:>6}  {note}")
    }
}

/// One folder for each run of the tests: `./test` names it, so that it can print the whole table at its end.
fn folder() -> PathBuf {
    if let Some(named) = std::env::var_os("RIALTO_CHAOS_TABLE") {
        return named.into();
    }
    let run = std::env::var("NEXTEST_RUN_ID").unwrap_or_else(|_| std::process::id().to_string());
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("chaos").join(run)
}
