//! The whole service in one test: real router, a database and a queue of its own in a temporary folder, a
//! worker whose jobs run when the test says so, a scripted ParcelX double behind a real socket, and a clock
//! that the test moves.
//!
//! It does not let a test lie: when it is dropped, no job may be open and every call the double saw must have
//! been asserted.

use std::{collections::BTreeMap, net::SocketAddr, sync::Mutex, time::Duration};
use waybill::{
    app::{App, Worker},
    base::{clock::Clock, timestamp::Timestamp},
    platform::{
        config::{Account, Config},
        queue::{Counts, Keep, Queue},
    },
    provider::{
        carrier::ProviderEnv,
        simulator::{Profile, Settings, Simulator},
    },
};

use axum::Router;
use secrecy::SecretString;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;

use super::{
    Client,
    backend::{Backend, Kind},
};

/// 2026-01-31T09:30:00Z
const START: i64 = 1_769_851_800_000;

pub(crate) const QUEUES: [&str; 3] =
    ["parcelx-orders-queue", "parcelx-order-cancellation-queue", "parcelx-labels-queue"];
/// Those of mails and texts.
const LETTERS: [&str; 2] = ["emails-queue", "texts-queue"];

pub(crate) struct TestApp {
    pub(crate) app: App,
    pub(crate) clock: Clock,
    pub(crate) simulator: Simulator,
    pub(crate) worker: Worker,
    /// Where the double listens.
    pub(crate) provider_address: SocketAddr,
    router: Router,
    /// How many of the double's entries have been asserted.
    asserted: Mutex<usize>,
    leave_jobs: Mutex<bool>,
    _simulator_runs: DropGuard,
    pub(crate) backend: Backend,
    pub(crate) folder: TempDir,
}

pub(crate) struct Builder {
    kind: Kind,
    settings: Vec<(String, String)>,
    base_url: Option<String>,
    env: ProviderEnv,
}

impl TestApp {
    pub(crate) async fn start() -> Self {
        Self::builder().start().await
    }

    pub(crate) fn builder() -> Builder {
        Builder { kind: Kind::chosen(), settings: Vec::new(), base_url: None, env: ProviderEnv::Simulator }
    }

    /// The merchant `user`.
    pub(crate) fn merchant(&self, user: &str) -> Client {
        let token = self.app.state.tokens.issue(user, Duration::from_secs(30 * 86_400)).unwrap();
        Client { router: self.router.clone(), token: Some(token) }
    }

    pub(crate) fn anybody(&self) -> Client {
        Client { router: self.router.clone(), token: None }
    }

    pub(crate) fn router(&self) -> Router {
        self.router.clone()
    }

    /// The provider's account, at the double.
    pub(crate) fn account(&self) -> Account {
        let key = || SecretString::from("key");
        let base_url = Url::parse(&format!("http://{}", self.provider_address)).unwrap();
        Account { base_url, access_key: key(), secret_key: key() }
    }

    /// Runs what waits now, and gives the number of runs.
    pub(crate) async fn run_pending_jobs(&self) -> usize {
        self.worker.run_pending().await.unwrap()
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.backend.advance(&self.clock, by);
    }

    /// Asserts what the double was asked since the last time, as counts by operation (`create`, `track` …).
    pub(crate) fn assert_calls(&self, expected: &[(&str, usize)]) {
        let ledger = self.simulator.ledger();
        let mut asserted = self.asserted.lock().unwrap();
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for entry in ledger.iter().skip(*asserted) {
            let name = serde_json::to_value(entry.operation).unwrap().as_str().unwrap().to_owned();
            *seen.entry(name).or_default() += 1;
        }
        *asserted = ledger.len();
        let expected: BTreeMap<String, usize> =
            expected.iter().filter(|(_, n)| *n > 0).map(|(k, n)| ((*k).to_owned(), *n)).collect();
        assert_eq!(seen, expected, "calls to ParcelX");
    }

    /// For the few tests that end with jobs still to be done.
    pub(crate) fn leave_jobs(&self) {
        *self.leave_jobs.lock().unwrap() = true;
    }

    pub(crate) async fn counts(&self) -> Counts {
        self.app.queue.inspect.counts(QUEUES[0]).await.unwrap()
    }
}

