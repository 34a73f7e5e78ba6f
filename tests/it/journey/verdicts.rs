//! The verdict table, each row through a socket: what the double really did, what was written down, where the order stands.

use tokio::net::TcpListener;
use waybill::simulator::{Answer, Rule, Then};

use crate::support::{Client, TestApp, orders::order};

/// The verdict that was written down for the first create, and where the order stands.
async fn verdict(app: &TestApp) -> (String, String) {
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    app.run_pending_jobs().await;
    app.leave_jobs();
    standing(&merchant, &id).await
}

async fn standing(merchant: &Client, id: &str) -> (String, String) {
    let logs = merchant.provider_logs(id).await;
    assert_eq!(logs.len(), 1, "one wire attempt, one log");
    let seen = merchant.order(id).await;
    let text = |v: &serde_json::Value| v.as_str().unwrap().to_owned();
    (text(&logs[0]["outcome"]["verdict"]), text(&seen["providerSyncStatus"]))
}

#[tokio::test]
async fn answers() {
    let status = |code| Answer::Status { code, retry_after: None };
    let redirect = |to: &str| Answer::Redirect { to: to.to_owned() };
    let rows = [
        (Answer::Normal, "booked", "success"),
        (Answer::WrongContentType, "booked", "success"),
        (Answer::LostAfterBooking, "unknown", "reconciling"),
        (Answer::LostBeforeBooking, "unknown", "reconciling"),
        (Answer::CutBody, "unknown", "reconciling"),
        (Answer::Html200, "unknown", "reconciling"),
        (Answer::Html502, "unknown", "reconciling"),
        (Answer::Empty200, "unknown", "reconciling"),
        (Answer::TruncatedJson, "unknown", "reconciling"),
        (Answer::InvalidUtf8, "unknown", "reconciling"),
        (Answer::DuplicateKeys, "unknown", "reconciling"),
        (Answer::GzipBomb, "unknown", "reconciling"),
        (Answer::HugeBody, "unknown", "reconciling"),
        (Answer::StatusTrueWithoutAwb, "unknown", "reconciling"),
        (Answer::OtherReference, "unknown", "reconciling"),
        (redirect("http://127.0.0.1:9/elsewhere"), "configuration", "retrying"),
        (status(400), "refused", "failed"),
        (status(401), "credentials", "retrying"),
        (status(403), "credentials", "retrying"),
        (status(404), "configuration", "retrying"),
        (status(405), "configuration", "retrying"),
        (status(408), "unknown", "reconciling"),
        (status(409), "unknown", "reconciling"),
        (status(415), "configuration", "retrying"),
        (status(422), "refused", "failed"),
        (status(425), "busy", "retrying"),
        (status(429), "busy", "retrying"),
        (status(500), "unknown", "reconciling"),
        (status(502), "unknown", "reconciling"),
        (status(503), "unknown", "reconciling"),
        (status(504), "unknown", "reconciling"),
    ];
    for (answer, word, stands) in rows {
        let app = TestApp::start().await;
        app.simulator.script(Rule::create(answer.clone()));
        assert_eq!(verdict(&app).await, (word.to_owned(), stands.to_owned()), "{answer:?}");
        app.assert_calls(&[("create", 1)]);
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_unknown() {
    let app = TestApp::builder().setting("WAYBILL_PARCELX__TIMEOUT", "400ms").start().await;
    app.simulator.script(Rule::create(Answer::HangAfterBooking { ms: 1500, then: Then::Answer }));
    assert_eq!(verdict(&app).await, ("unknown".to_owned(), "reconciling".to_owned()));
    app.assert_calls(&[("create", 1)]);
    assert_eq!(app.simulator.shipments().len(), 1);
}

/// Nothing was sent, so nothing is in doubt: the order waits and is sent later.
#[tokio::test]
async fn what_never_reached_the_provider_is_not_in_doubt() {
    // Accepts connections and says nothing: a TLS handshake with it never ends.
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mute_address = mute.local_addr().unwrap();
    // Speaks HTTP where TLS is expected.
    let plain = TestApp::start().await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for (what, url) in [
        ("a refused connection", format!("http://{closed}")),
        ("a name that does not exist", "https://parcelx.invalid".to_owned()),
        ("a TLS failure", format!("https://{}", plain.provider_address)),
        ("a connect time-out", format!("https://{mute_address}")),
    ] {
        let app = TestApp::builder().setting("WAYBILL_PARCELX__TIMEOUT", "2s").provider(&url).start().await;
        assert_eq!(verdict(&app).await, ("not-sent".to_owned(), "retrying".to_owned()), "{what}");
    }
}
