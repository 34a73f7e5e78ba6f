//! Server-sent events, as a client without any library reads them.

use std::{net::SocketAddr, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// One stream that is open.
pub(crate) struct Stream {
    socket: TcpStream,
    text: String,
    /// Whether to give events, too, that have no id.
    pub(crate) passing: bool,
}

#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) event: String,
    pub(crate) id: Option<String>,
    pub(crate) data: Value,
}

impl Sent {
    /// Its id, of a stream that counts.
    pub(crate) fn number(&self) -> i64 {
        self.id.as_ref().unwrap().parse().unwrap()
    }
}

impl Stream {
    pub(crate) async fn open(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Self {
        let (opened, stream) = Self::ask(address, path, headers).await;
        assert!(opened.starts_with("HTTP/1.1 200") && opened.contains("text/event-stream"), "{opened}");
        assert!(opened.contains("cache-control: no-store"), "{opened}");
        stream
    }

    /// The head of the answer, whatever it is.
    pub(crate) async fn ask(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> (String, Self) {
        let mut socket = TcpStream::connect(address).await.unwrap();
        let mut head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        socket.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
        let mut stream = Self { socket, text: String::new(), passing: false };
        (stream.until("\r\n\r\n").await, stream)
    }

    async fn until(&mut self, end: &str) -> String {
        loop {
            if let Some(at) = self.text.find(end) {
                let rest = self.text.split_off(at + end.len());
                return std::mem::replace(&mut self.text, rest);
            }
            let mut buffer = [0; 8192];
            let read = tokio::time::timeout(Duration::from_secs(20), self.socket.read(&mut buffer)).await;
            let n = read.expect("nothing came").unwrap();
            assert_ne!(n, 0, "the stream ended: {}", self.text);
            self.text.push_str(&String::from_utf8_lossy(&buffer[..n]));
        }
    }

    /// The next event, without the lengths between the chunks of the answer.
    pub(crate) async fn next(&mut self) -> Sent {
        loop {
            let text = self.until("\n\n").await;
            let field = |name: &str| {
                text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).map(str::to_owned)
            };
            if let Some(event) = field("event") {
                if field("id").is_none() && event != "bye" && event != "reset" && !self.passing {
                    continue;
                }
                let data = serde_json::from_str(&field("data").unwrap()).unwrap();
                return Sent { event, id: field("id"), data };
            }
        }
    }

    /// What comes behind the next `begin` of a line, whatever it is of.
    pub(crate) async fn line(&mut self, begin: &str) -> String {
        loop {
            let line = self.until("\n").await;
            if let Some(rest) = line.strip_prefix(begin) {
                return rest.trim_end().to_owned();
            }
        }
    }

    pub(crate) async fn ended(mut self) -> bool {
        let mut rest = Vec::new();
        let read = self.socket.read_to_end(&mut rest);
        tokio::time::timeout(Duration::from_secs(10), read).await.is_ok()
    }
}
