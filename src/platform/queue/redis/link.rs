//! A connection to Redis: the only place that knows the client library.
//!
//! Guards against a command that is sent again after a broken connection, although Redis had done it: each is
//! sent once, and an answer that did not come is [`QueueError::Unavailable`]. Guards against calls that wait
//! for a server that is away: they fail at once while nothing is connected, and have a time limit of the
//! library's own, which takes back what was not sent. (A dropped call would still be sent later.) Guards
//! against the library's connecting task, which may end for good: it is watched and started again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use fred::{
    clients::Client,
    error::{Error, ErrorKind},
    interfaces::ClientLike,
    types::{
        ClusterHash, CustomCommand, Value,
        config::{
            ConnectionConfig, Options, PerformanceConfig, ReconnectPolicy, TcpConfig, UnresponsiveConfig,
        },
    },
    util::redis_keyslot,
};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{reply::Reply, scripts::Script, url::Place};
use crate::platform::queue::QueueError;

/// How long to connect.
const CONNECT: Duration = Duration::from_secs(2);
/// A connection whose server has not answered for this long is made anew.
const SILENT: Duration = Duration::from_secs(4);
/// Between two tries to connect: at first, and at most.
const RETRY: (u32, u32) = (50, 1000);
/// Calls that may wait to be sent.
const MOST_CALLS: usize = 10_000;
/// What a server says that takes nothing from us until somebody changes the settings, here or there.
const REFUSES_US: [&str; 3] = ["NOAUTH", "WRONGPASS", "NOPERM"];
/// What a server says that cannot do now what it may do later.
const PASSING: [&str; 11] = [
    "READONLY",
    "LOADING",
    "OOM",
    "MISCONF",
    "BUSY",
    "CLUSTERDOWN",
    "MASTERDOWN",
    "NOREPLICAS",
    "TRYAGAIN",
    "MOVED",
    "ASK",
];

/// Why a call failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: QueueError,
    /// Waiting for the server would not help.
    pub(super) lasting: bool,
}

impl From<Failure> for QueueError {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

/// The word that an answer of the server begins with; nothing for what the library says itself.
fn code(error: &Error) -> Option<&str> {
    let word = error.details().split_whitespace().next()?;
    (word.len() > 2 && word.bytes().all(|b| b.is_ascii_uppercase())).then_some(word)
}

/// One connection, kept up for as long as this lives.
pub(super) struct Link {
    client: Client,
    /// The connecting task runs.
    alive: Arc<AtomicBool>,
    /// Where it is, and the slot of a cluster in which all keys are.
    shown: Arc<str>,
    slot: u16,
    _end: DropGuard,
}

impl Link {
    /// Begins to connect. The answer of the first try, if there is one within the time to connect.
    pub(super) async fn open(place: &Place) -> (Self, Result<(), Failure>) {
        let Place { config, shown, prefix } = place;
        let mut config = config.clone();
        config.fail_fast = true;
        let connection = ConnectionConfig {
            connection_timeout: CONNECT,
            internal_command_timeout: CONNECT,
            // The cluster's redirections count as attempts; each call says for itself that it is sent once.
            max_command_attempts: 6,
            max_command_buffer_len: MOST_CALLS,
            unresponsive: UnresponsiveConfig {
                max_timeout: Some(SILENT),
                interval: Duration::from_millis(500),
            },
            reconnect_on_auth_error: true,
            tcp: TcpConfig { nodelay: Some(true), ..TcpConfig::default() },
            ..ConnectionConfig::default()
        };
        let policy = ReconnectPolicy::new_exponential(0, RETRY.0, RETRY.1, 2);
        let client = Client::new(config, Some(PerformanceConfig::default()), Some(connection), Some(policy));
        let (alive, end) = (Arc::new(AtomicBool::new(false)), CancellationToken::new());
        let (tell, told) = tokio::sync::oneshot::channel();
        tokio::spawn(keep_up(client.clone(), Arc::clone(&alive), end.clone(), tell));
        let slot = redis_keyslot(format!("{prefix}:").as_bytes());
        let link = Self { client, alive, shown: Arc::clone(shown), slot, _end: end.drop_guard() };
        let first = match tokio::time::timeout(CONNECT, told).await {
            Ok(Ok(Err(error))) => Err(link.failure(&error)),
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Err(_)) | Err(_) => {
                Err(Failure { error: link.unavailable("no connection in time"), lasting: false })
            }
        };
        (link, first)
    }

    /// Whether a call has a chance to be answered.
    pub(super) fn is_up(&self) -> bool {
        self.alive.load(Ordering::Relaxed) && self.client.is_connected()
    }

    /// Runs a script, once; `keys` first.
    pub(super) async fn run(
        &self,
        script: &Script,
        keys: &[&str],
        args: Vec<Bytes>,
        within: Duration,
    ) -> Result<Reply, QueueError> {
        Ok(self.try_run(script, keys, args, within).await?)
    }

