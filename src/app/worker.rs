//! The part of a process that runs jobs, with all that goes on beside them.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use futures_util::future::BoxFuture;
use secrecy::SecretString;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{App, AppError, JOB, PASS, collections, features, keep, queues};
use crate::{
    features::{
        JobContext,
        events::publisher::{self, Publisher},
        mail::{Mailer, Mails},
        notifications::NotificationsWorker,
        operations::OperationsWorker,
        orders::{jobs, model::PollSchedule},
        provider_accounts::{
            breaker::{Breaker, Position},
            guard::Guard,
        },
        webhooks::WebhooksWorker,
        workers::{self, AtWork, OpenBreaker, WorkedQueue, Workers},
    },
    platform::{
        config::{Account, Lookup, Words},
        outbound::Outbound,
        outbox::{self, Lease, Shut, Times, Walker},
        queue::{QueueError, registry::Registry, runner::Runner},
        store::StoreError,
    },
    provider::{
        carrier::{self, CallTimes, Carrier, Protection},
        parcelx::{LabelHosts, ParcelXClient, Settings, client::ClientError, log::ProviderLogs},
    },
};

/// The process part that runs jobs.
#[derive(Debug, Clone)]
pub struct Worker {
    runner: Runner<JobContext>,
    calls: TaskTracker,
    walker: Walker,
    lease: Lease,
    /// Of the one that makes events.
    events: Lease,
    operations: OperationsWorker,
    webhooks: WebhooksWorker,
    notifications: NotificationsWorker,
    records: keep::Records,
    guard: Guard,
    app: App,
}

impl App {
    /// Relay and sweeper over every collection that has an outbox.
    #[must_use]
    pub fn walker(&self) -> Walker {
        let outbox = &self.config.outbox;
        let times = Times {
            relay_after: outbox.relay_after.get(),
            grace: outbox.grace.get(),
            every: outbox.every.get(),
        };
        let walker = Walker::new(self.store.within(PASS), self.queue.clone(), self.clock.clone(), times)
            .told_by(self.shut());
        collections().fold(walker, |walker, collection| collection.walked_by(walker, self.config.policies()))
    }

    /// For what the account is held, if that shuts a queue.
    fn shut(&self) -> Shut {
        let (accounts, queues) = (self.accounts.clone(), Arc::new(queues()));
        Arc::new(move |queue: &'static str| -> BoxFuture<'static, Option<String>> {
            let (accounts, queues) = (accounts.clone(), Arc::clone(&queues));
            Box::pin(async move {
                let needs = queues.iter().find(|(name, _)| *name == queue).map(|(_, needs)| *needs)?;
                let hold = accounts.recent_hold().await.filter(|hold| needs.forbid(hold.kind))?;
                Some(hold.kind.as_str().to_owned())
            })
        })
    }

    /// What says when the jobs of this process may call the provider.
    fn guard(&self) -> Guard {
        let parcelx = &self.config.parcelx;
        // The longest that a job may honestly take: its turn, an earlier attempt's end, its own call, and the
        // writes.
        let probe_life =
            (parcelx.send_within.get() + self.config.call_timeout() + parcelx.settle_within.get()) * 2;
        Guard::new(
            self.accounts.clone(),
            Breaker::new(parcelx.breaker_after, self.clock.clone()),
            self.clock.clone(),
            probe_life,
            parcelx.refusals_in_a_row,
            queues(),
        )
    }

    fn limits(&self) -> carrier::Limits {
        let parcelx = &self.config.parcelx;
        let concurrency = usize::try_from(parcelx.concurrency).unwrap_or(usize::MAX);
        carrier::Limits::new(parcelx.rate, concurrency, self.config.call_timeout(), self.clock.clone())
    }

    fn parcelx(&self, account: Account, protection: Protection) -> Result<Arc<dyn Carrier>, ClientError> {
        let hosts = self.config.parcelx.label_hosts.get();
        let words = self.config.parcelx.words.clone();
        let proxy = self.config.proxy();
        let settings = settings(account, self.config.call_timeout(), hosts, (words, proxy));
        let logs = ProviderLogs::new(self.store.within(JOB), self.clock.clone());
        let client = ParcelXClient::new(settings, logs, self.clock.clone(), protection)?;
        Ok(Arc::new(client))
    }

