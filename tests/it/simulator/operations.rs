//! Cancel, track, label, warehouses, tokens, and paths that do not exist.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use waybill::provider::simulator::{BadToken, Lookup, SecondCancel, Settings, TakesEffect, TrackOrder, What};

use super::{Double, order_with, said, words};

#[tokio::test]
async fn a_cancel_shows_in_tracking_and_a_second_one_does_as_told() {
    let double = Double::friendly().await;
    let awb = double.booked("ORD-1").await;
    let wallet = double.simulator.faults().wallet_paise;
    assert_eq!(double.cancel(&awb).await["status"], true);
    assert_eq!(double.track(&awb).await["current_status"]["status_code"], "227");
    assert!(!double.simulator.shipments()[0].live);
    assert!(double.simulator.faults().wallet_paise > wallet, "friendly: the charge comes back");

    assert_eq!(double.cancel(&awb).await["status"], true);
    assert_eq!(double.last_entry(|_| true).await.what, What::Repeated);
    double.faults(|f| f.second_cancel = SecondCancel::Refuse);
    assert!(words(&double.cancel(&awb).await).contains("already"));
}

#[tokio::test]
async fn cancels_that_take_their_time_or_never_happen() {
    let double = Double::friendly().await;
    let (late, never) = (double.booked("ORD-1").await, double.booked("ORD-2").await);
    double.faults(|f| f.cancel_effect = TakesEffect::After(1_500));
    double.cancel(&late).await;
    assert_eq!(double.track(&late).await["current_status"]["status_code"], "221");
    double.clock.advance(Duration::from_millis(1_500));
    assert_eq!(double.track(&late).await["current_status"]["status_code"], "227");

    double.faults(|f| f.cancel_effect = TakesEffect::Never);
    assert_eq!(double.cancel(&never).await["status"], true);
    assert_eq!(double.last_entry(|_| true).await.what, What::Acknowledged);
    assert!(double.simulator.shipments()[1].live);
}

#[tokio::test]
async fn cancels_are_refused_for_strangers_after_pickup_and_on_order() {
    let double = Double::friendly().await;
    let awb = double.booked("ORD-1").await;
    assert!(words(&double.cancel("10000000000017").await).contains("not found"));
    double.faults(|f| f.refuse_cancel = Some("Courier says no".to_owned()));
    assert!(words(&double.cancel(&awb).await).contains("Courier says no"));
    double.faults(|f| f.refuse_cancel = None);
    assert!(double.simulator.move_to(&awb, 230));
    assert!(words(&double.cancel(&awb).await).contains("can not be cancelled"));
    assert!(double.simulator.shipments()[0].live);
}

#[tokio::test]
async fn twin_cancels_take_effect_once() {
    let double = Double::unpleasant().await;
    let awb = double.booked("ORD-1").await;
    let (one, two) = tokio::join!(double.cancel(&awb), double.cancel(&awb));
    assert_ne!(one["status"], two["status"]);
    assert_eq!(double.simulator.ledger().iter().filter(|e| e.what == What::Cancelled).count(), 1);
}

#[tokio::test]
async fn tracking_lists_the_events_in_either_order() {
    let double = Double::friendly().await;
    let awb = double.booked("ORD-1").await;
    double.clock.advance(Duration::from_secs(3_600));
    assert!(double.simulator.move_to(&awb, 223));
    let codes = |answer: &Value| {
        answer["data"].as_array().unwrap().iter().map(|e| e["status_code"].clone()).collect::<Vec<_>>()
    };

    let answer = double.track(&awb).await;
    assert_eq!(codes(&answer), ["221", "223"]);
    assert_eq!(
        (&answer["current_status"]["awb"], &answer["current_status"]["status_title"]),
        (&json!(awb), &json!("In Transit"))
    );
    // 01:05 in UTC and an hour.
    assert_eq!(answer["current_status"]["event_date"], "2026-11-21 07:35:00");
    assert_eq!(answer["data"][0]["event_date"], "2026-11-21 06:35:00");

    double.faults(|f| {
        (f.track_order, f.ids) = (TrackOrder::NewestFirst, waybill::provider::simulator::Ids::Numbers);
    });
    let (_, answer) = said(double.get(&format!("/api/v3/track_order?awb={awb}"))).await;
    assert_eq!(codes(&answer), [223, 221]);
    assert!(words(&double.track("00000000000").await).contains("No shipment"));
}

#[tokio::test]
async fn a_look_up_by_reference_in_each_world() {
    let double = Double::friendly().await;
    let awb = double.booked("ORD-1").await;
    double.faults(|f| f.lookup = Lookup::Works);
    assert_eq!(double.look_up("ORD-1").await["current_status"]["awb"], json!(awb));
    words(&double.look_up("ORD-2").await);

    double.faults(|f| f.lookup = Lookup::WithoutAwb);
    let answer = double.look_up("ORD-1").await;
    assert_eq!((&answer["status"], answer["current_status"].get("awb")), (&json!(true), None));

    double.faults(|f| f.lookup = Lookup::Never);
    words(&double.look_up("ORD-1").await);
    assert_eq!(double.track(&awb).await["status"], true, "by AWB it is always found");

    double.faults(|f| f.lookup = Lookup::After(1_000));
    words(&double.look_up("ORD-1").await);
    let entry = double.last_entry(|_| true).await;
    assert_eq!((entry.what, entry.reference.as_deref()), (What::NotFound, Some("ORD-1")));
    double.clock.advance(Duration::from_secs(1));
    assert_eq!(double.look_up("ORD-1").await["current_status"]["awb"], json!(awb));
}

