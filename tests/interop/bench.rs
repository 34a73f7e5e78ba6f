//! What `scripts/bench queue` measures of ours: a worker with jobs that do nothing, and producers. Works the
//! queue `bench`.
//!
//! `work SLOTS` works until it is ended; `add JOBS CALLERS` adds and tells how long that took; `latency JOBS`
//! adds one job at a time to its own idle worker and tells how long each took to start; `fill JOBS` adds in
//! bulk; `look JOBS TIMES` asks what became of that many of them, as the sweeper does. In microseconds.

use std::{
    io::Write,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use waybill::{
    base::clock::Clock,
    platform::queue::{
        ActiveJob, Keep, NewJob, Presence, Queue,
        job::{DeathCause, Job, JobError, Outcome, Payload},
        registry::Registry,
        retry::Policy,
        runner::{QueueSettings, Runner},
    },
};

const QUEUE: &str = "bench";
const WITHIN: Duration = Duration::from_secs(5);

/// Does nothing, and says so.
#[derive(Serialize, Deserialize)]
struct NoOp {
    pad: String,
}

impl Payload for NoOp {
    const NAME: &'static str = "no-op";
    const QUEUE: &'static str = QUEUE;

    fn share(&self) -> Option<&str> {
        None
    }
}

/// Where each start is told.
struct Starts(mpsc::UnboundedSender<Instant>);

impl Job for NoOp {
    type Context = Starts;

    async fn run(&self, starts: &Starts, _: &ActiveJob) -> Result<Outcome, JobError> {
        // Nobody listens while jobs are only drained.
        starts.0.send(Instant::now()).ok();
        Ok(Outcome::Completed(serde_json::Value::Null))
    }

    async fn on_dead(&self, _: &Starts, _: &ActiveJob, _: &DeathCause) -> Result<(), JobError> {
        Ok(())
    }
}

fn job(n: usize) -> Result<NewJob> {
    sized(n, 1000)
}

fn sized(n: usize, pad: usize) -> Result<NewJob> {
    let policy = Policy { attempts: 3, backoff: Duration::from_secs(5) };
    Ok(NewJob::of(format!("ours-{n}"), &NoOp { pad: "x".repeat(pad) }, &policy)?)
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let mut arg = |what: &'static str| args.next().context(what);
    let url = arg("the queue's URL is missing")?;
    let queue = Queue::open(&url, Clock::system(), Keep::default()).await?;
    match arg("work, add, latency, fill or look?")?.as_str() {
        "work" => worker(queue, arg("slots")?.parse()?).0.await?,
        "add" => add(queue, arg("jobs")?.parse()?, arg("callers")?.parse()?).await?,
        "latency" => latency(queue, arg("jobs")?.parse()?).await?,
        "fill" => fill(queue, arg("jobs")?.parse()?).await?,
        "look" => look(queue, arg("jobs")?.parse()?, arg("times")?.parse()?).await?,
        other => bail!("not known: {other}"),
    }
    Ok(())
}

fn worker(queue: Queue, slots: usize) -> (tokio::task::JoinHandle<()>, mpsc::UnboundedReceiver<Instant>) {
    let (tell, told) = mpsc::unbounded_channel();
    let settings = QueueSettings {
        name: QUEUE.to_owned(),
        concurrency: slots,
        lease: Duration::from_secs(30),
        max_stalled: 3,
        policy: Policy { attempts: 3, backoff: Duration::from_secs(5) },
    };
    let runner = Runner::new(queue, Registry::default().with::<NoOp>(), Starts(tell), vec![settings]);
    (tokio::spawn(async move { runner.run(&CancellationToken::new()).await }), told)
}

async fn add(queue: Queue, jobs: usize, callers: usize) -> Result<()> {
    let next = Arc::new(Mutex::new(0..jobs));
    let begun = Instant::now();
    let callers = (0..callers).map(|_| {
        let (queue, next) = (queue.clone(), Arc::clone(&next));
        tokio::spawn(async move {
            loop {
                let n = next.lock().ok().and_then(|mut next| next.next());
                let Some(n) = n else { return Ok(()) };
                queue.broker.add(&[job(n)?], WITHIN).await?;
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        let told: Result<()> = caller.await?;
        told?;
    }
    writeln!(std::io::stdout(), "{}", begun.elapsed().as_micros())?;
    Ok(())
}

async fn latency(queue: Queue, jobs: usize) -> Result<()> {
    let (work, mut starts) = worker(queue.clone(), 1);
    for n in 0..jobs {
        // The worker sleeps by then.
        tokio::time::sleep(Duration::from_millis(5)).await;
        let begun = Instant::now();
        queue.broker.add(&[job(n)?], WITHIN).await?;
        let start = starts.recv().await.context("the worker has ended")?;
        writeln!(std::io::stdout(), "{}", start.duration_since(begun).as_micros())?;
    }
    work.abort();
    Ok(())
}

async fn fill(queue: Queue, jobs: usize) -> Result<()> {
    let begun = Instant::now();
    for from in (0..jobs).step_by(500) {
        let some = (from..jobs.min(from + 500)).map(|n| sized(n, 50)).collect::<Result<Vec<_>>>()?;
        queue.broker.add(&some, WITHIN).await?;
    }
    writeln!(std::io::stdout(), "{}", begun.elapsed().as_micros())?;
    Ok(())
}

async fn look(queue: Queue, jobs: usize, times: usize) -> Result<()> {
    for time in 0..times {
        let ids: Vec<_> = (time * jobs..(time + 1) * jobs).map(|n| format!("ours-{n}")).collect();
        let begun = Instant::now();
        let told = queue.inspect.presence(QUEUE, &ids).await?;
        writeln!(std::io::stdout(), "{}", begun.elapsed().as_micros())?;
        if let Some(other) = told.iter().find(|one| **one != Presence::Open) {
            bail!("a job that waits is told to be {other:?}");
        }
    }
    Ok(())
}
