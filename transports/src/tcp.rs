//! A TCP port: the one place where one is opened, and none is opened without somebody who decides who comes in.
//!
//! On the loopback address, too: every user of a machine and every page in a browser on it can reach that. Ways that listen on
//! TCP are built on a [`Port`], and clippy refuses any other way to make a listening socket (`clippy.toml`). How many may stand
//! at the door who have not shown who they are is for each way to say: it knows when somebody has.

use crate::Authenticator;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// How long to wait when accepting fails for want of descriptors or memory: long enough for something to be given back.
const BACK_OFF: Duration = Duration::from_millis(100);

/// A port on which somebody listens, and who decides about whoever comes.
pub struct Port {
    socket: TcpListener,
    authenticator: Arc<dyn Authenticator>,
}

impl std::fmt::Debug for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Port").field("socket", &self.socket).finish_non_exhaustive()
    }
}

impl Port {
    /// Listens there. Port 0 is one that is free.
    ///
    /// # Errors
    /// What the system says.
    #[expect(clippy::disallowed_methods, reason = "the one place")]
    pub async fn bind(on: SocketAddr, authenticator: Arc<dyn Authenticator>) -> io::Result<Self> {
        Ok(Self { socket: TcpListener::bind(on).await?, authenticator })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Who decides about whoever comes by this port.
    #[must_use]
    pub fn authenticator(&self) -> &Arc<dyn Authenticator> {
        &self.authenticator
    }

    /// The next connection, whose other end has shown nothing yet. What is written to it goes out at once. Who has failed too often of late is sent away before anything is said.
    ///
    /// Dropping the future loses no connection.
    pub async fn accept(&self) -> (TcpStream, SocketAddr) {
        loop {
            match self.socket.accept().await {
                Ok((stream, from)) => {
                    if let Err(why) = self.authenticator.admits(from.ip()) {
                        tracing::debug!(%from, %why, "sent away");
                        continue;
                    }
                    if let Err(why) = stream.set_nodelay(true) {
                        tracing::debug!(%from, %why, "left while it was accepted");
                        continue;
                    }
                    return (stream, from);
                }
                Err(why) if why.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(why) => {
                    tracing::warn!(%why, "cannot accept; trying again");
                    tokio::time::sleep(BACK_OFF).await;
                }
            }
        }
    }
}

/// What one host can be expected to have of addresses: a whole network of IPv6, which is handed out as such.
#[must_use]
pub fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Identity, Peer, Refused};

    struct Nobody;

    impl Authenticator for Nobody {
        fn identify(&self, _: &Peer) -> Result<Identity, Refused> {
            Err(Refused("nobody".to_owned()))
        }
    }

    #[tokio::test]
    async fn a_port_takes_whoever_comes_and_says_who_decides() {
        let port = Port::bind(SocketAddr::from(([127, 0, 0, 1], 0)), Arc::new(Nobody)).await.unwrap();
        let (_theirs, (stream, from)) = tokio::join!(TcpStream::connect(port.local_addr().unwrap()), port.accept());
        assert!(from.ip().is_loopback() && stream.nodelay().unwrap());
        assert!(port.authenticator().verify(&crate::Credential::Token("x"), None).is_err());
    }

    #[test]
    fn a_network_of_ipv6_is_one_neighbour_and_ipv4_in_ipv6_is_ipv4() {
        let of = |text: &str| neighbourhood(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!((of("::ffff:192.0.2.1"), of("192.0.2.1")), ("192.0.2.1".to_owned(), "192.0.2.1".to_owned()));
    }
}
