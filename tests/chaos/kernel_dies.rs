//! `kill -9` of what runs in a kernel: of a child of an eval, of the whole group. The first is the eval's business; the second
//! ends the life, and the next eval says so.

use crate::processes::{process, signal, until};
use crate::promises::{Story, job, kept, within};
use crate::supervisor_dies::incarnations;
use crate::table::Row;
use crate::world::{World, kernel, play};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use rialto_protocol::{Event, Outcome};

/// Starts a child of its own, says which, and waits for it.
fn with_child(world: &World, tag: &str, lines: u64) -> String {
    let said = world.path("child");
    let body = format!(
        "import subprocess\n_c = subprocess.Popen(['sleep', '100000'])\n_s = open({said:?}, 'w')\n_s.write(f'{{_c.pid}} ')\n\
         _s.close()\nassert _c.wait() == -9\n"
    );
    job(&world.truth(), tag, lines, &body)
}

async fn child(world: &World) -> i32 {
    let said = world.path("child");
    until("a child of an eval", || std::fs::read_to_string(&said).ok()?.strip_suffix(' ')?.parse().ok()).await
}

#[test]
fn a_child_is_killed_and_its_eval_goes_on() {
    play(async {
        let mut world = World::new();
        let mut client = world.client("work");
        let (eval, _) = client.submit(with_child(&world, "parent", 5_000));
        client.until(|c| c.numbers.get(&eval).copied()).await;
        let child = child(&world).await;
        signal(child, Signal::SIGKILL);
        assert_eq!(client.end_of(eval).await.outcome, Outcome::Ok);
        assert_eq!(client.run(job(&world.truth(), "next", 5, "")).await, Outcome::Ok);
        let all = world.journal_through_a_client("work").await;
        within(&client.story, &all);
        assert_eq!(lives(&all), 1);
        drop(client);
        let row = Row { played: 1, ..kept(&all, &world.truth()) };
        world.ends(row).await.close("a child of the kernel is killed");
    });
}

#[test]
fn the_whole_group_is_killed_and_nothing_of_it_is_left() {
    play(async {
        let mut world = World::new();
        let mut client = world.client("work");
        let (eval, _) = client.submit(with_child(&world, "parent", 5));
        let (waiting, _) = client.submit(job(&world.truth(), "waiting", 5, ""));
        client.until(|c| c.numbers.get(&waiting).copied()).await;
        let child = child(&world).await;
        let group = kernel(&world.only()).unwrap();
        killpg(Pid::from_raw(group), Signal::SIGKILL).unwrap();
        assert_eq!(client.end_of(eval).await.outcome, Outcome::Died);
        assert_eq!(client.end_of(waiting).await.outcome, Outcome::NotRun);
        until("the end of the child", || process(child).is_none().then_some(())).await;
        let (next, _) = client.submit(job(&world.truth(), "next", 5, ""));
        let ended = client.end_of(next).await;
        assert_eq!((ended.outcome, ended.fresh_state), (Outcome::Ok, true));
        let all = world.journal_through_a_client("work").await;
        within(&client.story, &all);
        incarnations(&all);
        assert_eq!(lives(&all), 2);
        drop(client);
        let orphans = world.strays(&world.only()).len() as u64;
        let row = Row { played: 1, orphans, ..kept(&all, &world.truth()) };
        world.ends(row).await.close("the kernel's group is killed");
    });
}

/// The kernel goes, and leaves a child behind that is in its group and ignores whatever can be ignored.
#[test]
fn the_kernel_alone_is_killed_and_its_children_go_with_it() {
    play(async {
        let mut world = World::new();
        let mut client = world.client("work");
        let (eval, _) = client.submit(with_child(&world, "parent", 5));
        client.until(|c| c.numbers.get(&eval).copied()).await;
        let child = child(&world).await;
        signal(kernel(&world.only()).unwrap(), Signal::SIGKILL);
        assert_eq!(client.end_of(eval).await.outcome, Outcome::Died);
        until("the end of the child", || process(child).is_none().then_some(())).await;
        let all = world.journal_through_a_client("work").await;
        within(&client.story, &all);
        drop(client);
        let row = Row { played: 1, ..kept(&all, &world.truth()) };
        world.ends(row).await.close("the kernel is killed, not its children");
    });
}

fn lives(story: &Story) -> usize {
    story.records.iter().filter(|record| matches!(record.event, Event::LifeStarted(_))).count()
}
