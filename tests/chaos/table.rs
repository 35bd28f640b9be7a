//! What was checked, as a table. Each test may be a process of its own, so each leaves its rows in a folder of the run and
//! prints all that are there: whichever ends last prints the whole.

use std::path::PathBuf;

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
    pub(crate) orphans: u64,
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
        self.note.push_str(&other.note);
    }

    /// Keeps the row, prints the table, and fails where anything in it should be 0 and is not.
    pub(crate) fn close(self, name: &str) {
        let folder = folder();
        std::fs::create_dir_all(&folder).unwrap();
        let Self { played, events, lost, doubled, reordered, orphans, note } = &self;
        let line = format!("{name:<42} {played:>6} {events:>9} {lost:>5} {doubled:>8} {reordered:>10} {orphans:>8}  {note}");
        std::fs::write(folder.join(name.replace(' ', "_")), line).unwrap();
        let mut files: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        println!(
            "{:<42} {:>6} {:>9} {:>5} {:>8} {:>10} {:>8}",
            "scenario", "played", "events", "lost", "doubled", "reordered", "orphans"
        );
        for file in files {
            println!("{}", std::fs::read_to_string(file).unwrap_or_default());
        }
        assert!(*played > 0, "{name} was never played");
        assert_eq!((*lost, *doubled, *reordered, *orphans), (0, 0, 0, 0), "{name}: {self:?}");
    }
}

/// One folder for each run of the tests.
fn folder() -> PathBuf {
    let run = std::env::var("NEXTEST_RUN_ID").unwrap_or_else(|_| std::process::id().to_string());
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("chaos").join(run)
}
