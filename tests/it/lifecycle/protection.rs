//! A provider in trouble is left alone for a while, and never asked faster than it may be.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::{io::AsyncWriteExt, net::TcpListener};
use waybill::provider::{
    carrier::{By, Call, CallEnd, CallOutcome, CallRecords, Carrier, Observer, Protection},
    parcelx::{LabelHosts, ParcelXClient, Settings, log::ProviderLogs},
    simulator::{Answer, Operation, Rule},
};

use crate::support::{Client, TestApp, orders::order};

async fn orders(merchant: &Client, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for n in 0..count {
        ids.push(merchant.create(&order(&format!("A-{n}"))).await);
    }
    ids
}

/// CallResult attempts so far, over all orders.
async fn attempts(merchant: &Client, ids: &[String]) -> usize {
    let mut attempts = 0;
    for id in ids {
        attempts += merchant.provider_logs(id).await.len();
    }
    attempts
}

#[tokio::test]
async fn a_provider_that_is_away_is_tried_by_one_job_at_ever_longer_pauses() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let app = TestApp::builder().provider(&format!("http://{free}")).start().await;
    let merchant = app.merchant("u1");
    let ids = orders(&merchant, 12).await;
    app.run_pending_jobs().await;
    assert_eq!(attempts(&merchant, &ids).await, 5, "five in a row, and no more");
    for (nth, pause) in [5, 10, 20, 40].into_iter().enumerate() {
        // Up to a fifth shorter.
        app.advance(Duration::from_secs(pause) * 3 / 4);
        assert_eq!(app.run_pending_jobs().await, 0, "probe {nth} is too early");
        app.advance(Duration::from_secs(pause) / 4);
        assert_eq!(app.run_pending_jobs().await, 1);
        assert_eq!(attempts(&merchant, &ids).await, 6 + nth);
    }
    // It is there again.
    let (double, listener) = (app.simulator.clone(), TcpListener::bind(free).await.unwrap());
    let serving = tokio::spawn(async move { double.serve(listener, std::future::pending()).await });
    app.advance(Duration::from_secs(80));
    for _ in 0..60 {
        app.run_pending_jobs().await;
        app.advance(Duration::from_secs(5));
    }
    app.assert_calls(&[("create", 12)]);
    for id in &ids {
        assert_eq!(merchant.order(id).await["status"], "booked");
    }
    serving.abort();
}

#[tokio::test]
async fn a_broken_provider_leaves_five_orders_in_doubt_and_not_twenty() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let ids = orders(&merchant, 20).await;
    let broken = Answer::Status { code: 503, retry_after: None };
    app.simulator.script(Rule::create(broken).times(20));
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 5)]);
    let mut unresolved = 0;
    for id in &ids {
        let seen = merchant.order(id).await;
        match seen["providerSyncStatus"].as_str().unwrap() {
            "reconciling" => unresolved += 1,
            other => assert_eq!(other, "queued"),
        }
    }
    assert_eq!(unresolved, 5);
    app.leave_jobs();
}

#[tokio::test]
async fn look_ups_count_too_and_a_good_answer_in_between_begins_the_count_anew() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let broken = || Rule::create(Answer::Status { code: 502, retry_after: None });
    for (name, count) in [("bad", 4), ("good", 1), ("bad again", 4)] {
        if name != "good" {
            app.simulator.script(broken().times(count));
        }
        for n in 0..count {
            merchant.create(&order(&format!("{name} {n}"))).await;
            app.run_pending_jobs().await;
        }
    }
    app.assert_calls(&[("create", 9)]);
    // Eight look-ups are due; the first one's wire attempt is the fifth bad end in a row.
    app.simulator
        .script(Rule::on(Operation::Track, Answer::Status { code: 502, retry_after: None }).times(1000));
    app.advance(Duration::from_secs(5));
    assert_eq!(app.run_pending_jobs().await, 1);
    let look_ups = app.simulator.ledger().iter().filter(|e| e.operation == Operation::Track).count();
    assert!((1..=3).contains(&look_ups), "one look-up and its repeats: {look_ups}");
    app.assert_calls(&[("track", look_ups)]);
    app.leave_jobs();
}

