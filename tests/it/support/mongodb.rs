//! A database of its own on a real mongod, for one test.

use std::{
    collections::BTreeSet,
    fs::File,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use bson::{Bson, Document, RawDocumentBuf, doc};
use mongodb::{Client, Collection, Database};
use waybill::platform::store::Store;

/// What a Mongo tool sees, and what only a server's owner may do. Dropped, the database goes, or is another
/// test's.
pub(crate) struct Lab {
    pub(crate) url: String,
    pub(crate) database: Database,
    /// Of a database that is kept for other tests: this one alone has it.
    kept: Option<File>,
}

/// How many databases are kept for tests of the whole service. To make one takes a server longer than most
/// of these tests.
const KEPT: u32 = 12;

/// The server that `scripts/test` starts, or `eval "$(scripts/services up)"`.
fn server() -> String {
    #[expect(clippy::disallowed_methods, reason = "where the tests' server is, is no setting of the program")]
    let url = std::env::var("WAYBILL_TEST_MONGODB");
    url.expect("WAYBILL_TEST_MONGODB is not set: run scripts/test, or eval \"$(scripts/services up)\" first")
}

/// The server's URL with this database, and further options.
pub(crate) fn url(database: &str, options: &str) -> String {
    let server = server();
    let (hosts, set) = server.split_once('?').unwrap_or((&server, ""));
    let join = if set.is_empty() || options.is_empty() { "" } else { "&" };
    format!("{}/{database}?{set}{join}{options}", hosts.trim_end_matches('/'))
}

impl Lab {
    pub(crate) async fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let url = url(&name, "");
        let database = Client::with_uri_str(&url).await.unwrap().database(&name);
        database.drop().await.unwrap();
        Self { url, database, kept: None }
    }

    /// One that has the service's collections, perhaps, and no document. Made anew in each process.
    pub(crate) async fn kept() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        static MADE: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());
        let place = env!("CARGO_TARGET_TMPDIR");
        // In turn, so that what a test may have left under way has its end before the next one comes.
        let free =
            std::iter::repeat_with(|| NEXT.fetch_add(1, Ordering::Relaxed) % KEPT).find_map(|number| {
                let lock = File::create(format!("{place}/mongodb-{number}.lock")).unwrap();
                lock.try_lock().is_ok().then_some((number, lock))
            });
        let (number, lock) = free.unwrap();
        let mut hash = DefaultHasher::new();
        place.hash(&mut hash);
        let name = format!("test-kept-{:08x}-{number}", hash.finish() >> 32);
        let url = url(&name, "");
        let database = Client::with_uri_str(&url).await.unwrap().database(&name);
        if MADE.lock().unwrap().insert(number) {
            database.drop().await.unwrap();
        } else {
            for name in database.list_collection_names().await.unwrap() {
                let collection = database.collection::<Document>(&name);
                collection.delete_many(doc! {}).await.unwrap();
            }
        }
        Self { url, database, kept: Some(lock) }
    }

    pub(crate) async fn store(&self) -> Store {
        Store::open(&self.url).await.unwrap()
    }

    pub(crate) fn documents(&self, collection: &str) -> Collection<Document> {
        self.database.collection(collection)
    }

    /// As it lies there: reading it as a [`Document`] would turn extended JSON into types.
    pub(crate) async fn raw(&self, collection: &str, id: &str) -> Document {
        let found = self.database.collection::<RawDocumentBuf>(collection).find_one(doc! { "_id": id }).await;
        Document::try_from(found.unwrap().unwrap()).unwrap()
    }

    /// Every document as it lies there, with its collection.
    pub(crate) async fn stored(&self) -> Vec<(String, Vec<u8>)> {
        let mut all = Vec::new();
        for name in self.database.list_collection_names().await.unwrap() {
            let collection = self.database.collection::<RawDocumentBuf>(&name);
            let mut found = collection.find(doc! {}).await.unwrap();
            while found.advance().await.unwrap() {
                all.push((name.clone(), found.current().as_bytes().to_vec()));
            }
        }
        all
    }

    /// Makes the server fail as `data` says, for programs that call themselves `app`. One test at a time: the
    /// server has one such point.
    pub(crate) async fn fail(&self, app: &str, mode: impl Into<Bson>, mut data: Document) -> Failing {
        let lock = File::create(concat!(env!("CARGO_TARGET_TMPDIR"), "/fail-point.lock")).unwrap();
        lock.lock().unwrap();
        data.insert("appName", app);
        let admin = self.database.client().database("admin");
        let command = doc! { "configureFailPoint": "failCommand", "mode": mode.into(), "data": data };
        admin.run_command(command).await.unwrap();
        Failing { _lock: lock }
    }
}

/// While a test has it, the server fails.
pub(crate) struct Failing {
    _lock: File,
}

impl Drop for Failing {
    fn drop(&mut self) {
        on_the_side(async {
            let client = Client::with_uri_str(server()).await.unwrap();
            let off = doc! { "configureFailPoint": "failCommand", "mode": "off" };
            client.database("admin").run_command(off).await.unwrap();
            client.shutdown().immediate(true).await;
        });
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if self.kept.is_some() {
            return;
        }
        let name = self.database.name().to_owned();
        on_the_side(async move {
            let client = Client::with_uri_str(server()).await.unwrap();
            client.database(&name).drop().await.unwrap();
            client.shutdown().immediate(true).await;
        });
    }
}

/// In a thread and a runtime of its own: a drop cannot wait.
fn on_the_side(work: impl Future<Output = ()> + Send + 'static) {
    let thread = std::thread::spawn(|| tokio::runtime::Runtime::new().unwrap().block_on(work));
    let ended = thread.join();
    assert!(ended.is_ok() || std::thread::panicking(), "the server was not left as it was");
}
