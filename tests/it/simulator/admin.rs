//! The surface under `/_sim`.

use std::net::SocketAddr;

use axum::{body::Body, extract::ConnectInfo};
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;
use waybill::{
    base::clock::Clock,
    provider::simulator::{Answer, Faults, Profile, Settings, Simulator},
};

use super::{Double, said};

async fn ask(double: &Double, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
    said(double.client.request(method, format!("{}/_sim{path}", double.base)).json(&body)).await
}

#[tokio::test]
async fn switches_are_read_changed_and_put_back() {
    let double = Double::unpleasant().await;
    let (_, all) = ask(&double, Method::GET, "/faults", json!({})).await;
    assert_eq!(
        (&all["duplicate"], &all["failureStatus"], &all["lookup"]),
        (&json!("newAwb"), &json!(200), &json!({ "after": 1000 }))
    );
    let changes = json!({
        "lookup": "never", "badToken": 200, "answerFor": ["cancel"],
        "answer": { "hangAfterBooking": { "ms": 5, "then": "close" } }
    });
    assert_eq!(ask(&double, Method::PATCH, "/faults", changes).await.0, 200);
    let faults = double.simulator.faults();
    assert_eq!(
        (faults.lookup, u16::from(faults.bad_token)),
        (waybill::provider::simulator::Lookup::Never, 200)
    );
    assert_eq!(ask(&double, Method::PUT, "/faults", json!({ "latencyMs": 1 })).await.0, 200);
    assert_eq!(double.simulator.faults(), Faults { latency_ms: 1, ..Faults::new(Profile::Unpleasant) });
}

#[tokio::test]
async fn what_is_no_switch_is_refused_by_name_and_changes_nothing() {
    let double = Double::friendly().await;
    for (body, status, says) in [
        (json!({ "latencyMs": 5, "latencyMS": 5 }), 422, "latencyMS"),
        (json!({ "failureStatus": 418 }), 422, "418"),
        (json!({ "badToken": 403 }), 422, "403"),
        (json!({ "answer": "sulk" }), 422, "sulk"),
        (json!({ "answer": { "status": { "code": 99 } } }), 422, "99"),
        (json!({ "answer": { "status": { "code": 503, "retry": "1" } } }), 422, "retry"),
        (json!({ "answer": { "redirect": { "to": "a\nb" } } }), 422, "redirect"),
        (json!({ "answerFor": ["creation"] }), 422, "creation"),
        (json!([1]), 422, "map"),
    ] {
        for method in [Method::PATCH, Method::PUT] {
            let (code, answer) = ask(&double, method, "/faults", body.clone()).await;
            assert_eq!(code, status, "{body}");
            assert!(answer["error"].as_str().unwrap().contains(says), "{body}: {answer}");
        }
    }
    assert_eq!(double.simulator.faults(), Faults::default());
    let (code, _) = said(double.client.patch(format!("{}/_sim/faults", double.base)).body("{")).await;
    assert_eq!(code, 400);
}

#[tokio::test]
async fn what_cannot_be_meant_is_told_in_words() {
    let double = Double::friendly().await;
    for (method, path, body, status, says) in [
        (Method::POST, "/status", "", 400, "needs a JSON body"),
        (Method::POST, "/script", " \n", 400, "needs a JSON body"),
        (Method::PATCH, "/faults", "", 400, "needs a JSON body"),
        (Method::POST, "/status", "{}", 422, "awb"),
        (Method::POST, "/status", "[", 400, "EOF"),
        (Method::GET, "/reset", "", 405, "GET /_sim/reset does nothing"),
        (Method::DELETE, "/ledger", "", 405, "GET /_sim says"),
        (Method::GET, "/ledger?refrence=ORD-1", "", 400, "refrence"),
        (Method::GET, "/ledger?since=yesterday", "", 400, "since"),
    ] {
        let call = double.client.request(method.clone(), format!("{}/_sim{path}", double.base));
        let (code, answer) = said(call.body(body)).await;
        assert_eq!(code, status, "{method} {path}: {answer}");
        assert!(answer["error"].as_str().unwrap().contains(says), "{method} {path}: {answer}");
    }
    let (code, none) = ask(&double, Method::GET, "/ledger?reference=ORD-9", json!({})).await;
    assert_eq!((code.as_u16(), none), (200, json!({ "entries": [], "shipments": [] })));
}

