//! The verdict table, each row through a socket: what the double really did, what was written down, where the
//! order stands.

use tokio::net::TcpListener;
use waybill::provider::simulator::{Answer, Rule, Then};

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
    let text = |v: &serde_json::Value| v.as_str().unwrap().to_owned();
    let verdict = text(&logs[0]["outcome"]["verdict"]);
    let operations: Vec<_> = logs.iter().map(|log| log["operation"].as_str().unwrap()).collect();
    // Only a refusal is looked up at once.
    let expected: &[&str] =
        if verdict == "refused" { &["create_order", "track_order"] } else { &["create_order"] };
    assert_eq!(operations, expected, "one wire attempt, one log");
    let seen = merchant.order(id).await;
    (verdict, text(&seen["providerSyncStatus"]))
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
        (status(403), "refused", "failed"),
        (status(404), "refused", "failed"),
        (status(405), "configuration", "retrying"),
        (status(408), "unknown", "reconciling"),
        (status(409), "unknown", "reconciling"),
        (status(415), "refused", "failed"),
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
        app.assert_calls(&[("create", 1), ("track", usize::from(word == "refused"))]);
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

/// Answers every call with 429 and these headers, as they stand.
async fn busy_provider(headers: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let body = r#"{"status":false,"responsemsg":"Too many requests"}"#;
    let answer = format!(
        "HTTP/1.1 429 Too Many Requests\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            // A create comes in one piece or two; its end is the client's business.
            drop(socket.read(&mut [0; 65_536]).await);
            drop(socket.write_all(answer.as_bytes()).await);
            drop(socket.shutdown().await);
            while socket.read(&mut [0; 65_536]).await.is_ok_and(|n| n > 0) {}
        }
    });
    url
}

#[tokio::test]
async fn a_retry_after_may_be_a_date() {
    // The test's clock stands at 09:30:00.
    for (headers, wait) in [
        ("Retry-After: Sat, 31 Jan 2026 09:32:00 GMT\r\n", Some(120)),
        // The provider's clock is an hour slow; what it means is two minutes all the same.
        ("Date: Sat, 31 Jan 2026 08:30:00 GMT\r\nRetry-After: Sat, 31 Jan 2026 08:32:00 GMT\r\n", Some(120)),
        ("Retry-After: Sun, 31 Jan 2027 09:32:00 GMT\r\n", Some(900)),
        ("Retry-After: Sat, 31 Jan 2026 09:00:00 GMT\r\n", None),
        ("Retry-After: whenever you like\r\n", None),
    ] {
        let app = TestApp::builder().provider(&busy_provider(headers).await).start().await;
        assert_eq!(verdict(&app).await, ("busy".to_owned(), "retrying".to_owned()), "{headers}");
        let merchant = app.merchant("u1");
        let list = merchant.get("/v1/orders").await.json();
        let next: waybill::base::timestamp::Timestamp = serde_json::from_value(
            merchant.order(list["data"][0]["id"].as_str().unwrap()).await["nextCheckAt"].clone(),
        )
        .unwrap();
        let seconds = next.since(app.clock.now()).as_secs();
        match wait {
            Some(wait) => assert_eq!(seconds, wait, "{headers}"),
            // The first of the growing waits, up to a fifth shorter.
            None => assert!((3..=5).contains(&seconds), "{headers}: {seconds}"),
        }
    }
}
