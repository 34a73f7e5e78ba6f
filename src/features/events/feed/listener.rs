//! One stream: what comes next on it.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    sync::broadcast::{self, error::RecvError},
    time::{Instant, Interval, MissedTickBehavior, interval_at},
};

use super::{EVERY, Feed, Frame, Place, Quiet};

/// How often a listener's right is looked at.
const CHECK: Duration = Duration::from_secs(1);

/// One stream.
#[derive(Debug)]
pub struct Listener {
    feed: Feed,
    room: String,
    /// What alone it wants to hear of.
    subject: Option<String>,
    /// Whose it is, of a person's.
    person: Option<String>,
    live: broadcast::Receiver<Arc<Frame>>,
    /// The last event that was sent.
    seq: i64,
    /// There are events in the store that were not sent.
    read: bool,
    /// Events behind the number that it named are kept no more, or it was never given.
    missed: bool,
    check: Interval,
    _place: Place,
}

/// Why a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bye {
    /// The process stops: come again at once.
    Stopping,
    /// Its right is over.
    Unauthorized,
}

impl Bye {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stopping => "stopping",
            Self::Unauthorized => "unauthorized",
        }
    }
}

/// What to send next.
#[derive(Debug)]
pub enum Next {
    Frames(Vec<Arc<Frame>>),
    /// Nothing happened for a while.
    Heartbeat,
    End(Bye),
}

impl Listener {
    pub(super) fn new(
        feed: Feed,
        room: &str,
        live: broadcast::Receiver<Arc<Frame>>,
        seq: i64,
        missed: bool,
        place: Place,
    ) -> Self {
        // Of the whole stream, since it may never rest.
        let mut check = interval_at(Instant::now() + CHECK, CHECK);
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // It reads in any case: an event may have come before it began to listen.
        let (room, read) = (room.to_owned(), true);
        Self { feed, room, subject: None, person: None, live, seq, read, missed, check, _place: place }
    }

    /// Only what is about this.
    #[must_use]
    pub fn about(self, subject: &str) -> Self {
        Self { subject: Some(subject.to_owned()), ..self }
    }

    /// It is this person's, who is told what is for nobody else.
    #[must_use]
    pub fn of(self, person: Option<&str>) -> Self {
        Self { person: person.map(str::to_owned), ..self }
    }

    /// Whether events behind the number that it named are kept no more, or it was never given.
    #[must_use]
    pub fn has_missed(&self) -> bool {
        self.missed
    }

    /// How long the line may be quiet.
    #[must_use]
    pub fn quiet(&self) -> Quiet {
        self.feed.0.source.quiet
    }

    /// The texts of the stream as server-sent events, until the process stops or `counts` says no.
    pub fn stream<F, C>(self, counts: C) -> impl futures_util::Stream<Item = Result<Bytes, std::io::Error>>
    where
        C: Fn() -> F + Send,
        F: Future<Output = bool> + Send,
    {
        let missed = if self.missed {
            // With the place from which it goes on: whoever comes again names that.
            format!("id: {}\nevent: reset\ndata: {{}}\n\n", (self.feed.0.source.id)(self.seq))
        } else {
            String::new()
        };
        // Also says at once that the line is open.
        let hello = Bytes::from(format!("retry: 2000\n\n{missed}"));
        futures_util::stream::unfold(
            (self, counts, Some(hello), false),
            async |(mut listener, counts, hello, ended)| {
                if ended {
                    return None;
                }
                if let Some(hello) = hello {
                    return Some((Ok(hello), (listener, counts, None, false)));
                }
                let (text, ended) = match listener.next(&counts).await {
                    Next::Frames(frames) => (joined(&frames), false),
                    Next::Heartbeat => (Bytes::from_static(b": still here\n\n"), false),
                    Next::End(bye) => {
                        let text = format!("event: bye\ndata: {{\"reason\":\"{}\"}}\n\n", bye.as_str());
                        (Bytes::from(text), true)
                    }
                };
                Some((Ok(text), (listener, counts, None, ended)))
            },
        )
    }

    /// What to send next. May be dropped, and asked again.
    pub async fn next<F, C>(&mut self, counts: &C) -> Next
    where
        C: Fn() -> F,
        F: Future<Output = bool>,
    {
        let (draining, beat) = (self.feed.0.draining.clone(), Instant::now() + self.quiet().beat);
        loop {
            let checks = {
                let (check, more) = (
                    &mut self.check,
                    Self::more(
                        &self.feed,
                        (&self.room, self.subject.as_deref(), self.person.as_deref()),
                        &mut self.live,
                        (&mut self.seq, &mut self.read),
                    ),
                );
                tokio::select! {
                    biased;
                    () = draining.cancelled() => return Next::End(Bye::Stopping),
                    _ = check.tick() => true,
                    frames = more => match frames {
                        Some(frames) => return Next::Frames(frames),
                        None => false,
                    },
                    () = tokio::time::sleep_until(beat) => return Next::Heartbeat,
                }
            };
            if checks && !counts().await {
                return Next::End(Bye::Unauthorized);
            }
        }
    }

    /// The next events, from the store as long as this stream is behind; nothing when it should be asked
    /// again.
    async fn more(
        feed: &Feed,
        (room, subject, person): (&str, Option<&str>, Option<&str>),
        live: &mut broadcast::Receiver<Arc<Frame>>,
        (at, read): (&mut i64, &mut bool),
    ) -> Option<Vec<Arc<Frame>>> {
        let wanted = |frame: &Frame| {
            let may = frame.person.is_none() || frame.person.as_deref() == person;
            may && subject.is_none_or(|subject| frame.subject == subject)
        };
        if *read {
            return match feed.behind(room, *at).await {
                Ok((frames, last, more)) => {
                    (*at, *read) = (last, more);
                    let frames: Vec<_> = frames.into_iter().filter(wanted).map(Arc::new).collect();
                    (!frames.is_empty()).then_some(frames)
                }
                Err(error) => {
                    tracing::warn!(%error, "the events could not be read");
                    tokio::time::sleep(EVERY).await;
                    None
                }
            };
        }
        let (mut frames, mut next) = (Vec::new(), live.recv().await);
        loop {
            match next {
                Ok(frame) => {
                    let known = frame.seq.is_some_and(|seq| seq <= *at);
                    *at = frame.seq.unwrap_or(*at).max(*at);
                    if !known && wanted(&frame) {
                        frames.push(frame);
                    }
                }
                Err(RecvError::Lagged(_)) => {
                    *read = true;
                    break;
                }
                Err(RecvError::Closed) => return std::future::pending().await,
            }
            // What has come meanwhile goes with it.
            match live.try_recv() {
                Ok(frame) => next = Ok(frame),
                Err(_) => break,
            }
        }
        (!frames.is_empty()).then_some(frames)
    }
}

fn joined(frames: &[Arc<Frame>]) -> Bytes {
    match frames {
        [one] => one.text.clone(),
        all => {
            let mut text = Vec::with_capacity(all.iter().map(|frame| frame.text.len()).sum());
            all.iter().for_each(|frame| text.extend_from_slice(&frame.text));
            text.into()
        }
    }
}
