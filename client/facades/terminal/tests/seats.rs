//! How many programs run at once, and what the next one is told.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use rialto_terminal::{Program, Terminals};
use rialto_transports::{Asked, Boxed, Control, Exit, Identity, Programs, Scope, What, Wires};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;

/// What a peer holds of a program that runs for it.
struct Peer {
    exit: Boxed<'static, Exit>,
    input: DuplexStream,
    output: DuplexStream,
    errors: DuplexStream,
    _controls: mpsc::Sender<Control>,
}

fn run(all: &Terminals) -> Peer {
    let us = Identity::new(format!("uid:{}/test", nix::unistd::Uid::effective()), Scope::Eval);
    let at = SocketAddr::from(([127, 0, 0, 1], 1));
    let ((input, a), (output, b), (errors, c)) = (duplex(64), duplex(64), duplex(4096));
    let (controls, d) = mpsc::channel(1);
    let wires = Wires::new(Box::new(a), Box::new(b), Box::new(c), d);
    let exit = all.run(Asked::new(us, at, at, What::Line(String::new())), wires);
    Peer { exit, input, output, errors, _controls: controls }
}

/// It runs: it says what it is told.
async fn echoes(peer: &mut Peer) {
    let mut said = [0; 2];
    let talk = async {
        peer.input.write_all(b"hi").await.unwrap();
        peer.output.read_exact(&mut said).await.unwrap();
    };
    tokio::select! {
        exit = &mut peer.exit => panic!("it has ended: {exit:?}"),
        () = talk => {}
    }
    assert_eq!(&said, b"hi");
}

#[tokio::test]
async fn one_more_than_may_run_is_told_so_and_comes_in_when_another_ends() {
    let program = Program {
        ours: "/bin/cat".into(),
        theirs: "/bin/cat".into(),
        environment: Vec::new(),
        told: |_| Vec::new(),
        protocol: Vec::new(),
        most: 2,
    };
    let all = Terminals::of(program);
    let (mut one, mut two) = (run(&all), run(&all));
    echoes(&mut one).await;
    echoes(&mut two).await;
    let Peer { exit, mut errors, .. } = run(&all);
    assert_eq!(exit.await, Exit::Status(69));
    let mut said = String::new();
    errors.read_to_string(&mut said).await.unwrap();
    assert!(said.contains("2 programs run here for others") && said.contains("try again later"), "{said}");
    drop(one.input);
    assert_eq!(one.exit.await, Exit::Status(0));
    echoes(&mut run(&all)).await;
    echoes(&mut two).await;
}
