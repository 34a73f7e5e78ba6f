//! The queue on Redis, in BullMQ's layout: its producers, workers, listeners and boards share the queues.
//!
//! The layout is BullMQ's: an id is in exactly one list or sorted set, which is its state; a job is a hash; a
//! lease is a key that expires. Every operation is one Lua script (`lua/`). What is ours alone: hash fields
//! `x_…`, keys `<prefix>:<queue>:x:…` and `<prefix>:x:…`.
//!
//! - Jobs wait in the list while few do; behind that in `prioritized`, where a job's priority is the turn of
//!   its share. BullMQ's priorities end at 2^21 - 1: after that many rounds without a pause jobs come in the
//!   order they were added.
//! - Added jobs of several queues are one step per queue.
//! - A lease that ran out is its holder's until a sweep has found it twice without one.
//! - A job that is part of a flow is failed with the reason, and a queue with schedulers is not worked at
//!   all: both would need steps that only BullMQ makes.

mod adds;
mod advice;
mod broker;
mod by_hand;
mod examine;
mod inspect;
mod jobs;
mod link;
mod marks;
mod owner;
mod reply;
mod scripts;
mod url;
mod wake;
mod workers;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicBool},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use self::{
    adds::Adds,
    jobs::{millis, text, time},
    link::{Failure, Link},
    reply::Reply,
    scripts::Script,
    url::Place,
    wake::{Listener, Waker},
};
use super::{ActiveJob, Claim, Keep, Options, Queue, QueueError};
use crate::base::{clock::Clock, ids, timestamp::Timestamp};

pub(super) use self::url::{check, is_ours, prefix};

/// How long a call may take.
const CALL: Duration = Duration::from_secs(2);
/// How long a look at many jobs may take.
const LOOK: Duration = Duration::from_secs(10);
/// The longest wait, whatever it was told; so that deadlines can be computed.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);
/// The most jobs of one claim: it is one step of the server, and holds all others up.
const MOST_CLAIMED: usize = 10_000;
/// Minutes of which finished jobs are counted: a week.
const METRICS_POINTS: u32 = 10_080;
/// What we call ourselves in `meta`.
const VERSION: &str = concat!("waybill:", env!("CARGO_PKG_VERSION"));

/// A handle on one server: a connection for adds, one for all other calls, and one per queue that is waited
/// for.
pub(super) struct RedisQueue {
    calls: Arc<Link>,
    adds: Arc<Adds>,
    place: Place,
    clock: Clock,
    keep: Keep,
    installation: Option<String>,
    claims_nothing: bool,
    /// The queues are our installation's, by the last look at that.
    owned: AtomicBool,
    /// What a worker is called that has not said so.
    name: String,
    wakers: Mutex<HashMap<String, Arc<Waker>>>,
    announced: Mutex<BTreeMap<String, BTreeSet<String>>>,
    /// Queues of other programs, and when they were looked for.
    foreign: Mutex<Option<(Instant, Vec<String>)>>,
    /// Queues whose rate limit was warned about.
    limited: Mutex<BTreeSet<String>>,
    /// Workers of other programs that were warned about, and when they were looked for, by queue.
    guests: Mutex<HashMap<String, (Instant, BTreeSet<String>)>>,
    end: CancellationToken,
    _end: DropGuard,
}

