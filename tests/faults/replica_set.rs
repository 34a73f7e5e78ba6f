//! A replica set of a test's own, whose nodes stand still or die when the test says so.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use bson::{Document, doc};
use mongodb::{Client, options::ClientOptions};
use tempfile::TempDir;
use tokio::time::sleep;

const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct ReplicaSet {
    nodes: Vec<Node>,
    folder: TempDir,
}

struct Node {
    port: u16,
    child: Child,
}

/// That of `scripts/services`, or the one on PATH.
#[expect(clippy::disallowed_methods, reason = "where the program is, is no setting of the service")]
fn mongod() -> String {
    std::env::var("WAYBILL_TEST_MONGOD").unwrap_or_else(|_| "mongod".to_owned())
}

impl ReplicaSet {
    /// With a primary. Elections are quick, so that tests are.
    pub(crate) async fn start(nodes: usize) -> Self {
        let folder = TempDir::with_prefix("waybill-set-").unwrap();
        let mut set = Self { nodes: Vec::new(), folder };
        for _ in 0..nodes {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let child = set.launch(port);
            set.nodes.push(Node { port, child });
        }
        let members: Vec<_> = (0_i32..).zip(&set.nodes).map(|(id, node)| member(id, node.port)).collect();
        let settings = doc! { "electionTimeoutMillis": 1000, "heartbeatIntervalMillis": 200 };
        let config = doc! { "_id": "rs0", "members": members, "settings": settings };
        let until = Instant::now() + PATIENCE;
        while set.ask(0, doc! { "replSetInitiate": config.clone() }).await.is_none() {
            assert!(Instant::now() < until, "the set cannot be made");
            sleep(Duration::from_millis(100)).await;
        }
        set.primary().await;
        set
    }

    fn launch(&self, port: u16) -> Child {
        let data = self.folder.path().join(port.to_string());
        std::fs::create_dir_all(&data).unwrap();
        let log = std::fs::File::create(data.join("log")).unwrap();
        Command::new("setpriv")
            .args(["--pdeathsig", "KILL", &mongod()])
            .args(["--dbpath", data.to_str().unwrap(), "--port", &port.to_string(), "--replSet", "rs0"])
            .args(["--bind_ip", "127.0.0.1", "--nounixsocket", "--oplogSize", "64"])
            .args(["--wiredTigerCacheSizeGB", "0.25"])
            .args(["--setParameter", "diagnosticDataCollectionEnabled=false"])
            .stdout(Stdio::from(log))
            .spawn()
            .unwrap_or_else(|e| panic!("mongod: {e}; scripts/services up finds or installs one"))
    }

    pub(crate) fn url(&self, database: &str) -> String {
        let hosts: Vec<_> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        format!("mongodb://{}/{database}?replicaSet=rs0", hosts.join(","))
    }

    async fn ask(&self, node: usize, command: Document) -> Option<Document> {
        let url = format!("mongodb://127.0.0.1:{}/?directConnection=true", self.nodes[node].port);
        let mut options = ClientOptions::parse(url).await.unwrap();
        options.server_selection_timeout = Some(Duration::from_secs(2));
        let client = Client::with_options(options).unwrap();
        let answer = client.database("admin").run_command(command).await.ok();
        client.shutdown().immediate(true).await;
        answer
    }

    /// Which node the others follow, as soon as there is one.
    pub(crate) async fn primary(&self) -> usize {
        let until = Instant::now() + PATIENCE;
        loop {
            for node in 0..self.nodes.len() {
                let hello = self.ask(node, doc! { "hello": 1 }).await.unwrap_or_default();
                if says(&hello, "isWritablePrimary") {
                    return node;
                }
            }
            assert!(Instant::now() < until, "the set has no primary");
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until every node is the primary or follows it.
    pub(crate) async fn whole(&self) {
        let until = Instant::now() + PATIENCE;
        for node in 0..self.nodes.len() {
            loop {
                let hello = self.ask(node, doc! { "hello": 1 }).await.unwrap_or_default();
                if says(&hello, "isWritablePrimary") || says(&hello, "secondary") {
                    break;
                }
                assert!(Instant::now() < until, "node {node} does not come back");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }

    /// `STOP` and `CONT`, by the node's own process.
    pub(crate) fn signal(&self, node: usize, signal: &str) {
        let id = self.nodes[node].child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{signal}"), &id]).status().unwrap().success());
    }

    pub(crate) fn kill(&mut self, node: usize) {
        let node = &mut self.nodes[node];
        node.child.kill().unwrap();
        node.child.wait().unwrap();
    }

    pub(crate) fn restart(&mut self, node: usize) {
        self.nodes[node].child = self.launch(self.nodes[node].port);
    }

    pub(crate) fn nodes(&self) -> usize {
        self.nodes.len()
    }
}

fn says(hello: &Document, what: &str) -> bool {
    hello.get_bool(what).is_ok_and(|yes| yes)
}

fn member(id: i32, port: u16) -> Document {
    doc! { "_id": id, "host": format!("127.0.0.1:{port}") }
}

impl Drop for ReplicaSet {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            drop(node.child.kill());
            drop(node.child.wait());
        }
    }
}