impl Builder {
    /// A setting, as `("WAYBILL_QUEUE__ATTEMPTS", "5")`.
    pub(crate) fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// On files, whatever the others stand on: for what happens to these files.
    pub(crate) fn on_files(mut self) -> Self {
        self.kind = Kind::Sqlite;
        self
    }

    /// With its queue on Redis, whatever the others stand on.
    pub(crate) fn on_redis(mut self) -> Self {
        self.kind = Kind::Redis;
        self
    }

    /// On MongoDB, where no key is generated.
    pub(crate) fn mongodb(self, url: &str) -> Self {
        let key = "of the tests, and 32 bytes or more";
        self.setting("WAYBILL_STORE__URL", url).setting("WAYBILL_AUTH__JWT_SECRET", key)
    }

    /// Another provider than the double.
    pub(crate) fn provider(mut self, base_url: &str) -> Self {
        self.base_url = Some(base_url.to_owned());
        self
    }

    pub(crate) fn env(mut self, env: ProviderEnv) -> Self {
        self.env = env;
        self
    }

    pub(crate) async fn start(self) -> TestApp {
        let folder = TempDir::new().unwrap();
        let clock = Clock::manual(Timestamp::from_millis(START));
        let backend = Backend::new(self.kind, folder.path()).await;
        let mut settings = vec![
            ("WAYBILL_STORE__URL".to_owned(), backend.store_url()),
            ("WAYBILL_QUEUE__URL".to_owned(), backend.queue_url()),
        ];
        if !backend.is_files() {
            let secret = "a-key-of-the-tests-and-of-nothing-else";
            settings.push(("WAYBILL_AUTH__JWT_SECRET".to_owned(), secret.to_owned()));
            let mails = format!("file:{}", folder.path().join("mails.txt").display());
            settings.push(("WAYBILL_MAIL__URL".to_owned(), mails));
            let files = format!("file:{}", folder.path().join("files").display());
            settings.push(("WAYBILL_FILES__URL".to_owned(), files));
        }
        settings.retain(|(name, _)| self.settings.iter().all(|(own, _)| own != name));
        settings.extend(self.settings);
        let config = Config::load(None, settings).unwrap();

        let simulator =
            Simulator::new(Settings { profile: Profile::Unpleasant, ..Settings::default() }, clock.clone())
                .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let (double, stopped) = (simulator.clone(), stop.clone().cancelled_owned());
        tokio::spawn(async move { double.serve(listener, stopped).await });

        let app = App::open(config, self.env, clock.clone()).await.unwrap();
        let key = || SecretString::from("key");
        let base_url = Url::parse(&self.base_url.unwrap_or_else(|| format!("http://{address}"))).unwrap();
        let account = Account { base_url, access_key: key(), secret_key: key() };
        let worker = app.worker(account.clone()).unwrap();
        let router = app.whole_router(app.carrier(account).unwrap(), CancellationToken::new()).unwrap();
        TestApp {
            app,
            clock,
            simulator,
            worker,
            provider_address: address,
            router,
            asserted: Mutex::new(0),
            leave_jobs: Mutex::new(false),
            _simulator_runs: stop.drop_guard(),
            backend,
            folder,
        }
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let unasserted = self.simulator.ledger().len() - *self.asserted.lock().unwrap();
        assert_eq!(unasserted, 0, "calls to ParcelX that the test did not expect");
        if *self.leave_jobs.lock().unwrap() {
            return;
        }
        // A runtime and a handle of their own: this one must not be blocked, a drop cannot wait, and what
        // keeps a connection alive may be a task of the runtime that now stands still.
        let (url, clock) = (self.backend.queue_url(), self.clock.clone());
        let look = move || tokio::runtime::Runtime::new().unwrap().block_on(open_jobs(&url, clock));
        let open = std::thread::spawn(look).join().unwrap();
        assert_eq!(open, 0, "jobs are left");
    }
}

async fn open_jobs(url: &str, clock: Clock) -> u64 {
    let queue = Queue::open(url, clock, Keep::default()).await.unwrap();
    let mut open = 0;
    for name in QUEUES.into_iter().chain(LETTERS) {
        open += queue.inspect.counts(name).await.unwrap().open();
    }
    open
}
