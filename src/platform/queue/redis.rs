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

mod advice;
mod by_hand;
mod inspect;
mod jobs;
mod link;
mod reply;
mod scripts;
mod url;
mod wake;
mod workers;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use fred::types::config::Config;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use self::{
    jobs::{millis, text, time},
    link::Link,
    reply::Reply,
    scripts::Script,
    url::Place,
    wake::{LOOK_AGAIN, Listener, Waker},
};
use super::{ActiveJob, Added, Broker, Claim, End, Keep, LeaseState, NewJob, Queue, QueueError};
use crate::{
    base::{clock::Clock, ids, timestamp::Timestamp},
    platform::queue::Inspect,
};

pub(super) use self::url::is_ours;

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
    adds: Link,
    config: Config,
    shown: Arc<str>,
    prefix: String,
    clock: Clock,
    keep: Keep,
    /// What a worker is called that has not said so.
    name: String,
    wakers: Mutex<HashMap<String, Arc<Waker>>>,
    announced: Mutex<BTreeMap<String, BTreeSet<String>>>,
    /// Queues of other programs, and when they were looked for.
    foreign: Mutex<Option<(Instant, Vec<String>)>>,
    /// Queues whose rate limit was warned about.
    limited: Mutex<BTreeSet<String>>,
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
    /// [`QueueError::Fault`] for a URL that can never work; [`QueueError::Unavailable`] for a server that
    /// refuses us. In one line, without the password.
    pub(super) async fn open(url: &str, clock: Clock, keep: Keep) -> Result<Queue, QueueError> {
        let Place { config, prefix, shown } = Place::read(url)?;
        let shown: Arc<str> = shown.into();
        let ((calls, first), (adds, _)) =
            tokio::join!(Link::open(&config, &shown), Link::open(&config, &shown));
        let end = CancellationToken::new();
        let queue = Arc::new(Self {
            calls: Arc::new(calls),
            adds,
            config,
            shown,
            prefix,
            clock,
            keep,
            name: ids::worker(),
            wakers: Mutex::default(),
            announced: Mutex::default(),
            foreign: Mutex::default(),
            limited: Mutex::default(),
            end: end.clone(),
            _end: end.drop_guard(),
        });
        match first.err() {
            Some(error) if refuses_us(&error) => return Err(error),
            Some(error) => tracing::warn!(%error, "the queue is away; jobs wait until it is there"),
            // The epoch begins now, not with the first look at it.
            None => {
                queue.epoch().await?;
                advice::warn(&queue.calls, &queue.shown).await;
            }
        }
        Ok(Queue { broker: queue.clone(), inspect: queue.clone(), manage: queue })
    }

    /// What the keys of a queue begin with.
    fn start(&self, queue: &str) -> String {
        format!("{}:{queue}:", self.prefix)
    }

    /// A key that belongs to no queue.
    fn own_key(&self, name: &str) -> String {
        format!("{}:x:{name}", self.prefix)
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
                config: self.config.clone(),
                shown: Arc::clone(&self.shown),
                prefix: self.prefix.clone(),
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

/// Whether waiting for the server would not help.
fn refuses_us(error: &QueueError) -> bool {
    let told = error.to_string();
    matches!(error, QueueError::Fault(_))
        || ["NOAUTH", "WRONGPASS", "NOPERM"].iter().any(|w| told.contains(w))
}

/// The places of each queue's items, in the order of the queues' first ones.
fn by_queue<T>(items: &[T], queue: impl Fn(&T) -> &str) -> Vec<(&T, Vec<usize>)> {
    let mut groups: Vec<(&T, Vec<usize>)> = Vec::new();
    for (at, item) in items.iter().enumerate() {
        match groups.iter_mut().find(|(first, _)| queue(first) == queue(item)) {
            Some((_, places)) => places.push(at),
            None => groups.push((item, vec![at])),
        }
    }
    groups
}

/// Puts a queue's answers where its items were.
fn scatter<T>(
    all: &mut [T],
    places: &[usize],
    answers: Reply,
    read: impl Fn(bool) -> T,
) -> Result<(), QueueError> {
    let answers = answers.list();
    if answers.len() != places.len() {
        return Err(QueueError::Fault(
            "Redis gave another number of answers than it was asked for".to_owned(),
        ));
    }
    for (place, answer) in places.iter().zip(answers) {
        if let Some(slot) = all.get_mut(*place) {
            *slot = read(answer.yes());
        }
    }
    Ok(())
}

fn held(yes: bool) -> LeaseState {
    if yes { LeaseState::Owned } else { LeaseState::Lost }
}

#[async_trait]
impl Broker for RedisQueue {
    async fn add(&self, jobs: &[NewJob], within: Duration) -> Result<Vec<Added>, QueueError> {
        jobs.iter().try_for_each(NewJob::check)?;
        let deadline = Instant::now() + within.min(LONGEST_WAIT);
        let mut added = vec![Added::Known; jobs.len()];
        for (first, places) in by_queue(jobs, |job| &job.queue) {
            let queue = &*first.queue;
            let mut args = vec![self.now(), text(queue), text(VERSION)];
            args.extend(places.iter().filter_map(|at| jobs.get(*at)).flat_map(jobs::added));
            let keys = [&*self.start(queue), &*self.own_key("queues")];
            let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            let answers = self.adds.run(&scripts::ADD, &keys, args, left).await?;
            scatter(&mut added, &places, answers, |new| if new { Added::New } else { Added::Known })?;
        }
        Ok(added)
    }

    async fn wait(&self, queue: &str, up_to: Duration) -> Result<(), QueueError> {
        let deadline = Instant::now() + up_to.min(LONGEST_WAIT);
        let waker = self.waker(queue);
        // Both before the look, so that a job added after it is heard.
        let mut rings = waker.rings.subscribe();
        let before = *rings.borrow_and_update();
        let _waiting = waker.wait();
        loop {
            let (claimable, due) = self.claimable(queue).await?;
            let left = deadline.saturating_duration_since(Instant::now());
            if claimable || left.is_zero() {
                return Ok(());
            }
            let due = due.map_or(LOOK_AGAIN, |due| due.since(self.clock.now()).min(LOOK_AGAIN));
            tokio::select! {
                rung = rings.changed() => {
                    if rung.is_err() || rings.borrow_and_update().now != before.now {
                        return Ok(());
                    }
                }
                () = tokio::time::sleep(due.min(left)) => {}
            }
        }
    }

    async fn claim(&self, claim: Claim<'_>) -> Result<Vec<ActiveJob>, QueueError> {
        if claim.max == 0 {
            return Ok(Vec::new());
        }
        self.waker(claim.queue).claims();
        let told = self.on(claim.queue, &scripts::CLAIM, self.claim_args(Some(&claim))).await?;
        let [limited, rows] = told.parts()?;
        self.claimed(claim.queue, &limited, rows)
    }

    async fn extend(&self, jobs: &[ActiveJob], lease: Duration) -> Result<Vec<LeaseState>, QueueError> {
        let mut states = vec![LeaseState::Lost; jobs.len()];
        let lease = lease.max(Duration::from_millis(1));
        for (first, places) in by_queue(jobs, |job| &job.queue) {
            let mut args = vec![text(millis(lease).to_string()), time(self.clock.now() + lease)];
            args.extend(named(jobs, &places));
            let answers = self.on(&first.queue, &scripts::EXTEND, args).await?;
            scatter(&mut states, &places, answers, held)?;
        }
        Ok(states)
    }

    async fn end(
        &self,
        ended: &[(ActiveJob, End)],
        next: Option<Claim<'_>>,
    ) -> Result<(Vec<LeaseState>, Vec<ActiveJob>), QueueError> {
        if ended.iter().any(|(_, end)| matches!(end, End::Complete(value) if !is_json(value))) {
            return Err(QueueError::Fault("a return value is no JSON".to_owned()));
        }
        let mut states = vec![LeaseState::Lost; ended.len()];
        let mut next = next.filter(|claim| claim.max > 0);
        let mut claimed = Vec::new();
        for (first, places) in by_queue(ended, |(job, _)| &job.queue) {
            let queue = &*first.0.queue;
            let claim = next.take_if(|claim| claim.queue == queue);
            let mut args = self.claim_args(claim.as_ref());
            if claim.is_some() {
                self.waker(queue).claims();
            }
            args.extend([self.keep.completed, self.keep.failed, METRICS_POINTS].map(|n| text(n.to_string())));
            let ended = places.iter().filter_map(|at| ended.get(*at));
            args.extend(ended.flat_map(|(job, end)| jobs::ended(job, end)));
            let [answers, limited, rows] = self.on(queue, &scripts::END, args).await?.parts()?;
            scatter(&mut states, &places, answers, held)?;
            claimed.extend(self.claimed(queue, &limited, rows)?);
        }
        if let Some(claim) = next {
            claimed.extend(self.claim(claim).await?);
        }
        Ok((states, claimed))
    }

    async fn release(&self, jobs: &[ActiveJob]) -> Result<Vec<LeaseState>, QueueError> {
        let mut states = vec![LeaseState::Lost; jobs.len()];
        for (first, places) in by_queue(jobs, |job| &job.queue) {
            let args = named(jobs, &places).collect();
            let answers = self.on(&first.queue, &scripts::RELEASE, args).await?;
            scatter(&mut states, &places, answers, held)?;
        }
        Ok(states)
    }

    async fn sweep_stalled(
        &self,
        queue: &str,
        max_stalled: u32,
        every: Duration,
    ) -> Result<Vec<String>, QueueError> {
        let numbers = [max_stalled.to_string(), millis(every).to_string()].map(text);
        let args = [self.now()].into_iter().chain(numbers).chain([text(jobs::STALLED)]).collect();
        Ok(self.on(queue, &scripts::SWEEP, args).await?.texts())
    }

    async fn announce(&self, worker: &str, queues: &[String], life: Duration) -> Result<(), QueueError> {
        self.announce_worker(worker, queues, life).await
    }

    async fn withdraw(&self, worker: &str) -> Result<(), QueueError> {
        self.withdraw_worker(worker).await
    }
}

/// Ids and tokens of the jobs at some places.
fn named(jobs: &[ActiveJob], places: &[usize]) -> impl Iterator<Item = Bytes> {
    places.iter().filter_map(|at| jobs.get(*at)).flat_map(|job| [text(&*job.id), text(&*job.token)])
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}
