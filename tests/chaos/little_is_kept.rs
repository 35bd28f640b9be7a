//! A session that may keep little, and is told much: what is not kept any more is named, to whoever comes late, to whoever was
//! there and did not read, in `logs`, and in `rpc`. Nothing is left out without a word.

use crate::promises::{Story, job, kept, noise};
use crate::table::Row;
use crate::world::{World, play};
use rialto_client::Start;
use rialto_protocol::{Outcome, Seq};

/// What the journal may take, and lines of a flood that is many times as much.
const BUDGET: &str = "2000000";
const LINES: u64 = 500;
/// Letters of a line, which cannot be packed.
const LETTERS: usize = 60_000;

/// The gaps that a program names, from a text that says `FROM to TO` somewhere in its lines.
fn named(text: &str) -> Vec<(Seq, Seq)> {
    let number = |words: &[&str], at: usize| words.get(at).and_then(|word| word.parse().ok());
    let gap = |line: &str| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let at = words.iter().position(|word| *word == "to")?;
        Some((number(&words, at.checked_sub(1)?)?, number(&words, at + 1)?))
    };
    text.lines().filter(|line| line.contains("no longer kept")).filter_map(gap).collect()
}

fn whole(story: &Story) -> bool {
    let mut next = 1;
    for record in &story.records {
        next = if record.seq == next || story.gaps.contains(&(next, record.seq - 1)) { record.seq + 1 } else { return false };
    }
    true
}

#[test]
fn whatever_is_not_kept_is_named_to_everybody() {
    play(async {
        let mut world = World::with(&[("RIALTO_JOURNAL_BYTES", BUDGET)]);
        let mut client = world.client("work");
        // This one is there from the beginning on, and reads nothing for now.
        let mut late = world.client("work");
        late.session.connected().await.unwrap();
        assert_eq!(client.run(job(&world.truth(), "before", 10, "")).await, Outcome::Ok);
        assert_eq!(client.run(job(&world.truth(), &noise(LETTERS), LINES, "")).await, Outcome::Ok);
        assert_eq!(client.run(job(&world.truth(), "after", 10, "")).await, Outcome::Ok);
        late.catch_up().await;
        let mut fresh = world.client("work");
        fresh.catch_up().await;
        assert!(!late.story.gaps.is_empty() && !fresh.story.gaps.is_empty());
        // Whoever reads along may be slower than the flood, too: then that is said.
        for story in [&client.story, &late.story, &fresh.story] {
            assert!(whole(story), "{:?}", story.gaps);
        }
        // From a cursor in the middle of what is gone.
        let (from, to) = fresh.story.gaps[0];
        let epoch = fresh.cursor().unwrap().epoch;
        let open = world.open("work");
        let middle = rialto_protocol::Cursor { epoch, seq: from + (to - from) / 2 };
        let mut back = world.client_from(open, Start::After(Some(middle)));
        back.catch_up().await;
        assert_eq!(back.story.gaps.first(), Some(&(middle.seq + 1, to)));
        let row = kept(&fresh.story, &world.truth());
        let gaps = fresh.story.gaps.clone();
        drop((client, late, fresh, back));
        // While it lives, through its supervisor; once it has ended, from its journal.
        assert_eq!(named(&world.say(&["logs", "work"]).await), gaps);
        world.say(&["kill", "work"]).await;
        assert_eq!(named(&world.say(&["logs", "work"]).await), gaps);
        let note = format!("{} MB, kept 2 MB, {} gaps named", LINES * LETTERS as u64 / 1_000_000, gaps.len());
        let row = Row { played: 6, note, ..row };
        world.ends(row).await.close("little is kept");
    });
}
