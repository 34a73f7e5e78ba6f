//! What a connection is doing, as far as its end depends on it: waiting for a request, reading its headers,
//! or answering it.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::{Notify, oneshot},
    time::Instant,
};

/// Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Activity(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// The headers of a request have begun.
    begun: Notify,
    /// Something could not be written.
    stalled: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Bytes have come at all.
    sent: bool,
    /// A request is being answered.
    answering: bool,
    /// Since when headers are being read.
    headers_since: Option<Instant>,
    /// Since when the client takes nothing of what is to be written.
    stalled_since: Option<Instant>,
}

impl Activity {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bytes_came(&self) {
        let mut state = self.state();
        state.sent = true;
        if !state.answering && state.headers_since.is_none() {
            state.headers_since = Some(Instant::now());
            self.0.begun.notify_one();
        }
    }

    /// Whether a write came through.
    fn wrote(&self, through: bool) {
        let mut state = self.state();
        if through {
            state.stalled_since = None;
        } else if state.stalled_since.is_none() {
            state.stalled_since = Some(Instant::now());
            self.0.stalled.notify_one();
        }
    }

    pub(super) fn has_headers(&self) {
        let mut state = self.state();
        (state.headers_since, state.answering) = (None, true);
    }

    pub(super) fn has_answered(&self) {
        self.state().answering = false;
    }

    pub(super) fn has_sent(&self) -> bool {
        self.state().sent
    }

    pub(super) fn is_answering(&self) -> bool {
        self.state().answering
    }

    /// Returns when the headers of the next request have begun, or it is being answered already.
    pub(super) async fn next_bytes(&self) {
        loop {
            {
                let state = self.state();
                if state.answering || state.headers_since.is_some() {
                    return;
                }
            }
            self.0.begun.notified().await;
        }
    }

    /// Returns when the headers of a request take longer than `limit`.
    pub(super) async fn slow_headers(&self, limit: Duration) {
        loop {
            let since = self.state().headers_since;
            let Some(since) = since else {
                self.0.begun.notified().await;
                continue;
            };
            tokio::time::sleep_until(since + limit).await;
            if self.state().headers_since == Some(since) {
                return;
            }
        }
    }
}

impl Activity {
    /// Returns when a client has taken nothing for `limit` although there was something to be written.
    pub(super) async fn stalled(&self, limit: Duration) {
        loop {
            let since = self.state().stalled_since;
            let Some(since) = since else {
                self.0.stalled.notified().await;
                continue;
            };
            tokio::time::sleep_until(since + limit).await;
            if self.state().stalled_since == Some(since) {
                return;
            }
        }
    }
}

/// A stream that tells when bytes come and go.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    activity: Activity,
    /// Dropped with the stream, also by whoever has taken it over for another protocol.
    _alive: oneshot::Sender<()>,
}

impl<S> Watched<S> {
    /// The stream, and what tells when it is closed.
    pub(super) fn new(stream: S, activity: Activity) -> (Self, oneshot::Receiver<()>) {
        let (alive, closed) = oneshot::channel();
        (Self { stream, activity, _alive: alive }, closed)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.activity.bytes_came();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.activity.wrote(polled.is_ready());
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.activity.wrote(polled.is_ready());
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
