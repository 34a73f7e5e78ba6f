//! `waybill listen`: what arrives at a developer's machine, over lines that are lost, and what is refused.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::Method;
use serde_json::{Map, json};
use standardwebhooks::Webhook;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
};
use waybill::features::events::{Events, NewEvent, Public};

use super::{
    process::{Process, Run},
    web::until,
};
use crate::{
    events::{another, booked},
    merchants::{key, members::call},
    support::{Client, TestApp},
    webhooks::{
        self,
        receiver::{Arrived, Receiver},
    },
};

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV7tEBO1hEyhS0H";

/// The command, between this API and this address.
fn listen(folder: &Path, url: &str, to: &Receiver) -> Run {
    Run::waybill(folder).args(&["listen", "--url", url, "--forward-to", &to.url])
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

/// Waits until it knows where the stream begins: nothing is lost from then on.
fn ready(process: &mut Process) {
    process.line("Ctrl-C ends it");
}

fn ids(arrived: &[Arrived]) -> Vec<&str> {
    arrived.iter().map(Arrived::id).collect()
}

/// The ids of a merchant's events, but for the first few.
async fn told(shop: &Client, skip: usize) -> Vec<String> {
    let listed = shop.get("/v1/events?limit=200").await.json();
    let all = listed["data"].as_array().unwrap().iter().skip(skip);
    all.map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_arrives_as_a_webhook_does() {
    let app = webhooks::start().await;
    let shop = app.merchant("shop");
    let token = shop.token.clone().unwrap();
    // What happened before the start is not told.
    booked(&app, &shop, "A-0").await;
    let (api, _stop) = another(&app).await;
    let (local, hooks) = (Receiver::start().await, Receiver::start().await);
    let folder = tempfile::tempdir().unwrap();
    let mut process = listen(folder.path(), &url(api), &local).set("KEY", &token).start();
    let line = process.line("whsec_");
    let secret = line.split(' ').find(|word| word.starts_with("whsec_")).unwrap();

    app.advance(Duration::from_secs(1));
    webhooks::endpoint(&shop, &hooks.url, &[]).await;
    booked(&app, &shop, "A-1").await;
    assert_eq!(app.worker.run_webhooks().await.unwrap(), 3);
    until("all have arrived", async || (local.count() == 3).then_some(())).await;
    let (arrived, sent) = (local.take(), hooks.take());
    assert_eq!(ids(&arrived), told(&shop, 3).await, "in their order");
    let names = |one: &Arrived| one.headers.keys().map(ToString::to_string).collect::<BTreeSet<_>>();
    for one in &arrived {
        Webhook::new(secret).unwrap().verify(one.text.as_bytes(), &one.headers).unwrap();
        let hook = sent.iter().find(|hook| hook.id() == one.id()).unwrap();
        assert_eq!((&one.text, names(one)), (&hook.text, names(hook)));
        for name in ["content-type", "user-agent"] {
            assert_eq!(one.header(name), hook.header(name));
        }
        let line = process.line(one.id());
        assert!(line.contains(one.body()["type"].as_str().unwrap()), "{line}");
        assert!(line.contains("  200  ") && line.ends_with(" ms"), "{line}");
    }
    let ended = process.stop();
    assert_eq!((ended.out.matches("whsec_").count(), ended.err.as_str()), (1, ""), "{ended:?}");
    assert!(!ended.out.contains(&token), "{ended:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "it keeps nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn wanted_types_arrive_signed_with_a_secret_that_is_given_whatever_is_answered() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    let (api, _stop) = another(&app).await;
    let (local, folder) = (Receiver::start().await, tempfile::tempdir().unwrap());
    let (text, _) = key(&shop, &["events"]).await;
    std::fs::write(folder.path().join("key.txt"), format!("{text}\n")).unwrap();
    let run = listen(folder.path(), &url(api), &local).args(&["--key-file", "key.txt"]);
    let run = run.args(&["--types", "order.created, order.cancelled"]).set("WEBHOOK_SECRET", SECRET);
    let mut process = run.start();
    ready(&mut process);
    local.always(500);
    booked(&app, &shop, "A-1").await;
    process.line("  500  ");
    local.always(204);
    booked(&app, &shop, "A-2").await;
    process.line("  204  ");
    let arrived = local.take();
    let orders: Vec<_> = arrived.iter().map(|one| one.body()["data"]["clientOrderId"].clone()).collect();
    assert_eq!(orders, ["A-1", "A-2"], "each once");
    for one in &arrived {
        assert_eq!(one.body()["type"], "order.created");
        Webhook::new(SECRET).unwrap().verify(one.text.as_bytes(), &one.headers).unwrap();
    }
    let ended = process.stop();
    assert!(!ended.out.contains("whsec_") && !ended.out.contains(&text), "{ended:?}");
}

/// Lists begin with the oldest: the newest one is found all the same.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_there_before_is_not_told_however_much_it_is() {
    let app = TestApp::start().await;
    let events = Events::new(app.app.store.clone());
    let publish = async |numbers: std::ops::Range<usize>| {
        let new = numbers.map(|n| {
            let merchant = if n % 3 == 0 { "other" } else { "shop" };
            NewEvent {
                at: app.clock.now(),
                kind: "order.queued".to_owned(),
                subject: format!("ord_{n}"),
                no: 1,
                merchant: Some(merchant.to_owned()),
                public: Some(Public { merchant: merchant.to_owned(), kind: "order.created".to_owned() }),
                data: Map::new(),
            }
        });
        events.publish(new.collect(), None).await.unwrap();
    };
    for n in 0..4 {
        publish(n * 300..(n + 1) * 300).await;
    }
    let (api, _stop) = another(&app).await;
    let (local, folder) = (Receiver::start().await, tempfile::tempdir().unwrap());
    let token = app.merchant("shop").token.unwrap();
    let mut process = listen(folder.path(), &url(api), &local).set("KEY", &token).start();
    ready(&mut process);
    publish(1200..1202).await;
    process.line("  200  ");
    let arrived = local.take();
    assert_eq!(arrived.len(), 1, "{arrived:?}");
    assert_eq!(arrived[0].body()["data"]["orderId"], "ord_1201");
    process.stop();
}

/// Stands before an API. It cuts one line, right behind some words, and then lets nobody in until it is
/// opened again.
struct Relay {
    url: String,
    open: watch::Sender<bool>,
}

impl Relay {
    async fn before(api: SocketAddr, words: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = url(listener.local_addr().unwrap());
        let (open, is_open) = watch::channel(true);
        let (gate, cut) = (open.clone(), Arc::new(AtomicBool::new(false)));
        tokio::spawn(async move {
            while let Ok((outside, _)) = listener.accept().await {
                let (gate, mut is_open, cut) = (gate.clone(), is_open.clone(), Arc::clone(&cut));
                tokio::spawn(async move {
                    let gone = is_open.wait_for(|open| *open).await.is_err();
                    assert!(!gone, "this task has a sender of its own");
                    let inside = TcpStream::connect(api).await.unwrap();
                    pass(outside, inside, words.as_bytes(), &cut, &gate).await;
                });
            }
        });
        Self { url, open }
    }
}

async fn pass(
    outside: TcpStream,
    inside: TcpStream,
    words: &[u8],
    cut: &AtomicBool,
    gate: &watch::Sender<bool>,
) {
    let (mut asks, mut answered) = outside.into_split();
    let (mut answers, mut asked) = inside.into_split();
    let asking = tokio::spawn(async move { tokio::io::copy(&mut asks, &mut asked).await });
    let (mut seen, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(n @ 1..) = answers.read(&mut buffer).await {
        let before = seen.len();
        seen.extend_from_slice(&buffer[..n]);
        let found = seen.windows(words.len()).position(|part| part == words);
        let end = found.map(|at| at + words.len()).filter(|_| !cut.load(Ordering::SeqCst));
        if end.is_some() {
            cut.store(true, Ordering::SeqCst);
            gate.send_replace(false);
        }
        let written = answered.write_all(&seen[before..end.unwrap_or(seen.len())]).await;
        if end.is_some() || written.is_err() {
            break;
        }
    }
    asking.abort();
}

/// Loses the line behind these words, when so many of three events have arrived.
async fn resumes_behind(words: &'static str, arrived: usize) {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    booked(&app, &shop, "A-0").await;
    let (api, _stop) = another(&app).await;
    let (relay, local) = (Relay::before(api, words).await, Receiver::start().await);
    let folder = tempfile::tempdir().unwrap();
    let token = shop.token.clone().unwrap();
    let mut process = listen(folder.path(), &relay.url, &local).set("KEY", &token).start();
    ready(&mut process);
    if arrived == 0 {
        process.log("the line is lost");
    }
    booked(&app, &shop, "A-1").await;
    process.log("the line is lost");
    assert_eq!(local.count(), arrived);
    relay.open.send_replace(true);
    until("all have arrived", async || (local.count() >= 3).then_some(())).await;
    assert_eq!(ids(&local.take()), told(&shop, 3).await, "each once, in their order");
    process.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_lost_within_an_event_is_resumed_with_that_event() {
    resumes_behind("event: order.status_changed\n", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_lost_before_the_first_event_is_resumed_with_it() {
    resumes_behind("retry: 2000\n\n", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_waits_for_an_instance_that_restarts_and_ends_by_a_signal_meanwhile() {
    let app = TestApp::start().await;
    let (api, stop) = another(&app).await;
    let (local, folder) = (Receiver::start().await, tempfile::tempdir().unwrap());
    let token = app.merchant("shop").token.unwrap();
    for signal in ["INT", "TERM"] {
        let mut process = listen(folder.path(), &url(api), &local).set("KEY", &token).start();
        ready(&mut process);
        if signal == "TERM" {
            stop.cancel();
            process.log("the line is lost");
        }
        assert!(process.is_running());
        process.signal(signal);
        let ended = process.end();
        assert_eq!(ended.status.code(), Some(0), "{signal}: {ended:?}");
    }
}

/// As at a breakpoint.
#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_does_not_answer_does_not_keep_it_from_ending() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    let (api, _stop) = another(&app).await;
    let (local, folder) = (Receiver::start().await, tempfile::tempdir().unwrap());
    local.answers(|_| None);
    let token = shop.token.clone().unwrap();
    let mut process = listen(folder.path(), &url(api), &local).set("KEY", &token).start();
    ready(&mut process);
    booked(&app, &shop, "A-1").await;
    until("one was posted", async || (local.count() == 1).then_some(())).await;
    process.signal("INT");
    let ended = process.end();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    // An answer is waited for for 15 s, and that would be said.
    assert!(!ended.out.contains("no answer in time"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_counts_no_more_ends_it_with_words() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    let (api, _stop) = another(&app).await;
    let (local, folder) = (Receiver::start().await, tempfile::tempdir().unwrap());
    let (text, shown) = key(&shop, &["events"]).await;
    let mut process = listen(folder.path(), &url(api), &local).set("KEY", &text).start();
    ready(&mut process);
    booked(&app, &shop, "A-1").await;
    process.line("  200  "); // so that the line is open
    let path = format!("/v1/api-keys/{}", shown["id"].as_str().unwrap());
    assert_eq!(call(&shop, Method::DELETE, &path, json!({})).await.status, 204);
    app.advance(Duration::from_secs(1));
    let ended = process.end();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.err.contains("takes the key no more") && !ended.err.contains(&text), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused_with_words_before_anything_is_printed() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    let (api, _stop) = another(&app).await;
    let (local, folder) = (Receiver::start().await, tempfile::tempdir().unwrap());
    std::fs::write(folder.path().join("empty.txt"), "\n").unwrap();
    let api = url(api);
    let refused = |args: &[&str], key: &str, expected: &[&str]| {
        let to = if args.contains(&"--forward-to") { Vec::new() } else { vec!["--forward-to", &local.url] };
        let at = if args.contains(&"--url") { Vec::new() } else { vec!["--url", &api] };
        let run = Run::waybill(folder.path()).args(&["listen"]).args(&to).args(&at).args(args);
        let ended = run.set("KEY", key).end();
        ended.refused(&[expected]);
        assert!(key.is_empty() || !ended.err.contains(key), "{ended:?}");
    };
    let token = shop.token.clone().unwrap();
    refused(&[], "", &["WAYBILL_KEY", "scope `events`", "--key-file"]);
    refused(&[], "two words", &["WAYBILL_KEY", "no key"]);
    refused(&["--key-file", "none.txt"], "", &["--key-file", "none.txt"]);
    refused(&["--key-file", "empty.txt"], "", &["--key-file", "no key"]);
    refused(&["--types", "order.created,order.eaten"], &token, &["--types", "order.eaten"]);
    refused(&["--types", "webhook_endpoint.test"], &token, &["--types", "in no stream"]);
    refused(&["--forward-to", "localhost:5704/hook"], &token, &["--forward-to", "must begin with http://"]);
    for bad in ["", "127.0.0.1:3000", "http://192.0.2.1:3000", "https://key@waybill.example"] {
        refused(&["--url", bad], &token, &["--url", "https for another machine"]);
    }
    for bad in ["", "nowhere", "ftp://127.0.0.1/hook", "http://me:pw@127.0.0.1/hook"] {
        refused(&["--forward-to", bad], &token, &["--forward-to", "http://127.0.0.1:4000/hook"]);
    }
    let broken = listen(folder.path(), &api, &local).set("KEY", &token).set("WEBHOOK_SECRET", "sesame");
    let broken = broken.end();
    broken.refused(&[&["WAYBILL_WEBHOOK_SECRET", "whsec_"]]);
    assert!(!broken.err.contains("sesame"), "{broken:?}");

    // What only an instance can say.
    refused(&[], "wbk_test_nobody", &["refuses the key"]);
    let (orders, _) = key(&shop, &["orders:read"]).await;
    refused(&[], &orders, &["gives the key no events", "scope `events`"]);
    let stranger = url(local.url.trim_start_matches("http://").split('/').next().unwrap().parse().unwrap());
    refused(&["--url", &stranger], &token, &["--url", "no Waybill"]);
    // Its port is taken, and nobody listens on it.
    let deaf = TcpSocket::new_v4().unwrap();
    deaf.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let nobody = url(deaf.local_addr().unwrap());
    refused(&["--url", &nobody], &token, &["does not answer", "refused"]);
    assert!(local.take().iter().all(|one| one.id().is_empty()), "nothing was posted");
}
