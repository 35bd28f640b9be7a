//! Descriptors that travel beside the bytes of a Unix socket.

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

/// What comes is ours, and not that of the programs we start. Where the system does not do it at once, we do it after.
#[cfg(target_os = "linux")]
const OURS: RecvFlags = RecvFlags::CMSG_CLOEXEC;
#[cfg(not(target_os = "linux"))]
const OURS: RecvFlags = RecvFlags::empty();

/// Writes what there is room for now, and both descriptors with it.
///
/// # Errors
/// Where nothing was written and nothing sent.
pub(crate) fn send(socket: &UnixStream, bytes: &[u8], both: [BorrowedFd<'_>; 2]) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    if !beside.push(SendAncillaryMessage::ScmRights(&both)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(sendmsg(socket, &[IoSlice::new(bytes)], &mut beside, SendFlags::NOSIGNAL)?)
}

/// Reads, and keeps what came with it: as many as were sent together, or fewer where there was no room for more, or none. What
/// was kept from before is closed then.
pub(crate) fn receive(socket: &UnixStream, into: &mut [u8], kept: &mut Vec<OwnedFd>) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let got = recvmsg(socket, &mut [IoSliceMut::new(into)], &mut beside, OURS)?;
    for message in beside.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            kept.clear();
            kept.extend(descriptors);
        }
    }
    #[cfg(not(target_os = "linux"))]
    for one in &*kept {
        rustix::io::fcntl_setfd(one, rustix::io::FdFlags::CLOEXEC)?;
    }
    Ok(got.bytes)
}
