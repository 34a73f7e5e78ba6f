//! What the log of a running instance says of an order, and what it does not.

use serde_json::Value;

use super::{process::Run, web::Web};
use crate::support::orders;

#[tokio::test]
async fn an_orders_lines_carry_its_ids_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let token = Run::waybill(folder.path()).args(&["token", "--user", "u1"]).end().out;
    let mut waybill = Run::waybill(folder.path()).set("LOG__LEVEL", "debug").start();
    let web = Web::new(&waybill.url()).token(&token);
    let id = web.create(&orders::order("L-1")).await;
    web.order_becomes(&id, "success").await;
    let replay = web.send(reqwest::Method::POST, "/orders/create", Some(&orders::order("L-1"))).await;
    assert_eq!(replay.0, 200);
    let ended = waybill.stop();

    let lines: Vec<Value> = ended
        .err
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect();
    let field = |line: &Value, name: &str| {
        let spans = line["spans"].as_array().cloned().unwrap_or_default();
        spans.iter().chain([line]).find_map(|place| place[name].as_str().map(str::to_owned))
    };
    let requests: Vec<_> = lines
        .iter()
        .filter(|l| l["message"] == "answered" && field(l, "route").as_deref() == Some("/orders/create"))
        .collect();
    assert_eq!(requests.len(), 2, "{}", ended.err);
    for line in requests {
        assert_eq!(field(line, "order.id").as_deref(), Some(id.as_str()), "{line}");
        assert!(field(line, "request.id").is_some_and(|id| !id.is_empty()), "{line}");
    }
    let booked: Vec<_> = lines.iter().filter(|l| l["verdict"] == "booked").collect();
    assert!(!booked.is_empty(), "{}", ended.err);
    for line in booked {
        assert_eq!(field(line, "order.id").as_deref(), Some(id.as_str()), "{line}");
        assert_eq!(field(line, "job.id"), Some(format!("create-order-{id}-1")), "{line}");
    }
    for secret in ["9000000001", "Asha", "Sample Street", token.trim(), "Bearer"] {
        assert!(!ended.err.contains(secret), "{secret}: {}", ended.err);
    }
    let key = std::fs::read_to_string(folder.path().join("data/jwt.secret")).unwrap();
    assert!(!ended.err.contains(key.trim()) && !ended.out.contains(key.trim()));
}
