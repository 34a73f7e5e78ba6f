//! What the log of a running instance says of an order, and what it does not.

use serde_json::Value;

use super::{
    process::{Run, WORKER},
    web::Web,
};
use crate::support::orders;

#[tokio::test]
async fn an_orders_lines_carry_its_ids_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let token = Run::waybill(folder.path()).args(&["token", "--user", "u1"]).end().out;
    let mut waybill =
        Run::waybill(folder.path()).set("LOG__LEVEL", "debug").set("AUTH__PASSWORD_COST", "measured").start();
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
    // What a password's hash costs on this machine: once, and within its bounds.
    let measured = |l: &&Value| l["message"] == "the cost of a password's hash was measured";
    let measured: Vec<_> = lines.iter().filter(measured).collect();
    assert_eq!(measured.len(), 1, "{}", ended.err);
    let memory = measured[0]["memory_kib"].as_u64().unwrap();
    assert!((19 * 1024..=64 * 1024).contains(&memory) && measured[0]["level"] == "INFO", "{}", measured[0]);
    for secret in ["9000000001", "Asha", "Sample Street", token.trim(), "Bearer"] {
        assert!(!ended.err.contains(secret), "{secret}: {}", ended.err);
    }
    let key = std::fs::read_to_string(folder.path().join("data/jwt.secret")).unwrap();
    assert!(!ended.err.contains(key.trim()) && !ended.out.contains(key.trim()));
}

/// Another program's variable is not followed, and nobody may believe that it is.
#[test]
fn a_start_says_through_which_proxy_parcelx_is_called() {
    let start = || {
        let folder = tempfile::tempdir().unwrap();
        let run = Run::new(WORKER, folder.path()).variable("HTTPS_PROXY", "http://zuq:zuq@10.0.0.9:1");
        (folder, run.set("PARCELX__ACCESS_KEY", "k").set("PARCELX__SECRET_KEY", "k"))
    };
    let (_folder, run) = start();
    let mut worker = run.set("PARCELX__PROXY", "http://zuq:zuq@127.0.0.1:9").start();
    worker.log("ParcelX is called through the proxy 127.0.0.1:9");
    worker.line("Waybill ");
    let ended = worker.stop();
    assert!(!ended.err.contains("zuq") && !ended.err.contains("10.0.0.9"), "{}", ended.err);

    let (_folder, run) = start();
    let mut worker = run.start();
    worker.log("HTTPS_PROXY is set and not used");
    worker.line("Waybill ");
    let ended = worker.stop();
    assert!(!ended.err.contains("zuq") && !ended.err.contains("through the proxy 1"), "{}", ended.err);
}