/// A poisoned lock only says that a thread died while it held it; what is behind these locks stays whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl RedisQueue {
    /// Connects to the server at `url`. One that is away is no error: calls fail until it is there.
    ///
    /// # Errors
    /// [`QueueError::Fault`] for a URL that can never work, or queues of another installation;
    /// [`QueueError::Unavailable`] for a server that refuses us. In one line, without the password.
    pub(super) async fn open(url: &str, clock: Clock, options: Options) -> Result<Queue, QueueError> {
        let place = Place::read(url, &options.prefix)?;
        let ((calls, first), (adds, _)) = tokio::join!(Link::open(&place), Link::open(&place));
        let end = CancellationToken::new();
        let queue = Arc::new(Self {
            calls: Arc::new(calls),
            adds: Adds::new(adds),
            place,
            clock,
            keep: options.keep,
            owned: AtomicBool::new(options.installation.is_none()),
            installation: options.installation,
            claims_nothing: options.claims_nothing,
            name: ids::worker(),
            wakers: Mutex::default(),
            announced: Mutex::default(),
            foreign: Mutex::default(),
            limited: Mutex::default(),
            guests: Mutex::default(),
            end: end.clone(),
            _end: end.drop_guard(),
        });
        // The epoch begins now, not with the first look at it.
        let begun = match first {
            Ok(()) => queue.look_at_owner(CALL).await.map(drop),
            Err(failure) => Err(failure),
        };
        match begun {
            Ok(()) => advice::warn(&queue.calls, &queue.place.shown).await,
            Err(failure) if failure.lasting => return Err(failure.error),
            Err(Failure { error, .. }) => {
                tracing::warn!(%error, "the queue is away; jobs wait until it is there");
            }
        }
        Ok(Queue { broker: queue.clone(), inspect: queue.clone(), manage: queue.clone(), marks: Some(queue) })
    }

    /// What the keys of a queue begin with.
    fn start(&self, queue: &str) -> String {
        format!("{}:{queue}:", self.place.prefix)
    }

    /// A key that belongs to no queue.
    fn own_key(&self, name: &str) -> String {
        format!("{}:x:{name}", self.place.prefix)
    }

    fn now(&self) -> Bytes {
        time(self.clock.now())
    }

    /// Runs a script on the keys of one queue.
    async fn on(&self, queue: &str, script: &Script, args: Vec<Bytes>) -> Result<Reply, QueueError> {
        self.calls.run(script, &[&self.start(queue)], args, CALL).await
    }

    fn waker(&self, queue: &str) -> Arc<Waker> {
        if let Some(waker) = lock(&self.wakers).get(queue) {
            return Arc::clone(waker);
        }
        let mut wakers = lock(&self.wakers);
        Arc::clone(wakers.entry(queue.to_owned()).or_insert_with(|| {
            let waker = Arc::new(Waker::new());
            let listener = Listener {
                place: self.place.clone(),
                queue: queue.to_owned(),
                clock: self.clock.clone(),
                waker: Arc::clone(&waker),
                calls: Arc::clone(&self.calls),
            };
            tokio::spawn(listener.run(self.end.clone()));
            waker
        }))
    }

    /// What the scripts that claim are told: now, max, lease, its end, token, worker.
    fn claim_args(&self, claim: Option<&Claim<'_>>) -> Vec<Bytes> {
        let now = self.clock.now();
        let (max, lease) = claim.map_or((0, Duration::from_secs(1)), |claim| (claim.max, claim.lease));
        let lease = lease.max(Duration::from_millis(1));
        let worker = claim.and_then(|claim| self.waker(claim.queue).worker());
        vec![
            time(now),
            text(max.min(MOST_CLAIMED).to_string()),
            text(millis(lease).to_string()),
            time(now + lease),
            text(ids::lease_token()),
            text(worker.unwrap_or_else(|| self.name.clone())),
        ]
    }

    fn claimed(&self, queue: &str, limited: &Reply, rows: Reply) -> Result<Vec<ActiveJob>, QueueError> {
        if limited.yes() && lock(&self.limited).insert(queue.to_owned()) {
            tracing::warn!(queue, "{queue} has a rate limit, which this worker does not keep");
        }
        rows.list().into_iter().map(|row| jobs::claimed(queue, row)).collect()
    }

    /// Whether `queue` has a job to claim, and when its next delayed one is due.
    async fn claimable(&self, queue: &str) -> Result<(bool, Option<Timestamp>), QueueError> {
        let [ready, due] = self.on(queue, &scripts::READY, vec![self.now()]).await?.parts()?;
        Ok((ready.yes(), due.number().map(Timestamp::from_millis)))
    }
}
