//! A server of SSH and a client of it, in one process: who may stay, how many, and what a peer says besides its input.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use rialto_protocol::Scope;
use rialto_transports::ssh::server::{HostKey, Limits, SshListener};
use rialto_transports::{
    Asked, Authenticator, Boxed, Control, Credential, Exit, Identity, Listener, Peer, Programs, Refused, Stream, Wires,
};
use russh::client::{Config, Handle, Handler, connect_stream};
use russh::keys::{Algorithm, PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use russh::{Channel, ChannelMsg, Sig};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// Lets in every key, until then.
struct Everybody(watch::Receiver<Option<SystemTime>>);

impl Authenticator for Everybody {
    fn identify(&self, _: &Peer) -> Result<Identity, Refused> {
        Err(Refused("not here".to_owned()))
    }

    fn verify(&self, credential: &Credential<'_>, _: Option<IpAddr>) -> Result<Identity, Refused> {
        let Credential::SshKey { .. } = credential else { return Err(Refused("no key".to_owned())) };
        let mut who = Identity::new("uid:1/key", Scope::Eval);
        who.expires = *self.0.borrow();
        Ok(who)
    }
}

/// A program that does nothing but say what it is told besides its input, which it does not read.
struct Tells(mpsc::Sender<Control>);

impl Programs for Tells {
    fn run(&self, _: Asked, mut wires: Wires) -> Boxed<'static, Exit> {
        let to = self.0.clone();
        Box::pin(async move {
            let _unread = wires.input;
            wires.output.write_all(b"runs").await.unwrap();
            while let Some(control) = wires.controls.recv().await {
                to.send(control).await.unwrap();
            }
            Exit::Status(0)
        })
    }
}

struct Client;

impl Handler for Client {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(true)
    }
}

struct Server {
    _temp: TempDir,
    at: SocketAddr,
    /// What the daemon would get.
    streams: mpsc::Receiver<Stream>,
    controls: mpsc::Receiver<Control>,
    expires: watch::Sender<Option<SystemTime>>,
    _task: JoinSet<()>,
}

impl Server {
    async fn new(limits: impl FnOnce(&mut Limits)) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let key = HostKey::at(&temp.path().join("host")).unwrap();
        let (expires, until) = watch::channel(None);
        let (told, controls) = mpsc::channel(8);
        let mut all = Limits::default();
        limits(&mut all);
        let bound = SshListener::bind(([127, 0, 0, 1], 0).into(), key, Arc::new(Everybody(until)), Arc::new(Tells(told)), all);
        let mut listener = bound.await.unwrap();
        let at = listener.address();
        let (to, streams) = mpsc::channel(8);
        let mut task = JoinSet::new();
        task.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await;
                to.send(stream).await.unwrap();
            }
        });
        Self { _temp: temp, at, streams, controls, expires, _task: task }
    }

    /// A client that is let in, and our own subsystem at its other end.
    async fn subsystem(
        &mut self,
        stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
    ) -> (Handle<Client>, Channel<russh::client::Msg>, Stream) {
        let client = enters(stream).await.expect("it is let in");
        let channel = client.channel_open_session().await.unwrap();
        channel.request_subsystem(true, "rialto").await.unwrap();
        (client, channel, self.streams.recv().await.unwrap())
    }
}

async fn enters(
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
) -> Result<Handle<Client>, russh::Error> {
    let mut client = connect_stream(Arc::new(Config::default()), stream, Client).await?;
    let key = PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).unwrap();
    let shown = client.authenticate_publickey("me", PrivateKeyWithHashAlg::new(Arc::new(key), None)).await?;
    assert!(shown.success());
    Ok(client)
}

/// To the end, however it comes.
async fn ends(mut stream: Stream) -> Vec<u8> {
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all).await;
    all
}

#[tokio::test]
async fn a_peer_that_has_vanished_is_left() {
    let mut server = Server::new(|limits| limits.keepalive = Duration::from_millis(100)).await;
    let (near, far): (DuplexStream, DuplexStream) = tokio::io::duplex(64 * 1024);
    let mut tcp = TcpStream::connect(server.at).await.unwrap();
    let (hole, mut falls) = watch::channel(false);
    let mut between = JoinSet::new();
    between.spawn(async move {
        let mut far = far;
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut far, &mut tcp) => {}
            _ = falls.changed() => {}
        }
        // Nothing closes it; nothing goes through any more.
        let _held = (far, tcp);
        std::future::pending::<()>().await;
    });
    let (_client, channel, stream) = server.subsystem(near).await;
    channel.data(&b"before"[..]).await.unwrap();
    let mut stream = stream;
    let mut before = [0; 6];
    stream.read_exact(&mut before).await.unwrap();
    hole.send(true).unwrap();
    assert!(ends(stream).await.is_empty());
}

#[tokio::test]
async fn one_that_answers_may_be_silent_for_long() {
    let mut server = Server::new(|limits| limits.keepalive = Duration::from_millis(100)).await;
    let tcp = TcpStream::connect(server.at).await.unwrap();
    let (_client, channel, mut stream) = server.subsystem(tcp).await;
    // Longer than four of them unanswered.
    let silence = tokio::time::timeout(Duration::from_millis(600), stream.read_u8()).await;
    assert!(silence.is_err(), "it was left: {silence:?}");
    channel.data(&b"x"[..]).await.unwrap();
    assert_eq!(stream.read_u8().await.unwrap(), b'x');
}

