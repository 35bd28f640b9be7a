//! What was typed, in one file for all sessions and terminals of this user.
//!
//! An entry is written before it is submitted, so that it is there whatever becomes of this process. Rows are small and many
//! terminals write: SQLite in its write-ahead mode, one transaction an entry.

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Entries kept, of all kernels together; the oldest go first.
const KEPT: i64 = 50_000;
/// Entries that may be too many before they are trimmed: trimming each time would cost more than typing does.
const SLACK: i64 = 500;
/// Another terminal writes for this long at most; then we go on without.
const PATIENCE: Duration = Duration::from_millis(500);
/// A longer entry is not kept. Bytes.
const LONGEST: usize = 256 * 1024;

/// One entry of the past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Past {
    pub(crate) id: i64,
    /// Milliseconds since 1970.
    pub(crate) at: i64,
    pub(crate) kernel: String,
    pub(crate) session: String,
    pub(crate) code: String,
}

/// The file.
pub(super) struct Store {
    file: Connection,
}

impl Store {
    /// Opens it, or makes it; what an earlier version kept as text is taken over once.
    pub(super) fn open(path: &Path, old: Option<(&Path, &str)>) -> io::Result<Self> {
        // SQLite gives its further files the mode of this one.
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).is_ok();
        let file = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(io::Error::other)?;
        let store = Self { file };
        store.prepare().map_err(io::Error::other)?;
        if let (true, Some((old, kernel))) = (made, old)
            && let Ok(text) = std::fs::read_to_string(old)
        {
            store.import(&text, kernel).map_err(io::Error::other)?;
        }
        Ok(store)
    }

    fn prepare(&self) -> rusqlite::Result<()> {
        self.file.busy_timeout(PATIENCE)?;
        self.file.pragma_update(None, "journal_mode", "wal")?;
        // A power cut may cost the last lines that were typed; a killed process costs none.
        self.file.pragma_update(None, "synchronous", "normal")?;
        self.file.execute_batch(
            "create table if not exists entries(id integer primary key, at integer not null, kernel text not null, session text not null, code text not null);
             create index if not exists of_kernel on entries(kernel, id);",
        )
    }

    fn import(&self, text: &str, kernel: &str) -> rusqlite::Result<()> {
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("#V2") && !line.is_empty()).collect();
        let all = self.file.unchecked_transaction()?;
        for line in lines {
            let code = line.replace("\\\\", "\0").replace("\\n", "\n").replace('\0', "\\");
            all.execute("insert into entries(at, kernel, session, code) values (0, ?, '', ?)", params![kernel, code])?;
        }
        all.commit()
    }

    /// Appends an entry and gives its number; none where it is what the last one was.
    pub(super) fn append(&self, kernel: &str, session: &str, code: &str) -> io::Result<Option<i64>> {
        if code.len() > LONGEST {
            return Ok(None);
        }
        self.insert(kernel, session, code).map_err(io::Error::other)
    }

    fn insert(&self, kernel: &str, session: &str, code: &str) -> rusqlite::Result<Option<i64>> {
        let last: Option<String> = self
            .file
            .query_row("select code from entries where kernel = ? order by id desc limit 1", [kernel], |row| row.get(0))
            .optional()?;
        if last.as_deref() == Some(code) {
            return Ok(None);
        }
        let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(0));
        self.file
            .execute("insert into entries(at, kernel, session, code) values (?, ?, ?, ?)", params![at, kernel, session, code])?;
        let id = self.file.last_insert_rowid();
        if id % SLACK == 0 {
            let gone = "delete from entries where id <= (select id from entries order by id desc limit 1 offset ?)";
            self.file.execute(gone, [KEPT])?;
        }
        Ok(Some(id))
    }

    /// The entries of this kernel after that one, oldest first; at most so many of the newest.
    pub(super) fn after(&self, kernel: &str, id: i64, limit: usize) -> io::Result<Vec<(i64, String)>> {
        let found = || -> rusqlite::Result<Vec<(i64, String)>> {
            let text = "select id, code from entries where kernel = ? and id > ? order by id desc limit ?";
            let mut query = self.file.prepare_cached(text)?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows = query.query_map(params![kernel, id, limit], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        };
        let mut found = found().map_err(io::Error::other)?;
        found.reverse();
        Ok(found)
    }
}

