//! The file: its tables, its settings, and which files are refused.

use super::error::JournalError;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// The format this build writes, and the newest it reads.
pub(super) const KNOWN: i64 = 2;
/// The first format whose records are chained, and whose output may be packed.
pub(super) const CHAINED: i64 = 2;
/// What says in a file's header that it is one of ours: "RLTO".
const APPLICATION: i64 = 0x524c_544f;

/// Whether a commit outlives the machine as well as the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// A commit survives `kill -9` of anything, but a power loss may take the last seconds.
    #[default]
    Process,
    /// It survives a power loss too: every commit waits for the disk, 0.1 to 10 ms.
    Power,
}

/// Two tables for what happened, and not one: what the kernel printed is nearly all of the bytes and is never needed to
/// rebuild the session's state, so recovery reads `events` from end to end and does not meet a gigabyte of output on the way.
/// An ordinary commit still writes one page of one table. `n` is the eval a row belongs to, 0 for none; a NULL body is kept
/// in pieces, found through `big`.
///
/// `evals`, `requests`, `noted` and `stopped` are an index over `events`, complete up to `meta.indexed` and filled in batches.
/// They outlive the rows they were made from: ids stay known. Eval 0 is what was printed before the first eval. `typed`
/// is the size of code worth trimming, else 0.
///
/// `leaf`, `part`, `gone` and `chain` prove that none of it was changed: `chain.rs` says how. They stand before the bodies, so
/// that reading them does not read those.
const TABLES: &str = "
CREATE TABLE events (seq INTEGER PRIMARY KEY, kind INTEGER NOT NULL, n INTEGER NOT NULL, leaf BLOB, part BLOB, body BLOB);
CREATE TABLE outputs (seq INTEGER PRIMARY KEY, kind INTEGER NOT NULL, n INTEGER NOT NULL, leaf BLOB, body BLOB);
CREATE TABLE big (seq INTEGER PRIMARY KEY, value INTEGER NOT NULL, len INTEGER NOT NULL, count INTEGER NOT NULL);
CREATE TABLE pieces (value INTEGER NOT NULL, at INTEGER NOT NULL, hash BLOB, body BLOB NOT NULL, PRIMARY KEY (value, at)) WITHOUT ROWID;
CREATE TABLE evals (n INTEGER PRIMARY KEY, id BLOB UNIQUE, hash BLOB, client BLOB, grp BLOB, first INTEGER, last INTEGER,
    outcome INTEGER, code INTEGER, typed INTEGER NOT NULL DEFAULT 0,
    out_from INTEGER, out_to INTEGER, out_bytes INTEGER NOT NULL DEFAULT 0);
