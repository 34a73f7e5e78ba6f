//! What handlers of the admin API may take, each by its type: `State<Queues>`.

use std::sync::Arc;

use axum::extract::FromRef;
use tokio_util::sync::CancellationToken;

use super::{
    feed::{self, Feed, Watched},
    login::Logins,
    people::People,
    sessions::{Lives, Sessions},
    users::Users,
};
use crate::{
    base::clock::Clock,
    features::{
        audit::{Audit, AuditContext},
        desk::Desk,
        events::Events,
        kyc::Kyc,
        merchants::{Erasure, Keys, Merchants, People as Members},
        messages::Messages,
        operations::Operations,
        orders::service::{OrderService, review::ReviewService},
        provider_accounts::Accounts,
        queues::Queues,
        webhooks::Webhooks,
        workers::Workers,
    },
    platform::{
        auth::{Cost, Passwords, Throttle},
        config::{Admin as Settings, Networks},
        http::cursor::Cursors,
        queue::Queue,
        store::Store,
    },
    provider::carrier::{CallRecords, Carrier, Needs, ProviderEnv},
};

#[derive(Clone, Debug, FromRef)]
pub struct AdminState {
    pub store: Store,
    pub clock: Clock,
    pub queue: Queue,
    pub queues: Queues,
    pub accounts: Accounts,
    pub orders: OrderService,
    pub reviewers: Reviewers,
    pub desk: Desk,
    pub operations: Operations,
    /// What was asked of the provider, and how it ended.
    pub records: Arc<dyn CallRecords>,
    pub audit: Audit,
    pub users: Users,
    pub sessions: Sessions,
    pub logins: Logins,
    pub people: People,
    pub events: Events,
    pub feed: Feed,
    pub workers: Workers,
    pub webhooks: Webhooks,
    pub kyc: Kyc,
    pub merchants: Merchants,
    /// Who works for merchants, and their keys.
    pub members: Members,
    pub keys: Keys,
    pub erasure: Erasure,
    pub messages: Messages,
    pub cursors: Cursors,
    pub edge: Edge,
    pub env: ProviderEnv,
    pub draining: CancellationToken,
}

/// What the whole of the state is made of.
#[derive(Debug)]
pub struct Parts<'a> {
    pub store: Store,
    pub clock: Clock,
    pub queue: Queue,
    pub accounts: Accounts,
    pub orders: OrderService,
    pub records: Arc<dyn CallRecords>,
    /// The service's own queues, and what each needs of the account.
    pub known_queues: Vec<(&'static str, Needs)>,
    pub desk: Desk,
    pub operations: Operations,
    pub webhooks: Webhooks,
    pub kyc: Kyc,
    pub merchants: Merchants,
    pub members: Members,
    pub keys: Keys,
    pub messages: Messages,
    pub cursors: Cursors,
    /// Asked by those who decide on orders.
    pub carrier: Arc<dyn Carrier>,
    pub env: ProviderEnv,
    /// Of new password hashes.
    pub cost: Cost,
    pub settings: &'a Settings,
    pub user_header: Option<http::HeaderName>,
    /// Ends streams.
    pub draining: CancellationToken,
}

impl AdminState {
    #[must_use]
    pub fn new(parts: Parts<'_>) -> Self {
        let Parts { store, clock, queue, .. } = parts;
        let lives = Lives { idle: parts.settings.idle.get(), life: parts.settings.life.get() };
        let audit = Audit::new(store.clone(), clock.clone());
        let users = Users::new(store.clone(), clock.clone());
        let sessions = Sessions::new(store.clone(), clock.clone(), lives);
        let passwords = Passwords::default().costing(parts.cost);
        let workers = Workers::new(store.clone(), clock.clone());
        let events = Events::new(store.clone());
        let watched = Watched {
            queue: queue.clone(),
            names: parts.known_queues.iter().map(|(name, _)| *name).collect(),
            workers: workers.clone(),
        };
        Self {
            queues: Queues::new(queue.clone(), store.clone(), clock.clone(), parts.known_queues),
            reviewers: Reviewers { orders: parts.orders.clone(), carrier: parts.carrier },
            logins: Logins {
                users: users.clone(),
                sessions: sessions.clone(),
                passwords: passwords.clone(),
                throttle: Throttle::new(clock.clone()),
                audit: audit.clone(),
                clock: clock.clone(),
            },
            people: People { users: users.clone(), passwords, audit: audit.clone() },
            audit,
            users,
            sessions,
            workers,
            feed: feed::feed(
                events.clone(),
                watched,
                parts.messages.typing().clone(),
                parts.draining.clone(),
            ),
            events,
            edge: Edge { proxies: parts.settings.proxies.clone(), user_header: parts.user_header },
            erasure: Erasure::new(store.clone(), clock.clone(), parts.merchants.clone(), parts.kyc.clone()),
            store,
            clock,
            queue,
            accounts: parts.accounts,
            orders: parts.orders,
            desk: parts.desk,
            operations: parts.operations,
            webhooks: parts.webhooks,
            kyc: parts.kyc,
            merchants: parts.merchants,
            members: parts.members,
            keys: parts.keys,
            messages: parts.messages,
            cursors: parts.cursors,
            records: parts.records,
            env: parts.env,
            draining: parts.draining,
        }
    }
}

/// Makes the service by which one person decides on orders.
#[derive(Clone, Debug)]
pub struct Reviewers {
    orders: OrderService,
    carrier: Arc<dyn Carrier>,
}

impl Reviewers {
    #[must_use]
    pub fn by(&self, by: AuditContext) -> ReviewService {
        self.orders.review_service(Arc::clone(&self.carrier), by)
    }
}

/// Whom the edge believes.
#[derive(Clone, Debug)]
pub struct Edge {
    pub proxies: Networks,
    /// In which they name a user that they have signed in.
    pub user_header: Option<http::HeaderName>,
}
