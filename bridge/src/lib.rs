//! wip
pub mod home;
pub mod tasks;
