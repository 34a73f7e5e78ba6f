//! Looks at jobs and queues.

use std::{collections::BTreeSet, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::time::Instant;

use super::{
    CALL, LOOK, RedisQueue, advice,
    jobs::{self, text},
    lock,
    reply::Reply,
    scripts,
};
use crate::{
    base::timestamp::Timestamp,
    platform::queue::{
        Counts, Epoch, Finding, Inspect, JobPage, JobState, JobView, Mark, Pauses, Presence, QueueError,
        WorkerView,
    },
};

/// The most jobs of a page.
const LONGEST_PAGE: usize = 10_000;
/// How many jobs are asked about in one step.
const ASKED_AT_ONCE: usize = 1000;
/// How long a list may be to be looked through for jobs that are nowhere else: a few milliseconds of the
/// server. In a longer one every job counts as found.
const WALK: &str = "20000";
/// How long to trust in what queues of other programs there are: finding them means walking over all keys.
const FOREIGN_FOR: Duration = Duration::from_secs(60);

fn no_place() -> QueueError {
    QueueError::Fault("this is no place in a list of jobs".to_owned())
}

/// The parts of a mark; of `start` without one.
fn parts<const N: usize>(after: Option<&Mark>, start: [&str; N]) -> Result<[Bytes; N], QueueError> {
    let Some(mark) = after else { return Ok(start.map(text)) };
    // The last part is an id, which may hold anything.
    let parts: Vec<_> = mark.0.splitn(N, ' ').collect();
    let parts = <[&str; N]>::try_from(parts).map_err(|_| no_place())?;
    let numbers = parts.iter().take(N - 1).filter(|part| !part.is_empty());
    if numbers.clone().any(|part| !part.parse::<f64>().is_ok_and(f64::is_finite)) {
        return Err(no_place());
    }
    Ok(parts.map(text))
}

impl RedisQueue {
    /// A page as the scripts give it: rows, and where the last one was.
    async fn page(
        &self,
        queue: &str,
        script: &scripts::Script,
        args: Vec<Bytes>,
        limit: usize,
    ) -> Result<JobPage, QueueError> {
        let told = self.calls.run(script, &[&self.start(queue)], args, LOOK).await?;
        let [rows, mark] = told.parts()?;
        let jobs = rows.list().into_iter().map(jobs::view).collect::<Result<Vec<_>, _>>()?;
        let next = (jobs.len() == limit && limit > 0).then(|| Mark(mark.texts().join(" ")));
        Ok(JobPage { jobs, next })
    }

    /// There are no more of them than run, so that they can be sorted here.
    async fn active(&self, queue: &str, after: Option<&Mark>, limit: usize) -> Result<JobPage, QueueError> {
        let args = vec![self.now(), text(LONGEST_PAGE.to_string())];
        let rows = self.calls.run(&scripts::LIST_ACTIVE, &[&self.start(queue)], args, LOOK).await?;
        let mut jobs = rows.list().into_iter().map(jobs::view).collect::<Result<Vec<_>, _>>()?;
        let place = |job: &JobView| (job.due_at.map_or(0, Timestamp::as_millis), job.id.clone());
        jobs.sort_by_key(place);
        if let Some(mark) = after {
            let (due, id) = mark.0.split_once(' ').ok_or_else(no_place)?;
            let last = (due.parse::<i64>().map_err(|_| no_place())?, id.to_owned());
            jobs.retain(|job| place(job) > last);
        }
        jobs.truncate(limit);
        let full = jobs.len() == limit;
        let last = jobs.last().filter(|_| full).map(place);
        Ok(JobPage { jobs, next: last.map(|(due, id)| Mark(format!("{due} {id}"))) })
    }

    /// Some of the keys behind the prefix that are like `rest`, and where the next ones begin.
    pub(super) async fn scan(
        &self,
        cursor: &str,
        rest: &str,
    ) -> Result<(Option<String>, Vec<String>), QueueError> {
        let special = |c| matches!(c, '*' | '?' | '[' | ']' | '\\');
        let escaped = |c| special(c).then_some('\\').into_iter().chain([c]);
        let prefix: String = self.place.prefix.chars().flat_map(escaped).collect();
        let args = [cursor, "MATCH", &format!("{prefix}:{rest}"), "COUNT", "5000"].map(text).to_vec();
        let [next, keys] = self.calls.command("SCAN", args, LOOK).await?.parts()?;
        Ok((next.text().filter(|next| next != "0" && !next.is_empty()), keys.texts()))
    }

    /// The queues that other programs made.
    async fn foreign_queues(&self) -> Result<Vec<String>, QueueError> {
        if let Some((at, names)) = &*lock(&self.foreign)
            && at.elapsed() < FOREIGN_FOR
        {
            return Ok(names.clone());
        }
        let (mut names, mut cursor) = (Vec::new(), "0".to_owned());
        loop {
            let (next, keys) = self.scan(&cursor, "*:meta").await?;
            let name = |key: &String| {
                key.strip_prefix(&self.place.prefix)?
                    .strip_prefix(':')?
                    .strip_suffix(":meta")
                    .map(str::to_owned)
            };
            names.extend(keys.iter().filter_map(name).filter(|name| !name.contains(':')));
            let Some(next) = next else { break };
            cursor = next;
        }
        *lock(&self.foreign) = Some((Instant::now(), names.clone()));
        Ok(names)
    }
}

#[async_trait]
impl Inspect for RedisQueue {
    async fn queues(&self) -> Result<Vec<String>, QueueError> {
        let own = self.calls.command("SMEMBERS", vec![text(self.own_key("queues"))], CALL).await?.texts();
        let all: BTreeSet<_> = own.into_iter().chain(self.foreign_queues().await?).collect();
        Ok(all.into_iter().collect())
    }

    async fn counts(&self, queue: &str) -> Result<Counts, QueueError> {
        let told: [Reply; 6] = self.on(queue, &scripts::COUNTS, Vec::new()).await?.parts()?;
        let [waiting, active, delayed, completed, failed, paused] =
            told.map(|n| n.number().unwrap_or(0).unsigned_abs());
        Ok(Counts { waiting, active, delayed, completed, failed, paused: paused == 1 })
    }

    async fn presence(&self, queue: &str, ids: &[String]) -> Result<Vec<Presence>, QueueError> {
        let mut all = Vec::with_capacity(ids.len());
        for some in ids.chunks(ASKED_AT_ONCE) {
            let args = std::iter::once(text(WALK)).chain(some.iter().map(|id| text(&**id))).collect();
            let told = self.calls.run(&scripts::PRESENCE, &[&self.start(queue)], args, LOOK).await?;
            all.extend(told.list().iter().map(|answer| match answer.number() {
                Some(0) => Presence::Absent,
                Some(2) => Presence::Finished,
                Some(3) => Presence::Adrift,
                _ => Presence::Open,
            }));
        }
        Ok(all)
    }

    async fn get(&self, queue: &str, id: &str) -> Result<Option<JobView>, QueueError> {
        match self.on(queue, &scripts::GET, vec![self.now(), text(id)]).await? {
            row @ Reply::List(_) => jobs::view(row).map(Some),
            _ => Ok(None),
        }
    }

    async fn list(
        &self,
        queue: &str,
        state: JobState,
        after: Option<&Mark>,
        limit: usize,
    ) -> Result<JobPage, QueueError> {
        let limit = limit.min(LONGEST_PAGE);
        let most = text(limit.to_string());
        match state {
            JobState::Active => self.active(queue, after, limit).await,
            JobState::Waiting => {
                let args = [most].into_iter().chain(parts(after, ["1", "0", ""])?).collect();
                self.page(queue, &scripts::LIST_WAITING, args, limit).await
            }
            JobState::Delayed | JobState::Completed | JobState::Failed => {
                let set = text(state.as_str());
                let args = [set, most].into_iter().chain(parts(after, ["0", ""])?).collect();
                self.page(queue, &scripts::LIST_SET, args, limit).await
            }
        }
    }

    async fn logs(&self, queue: &str, id: &str) -> Result<Vec<String>, QueueError> {
        let key = text(format!("{}{id}:logs", self.start(queue)));
        let all = ["0", "-1"].map(text);
        Ok(self.calls.command("LRANGE", [key].into_iter().chain(all).collect(), CALL).await?.texts())
    }

    async fn workers(&self, queue: &str) -> Result<Vec<WorkerView>, QueueError> {
        self.workers_of(queue).await
    }

    async fn examine(&self, queue: Option<&str>) -> Result<Vec<Finding>, QueueError> {
        match queue {
            Some(queue) => self.examine_queue(queue).await,
            None => Ok(advice::look(&self.calls).await),
        }
    }

    async fn pauses(&self, queue: &str) -> Result<Pauses, QueueError> {
        let kept = self.on(queue, &scripts::PAUSES, vec![self.now()]).await?.texts();
        let at = |text: &str| text.parse().ok().map(Timestamp::from_millis);
        let pause = |text: &String| {
            let (from, to) = text.split_once('-')?;
            Some((at(from)?, at(to)))
        };
        Ok(Pauses(kept.iter().filter_map(pause).collect()))
    }

    async fn epoch(&self) -> Result<Epoch, QueueError> {
        Ok(self.look_at_owner(CALL).await?)
    }

    /// By a write, so that a server that takes none does not pass for well.
    async fn ping(&self) -> Result<(), QueueError> {
        Ok(self.look_at_owner(CALL).await.map(drop)?)
    }
}
