//! Worlds without sockets: the rules of a session against a kernel that hangs, clients that come and go, links that lose
//! what is under way, and a supervisor that is killed between any two things it does. A seed decides everything.
//!
//! `SIM_WORLDS=n` runs so many worlds, `SIM_SEED=n` tells one from its first to its last step. The invariants are in one
//! file per promise: `order.rs`, `once.rs`, `nothing_lost.rs`, `interrupt.rs`, `bounded.rs`, `who.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout)]
#![allow(clippy::print_stderr)]

mod acts;
mod ahead;
mod bounded;
mod client;
mod count;
mod delivery;
mod dice;
mod faults;
mod hears;
mod interrupt;
mod journal;
mod judge;
mod kernel;
mod model;
mod nothing_lost;
mod once;
mod order;
mod story;
mod supervisor;
mod who;
mod world;

use count::Count;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use story::Broken;
use world::World;

/// Worlds of an ordinary run.
const WORLDS: u64 = 20_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// One world: what it broke, and what it has seen.
fn world(seed: u64, told: bool) -> (Result<(), Broken>, Count, u64) {
    let mut world = World::new(seed, told);
    let result = catch_unwind(AssertUnwindSafe(|| world.run())).unwrap_or_else(|panic| {
        let how = panic.downcast_ref::<String>().cloned();
        let how = how.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned())).unwrap_or_default();
        Err(Broken { promise: "panic", how })
    });
    if told {
        world.story.print();
    }
    (result, world.count, world.steps)
}

#[test]
fn every_promise_holds_in_every_world() {
    if let Some(seed) = number("SIM_SEED") {
        let (result, count, _) = world(seed, true);
        count.print();
        if let Err(broken) = result {
            panic!("seed {seed} breaks {}: {}", broken.promise, broken.how);
        }
        return;
    }
    let worlds = number("SIM_WORLDS").unwrap_or(WORLDS);
    let (next, stop, steps) = (AtomicU64::new(1), AtomicBool::new(false), AtomicU64::new(0));
    let all = Mutex::new((Count::default(), None::<(u64, Broken)>));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut mine = Count::default();
                while !stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > worlds {
                        break;
                    }
                    let (result, count, took) = world(seed, false);
                    steps.fetch_add(took, Ordering::Relaxed);
                    mine.add(&count);
                    if let Err(broken) = result {
                        stop.store(true, Ordering::Relaxed);
                        let mut all = all.lock().unwrap();
                        if all.1.as_ref().is_none_or(|(s, _)| seed < *s) {
                            all.1 = Some((seed, broken));
                        }
                    }
                }
                all.lock().unwrap().0.add(&mine);
            });
        }
    });
    let (count, broken) = all.into_inner().unwrap();
    if let Some((seed, broken)) = broken {
        if number("SIM_QUIET").is_none() {
            let _ = world(seed, true);
        }
        // One line for `scripts/mutants` to read.
        println!("SIM BROKEN seed={seed} promise={} how={}", broken.promise, broken.how);
        panic!(
            "seed {seed} breaks {}: {}\nagain: SIM_SEED={seed} cargo test -p rialto-session --test sim",
            broken.promise, broken.how
        );
    }
    println!("{worlds} worlds, {} steps:", steps.into_inner());
    count.print();
    // A handful of worlds proves nothing about the odds.
    let blind = if worlds < 1_000 { Vec::new() } else { count.blind(worlds) };
    assert!(blind.is_empty(), "the worlds did not see enough of:\n{}", blind.join("\n"));
}