CREATE INDEX evals_with_code ON evals (n) WHERE typed > 0;
CREATE INDEX evals_with_output ON evals (n) WHERE out_bytes > 0;
CREATE INDEX evals_with_middle ON evals (n) WHERE out_bytes > 131072;
CREATE INDEX evals_with_long_output ON evals (n) WHERE out_bytes > 4096;
CREATE TABLE requests (id BLOB PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE noted (eval BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE stopped (grp BLOB PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO evals (n, last) VALUES (0, 0);
INSERT INTO meta VALUES ('indexed', 0), ('rowless', 0);
CREATE TABLE gone (seq INTEGER PRIMARY KEY, level INTEGER NOT NULL, hash BLOB NOT NULL);
CREATE TABLE chain (start INTEGER NOT NULL, count INTEGER NOT NULL, peaks BLOB NOT NULL);
INSERT INTO chain VALUES (1, 0, x'');
";

/// What makes a journal of format 1 one of format 2: its chain begins behind the last record that it has. Adding columns
/// rewrites no row.
const TO_CHAINED: &str = "
ALTER TABLE events ADD COLUMN leaf BLOB;
ALTER TABLE events ADD COLUMN part BLOB;
ALTER TABLE outputs ADD COLUMN leaf BLOB;
ALTER TABLE pieces ADD COLUMN hash BLOB;
CREATE TABLE gone (seq INTEGER PRIMARY KEY, level INTEGER NOT NULL, hash BLOB NOT NULL);
CREATE TABLE chain (start INTEGER NOT NULL, count INTEGER NOT NULL, peaks BLOB NOT NULL);
INSERT INTO chain SELECT 1 + max((SELECT value FROM meta WHERE key = 'indexed'),
    (SELECT coalesce(max(seq), 0) FROM events), (SELECT coalesce(max(seq), 0) FROM outputs)), 0, x'';
";

/// Fixed when the file is made. Every commit writes a page to the log, so small ones make small commits cheaper; an output
/// row fills many, so large ones make floods faster. On one machine, for two rows of 100 bytes and for 1 GB in rows of 5 kB:
/// 512 bytes 6.6 us (median) and 115 MB/s, 1024 3.9 and 160, 2048 3.9 and 245, 4096 4.4 and 288. An eval commits twice: one
/// microsecond of its sixty is what the last step costs, and every flood is a sixth faster for it.
pub(super) const PAGE_SIZE: i64 = 4096;
/// Where the log is moved into the file, and what it may keep on disk when nothing is in it. Bytes. Moving waits for the disk
/// twice, which is all that a burst of commits ever waits for; and as many appends rewrite the same page, a longer log is
/// also fewer writes in all. 8 MiB cost a third less processor time per commit than 2 MiB.
pub(super) const LOG: i64 = 8 * 1024 * 1024;

/// Makes the file, readable by its owner alone, and everything in it. It is made beside its place and moved there whole: a
/// supervisor that is killed while it makes its journal leaves none, and not one that nobody can ever open.
pub(super) fn create(path: &Path) -> Result<Connection, JournalError> {
    let beside = path.with_extension("new");
    let made = if path.symlink_metadata().is_ok() {
        Err(JournalError::Exists(path.to_owned()))
    } else {
        make(&beside).and_then(|()| std::fs::rename(&beside, path).map_err(|e| JournalError::of_io(path, &e)))
    };
    if made.is_err() {
        // What could not be finished takes no space; the next attempt would remove it as well.
        let _ = remove(&beside);
    }
    made?;
    let fail = |e: rusqlite::Error| JournalError::of(path, &e);
    let db = connect(path, false).map_err(fail)?;
    settle(&db, Durability::Process).map_err(fail)?;
    Ok(db)
}

/// Makes a whole journal in a file that nobody opens under this name.
fn make(path: &Path) -> Result<(), JournalError> {
    use std::os::unix::fs::OpenOptionsExt;
    let io = |e: std::io::Error| JournalError::of_io(path, &e);
    remove(path).map_err(io)?;
    // SQLite gives its side files the mode of the main one, so this is the one place that decides it.
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(io)?;
    let fail = |e: rusqlite::Error| JournalError::of(path, &e);
    let db = connect(path, false).map_err(fail)?;
    // Nothing waits for the disk before the whole file does.
    db.pragma_update(None, "synchronous", "OFF").map_err(fail)?;
    // Both are part of the file's layout: they count only before the first table.
    db.pragma_update(None, "page_size", PAGE_SIZE).map_err(fail)?;
    db.pragma_update(None, "auto_vacuum", "INCREMENTAL").map_err(fail)?;
    db.pragma_update(None, "locking_mode", "EXCLUSIVE").map_err(fail)?;
    db.pragma_update(None, "journal_mode", "WAL").map_err(fail)?;
    db.execute_batch(&format!("BEGIN;{TABLES}PRAGMA application_id={APPLICATION};PRAGMA user_version={KNOWN};COMMIT;"))
        .map_err(fail)?;
    // Closing moves the log into the file and removes it.
    db.close().map_err(|(_, e)| fail(e))?;
    file.sync_data().map_err(io)
}

/// Removes what a making that was cut short has left.
fn remove(path: &Path) -> std::io::Result<()> {
    let with = |tail: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(tail);
        match std::fs::remove_file(name) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    };
    ["", "-wal", "-shm", "-journal"].into_iter().try_for_each(with)
}

/// Opens a file that is there, and looks at it before anything in it is touched. What is returned beside the connection is its
/// format. A journal of an older one is brought up to date by the supervisor that takes it over, before it is live again.
pub(super) fn open(path: &Path, read_only: bool) -> Result<(Connection, i64), JournalError> {
    let found = std::fs::metadata(path).map_err(|e| JournalError::of_io(path, &e))?;
    let not_ours = |why: &str| JournalError::NotAJournal { path: path.to_owned(), why: why.to_owned() };
    if !found.is_file() {
        return Err(not_ours("it is not a file"));
    }
    let fail = |e: rusqlite::Error| JournalError::of(path, &e);
    let db = connect(path, read_only).map_err(fail)?;
    let number = |name: &str| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(fail);
    if !read_only {
        db.pragma_update(None, "locking_mode", "EXCLUSIVE").map_err(fail)?;
    }
    let version = number("user_version")?;
    match (number("application_id")?, version) {
        (0, 0) => return Err(not_ours("it is empty, or another program's database")),
        (APPLICATION, 1..=KNOWN) => {}
        (APPLICATION, version) if version > KNOWN => {
            return Err(JournalError::Newer { path: path.to_owned(), found: version, known: KNOWN });
        }
        (APPLICATION, _) => return Err(not_ours("its format number makes no sense")),
        _ => return Err(not_ours("it is another program's database")),
    }
    if read_only {
        return Ok((db, version));
    }
    settle(&db, Durability::Process).map_err(fail)?;
    // Journals of older builds lack it. Any build keeps an index that it finds; without it retention is only slower.
    let _ = db.execute_batch("CREATE INDEX IF NOT EXISTS evals_with_long_output ON evals (n) WHERE out_bytes > 4096");
    if version >= CHAINED {
        return Ok((db, version));
    }
    match db.execute_batch(&format!("BEGIN;{TO_CHAINED}PRAGMA user_version={KNOWN};COMMIT;")) {
        Ok(()) => Ok((db, KNOWN)),
        Err(error) => {
            let error = fail(error);
            // A full disk is no reason to hide a session: it goes on as it is, and another supervisor tries again.
            let undone = db.is_autocommit() || db.execute_batch("ROLLBACK").is_ok();
            if error.is_full() && undone { Ok((db, version)) } else { Err(error) }
        }
    }
}

fn connect(path: &Path, read_only: bool) -> rusqlite::Result<Connection> {
    let how = if read_only { OpenFlags::SQLITE_OPEN_READ_ONLY } else { OpenFlags::SQLITE_OPEN_READ_WRITE };
    let db = Connection::open_with_flags(path, how | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW)?;
    // Who finds the door locked is to be told so at once: it stays locked for as long as the session lives.
    db.busy_timeout(std::time::Duration::ZERO)?;
    db.set_prepared_statement_cache_capacity(48);
    Ok(db)
}

/// The settings of a connection that writes.
fn settle(db: &Connection, durability: Durability) -> rusqlite::Result<()> {
    // Exclusive comes first: then the index of the log lives in memory, there is no shared-memory file, and a second
    // supervisor finds a locked door instead of a journal.
    db.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    set_durability(db, durability)?;
    db.pragma_update(None, "cache_size", -256)?;
    db.pragma_update(None, "wal_autocheckpoint", LOG / PAGE_SIZE)?;
    db.pragma_update(None, "journal_size_limit", LOG)?;
    db.pragma_update(None, "temp_store", "MEMORY")?;
    // What is deleted inside a page is overwritten; whole pages only where that is asked for (see `redact`), because zeroing
    // everything that retention trims would write it all once more.
    db.pragma_update(None, "secure_delete", "FAST")?;
    db.pragma_update(None, "trusted_schema", false)?;
    Ok(())
}

/// Chooses between fast and safe from power loss.
pub(super) fn set_durability(db: &Connection, durability: Durability) -> rusqlite::Result<()> {
    let how = match durability {
        Durability::Process => "NORMAL",
        Durability::Power => "FULL",
    };
    db.pragma_update(None, "synchronous", how)
}
