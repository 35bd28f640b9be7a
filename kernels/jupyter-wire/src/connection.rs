//! The file that tells a kernel where to listen, and with which key messages are signed.

use serde::{Deserialize, Serialize};

/// How the sockets are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// `ip` is an address, each port a port.
    Tcp,
    /// `ip` is the beginning of a path, each port its end, after a hyphen.
    Ipc,
}

/// What the file says.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// How the sockets are reached.
    pub transport: Transport,
    /// Where.
    pub ip: String,
    /// Requests that wait for their turn.
    pub shell_port: u16,
    /// What everybody hears.
    pub iopub_port: u16,
    /// What the program asks the person.
    pub stdin_port: u16,
    /// Requests that do not wait.
    pub control_port: u16,
    /// Echoes.
    pub hb_port: u16,
    /// The secret that signs. Empty: nothing is signed.
    pub key: String,
    /// `hmac-sha256`.
    pub signature_scheme: String,
    /// The kernelspec's name.
    #[serde(default)]
    pub kernel_name: String,
}

impl std::fmt::Debug for Connection {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("transport", &self.transport).field("ip", &self.ip).finish_non_exhaustive()
    }
}

impl Connection {
    /// Five ports, in the order shell, iopub, stdin, control, heartbeat.
    #[must_use]
    pub fn new(transport: Transport, ip: &str, ports: [u16; 5], key: &str, kernel_name: &str) -> Self {
        let [shell_port, iopub_port, stdin_port, control_port, hb_port] = ports;
        Self {
            transport,
            ip: ip.to_owned(),
            shell_port,
            iopub_port,
            stdin_port,
            control_port,
            hb_port,
            key: key.to_owned(),
            signature_scheme: "hmac-sha256".to_owned(),
            kernel_name: kernel_name.to_owned(),
        }
    }

    /// In the same order.
    #[must_use]
    pub const fn ports(&self) -> [u16; 5] {
        [self.shell_port, self.iopub_port, self.stdin_port, self.control_port, self.hb_port]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_as_jupyter_writes_it() {
        let text = r#"{"shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": 5, "ip": "127.0.0.1",
            "key": "k", "transport": "tcp", "signature_scheme": "hmac-sha256", "kernel_name": "", "jupyter_session": "x"}"#;
        let read: Connection = serde_json::from_str(text).unwrap();
        assert_eq!(read, Connection::new(Transport::Tcp, "127.0.0.1", [1, 2, 3, 4, 5], "k", ""));
        assert_eq!(read.ports(), [1, 2, 3, 4, 5]);
        assert!(!format!("{read:?}").contains("\"k\""));
    }
}