    /// [`Link::run`], and whether a failure will last.
    pub(super) async fn try_run(
        &self,
        script: &Script,
        keys: &[&str],
        args: Vec<Bytes>,
        within: Duration,
    ) -> Result<Reply, Failure> {
        let all = |first: Bytes| {
            let mut all = Vec::with_capacity(2 + keys.len() + args.len());
            all.push(first);
            all.push(Bytes::from(keys.len().to_string()));
            all.extend(keys.iter().map(|key| Bytes::copy_from_slice(key.as_bytes())));
            all.extend(args.iter().cloned());
            all
        };
        let hash = || ClusterHash::Custom(self.slot);
        let begun = Instant::now();
        let told = self.send("EVALSHA", hash(), all(script.sha()), within, false).await;
        match told {
            // It says that nothing was run.
            Err(error) if code(&error) == Some("NOSCRIPT") => {
                let left = within.saturating_sub(begun.elapsed()).max(Duration::from_millis(1));
                let told = self.send("EVAL", hash(), all(script.text()), left, false).await;
                told.map_err(|error| self.failure(&error))
            }
            told => told.map_err(|error| self.failure(&error)),
        }
    }

    /// Sends a command: on a cluster to the server that has the queues.
    pub(super) async fn command(
        &self,
        name: &'static str,
        args: Vec<Bytes>,
        within: Duration,
    ) -> Result<Reply, QueueError> {
        self.send(name, ClusterHash::Custom(self.slot), args, within, false)
            .await
            .map_err(|error| self.explain(&error))
    }

    /// Waits for a member of a sorted set and takes it: its score. On a connection that does nothing else.
    pub(super) async fn pop_lowest(&self, key: &str, block: Duration) -> Result<Option<f64>, QueueError> {
        let args = vec![Bytes::copy_from_slice(key.as_bytes()), Bytes::from(block.as_secs_f64().to_string())];
        let begun = Instant::now();
        let limit = block + Duration::from_secs(2);
        match self.send("BZPOPMIN", ClusterHash::Custom(self.slot), args, limit, true).await {
            Ok(reply) => Ok(reply.list().get(2).and_then(|score| score.text()?.parse().ok())),
            // The library says the same when nothing came.
            Err(error) if *error.kind() == ErrorKind::Timeout && begun.elapsed() < limit => Ok(None),
            Err(error) => {
                // Whatever it was, the next command must not wait behind this one.
                drop(self.client.force_reconnection().await);
                Err(self.explain(&error))
            }
        }
    }

    async fn send(
        &self,
        name: &'static str,
        hash: ClusterHash,
        args: Vec<Bytes>,
        within: Duration,
        blocking: bool,
    ) -> Result<Reply, Error> {
        if !self.is_up() {
            return Err(Error::new(ErrorKind::IO, "not connected"));
        }
        let once =
            Options { max_attempts: Some(1), timeout: Some(within), fail_fast: true, ..Options::default() };
        let command = CustomCommand::new_static(name, hash, blocking);
        let args: Vec<Value> = args.into_iter().map(Value::Bytes).collect();
        let value: Value = self.client.with_options(&once).custom(command, args).await?;
        Ok(Reply::from(value))
    }

    pub(super) fn unavailable(&self, why: &str) -> QueueError {
        QueueError::Unavailable(format!("{}: {why}", self.shown))
    }

    fn failure(&self, error: &Error) -> Failure {
        let refused = code(error).is_some_and(|code| REFUSES_US.contains(&code));
        let refused = refused || matches!(error.kind(), ErrorKind::Auth | ErrorKind::Config);
        let error = self.explain(error);
        Failure { lasting: refused || matches!(error, QueueError::Fault(_)), error }
    }

    /// In one line, without what was sent.
    fn explain(&self, error: &Error) -> QueueError {
        let details = error.details();
        if let Some(own) = details.strip_prefix("WAYBILL ") {
            return QueueError::Fault(own.to_owned());
        }
        let code = code(error);
        if code == Some("READONLY") {
            // The server was the main one before: whoever is now may be found by connecting anew.
            let client = self.client.clone();
            tokio::spawn(async move { drop(client.force_reconnection().await) });
        }
        let shown = details.lines().next().unwrap_or_default();
        // Whatever the library says itself is about the way there.
        let passes = code.is_none_or(|code| PASSING.contains(&code) || REFUSES_US.contains(&code));
        match error.kind() {
            _ if !passes => QueueError::Fault(format!("{}: {shown}", self.shown)),
            ErrorKind::Timeout => self.unavailable("no answer in time"),
            _ => self.unavailable(shown),
        }
    }
}

/// Connects until `end`, again and again.
async fn keep_up(
    client: Client,
    alive: Arc<AtomicBool>,
    end: CancellationToken,
    tell: tokio::sync::oneshot::Sender<Result<(), Error>>,
) {
    let mut tell = Some(tell);
    let mut pause = Duration::from_millis(u64::from(RETRY.0));
    loop {
        let Some(begun) = end.run_until_cancelled(client.init()).await else { return };
        let told = begun.as_ref().map(drop).map_err(Clone::clone);
        alive.store(begun.is_ok(), Ordering::Relaxed);
        if let Some(tell) = tell.take() {
            // Whoever opened it may not have waited.
            drop(tell.send(told));
        }
        if let Ok(mut task) = begun {
            pause = Duration::from_millis(u64::from(RETRY.0));
            let ended = end.run_until_cancelled(&mut task).await;
            alive.store(false, Ordering::Relaxed);
            if ended.is_none() {
                task.abort();
                return;
            }
        }
        if end.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
            return;
        }
        pause = (pause * 2).min(Duration::from_millis(u64::from(RETRY.1)));
    }
}
