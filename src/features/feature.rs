//! What one folder of `features` declares of itself. `app` puts all of them together: a new resource is its
//! folder and one line in `app::FEATURES` (and a field in [`Services`] where others share its service).

use std::{fmt, ops::Deref, sync::Arc};

use axum::extract::FromRef;
use futures_util::future::BoxFuture;
use utoipa_axum::router::OpenApiRouter;

use super::{
    events::{feed::Feed, tickets::Tickets},
    kyc::Kyc,
    mail::Mailer,
    merchants::{Keys, Merchants, People},
    messages::Messages,
    notifications::Notifications,
    orders::{
        jobs,
        service::{Labels, OrderService},
    },
    provider_accounts::Accounts,
    webhooks::Webhooks,
};
use crate::{
    base::clock::Clock,
    platform::{
        auth::{Authenticator, Tokens},
        http::{Proxies, cursor::Cursors, limits::Limiter},
        outbox::{Dispatched, Walker},
        queue::{
            job::Job,
            producer::Producer,
            registry::{Has, Registry},
            retry::Policies,
        },
        store::{
            Document, IndexReport, Order as Sort, Query, Store, StoreError,
            copy::{self, Contents},
        },
    },
    provider::carrier::{CallRecords, Needs},
};

/// Declares what is shared, and that a handler may take each of it by its type.
macro_rules! services {
    ($($(#[$about:meta])* $name:ident: $service:ty,)*) => {
        /// What [`Services`] holds.
        #[derive(Clone, Debug)]
        pub struct Shared {
            $($(#[$about])* pub $name: $service,)*
        }

        $(impl FromRef<Services> for $service {
            fn from_ref(services: &Services) -> Self {
                services.$name.clone()
            }
        })*
    };
}

services! {
    store: Store,
    clock: Clock,
    producer: Producer,
    tokens: Tokens,
    authenticator: Authenticator,
    merchants: Merchants,
    keys: Keys,
    people: People,
    kyc: Kyc,
    proxies: Proxies,
    limiter: Limiter,
    cursors: Cursors,
    orders: OrderService,
    accounts: Accounts,
    labels: Labels,
    messages: Messages,
    notifications: Notifications,
    records: Arc<dyn CallRecords>,
    webhooks: Webhooks,
    /// The live streams of this process.
    feed: Feed,
    tickets: Tickets,
}

/// What handlers of requests may take, each by its type: `State<OrderService>`. Cheap to clone, which happens
/// several times for each request.
#[derive(Clone, Debug)]
pub struct Services(Arc<Shared>);

impl From<Shared> for Services {
    fn from(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }
}

impl Deref for Services {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Services {
    /// The same, with these live streams.
    #[must_use]
    pub fn with_feed(&self, feed: Feed) -> Self {
        Shared { feed, ..Shared::clone(self) }.into()
    }
}

/// What handlers of jobs may take, each by its type: `type Context = Store`.
#[derive(Debug)]
pub struct JobContext {
    pub store: Store,
    pub clock: Clock,
    pub producer: Producer,
    pub orders: jobs::Context,
    pub mailer: Mailer,
}

impl Has<Store> for JobContext {
    fn part(&self) -> &Store {
        &self.store
    }
}

impl Has<Mailer> for JobContext {
    fn part(&self) -> &Mailer {
        &self.mailer
    }
}

impl Has<jobs::Context> for JobContext {
    fn part(&self) -> &jobs::Context {
        &self.orders
    }
}

/// One resource: its collections, queues, jobs and routes.
pub struct Feature {
    /// As its routes are headed in the API's document, and in what words.
    pub tag: Option<(&'static str, &'static str)>,
    pub collections: Vec<Collection>,
    /// What each queue needs of the carrier's account: it is shut while that is held for one of these.
    pub queues: Vec<(&'static str, Needs)>,
    pub jobs: Registry<JobContext>,
    pub routes: OpenApiRouter<Services>,
}

/// What the store is asked about a collection.
type Asked<T> = fn(&Store) -> BoxFuture<'_, Result<T, StoreError>>;
/// From the first store into the second.
type Copy = for<'s> fn(&'s Store, &'s Store) -> BoxFuture<'s, Result<u64, StoreError>>;

/// A collection whose document type is forgotten.
#[derive(Clone, Copy, Debug)]
pub struct Collection {
    pub name: &'static str,
    prepare: Asked<()>,
    remake: Asked<Vec<String>>,
    indexes: Asked<IndexReport>,
    is_empty: Asked<bool>,
    contents: Asked<Contents>,
    copy: Copy,
    walk: Option<fn(Walker, Policies) -> Walker>,
}

impl Default for Feature {
    fn default() -> Self {
        Self {
            tag: None,
            collections: Vec::new(),
            queues: Vec::new(),
            jobs: Registry::default(),
            routes: OpenApiRouter::new(),
        }
    }
}

impl fmt::Debug for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let collections: Vec<_> = self.collections.iter().map(|c| c.name).collect();
        f.debug_struct("Feature")
            .field("collections", &collections)
            .field("queues", &self.queues)
            .finish_non_exhaustive()
    }
}

impl Feature {
    /// Declares nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Heads its routes in the API's document; the headings come in the order of the features.
    #[must_use]
    pub fn tag(mut self, name: &'static str, about: &'static str) -> Self {
        self.tag = Some((name, about));
        self
    }

    /// Documents of this type are made room for at the start.
    #[must_use]
    pub fn collection<D: Document>(mut self) -> Self {
        self.collections.push(Collection::of::<D>());
        self
    }

    /// The same for documents with an outbox, which relay and sweeper walk.
    #[must_use]
    pub fn dispatched<D: Dispatched>(mut self) -> Self {
        let walk = |walker: Walker, policies| walker.over::<D>(policies);
        self.collections.push(Collection { walk: Some(walk), ..Collection::of::<D>() });
        self
    }

    /// A queue that workers work, and what its jobs need of the carrier's account.
    #[must_use]
    pub fn queue(mut self, name: &'static str, needs: Needs) -> Self {
        self.queues.push((name, needs));
        self
    }

    /// A kind of job; its queue must be declared, too.
    #[must_use]
    pub fn job<J: Job>(mut self) -> Self
    where
        JobContext: Has<J::Context>,
    {
        self.jobs = self.jobs.with::<J>();
        self
    }

    #[must_use]
    pub fn routes(mut self, routes: OpenApiRouter<Services>) -> Self {
        self.routes = self.routes.merge(routes);
        self
    }
}

impl Collection {
    /// A collection that no feature owns.
    #[must_use]
    pub fn of<D: Document>() -> Self {
        Self {
            name: D::COLLECTION,
            prepare: |store| Box::pin(store.prepare::<D>()),
            remake: |store| Box::pin(store.remake::<D>()),
            indexes: |store| Box::pin(store.indexes::<D>()),
            is_empty: |store| {
                Box::pin(async { Ok(store.count::<D>(&Query::by_id(Sort::Ascending), 1).await?.n == 0) })
            },
            contents: |store| Box::pin(copy::contents::<D>(store)),
            copy: |from, to| Box::pin(copy::copy::<D>(from, to)),
            walk: None,
        }
    }

    /// Makes what is missing of it in the database.
    ///
    /// # Errors
    /// When the store fails; [`StoreError::Outdated`] when a table or an index is stored differently.
    pub async fn prepare(&self, store: &Store) -> Result<(), StoreError> {
        (self.prepare)(store).await
    }

    /// Makes tables and indexes that are stored differently anew, and tells which.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn remake(&self, store: &Store) -> Result<Vec<String>, StoreError> {
        (self.remake)(store).await
    }

    /// How its indexes stand beside their declarations.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn indexes(&self, store: &Store) -> Result<IndexReport, StoreError> {
        (self.indexes)(store).await
    }

    /// # Errors
    /// When the store fails.
    pub async fn is_empty(&self, store: &Store) -> Result<bool, StoreError> {
        (self.is_empty)(store).await
    }

    /// How much it has, and a hash over all of it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn contents(&self, store: &Store) -> Result<Contents, StoreError> {
        (self.contents)(store).await
    }

    /// Copies all of it into a database that has nothing of it, and gives the number of documents.
    ///
    /// # Errors
    /// When a store fails.
    pub async fn copy(&self, from: &Store, to: &Store) -> Result<u64, StoreError> {
        (self.copy)(from, to).await
    }

    /// Has relay and sweeper walk it, if it has an outbox.
    #[must_use]
    pub fn walked_by(&self, walker: Walker, policies: Policies) -> Walker {
        match self.walk {
            Some(walk) => walk(walker, policies),
            None => walker,
        }
    }
}
