//! A queue in a folder of its own, one scripted job, and a diary of what was done with it.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::json;
use tempfile::TempDir;
use tokio::{
    sync::{Semaphore, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use waybill::{
    base::{clock::Clock, timestamp::Timestamp},
    platform::queue::{
        ActiveJob, Counts, JobView, Keep, NewJob, Queue,
        job::{DeathCause, Job, JobError, Outcome, Payload},
        registry::Registry,
        retry::Policy,
        runner::{QueueSettings, Runner, gate::Gate},
    },
};

use crate::support::{ADD, Ending};

pub(super) const QUEUE: &str = "runner-test";
pub(super) const START: i64 = 1_769_851_800_000;
/// Long enough that no machine is so slow that a job loses its lease, where the queue's clock is the
/// system's.
pub(super) const LONG: Duration = Duration::from_secs(600);
/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// What one run does. The last step of a plan is repeated.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Act {
    Done,
    /// Waits until the test lets it go ([`Bench::let_go`]), then does the other thing.
    Held(Box<Act>),
    Retry(String),
    Abort(String),
    Refused(String),
    Later(u64),
    /// With a text, or a value that is none.
    Panic(Option<String>),
}

/// What one call of `on_dead` does. After the last one they are well.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) enum Burial {
    Error,
    Panic,
}

impl Act {
    pub(super) fn held() -> Self {
        Self::Held(Box::new(Self::Done))
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Scripted {
    plan: Vec<Act>,
    #[serde(default)]
    burials: Vec<Burial>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    Began(String),
    /// A held run was let go and reached its end.
    Ended(String),
    /// A held run was dropped before that.
    Dropped(String),
    Dead(String, DeathCause),
}

/// What handlers work with: the diary, and the gate that held runs wait at.
#[derive(Debug)]
pub(super) struct Bench {
    diary: watch::Sender<Vec<Event>>,
    gate: Semaphore,
}

impl Payload for Scripted {
    const NAME: &'static str = "scripted";
    const QUEUE: &'static str = QUEUE;

    fn share(&self) -> Option<&str> {
        None
    }
}

impl Job for Scripted {
    type Context = Arc<Bench>;

    async fn run(&self, bench: &Arc<Bench>, job: &ActiveJob) -> Result<Outcome, JobError> {
        let before = bench.count(&Event::Began(job.id.clone()));
        bench.note(Event::Began(job.id.clone()));
        let mut act = self.plan.get(before).or(self.plan.last()).cloned().unwrap();
        if let Act::Held(then) = act {
            let mut end = HeldRun { bench, id: job.id.clone(), ended: false };
            bench.gate.acquire().await.unwrap().forget();
            end.ended = true;
            act = *then;
        }
        match act {
            Act::Done | Act::Held(_) => Ok(Outcome::Completed(json!({ "job": job.id }))),
            Act::Retry(why) => Err(JobError::Retry(why)),
            Act::Abort(why) => Err(JobError::Abort(why)),
            Act::Refused(reason) => Ok(Outcome::Failed { reason }),
            Act::Later(ms) => {
                Ok(Outcome::Delay { after: Duration::from_millis(ms), reason: "not yet".to_owned() })
            }
            Act::Panic(Some(text)) => std::panic::panic_any(text),
            Act::Panic(None) => std::panic::panic_any(7_u8),
        }
    }

    async fn on_dead(&self, bench: &Arc<Bench>, job: &ActiveJob, why: &DeathCause) -> Result<(), JobError> {
        let before = bench.deaths(&job.id).len();
        bench.note(Event::Dead(job.id.clone(), why.clone()));
        match self.burials.get(before) {
            None => Ok(()),
            Some(Burial::Error) => Err(JobError::Retry("the store is away".to_owned())),
            Some(Burial::Panic) => std::panic::panic_any("the burial fell over"),
        }
    }
}

struct HeldRun<'a> {
    bench: &'a Bench,
    id: String,
    ended: bool,
}

impl Drop for HeldRun<'_> {
    fn drop(&mut self) {
        let id = self.id.clone();
        self.bench.note(if self.ended { Event::Ended(id) } else { Event::Dropped(id) });
    }
}

impl Bench {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { diary: watch::Sender::new(Vec::new()), gate: Semaphore::new(0) })
    }

    fn note(&self, event: Event) {
        self.diary.send_modify(|diary| diary.push(event));
    }

    pub(super) fn count(&self, event: &Event) -> usize {
        self.diary.borrow().iter().filter(|e| *e == event).count()
    }

    /// Held runs that are under way.
    pub(super) fn running(&self) -> usize {
        let diary = self.diary.borrow();
        let count = |of: fn(&&Event) -> bool| diary.iter().filter(of).count();
        count(|e| matches!(e, Event::Began(_))) - count(|e| matches!(e, Event::Ended(_) | Event::Dropped(_)))
    }

    pub(super) fn began(&self, id: &str) -> usize {
        self.count(&Event::Began(id.to_owned()))
    }

    pub(super) fn ended(&self, id: &str) -> usize {
        self.count(&Event::Ended(id.to_owned()))
    }

    pub(super) fn deaths(&self, id: &str) -> Vec<DeathCause> {
        let of = |event: &Event| match event {
            Event::Dead(dead, why) if dead == id => Some(why.clone()),
            _ => None,
        };
        self.diary.borrow().iter().filter_map(of).collect()
    }

    /// Lets `runs` held runs go.
    pub(super) fn let_go(&self, runs: usize) {
        self.gate.add_permits(runs);
    }

    /// Waits until the diary says so.
    pub(super) async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let mut diary = self.diary.subscribe();
        let wait = async {
            while !is_so(self) {
                diary.changed().await.unwrap();
            }
        };
        if tokio::time::timeout(PATIENCE, wait).await.is_err() {
            panic!("never so: {what}\n{:#?}", self.diary.borrow());
        }
    }
}

