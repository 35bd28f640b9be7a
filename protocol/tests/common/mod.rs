//! What the protocol's tests share. Each of them is a program of its own and uses a part of it.
#![allow(dead_code, unreachable_pub, reason = "a module of several programs")]

pub mod arbitrary;
pub mod consume;
pub mod pack;
pub mod recording;
pub mod samples;
