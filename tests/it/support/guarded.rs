//! A mongod of one test's own that asks for a user and a password, over TLS alone: a replica set of one node.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    net::TcpListener,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use bson::{Document, doc};
use mongodb::Client;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Guarded {
    port: u16,
    child: Child,
    folder: TempDir,
}

/// That of `scripts/services`, or the one on PATH.
#[expect(clippy::disallowed_methods, reason = "where the program is, is no setting of the service")]
fn mongod() -> String {
    std::env::var("WAYBILL_TEST_MONGOD").unwrap_or_else(|_| "mongod".to_owned())
}

impl Guarded {
    /// With one user, who may do everything.
    pub(crate) async fn start() -> Self {
        waybill::app::install_crypto();
        let folder = TempDir::with_prefix("waybill-guarded-").unwrap();
        certificate(folder.path());
        // Without one the nodes of a set would not know each other; it turns authorization on, too.
        let mut key = OpenOptions::new();
        let key = key.write(true).create_new(true).mode(0o600).open(folder.path().join("key"));
        key.unwrap().write_all("of+these+tests/".repeat(8).as_bytes()).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = launch(folder.path(), port);
        let server = Self { port, child, folder };
        server.initiate().await;
        server
    }

    /// As long as there is no user, whoever comes from this machine may make the set and the first one.
    async fn initiate(&self) {
        let url = format!("mongodb://127.0.0.1:{}/?directConnection=true&{}", self.port, self.tls());
        let client = Client::with_uri_str(url).await.unwrap();
        let admin = client.database("admin");
        let members = vec![doc! { "_id": 0, "host": format!("127.0.0.1:{}", self.port) }];
        let config = doc! { "_id": "rs0", "members": members };
        admin.run_command(doc! { "replSetInitiate": config }).await.unwrap();
        let until = Instant::now() + PATIENCE;
        loop {
            let hello = admin.run_command(doc! { "hello": 1 }).await.unwrap();
            if hello.get_bool("isWritablePrimary").is_ok_and(|yes| yes) {
                break;
            }
            assert!(Instant::now() < until, "the set has no primary");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let first = doc! { "createUser": "root", "pwd": "root", "roles": ["root"] };
        admin.run_command(first).await.unwrap();
        client.shutdown().immediate(true).await;
    }

    /// What a URL needs to come to it.
    fn tls(&self) -> String {
        format!("tls=true&tlsCAFile={}", self.folder.path().join("cert.pem").display())
    }

    /// For a user of this database; the password is written as in a URL.
    pub(crate) fn url(&self, user: &str, password: &str, database: &str) -> String {
        let (port, tls) = (self.port, self.tls());
        format!("mongodb://{user}:{password}@127.0.0.1:{port}/{database}?replicaSet=rs0&{tls}")
    }

    /// Runs a command in this database as the one who may do everything.
    pub(crate) async fn command(&self, database: &str, command: Document) -> Document {
        let client = Client::with_uri_str(self.url("root", "root", "admin")).await.unwrap();
        let answer = client.database(database).run_command(command).await.unwrap();
        client.shutdown().immediate(true).await;
        answer
    }
}

/// One that nobody trusts but who is told to.
fn certificate(folder: &Path) {
    let kind = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let content = ["-subj", "/CN=mongod", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"];
    let more = ["-addext", "basicConstraints=critical,CA:FALSE"];
    let files = ["-keyout", "key.pem", "-out", "cert.pem"];
    let mut openssl = Command::new("openssl");
    let made = openssl.args(kind).args(content).args(more).args(files);
    let made = made.current_dir(folder).stderr(Stdio::null()).status();
    assert!(made.expect("openssl is missing").success());
    let both = ["key.pem", "cert.pem"].map(|file| std::fs::read_to_string(folder.join(file)).unwrap());
    std::fs::write(folder.join("server.pem"), both.concat()).unwrap();
}

fn launch(folder: &Path, port: u16) -> Child {
    let data = folder.join("data");
    std::fs::create_dir(&data).unwrap();
    let log = File::create(folder.join("log")).unwrap();
    let path = |name: &str| folder.join(name).display().to_string();
    Command::new("setpriv")
        .args(["--pdeathsig", "KILL", &mongod()])
        .args(["--dbpath", &path("data"), "--port", &port.to_string(), "--bind_ip", "127.0.0.1"])
        .args(["--nounixsocket", "--replSet", "rs0", "--keyFile", &path("key")])
        .args(["--tlsMode", "requireTLS", "--tlsCertificateKeyFile", &path("server.pem")])
        .args(["--oplogSize", "64", "--wiredTigerCacheSizeGB", "0.25"])
        .args(["--setParameter", "diagnosticDataCollectionEnabled=false"])
        .stdout(Stdio::from(log))
        .spawn()
        .unwrap_or_else(|e| panic!("mongod: {e}; scripts/services up finds or installs one"))
}

impl Drop for Guarded {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
