//! The service as it runs in production, on one machine: a simulator, APIs and workers as processes, one
//! folder.

use std::{
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use secrecy::SecretString;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::sleep;
use waybill::{base::clock::Clock, platform::auth::Tokens};

use super::{backend::Backend, merchant::Merchant, process::Process, seed::Seed, simulator::Simulator};

const WAYBILL: &str = env!("CARGO_BIN_EXE_waybill");
const WORKER: &str = env!("CARGO_BIN_EXE_worker");
const JWT_SECRET: &str = "a-key-of-the-fault-tests-and-of-nothing-else";

/// Short times, so that what waits for a dead process is not waited for long. An order that was taken by one
/// is taken over after 2 s + 1.5 s + 1 s.
const SETTINGS: [(&str, &str); 15] = [
    ("WAYBILL_HTTP__BIND", "127.0.0.1:0"),
    ("WAYBILL_PARCELX__ACCESS_KEY", "key"),
    ("WAYBILL_PARCELX__SECRET_KEY", "key"),
    ("WAYBILL_PARCELX__TIMEOUT", "1500ms"),
    ("WAYBILL_PARCELX__SEND_WITHIN", "2s"),
    ("WAYBILL_PARCELX__SETTLE_WITHIN", "1s"),
    ("WAYBILL_PARCELX__RECONCILE", "300ms,1s,2s,4s,8s"),
    ("WAYBILL_PARCELX__CONFIRM_CANCEL", "300ms,1s,3s,6s"),
    ("WAYBILL_WORKER__DRAIN", "4s"),
    ("WAYBILL_QUEUE__LEASE", "1s"),
    ("WAYBILL_QUEUE__BACKOFF", "300ms"),
    ("WAYBILL_OUTBOX__RELAY_AFTER", "1s"),
    ("WAYBILL_OUTBOX__GRACE", "1s"),
    ("WAYBILL_OUTBOX__EVERY", "200ms"),
    ("WAYBILL_LOG__FORMAT", "pretty"),
];

/// As set above.
pub(crate) const LEASE: Duration = Duration::from_secs(1);

pub(crate) struct Rig {
    pub(crate) scenario: &'static str,
    pub(crate) seed: Seed,
    pub(crate) simulator: Simulator,
    pub(crate) merchant: Merchant,
    pub(crate) started: Instant,
    /// How many processes were ended without notice.
    pub(crate) kills: AtomicUsize,
    /// When the last of these ended, in Unix milliseconds.
    pub(crate) last_kill: AtomicI64,
    /// How many of these came between a booking and its answer, as the ledger tells.
    pub(crate) kills_unheard: AtomicUsize,
    settings: Vec<(String, String)>,
    numbers: Mutex<usize>,
    _simulator_runs: Process,
    backend: Backend,
    folder: Option<TempDir>,
}

impl Rig {
    /// A simulator that answers at once, and nothing else yet. `settings` go over the usual ones.
    pub(crate) async fn new(scenario: &'static str, settings: &[(&str, &str)]) -> Self {
        let folder = TempDir::with_prefix(format!("waybill-{scenario}-")).unwrap();
        let backend = Backend::chosen(folder.path()).await;
        Self::on(scenario, settings, folder, backend).await
    }

    /// The same on files, whatever the others stand on: for what happens to these files.
    pub(crate) async fn on_files(scenario: &'static str, settings: &[(&str, &str)]) -> Self {
        let folder = TempDir::with_prefix(format!("waybill-{scenario}-")).unwrap();
        let backend = Backend::files(folder.path());
        Self::on(scenario, settings, folder, backend).await
    }

    /// The same on the servers, whatever the others stand on, or with its documents on one of its own.
    pub(crate) async fn on_servers(scenario: &'static str, own: Option<String>) -> Self {
        let folder = TempDir::with_prefix(format!("waybill-{scenario}-")).unwrap();
        let backend = match own {
            None => Backend::server().await,
            Some(url) => Backend::at(url, "waybill").await,
        };
        Self::on(scenario, &[], folder, backend).await
    }

    #[expect(clippy::print_stderr, reason = "a test speaks to who runs it")]
    async fn on(
        scenario: &'static str,
        settings: &[(&str, &str)],
        folder: TempDir,
        backend: Backend,
    ) -> Self {
        let seed = Seed::of(scenario);
        eprintln!(
            "faults: {scenario}: FAULTS_SEED={} FAULTS_ROUNDS={}",
            super::seed::run(),
            super::seed::rounds()
        );
        let path = folder.path();
        waybill::provider::parcelx::client::install_crypto();
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap();

        let ledger = path.join("ledger.jsonl");
        let arguments = [
            "simulator",
            "--bind",
            "127.0.0.1:0",
            "--profile",
            "unpleasant",
            "--ledger",
            ledger.to_str().unwrap(),
        ];
        let mut running = Process::start("simulator", WAYBILL, &arguments, &[], &path.join("simulator.log"));
        let simulator = Simulator::at(running.says("ParcelX simulator on ").await, http.clone());
        // A second create with the same reference is a second shipment, so that one shows; what was booked is
        // found at once.
        simulator.switch(json!({ "duplicate": "newAwb", "lookup": "works" })).await;

        let mut all: Vec<(String, String)> =
            SETTINGS.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let (store, queue) = backend.urls();
        all.extend([
            ("WAYBILL_STORE__URL".to_owned(), store),
            ("WAYBILL_QUEUE__URL".to_owned(), queue),
            ("WAYBILL_AUTH__JWT_SECRET".to_owned(), JWT_SECRET.to_owned()),
            ("WAYBILL_PARCELX__BASE_URL".to_owned(), simulator.url.clone()),
        ]);
        for (key, value) in settings {
            all.retain(|(k, _)| k != key);
            all.push(((*key).to_owned(), (*value).to_owned()));
        }
        let tokens = Tokens::new(&SecretString::from(JWT_SECRET), Clock::system());
        let token = tokens.issue("u1", Duration::from_secs(86_400)).unwrap();
        Self {
            scenario,
            seed,
            simulator,
            merchant: Merchant::new(token, http),
            started: Instant::now(),
            kills: AtomicUsize::new(0),
            last_kill: AtomicI64::new(0),
            kills_unheard: AtomicUsize::new(0),
            settings: all,
            numbers: Mutex::new(0),
            _simulator_runs: running,
            backend,
            folder: Some(folder),
        }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.as_ref().unwrap().path().join(name)
    }

    /// Starts an API, tells the merchant of it, and returns when it answers.
    pub(crate) async fn api(&self, point: Option<&str>) -> Process {
        let mut api = self.start("api", WAYBILL, &["api"], point);
        let url = api.says("API on ").await;
        self.merchant.knows(url);
        api
    }

    /// Starts a worker and returns when it works.
    pub(crate) async fn worker(&self, point: Option<&str>) -> Process {
        let mut worker = self.start("worker", WORKER, &[], point);
        // A worker that is told to die may do so before the first look at what it says.
        if point.is_none() {
            worker.says(": worker on ").await;
        }
        worker
    }

    fn start(&self, kind: &str, program: &str, arguments: &[&str], point: Option<&str>) -> Process {
        let number = {
            let mut numbers = self.numbers.lock().unwrap();
            *numbers += 1;
            *numbers
        };
        let name = format!("{kind}-{number}");
        let mut settings = self.settings.clone();
        settings.extend(point.map(|point| ("WAYBILL_FAULT_POINT".to_owned(), point.to_owned())));
        let log = self.file(&format!("{name}.log"));
        Process::start(&name, program, arguments, &settings, &log)
    }

    /// Kills a process without notice and starts another of its kind.
    pub(crate) async fn replace(&self, process: &mut Process) {
        process.kill();
        self.killed();
        *process = self.another(process).await;
    }

    /// One more of the same kind.
    pub(crate) async fn another(&self, process: &Process) -> Process {
        if process.name.starts_with("api") { self.api(None).await } else { self.worker(None).await }
    }

    /// Kills a process without notice.
    pub(crate) fn kill(&self, mut process: Process) {
        process.kill();
        self.killed();
    }

    /// Counts one that has ended at its fault point.
    pub(crate) fn killed(&self) {
        self.kills.fetch_add(1, Ordering::Relaxed);
        self.last_kill.store(Clock::system().now().as_millis(), Ordering::Relaxed);
    }

    /// Where the documents are.
    pub(crate) fn store_url(&self) -> String {
        self.backend.urls().0
    }

    /// Every document of a collection.
    pub(crate) fn documents(&self, collection: &str) -> Vec<Value> {
        self.backend.documents(collection)
    }

    /// The order of a merchant's number, as it stands in the file.
    pub(crate) fn order(&self, client_order_id: &str) -> Value {
        self.documents("orders")
            .into_iter()
            .find(|o| o["clientOrderId"] == client_order_id)
            .unwrap_or(Value::Null)
    }

    /// Its `providerSyncStatus`.
    pub(crate) fn state(&self, client_order_id: &str) -> String {
        self.order(client_order_id)["providerSyncStatus"].as_str().unwrap_or("absent").to_owned()
    }

    /// Waits until `reached`, for a minute.
    pub(crate) async fn until(&self, what: &str, reached: impl Fn() -> bool) {
        let until = Instant::now() + Duration::from_secs(60);
        while !reached() {
            assert!(Instant::now() < until, "not even after a minute: {what}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// The queue goes, with all it knew, under whoever has it open.
    pub(crate) fn lose_queue(&self) {
        self.backend.lose_queue(true);
    }

    /// The same as a person may delete its file, who does not see those beside it.
    pub(crate) fn lose_queue_file(&self) {
        self.backend.lose_queue(false);
    }

    /// How far the clocks of the service and of the simulator may be apart: the service's goes by its
    /// database's, which is known to half a round trip.
    pub(crate) fn clocks(&self) -> Duration {
        Duration::from_millis(if self.backend.is_files() { 0 } else { 100 })
    }

    /// Jobs that are not finished, as `state id`.
    pub(crate) fn open_jobs(&self) -> Vec<String> {
        self.backend.open_jobs()
    }
}

impl Drop for Rig {
    #[expect(clippy::print_stderr, reason = "a test speaks to who runs it")]
    fn drop(&mut self) {
        if let Some(folder) = self.folder.take().filter(|_| std::thread::panicking()) {
            let (scenario, seed, kept) = (self.scenario, super::seed::run(), folder.keep());
            eprintln!(
                "faults: {scenario}: FAILED with FAULTS_SEED={seed}; its files are kept in {}",
                kept.display()
            );
        }
    }
}
