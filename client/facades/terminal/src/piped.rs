//! A program between pipes: its output and its complaints apart, its end and its signal told.

use crate::child::Running;
use nix::sys::signal::Signal;
use rialto_transports::{Control, Exit, Wires};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

/// Read at once. Bytes.
const CHUNK: usize = 16 * 1024;
/// For the pipes to end once the program has: somebody it has started may hold them without end.
const LAST: Duration = Duration::from_secs(2);

/// Carries its three streams until it ends or the peer hangs up.
pub(crate) async fn carry(mut running: Running, wires: Wires) -> Exit {
    let Wires { mut input, output, errors, mut controls, .. } = wires;
    let (stdin, stdout, stderr) = (running.child.stdin.take(), running.child.stdout.take(), running.child.stderr.take());
    let up = async {
        if let Some(mut stdin) = stdin {
            copy(&mut input, &mut stdin, &AtomicUsize::new(0)).await;
        }
        // Its stdin is closed by now, which is how it learns that there is no more.
    };
    let untaken = AtomicUsize::new(0);
    let out = through(stdout, output, &untaken);
    let err = through(stderr, errors, &untaken);
    tokio::pin!(up, out, err);
    let (mut up_over, mut out_over, mut err_over) = (false, false, false);
    let exit = loop {
        tokio::select! {
            exit = running.wait() => break exit,
            () = &mut up, if !up_over => up_over = true,
            () = &mut out, if !out_over => out_over = true,
            () = &mut err, if !err_over => err_over = true,
            signal = told(&mut controls) => match signal {
                Some(signal) => running.signal(signal),
                None => return running.go().await,
            },
        }
    };
    while !(out_over && err_over) {
        tokio::select! {
            () = &mut out, if !out_over => out_over = true,
            () = &mut err, if !err_over => err_over = true,
            signal = told(&mut controls) => if signal.is_none() { break },
            // Who reads slowly gets all of it; nothing more is waited for from whoever else holds the pipes.
            () = tokio::time::sleep(LAST) => if untaken.load(Ordering::Relaxed) == 0 { break },
        }
    }
    exit
}

async fn through(from: Option<impl AsyncRead + Unpin>, mut to: impl AsyncWrite + Unpin, untaken: &AtomicUsize) {
    if let Some(mut from) = from {
        copy(&mut from, &mut to, untaken).await;
    }
}

/// Copies to the end of either; `untaken` is more than nothing while something waits to be taken.
async fn copy(from: &mut (impl AsyncRead + Unpin), to: &mut (impl AsyncWrite + Unpin), untaken: &AtomicUsize) {
    let mut chunk = vec![0; CHUNK];
    while let Ok(n @ 1..) = from.read(&mut chunk).await {
        let Some(bytes) = chunk.get(..n) else { return };
        untaken.fetch_add(1, Ordering::Relaxed);
        let wrote = async {
            to.write_all(bytes).await?;
            to.flush().await
        };
        let wrote = wrote.await;
        untaken.fetch_sub(1, Ordering::Relaxed);
        if wrote.is_err() {
            return;
        }
    }
}

/// The next signal that the peer wants sent. None: it hung up.
async fn told(controls: &mut mpsc::Receiver<Control>) -> Option<Signal> {
    loop {
        let Control::Signal(name) = controls.recv().await? else { continue };
        match name.as_str() {
            "INT" => return Some(Signal::SIGINT),
            "TERM" => return Some(Signal::SIGTERM),
            "HUP" => return Some(Signal::SIGHUP),
            "QUIT" => return Some(Signal::SIGQUIT),
            "KILL" => return Some(Signal::SIGKILL),
            _ => {}
        }
    }
}
