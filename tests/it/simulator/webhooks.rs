//! Status webhooks: who is told what and when, and what the switches make of it.

mod again;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Bytes, http::StatusCode, routing::post};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, mpsc},
    time::timeout,
};
use waybill::provider::simulator::{Answer, Rule, TakesEffect, WebhookCounts, WebhookForm, WebhookUrl};

use super::{Double, said};

const HOUR: Duration = Duration::from_secs(3_600);

/// Takes webhooks; answers each one when the test lets it.
struct Receiver {
    url: String,
    came: mpsc::UnboundedReceiver<Value>,
    /// One permit per answer.
    may_answer: Arc<Semaphore>,
    /// How many about an order are still answered with 503.
    refuses: Arc<Mutex<HashMap<String, u32>>>,
}

impl Receiver {
    async fn start() -> Self {
        Self::with_permits(Semaphore::MAX_PERMITS).await
    }

    async fn with_permits(permits: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (tell, came) = mpsc::unbounded_channel();
        let may_answer = Arc::new(Semaphore::new(permits));
        let gate = Arc::clone(&may_answer);
        let refuses = Arc::<Mutex<HashMap<String, u32>>>::default();
        let refused = Arc::clone(&refuses);
        let take = async move |body: Bytes| {
            let body: Value = serde_json::from_slice(&body).unwrap();
            let reference = body["client_order_id"].as_str().unwrap_or_default().to_owned();
            tell.send(body).unwrap();
            gate.acquire().await.unwrap().forget();
            match refused.lock().unwrap().get_mut(&reference) {
                Some(left) if *left > 0 => {
                    *left -= 1;
                    StatusCode::SERVICE_UNAVAILABLE
                }
                _ => StatusCode::NO_CONTENT,
            }
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/hook", post(take))).await });
        Self { url, came, may_answer, refuses }
    }

    /// Refuses the next `times` about this order (told flat).
    fn refuse(&self, reference: &str, times: u32) {
        self.refuses.lock().unwrap().insert(reference.to_owned(), times);
    }

    async fn next(&mut self) -> Value {
        timeout(Duration::from_secs(20), self.came.recv()).await.expect("no webhook came").unwrap()
    }

    /// AWB and code of the next one, whatever its form.
    async fn next_code(&mut self) -> (String, u64) {
        let body = self.next().await;
        let status = body.get("current_status").unwrap_or(&body);
        let code = &status["status_code"];
        let code = code.as_u64().unwrap_or_else(|| code.as_str().unwrap().parse().unwrap());
        (status["awb"].as_str().unwrap().to_owned(), code)
    }
}

fn to(double: &Double, receiver: &Receiver) {
    let url = WebhookUrl::try_from(receiver.url.clone()).unwrap();
    double.faults(|f| f.webhook_url = Some(url));
}

/// Waits until the counts are as they should be.
async fn until(double: &Double, condition: impl Fn(WebhookCounts) -> bool) {
    let met = async {
        while !condition(double.simulator.webhooks()) {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), met)
        .await
        .unwrap_or_else(|_| panic!("{:?}", double.simulator.webhooks()));
}

async fn friendly() -> (Double, Receiver) {
    let (double, receiver) = (Double::friendly().await, Receiver::start().await);
    to(&double, &receiver);
    (double, receiver)
}

#[tokio::test]
async fn every_change_is_told_once_in_order_and_nothing_else_is() {
    let (double, mut receiver) = friendly().await;
    let awb = double.booked("ORD-1").await;
    let first = receiver.next().await;
    assert_eq!(
        first,
        json!({
            "awb": awb, "client_order_id": "ORD-1", "status_code": "221", "status_title": "Booked",
            "status_description": "Order booked",
            "status_location": "", "event_date": "2026-11-21 06:35:00"
        })
    );
    assert!(double.simulator.move_to(&awb, 222));
    assert_eq!(receiver.next_code().await, (awb.clone(), 222));
    // A look-up, a booking repeated and one refused are no changes.
    double.track(&awb).await;
    double.booked("ORD-1").await;
    double.simulator.script(Rule::refuse("no"));
    double.create("ORD-2").await;
    double.cancel(&awb).await;
    assert_eq!(receiver.next_code().await, (awb.clone(), 227));
    double.cancel(&awb).await;
    let other = double.booked("ORD-3").await;
    assert_eq!(receiver.next_code().await, (other, 221));
}

#[tokio::test]
async fn a_booking_whose_answer_is_lost_is_told_too() {
    let (double, mut receiver) = friendly().await;
    double.simulator.script(Rule::create(Answer::LostBeforeBooking));
    double.create_call("ORD-1").send().await.unwrap_err();
    double.simulator.script(Rule::create(Answer::LostAfterBooking));
    double.create_call("ORD-2").send().await.unwrap_err();
    assert_eq!(receiver.next().await["client_order_id"], "ORD-2");
}

#[tokio::test]
async fn a_delay_goes_by_the_clock_of_the_double() {
    let (double, mut receiver) = friendly().await;
    double.faults(|f| f.webhook_delay_ms = 3_600_000);
    let awb = double.booked("ORD-1").await;
    double.faults(|f| f.webhook_delay_ms = 0);
    assert!(double.simulator.move_to(&awb, 222));
    assert_eq!(receiver.next_code().await.1, 222);
    assert_eq!(double.simulator.webhooks().waiting, 1);
    double.clock.advance(HOUR);
    assert_eq!(receiver.next_code().await.1, 221);
}

#[tokio::test]
async fn a_cancel_is_told_when_it_shows_and_never_if_it_never_does() {
    let (double, mut receiver) = friendly().await;
    let (late, never) = (double.booked("ORD-1").await, double.booked("ORD-2").await);
    double.faults(|f| f.cancel_effect = TakesEffect::After(3_600_000));
    double.cancel(&late).await;
    double.faults(|f| f.cancel_effect = TakesEffect::Never);
    double.cancel(&never).await;
    assert!(double.simulator.move_to(&never, 230));
    let told = [receiver.next_code().await, receiver.next_code().await, receiver.next_code().await];
    assert_eq!(told, [(late.clone(), 221), (never.clone(), 221), (never, 230)]);
    double.clock.advance(HOUR);
    assert_eq!(receiver.next_code().await, (late, 227));
}

#[tokio::test]
async fn changes_overtake_each_other_when_told_to() {
    let (double, mut receiver) = friendly().await;
    double.faults(|f| f.webhook_swap_ms = 60_000);
    let awb = double.booked("ORD-1").await;
    double.clock.advance(Duration::from_secs(30));
    double.cancel(&awb).await;
    assert_eq!(receiver.next_code().await.1, 227);
    double.clock.advance(Duration::from_secs(30));
    assert_eq!(receiver.next_code().await.1, 221);
}

#[tokio::test]
async fn copies_follow_a_second_apart() {
    let (double, mut receiver) = friendly().await;
    double.faults(|f| f.webhook_duplicates = 2);
    double.booked("ORD-1").await;
    let first = receiver.next().await;
    for left in [2, 1] {
        assert_eq!(double.simulator.webhooks().waiting, left);
        double.clock.advance(Duration::from_secs(1));
        assert_eq!(receiver.next().await, first);
    }
}

#[tokio::test]
async fn every_second_change_is_lost() {
    let (double, mut receiver) = friendly().await;
    double.faults(|f| (f.webhook_lose_every, f.webhook_duplicates) = (2, 0));
    for number in 1..=5 {
        double.booked(&format!("ORD-{number}")).await;
    }
    for kept in ["ORD-1", "ORD-3", "ORD-5"] {
        assert_eq!(receiver.next().await["client_order_id"], kept);
    }
    assert_eq!(double.simulator.webhooks().lost, 2);
}

#[tokio::test]
async fn the_status_is_flat_or_wrapped_or_both_by_turns() {
    let (double, mut receiver) = friendly().await;
    for (form, wrapped) in [
        (WebhookForm::Flat, [false, false]),
        (WebhookForm::Wrapped, [true, true]),
        // The fifth and sixth change.
        (WebhookForm::Alternating, [false, true]),
    ] {
        double.faults(|f| f.webhook_form = form);
        for (number, expected) in wrapped.into_iter().enumerate() {
            let awb = double.booked(&format!("ORD-{form:?}-{number}")).await;
            let body = receiver.next().await;
            let status = if expected { &body["current_status"] } else { &body };
            assert_eq!(
                (&status["awb"], &status["status_title"]),
                (&json!(awb), &json!("Booked")),
                "{form:?}"
            );
            assert_eq!(body.get("client_order_id").is_some(), !expected, "wrapped it must be found by AWB");
        }
    }
}

#[tokio::test]
async fn the_unpleasant_defaults_repeat_swap_delay_and_lose() {
    let (double, mut receiver) = (Double::unpleasant().await, Receiver::start().await);
    to(&double, &receiver);
    let awb = double.booked("ORD-1").await;
    double.cancel(&awb).await;
    let others = [double.booked("ORD-2").await, double.booked("ORD-3").await];
    double.booked("ORD-4").await;
    double.clock.advance(HOUR);
    let mut told = Vec::new();
    for _ in 0..8 {
        told.push(receiver.next_code().await);
    }
    let [second, third] = others;
    // By their due times: the cancel after 1.5 s and 1 s, the bookings after 4 s, copies a second later, and
    // the fifth change never.
    let one = |awb: &str, code| (awb.to_owned(), code);
    let bookings = [one(&awb, 221), one(&second, 221), one(&third, 221)];
    let expected: Vec<_> =
        [one(&awb, 227), one(&awb, 227)].into_iter().chain(bookings.clone()).chain(bookings).collect();
    assert_eq!(told, expected);
    assert_eq!(double.simulator.webhooks().lost, 1);
}

#[tokio::test]
async fn only_this_machine_is_ever_told() {
    let double = Double::friendly().await;
    let set = async |url: Value| {
        let call = double
            .client
            .request(Method::PATCH, format!("{}/_sim/faults", double.base))
            .json(&json!({ "webhookUrl": url }));
        said(call).await
    };
    for url in [
        "http://192.0.2.7/hook",
        "http://0.0.0.0:3000/",
        "http://example.test/",
        "http://localhost.example.test/",
        "http://127.0.0.1.example.test/",
        "http://127.0.0.1@example.test/",
        "http://[2001:db8::7]/",
        "https://127.0.0.1/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "127.0.0.1:3000",
        "",
    ] {
        let (status, answer) = set(json!(url)).await;
        assert_eq!(status, 422, "{url}");
        assert!(answer["error"].as_str().unwrap().contains("webhookUrl"), "{url}: {answer}");
    }
    assert_eq!(double.simulator.faults().webhook_url, None);
    for url in [
        "http://127.0.0.1:3000/x?y=z",
        "http://127.8.8.8/",
        "http://localhost:3000/",
        "http://[::1]:3000/",
        "http://[::ffff:127.0.0.1]/",
    ] {
        let (status, answer) = set(json!(url)).await;
        assert_eq!((status.as_u16(), &answer["webhookUrl"].is_string()), (200, &true), "{url}: {answer}");
    }
    assert_eq!(set(Value::Null).await.0, 200);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (double, mut elsewhere) = (Double::friendly().await, Receiver::start().await);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = WebhookUrl::try_from(format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let target = elsewhere.url.clone();
    let router = Router::new().fallback(async move || axum::response::Redirect::temporary(&target));
    tokio::spawn(async move { axum::serve(listener, router).await });
    double.faults(|f| (f.webhook_url, f.webhook_attempts) = (Some(url), 1));
    double.booked("ORD-1").await;
    until(&double, |counts| counts.failed == 1).await;
    to(&double, &elsewhere);
    double.booked("ORD-2").await;
    assert_eq!(elsewhere.next().await["client_order_id"], "ORD-2");
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_holds_up_nobody() {
    let (double, mut receiver) = (Double::friendly().await, Receiver::with_permits(0).await);
    to(&double, &receiver);
    double.booked("ORD-1").await;
    receiver.next().await;
    // The first one is under way and has no answer: calls go on, all at once.
    let references: Vec<_> = (2..22).map(|n| format!("ORD-{n}")).collect();
    futures_util::future::join_all(references.iter().map(|reference| double.booked(reference))).await;
    receiver.may_answer.add_permits(100);
    let mut told = Vec::new();
    for _ in &references {
        told.push(receiver.next().await["client_order_id"].as_str().unwrap().to_owned());
    }
    told.sort();
    let mut expected = references;
    expected.sort();
    assert_eq!(told, expected);
}

#[tokio::test]
async fn what_waits_is_bounded_and_goes_with_the_address() {
    let (double, receiver) = friendly().await;
    double.faults(|f| (f.webhook_delay_ms, f.webhook_duplicates) = (3_600_000, u32::MAX));
    let awb = double.booked("ORD-1").await;
    for _ in 0..910 {
        assert!(double.simulator.move_to(&awb, 223));
    }
    // Eleven copies of 911 changes.
    let counts = double.simulator.webhooks();
    assert_eq!((counts.waiting, counts.dropped), (10_000, 21));
    double.faults(|f| (f.webhook_url, f.webhook_delay_ms) = (None, 0));
    double.clock.advance(HOUR);
    until(&double, |counts| counts.waiting == 0).await;
    assert_eq!((double.simulator.webhooks().delivered, double.simulator.webhooks().dropped), (0, 10_021));
    assert!(receiver.came.is_empty());
}

#[tokio::test]
async fn a_reset_forgets_what_waits() {
    let (double, mut receiver) = friendly().await;
    double.faults(|f| f.webhook_delay_ms = 1_000);
    double.booked("ORD-1").await;
    said(double.client.post(format!("{}/_sim/reset", double.base))).await;
    double.clock.advance(HOUR);
    to(&double, &receiver);
    double.booked("ORD-2").await;
    assert_eq!(receiver.next().await["client_order_id"], "ORD-2");
}
