//! One record of what was asked and one of what came back, for every wire attempt; both under the same id,
//! and linked from the order.
//!
//! The request log is inserted *before* anything is sent, so an attempt whose id is already taken can never
//! send: that is how a dead attempt is shut out (its id is taken with a tombstone). The outcome log says how
//! it ended, exactly once; what comes after that goes into its `late` field and is evidence, never dropped.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Map;

pub use super::records::{End, Late, OutcomeLog, RequestLog};
use super::{
    answer::{CallResult, Failure},
    brief,
    records::PROVIDER,
};
use crate::{
    base::{clock::Clock, timestamp::Timestamp},
    platform::store::{Decision, Document, Order as Sort, Page, Query, Store, StoreError, Updated},
    provider::carrier::{CallBrief, CallRecord, CallRecords, Operation},
};

/// The two collections.
#[derive(Debug, Clone)]
pub struct ProviderLogs {
    store: Store,
    clock: Clock,
}

/// Outcomes that are read at a time: each may hold a body of some size.
const PAGE: usize = 50;

/// How often the end of a call is tried to be written down. It cannot be had again.
const END_TRIES: u32 = 6;

impl ProviderLogs {
    #[must_use]
    pub fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock }
    }

    /// Writes the request log. `Conflict` on the id: the attempt was shut out and must not send.
    ///
    /// # Errors
    /// When the store fails; then nothing may be sent either.
    pub async fn begin(&self, log: &RequestLog) -> Result<(), StoreError> {
        self.store.insert(log).await
    }

    /// Writes down how the attempt of `request` ended. When somebody else has done so, it goes into the
    /// `late` field.
    ///
    /// # Errors
    /// When the store fails at every try.
    pub async fn end(
        &self,
        request: &RequestLog,
        wire: &CallResult,
        verdict: &str,
        took: Duration,
    ) -> Result<(), StoreError> {
        let log = OutcomeLog {
            id: request.id.clone(),
            version: 1,
            request_ref_id: request.id.clone(),
            provider: PROVIDER.to_owned(),
            operation: request.operation.clone(),
            order_id: request.order_id.clone(),
            end: End::new(wire, verdict),
            received_at: self.clock.now(),
            duration_ms: i64::try_from(took.as_millis()).unwrap_or(i64::MAX),
            late: None,
            extra: Map::new(),
        };
        let mut pause = Duration::from_millis(50);
        for _ in 1..END_TRIES {
            match self.try_end(&log).await {
                Err(StoreError::Unavailable(_) | StoreError::Contended) => tokio::time::sleep(pause).await,
                ended => return ended,
            }
            pause *= 2;
        }
        self.try_end(&log).await
    }

    async fn try_end(&self, log: &OutcomeLog) -> Result<(), StoreError> {
        match self.store.insert(log).await {
            Err(StoreError::Conflict { .. }) => {}
            written => return written,
        }
        let late = Late { end: log.end.clone(), received_at: log.received_at };
        let updated = self.store.update::<OutcomeLog, _, StoreError>(&log.id, |stored| {
            // Our own insert may have been done although we were told otherwise.
            if stored.end == late.end || stored.late.is_some() {
                return Ok(Decision::Leave(()));
            }
            stored.late = Some(late.clone());
            Ok(Decision::Save(()))
        });
        updated.await.map(|_: Updated<OutcomeLog, ()>| ())
    }

    /// Shuts an attempt out, or finds what it did. Only for an attempt that has had its time to settle: what
    /// has no outcome by then never gets one from its worker, and is written down as unanswered. Nothing: it
    /// never sent, and now it never will.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn close(
        &self,
        tombstone: &RequestLog,
    ) -> Result<Option<(RequestLog, CallResult)>, StoreError> {
        let tombstone = RequestLog { never_sent: true, ..tombstone.clone() };
        match self.store.insert(&tombstone).await {
            Ok(()) => return Ok(None),
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
        let request = self.store.get::<RequestLog>(&tombstone.id).await?;
        let Some(request) = request.filter(|r| !r.never_sent) else { return Ok(None) };
        if let Some(outcome) = self.store.get::<OutcomeLog>(&request.id).await? {
            return Ok(Some((request, outcome.best())));
        }
        self.end(&request, &unanswered(), "unknown", Duration::ZERO).await?;
        // Between the look and the write the worker may have come back after all.
        let outcome = self.store.get::<OutcomeLog>(&request.id).await?;
        let wire = outcome.map_or_else(unanswered, |o| o.best());
        Ok(Some((request, wire)))
    }

    /// Writes down that the calls of `operation` for an order that have no outcome got no answer.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn close_unanswered(&self, order_id: &str, operation: Operation) -> Result<(), StoreError> {
        let requests = self.requests(order_id).await?.whole()?;
        for (request, outcome) in self.with_outcomes(requests).await? {
            if outcome.is_none() && !request.never_sent && request.operation == operation.as_str() {
                self.end(&request, &unanswered(), "unknown", Duration::ZERO).await?;
            }
        }
        Ok(())
    }

    /// Takes personal data out of all logs of an order.
    ///
    /// # Errors
    /// When the store fails; then some of it may be left.
    pub async fn erase(&self, order_id: &str) -> Result<(), StoreError> {
        self.erase_all(order_id, "sentAt", RequestLog::erase).await?;
        self.erase_all(order_id, "receivedAt", OutcomeLog::erase).await
    }

    async fn erase_all<D: Document + Clone + PartialEq>(
        &self,
        order_id: &str,
        sorted_by: &'static str,
        erase: fn(&mut D),
    ) -> Result<(), StoreError> {
        let mut query = Query::sorted_by(sorted_by, Sort::Ascending).equal("orderId", order_id).limit(PAGE);
        loop {
            let page = self.store.find::<D>(&query).await?;
            for log in page.docs {
                let updated = self.store.update::<D, (), StoreError>(log.id(), |log| {
                    let before = log.clone();
                    erase(log);
                    Ok(if *log == before { Decision::Leave(()) } else { Decision::Save(()) })
                });
                updated.await?;
            }
            match page.next {
                Some(next) => query = query.after(next),
                None => return Ok(()),
            }
        }
    }

    /// Looks through all outcomes of an order, in the order they came, for one that `read` makes
    /// something of.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn find_outcome<T>(
        &self,
        order_id: &str,
        mut read: impl FnMut(&OutcomeLog) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        let mut query =
            Query::sorted_by("receivedAt", Sort::Ascending).equal("orderId", order_id).limit(PAGE);
        loop {
            let page = self.store.find::<OutcomeLog>(&query).await?;
            let next = page.next.clone();
            // One that is not read may be the very one: then nothing is known.
            if let Some(found) = page.whole()?.iter().find_map(&mut read) {
                return Ok(Some(found));
            }
            let Some(next) = next else { return Ok(None) };
            query = query.after(next);
        }
    }

    /// The newest 200 attempts of an order, oldest first, each with its outcome if it has one yet.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn all_of_order(
        &self,
        order_id: &str,
    ) -> Result<Vec<(RequestLog, Option<OutcomeLog>)>, StoreError> {
        let mut requests = self.requests(order_id).await?.docs;
        requests.reverse();
        self.with_outcomes(requests).await
    }

    /// The newest 200 of an order, newest first.
    async fn requests(&self, order_id: &str) -> Result<Page<RequestLog>, StoreError> {
        let newest = Query::sorted_by("sentAt", Sort::Descending).equal("orderId", order_id).limit(200);
        self.store.find(&newest).await
    }

    async fn with_outcomes(
        &self,
        requests: Vec<RequestLog>,
    ) -> Result<Vec<(RequestLog, Option<OutcomeLog>)>, StoreError> {
        let ids: Vec<_> = requests.iter().map(|request| request.id.as_str()).collect();
        let outcomes = self.store.get_many::<OutcomeLog>(&ids).await?.docs;
        let mut outcomes: std::collections::BTreeMap<_, _> =
            outcomes.into_iter().map(|o| (o.id.clone(), o)).collect();
        Ok(requests
            .into_iter()
            .map(|r| {
                let o = outcomes.remove(&r.id);
                (r, o)
            })
            .collect())
    }
}