#[tokio::test]
async fn refusals_and_busy_answers_are_answers() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    app.simulator.script(Rule::create(Answer::Status { code: 422, retry_after: None }).times(6));
    app.simulator.script(Rule::create(Answer::Status { code: 429, retry_after: None }).times(6));
    orders(&merchant, 12).await;
    assert_eq!(app.run_pending_jobs().await, 12);
    app.assert_calls(&[("create", 12), ("track", 6)]);
    app.leave_jobs();
}

#[tokio::test]
async fn what_is_too_fast_waits_its_turn_before_it_is_taken_and_uses_nothing_up() {
    // No turn is waited for for longer than a call may take; the next one is a second away.
    let settings = [("WAYBILL_PARCELX__RATE", "1"), ("WAYBILL_PARCELX__TIMEOUT", "900ms")];
    let app = settings
        .into_iter()
        .fold(TestApp::builder(), |b, (name, value)| b.setting(name, value))
        .start()
        .await;
    let merchant = app.merchant("u1");
    let ids = orders(&merchant, 3).await;
    assert_eq!(app.run_pending_jobs().await, 3);
    app.assert_calls(&[("create", 1)]);
    for id in &ids[1..] {
        let seen = merchant.order(id).await;
        assert_eq!(
            (seen["providerSyncStatus"].as_str(), seen["history"].as_array().unwrap().len()),
            (Some("queued"), 1),
            "not even taken"
        );
        let job = app
            .app
            .queue
            .inspect
            .get("parcelx-orders-queue", &format!("create-order-{id}-1"))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(job.attempts_made, 0);
    }
    for _ in 0..2 {
        app.advance(Duration::from_secs(1));
        app.run_pending_jobs().await;
        app.assert_calls(&[("create", 1)]);
    }
    for id in &ids {
        assert_eq!(merchant.order(id).await["status"], "booked");
    }
}

#[tokio::test]
async fn look_ups_take_turns_too() {
    let settings = [("WAYBILL_PARCELX__RATE", "1"), ("WAYBILL_PARCELX__TIMEOUT", "900ms")];
    let app = settings
        .into_iter()
        .fold(TestApp::builder(), |b, (name, value)| b.setting(name, value))
        .start()
        .await;
    let merchant = app.merchant("u1");
    app.simulator.script(Rule::create(Answer::LostAfterBooking));
    let lost = merchant.create(&order("lost")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    app.advance(Duration::from_secs(5));
    let next = merchant.create(&order("next")).await;
    assert_eq!(app.run_pending_jobs().await, 2);
    let calls = || app.simulator.ledger().len();
    assert_eq!(calls(), 2, "the look-up or the create, not both");
    app.advance(Duration::from_secs(5));
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1), ("track", 1)]);
    for id in [lost, next] {
        assert_eq!(merchant.order(&id).await["status"], "booked");
    }
}

/// A cancel that was taken and may not be sent would have to be shut out first, again and again, and nothing
/// ends that.
#[tokio::test]
async fn a_cancel_has_its_turn_before_it_is_taken() {
    let settings = [("WAYBILL_PARCELX__RATE", "1"), ("WAYBILL_PARCELX__TIMEOUT", "900ms")];
    let app = settings
        .into_iter()
        .fold(TestApp::builder(), |b, (name, value)| b.setting(name, value))
        .start()
        .await;
    let merchant = app.merchant("u1");
    let id = orders(&merchant, 1).await.remove(0);
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    merchant.post(&format!("/v1/orders/{id}/cancel"), &serde_json::json!({})).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[]);
    assert_eq!(merchant.order(&id).await["cancellation"]["state"], "requested", "not even taken");
    app.advance(Duration::from_secs(1));
    app.run_pending_jobs().await;
    app.assert_calls(&[("cancel", 1)]);
    assert_eq!(merchant.provider_logs(&id).await.len(), 2, "no call was shut out");
    app.leave_jobs();
}

