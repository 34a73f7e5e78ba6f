//! The live stream, over real sockets and two processes.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use http::Method;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use waybill::{
    admin::rights::Role, app::App, features::events::Events, platform::http::serve::serve,
    provider::carrier::ProviderEnv,
};

use super::people::Browser;
use crate::support::{TestApp, mongodb::Lab, orders::order, sse::Stream};

/// One listening browser.
async fn listen(address: SocketAddr, browser: &Browser, after: Option<i64>) -> Stream {
    let after = after.map(|id| id.to_string());
    let mut headers = vec![("Cookie", browser.cookie.as_ref().unwrap().as_str())];
    headers.extend(after.as_deref().map(|id| ("Last-Event-ID", id)));
    Stream::open(address, "/admin/api/events", &headers).await
}

/// A second process on the same database, with a listener.
async fn another(app: &TestApp) -> (SocketAddr, CancellationToken) {
    let config = (*app.app.config).clone();
    let other = App::open(config, ProviderEnv::Simulator, app.clock.clone()).await.unwrap();
    let stop = CancellationToken::new();
    let account = app.account();
    let router = other.whole_router(other.carrier(account).unwrap(), stop.clone()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, router, stop.clone(), Duration::from_secs(5)));
    (address, stop)
}

#[tokio::test]
async fn another_process_sees_each_step_once_and_goes_on_where_it_was() {
    Box::pin(sees_each_step_once(TestApp::start().await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_sees_each_step_on_mongodb() {
    let lab = Lab::new().await;
    Box::pin(sees_each_step_once(TestApp::builder().mongodb(&lab.url).start().await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_publishers_make_one_sequence_on_mongodb() {
    let lab = Lab::new().await;
    Box::pin(one_sequence(TestApp::builder().mongodb(&lab.url).start().await)).await;
}

async fn sees_each_step_once(app: TestApp) {
    let viewer = app.admin(Role::Viewer).await;
    let (address, _stop) = another(&app).await;
    let mut publisher = app.worker.publisher();
    publisher.pass().await.unwrap();
    let mut live = listen(address, &viewer, None).await;

    let id = app.merchant("shop").create(&order("A-1")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    let started = Instant::now();
    publisher.pass().await.unwrap();
    let mut seen = Vec::new();
    for expected in ["order.queued", "order.processing", "order.success"] {
        let sent = live.next().await;
        assert_eq!(
            (sent.event.as_str(), &sent.data["type"], &sent.data["id"]),
            ("order", &json!(expected), &json!(id))
        );
        assert!(!sent.data.to_string().contains("Asha"), "{sent:?}");
        seen.push(sent.number());
    }
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    assert!(seen.is_sorted_by(|a, b| a + 1 == *b), "{seen:?}");

    // What was published is not published again, whoever looks.
    let events = Events::new(app.app.store.clone());
    let last = events.last().await.unwrap();
    publisher.pass().await.unwrap();
    app.worker.publisher().pass().await.unwrap();
    let mut again = listen(address, &viewer, Some(seen[0])).await;
    assert_eq!((again.next().await.number(), again.next().await.number()), (seen[1], seen[2]));
    assert_eq!(events.last().await.unwrap(), last);
    assert_eq!(again.next().await.data["type"], "account.free");

    // What people do comes, too.
    let admin = app.admin(Role::Admin).await;
    let because = json!({ "reason": "a test" });
    let queue = "/queues/parcelx-orders-queue";
    for action in ["pause", "resume"] {
        assert_eq!(admin.call(Method::POST, &format!("{queue}/{action}"), Some(&because)).await.status, 200);
    }
    publisher.pass().await.unwrap();
    let types: Vec<_> = [again.next().await, again.next().await, again.next().await, again.next().await]
        .iter()
        .map(|sent| sent.data["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(types, ["audit.done", "queue.pause", "audit.done", "queue.resume"]);
}

#[tokio::test]
async fn the_end_of_an_operation_is_told_also_when_no_pass_has_seen_it_run() {
    let app = TestApp::start().await;
    let (id, admin) = (app.merchant("shop").create(&order("A-1")).await, app.admin(Role::Admin).await);
    app.app.state.orders.review(&id, "provider-unreachable: not-connected").await.unwrap();
    app.run_pending_jobs().await;
    let mut publisher = app.worker.publisher();
    publisher.pass().await.unwrap();
    let events = Events::new(app.app.store.clone());
    let before = events.last().await.unwrap();

    let fail = json!({ "kind": "review.fail", "reason": "a test", "filter": {} });
    let started = admin.call(Method::POST, "/operations", Some(&fail)).await;
    assert_eq!(started.status, 202, "{}", started.text());
    app.worker.run_operations().await.unwrap();
    publisher.pass().await.unwrap();
    let made = events.after(before, 100).await.unwrap();
    let told: Vec<_> = made.iter().filter(|event| event.kind.starts_with("operation.")).collect();
    let [told] = told.as_slice() else { panic!("{made:?}") };
    assert_eq!((told.kind.as_str(), &told.data["done"]), ("operation.done", &json!(1)));
    // Once, whoever looks.
    publisher.pass().await.unwrap();
    app.worker.publisher().pass().await.unwrap();
    let again = events.after(told.seq, 100).await.unwrap();
    assert!(again.iter().all(|event| !event.kind.starts_with("operation.")), "{again:?}");
}

#[tokio::test]
async fn a_stream_ends_with_its_session_and_with_the_process() {
    let app = TestApp::start().await;
    let (one, two) = (app.admin(Role::Viewer).await, app.admin(Role::Admin).await);
    let (address, stop) = another(&app).await;
    let (mut first, mut second) = (listen(address, &one, None).await, listen(address, &two, None).await);
    let started = Instant::now();
    assert_eq!(one.call(Method::POST, "/logout", None).await.status, 204);
    assert_eq!(first.next().await.event, "bye");
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    assert!(first.ended().await);

    let started = Instant::now();
    stop.cancel();
    assert_eq!(second.next().await.event, "bye");
    assert!(second.ended().await && started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
}

#[tokio::test]
async fn how_many_jobs_there_are_is_told_when_it_changes() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let viewer = app.admin(Role::Viewer).await;
    let (address, _stop) = another(&app).await;
    let mut live = listen(address, &viewer, None).await;
    live.passing = true;
    let merchant = app.merchant("shop");
    // The first look only says how it was; an order may come before or after it.
    let told = async {
        loop {
            let sent = live.next().await;
            if sent.event == "queue" {
                break sent;
            }
        }
    };
    let creating = async {
        for n in 0.. {
            merchant.create(&order(&format!("A-{n}"))).await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let sent = tokio::select! { sent = told => sent, () = creating => unreachable!() };
    assert_eq!(
        (&sent.data["type"], &sent.data["queue"]),
        (&json!("queue.counts"), &json!("parcelx-orders-queue"))
    );
    assert!(sent.id.is_none() && sent.data["counts"]["waiting"].as_u64().unwrap() > 0, "{sent:?}");
}

#[tokio::test]
async fn a_place_that_is_none_is_refused_or_begins_now() {
    let app = TestApp::start().await;
    let viewer = app.admin(Role::Viewer).await;
    for bad in ["x", "1.5", ""] {
        let request = http::Request::get("/admin/api/events").header("last-event-id", bad);
        let answer = viewer.send(request.body(axum::body::Body::empty()).unwrap()).await;
        answer.problem(400, "bad-request");
    }
}

/// Two publishers at once, as after a lease that was lost: no step twice, no number twice, none left out.
#[tokio::test]
async fn two_publishers_make_one_sequence() {
    Box::pin(one_sequence(TestApp::start().await)).await;
}

async fn one_sequence(app: TestApp) {
    let merchant = app.merchant("shop");
    for n in 0..30 {
        merchant.create(&order(&format!("A-{n}"))).await;
    }
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 30)]);
    let (mut one, mut two) = (app.worker.publisher(), app.worker.publisher());
    for _ in 0..3 {
        let (a, b) = tokio::join!(one.pass(), two.pass());
        // One of them may find the other faster, and leaves it to its next pass.
        assert!(a.is_ok() || b.is_ok(), "{a:?} {b:?}");
    }
    let events = Events::new(app.app.store.clone()).after(0, 1000).await.unwrap();
    let orders: Vec<_> = events.iter().filter(|event| event.domain() == "order").collect();
    assert_eq!(orders.len(), 90);
    let steps: std::collections::BTreeSet<_> = orders.iter().map(|e| (&e.subject, e.no)).collect();
    assert_eq!(steps.len(), 90);
    assert!(events.iter().map(|e| e.seq).eq(1..=i64::try_from(events.len()).unwrap()));
    for step in 1..=3 {
        assert_eq!(orders.iter().filter(|e| e.no == step).count(), 30);
    }
}
