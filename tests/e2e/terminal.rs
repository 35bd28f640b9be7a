//! A session in the terminal: what stands on the screen.

use crate::common::{Terminal, World};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

#[test]
fn ctrl_d_detaches_and_coming_back_finds_the_variables() {
    let world = World::new();
    let t = Terminal::open(&world, "rialto work");
    t.wait_for("new session work. Ctrl-D detaches, :help helps.");
    t.shows(&[">>>"]);
    t.type_line("x = 41");
    t.type_line("x + 1");
    t.shows(&[">>> x = 41", ">>> x + 1", "42", ">>>"]);
    t.keys(&["C-d"]);
    t.shows(&["detached from work; it lives on. Come back with: rialto work", "$"]);
    t.type_line("clear; rialto work");
    t.wait_for("resumed session work, 2 evals so far");
    t.shows(&[">>>"]);
    t.type_line("x");
    t.shows(&[">>> x", "41", ">>>"]);
}
