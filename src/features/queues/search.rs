//! Finds jobs of one queue, newest or next first.
//!
//! Guards against a search that holds up the queue's server: it ends after a number of jobs and says so.
//! Without a filter a page costs as much as it has jobs, wherever in the list it is.

use super::{LookError, Queues, shown};
use crate::{
    base::timestamp::Timestamp,
    platform::queue::{JobState, JobView, Mark, QueueError},
};

/// Jobs that one search looks at, and one call fetches.
pub const MOST_SEARCHED: usize = 5000;
const AT_ONCE: usize = 250;

/// Which jobs. What is not named does not count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct JobFilter {
    pub state: Option<JobState>,
    pub name: Option<String>,
    /// In the id or the reason, in any case.
    pub text: Option<String>,
    /// The id of an order.
    pub order: Option<String>,
    /// Finished (or else added) at this time or later, and before the other.
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
}

/// Where a page ends: of which state, on the page behind which mark, behind which job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub state: JobState,
    pub mark: Option<Mark>,
    pub last: Option<String>,
}

#[derive(Debug, Clone)]
pub struct Search {
    pub jobs: Vec<JobView>,
    pub next: Option<Place>,
    /// How many jobs were looked at.
    pub searched: usize,
    /// The search ended at its bound: behind `next` there may be more.
    pub stopped: bool,
}

/// Without a state: what runs, what waits, what went wrong, and what is done.
const ORDER: [JobState; 5] =
    [JobState::Active, JobState::Waiting, JobState::Delayed, JobState::Failed, JobState::Completed];

impl JobFilter {
    fn is_plain(&self) -> bool {
        *self == Self { state: self.state, ..Self::default() }
    }

    fn takes(&self, job: &JobView) -> bool {
        let at = job.finished_at.unwrap_or(job.added_at);
        let holds = |text: &str, part: &str| text.to_lowercase().contains(&part.to_lowercase());
        let reason = job.reason.as_deref().unwrap_or_default();
        self.name.as_ref().is_none_or(|name| *name == job.name)
            && self.text.as_ref().is_none_or(|text| holds(&job.id, text) || holds(reason, text))
            && self.order.as_ref().is_none_or(|order| shown::is_of_order(job, order))
            && self.from.is_none_or(|from| at >= from)
            && self.to.is_none_or(|to| at < to)
    }
}

impl Queues {
    /// A page of jobs behind `after`, at most `limit`.
    ///
    /// # Errors
    /// [`LookError::Queue`]; a place that is none is a fault.
    pub async fn search(
        &self,
        queue: &str,
        filter: &JobFilter,
        after: Option<Place>,
        limit: usize,
    ) -> Result<Search, LookError> {
        let first = filter.state.unwrap_or(JobState::Active);
        let mut place = after.unwrap_or(Place { state: first, mark: None, last: None });
        let mut found = Search { jobs: Vec::new(), next: None, searched: 0, stopped: false };
        let at_once = if filter.is_plain() { limit } else { AT_ONCE };
        loop {
            let page = self.queue.inspect.list(queue, place.state, place.mark.as_ref(), at_once).await?;
            let seen = place.last.as_ref().and_then(|last| page.jobs.iter().position(|job| job.id == *last));
            for job in page.jobs.into_iter().skip(seen.map_or(0, |at| at + 1)) {
                if found.jobs.len() >= limit {
                    found.next = Some(place);
                    return Ok(found);
                }
                found.searched += 1;
                place.last = Some(job.id.clone());
                if filter.takes(&job) {
                    found.jobs.push(job);
                }
            }
            place = match (page.next, next_state(filter, place.state)) {
                (Some(mark), _) => Place { mark: Some(mark), last: None, ..place },
                (None, Some(state)) => Place { state, mark: None, last: None },
                (None, None) => return Ok(found),
            };
            found.stopped = found.searched >= MOST_SEARCHED;
            if found.stopped || found.jobs.len() >= limit {
                found.next = Some(place);
                return Ok(found);
            }
        }
    }

    /// A job; nothing when the queue does not know it.
    ///
    /// # Errors
    /// When the queue does not answer.
    pub async fn job(&self, queue: &str, id: &str) -> Result<Option<JobView>, QueueError> {
        self.queue.inspect.get(queue, id).await
    }

    /// Its log lines, oldest first.
    ///
    /// # Errors
    /// When the queue does not answer.
    pub async fn logs(&self, queue: &str, id: &str) -> Result<Vec<String>, QueueError> {
        self.queue.inspect.logs(queue, id).await
    }
}

fn next_state(filter: &JobFilter, state: JobState) -> Option<JobState> {
    if filter.state.is_some() {
        return None;
    }
    let at = ORDER.iter().position(|s| *s == state)?;
    ORDER.get(at + 1).copied()
}
