//! What happens where no descriptor is free. Alone in its process, because the limit is the process's.

#![allow(clippy::unwrap_used)]

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rialto_transports::quiet::QuietStream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn a_full_connection_that_cannot_be_watched_goes_on() {
    let (a, b) = tokio::net::UnixStream::pair().unwrap();
    let (mut a, mut b) = (QuietStream::new(a).unwrap(), QuietStream::new(b).unwrap());
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, 3, hard).unwrap();
    let sent: Vec<u8> = (0..1_000_000u32).map(|n| n as u8).collect();
    let mut got = vec![0; sent.len()];
    let (wrote, read) = tokio::join!(a.write_all(&sent), b.read_exact(&mut got));
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard).unwrap();
    wrote.unwrap();
    read.unwrap();
    assert!(got == sent);
}
