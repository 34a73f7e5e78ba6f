//! Every way an answer can go wrong, and that the ledger tells the truth about it.

use std::time::Duration;

use axum::Router;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tower_http::compression::CompressionLayer;
use waybill::{
    base::clock::Clock,
    provider::simulator::{Answer, Answered, Operation, Rule, Settings, Simulator, Then, What},
};

use super::{Double, order, said, words};

/// Sends a create by hand and gives every byte that comes back until the connection is closed.
async fn raw(address: &str, prefix: &str) -> String {
    let body = order("ORD-1").to_string();
    let call = format!(
        "POST {prefix}/api/v3/order/create_order HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\
         access-token: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(call.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    socket.read_to_end(&mut bytes).await.unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn a_lost_answer_leaves_no_byte_and_a_booking() {
    let double = Double::friendly().await;
    double.simulator.script(Rule::create(Answer::LostAfterBooking));
    assert_eq!(raw(double.base.trim_start_matches("http://"), "").await, "");
    let entry = double.last_entry(|_| true).await;
    assert_eq!((entry.what, entry.answered, entry.http_status), (What::Booked, Answered::Unheard, None));
    assert_eq!(double.simulator.shipments().len(), 1);

    double.simulator.script(Rule::create(Answer::LostBeforeBooking));
    double.create_call("ORD-2").send().await.unwrap_err();
    let entry = double.last_entry(|e| e.reference.as_deref() == Some("ORD-2")).await;
    assert_eq!((entry.what, entry.answered), (What::None, Answered::Unheard));
    assert_eq!(double.simulator.shipments().len(), 1);
}

#[tokio::test]
async fn the_same_works_nested_in_another_router_behind_its_layers() {
    waybill::provider::parcelx::client::install_crypto();
    let simulator = Simulator::new(Settings::default(), Clock::system()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let app = Router::new().nest("/simulator", simulator.router()).layer(CompressionLayer::new());
    tokio::spawn(async move { axum::serve(listener, app).await });

    simulator.script(Rule::create(Answer::LostAfterBooking));
    assert_eq!(raw(&address, "/simulator").await, "");
    assert_eq!(simulator.ledger()[0].answered, Answered::Unheard);
    simulator.script(Rule::create(Answer::CutBody));
    assert!(raw(&address, "/simulator").await.starts_with("HTTP/1.1 200 OK"));

    let client = Client::builder().no_proxy().build().unwrap();
    let get =
        |path: &str| client.get(format!("http://{address}/simulator{path}")).header("access-token", "x");
    let awb = simulator.shipments()[0].awb.clone();
    let (_, label) = said(get(&format!("/api/v1/label?awb={awb}&label_type=label"))).await;
    assert_eq!(label["label_url"], json!(format!("http://{address}/simulator/_sim/label/{awb}.pdf")));
    assert_eq!(said(get("/_sim/ledger")).await.1["shipments"].as_array().map(Vec::len), Some(1));
    assert_eq!(said(get("/nothing")).await.0, 405);
}

#[tokio::test]
async fn a_cut_body_is_shorter_than_it_says() {
    let double = Double::friendly().await;
    double.simulator.script(Rule::create(Answer::CutBody));
    let text = raw(double.base.trim_start_matches("http://"), "").await;
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let declared: usize =
        head.lines().find_map(|l| l.to_lowercase().strip_prefix("content-length: ")?.parse().ok()).unwrap();
    assert!(!body.is_empty() && body.len() == declared / 2, "{} of {declared}", body.len());
    let entry = double.last_entry(|_| true).await;
    assert_eq!((entry.what, entry.answered, entry.http_status), (What::Booked, Answered::Unheard, Some(200)));
}

#[tokio::test]
async fn a_client_that_goes_away_is_booked_all_the_same() {
    let double = Double::friendly().await;
    for (reference, rule) in [
        ("ORD-1", Rule { latency_ms: Some(1_000), ..Rule::default() }),
        ("ORD-2", Rule { latency_after_ms: Some(600_000), ..Rule::default() }),
        ("ORD-3", Rule::create(Answer::HangAfterBooking { ms: 600_000, then: Then::Answer })),
    ] {
        double.simulator.script(rule);
        let error =
            double.create_call(reference).timeout(Duration::from_millis(200)).send().await.unwrap_err();
        assert!(error.is_timeout());
        let entry = double
            .last_entry(|e| e.reference.as_deref() == Some(reference) && e.answered != Answered::Pending)
            .await;
        assert_eq!((entry.what, entry.answered), (What::Booked, Answered::Unheard), "{reference}");
    }
}

#[tokio::test]
async fn a_silence_ends_as_told() {
    let double = Double::friendly().await;
    double.simulator.script(Rule::create(Answer::HangAfterBooking { ms: 20, then: Then::Close }));
    double.create_call("ORD-1").send().await.unwrap_err();
    assert_eq!(double.last_entry(|_| true).await.answered, Answered::Unheard);
    double.simulator.script(Rule::create(Answer::HangAfterBooking { ms: 20, then: Then::Answer }));
    double.booked("ORD-2").await;
    assert_eq!(double.last_entry(|_| true).await.answered, Answered::Answered);
}

#[tokio::test]
async fn answers_that_make_no_sense() {
    let double = Double::friendly().await;
    let next = async |answer: Answer| {
        double.simulator.script(Rule::create(answer));
        let answer = double.create_call("ORD-1").send().await.unwrap();
        let kind =
            answer.headers().get("content-type").map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default();
        (answer.status().as_u16(), kind, answer.bytes().await.unwrap())
    };
    let json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes);

    for (answer, code) in [(Answer::Html200, 200), (Answer::Html502, 502)] {
        let (status, kind, body) = next(answer).await;
        assert_eq!((status, kind.as_str()), (code, "text/html; charset=UTF-8"));
        assert!(body.starts_with(b"<!DOCTYPE html>"));
    }
    assert_eq!(next(Answer::Empty200).await.2, "");
    assert!(json(&next(Answer::TruncatedJson).await.2).unwrap_err().is_eof());
    let (_, kind, body) = next(Answer::WrongContentType).await;
    assert!(kind.starts_with("text/html") && json(&body).unwrap()["status"] == true);
    assert!(std::str::from_utf8(&next(Answer::InvalidUtf8).await.2).is_err());
    assert!(next(Answer::DuplicateKeys).await.2.starts_with(br#"{"status":false,"status":true,"#));
    assert!(next(Answer::GzipBomb).await.2.len() > 60_000_000);
    assert!(next(Answer::HugeBody).await.2.len() > 50_000_000);
    assert!(
        double
            .simulator
            .ledger()
            .iter()
            .all(|e| matches!(e.what, What::Booked | What::Repeated) && e.answered == Answered::Answered)
    );
}

#[tokio::test]
async fn successes_that_are_none() {
    let double = Double::friendly().await;
    let other = double.booked("ORD-0").await;
    double.simulator.script(Rule::create(Answer::StatusTrueWithoutAwb));
    let answer = double.create("ORD-1").await;
    assert_eq!((&answer["status"], &answer["data"]["awb_number"]), (&json!(true), &json!("")));
    double.simulator.script(Rule::create(Answer::OtherReference));
    assert_eq!(double.create("ORD-2").await["data"]["client_order_id"], "ORD-1");
    double.simulator.script(Rule::create(Answer::AwbOfAnother).about("ORD-3"));
    double.faults(|f| f.duplicate = waybill::provider::simulator::Duplicate::NewAwb);
    let answer = double.create("ORD-3").await;
    let awb = answer["data"]["awb_number"].as_str().unwrap();
    let shipments = double.simulator.shipments();
    assert!(shipments.iter().any(|s| s.awb == awb && s.reference != "ORD-3"));
    assert_eq!(
        shipments.iter().map(|s| s.reference.as_str()).collect::<Vec<_>>(),
        ["ORD-0", "ORD-1", "ORD-2", "ORD-3"]
    );
    assert_ne!(other, awb, "the latest other order's");
}

#[tokio::test]
async fn codes_come_with_and_without_a_booking() {
    let double = Double::friendly().await;
    for code in [400, 401, 403, 404, 405, 408, 409, 415, 422, 425, 429, 500, 502, 503, 504] {
        for acts in [false, true] {
            let answer = Answer::Status { code, retry_after: Some("-5".to_owned()) };
            double.simulator.script(Rule::create(answer).acting(acts));
            let reference = format!("ORD-{code}-{acts}");
            let answer = double.create_call(&reference).send().await.unwrap();
            assert_eq!(
                (answer.status().as_u16(), answer.headers()["retry-after"].to_str().unwrap()),
                (code, "-5")
            );
            assert_eq!(answer.json::<Value>().await.unwrap()["status"], false);
            let entry = double.last_entry(|_| true).await;
            assert_eq!(entry.what, if acts { What::Booked } else { What::None });
            assert_eq!((entry.http_status, entry.answered), (Some(code), Answered::Answered));
        }
    }
    double.simulator.script(Rule::create(Answer::Redirect { to: "http://127.0.0.1:9/".to_owned() }));
    let answer = double.create_call("ORD-1").send().await.unwrap();
    assert_eq!(answer.status(), 307);
    assert_eq!(answer.headers()["location"], "http://127.0.0.1:9/api/v3/order/create_order");
    assert_eq!(double.last_entry(|_| true).await.what, What::None);
}

#[tokio::test]
async fn rules_wait_for_their_call_and_are_used_up() {
    let double = Double::friendly().await;
    let awb = double.booked("ORD-1").await;
    let gone = || Answer::Status { code: 503, retry_after: None };
    double.simulator.script(Rule::on(Operation::Cancel, gone()).about("ORD-1"));
    double.simulator.script(Rule { skip: 1, ..Rule::on(Operation::Track, gone()).times(2) });
    double.booked("ORD-2").await;
    let mut codes = Vec::new();
    for _ in 0..4 {
        codes.push(
            double.get(&format!("/api/v1/track_order?awb={awb}")).send().await.unwrap().status().as_u16(),
        );
    }
    assert_eq!(codes, [200, 503, 503, 200]);
    assert_eq!(double.simulator.scripted(), 1);
    words(&double.cancel(&awb).await);
    assert!(double.simulator.shipments()[0].live);
    assert_eq!(double.simulator.scripted(), 0);
}

#[tokio::test]
async fn a_standing_answer_is_for_its_operations_and_rate() {
    let double = Double::friendly().await;
    double.faults(|f| {
        f.answer = Answer::Status { code: 500, retry_after: None };
        f.answer_acts = Some(true);
        f.answer_every = 2;
    });
    let mut codes = Vec::new();
    for number in 0..4 {
        codes.push(double.create_call(&format!("ORD-{number}")).send().await.unwrap().status().as_u16());
    }
    assert_eq!(codes, [200, 500, 200, 500]);
    assert_eq!(double.simulator.shipments().len(), 4);
    double.faults(|f| (f.answer_for, f.answer_every) = ([Operation::Track].into(), 1));
    assert_eq!(double.get("/api/v1/track_order?awb=1").send().await.unwrap().status(), 500);
    double.booked("ORD-9").await;
}

#[tokio::test]
async fn a_cancel_can_be_lost_after_it_took_effect() {
    let double = Double::friendly().await;
    let awb = double.booked("ORD-1").await;
    double.simulator.script(Rule::on(Operation::Cancel, Answer::LostAfterBooking));
    double.post("/api/v3/order/cancel_order", &json!({ "awb": awb })).send().await.unwrap_err();
    let entry = double.last_entry(|_| true).await;
    assert_eq!(
        (entry.what, entry.answered, entry.reference.as_deref()),
        (What::Cancelled, Answered::Unheard, Some("ORD-1"))
    );
    assert!(!double.simulator.shipments()[0].live);
}
