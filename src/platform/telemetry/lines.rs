//! Writes lines to standard error from a thread of its own.
//!
//! Guards against a reader of standard error that stops reading: a pipe that nobody empties, a terminal with
//! Ctrl-S, a log driver on a full disk. A write to it would stop whoever logs, and with it every request. So
//! lines go to a bounded queue; when that is full, they are dropped and counted, never waited for. And
//! against lines of processes that share a pipe: what is more than it takes at once would be torn apart.

use std::{
    io::{self, Write},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use tracing_subscriber::fmt::MakeWriter;

use super::metrics::Counter;

static DROPPED: Counter = Counter::new(
    "waybill_log_lines_dropped_total",
    "Log lines that were dropped because nobody read standard error fast enough.",
);

/// Lines that may wait; a line has a few hundred bytes.
const WAITING: usize = 1024;
/// A longer line is cut: nothing of ours is.
const LONGEST: usize = 64 * 1024;
/// After each turn: what is logged meanwhile is written in the next one, and nobody has to wake the thread.
const BETWEEN: Duration = Duration::from_millis(5);
/// Bytes that are written together: a pipe takes so many as a whole (`PIPE_BUF`), whoever else writes to it.
const TOGETHER: usize = 4096;
/// How long the end of the program waits for the last lines to be read.
const LAST_LINES: Duration = Duration::from_millis(500);

enum Message {
    Line(Vec<u8>),
    /// Answered when all before it is written.
    Flush(SyncSender<()>),
}

static QUEUE: OnceLock<Option<SyncSender<Message>>> = OnceLock::new();
static LOST: AtomicU64 = AtomicU64::new(0);

/// Where there is no thread, lines are dropped: a program that cannot start one has other troubles.
fn queue() -> Option<&'static SyncSender<Message>> {
    let start = || {
        let (send, receive) = sync_channel(WAITING);
        let write = move || write_all(&receive, io::stderr());
        let writer = thread::Builder::new().name("log".to_owned()).spawn(write);
        writer.is_ok().then_some(send)
    };
    QUEUE.get_or_init(start).as_ref()
}

fn write_all(messages: &Receiver<Message>, to: impl Write) {
    let (mut told, mut batch) = (0, Batch::new(to));
    while let Ok(first) = messages.recv() {
        let rest = std::iter::from_fn(|| messages.try_recv().ok());
        for message in std::iter::once(first).chain(rest) {
            match message {
                Message::Line(line) => batch.add(&line),
                Message::Flush(answer) => {
                    batch.write_out();
                    let _told_or_gone = answer.try_send(());
                }
            }
        }
        let lost = LOST.load(Relaxed);
        if lost > told {
            let line = format!("{} log lines were dropped: nobody had read them\n", lost - told);
            batch.add(line.as_bytes());
            told = lost;
        }
        batch.write_out();
        thread::sleep(BETWEEN);
    }
}

/// Whole lines that are written together.
struct Batch<W> {
    to: W,
    lines: Vec<u8>,
}

impl<W: Write> Batch<W> {
    fn new(to: W) -> Self {
        Self { to, lines: Vec::with_capacity(TOGETHER) }
    }

    /// Adds a line, before which the others are written if it does not fit. One that is too long by itself
    /// goes alone.
    fn add(&mut self, line: &[u8]) {
        if self.lines.len() + line.len() > TOGETHER {
            self.write_out();
        }
        self.lines.extend_from_slice(line);
    }

    fn write_out(&mut self) {
        // A failure has no other place to be reported.
        drop(self.to.write_all(&self.lines));
        self.lines.clear();
    }
}

/// Hands `line`, which ends in a line break, to the writer. Never waits.
pub fn write_line(mut line: Vec<u8>) {
    if line.len() > LONGEST {
        line.truncate(LONGEST);
        line.push(b'\n');
    }
    if queue().is_none_or(|queue| queue.try_send(Message::Line(line)).is_err()) {
        LOST.fetch_add(1, Relaxed);
        DROPPED.increment(&[]);
    }
}

/// Waits until the lines so far are written, but no longer than a moment: whoever does not read them must not
/// keep the program.
pub fn flush() {
    let Some(Some(queue)) = QUEUE.get() else { return };
    let end = Instant::now() + LAST_LINES;
    let again = || {
        thread::sleep(BETWEEN);
        Instant::now() < end
    };
    if let Some(written) = ask(queue, again) {
        let _written_or_not = written.recv_timeout(end.saturating_duration_since(Instant::now()));
    }
}

/// Has the writer answer when the lines so far are written. While the queue is full, as in a burst, `again`
/// says whether to try once more.
fn ask(queue: &SyncSender<Message>, mut again: impl FnMut() -> bool) -> Option<Receiver<()>> {
    let (answer, written) = sync_channel(1);
    let mut message = Message::Flush(answer);
    while let Err(TrySendError::Full(back)) = queue.try_send(message) {
        if !again() {
            return None;
        }
        message = back;
    }
    Some(written)
}

/// Makes writers of single lines.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lines;

/// One event: handed over as a whole when it is dropped.
#[derive(Debug)]
pub(super) struct Line(Vec<u8>);

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(Vec::with_capacity(256))
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if !self.0.is_empty() {
            write_line(std::mem::take(&mut self.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each write was given.
    #[derive(Default)]
    struct Writes(Vec<Vec<u8>>);

    impl Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.push(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_is_written_at_once_is_whole_lines_and_no_more_than_a_pipe_takes() {
        for (lines, writes) in [
            ([300].as_slice(), [300].as_slice()),
            (&[], &[]),
            (&[300; 14], &[13 * 300, 300]),
            (&[2048, 2048, 1], &[4096, 1]),
            (&[4095, 2, 2], &[4095, 4]),
            (&[10, 5000, 10, 10], &[10, 5000, 20]),
            (&[5000, 5000], &[5000, 5000]),
        ] {
            let mut batch = Batch::new(Writes::default());
            for length in lines {
                let mut line = vec![b'x'; *length];
                line[length - 1] = b'\n';
                batch.add(&line);
            }
            batch.write_out();
            let written = batch.to.0;
            assert!(written.iter().all(|bytes| bytes.last() == Some(&b'\n')), "{lines:?}");
            assert_eq!(written.iter().map(Vec::len).collect::<Vec<_>>(), writes, "{lines:?}");
        }
    }

    #[test]
    fn whoever_waits_for_the_last_lines_tries_again_while_the_queue_is_full() {
        let (queue, messages) = sync_channel(1);
        let line = || Message::Line(b"a line\n".to_vec());
        queue.send(line()).unwrap();
        // The writer takes it after the first try.
        let asked = ask(&queue, || matches!(messages.try_recv(), Ok(Message::Line(_))));
        let Ok(Message::Flush(answer)) = messages.try_recv() else { panic!("nobody asked") };
        answer.send(()).unwrap();
        asked.unwrap().recv().unwrap();

        queue.send(line()).unwrap();
        let mut tries = 0;
        let asked = ask(&queue, || {
            tries += 1;
            tries < 3
        });
        assert!(asked.is_none() && tries == 3, "it ends where nobody reads");
    }
}
