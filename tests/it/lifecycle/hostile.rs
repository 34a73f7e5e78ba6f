//! Answers that are well-formed and yet meant, or fit, to do harm: what is kept of them must not outgrow its
//! order.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::support::{Client, TestApp, orders::order};

/// A provider that answers every call with `body`.
async fn provider(body: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer =
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            drop(socket.read(&mut [0; 65_536]).await);
            drop(socket.write_all(answer.as_bytes()).await);
            drop(socket.shutdown().await);
            while socket.read(&mut [0; 65_536]).await.is_ok_and(|n| n > 0) {}
        }
    });
    url
}

/// The order that met this answer.
async fn answered(body: String) -> (TestApp, Client, String) {
    let app = TestApp::builder().provider(&provider(body).await).start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    app.run_pending_jobs().await;
    (app, merchant, id)
}

/// The deepest JSON that a parser takes is a level too deep once it stands in a document.
#[tokio::test]
async fn an_answer_of_any_depth_can_be_read_again() {
    for depth in [1, 31, 32, 33, 60, 100, 120, 124, 125, 126, 127, 128, 1000] {
        let nested = "[".repeat(depth) + &"]".repeat(depth);
        let (_app, merchant, id) =
            answered(format!(r#"{{"status":false,"responsemsg":"No","data":{nested}}}"#)).await;
        let logs = merchant.provider_logs(&id).await;
        // The look-up that a refusal needs is met by the same answer.
        let (verdicts, stands): (&[&str], _) =
            if depth < 32 { (&["refused", "not-found"], "failed") } else { (&["unknown"], "reconciling") };
        let written: Vec<_> = logs.iter().map(|log| log["outcome"]["verdict"].as_str().unwrap()).collect();
        assert_eq!(written, verdicts, "{depth}");
        assert_eq!(merchant.order(&id).await["providerSyncStatus"], stands, "{depth}");
    }
}

#[tokio::test]
async fn the_providers_words_are_kept_short() {
    let words = "no é ".repeat(100_000);
    let (app, merchant, id) =
        answered(json!({ "status": false, "responsemsg": [words, words] }).to_string()).await;
    let seen = merchant.order(&id).await;
    assert_eq!(seen["providerSyncStatus"], "failed");
    let reason = seen["syncReason"].as_str().unwrap();
    assert!(
        reason.starts_with("no é no é") && reason.ends_with('…') && reason.chars().count() <= 501,
        "{}",
        reason.len()
    );
    let stored: waybill::features::orders::model::Order = app.app.store.get(&id).await.unwrap().unwrap();
    assert!(serde_json::to_string(&stored).unwrap().len() < 10_000);
}

/// What a program writes where it has none is none either. The first call is in doubt, and the look-up for it
/// is met by the same answer.
#[tokio::test]
async fn what_nobody_can_print_is_no_awb() {
    let long = ["x".repeat(65), "1".repeat(100_000)];
    let odd = ["12\u{0}345", "12\n345", "१२३४५", "0", "NA", "N/A", "Pending", "undefined", "00000000000000"];
    for awb in long.into_iter().chain(odd.map(str::to_owned)) {
        let both = json!({ "status": true, "data": { "awb_number": awb }, "current_status": { "awb": awb,
            "status_code": "221" } });
        let (app, merchant, id) = answered(both.to_string()).await;
        assert_eq!(merchant.order(&id).await["providerSyncStatus"], "reconciling");
        app.advance(Duration::from_secs(6));
        app.run_pending_jobs().await;
        let seen = merchant.order(&id).await;
        assert_eq!(
            (&seen["awb"], &seen["syncReason"]),
            (&Value::Null, &json!("booked-awb-unknown")),
            "{awb:.80}"
        );
    }
}