/// Waits until a look from outside (at the queue, at what was counted) says so.
pub(super) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    if tokio::time::timeout(PATIENCE, wait).await.is_err() {
        panic!("never so: {what}");
    }
}

pub(super) struct Rig {
    pub(super) queue: Queue,
    pub(super) clock: Clock,
    pub(super) bench: Arc<Bench>,
    _folder: TempDir,
}

impl Rig {
    /// Over a clock that the test moves.
    pub(super) async fn new() -> Self {
        Self::with(Clock::manual(Timestamp::from_millis(START))).await
    }

    pub(super) async fn with(clock: Clock) -> Self {
        let folder = TempDir::new().unwrap();
        let url = format!("sqlite:{}", folder.path().join("queue.db").display());
        let queue = Queue::open(&url, clock.clone(), Keep::default()).await.unwrap();
        Self { queue, clock, bench: Bench::new(), _folder: folder }
    }

    pub(super) async fn add(&self, id: &str, plan: &[Act]) {
        self.add_with(id, plan, &[], Policy { attempts: 3, backoff: Duration::from_secs(10) }).await;
    }

    pub(super) async fn add_with(&self, id: &str, plan: &[Act], burials: &[Burial], policy: Policy) {
        let payload = Scripted { plan: plan.to_vec(), burials: burials.to_vec() };
        self.queue.broker.add(&[NewJob::of(id.to_owned(), &payload, &policy).unwrap()], ADD).await.unwrap();
    }

    /// A job as another producer might make it.
    pub(super) async fn add_raw(&self, id: &str, name: &'static str, data: &str) {
        let policy = (3, Duration::from_secs(10));
        let (data, delay) = (data.to_owned(), Duration::ZERO);
        let job = NewJob {
            queue: QUEUE.into(),
            id: id.to_owned(),
            name: name.into(),
            data,
            share: None,
            attempts: policy.0,
            backoff: policy.1.into(),
            delay,
        };
        self.queue.broker.add(&[job], ADD).await.unwrap();
    }

    pub(super) async fn counts(&self) -> Counts {
        self.queue.inspect.counts(QUEUE).await.unwrap()
    }

    pub(super) async fn job(&self, id: &str) -> JobView {
        self.queue.inspect.get(QUEUE, id).await.unwrap().unwrap()
    }

    /// Claims as a worker that runs nothing.
    pub(super) async fn claim(&self, max: usize, lease: Duration) -> Vec<ActiveJob> {
        self.queue.broker.claim_from(QUEUE, max, lease).await.unwrap()
    }

    pub(super) fn runner(&self, concurrency: usize, lease: Duration) -> Runner<Arc<Bench>> {
        self.runner_over(self.queue.clone(), concurrency, lease)
    }

    /// A runner that reaches the queue through another broker.
    pub(super) fn runner_over(
        &self,
        queue: Queue,
        concurrency: usize,
        lease: Duration,
    ) -> Runner<Arc<Bench>> {
        runner(queue, &self.bench, vec![settings(concurrency, lease)])
    }

    /// A runner behind `gate`.
    pub(super) fn gated(&self, queue: Queue, concurrency: usize, gate: Arc<dyn Gate>) -> Runner<Arc<Bench>> {
        let settings = settings(concurrency, LONG);
        Runner::gated(
            queue,
            Registry::default().with::<Scripted>(),
            Arc::clone(&self.bench),
            vec![settings],
            gate,
        )
    }

    /// Runs what waits, as [`Runner::run_pending`] does.
    pub(super) async fn run_pending(&self) -> usize {
        self.runner(1, LONG).run_pending().await.unwrap()
    }
}

/// Of a queue whose own policy adds nothing to what a job brings.
pub(super) fn settings(concurrency: usize, lease: Duration) -> QueueSettings {
    let policy = Policy { attempts: 1, backoff: Duration::ZERO };
    QueueSettings { name: QUEUE.to_owned(), concurrency, lease, max_stalled: 3, policy }
}

pub(super) fn runner(queue: Queue, bench: &Arc<Bench>, queues: Vec<QueueSettings>) -> Runner<Arc<Bench>> {
    Runner::new(queue, Registry::default().with::<Scripted>(), Arc::clone(bench), queues)
}

/// A runner at work.
pub(super) struct AtWork {
    pub(super) stop: CancellationToken,
    pub(super) handle: JoinHandle<()>,
}

pub(super) fn start(runner: &Runner<Arc<Bench>>) -> AtWork {
    let stop = CancellationToken::new();
    let (runner, told) = (runner.clone(), stop.clone());
    AtWork { stop, handle: tokio::spawn(async move { runner.run(&told).await }) }
}

impl AtWork {
    /// Stops it and waits for the jobs it has in hand.
    pub(super) async fn end(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.handle).await.expect("run() did not return").unwrap();
    }
}
