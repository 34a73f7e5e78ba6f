//! Builds everything, the same way for each program and for the tests.

pub mod by_hand;
pub mod copy;
mod gauges;
pub mod indexes;
mod installation;
mod keep;
pub mod legacy;
pub mod migrations;
mod open;
pub mod restored;
mod routes;
pub mod scopes;
mod surface;
mod time;
mod worker;

use std::{sync::Arc, time::Duration};

use tokio_util::sync::DropGuard;

use self::installation::Installation;
pub use self::{
    open::AppError,
    routes::{BODY_LIMITS, document},
    worker::Worker,
};
pub use crate::provider::parcelx::client::install_crypto;
use crate::{
    admin::{
        people::People,
        sessions::AdminSession,
        users::{AdminUser, Users},
    },
    base::clock::Clock,
    features::{
        Collection, Feature, Services,
        audit::{self, Audit},
        desk::Desk,
        events, kyc, mail, merchants, messages, notifications,
        operations::{self, Operations},
        orders,
        provider_accounts::{self, Accounts},
        runs, series, webhooks, workers,
    },
    platform::{
        auth::{Cost, Passwords},
        config::Config,
        files::ProbeError,
        outbox::LeaseDocument,
        queue::Queue,
        store::{Store, migrations::Migration},
    },
    provider::{
        carrier::{Needs, ProviderEnv},
        parcelx::log::{OutcomeLog, ProviderLogs, RequestLog},
    },
};

/// Every resource, in the order in which the API's document shows them. A new one is a line here.
const FEATURES: &[fn() -> Feature] = &[
    orders::feature,
    provider_accounts::feature,
    audit::feature,
    events::feature,
    kyc::feature,
    mail::feature,
    merchants::feature,
    messages::feature,
    notifications::feature,
    operations::feature,
    runs::feature,
    series::feature,
    webhooks::feature,
    workers::feature,
];

fn features() -> Vec<Feature> {
    FEATURES.iter().map(|feature| feature()).collect()
}

/// How long an operation of the store may take in a job, and in a pass of relay or sweeper, where no merchant
/// waits for it.
const JOB: Duration = Duration::from_secs(10);
const PASS: Duration = Duration::from_secs(30);
/// The same for what an operator waits for.
const PREVIEW: Duration = Duration::from_secs(8);

/// Those of the features, of the provider's logs, the leases, and the steps that were made.
fn collections() -> impl Iterator<Item = Collection> {
    let shared = [
        Collection::of::<RequestLog>(),
        Collection::of::<OutcomeLog>(),
        Collection::of::<LeaseDocument>(),
        Collection::of::<Migration>(),
        Collection::of::<Installation>(),
        Collection::of::<AdminUser>(),
        Collection::of::<AdminSession>(),
    ];
    features().into_iter().flat_map(|feature| feature.collections).chain(shared)
}

/// Each queue that workers work, and what its jobs need of the provider's account.
#[must_use]
pub fn queues() -> Vec<(&'static str, Needs)> {
    features().into_iter().flat_map(|feature| feature.queues).collect()
}

/// One process's parts. Cheap to clone; clones share them.
#[derive(Clone, Debug)]
pub struct App {
    pub config: Arc<Config>,
    pub clock: Clock,
    pub store: Store,
    pub queue: Queue,
    pub env: ProviderEnv,
    /// The provider's account that orders are booked with.
    pub accounts: Accounts,
    /// What was asked of the provider, and how it ended.
    pub logs: ProviderLogs,
    pub state: Services,
    /// Of the password hashes that this process makes.
    pub cost: Cost,
    /// Keeps `clock` by the database's, as long as anybody has it.
    _time: Option<Arc<DropGuard>>,
    /// Shares what is left of the limits with other processes, likewise.
    _shared: Option<Arc<DropGuard>>,
}

impl App {
    /// Tries the server that documents are kept on, if there is one. That it is away now hinders no order:
    /// then it is told, and documents are refused until it is back.
    ///
    /// # Errors
    /// [`AppError::FileServer`]: it will never do.
    pub async fn try_files(&self) -> Result<(), AppError> {
        match self.state.kyc.files().probe().await {
            Ok(()) => Ok(()),
            Err(ProbeError::Away(why)) => {
                tracing::error!(why, "files.url: the server is away: no document is taken until it is back");
                Ok(())
            }
            Err(ProbeError::Unfit(why)) => Err(AppError::FileServer(why)),
        }
    }

    /// Tells the log of open orders that are for another provider: this process leaves them alone.
    pub async fn tell_of_foreign_orders(&self) {
        match self.state.orders.within(JOB).open_of_other_env().await {
            Ok(0) => {}
            Ok(count) => tracing::warn!(
                count,
                env = self.env.as_str(),
                "{count} open orders are not for the {} ParcelX: they are left to a process that works for \
                 theirs",
                self.env.as_str()
            ),
            Err(error) => {
                tracing::warn!(%error, "it is not known whether orders of another provider are open");
            }
        }
    }

    /// What manages the people who may use the dashboard.
    #[must_use]
    pub fn people(&self) -> People {
        People {
            users: Users::new(self.store.clone(), self.clock.clone()),
            passwords: Passwords::default().costing(self.cost),
            audit: Audit::new(self.store.clone(), self.clock.clone()),
        }
    }

    /// Bulk work, as people see it.
    #[must_use]
    pub fn operations(&self) -> Operations {
        self.operations_within(PREVIEW)
    }

    fn operations_within(&self, within: Duration) -> Operations {
        let own = queues().into_iter().map(|(name, _)| name).collect();
        let orders = self.state.orders.within(within);
        Operations::new(self.store.within(within), self.clock.clone(), orders, self.queue.clone(), own)
    }

    fn desk(&self) -> Desk {
        let parts = (self.store.clone(), self.queue.clone(), self.clock.clone());
        let records = Arc::clone(&self.state.records);
        Desk::new(parts, self.state.orders.clone(), self.accounts.clone(), records, queues())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    /// A job in a queue that nobody declared would wait for ever.
    #[test]
    fn every_job_has_a_queue_that_its_feature_declares() {
        for feature in super::features() {
            let declared: Vec<_> = feature.queues.iter().map(|(name, _)| *name).collect();
            assert_eq!(
                feature.jobs.queues().into_iter().collect::<BTreeSet<_>>(),
                declared.into_iter().collect()
            );
        }
    }

    #[test]
    fn no_two_collections_or_queues_share_a_name() {
        let collections: Vec<_> = super::collections().map(|collection| collection.name).collect();
        assert_eq!(collections.iter().collect::<BTreeSet<_>>().len(), collections.len(), "{collections:?}");
        let queues: Vec<_> = super::queues().into_iter().map(|(name, _)| name).collect();
        assert_eq!(queues.iter().collect::<BTreeSet<_>>().len(), queues.len(), "{queues:?}");
    }
}