#[tokio::test]
async fn a_look_up_prefers_the_live_shipment() {
    let double = Double::friendly().await;
    double.faults(|f| f.duplicate = waybill::provider::simulator::Duplicate::NewAwb);
    let (first, second) = (double.booked("ORD-1").await, double.booked("ORD-1").await);
    assert_eq!(double.look_up("ORD-1").await["current_status"]["awb"], json!(second));
    double.cancel(&second).await;
    assert_eq!(double.look_up("ORD-1").await["current_status"]["awb"], json!(first));
}

#[tokio::test]
async fn a_label_is_an_address_and_the_own_one_leads_to_a_pdf() {
    let double = Double::friendly().await;
    let awb = double.booked("ORD-1").await;
    let path = format!("/api/v1/label?awb={awb}&label_type=label");
    let (_, answer) = said(double.get(&path)).await;
    let url = answer["label_url"].as_str().unwrap();
    assert!(url.starts_with(&double.base), "{url}");
    let file = double.client.get(url).send().await.unwrap();
    assert_eq!(file.headers()["content-type"], "application/pdf");
    assert!(file.text().await.unwrap().starts_with("%PDF-"));

    double.faults(|f| f.label_url = Some("https://files.example.test/{awb}.pdf".to_owned()));
    let (_, answer) = said(double.get(&path)).await;
    assert_eq!(answer["label_url"], json!(format!("https://files.example.test/{awb}.pdf")));
    words(&said(double.get(&format!("/api/v3/label?awb={awb}&label_type=document"))).await.1);
    double.cancel(&awb).await;
    words(&said(double.get(&path)).await.1);
}

#[tokio::test]
async fn warehouses_are_made_listed_used_and_removed() {
    let double = Double::unpleasant().await;
    let body = json!({
        "address_title": "New store 9", "sender_name": "Example Traders", "full_address": "5 Demo Road",
        "phone": "9000000002", "pincode": "400001"
    });
    let (_, answer) = said(double.post("/api/v1/create_warehouse", &body)).await;
    assert_eq!(answer["data"]["pick_address_id"], 10_004, "unpleasant: a number");
    words(&said(double.post("/api/v3/create_warehouse", &body)).await.1);
    words(&said(double.post("/api/v3/create_warehouse", &json!({ "address_title": "x" }))).await.1);

    let (_, list) = said(double.get("/api/v3/warehouse-list")).await;
    let row = list["data"].as_array().unwrap().iter().find(|w| w["warehouse_id"] == 10_004).unwrap();
    assert_eq!(
        (&row["ciity"], &row["addressee"], &row["title"]),
        (&json!("Mumbai"), &json!("Example Traders"), &json!("New store 9"))
    );
    let placed = order_with("ORD-1", json!({ "pick_address_id": "10004" }));
    assert_eq!(double.send(&placed).await.1["status"], true);

    let removal = json!({ "warehouse_id": "10004" });
    assert_eq!(said(double.post("/api/v3/remove-warehouse", &removal)).await.1["status"], true);
    words(&said(double.post("/api/v3/remove-warehouse", &removal)).await.1);
    assert!(words(&double.send(&placed).await.1).contains("10004"));
}

#[tokio::test]
async fn a_wrong_path_or_verb_is_an_unknown_method() {
    let double = Double::friendly().await;
    for (method, path) in [
        (Method::GET, "/api/v3/order/create_order"),
        (Method::POST, "/api/v1/track_order"),
        (Method::POST, "/api/v1/label"),
        (Method::GET, "/api/v1/warehouse-list"),
        (Method::POST, "/api/v2/order/create_order"),
        (Method::GET, "/api/v3/get_couriers"),
        (Method::GET, "/"),
        (Method::PUT, "/api/v3/order/create_order/"),
    ] {
        let call = double
            .client
            .request(method.clone(), format!("{}{path}", double.base))
            .header("access-token", "x");
        let (status, answer) = said(call).await;
        assert_eq!(
            (status.as_u16(), answer),
            (405, json!({ "status": false, "error": "Unknown method" })),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn a_wrong_token_is_told_by_code_or_by_status_alone() {
    let token = "YWNjZXNzOnNlY3JldA==".to_owned();
    let double = Double::with(Settings { access_token: Some(token.clone()), ..Settings::default() }).await;
    let call = |token: Option<&str>| {
        let call = double
            .client
            .post(format!("{}/api/v3/order/create_order", double.base))
            .json(&super::order("ORD-1"));
        token.map_or(call.try_clone().unwrap(), |t| call.header("access-token", t))
    };
    for wrong in [None, Some(""), Some("YWNjZXNzOnNlY3JldB=="), Some("Bearer YWNjZXNzOnNlY3JldA==")] {
        for code in [401, 200] {
            double.faults(|f| f.bad_token = BadToken::try_from(code).unwrap());
            let (status, answer) = said(call(wrong)).await;
            assert_eq!((status.as_u16(), &answer["status"]), (code, &json!(false)), "{wrong:?}");
        }
    }
    assert!(double.simulator.shipments().is_empty());
    assert_eq!(said(call(Some(&token))).await.1["status"], true);
}
