//! One leader at a time: a lease document that its holder renews. Two leaders for a moment (a clock that is
//! off, a frozen process) do no harm, since everything a pass does is repeatable; the lease only saves work.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    base::{clock::Clock, ids, timestamp::Timestamp},
    platform::store::{Decision, Document, Index, Store, StoreError, Updated, id_and_version},
};

/// How long a leader that vanished is waited for.
const LIFE: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LeaseDocument {
    pub id: String,
    pub version: i64,
    /// Nobody, after it was given back.
    pub holder: Option<String>,
    pub until: Timestamp,
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Document for LeaseDocument {
    const COLLECTION: &'static str = "leases";
    const INDEXES: &'static [Index] = &[];

    id_and_version!();
}

/// This process's side of a lease. Clones share it.
#[derive(Debug, Clone)]
pub struct Lease {
    store: Store,
    clock: Clock,
    name: &'static str,
    holder: Arc<str>,
    held_until: Arc<Mutex<Option<Timestamp>>>,
}

impl Lease {
    #[must_use]
    pub fn new(store: Store, clock: Clock, name: &'static str) -> Self {
        Self { store, clock, name, holder: ids::lease_token().into(), held_until: Arc::default() }
    }

    /// Whether this process is the leader now, renewing or taking the lease where that is needed.
    ///
    /// # Errors
    /// When the store fails; then this process is not the leader.
    pub async fn hold(&self) -> Result<bool, StoreError> {
        let now = self.clock.now();
        // While more than half of it is left nothing is written: an idle process stays idle.
        if self.known().is_some_and(|until| until > now + LIFE / 2) {
            return Ok(true);
        }
        self.set(None);
        let until = now + LIFE;
        let taken = self.take(now, until).await?;
        if taken {
            self.set(Some(until));
        }
        Ok(taken)
    }

    async fn take(&self, now: Timestamp, until: Timestamp) -> Result<bool, StoreError> {
        let updated = self.store.update::<LeaseDocument, bool, StoreError>(self.name, |lease| {
            let free = lease.until <= now || lease.holder.as_deref().is_none_or(|h| h == &*self.holder);
            if !free {
                return Ok(Decision::Leave(false));
            }
            lease.holder = Some(self.holder.to_string());
            lease.until = until;
            Ok(Decision::Save(true))
        });
        if let Updated::Done(_, taken) = updated.await? {
            return Ok(taken);
        }
        let lease = LeaseDocument {
            id: self.name.to_owned(),
            version: 1,
            holder: Some(self.holder.to_string()),
            until,
            extra: Map::new(),
        };
        match self.store.insert(&lease).await {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Lets the next process take it without waiting.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn release(&self) -> Result<(), StoreError> {
        self.set(None);
        let updated = self.store.update::<LeaseDocument, (), StoreError>(self.name, |lease| {
            if lease.holder.as_deref() != Some(&*self.holder) {
                return Ok(Decision::Leave(()));
            }
            lease.holder = None;
            Ok(Decision::Save(()))
        });
        updated.await.map(|_| ())
    }

    /// Whether this process was the leader when it last asked.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.known().is_some_and(|until| until > self.clock.now())
    }

    fn known(&self) -> Option<Timestamp> {
        *self.held_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, until: Option<Timestamp>) {
        *self.held_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
}
