//! Jupyter's messages, and the bytes of ZeroMQ that carry them. Pure: bytes are pushed in and pulled out. It will never know a
//! socket, a file, a process, a clock or dice, nor what a session is.
//!
//! # Layout
//! - `zmtp.rs`: ZeroMQ's protocol (ZMTP 3.0, no encryption) as one end of one connection speaks it.
//! - `message.rs`: a message of Jupyter in its frames, signed.
//! - `connection.rs`: the file that tells a kernel where to listen.
//!
//! # Why not the `zeromq` crate
//! It takes memory for a frame as soon as its length is announced, and what announces it runs a user's code; it starts tasks of
//! its own; and it cannot be told to read no further, which is how a kernel is made to wait. The part of ZeroMQ that two ends of
//! one local connection need is one file.

mod connection;
mod message;
pub mod zmtp;

pub use connection::{Connection, Transport};
pub use message::{Header, Key, Message, NotAMessage};