#[tokio::test]
async fn a_turn_that_comes_soon_is_waited_for() {
    let app = TestApp::builder().setting("WAYBILL_PARCELX__RATE", "20").start().await;
    let merchant = app.merchant("u1");
    let ids = orders(&merchant, 3).await;
    let clock = app.clock.clone();
    // Time passes while jobs wait.
    let passing = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(5)).await;
            clock.advance(Duration::from_millis(50));
        }
    });
    assert_eq!(app.run_pending_jobs().await, 3, "none was put off");
    passing.abort();
    app.assert_calls(&[("create", 3)]);
    for id in &ids {
        assert_eq!(merchant.order(id).await["status"], "booked");
    }
}

fn client(app: &TestApp, at: SocketAddr, timeout: Duration, protection: Protection) -> ParcelXClient {
    let key = || secrecy::SecretString::from("key");
    let base_url: url::Url = format!("http://{at}").parse().unwrap();
    let settings = Settings {
        label_hosts: LabelHosts::new(base_url.clone(), &[]),
        base_url,
        access_key: key(),
        secret_key: key(),
        timeout,
        proxy: None,
        words: Arc::default(),
    };
    ParcelXClient::new(settings, app.app.logs.clone(), app.clock.clone(), protection).unwrap()
}

fn look_up(app: &TestApp, order_id: &str) -> (Call, By) {
    let (order_id, reference) = (order_id.to_owned(), "ORD-1".to_owned());
    let by = By::Reference(reference.clone());
    (Call { order_id, reference, attempt: 1, queued_at: app.clock.now(), job: None }, by)
}

/// A stopping worker waits for the time of one call: a look-up has no more, however often it is repeated.
#[tokio::test]
async fn a_look_up_and_its_repeats_take_no_longer_than_one_call() {
    const CALL: Duration = Duration::from_secs(2);
    let app = TestApp::start().await;
    let looked_up = async |order_id: &str, broken: usize| {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = client(&app, listener.local_addr().unwrap(), CALL, Protection::default());
        // So many calls get an answer that is worth a repeat, and those behind them none.
        let provider = tokio::spawn(async move {
            let mut kept = Vec::new();
            loop {
                let (mut connection, _) = listener.accept().await.unwrap();
                connection.readable().await.unwrap();
                if kept.len() < broken {
                    let answer = b"HTTP/1.1 502 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                    connection.write_all(answer).await.unwrap();
                }
                kept.push(connection);
            }
        });
        let (call, by) = look_up(&app, order_id);
        let started = Instant::now();
        let outcome = client.track(&call, &by).await.unwrap();
        let took = started.elapsed();
        provider.abort();
        assert!(matches!(outcome, CallOutcome::Unknown { .. }), "{outcome:?}");
        assert!(took < CALL * 3 / 2, "{took:?}");
        let calls = app.app.logs.of_order(order_id).await.unwrap();
        assert!(calls.iter().all(|call| call.outcome.is_some()), "each has its end");
        calls.len()
    };
    assert_eq!(tokio::join!(looked_up("ord_1", 0), looked_up("ord_2", 1)), (1, 2));
}

/// Looks whether a call's end is on record by the time that others are told of it.
#[derive(Debug)]
struct Witness {
    logs: ProviderLogs,
    seen: Mutex<Vec<bool>>,
}

#[async_trait::async_trait]
impl Observer for Witness {
    async fn ended(&self, end: &CallEnd<'_>) {
        let calls = self.logs.of_order(end.order_id).await.unwrap();
        self.seen.lock().unwrap().push(calls.iter().all(|call| call.outcome.is_some()));
    }
}

/// What follows from an end may take its time, or the process with it; the end itself cannot be had again.
#[tokio::test]
async fn how_a_call_ended_is_written_down_before_anything_follows_from_it() {
    let app = TestApp::start().await;
    let logs = app.app.logs.clone();
    let witness = Arc::new(Witness { logs: logs.clone(), seen: Mutex::default() });
    let protection = Protection { observer: Some(witness.clone()), ..Protection::default() };
    let client = client(&app, app.provider_address, Duration::from_secs(5), protection);
    let (call, by) = look_up(&app, "ord_1");
    client.track(&call, &by).await.unwrap();
    app.assert_calls(&[("track", 1)]);
    assert_eq!(*witness.seen.lock().unwrap(), [true]);
}
