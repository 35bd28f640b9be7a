//! Frames read and written one at a time, no byte further: for the few that are exchanged before a connection is spliced.

use rialto_protocol::frame::{HEADER, Header, Oversize};
use rialto_protocol::{Message, codec};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The next header. None: the peer closed between two frames.
///
/// # Errors
/// Where the peer closed within one, or announces more than `max` bytes.
pub(crate) async fn header(from: &mut (impl AsyncRead + Unpin), max: u32) -> io::Result<Option<Header>> {
    let mut bytes = [0; HEADER];
    let Some((first, rest)) = bytes.split_first_mut() else { return Ok(None) };
    if from.read(std::slice::from_mut(first)).await? == 0 {
        return Ok(None);
    }
    from.read_exact(rest).await?;
    let header = Header::decode(bytes);
    if header.len > max {
        return Err(io::Error::new(io::ErrorKind::InvalidData, Oversize { len: header.len, max }));
    }
    Ok(Some(header))
}

/// A body that fits one frame. Its length was checked with the header.
pub(crate) async fn body(from: &mut (impl AsyncRead + Unpin), header: Header) -> io::Result<Vec<u8>> {
    let mut body = vec![0; header.len as usize];
    from.read_exact(&mut body).await?;
    Ok(body)
}

/// The next message that fits one frame. None: the peer closed.
///
/// # Errors
/// As [`header`]; where a message comes in pieces or cannot be read.
pub(crate) async fn message(from: &mut (impl AsyncRead + Unpin), max: u32) -> io::Result<Option<(Header, Message)>> {
    let Some(header) = header(from, max).await? else { return Ok(None) };
    let body = body(from, header).await?;
    if header.more() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message in pieces, where a short one was expected"));
    }
    let message = codec::decode(header, &body).map_err(|why| io::Error::new(io::ErrorKind::InvalidData, why))?;
    Ok(Some((header, message)))
}

/// Sends messages in one write.
///
/// # Errors
/// Where the peer does not take it.
pub(crate) async fn send(to: &mut (impl AsyncWrite + Unpin), messages: &[(u16, Message)], max: u32) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(512);
    for (channel, message) in messages {
        codec::encode(&mut bytes, *channel, message, max);
    }
    to.write_all(&bytes).await?;
    to.flush().await
}