#[tokio::test]
async fn rules_come_one_by_one_or_as_a_list() {
    let double = Double::friendly().await;
    assert_eq!(
        ask(&double, Method::POST, "/script", json!({ "operation": "create", "answer": "html502" })).await.0,
        200
    );
    let list = json!([
        { "clientOrderId": "ORD-2", "refuse": "no" },
        { "answer": { "status": { "code": 429, "retryAfter": "9" } }, "acts": false }
    ]);
    assert_eq!(ask(&double, Method::POST, "/script", list).await.1["rulesWaiting"], 3);
    for (bad, says) in [
        (json!({ "time": 2 }), "time"),
        (json!({ "times": 0 }), "times"),
        (json!([{ "answer": { "status": { "code": 1000 } } }]), "1000"),
    ] {
        let (code, answer) = ask(&double, Method::POST, "/script", bad).await;
        assert!(code == 422 && answer["error"].as_str().unwrap().contains(says), "{answer}");
    }
    assert_eq!(double.create_call("ORD-1").send().await.unwrap().status(), 502);
    assert_eq!(double.create("ORD-2").await["responsemsg"], "no");
    assert_eq!(double.create_call("ORD-1").send().await.unwrap().headers()["retry-after"], "9");
}

#[tokio::test]
async fn the_ledger_is_read_by_reference_and_number() {
    let double = Double::friendly().await;
    let awb = double.booked("ORD-1").await;
    double.booked("ORD-2").await;
    double.cancel(&awb).await;
    let (_, all) = ask(&double, Method::GET, "/ledger", json!({})).await;
    assert_eq!(
        (all["entries"].as_array().unwrap().len(), all["shipments"].as_array().unwrap().len()),
        (3, 2)
    );
    let (_, one) = ask(&double, Method::GET, "/ledger?reference=ORD-1", json!({})).await;
    let operations: Vec<_> =
        one["entries"].as_array().unwrap().iter().map(|e| e["operation"].clone()).collect();
    assert_eq!(operations, ["create", "cancel"]);
    assert_eq!(one["entries"][0]["request"], super::order("ORD-1"));
    let shipment = &one["shipments"][0];
    assert_eq!(
        (&shipment["awb"], &shipment["live"], &shipment["paymentMode"], &shipment["codPaise"]),
        (&json!(awb), &json!(false), &json!("COD"), &json!(74_900))
    );
    let (_, new) = ask(&double, Method::GET, "/ledger?since=2", json!({})).await;
    assert_eq!(new["entries"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn shipments_are_moved_by_hand() {
    let double = Double::friendly().await;
    let awb = double.booked("ORD-1").await;
    assert_eq!(ask(&double, Method::POST, "/status", json!({ "awb": awb, "code": 226 })).await.0, 200);
    assert_eq!(double.track(&awb).await["current_status"]["status_title"], "Delivered");
    assert_eq!(ask(&double, Method::POST, "/status", json!({ "awb": awb, "code": 999 })).await.0, 422);
    assert_eq!(ask(&double, Method::POST, "/status", json!({ "awb": "1", "code": 226 })).await.0, 404);
}

#[tokio::test]
async fn only_clients_on_this_machine_are_let_in() {
    let simulator = Simulator::new(Settings::default(), Clock::system()).unwrap();
    let call = async |peer: Option<&str>, origin: Option<&str>, path: &str| {
        let mut call = Request::builder()
            .method(Method::PATCH)
            .uri(path)
            .body(Body::from(r#"{"answer":"empty200"}"#))
            .unwrap();
        if let Some(peer) = peer {
            call.extensions_mut().insert(ConnectInfo(peer.parse::<SocketAddr>().unwrap()));
        }
        if let Some(origin) = origin {
            call.headers_mut().insert("origin", origin.parse().unwrap());
        }
        simulator.router().oneshot(call).await.unwrap().status().as_u16()
    };
    for peer in ["192.0.2.7:5000", "[2001:db8::7]:5000", "[::ffff:192.0.2.7]:5000"] {
        assert_eq!(call(Some(peer), None, "/_sim/faults").await, 403, "{peer}");
    }
    assert_eq!(call(Some("127.0.0.1:5000"), Some("https://evil.example"), "/_sim/faults").await, 403);
    assert_eq!(call(Some("127.0.0.1:5000"), Some("null"), "/_sim/faults").await, 403);
    assert_eq!(simulator.faults().answer, Answer::Normal);
    // The API itself is for everybody.
    assert_eq!(call(Some("192.0.2.7:5000"), None, "/api/v3/order/create_order").await, 405);
    for peer in [Some("127.0.0.1:5000"), Some("[::1]:5000"), Some("[::ffff:127.0.0.1]:5000"), None] {
        assert_eq!(call(peer, Some("http://localhost:3000"), "/_sim/faults").await, 200, "{peer:?}");
    }
}

#[tokio::test]
async fn the_index_tells_what_there_is() {
    let double = Double::friendly().await;
    double.booked("ORD-1").await;
    let (_, index) = ask(&double, Method::GET, "", json!({})).await;
    assert_eq!((&index["entries"], &index["shipments"]), (&json!(1), &json!(1)));
    assert!(index["endpoints"].as_object().unwrap().contains_key("GET /_sim/ledger"));
}
