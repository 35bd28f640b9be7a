//! What a terminal notes on disk, so that one that is killed can be gone on with: what it has shown, and what it asked and
//! has no answer to, or whose output it has not shown to its end.
//!
//! One small file for each terminal and session, held by a lock while the terminal lives: one that nobody holds was left by
//! one that died. A request is noted before it is sent for the first time, and what was shown after it was; so whoever
//! comes next sends nothing twice that it cannot (each has its id), and shows nothing twice but for what was being written
//! in that very moment. Nothing is synced: it outlives `kill -9` and not the machine.
//!
//! What a program was told on its stdin is never noted: it may be a password, and the program still asks. What stands
//! half-typed at the prompt is, some tenths of a second behind the keys (`../draft.rs`).
//!
//! | question | file |
//! |---|---|
//! | what is in the file? | `file.rs` |
//! | whose is it, and how long? | `claim.rs` |
//! | what is done with what was left? | `../unfinished.rs` |

mod claim;
mod file;

pub(super) use claim::{Whose, age, claim, drop_those_of_a_namesake, forget, later};
pub(super) use file::{Kept, Noted};

use rialto_client::protocol::Message;
use rialto_client::{Answer, Keep};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The folder of all of them, in that of the state: they are this machine's, wherever the sessions are.
fn folder(state: &Path) -> PathBuf {
    state.join("terminals")
}

/// The same for the loop of a terminal and for the handle of its session.
#[derive(Debug, Clone)]
pub(super) struct Shared(Arc<Mutex<Kept>>);

impl Shared {
    pub(super) fn new(kept: Kept) -> Self {
        Self(Arc::new(Mutex::new(kept)))
    }

    pub(super) fn get(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keep for Shared {
    fn asked(&mut self, request: &Message) {
        self.get().asked(request);
    }

    fn answered(&mut self, request: &Message, answer: &Answer) {
        self.get().answered(request, answer);
    }

    fn taken_back(&mut self, request: &Message) {
        self.get().given_up(request);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rialto_client::protocol::message::{EvalInfo, EvalState, Input, Mutate, Submit};
    use rialto_client::protocol::{ClientId, Code, Cursor, ErrorReply, EvalId, RequestId};
    use std::fs::OpenOptions;
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    fn whose(session: &str, client: u8) -> Whose {
        Whose { session: session.parse().unwrap(), client: ClientId([client; 16]), name: "work".into(), at: None }
    }

    fn submit(id: u8, code: &str) -> Message {
        let (group, on_error, show, argv, trace) = Default::default();
        Message::Submit(Submit { re: 7, eval: EvalId([id; 16]), code: code.into(), group, on_error, show, argv, trace })
    }

    fn accepted(id: u8) -> Answer {
        let (eval, state) = (EvalId([id; 16]), EvalState::Running);
        let info = EvalInfo { re: 7, eval, n: 1, state, known: false, first: 2, last: None, outcome: None, code: None };
        Ok(Message::EvalInfo(info))
    }

    fn requests(noted: &[Noted]) -> Vec<Message> {
        noted.iter().map(|noted| noted.request.clone()).collect()
    }

    const ONE: &str = "aaaabbbbcc";
    const OTHER: &str = "ddddeeeeff";

    #[test]
    fn the_next_one_is_the_one_that_died_and_knows_what_it_knew() {
        let state = tempfile::tempdir().unwrap();
        let mut first = claim(state.path(), whose(ONE, 1)).unwrap();
        let at = Cursor { epoch: 2, seq: 41 };
        first.kept.asked(&submit(1, "x = 1\n\"é\""));
        first.kept.answered(&submit(1, ""), &accepted(1));
        let restart = Message::Restart(Mutate { re: 0, id: RequestId([3; 16]) });
        first.kept.asked(&restart);
        first.kept.show(at);
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&first.kept.path), mode(&folder(state.path()))), (0o600, 0o700));
        // While it lives, nobody takes its place; when it is dead, one does.
        let mut second = claim(state.path(), whose(ONE, 2)).unwrap();
        assert_eq!((second.kept.whose.client, second.left.len()), (ClientId([2; 16]), 0));
        second.kept.leave();
        drop(first);
        let third = claim(state.path(), whose(ONE, 3)).unwrap();
        assert_eq!((third.kept.whose.client, third.kept.shown()), (ClientId([1; 16]), Some(at)));
        assert_eq!(requests(&third.left), [submit(1, "x = 1\n\"é\""), restart]);
        assert_eq!(claim(state.path(), whose(ONE, 4)).unwrap().kept.whose.client, ClientId([4; 16]));
    }

    #[test]
    fn what_is_done_is_forgotten_and_the_file_stays_small() {
        let state = tempfile::tempdir().unwrap();
        let mut one = claim(state.path(), whose(ONE, 1)).unwrap().kept;
        let length = |kept: &Kept| std::fs::metadata(&kept.path).unwrap().len();
        let empty = length(&one);
        for _ in 0..100 {
            one.asked(&submit(1, "f()"));
            one.asked(&submit(2, "g()"));
            one.answered(&submit(1, "f()"), &Err(ErrorReply::new(0, Code::QueueFull, "")));
            assert_eq!(requests(one.waiting()), [submit(2, "g()")]);
            one.answered(&submit(2, "g()"), &accepted(2));
            assert_eq!((one.waiting().len(), one.unanswered().count()), (1, 0));
            one.finished(EvalId([2; 16]));
            assert_eq!(length(&one), empty);
        }
        one.asked(&submit(3, "h()"));
        one.asked(&submit(4, "i()"));
        one.finished(EvalId([3; 16]));
        drop(one);
        assert_eq!(requests(&claim(state.path(), whose(ONE, 2)).unwrap().left), [submit(4, "i()")]);
    }

