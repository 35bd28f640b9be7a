//! A program in a terminal of its own, whose other end is the peer's.

use crate::child::Running;
use pty_process::{OwnedReadPty, OwnedWritePty, Pty, Size};
use rialto_transports::{Control, Exit, Wires};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

/// Read at once. Bytes.
const CHUNK: usize = 16 * 1024;
/// For what the program wrote last, once it has ended: it is in the terminal already.
const LAST: Duration = Duration::from_millis(200);
/// Ctrl-D, which is what the end of the input is to a terminal.
const END: &[u8] = &[4];

/// Carries keys and output until the program ends or the peer hangs up.
pub(crate) async fn carry(pty: Pty, mut running: Running, wires: Wires) -> Exit {
    let (mut from, to) = pty.into_split();
    let Wires { input, mut output, controls, .. } = wires;
    let exit = tokio::select! {
        () = up(input, to, controls) => None,
        // Nothing holds the terminal open any more, or nobody reads.
        () = down(&mut from, &mut output) => None,
        exit = running.wait() => Some(exit),
    };
    match exit {
        Some(exit) => {
            let mut chunk = vec![0; CHUNK];
            // A child of the program may hold the terminal open without end: what is there now is shown.
            while let Ok(Ok(n @ 1..)) = tokio::time::timeout(LAST, from.read(&mut chunk)).await {
                let Some(bytes) = chunk.get(..n) else { break };
                if output.write_all(bytes).await.is_err() {
                    break;
                }
            }
            exit
        }
        None => {
            // Closing our end is what a closed window is; the program has a moment to notice.
            drop(from);
            running.go().await
        }
    }
}

/// Ends when the peer hangs up.
async fn up(mut input: impl AsyncRead + Unpin, mut to: OwnedWritePty, mut controls: mpsc::Receiver<Control>) {
    let (mut chunk, mut ended) = (vec![0; CHUNK], false);
    let mut waiting: Vec<u8> = Vec::new();
    loop {
        tokio::select! {
            control = controls.recv() => match control {
                Some(Control::Resize(columns, rows)) if columns > 0 && rows > 0 => {
                    let _ = to.resize(Size::new(rows, columns));
                }
                Some(Control::Signal(name)) if name == "INT" => waiting.push(3),
                Some(Control::Signal(name)) if name == "QUIT" => waiting.push(28),
                Some(_) => {}
                None => return,
            },
            read = input.read(&mut chunk), if !ended && waiting.is_empty() => match read {
                Ok(n @ 1..) => waiting.extend_from_slice(chunk.get(..n).unwrap_or_default()),
                _ => {
                    ended = true;
                    waiting.extend_from_slice(END);
                }
            },
            wrote = to.write(&waiting), if !waiting.is_empty() => match wrote {
                Ok(n) => drop(waiting.drain(..n.min(waiting.len()))),
                Err(_) => waiting.clear(),
            },
        }
    }
}

async fn down(from: &mut OwnedReadPty, output: &mut (impl AsyncWrite + Unpin)) {
    let mut chunk = vec![0; CHUNK];
    loop {
        match from.read(&mut chunk).await {
            Ok(n @ 1..) => {
                let Some(bytes) = chunk.get(..n) else { return };
                if output.write_all(bytes).await.is_err() {
                    return;
                }
            }
            // Linux says "input/output error" once nobody has the terminal: its end is near, and is waited for elsewhere.
            _ => std::future::pending().await,
        }
    }
}
