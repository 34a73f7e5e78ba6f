//! The log of the whole program at its most talkative, while half-open probes go through every lifecycle:
//! none of them may be in a line of it, in metrics or in the queue's file.

use std::path::Path;

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use waybill::{
    base::clock::Clock,
    provider::simulator::{Answer, Lookup, Operation, Profile, Rule, Settings, Simulator},
};

use super::{
    process::{Process, Run},
    web::{Web, until},
};
use crate::{
    redaction::canaries::{self, assert_clean},
    support::file::edit,
};

fn with_keys(run: Run) -> Run {
    let run = run.set("AUTH__JWT_SECRET", canaries::JWT_SECRET);
    run.set("PARCELX__ACCESS_KEY", canaries::ACCESS_KEY).set("PARCELX__SECRET_KEY", canaries::SECRET_KEY)
}

struct World {
    folder: tempfile::TempDir,
    simulator: Simulator,
    program: Process,
    web: Web,
    token: String,
}

impl World {
    async fn start(format: &str) -> Self {
        let simulator =
            Simulator::new(Settings { profile: Profile::Unpleasant, ..Settings::default() }, Clock::system())
                .unwrap();
        simulator.change_faults(|f| f.lookup = Lookup::Works);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let provider = format!("http://{}", listener.local_addr().unwrap());
        let double = simulator.clone();
        tokio::spawn(async move { double.serve(listener, std::future::pending()).await });

        let folder = tempfile::tempdir().unwrap();
        let token = with_keys(Run::waybill(folder.path()).args(&["token", "--user", "u1"]))
            .end()
            .out
            .trim()
            .to_owned();
        let run =
            with_keys(Run::waybill(folder.path())).set("LOG__LEVEL", "trace").set("LOG__FORMAT", format);
        let run = run
            .set("PARCELX__BASE_URL", &provider)
            .set("PARCELX__TIMEOUT", "2s")
            .set("PARCELX__RECONCILE", "50ms,100ms");
        // Each order is to make its own call, whatever the one before came to.
        let run = run.set("PARCELX__BREAKER_AFTER", "0");
        let mut program = run.start();
        let web = Web::new(&program.url()).token(&token);
        Self { folder, simulator, program, web, token }
    }

    /// Books an order that meets `rule`, and waits until its call has been answered one way or another.
    async fn meets(&self, number: usize, rule: Rule) {
        let before = self.simulator.ledger().len();
        // Only for its own call: orders before it may be sent again.
        let mut body = canaries::body(&format!("A-{number}"));
        body["invoiceNumber"] = json!(format!("INV-{number}"));
        self.simulator.script(Rule { invoice_number: Some(format!("INV-{number}")), ..rule.clone() });
        let id = self.web.create(&body).await;
        until(&format!("{rule:?} has come to something"), async || {
            let order = self.web.order(&id).await;
            let moved = !matches!(order["providerSyncStatus"].as_str(), Some("queued" | "processing"));
            (moved && self.simulator.ledger().len() > before).then_some(())
        })
        .await;
        assert_clean(
            &self.web.get(&format!("/v1/orders/{id}/provider-logs")).await.1.to_string(),
            "provider logs",
        );
        let (_, ready) = self.web.get("/readyz").await;
        if ready["checks"]["account"] != "ok" {
            let lift = Run::waybill(self.folder.path())
                .args(&["account", "lift", "--actor", "asha", "--reason", "a test"]);
            let ended = with_keys(lift).end();
            assert!(ended.status.success(), "{ready} {ended:?}");
            assert_clean(&ended.out, "the command line");
        }
    }