#[tokio::test]
async fn what_has_expired_is_closed_while_it_is_open() {
    let mut server = Server::new(|limits| limits.doubt = Duration::from_millis(20)).await;
    server.expires.send(Some(SystemTime::now() + Duration::from_secs(3600))).unwrap();
    let tcp = TcpStream::connect(server.at).await.unwrap();
    let (client, _channel, stream) = server.subsystem(tcp).await;
    server.expires.send(Some(SystemTime::now())).unwrap();
    ends(stream).await;
    // Told off and hung up on, not only its channel.
    while !client.is_closed() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn no_more_come_from_one_address_than_may() {
    let server = Server::new(|limits| limits.of_one_address = 2).await;
    let mut inside = Vec::new();
    for _ in 0..2 {
        inside.push(enters(TcpStream::connect(server.at).await.unwrap()).await.unwrap());
    }
    assert!(enters(TcpStream::connect(server.at).await.unwrap()).await.is_err());
    drop(inside.pop());
    // The place is free once the server has seen that one go.
    while enters(TcpStream::connect(server.at).await.unwrap()).await.is_err() {}
}

#[tokio::test]
async fn no_more_channels_than_may() {
    let mut server = Server::new(|limits| limits.channels = 2).await;
    let tcp = TcpStream::connect(server.at).await.unwrap();
    let (client, _first, _stream) = server.subsystem(tcp).await;
    let second = client.channel_open_session().await.unwrap();
    assert!(client.channel_open_session().await.is_err());
    second.close().await.unwrap();
    while client.channel_open_session().await.is_err() {}
}

#[tokio::test]
async fn a_signal_and_a_new_size_reach_the_program() {
    let mut server = Server::new(|_| {}).await;
    let client = enters(TcpStream::connect(server.at).await.unwrap()).await.unwrap();
    let mut channel = client.channel_open_session().await.unwrap();
    channel.request_pty(true, "xterm", 80, 24, 0, 0, &[]).await.unwrap();
    channel.exec(true, "anything").await.unwrap();
    loop {
        if let ChannelMsg::Data { data } = channel.wait().await.expect("it runs") {
            assert_eq!(&data[..], b"runs");
            break;
        }
    }
    channel.signal(Sig::INT).await.unwrap();
    channel.window_change(100, 40, 0, 0).await.unwrap();
    channel.signal(Sig::Custom("x".repeat(1000))).await.unwrap();
    let said =
        [server.controls.recv().await.unwrap(), server.controls.recv().await.unwrap(), server.controls.recv().await.unwrap()];
    assert_eq!(said, [Control::Signal("INT".into()), Control::Resize(100, 40), Control::Signal("x".repeat(16))]);
}

/// What is told beside the output, until the channel ends; and the signal that ended it.
async fn told(channel: &mut Channel<russh::client::Msg>) -> (String, Option<Sig>) {
    let (mut said, mut signal) = (Vec::new(), None);
    while let Some(message) = channel.wait().await {
        match message {
            ChannelMsg::ExtendedData { data, .. } => said.extend_from_slice(&data),
            ChannelMsg::ExitSignal { signal_name, .. } => signal = Some(signal_name),
            _ => {}
        }
    }
    (String::from_utf8(said).unwrap(), signal)
}

/// A program that reads nothing, and its input, which goes on for as long as it is taken.
async fn floods(server: &Server) -> (Channel<russh::client::Msg>, JoinSet<()>, Handle<Client>) {
    let client = enters(TcpStream::connect(server.at).await.unwrap()).await.unwrap();
    let channel = client.channel_open_session().await.unwrap();
    channel.exec(true, "anything").await.unwrap();
    let mut writer = channel.make_writer();
    let mut task = JoinSet::new();
    task.spawn(async move {
        let chunk = vec![0; 32 * 1024];
        while writer.write_all(&chunk).await.is_ok() {}
    });
    (channel, task, client)
}

#[tokio::test]
async fn what_programs_leave_unread_has_a_ceiling_for_all_of_them() {
    const MOST: u64 = 4 << 20;
    let mut server = Server::new(|limits| (limits.unread, limits.stall) = (MOST, Duration::from_millis(500))).await;
    let (mut one, _task, _first) = floods(&server).await;
    let (mut other, _task, _second) = floods(&server).await;
    // Meanwhile, who reads is served: what it has on the way needs no file.
    let tcp = TcpStream::connect(server.at).await.unwrap();
    let (_client, channel, mut stream) = server.subsystem(tcp).await;
    // The two cannot both have room for ever. Each is told when it had none, and none before.
    let (first, second) = tokio::join!(told(&mut one), told(&mut other));
    for (said, signal) in [first, second] {
        assert!(said.contains("did not read its input for 500ms") && said.contains("is taken; try again later"), "{said}");
        assert!(matches!(signal, Some(Sig::PIPE)), "{signal:?}");
    }
    for n in 0..100_u8 {
        channel.data(&[n; 64 * 1024][..]).await.unwrap();
        let mut read = vec![0; 64 * 1024];
        stream.read_exact(&mut read).await.unwrap();
        assert!(read.iter().all(|byte| *byte == n));
    }
    // All of it is given back: another may leave as much.
    let (mut third, _task, _client) = floods(&server).await;
    assert!(told(&mut third).await.0.contains("is taken; try again later"));
}
