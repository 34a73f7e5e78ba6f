//! Whose queues these are.
//!
//! Guards against two installations on one prefix, each of which would end jobs of the other as those of
//! orders that do not exist: the first one that serves or works leaves its id beside the queues. It is looked
//! for at the start, whenever the epoch is asked for, and each time a worker says that it is there. So a
//! server that lost everything gets it anew with its new epoch. A command only compares: one with another
//! database would else take the queues of whoever runs there, once their mark is gone.

use std::{sync::atomic::Ordering, time::Duration};

use super::{RedisQueue, jobs::text, link::Failure, scripts};
use crate::{
    base::{ids, timestamp::Timestamp},
    platform::queue::{Epoch, QueueError},
};

impl RedisQueue {
    /// The epoch, unless the queues are another installation's.
    pub(super) async fn look_at_owner(&self, within: Duration) -> Result<Epoch, Failure> {
        let installation = self.installation.as_deref().unwrap_or_default();
        let taker = if self.claims_nothing { "" } else { installation };
        let args = vec![text(ids::lease_token()), self.now(), text(taker)];
        let owner_key = self.own_key("installation");
        let keys = [&*self.own_key("epoch"), &*owner_key];
        let told = self.calls.try_run(&scripts::EPOCH, &keys, args, within).await?;
        let lasting = |error| Failure { error, lasting: true };
        let [epoch, owner, taken] = told.parts().map_err(lasting)?;
        let owner = owner.text();
        let is_ours = match owner.as_deref() {
            Some(owner) => installation.is_empty() || owner == installation,
            None => taker.is_empty(),
        };
        let was_ours = self.owned.swap(is_ours, Ordering::Relaxed);
        if !is_ours {
            let why = format!(
                "{}: the queues of the prefix {} belong to another installation (another database of \
                 documents): set queue.prefix to a name of this one; or, if the other is gone for good, run \
                 redis-cli DEL '{owner_key}'",
                self.place.shown, self.place.prefix
            );
            if was_ours {
                tracing::error!(
                    "another installation has taken the queues of this one: no job is run. {why}"
                );
            }
            return Err(lasting(QueueError::Fault(why)));
        }
        if was_ours && taken.yes() {
            tracing::error!(
                "{}: the mark that the queues of the prefix {} are ours was gone, as if all keys had been \
                 removed: it is put back, and jobs that are gone come again from the documents",
                self.place.shown,
                self.place.prefix
            );
        }
        let told = epoch.text().unwrap_or_default();
        let (id, since) = told.split_once(' ').unwrap_or_default();
        let since = since
            .parse()
            .map_err(|_| lasting(QueueError::Fault("the queue's epoch does not read".to_owned())))?;
        Ok(Epoch { id: id.to_owned(), since: Timestamp::from_millis(since) })
    }

    /// Refuses while the queues are not known to be ours: the server may have been away at the start.
    pub(super) async fn check_owner(&self, within: Duration) -> Result<(), QueueError> {
        if !self.owned.load(Ordering::Relaxed) {
            self.look_at_owner(within).await?;
        }
        Ok(())
    }

    pub(super) fn is_owner(&self) -> bool {
        self.owned.load(Ordering::Relaxed)
    }
}
