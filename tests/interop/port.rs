//! The queue port as a program: orders come in as lines of JSON, an answer goes out for each. So that tests
//! in other languages can do to a queue what our own processes do.
//!
//! `{"do":"add","jobs":[…]}` answers `{"ok":…}` or `{"error":"…"}`.

use std::{
    collections::HashMap,
    io::{BufRead, Write},
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use waybill::{
    base::clock::Clock,
    platform::queue::{
        ActiveJob, Claim, End, JobState, JobView, Keep, LeaseState, Managed, NewJob, Queue, retry::Backoff,
    },
};

/// How long a job is held unless an order says otherwise.
const LEASE: u64 = 30_000;

#[tokio::main]
async fn main() -> Result<()> {
    let url = std::env::args().nth(1).context("the queue's URL is missing")?;
    let queue = Queue::open(&url, Clock::system(), Keep::default()).await?;
    let mut port = Port { queue, held: HashMap::new(), work: None };
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    // Reading blocks: not on the runtime's own threads.
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if tell.send(line).is_err() {
                return;
            }
        }
    });
    while let Some(line) = told.recv().await {
        let answer = match port.obey(&line).await {
            Ok(ok) => json!({ "ok": ok }),
            Err(error) => json!({ "error": error.to_string() }),
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

struct Port {
    queue: Queue,
    /// What was claimed, by id.
    held: HashMap<String, ActiveJob>,
    work: Option<JoinHandle<()>>,
}

fn text<'a>(order: &'a Value, field: &str) -> &'a str {
    order.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn number(order: &Value, field: &str, usual: u64) -> u64 {
    order.get(field).and_then(Value::as_u64).unwrap_or(usual)
}

fn owned(states: &[LeaseState]) -> Value {
    states.iter().map(|state| Value::from(*state == LeaseState::Owned)).collect()
}

fn managed(what: Managed) -> Value {
    match what {
        Managed::Done => json!("done"),
        Managed::Missing => json!("missing"),
        Managed::NotIn(state) => json!(state.as_str()),
        Managed::Needed(why) => json!(why),
        Managed::Changed => json!("changed"),
    }
}

fn seen(job: &JobView) -> Value {
    json!({ "id": job.id, "name": job.name, "state": job.state.as_str(), "data": job.data,
        "attemptsMade": job.attempts_made, "stalled": job.stalled, "reason": job.reason,
        "returnValue": job.return_value })
}

impl Port {
    async fn obey(&mut self, line: &str) -> Result<Value> {
        let order: Value = serde_json::from_str(line)?;
        let (queue, id) = (text(&order, "queue"), text(&order, "id"));
        let (broker, inspect, manage) = (&self.queue.broker, &self.queue.inspect, &self.queue.manage);
        Ok(match text(&order, "do") {
            "add" => self.add(queue, &order).await?,
            "claim" => self.claim(queue, &order).await?,
            "end" => self.end(id, &order).await?,
            "release" => owned(&broker.release(&[self.held(id)?]).await?),
            "extend" => owned(&broker.extend(&[self.held(id)?], Duration::from_millis(LEASE)).await?),
            "sweep" => {
                let (most, every) =
                    (number(&order, "most", 3), Duration::from_millis(number(&order, "every", 0)));
                json!(broker.sweep_stalled(queue, u32::try_from(most)?, every).await?)
            }
            "work" => self.work(queue, &order).await?,
            "rest" => {
                if let Some(work) = self.work.take() {
                    work.abort();
                }
                broker.withdraw("waybill-1").await?;
                Value::Null
            }
            "pause" => json!(manage.pause(queue).await?),
            "resume" => json!(manage.resume(queue).await?),
            "retry" => managed(manage.retry(queue, id).await?),
            "promote" => managed(manage.promote(queue, id).await?),
            "remove" => managed(manage.remove(queue, id).await?),
            "setData" => managed(manage.set_data(queue, id, text(&order, "text"), None).await?),
            "log" => managed(manage.log(queue, id, text(&order, "line")).await?),
            "get" => inspect.get(queue, id).await?.as_ref().map(seen).unwrap_or_default(),
            "counts" => {
                let n = inspect.counts(queue).await?;
                json!({ "waiting": n.waiting, "active": n.active, "delayed": n.delayed,
                    "completed": n.completed, "failed": n.failed, "paused": n.paused })
            }
            "list" => {
                let state = JobState::ALL.into_iter().find(|state| state.as_str() == text(&order, "state"));
                let page = inspect.list(queue, state.context("no such state")?, None, 1000).await?;
                page.jobs.iter().map(seen).collect()
            }
            "presence" => json!(format!("{:?}", inspect.presence(queue, &[id.to_owned()]).await?)),
            "workers" => inspect.workers(queue).await?.into_iter().map(|w| Value::from(w.name)).collect(),
            "queues" => json!(inspect.queues().await?),
            other => return Err(anyhow!("no such order: {other}")),
        })
    }

    fn held(&self, id: &str) -> Result<ActiveJob> {
        self.held.get(id).cloned().with_context(|| format!("{id} was not claimed"))
    }

    async fn add(&self, queue: &str, order: &Value) -> Result<Value> {
        let jobs: Vec<_> = order.get("jobs").and_then(Value::as_array).cloned().unwrap_or_default();
        let jobs = jobs.iter().map(|job| NewJob {
            queue: queue.to_owned().into(),
            id: text(job, "id").to_owned(),
            name: "create-order".into(),
            data: job.get("data").map_or_else(|| "{}".to_owned(), Value::to_string),
            share: job.get("share").and_then(Value::as_str).map(str::to_owned),
            attempts: u32::try_from(number(job, "attempts", 3)).unwrap_or(3),
            backoff: Backoff::Fixed { delay: number(job, "backoff", 100) },
            delay: Duration::from_millis(number(job, "delay", 0)),
        });
        let added = self.queue.broker.add(&jobs.collect::<Vec<_>>(), Duration::from_secs(5)).await?;
        Ok(json!(added.iter().map(|one| format!("{one:?}")).collect::<Vec<_>>()))
    }

    async fn claim(&mut self, queue: &str, order: &Value) -> Result<Value> {
        let lease = Duration::from_millis(number(order, "lease", LEASE));
        let max = usize::try_from(number(order, "max", 1))?;
        let jobs = self.queue.broker.claim(Claim { queue, max, lease }).await?;
        let told = jobs.iter().map(|job| {
            json!({ "id": job.id, "name": job.name, "data": job.data, "attempts": job.attempts,
                "attemptsMade": job.attempts_made, "stalled": job.stalled, "doomed": job.doomed,
                "backoff": job.backoff })
        });
        let told = told.collect();
        self.held.extend(jobs.into_iter().map(|job| (job.id.clone(), job)));
        Ok(told)
    }

    async fn end(&self, id: &str, order: &Value) -> Result<Value> {
        let reason = text(order, "reason").to_owned();
        let end = match text(order, "how") {
            "complete" => End::Complete(order.get("value").unwrap_or(&Value::Null).to_string()),
            "fail" => End::Fail(reason),
            _ => End::Delay {
                after: Duration::from_millis(number(order, "after", 0)),
                counts_attempt: order.get("counts").and_then(Value::as_bool).unwrap_or(false),
                reason,
            },
        };
        Ok(json!(self.queue.broker.end_one(&self.held(id)?, end).await? == LeaseState::Owned))
    }

    /// Works in the background: each job completes with what it was, or fails if its data says so.
    async fn work(&mut self, queue: &str, order: &Value) -> Result<Value> {
        self.queue.broker.announce("waybill-1", &[queue.to_owned()], Duration::from_secs(60)).await?;
        let (port, name) = (self.queue.clone(), queue.to_owned());
        let max = usize::try_from(number(order, "max", 5))?;
        self.work = Some(tokio::spawn(async move {
            let claim = Claim { queue: &name, max, lease: Duration::from_millis(LEASE) };
            loop {
                if port.broker.wait(&name, Duration::from_secs(5)).await.is_err() {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
                let mut jobs = port.broker.claim(claim).await.unwrap_or_default();
                while !jobs.is_empty() {
                    let ended: Vec<_> = jobs.into_iter().map(|job| (job.clone(), outcome(&job))).collect();
                    jobs =
                        port.broker.end(&ended, Some(claim)).await.map(|(_, next)| next).unwrap_or_default();
                }
            }
        }));
        Ok(Value::Null)
    }
}

fn outcome(job: &ActiveJob) -> End {
    let data: Value = serde_json::from_str(&job.data).unwrap_or_default();
    match data.get("fail").and_then(Value::as_str) {
        Some(reason) if job.attempts_made + 1 < job.attempts => {
            let after = job.backoff.after(job.attempts_made + 1, 0.0);
            End::Delay { after, counts_attempt: true, reason: reason.to_owned() }
        }
        Some(reason) => End::Fail(reason.to_owned()),
        None => End::Complete(json!({ "by": "waybill", "data": data }).to_string()),
    }
}