    /// Requests that are refused, with half-open probes wherever a request has room for them.
    async fn refused(&self) {
        let http = Client::builder().no_proxy().build().unwrap();
        let url = |path: &str| format!("{}{path}", self.web.url);
        let good = canaries::body("A-0");
        let mut requests = vec![
            http.post(url("/orders/create")).bearer_auth(&self.token).json(&canaries::body("A-0")),
            http.post(url("/orders/create")).bearer_auth("zuqtoken.zuq.zuq").json(&good),
            http.get(url("/v1/orders?limit=zuqname&cursor=9876051423")).bearer_auth(&self.token),
            http.get(url("/zuqname/9876051423?zuq=zuq")),
            http.get(url("/v1/orders/zuqname"))
                .bearer_auth(&self.token)
                .header("x-zuq", "zuq")
                .header("user-agent", "zuq/1"),
            http.request(Method::PUT, url("/orders/create")).body("zuqname"),
            http.post(url("/orders/create"))
                .bearer_auth(&self.token)
                .header("content-type", "application/json")
                .body("{\"zuqname"),
        ];
        for field in ["name", "mobile", "email", "pincode", "city"] {
            let mut bad = canaries::body("A-0");
            bad["consignee"][field] = json!({ "zuqkey": "zuqvalue" });
            requests.push(http.post(url("/orders/create")).bearer_auth(&self.token).json(&bad));
        }
        let mut other = canaries::body("A-0");
        other["consignee"]["name"] = json!("Zuqother");
        requests.push(http.post(url("/orders/create")).bearer_auth(&self.token).json(&other));
        for request in requests {
            request.send().await.unwrap().bytes().await.unwrap();
        }
    }

    /// Makes an order unreadable behind the program's back, and reads it: a fault of the store.
    async fn unreadable(&self) {
        let id = self.web.create(&canaries::body("A-unreadable")).await;
        self.web.order_becomes(&id, "success").await;
        let json = "json_set(json, '$.consignee.pincode', 683147, '$.status', 'zuqstatus')";
        edit(&self.folder.path().join("data/waybill.db"), "orders", json, [&id]);
        let (status, answer) = self.web.get(&format!("/v1/orders/{id}")).await;
        assert_eq!(status.as_u16(), 500);
        assert_clean(&answer.to_string(), "the answer to a fault of the store");
    }
}

fn queue_file(folder: &Path) -> String {
    let files = ["queue.db", "queue.db-wal"]
        .map(|name| std::fs::read(folder.join("data").join(name)).unwrap_or_default());
    // Words alone: among random bytes three letters are chance.
    let files = files.concat();
    let words = files.split(|byte| !(b' '..=b'~').contains(byte)).filter(|word| word.len() > 5);
    words.map(|word| String::from_utf8_lossy(word).into_owned() + "\n").collect()
}

async fn no_canary_in_lines(format: &str) {
    let world = World::start(format).await;
    let mut number = 0;
    let rules = canaries::quotes().into_iter().map(|quote| Rule::refuse(&quote));
    let answers = canaries::answers().into_iter().map(Rule::create);
    for rule in [Rule::create(Answer::Normal)].into_iter().chain(rules).chain(answers) {
        world.meets(number, rule).await;
        number += 1;
    }
    // A lost answer whose look-up fails too.
    world.simulator.script(Rule::on(Operation::Track, Answer::Html502).times(3));
    world.meets(number, Rule::create(Answer::LostAfterBooking)).await;
    world.refused().await;
    world.unreadable().await;
    let metrics = Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .get(format!("{}/metrics", world.web.url))
        .send()
        .await
        .unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains("waybill_"), "{metrics}");
    assert_clean(&metrics, "/metrics");
    assert_clean(&queue_file(world.folder.path()), "the queue's file");

    let World { program, token, folder, .. } = world;
    let ended = program.stop();
    assert_clean(&ended.err, "the log");
    assert_clean(&ended.out, "standard output");
    for (text, about) in [(&ended.err, "the log"), (&ended.out, "standard output")] {
        assert!(!text.contains(&token) && !text.contains("Bearer"), "{about} shows the bearer token");
    }
    // Otherwise nothing was looked at.
    assert!(ended.err.contains("DEBUG") && ended.err.contains("a request failed"), "{}", ended.err);
    for line in ended
        .err
        .lines()
        .filter(|line| format == "json" && (line.contains("\"DEBUG\"") || line.contains("\"TRACE\"")))
    {
        assert!(line.contains("\"target\":\"waybill"), "a library's line: {line}");
    }
    if format == "json" {
        for line in ended.err.lines() {
            serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        }
    }
    drop(folder);
}

#[tokio::test]
async fn no_canary_in_json_lines_at_trace() {
    no_canary_in_lines("json").await;
}

#[tokio::test]
async fn no_canary_in_pretty_lines_at_trace() {
    no_canary_in_lines("pretty").await;
}
