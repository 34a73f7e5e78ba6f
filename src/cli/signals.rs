//! SIGTERM and Ctrl-C, from the first moment to the last.
//!
//! Guards against a signal that comes while a database is still being opened (as PID 1 a process without a
//! handler does not get it at all), and against a process that does not end because something in it is stuck:
//! the handlers run on a thread of their own, which ends the process when its time is over.

use std::{
    process,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    thread,
    time::Duration,
};

use tokio::{
    runtime::Builder,
    signal::unix::{Signal, SignalKind, signal},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::platform::telemetry;

/// `timeout`, terminals and process managers signal both a process and its group: a second signal within this
/// time belongs to the first one.
const DUPLICATE: Duration = Duration::from_millis(300);

/// How long a stopping process may take, unless it says otherwise.
const TIME_TO_STOP: Duration = Duration::from_secs(60);

static MILLIS_TO_STOP: AtomicU64 = AtomicU64::new(0);
static TERMINATED: AtomicBool = AtomicBool::new(false);

/// From the first signal on the process has this long; then it is ended wherever it stands.
pub(super) fn stop_within(time: Duration) {
    MILLIS_TO_STOP.store(u64::try_from(time.as_millis()).unwrap_or(u64::MAX), Relaxed);
}

/// Whether it was told to stop by whoever manages processes, and not by a person who waits.
pub(super) fn terminated() -> bool {
    TERMINATED.load(Relaxed)
}

/// Cancelled by the first SIGTERM or Ctrl-C; a later one ends the process at once. To be called before
/// anything that may take time.
///
/// # Errors
/// Fails if the signal handlers cannot be installed.
pub(super) fn stop_on_signals() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    let (ready, installed) = std::sync::mpsc::channel();
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime.map_err(|error| ready.send(Err(error))) else { return };
        runtime.block_on(async {
            match Signals::install() {
                Ok(signals) => {
                    drop(ready.send(Ok(())));
                    signals.watch(&stopping).await;
                }
                Err(error) => drop(ready.send(Err(error))),
            }
        });
    })?;
    installed.recv()??;
    Ok(stop)
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// As PID 1 these would do nothing; elsewhere their default ends the process, or `nohup` wants it to
    /// stay.
    hangup: Option<Signal>,
    quit: Option<Signal>,
}

impl Signals {
    fn install() -> std::io::Result<Self> {
        let first = |kind| (process::id() == 1).then(|| signal(kind)).transpose();
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: first(SignalKind::hangup())?,
            quit: first(SignalKind::quit())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => return,
            _ = self.terminate.recv() => {}
            () = maybe(self.hangup.as_mut()) => {}
            () = maybe(self.quit.as_mut()) => {}
        }
        TERMINATED.store(true, Relaxed);
    }

    async fn watch(mut self, stopping: &CancellationToken) {
        self.next().await;
        tracing::info!("stopping: finishing the current work; a second signal ends at once");
        stopping.cancel();
        let first = Instant::now();
        loop {
            let left = match MILLIS_TO_STOP.load(Relaxed) {
                0 => TIME_TO_STOP,
                millis => Duration::from_millis(millis),
            };
            tokio::select! {
                () = self.next() => {
                    if first.elapsed() < DUPLICATE {
                        continue;
                    }
                    tracing::warn!("second signal: ending at once");
                }
                () = tokio::time::sleep_until(first + left) => {
                    tracing::error!("the process did not stop in {} s: ending it", left.as_secs());
                }
            }
            telemetry::flush();
            process::exit(1);
        }
    }
}

async fn maybe(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}
