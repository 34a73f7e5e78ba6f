//! Writes lines to standard error from a thread of its own.
//!
//! Guards against a reader of standard error that stops reading: a pipe that nobody empties, a terminal with
//! Ctrl-S, a log driver on a full disk. A write to it would stop whoever logs, and with it every request. So
//! lines go to a bounded queue; when that is full, they are dropped and counted, never waited for.

use std::{
    io::{self, Write},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
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
/// After each write: what is logged meanwhile is written together, and nobody who logs has to wake the thread.
const BETWEEN: Duration = Duration::from_millis(5);
/// Bytes that are written together.
const TOGETHER: usize = 64 * 1024;
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
        let writer = thread::Builder::new().name("log".to_owned()).spawn(move || write_all(&receive));
        writer.is_ok().then_some(send)
    };
    QUEUE.get_or_init(start).as_ref()
}

fn write_all(messages: &Receiver<Message>) {
    let (mut told, mut lines) = (0, Vec::new());
    while let Ok(first) = messages.recv() {
        let rest = std::iter::from_fn(|| messages.try_recv().ok());
        for message in std::iter::once(first).chain(rest) {
            match message {
                Message::Line(line) => lines.extend_from_slice(&line),
                Message::Flush(answer) => {
                    write_out(&mut lines);
                    let _told_or_gone = answer.try_send(());
                }
            }
            if lines.len() >= TOGETHER {
                write_out(&mut lines);
            }
        }
        write_out(&mut lines);
        let lost = LOST.load(Relaxed);
        if lost > told {
            lines.extend(format!("{} log lines were dropped: nobody had read them\n", lost - told).bytes());
            write_out(&mut lines);
            told = lost;
        }
        thread::sleep(BETWEEN);
    }
}

fn write_out(lines: &mut Vec<u8>) {
    // A failure has no other place to be reported.
    drop(io::stderr().write_all(lines));
    lines.clear();
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
    let (answer, written) = sync_channel(1);
    if queue.try_send(Message::Flush(answer)).is_ok() {
        let _written_or_not = written.recv_timeout(LAST_LINES);
    }
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
