//! The history as the line editor walks through it: in memory, in the order of time, multi-line entries as one.

use super::history::{self, Store};
use super::marks::{self, Marks};
use rustyline::Result;
use rustyline::history::{History, SearchDirection, SearchResult};
use std::borrow::Cow;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Entries held in memory.
const HELD: usize = 5_000;
/// What the library takes for the number of entries. It keeps its place as a number while entries of other terminals come, so
/// they are numbered from the newest: this is the line that is being typed, one less the newest entry.
const END: usize = usize::MAX / 2;

/// What is remembered, and where.
#[derive(Default)]
pub(super) struct Recall {
    entries: Vec<String>,
    store: Option<Store>,
    last: i64,
    pub(super) kernel: String,
    pub(super) session: String,
    pub(super) marks: Marks,
    /// What walking up and down has put into the line last.
    pub(super) recalled: String,
    /// What a search for the beginning of the line has found last.
    pub(super) found: String,
}

/// The one history that the editor, its hints and its keys look at.
#[derive(Clone, Default)]
pub(super) struct Shared(Arc<Mutex<Recall>>);

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, Recall> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is said once where it cannot be kept.
pub(super) fn without_history(e: &std::io::Error) -> String {
    format!("the history cannot be kept ({e}); this terminal remembers its own entries only")
}

impl Recall {
    pub(super) fn keep_in(&mut self, store: Option<Store>) {
        self.store = store;
    }

    /// What other terminals have added. What fails is said once, and then done without.
    pub(super) fn catch_up(&mut self) -> std::io::Result<()> {
        let Some(store) = &self.store else { return Ok(()) };
        match store.after(&self.kernel, self.last, HELD) {
            Ok(new) => {
                for (id, code) in new {
                    self.last = self.last.max(id);
                    self.push(code);
                }
                Ok(())
            }
            Err(e) => self.without(e),
        }
    }

    /// Another terminal that writes just now is no reason to do without for ever.
    fn without(&mut self, e: std::io::Error) -> std::io::Result<()> {
        if history::busy(&e) {
            return Ok(());
        }
        self.store = None;
        Err(e)
    }

    fn push(&mut self, code: String) {
        if self.entries.last() == Some(&code) {
            return;
        }
        self.entries.push(code);
        if self.entries.len() > HELD + HELD / 10 {
            self.entries.drain(..HELD / 10);
        }
    }

    /// Keeps an entry, in the file first.
    pub(super) fn remember(&mut self, code: &str) -> std::io::Result<()> {
        let Some(store) = &self.store else {
            self.push(code.to_owned());
            return Ok(());
        };
        match store.append(&self.kernel, &self.session, code) {
            Ok(_) => self.catch_up(),
            Err(e) => {
                self.push(code.to_owned());
                self.without(e)
            }
        }
    }

    /// The newest entry that begins so and goes on.
    pub(super) fn suggestion(&self, begin: &str) -> Option<&str> {
        let longer = |entry: &&String| entry.len() > begin.len() && entry.starts_with(begin);
        self.entries.iter().rev().find(longer).and_then(|entry| entry.get(begin.len()..))
    }

    /// The nearest entry that fits, from one that the library numbers so, and where it fits.
    fn nearest(&self, start: usize, dir: SearchDirection, fits: impl Fn(&str) -> Option<usize>) -> Option<(usize, usize)> {
        let fit = |i: usize| self.entries.get(i).and_then(|entry| fits(entry)).map(|at| (i, at));
        let count = self.entries.len();
        // None: older than the oldest.
        let start = count.checked_sub(END.saturating_sub(start));
        match dir {
            SearchDirection::Reverse => (0..=start?.min(count.checked_sub(1)?)).rev().find_map(fit),
            SearchDirection::Forward => (start.unwrap_or(0)..count).find_map(fit),
        }
    }

    fn result(&self, i: usize, at: usize) -> Option<SearchResult<'static>> {
        let entry = self.entries.get(i)?;
        let pos = self.marks.put(entry.get(..at)?).len();
        let idx = END - (self.entries.len() - i);
        Some(SearchResult { entry: Cow::Owned(self.marks.put(entry)), idx, pos })
    }

    /// Whether somebody walks through the entries, and stands on this one.
    pub(super) fn walks(&self, text: &str) -> bool {
        !text.is_empty() && (text == self.recalled || text == self.found)
    }
}

