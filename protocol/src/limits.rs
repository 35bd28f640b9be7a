//! Ceilings of the contract. Each is checked before memory is taken for what it bounds.

/// Frame bodies are at most this long unless both sides agreed on more. Bytes.
pub const DEFAULT_MAX_FRAME: u32 = 64 * 1024;
/// The most two sides can agree on. Bytes.
pub const CEILING_MAX_FRAME: u32 = 16 * 1024 * 1024;
/// The least a peer may ask for; below it even errors would not fit. Bytes.
pub const FLOOR_MAX_FRAME: u32 = 4 * 1024;
/// The longest code of one eval. Bytes.
pub const MAX_CODE: usize = 16 * 1024 * 1024;
/// What one side will put together from chunks for one channel when it is a bridge reading requests. Bytes.
pub const MAX_REQUEST: usize = MAX_CODE + 64 * 1024;
/// What a client will put together: the largest display and its wrapping. Bytes.
pub const MAX_EVENT: usize = crate::kernel::MAX_DISPLAY as usize + 1024 * 1024;
/// How deep a MessagePack value may nest. Hostile nesting costs an error, not a stack.
pub const MAX_DEPTH: usize = 32;
/// Credit a client starts with where it names none. Bytes.
pub const DEFAULT_CREDIT: u64 = 256 * 1024;
/// Evals that may wait in one session's queue.
pub const MAX_QUEUE: usize = 10_000;
/// Evals that one principal other than the owner itself (somebody it is shared with, a credential) may have waiting in one session.
pub const MAX_QUEUE_OF_ONE: usize = 1_000;
/// Bytes of code that may wait in one session's queue.
pub const MAX_QUEUED_CODE: usize = 64 * 1024 * 1024;
/// Clients attached to one session.
pub const MAX_CLIENTS: usize = 1_000;
/// Principals that one session is shared with.
pub const MAX_SHARES: usize = 256;
/// Channels open on one connection.
pub const MAX_CHANNELS: usize = 64;
/// The longest text of a label, a principal, a kernel's name. Bytes.
pub const MAX_LABEL: usize = 128;
/// One answer to what a program reads. Bytes.
pub const MAX_INPUT: usize = 1024 * 1024;
/// One message to a comm of the kernel, with its buffers. Bytes.
pub const MAX_COMM: usize = 1024 * 1024;
/// Entries of a list or map in a request (features, arguments, environment). An empty one is a byte on the wire and tens in memory.
pub const MAX_ITEMS: usize = 64 * 1024;
