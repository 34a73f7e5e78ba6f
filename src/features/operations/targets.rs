//! Which orders, jobs or merchants come next: a page behind a place that the operation remembers.

use serde::{Deserialize, Serialize};

use super::model::{Filter, Kind, Operation};
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
        queue::{JobState, Mark, Queue, QueueError},
        store::{Cursor, Key, StoreError},
    },
};

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

/// The state that jobs of this name are in.
pub(super) fn job_state(name: &str) -> Option<JobState> {
    JobState::ALL.into_iter().find(|state| state.as_str() == name)
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
            Kind::ReviewRebook | Kind::ReviewAdoptFound | Kind::ReviewFail => {
                self.in_review(&operation.filter, from, until, limit).await
            }
            Kind::OrdersResend => self.failed(&operation.filter, from, until, limit).await,
            Kind::JobsRetry | Kind::JobsPromote | Kind::JobsRemove => {
                self.jobs(&operation.filter, from, limit).await
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
        })
    }

    async fn in_review(
        &self,
        filter: &Filter,
        from: Option<&Place>,
        until: Timestamp,
        limit: usize,
    ) -> Result<Targets, TargetsError> {
        let filter = ReviewFilter {
            code: filter.code.clone(),
            of: Some(ReviewOf::Booking),
            user_id: filter.user_id.clone(),
            from: filter.from,
            before: Some(filter.before.map_or(until, |at| at.min(until))),
        };
        let page = self.orders.in_review(&filter, cursor(from), limit).await?;
        let found =
            page.orders.into_iter().map(|order| Target { id: order.id().to_owned(), order: Some(order) });
        Ok(Targets { found: found.collect(), next: page.next.and_then(place) })
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
        Ok(Targets { found, next: page.next.and_then(place) })
    }

    async fn jobs(
        &self,
        filter: &Filter,
        from: Option<&Place>,
        limit: usize,
    ) -> Result<Targets, TargetsError> {
        let queue = filter.queue.as_deref().ok_or(TargetsError::Filter("no queue is named"))?;
        let state = filter.state.as_deref().and_then(job_state);
        let state = state.ok_or(TargetsError::Filter("no state is named"))?;
        let mark = from.and_then(|place| match place {
            Place::Mark(mark) => Some(Mark(mark.clone())),
            Place::Behind { .. } | Place::Index(_) => None,
        });
        let page = self.queue.inspect.list(queue, state, mark.as_ref(), limit).await?;
        let named = |name: &str| filter.name.as_deref().is_none_or(|wanted| wanted == name);
        let target = |id| Target { id, order: None };
        let jobs = page.jobs.into_iter().filter(|job| named(&job.name));
        Ok(Targets {
            found: jobs.map(|job| target(job.id)).collect(),
            next: page.next.map(|mark| Place::Mark(mark.0)),
        })
    }
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
    }
}