impl History for Shared {
    fn get(&self, index: usize, dir: SearchDirection) -> Result<Option<SearchResult<'_>>> {
        let mut recall = self.lock();
        // Commands are ours, and not what somebody works on: they come to who begins with a colon.
        let near = recall.nearest(index, dir, |entry| (!entry.starts_with(':')).then_some(0));
        let Some((i, _)) = near else {
            // Newer than all of them is what was typed.
            let newest = SearchResult { entry: Cow::Borrowed(""), idx: END, pos: 0 };
            return Ok((dir == SearchDirection::Forward).then_some(newest));
        };
        recall.recalled = recall.entries.get(i).cloned().unwrap_or_default();
        Ok(recall.result(i, 0))
    }

    fn search(&self, term: &str, start: usize, dir: SearchDirection) -> Result<Option<SearchResult<'_>>> {
        let recall = self.lock();
        if term.is_empty() {
            return Ok(None);
        }
        let near = recall.nearest(start, dir, |entry| entry.find(term));
        Ok(near.and_then(|(idx, at)| recall.result(idx, at)))
    }

    fn starts_with(&self, held: &str, start: usize, dir: SearchDirection) -> Result<Option<SearchResult<'_>>> {
        let mut recall = self.lock();
        let term = marks::take(held);
        // The same entry twice in a row would look like a key that does nothing.
        let other = |entry: &str| (entry.starts_with(&term) && entry != recall.found).then_some(term.len());
        let near = recall.nearest(start, dir, other);
        let found = near.and_then(|(idx, at)| recall.result(idx, at));
        if let Some((idx, _)) = near {
            recall.found = recall.entries.get(idx).cloned().unwrap_or_default();
        } else if dir == SearchDirection::Forward {
            // After the newest comes what was typed.
            recall.found.clone_from(&term);
            let pos = held.len();
            return Ok(Some(SearchResult { entry: Cow::Owned(held.to_owned()), idx: END, pos }));
        }
        Ok(found)
    }

    fn add(&mut self, _: &str) -> Result<bool> {
        Ok(false)
    }

    fn add_owned(&mut self, _: String) -> Result<bool> {
        Ok(false)
    }

    fn len(&self) -> usize {
        END
    }

    fn is_empty(&self) -> bool {
        self.lock().entries.is_empty()
    }

    // Kept by `remember`, which knows more than the library does.
    fn set_max_len(&mut self, _: usize) -> Result<()> {
        Ok(())
    }

    fn ignore_dups(&mut self, _: bool) -> Result<()> {
        Ok(())
    }

    fn ignore_space(&mut self, _: bool) {}

    fn save(&mut self, _: &Path) -> Result<()> {
        Ok(())
    }

    fn append(&mut self, _: &Path) -> Result<()> {
        Ok(())
    }

    fn load(&mut self, _: &Path) -> Result<()> {
        Ok(())
    }

    fn clear(&mut self) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(entries: &[&str]) -> Shared {
        let shared = Shared::default();
        shared.lock().marks = Marks::new("  ... ");
        for entry in entries {
            shared.lock().remember(entry).unwrap();
        }
        shared
    }

    #[test]
    fn the_beginning_finds_older_and_newer_entries_and_then_what_was_typed() {
        let history = shared(&["import a", "x", "import b", "import b", "y"]);
        let entry = |found: Result<Option<SearchResult<'_>>>| found.unwrap().map(|r| (r.entry.into_owned(), END - r.idx));
        let back = |at| entry(history.starts_with("imp", END - at, SearchDirection::Reverse));
        assert_eq!(back(1), Some(("import b".to_owned(), 2)));
        assert_eq!(back(3), Some(("import a".to_owned(), 4)));
        let on = |at| entry(history.starts_with("imp", END - at, SearchDirection::Forward));
        assert_eq!(on(3), Some(("import b".to_owned(), 2)));
        assert_eq!(on(1), Some(("imp".to_owned(), 0)));
        assert_eq!(on(50), Some(("import a".to_owned(), 4)));
    }

    #[test]
    fn commands_are_found_by_who_begins_with_a_colon() {
        let history = shared(&["a", ":tail", "b", ":who"]);
        let entry = |found: Result<Option<SearchResult<'_>>>| found.unwrap().map(|r| (r.entry.into_owned(), END - r.idx));
        let get = |at, dir| entry(history.get(END - at, dir));
        assert_eq!(get(1, SearchDirection::Reverse), Some(("b".to_owned(), 2)));
        assert_eq!(get(3, SearchDirection::Reverse), Some(("a".to_owned(), 4)));
        assert_eq!(get(5, SearchDirection::Reverse), None);
        assert_eq!(get(3, SearchDirection::Forward), Some(("b".to_owned(), 2)));
        assert_eq!(get(1, SearchDirection::Forward), Some((String::new(), 0)));
        assert_eq!(entry(history.starts_with(":", END - 1, SearchDirection::Reverse)), Some((":who".to_owned(), 1)));
        assert_eq!(entry(history.search("tai", END - 1, SearchDirection::Reverse)), Some((":tail".to_owned(), 3)));
    }

    #[test]
    fn entries_of_many_lines_keep_in_step() {
        let history = shared(&["def f():\n    return 1"]);
        let found = history.search("return", END - 1, SearchDirection::Reverse).unwrap().unwrap();
        assert_eq!(marks::take(&found.entry), "def f():\n    return 1");
        assert!(found.entry.get(found.pos..).unwrap().starts_with("return"));
        assert_eq!(history.lock().suggestion("def"), Some(" f():\n    return 1"));
        assert_eq!(history.lock().suggestion("def f():\n    return 1"), None);
    }

    #[test]
    fn a_file_that_is_held_for_long_costs_its_entry_and_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("h");
        let here = shared(&[]);
        here.lock().keep_in(Some(Store::open(&path, None).unwrap()));
        let holder = rusqlite::Connection::open(&path).unwrap();
        holder.execute_batch("begin immediate").unwrap();
        here.lock().remember("while it was held").unwrap();
        holder.execute_batch("rollback").unwrap();
        here.lock().remember("after").unwrap();
        assert_eq!(here.lock().entries, ["while it was held", "after"]);
        assert_eq!(history::search(&path, "", None, 9).unwrap().len(), 1);
    }

    #[test]
    fn terminals_see_what_others_typed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("h");
        let open = || {
            let shared = shared(&[]);
            shared.lock().kernel = "python".to_owned();
            shared.lock().keep_in(Some(Store::open(&path, None).unwrap()));
            shared
        };
        let (a, b) = (open(), open());
        a.lock().remember("from a").unwrap();
        b.lock().remember("from b").unwrap();
        assert_eq!(b.lock().entries, ["from a", "from b"]);
        a.lock().catch_up().unwrap();
        assert_eq!(a.lock().entries, ["from a", "from b"]);
    }
}
