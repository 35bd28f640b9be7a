//! The inspector of a running Node, on this machine and nowhere else: found by its process, asked to evaluate one text, and closed again
//! where it was opened for that.

use crate::exit::{self, Failure};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

/// Between two looks whether the inspector listens.
const LOOK: Duration = Duration::from_millis(20);
/// How long each step may take.
const STEP: Duration = Duration::from_secs(10);
/// Of an answer by HTTP. Bytes.
const MOST: u64 = 64 * 1024;

/// Runs a text in a process, and gives what it comes to.
pub(crate) async fn evaluate(pid: u32, expression: &str) -> Result<String, Failure> {
    let (address, opened) = match find(pid).await {
        Some(address) => (address, false),
        None => (open(pid).await?, true),
    };
    let failed = |why: String| Failure::new(exit::UNAVAILABLE, format!("the inspector of process {pid} at {address}: {why}"));
    let said = tokio::time::timeout(STEP, ask(address, expression, opened)).await;
    said.map_err(|_| failed(format!("no answer within {} s", STEP.as_secs())))?.map_err(failed)
}

async fn ask(address: SocketAddr, expression: &str, opened: bool) -> Result<String, String> {
    let target = target(address).await.ok_or("it names nothing to talk to")?;
    let stream = TcpStream::connect(address).await.map_err(|why| why.to_string())?;
    let (mut socket, _) = tokio_tungstenite::client_async(&target, stream).await.map_err(|why| why.to_string())?;
    // An inspector that we had opened would be open to every user of the machine.
    let close = if opened { "const own = require('inspector'); setTimeout(() => own.close(), 50);" } else { "" };
    let expression = format!("(() => {{ {close} return {expression}; }})()");
    let params = json!({ "expression": expression, "includeCommandLineAPI": true, "returnByValue": true });
    let request = json!({ "id": 1, "method": "Runtime.evaluate", "params": params }).to_string();
    socket.send(Message::text(request)).await.map_err(|why| why.to_string())?;
    while let Some(message) = socket.next().await {
        let Ok(Message::Text(text)) = message else { continue };
        let said: Value = serde_json::from_str(&text).map_err(|why| why.to_string())?;
        if said.get("id") != Some(&json!(1)) {
            continue;
        }
        let _ = socket.close(None).await;
        if let Some(thrown) = said.pointer("/result/exceptionDetails/exception/description") {
            return Err(thrown.as_str().unwrap_or_default().lines().next().unwrap_or_default().to_owned());
        }
        return Ok(said.pointer("/result/result/value").and_then(Value::as_str).unwrap_or_default().to_owned());
    }
    Err("it ended the connection".to_owned())
}

/// Asks the process to open its inspector.
async fn open(pid: u32) -> Result<SocketAddr, Failure> {
    let number = i32::try_from(pid).map_err(|_| Failure::usage(format!("there is no process {pid}")))?;
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(number), nix::sys::signal::Signal::SIGUSR1)
        .map_err(|why| Failure::new(exit::ERROR, format!("process {pid} cannot be asked for its inspector: {why}")))?;
    let until = tokio::time::Instant::now() + STEP;
    while tokio::time::Instant::now() < until {
        if let Some(address) = find(pid).await {
            return Ok(address);
        }
        tokio::time::sleep(LOOK).await;
    }
    Err(Failure::new(
        exit::TIMEOUT,
        format!("process {pid} opened no inspector within {} s; its port 9229 may be taken", STEP.as_secs()),
    ))
}

/// Where the process has an inspector: of the ports that it listens at on this machine, the one that says so.
async fn find(pid: u32) -> Option<SocketAddr> {
    for port in ports(pid) {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if let Ok(Some(_)) = tokio::time::timeout(Duration::from_secs(1), target(address)).await {
            return Some(address);
        }
    }
    None
}

/// Ports of the loopback address that are this process's.
fn ports(pid: u32) -> Vec<u16> {
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let links = open.filter_map(|fd| std::fs::read_link(fd.path()).ok());
    let inodes: Vec<String> =
        links.filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())).collect();
    let table = std::fs::read_to_string(format!("/proc/{pid}/net/tcp")).unwrap_or_default();
    let listening = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
        // 127.0.0.1, listening
        let port = local.strip_prefix("0100007F:").filter(|_| *state == "0A")?;
        inodes.iter().any(|own| own == inode).then(|| u16::from_str_radix(port, 16).ok())?
    };
    table.lines().filter_map(listening).collect()
}

/// The WebSocket that speaks for the program's main thread.
async fn target(address: SocketAddr) -> Option<String> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let request = format!("GET /json/list HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    // It may keep the connection open: its list ends with the line of its last bracket.
    let mut chunk = [0; 4096];
    while (answer.len() as u64) < MOST && !answer.ends_with(b"]\n\n") {
        match stream.read(&mut chunk).await.ok()? {
            0 => break,
            n => answer.extend_from_slice(chunk.get(..n)?),
        }
    }
    let text = String::from_utf8(answer).ok()?;
    let list: Value = serde_json::from_str(text.get(text.find("\r\n\r\n")?..)?.trim()).ok()?;
    Some(list.get(0)?.get("webSocketDebuggerUrl")?.as_str()?.to_owned())
}
