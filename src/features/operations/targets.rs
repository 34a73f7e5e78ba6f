//! Which orders, jobs or merchants come next: a page behind a place that the operation remembers.

use serde::{Deserialize, Serialize};

use super::{
    model::{Filter, Kind, Operation},
    preview,
};
use crate::{
    base::timestamp::Timestamp,
    features::{
        merchants::{Merchants, model::State as Standing},
        orders::{
            model::{Order, ReviewOf},
            service::{OrderService, failures::FailedFilter, review::ReviewFilter},
        },
    },
    platform::{
        queue::{JobState, JobView, Mark, Queue, QueueError},
        store::{Cursor, Key, StoreError},
    },
};

/// Jobs that are looked at, in one go, for some that a filter takes.
const LOOKED_AT: usize = 4000;

/// Where an operation goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::features) enum Place {
    /// Behind the document of this time and id.
    Behind { at: i64, id: String },
    /// Behind the queue's own mark.
    Mark(String),
    /// At this one of the named ids.
    Index(usize),
}

/// Some of them, in their order.
pub(super) struct Targets {
    pub(super) found: Vec<Target>,
    /// Where the next ones are; nothing at the end.
    pub(super) next: Option<Place>,
    /// How many jobs were looked at for them.
    pub(super) looked: usize,
}

pub(super) struct Target {
    pub(super) id: String,
    /// Known already, where an order is needed for a preview.
    pub(super) order: Option<Order>,
}

#[derive(Debug, thiserror::Error)]
pub(in crate::features) enum TargetsError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// What the operation is to be done with is not as [`super::service`] takes it.
    #[error("{0}")]
    Filter(&'static str),
}

fn cursor(place: Option<&Place>) -> Option<Cursor> {
    match place? {
        Place::Behind { at, id } => {
            Some(Cursor { key: Key::Time(Timestamp::from_millis(*at)), id: id.clone() })
        }
        Place::Mark(_) | Place::Index(_) => None,
    }
}

fn place(cursor: Cursor) -> Option<Place> {
    match cursor.key {
        Key::Time(at) => Some(Place::Behind { at: at.as_millis(), id: cursor.id }),
        _ => None,
    }
}

/// The states that a filter names, in their order: one, or several with commas. Nothing when it names none,
/// one twice, or what is none.
pub(super) fn job_states(names: &str) -> Option<Vec<JobState>> {
    let mut states = Vec::new();
    for name in names.split(',').map(str::trim) {
        let state = JobState::ALL.into_iter().find(|state| state.as_str() == name)?;
        if states.contains(&state) {
            return None;
        }
        states.push(state);
    }
    Some(states)
}

/// In a list of jobs: of which of the states, and behind which mark. Where there is one state the mark stands
/// alone, as it always did.
fn job_place(place: Option<&Place>, states: usize) -> (usize, Option<Mark>) {
    let Some(Place::Mark(mark)) = place else { return (0, None) };
    if states == 1 {
        return (0, Some(Mark(mark.clone())));
    }
    let (at, mark) = mark.split_once(' ').unwrap_or((mark.as_str(), ""));
    (at.parse().unwrap_or(0), (!mark.is_empty()).then(|| Mark(mark.to_owned())))
}

fn place_of_job(at: usize, mark: String, states: usize) -> Place {
    Place::Mark(if states == 1 { mark } else { format!("{at} {mark}") })
}

/// Where targets are read from.
pub(super) struct Source<'a> {
    pub(super) orders: &'a OrderService,
    pub(super) queue: &'a Queue,
    pub(super) merchants: &'a Merchants,
}

