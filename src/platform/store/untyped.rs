//! The operations of [`Store`] as far as no document's type matters: each ends within the handle's time, at
//! whichever adapter is behind it.

use std::{collections::BTreeMap, future::Future};

use futures_util::FutureExt;
use tokio::time::{Instant, timeout_at};

use super::{
    Adapter, BUILD, Count, Heads, Index, IndexReport, Page, Query, Store, StoreError,
    batch::Stored,
    kind::{AnyDoc, Kind},
};
use crate::base::timestamp::Timestamp;

/// Calls the same method of whichever adapter is behind the store.
macro_rules! adapter {
    ($store:ident, $adapter:ident => $call:expr) => {
        match &$store.adapter {
            Adapter::Sqlite($adapter) => $call.await,
            Adapter::Mongo($adapter) => $call.await,
        }
    };
}
pub(super) use adapter;

impl Store {
    pub(super) async fn prepare_kind(&self, kind: Kind, remake: bool) -> Result<Vec<String>, StoreError> {
        self.within(BUILD).timed(async { adapter!(self, a => a.prepare(kind, remake)) }).await
    }

    pub(super) async fn indexes_of(&self, kind: Kind) -> Result<IndexReport, StoreError> {
        self.timed(async { adapter!(self, a => a.indexes(kind)) }).await
    }

    pub(super) async fn insert_any(&self, doc: &dyn Stored) -> Result<(), StoreError> {
        self.timed(async { adapter!(self, a => a.insert(doc)) }).await
    }

    /// Nothing: it was inserted.
    pub(super) async fn insert_or_existing_any(
        &self,
        kind: Kind,
        doc: &dyn Stored,
        index: &str,
    ) -> Result<Option<AnyDoc>, StoreError> {
        let declared = kind.indexes.iter().find(|i| i.unique && i.name == index);
        let index: &'static Index = declared
            .ok_or_else(|| StoreError::Fault(format!("{} has no unique index {index}", kind.collection)))?;
        self.timed(async { adapter!(self, a => a.insert_or_existing(kind, doc, index)) }).await
    }

    /// With the version that stands beside each.
    pub(super) async fn insert_each(
        &self,
        kind: Kind,
        docs: &[(&dyn Stored, i64)],
    ) -> Vec<Result<(), StoreError>> {
        let inserted: Result<_, StoreError> =
            self.timed(async { adapter!(self, a => a.insert_all(kind, docs)) }).await;
        inserted.unwrap_or_else(|error| {
            let same = || match &error {
                StoreError::Fault(why) => StoreError::Fault(why.clone()),
                StoreError::Unavailable(why) => StoreError::Unavailable(why.clone()),
                other => StoreError::Unavailable(other.to_string()),
            };
            docs.iter().map(|_| Err(same())).collect()
        })
    }

    pub(super) async fn get_any(&self, kind: Kind, id: &str) -> Result<Option<AnyDoc>, StoreError> {
        self.load(kind, id, self.deadline()).await
    }

    pub(super) async fn get_many_any(&self, kind: Kind, ids: &[&str]) -> Result<Page<AnyDoc>, StoreError> {
        let page = self.timed(async { adapter!(self, a => a.get_many(kind, ids)) }).await?;
        self.told.tell(kind.collection, &page.unreadable);
        Ok(page)
    }

    pub(super) async fn find_any(&self, kind: Kind, query: &Query) -> Result<Page<AnyDoc>, StoreError> {
        let page = self.timed(async { adapter!(self, a => a.find(kind, query)) }).await?;
        self.told.tell(kind.collection, &page.unreadable);
        Ok(page)
    }

    pub(super) async fn heads_of(&self, kind: Kind, query: &Query) -> Result<Heads, StoreError> {
        self.timed(async { adapter!(self, a => a.heads(kind, query)) }).await
    }

    pub(super) async fn count_of(&self, kind: Kind, query: &Query, cap: usize) -> Result<Count, StoreError> {
        self.timed(async { adapter!(self, a => a.count(kind, query, cap)) }).await
    }

    pub(super) async fn count_of_each(
        &self,
        kind: Kind,
        field: &'static str,
    ) -> Result<BTreeMap<String, u64>, StoreError> {
        self.timed(async { adapter!(self, a => a.count_by(kind, field)) }).await
    }

    pub(super) async fn replace_any(&self, doc: &dyn Stored) -> Result<bool, StoreError> {
        self.save(doc, self.deadline()).await
    }

    pub(super) async fn delete_older(
        &self,
        kind: Kind,
        field: &'static str,
        before: Timestamp,
        limit: usize,
    ) -> Result<u64, StoreError> {
        self.timed(async { adapter!(self, a => a.delete_before(kind, field, before, limit)) }).await
    }

    pub(super) async fn load(
        &self,
        kind: Kind,
        id: &str,
        until: Instant,
    ) -> Result<Option<AnyDoc>, StoreError> {
        self.until(until, async { adapter!(self, a => a.get(kind, id)) }).await
    }

    pub(super) async fn save(&self, doc: &dyn Stored, until: Instant) -> Result<bool, StoreError> {
        self.until(until, async { adapter!(self, a => a.replace(doc)) }).await
    }

    /// When an operation that begins now must be over.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.within
    }

    pub(super) fn timed<T, E: From<StoreError>>(
        &self,
        operation: impl Future<Output = Result<T, E>>,
    ) -> impl Future<Output = Result<T, E>> {
        self.until(self.deadline(), operation)
    }

    /// `operation`, which ends at this time. No `async fn`, which would hold the operation twice.
    fn until<T, E: From<StoreError>>(
        &self,
        until: Instant,
        operation: impl Future<Output = Result<T, E>>,
    ) -> impl Future<Output = Result<T, E>> {
        let within = self.within;
        timeout_at(until, operation).map(move |in_time| {
            let late = |_| Err(StoreError::Unavailable(format!("no answer within {within:?}")).into());
            in_time.unwrap_or_else(late)
        })
    }
}
