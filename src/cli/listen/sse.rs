//! Server-sent events, read as they come.
//!
//! Guards against half an event: what a lost line has cut off is never given.

use std::time::Duration;

/// Longest part that is not whole yet, in bytes: events have a few hundred.
const LONGEST: usize = 1024 * 1024;

/// What stands between two empty lines.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) event: String,
    pub(super) id: Option<String>,
    pub(super) data: String,
    /// After which to come again when the line is lost.
    pub(super) retry: Option<Duration>,
}

/// What has come of a stream and is not whole yet.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    text: Vec<u8>,
    block: Block,
}

impl Blocks {
    /// Takes what has come, and gives the blocks that are whole now; nothing: it is no stream of events.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Option<Vec<Block>> {
        let mut whole = Vec::new();
        self.text.extend_from_slice(bytes);
        while let Some(end) = self.text.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.text.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\r', '\n']);
            if !line.is_empty() {
                self.block.read(line);
            } else if self.block != Block::default() {
                whole.push(std::mem::take(&mut self.block));
            }
        }
        (self.text.len() + self.block.data.len() <= LONGEST).then_some(whole)
    }
}

impl Block {
    fn read(&mut self, line: &str) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "event" => value.clone_into(&mut self.event),
            "id" => self.id = Some(value.to_owned()),
            "data" if self.data.is_empty() => value.clone_into(&mut self.data),
            "data" => {
                self.data.push('\n');
                self.data.push_str(value);
            }
            "retry" => self.retry = value.parse().ok().map(Duration::from_millis),
            // The name of a comment is empty.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "retry: 2000\n\n: still here\n\nid: evt_1\nevent: order.created\n\
                          data: {\"a\":\ndata: 1}\n\nevent: bye\r\ndata:{}\r\n\r\nid: evt_2\ndata: half";

    #[test]
    fn blocks_are_given_when_they_are_whole_however_they_are_cut() {
        let expected = [
            Block { retry: Some(Duration::from_secs(2)), ..Block::default() },
            Block {
                event: "order.created".to_owned(),
                id: Some("evt_1".to_owned()),
                data: "{\"a\":\n1}".to_owned(),
                retry: None,
            },
            Block { event: "bye".to_owned(), data: "{}".to_owned(), ..Block::default() },
        ];
        for size in 1..STREAM.len() {
            let mut blocks = Blocks::default();
            let parts = STREAM.as_bytes().chunks(size);
            let given: Vec<_> = parts.flat_map(|part| blocks.take(part).unwrap()).collect();
            assert_eq!(given, expected, "{size}");
        }
    }

    #[test]
    fn what_never_ends_is_no_stream() {
        let (mut blocks, part) = (Blocks::default(), vec![b'x'; LONGEST]);
        assert!(blocks.take(&part).is_some());
        assert!(blocks.take(b"x").is_none());
        let mut blocks = Blocks::default();
        let line = [b"data: ".as_slice(), &part, b"\n"].concat();
        assert!(blocks.take(&line).is_some());
        assert!(blocks.take(&line).is_none());
    }
}