impl Source<'_> {
    /// At most `limit` of them behind `from`. What comes to match after `until` is left alone.
    pub(super) async fn next(
        &self,
        operation: &Operation,
        from: Option<&Place>,
        until: Timestamp,
        limit: usize,
    ) -> Result<Targets, TargetsError> {
        if !operation.ids.is_empty() {
            return Ok(named(&operation.ids, from, limit));
        }
        match operation.kind {
            Kind::ReviewRebook
            | Kind::ReviewAdoptFound
            | Kind::ReviewFail
            | Kind::ReviewCancelShipment
            | Kind::ReviewCloseShipment => {
                let of = operation.kind.reviews();
                self.in_review(&operation.filter, of, (from, until), limit).await
            }
            Kind::OrdersResend => self.failed(&operation.filter, from, until, limit).await,
            Kind::JobsRetry | Kind::JobsPromote | Kind::JobsRemove => {
                self.jobs(&operation.filter, (from, until), limit).await
            }
            Kind::MerchantsNotice => self.merchants(from, until, limit).await,
        }
    }

    /// Those that are active. One that is taken on later has nothing to do with it.
    async fn merchants(
        &self,
        from: Option<&Place>,
        until: Timestamp,
        limit: usize,
    ) -> Result<Targets, TargetsError> {
        let page = self.merchants.list(Some(Standing::Active), cursor(from), limit).await?;
        let later = page.docs.iter().any(|merchant| merchant.created_at >= until);
        let known = page.docs.into_iter().filter(|merchant| merchant.created_at < until);
        Ok(Targets {
            found: known.map(|merchant| Target { id: merchant.id, order: None }).collect(),
            next: page.next.filter(|_| !later).and_then(place),
            looked: 0,
        })
    }

    async fn in_review(
        &self,
        filter: &Filter,
        of: ReviewOf,
        (from, until): (Option<&Place>, Timestamp),
        limit: usize,
    ) -> Result<Targets, TargetsError> {
        let filter = ReviewFilter {
            code: filter.code.clone(),
            of: Some(of),
            user_id: filter.user_id.clone(),
            from: filter.from,
            before: Some(filter.before.map_or(until, |at| at.min(until))),
        };
        let page = self.orders.in_review(&filter, cursor(from), limit).await?;
        let found =
            page.orders.into_iter().map(|order| Target { id: order.id().to_owned(), order: Some(order) });
        Ok(Targets { found: found.collect(), next: page.next.and_then(place), looked: 0 })
    }

    async fn failed(
        &self,
        filter: &Filter,
        from: Option<&Place>,
        until: Timestamp,
        limit: usize,
    ) -> Result<Targets, TargetsError> {
        let failed = FailedFilter {
            user_id: filter.user_id.clone(),
            from: filter.from,
            before: Some(filter.before.map_or(until, |at| at.min(until))),
            cause: filter.cause.clone(),
            text: filter.text.clone(),
        };
        let page = self.orders.failed(&failed, cursor(from), limit).await?;
        let target = |(id, _)| Target { id, order: None };
        let found = page.orders.into_iter().map(target).collect();
        Ok(Targets { found, next: page.next.and_then(place), looked: 0 })
    }

    async fn jobs(
        &self,
        filter: &Filter,
        (from, until): (Option<&Place>, Timestamp),
        limit: usize,
    ) -> Result<Targets, TargetsError> {
        let queue = filter.queue.as_deref().ok_or(TargetsError::Filter("no queue is named"))?;
        let states = filter.state.as_deref().and_then(job_states);
        let states = states.ok_or(TargetsError::Filter("no state is named"))?;
        let before = filter.before.map_or(until, |at| at.min(until));
        let (mut at, mut mark) = job_place(from, states.len());
        let (mut found, mut looked) = (Vec::new(), 0);
        while let Some(state) = states.get(at)
            && found.is_empty()
            && looked < LOOKED_AT
        {
            let page = self.queue.inspect.list(queue, *state, mark.as_ref(), limit).await?;
            looked += page.jobs.len().max(1);
            found.extend(page.jobs.into_iter().filter(|job| takes(filter, before, job)));
            (at, mark) = if page.next.is_some() { (at, page.next) } else { (at + 1, None) };
        }
        let mark = mark.map(|mark| mark.0).unwrap_or_default();
        Ok(Targets {
            found: found.into_iter().map(|job| Target { id: job.id, order: None }).collect(),
            next: states.get(at).map(|_| place_of_job(at, mark, states.len())),
            looked,
        })
    }
}

fn takes(filter: &Filter, before: Timestamp, job: &JobView) -> bool {
    let at = job.finished_at.unwrap_or(job.added_at);
    filter.name.as_deref().is_none_or(|wanted| wanted == job.name)
        && filter.from.is_none_or(|from| at >= from)
        && at < before
}

/// Whether a job still is one that the operation names: since it was found it may have come into another
/// state, or have ended and been added anew.
pub(super) fn means(operation: &Operation, job: &JobView) -> bool {
    let (filter, until) = (&operation.filter, preview::until(operation.created_at));
    let states = filter.state.as_deref().and_then(job_states);
    let before = filter.before.map_or(until, |at| at.min(until));
    states.is_none_or(|states| states.contains(&job.state))
        && (!operation.ids.is_empty() || takes(filter, before, job))
}

fn named(ids: &[String], from: Option<&Place>, limit: usize) -> Targets {
    let at = match from {
        Some(Place::Index(at)) => *at,
        _ => 0,
    };
    let found: Vec<_> = ids.iter().skip(at).take(limit).cloned().collect();
    let next = at + found.len();
    let target = |id| Target { id, order: None };
    Targets {
        found: found.into_iter().map(target).collect(),
        next: (next < ids.len()).then_some(Place::Index(next)),
        looked: 0,
    }
}