    #[test]
    fn half_a_line_was_never_sent_and_hides_nothing() {
        let state = tempfile::tempdir().unwrap();
        let mut one = claim(state.path(), whose(ONE, 1)).unwrap().kept;
        one.asked(&submit(1, "f()"));
        let path = one.path.clone();
        drop(one);
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"at_ms\":1,\"requ").unwrap();
        let mut two = claim(state.path(), whose(ONE, 2)).unwrap();
        assert_eq!(requests(&two.left), [submit(1, "f()")]);
        two.kept.asked(&submit(2, "g()"));
        drop(two);
        assert_eq!(requests(&claim(state.path(), whose(ONE, 3)).unwrap().left), [submit(1, "f()"), submit(2, "g()")]);
    }

    #[test]
    fn a_full_disk_is_said_once_and_costs_no_more_than_the_note() {
        let state = tempfile::tempdir().unwrap();
        let mut one = claim(state.path(), whose(ONE, 1)).unwrap().kept;
        let file = std::mem::replace(&mut one.file, OpenOptions::new().write(true).open("/dev/full").unwrap());
        one.asked(&submit(1, "f()"));
        one.asked(&submit(2, "g()"));
        assert!(one.trouble().is_some_and(|why| why.contains("No space left")) && one.trouble().is_none());
        assert_eq!(one.waiting().len(), 2, "it goes on in memory");
        one.file = file;
        one.asked(&submit(3, "h()"));
        assert_eq!(one.trouble(), None);
        drop(one);
        assert_eq!(requests(&claim(state.path(), whose(ONE, 2)).unwrap().left), [submit(3, "h()")]);
    }

    #[test]
    fn what_a_program_was_told_is_not_noted() {
        let state = tempfile::tempdir().unwrap();
        let mut one = claim(state.path(), whose(ONE, 1)).unwrap().kept;
        let data = b"hunter2".to_vec().into();
        one.asked(&Message::Input(Input { re: 0, id: RequestId([1; 16]), life: None, ask: 1, data, eof: false }));
        assert_eq!(one.waiting().len(), 0);
        assert!(!std::fs::read_to_string(&one.path).unwrap().contains("hunter2"));
    }

    #[test]
    fn what_is_half_typed_is_kept_behind_what_waits_and_cut_with_it() {
        let state = tempfile::tempdir().unwrap();
        let mut one = claim(state.path(), whose(ONE, 1)).unwrap().kept;
        let empty = std::fs::metadata(&one.path).unwrap().len();
        one.draft("a long one: def f():\n    é = \"".into());
        one.draft("x = ".into());
        one.asked(&submit(1, "f()"));
        one.asked(&submit(2, "g()"));
        one.finished(EvalId([1; 16]));
        drop(one);
        let two = claim(state.path(), whose(ONE, 2)).unwrap();
        assert_eq!((two.kept.half_typed(), requests(&two.left)), ("x = ", vec![submit(2, "g()")]));
        let mut two = two.kept;
        two.finished(EvalId([2; 16]));
        two.leave();
        drop(two);
        // With nothing else in it, it is found, and nobody else's.
        assert_eq!(claim(state.path(), whose(OTHER, 5)).unwrap().kept.half_typed(), "");
        let three = claim(state.path(), whose(ONE, 3)).unwrap();
        assert_eq!((three.kept.whose.client, three.kept.half_typed(), three.others), (ClientId([1; 16]), "x = ", 0));
        let mut three = three.kept;
        for neither in [" secret", "  \n", ""] {
            three.draft("y".into());
            three.draft(neither.into());
            assert_eq!(std::fs::metadata(&three.path).unwrap().len(), empty, "{neither:?}");
        }
        three.draft("z".repeat(300_000));
        assert_eq!(std::fs::metadata(&three.path).unwrap().len(), empty, "too long");
        let path = three.path.clone();
        three.leave();
        assert!(!path.exists());
    }

    #[test]
    fn what_was_entered_is_no_longer_half_typed() {
        let state = tempfile::tempdir().unwrap();
        let mut one = claim(state.path(), whose(ONE, 1)).unwrap().kept;
        one.draft("f()\n".into());
        // Killed between this and the word that nothing is typed any more.
        one.asked(&submit(1, "f()"));
        drop(one);
        let two = claim(state.path(), whose(ONE, 2)).unwrap();
        assert_eq!((two.kept.half_typed(), requests(&two.left)), ("", vec![submit(1, "f()")]));
    }

    #[test]
    fn a_namesake_gets_nothing_and_a_session_that_is_deleted_is_forgotten() {
        let state = tempfile::tempdir().unwrap();
        let mut one = claim(state.path(), whose(ONE, 1)).unwrap().kept;
        one.asked(&submit(1, "yesterday()"));
        drop(one);
        drop(claim(state.path(), whose(OTHER, 2)).unwrap());
        forget(state.path(), &OTHER.parse().unwrap());
        forget(state.path(), &ONE.parse().unwrap());
        let files = || std::fs::read_dir(folder(state.path())).unwrap().count();
        assert_eq!(files(), 1, "one has something to be told");
        let now = claim(state.path(), whose(OTHER, 3)).unwrap();
        assert_eq!(now.left, []);
        let mut elsewhere = whose(OTHER, 3);
        elsewhere.at = Some("unix:///there".into());
        assert_eq!(drop_those_of_a_namesake(state.path(), &elsewhere), []);
        assert_eq!(requests(&drop_those_of_a_namesake(state.path(), &now.kept.whose)), [submit(1, "yesterday()")]);
        assert_eq!((drop_those_of_a_namesake(state.path(), &now.kept.whose), files()), (vec![], 1));
    }
}