    fn mails(&self) -> Mails {
        let (store, producer) = (self.store.within(PASS), self.state.producer.clone());
        Mails::new(store, producer, self.clock.clone(), &self.config)
    }

    /// The carrier that people who decide on orders ask about `account`'s shipments.
    ///
    /// # Errors
    /// [`AppError::Client`].
    pub fn carrier(&self, account: Account) -> Result<Arc<dyn Carrier>, AppError> {
        Ok(self.parcelx(account, Protection { observer: None, limits: self.limits() })?)
    }

    /// The part that books orders with `account`.
    ///
    /// # Errors
    /// [`AppError::Client`].
    pub fn worker(&self, account: Account) -> Result<Worker, AppError> {
        let (calls, times) = (TaskTracker::new(), &self.config.parcelx);
        let (guard, name) = (self.guard(), Arc::new(OnceLock::new()));
        let records = keep::Records::new(self);
        let limits = self.limits();
        let by_hand = Protection { observer: None, limits: limits.clone() };
        let by_hand = self.parcelx(account.clone(), by_hand)?;
        let gate = Arc::new(guard.clone());
        let protection = Protection { observer: Some(records.beside(guard.clone())), limits };
        let orders = jobs::Context {
            orders: self.state.orders.within(JOB),
            carrier: self.parcelx(account, protection)?,
            guard: guard.clone(),
            clock: self.clock.clone(),
            call_times: CallTimes {
                send_within: times.send_within.get(),
                call: self.config.call_timeout(),
                settle_within: times.settle_within.get(),
            },
            reconcile: self.config.parcelx.reconcile.get().to_vec(),
            schedule: PollSchedule {
                unclear: times.reconcile.get().to_vec(),
                confirm: times.confirm_cancel.get().to_vec(),
            },
            lookup_trusted: self.config.parcelx.lookup == Lookup::Auto,
            queue: self.queue.clone(),
            calls: calls.clone(),
            worker: Arc::clone(&name),
        };
        let context = JobContext {
            store: self.store.within(JOB),
            clock: self.clock.clone(),
            producer: self.state.producer.clone(),
            orders,
            mailer: Mailer::new(&self.config, self.store.within(JOB), self.clock.clone()),
        };
        let registry = features().into_iter().fold(Registry::default(), |all, feature| all.and(feature.jobs));
        let queues = queues().into_iter().map(|(name, _)| self.config.queue_settings(name)).collect();
        let runner = Runner::gated(self.queue.clone(), registry, context, queues, gate);
        runner.observe(Arc::new(records.clone()));
        let _is_the_first = name.set(runner.name().to_owned());
        let lease = Lease::new(self.store.clone(), self.clock.clone(), "outbox");
        let events = Lease::new(self.store.clone(), self.clock.clone(), "events");
        let operations = OperationsWorker::new(self.operations_within(JOB), by_hand, records.lease().clone());
        let webhooks = self.state.webhooks.within(JOB);
        let outbound = Outbound::new(webhooks.rules())?;
        let webhooks = WebhooksWorker::new(
            webhooks,
            outbound,
            Lease::new(self.store.clone(), self.clock.clone(), "webhooks"),
        );
        let notifications = NotificationsWorker::new(
            self.store.within(PASS),
            self.clock.clone(),
            self.mails(),
            Lease::new(self.store.clone(), self.clock.clone(), "notifications"),
        );
        let (walker, app) = (self.walker(), self.clone());
        Ok(Worker {
            runner,
            calls,
            walker,
            lease,
            events,
            operations,
            webhooks,
            notifications,
            records,
            guard,
            app,
        })
    }
}

pub(super) fn settings(
    account: Account,
    timeout: Duration,
    label_hosts: &[String],
    (words, proxy): (Words, Option<SecretString>),
) -> Settings {
    Settings {
        label_hosts: LabelHosts::new(account.base_url.clone(), label_hosts),
        base_url: account.base_url,
        access_key: account.access_key,
        secret_key: account.secret_key,
        timeout,
        proxy,
        words: Arc::new(words),
    }
}

