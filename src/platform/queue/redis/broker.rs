//! Moves jobs.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::time::Instant;

use super::{
    CALL, LONGEST_WAIT, METRICS_POINTS, RedisQueue, VERSION,
    adds::Batch,
    jobs::{self, millis, text, time},
    reply::Reply,
    scripts,
    wake::LOOK_AGAIN,
};
use crate::platform::queue::{ActiveJob, Added, Broker, Claim, End, LeaseState, NewJob, QueueError};

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
    answers: Vec<Reply>,
    read: impl Fn(bool) -> T,
) -> Result<(), QueueError> {
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
        self.check_owner(within).await?;
        let mut added = vec![Added::Known; jobs.len()];
        for (first, places) in by_queue(jobs, |job| &job.queue) {
            let queue = &*first.queue;
            let batch = Batch {
                keys: [self.start(queue), self.own_key("queues")],
                head: vec![self.now(), text(queue), text(VERSION)],
                jobs: places.iter().filter_map(|at| jobs.get(*at)).map(jobs::added).collect(),
                until: deadline,
            };
            let answers = self.adds.add(queue, batch).await?;
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
        self.check_owner(CALL).await?;
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
            let answers = self.on(&first.queue, &scripts::EXTEND, args).await?.list();
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
        let mut next = next.filter(|claim| claim.max > 0 && self.is_owner());
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
            scatter(&mut states, &places, answers.list(), held)?;
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
            let answers = self.on(&first.queue, &scripts::RELEASE, args).await?.list();
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