/// Whether another terminal held the file for longer than we wait.
pub(super) fn busy(e: &io::Error) -> bool {
    let cause = e.get_ref().and_then(|e| e.downcast_ref::<rusqlite::Error>());
    cause.and_then(rusqlite::Error::sqlite_error_code) == Some(rusqlite::ErrorCode::DatabaseBusy)
}

/// Entries that contain this text, of one kernel or of all, oldest first; at most so many of the newest.
pub(crate) fn search(path: &Path, pattern: &str, kernel: Option<&str>, limit: usize) -> io::Result<Vec<Past>> {
    let found = || -> rusqlite::Result<Vec<Past>> {
        let file = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        file.busy_timeout(PATIENCE)?;
        let text = "select id, at, kernel, session, code from entries
             where instr(code, ?1) > 0 and (?2 is null or kernel = ?2) order by id desc limit ?3";
        let mut query = file.prepare(text)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = query.query_map(params![pattern, kernel, limit], |row| {
            Ok(Past { id: row.get(0)?, at: row.get(1)?, kernel: row.get(2)?, session: row.get(3)?, code: row.get(4)? })
        })?;
        rows.collect()
    };
    if !path.exists() {
        return Ok(Vec::new());
    }
    let mut found = found().map_err(io::Error::other)?;
    found.reverse();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn codes(found: Vec<(i64, String)>) -> Vec<String> {
        found.into_iter().map(|(_, code)| code).collect()
    }

    #[test]
    fn terminals_share_one_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("history.sqlite");
        let a = Store::open(&path, None).unwrap();
        let b = Store::open(&path, None).unwrap();
        let first = a.append("python", "work", "x = 1").unwrap().unwrap();
        assert_eq!(a.append("python", "work", "x = 1").unwrap(), None);
        b.append("bash", "shell", "ls").unwrap();
        b.append("python", "other", "def f():\n    return 1").unwrap();
        assert_eq!(codes(a.after("python", first, 10).unwrap()), ["def f():\n    return 1"]);
        assert_eq!(codes(a.after("python", 0, 10).unwrap()).len(), 2);
        assert_eq!(codes(a.after("python", 0, 1).unwrap()), ["def f():\n    return 1"]);
        let mode = |name: &str| std::fs::metadata(dir.path().join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("history.sqlite"), mode("history.sqlite-wal")), (0o600, 0o600));
        let all = search(&path, "", None, 10).unwrap();
        assert_eq!(all.iter().map(|p| p.kernel.as_str()).collect::<Vec<_>>(), ["python", "bash", "python"]);
        assert_eq!(search(&path, "return", Some("python"), 10).unwrap().len(), 1);
        assert_eq!(search(&path, "return", Some("bash"), 10).unwrap().len(), 0);
        assert_eq!(search(&dir.path().join("none"), "", None, 10).unwrap(), []);
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("h"), None).unwrap();
        let many = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 50999)
             insert into entries(at, kernel, session, code) select i, 'python', '', 'e' || i from n";
        store.file.execute_batch(many).unwrap();
        store.append("python", "", "the last").unwrap();
        let left: i64 = store.file.query_row("select count(*) from entries", [], |row| row.get(0)).unwrap();
        assert_eq!(left, KEPT);
        assert_eq!(codes(store.after("python", 0, 1).unwrap()), ["the last"]);
    }

    #[test]
    fn an_old_text_is_taken_over_once() {
        let dir = tempfile::tempdir().unwrap();
        let (path, old) = (dir.path().join("h"), dir.path().join("history"));
        std::fs::write(&old, "#V2\nx = 1\ndef f():\\n    return '\\\\n'\n").unwrap();
        for _ in 0..2 {
            let store = Store::open(&path, Some((&old, "python"))).unwrap();
            assert_eq!(codes(store.after("python", 0, 10).unwrap()), ["x = 1", "def f():\n    return '\\n'"]);
        }
    }

    #[test]
    fn what_is_no_history_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("h");
        std::fs::write(&path, "this is no database, and long enough to be seen as none".repeat(20)).unwrap();
        assert!(Store::open(&path, None).is_err());
        assert!(Store::open(&dir.path().join("no/such/folder"), None).is_err());
    }
}