impl Worker {
    /// Runs jobs until `stop`, then ends those in hand and returns when every call to the provider has its
    /// outcome written down.
    pub async fn run(&self, stop: &CancellationToken) {
        let outbox = tokio::spawn(outbox::run(self.walker.clone(), self.lease.clone(), stop.clone()));
        let events = publisher::run(self.publisher(), self.events.clone(), stop.clone());
        let events = tokio::spawn(events);
        let registered = tokio::spawn(self.registered(stop.clone()));
        let (operations, bulk_stop) = (self.operations.clone(), stop.clone());
        let bulk = tokio::spawn(async move { operations.run(bulk_stop).await });
        let (webhooks, webhooks_stop) = (self.webhooks.clone(), stop.clone());
        let webhooks = tokio::spawn(async move { webhooks.run(webhooks_stop).await });
        let (notifications, notify_stop) = (self.notifications.clone(), stop.clone());
        let notifications = tokio::spawn(async move { notifications.run(notify_stop).await });
        let (records, ended) = (self.records.clone(), CancellationToken::new());
        let (kept, keep_stop) = (ended.clone().drop_guard(), ended);
        let keep = tokio::spawn(async move { records.run(keep_stop).await });
        let watch = tokio::spawn(self.app.clone().watch(self.lease.clone()));
        self.runner.run(stop).await;
        watch.abort();
        self.calls.close();
        self.calls.wait().await;
        if outbox.await.is_err() {
            tracing::error!("relay and sweeper panicked");
        }
        if events.await.is_err() {
            tracing::error!("what makes events panicked");
        }
        if registered.await.is_err() {
            tracing::error!("what says that this worker is there panicked");
        }
        if bulk.await.is_err() {
            tracing::error!("the operations panicked");
        }
        if webhooks.await.is_err() {
            tracing::error!("what sends webhooks panicked");
        }
        if notifications.await.is_err() {
            tracing::error!("what makes notifications panicked");
        }
        drop(kept);
        if keep.await.is_err() {
            tracing::error!("what keeps runs and numbers panicked");
        }
    }

    /// Shows this worker among the others, until it is told to stop.
    fn registered(&self, stop: CancellationToken) -> impl Future<Output = ()> + use<> {
        let (runner, guard) = (self.runner.clone(), self.guard.clone());
        let at_work = move || {
            let all = runner.in_hand().into_iter();
            let queue = |(name, concurrency, in_hand)| WorkedQueue { name, concurrency, in_hand };
            let (position, since) = guard.breaker();
            let half_open = position == Position::HalfOpen;
            let breaker = since.map(|since| OpenBreaker { since, half_open });
            AtWork { queues: all.map(queue).collect(), breaker }
        };
        let workers = Workers::new(self.app.store.within(PASS), self.app.clock.clone());
        workers::run(workers, self.runner.name().to_owned(), at_work, stop)
    }

    /// What makes events of what has changed.
    #[must_use]
    pub fn publisher(&self) -> Publisher {
        Publisher::new(self.app.store.within(PASS), self.app.clock.clone())
    }

    /// Runs what waits until nothing is waiting; see [`Runner::run_pending`].
    ///
    /// # Errors
    /// When the queue does not answer.
    pub async fn run_pending(&self) -> Result<usize, QueueError> {
        let runs = self.runner.run_pending().await;
        self.records.flush().await;
        runs
    }

    /// Does the operations that wait or run; see [`OperationsWorker::run_pending`].
    ///
    /// # Errors
    /// When the store fails.
    pub async fn run_operations(&self) -> Result<usize, StoreError> {
        self.operations.run_pending().await
    }

    /// Sends the webhooks that are due; see [`WebhooksWorker::run_pending`].
    ///
    /// # Errors
    /// When the store fails.
    pub async fn run_webhooks(&self) -> Result<usize, StoreError> {
        self.webhooks.run_pending().await
    }

    /// Makes the notifications, and mails of them, that are due; see [`NotificationsWorker::run_pending`].
    ///
    /// # Errors
    /// When the store fails.
    pub async fn run_notifications(&self) -> Result<usize, StoreError> {
        self.notifications.run_pending().await
    }

    /// The part that sends webhooks.
    #[must_use]
    pub fn webhooks(&self) -> &WebhooksWorker {
        &self.webhooks
    }

    /// The part that does operations.
    #[must_use]
    pub fn operations(&self) -> &OperationsWorker {
        &self.operations
    }
}
