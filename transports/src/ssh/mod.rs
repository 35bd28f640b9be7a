//! SSH, by `russh` alone: no other folder of the workspace names that library, because its interface moves with each minor release.
//!
//! One SSH connection carries one connection of ours, in one channel. More channels would be of no use and of some harm: where one
//! channel is not read the library stops reading all of them, so what goes over one connection is multiplexed by our own frames,
//! which have credit.

pub mod server;
