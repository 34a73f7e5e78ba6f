//! What a process shows over HTTP: the API of merchants, that of operators, and its health.

use std::sync::Arc;

use axum::{Router, middleware::from_fn_with_state};
use tokio_util::sync::CancellationToken;

use super::{
    App, AppError, BODY_LIMITS, features, queues,
    routes::{about, routes},
};
use crate::{
    admin::{self, AdminState, state::Parts},
    features::{
        events::{Events, live},
        merchants::routes::pages,
        notifications::marks::Marks,
        provider_accounts,
    },
    platform::http::{
        cors,
        health::{self, About},
        limits,
        middleware::{self, Limits},
        openapi,
    },
    provider::carrier::Carrier,
};

impl App {
    /// The HTTP surface of merchants. While `draining`, `/readyz` says no.
    pub fn router(&self, draining: CancellationToken) -> Router {
        self.wrapped(self.public(draining))
    }

    /// That of operators, who ask `carrier` about shipments. Its streams end with `draining`.
    ///
    /// # Errors
    /// [`AppError::Admin`].
    pub fn admin_router(
        &self,
        carrier: Arc<dyn Carrier>,
        draining: CancellationToken,
    ) -> Result<Router, AppError> {
        Ok(self.wrapped(self.admin(carrier, draining)?))
    }

    /// Both on one listener.
    ///
    /// # Errors
    /// [`AppError::Admin`].
    pub fn whole_router(
        &self,
        carrier: Arc<dyn Carrier>,
        draining: CancellationToken,
    ) -> Result<Router, AppError> {
        let admin = self.admin(carrier, draining.clone())?;
        Ok(self.wrapped(self.public(draining).merge(admin)))
    }

    fn public(&self, draining: CancellationToken) -> Router {
        let health = health::routes(self.about(), self.checks(false), draining.clone());
        // Streams end with the process that has them open.
        let marks = Marks::new(self.store.clone(), self.clock.clone());
        let typing = self.state.messages.typing().clone();
        let feed = live::feed(Events::new(self.store.clone()), typing, marks, draining);
        let state = self.state.with_feed(feed);
        let (router, document) = routes(features(), health).with_state(state).split_for_parts();
        let open = (self.state.limiter.clone(), self.state.proxies.clone());
        let pages = openapi::docs(document).merge(pages::router());
        let router = router.merge(pages.layer(from_fn_with_state(open, limits::by_address)));
        match cors::layer(&self.config.http.origins) {
            Some(cors) => router.method_not_allowed_fallback(middleware::method_not_allowed).layer(cors),
            None => router,
        }
    }

    fn admin(&self, carrier: Arc<dyn Carrier>, draining: CancellationToken) -> Result<Router, AppError> {
        let state = AdminState::new(Parts {
            store: self.store.clone(),
            clock: self.clock.clone(),
            queue: self.queue.clone(),
            accounts: self.accounts.clone(),
            orders: self.state.orders.clone(),
            records: Arc::clone(&self.state.records),
            known_queues: queues(),
            desk: self.desk(),
            operations: self.operations(),
            webhooks: self.state.webhooks.clone(),
            messages: self.state.messages.clone(),
            kyc: self.state.kyc.clone(),
            merchants: self.state.merchants.clone(),
            members: self.state.people.clone(),
            keys: self.state.keys.clone(),
            cursors: self.state.cursors.clone(),
            carrier,
            env: self.env,
            cost: self.cost,
            settings: &self.config.admin,
            user_header: self.config.admin_user_header(),
            draining,
        });
        Ok(admin::router(state)?.merge(admin::pages::router()?))
    }

    fn wrapped(&self, router: Router) -> Router {
        let limits = Limits { bodies: BODY_LIMITS, timeout: self.config.http.timeout.get() };
        middleware::apply(router, &limits, self.clock.clone())
    }

    /// What a process without an API shows of itself: `/healthz`, `/readyz`, `/metrics`.
    pub fn health_router(&self, draining: CancellationToken) -> Router {
        let checks = self.checks(true);
        let (router, _) = health::routes(self.about(), checks, draining).split_for_parts();
        let limits = Limits { bodies: &[], timeout: self.config.http.timeout.get() };
        middleware::apply(router, &limits, self.clock.clone())
    }

    /// Without its queue an API takes orders all the same, and their outbox brings their jobs later.
    fn checks(&self, needs_queue: bool) -> Vec<(&'static str, health::Check)> {
        let (store, queue, accounts) = (self.store.clone(), self.queue.clone(), self.accounts.clone());
        let (written, worked) = (self.store.clone(), self.queue.clone());
        let store = health::check("store", move || {
            let store = store.clone();
            async move { store.ping().await.map_err(|e| e.to_string()) }
        });
        let queue = health::check_if(needs_queue, "queue", move || {
            let queue = queue.clone();
            async move { queue.inspect.ping().await.map_err(|e| e.to_string()) }
        });
        vec![
            health::vital(store, move || written.is_dead()),
            health::vital(queue, move || worked.inspect.is_dead()),
            // Orders are taken all the same, and booked when the hold is over.
            health::note("account", move || {
                let accounts = accounts.clone();
                async move {
                    accounts
                        .refresh()
                        .await
                        .map(|hold| provider_accounts::standing(hold.as_ref()))
                        .map_err(|e| e.to_string())
                }
            }),
        ]
    }

    fn about(&self) -> About {
        about(self.env)
    }
}