#[async_trait]
impl CallRecords for ProviderLogs {
    async fn of_order(&self, order_id: &str) -> Result<Vec<CallRecord>, StoreError> {
        let all = self.all_of_order(order_id).await?;
        Ok(all.into_iter().map(|(request, outcome)| request.shown(outcome)).collect())
    }

    async fn briefs(
        &self,
        order_id: &str,
        from: Timestamp,
        limit: usize,
    ) -> Result<Vec<CallBrief>, StoreError> {
        brief::of_order(&self.store, order_id, from, limit).await
    }

    async fn call(&self, order_id: &str, id: &str, full: bool) -> Result<Option<CallRecord>, StoreError> {
        let request = self.store.get::<RequestLog>(id).await?;
        let Some(request) = request.filter(|request| request.order_id == order_id) else { return Ok(None) };
        let outcome = self.store.get::<OutcomeLog>(id).await?;
        Ok(Some(if full { request.revealed(outcome) } else { request.shown(outcome) }))
    }

    async fn last_good(&self, operation: &str) -> Result<Option<(String, CallRecord)>, StoreError> {
        let good = Query::sorted_by("receivedAt", Sort::Descending)
            .equal("operation", operation)
            .one_of("verdict", brief::GOOD)
            .limit(1);
        let Some(outcome) = self.store.find::<OutcomeLog>(&good).await?.docs.into_iter().next() else {
            return Ok(None);
        };
        let order_id = outcome.order_id.clone();
        let request = self.store.get::<RequestLog>(&outcome.id).await?;
        Ok(request.map(|request| (order_id, request.shown(Some(outcome)))))
    }
}

fn unanswered() -> CallResult {
    CallResult::Failure { class: Failure::NoAnswerRecorded, detail: "its worker vanished".to_owned() }
}
