//! `waybill probe` against the double: what is sent, what must be confirmed, and that the record names
//! nobody.

mod typed;

use std::path::Path;

use serde_json::{Value, json};

use super::{
    process::{Ended, Process, Run},
    web::Web,
};
use crate::support::orders::order;

const CANARIES: [&str; 7] =
    ["Canaryname", "Canarypur", "Canary Villa", "9876512340", "682541", "canary.mail", "c4n4ry"];

fn double(folder: &Path) -> (Process, String) {
    let mut double =
        Run::waybill(folder).args(&["simulator", "--bind", "127.0.0.1:0", "--profile", "unpleasant"]).start();
    let url = double.url();
    (double, url)
}

fn probing(folder: &Path, url: &str, args: &[&str]) -> Run {
    let run = Run::waybill(folder)
        .set("PARCELX__ACCESS_KEY", "c4n4ry-access")
        .set("PARCELX__SECRET_KEY", "c4n4ry-secret");
    run.args(&[&["probe", "--base-url", url, "--poll-after", "0"], args].concat())
}

/// Without a terminal.
fn probe(folder: &Path, url: &str, args: &[&str]) -> Ended {
    probing(folder, url, args).end()
}

fn canaries() -> Value {
    let mut body = order("A-1");
    let to = json!({ "name": "Canaryname Kapoor", "mobile": "9876512340", "email": "canary.mail@example.test",
                     "address1": "77 Canary Villa", "pincode": "682541", "city": "Canarypur",
                         "state": "Canarystate" });
    body["consignee"].as_object_mut().unwrap().extend(to.as_object().unwrap().clone());
    body
}

/// The lines of the record after the first, which must name nobody and hold no secret.
#[track_caller]
fn record(ended: &Ended) -> Vec<Value> {
    assert!(ended.status.success(), "{ended:?}");
    for canary in CANARIES {
        assert!(!ended.out.contains(canary) && !ended.err.contains(canary), "{canary}: {ended:?}");
    }
    let mut lines: Vec<Value> = ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines[0]["account"].as_str().unwrap().ends_with("@127.0.0.1"), "{}", lines[0]);
    lines.remove(0);
    lines
}

fn steps(lines: &[Value]) -> Vec<(&str, &str)> {
    lines
        .iter()
        .map(|line| (line["step"].as_str().unwrap(), line["call"]["outcome"]["verdict"].as_str().unwrap()))
        .collect()
}

/// The texts that the refusal asks for.
fn asked_for(ended: &Ended) -> Vec<String> {
    assert!(!ended.status.success() && ended.out.is_empty(), "{ended:?}");
    ended.err.split("--confirm '").skip(1).map(|rest| rest.split('\'').next().unwrap().to_owned()).collect()
}

async fn calls(url: &str, operation: &str) -> usize {
    let (_, body) = Web::new(url).get("/_sim/ledger").await;
    body["entries"].as_array().unwrap().iter().filter(|e| e["operation"] == operation).count()
}

async fn creates(url: &str) -> usize {
    calls(url, "create").await
}

#[tokio::test]
async fn a_probe_books_what_was_confirmed_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (double, url) = double(folder.path());
    let file = folder.path().join("order.json");
    std::fs::write(&file, canaries().to_string()).unwrap();
    let file = file.to_str().unwrap();

    let once = asked_for(&probe(folder.path(), &url, &["create", file]));
    assert!(
        once.len() == 1 && once[0].starts_with("book 749") && once[0].ends_with("@127.0.0.1"),
        "{once:?}"
    );
    let twice = asked_for(&probe(folder.path(), &url, &["create", file, "--twice"]));
    assert_eq!((twice.len(), &twice[0]), (2, &once[0]));
    // A part of what is asked for, or the words of another call, are nothing.
    for given in ["yes", &twice[0], &twice[1]] {
        let ended = probe(folder.path(), &url, &["create", file, "--twice", "--confirm", given]);
        assert!(!asked_for(&ended).is_empty() && ended.err.contains("nothing was sent"), "{ended:?}");
    }
    assert_eq!(creates(&url).await, 0);

    let lines = record(&probe(folder.path(), &url, &["create", file, "--confirm", &once[0]]));
    assert_eq!(steps(&lines)[0], ("create", "booked"));
    assert_eq!(lines[0]["call"]["requestPayload"]["consignee_name"], "[redacted]");
    assert_eq!(lines[0]["said"]["types"]["data"]["awb_number"], "string");
    assert!(steps(&lines).iter().skip(1).all(|(step, _)| *step == "lookup after 0 s"), "{lines:?}");
    assert_eq!(creates(&url).await, 1);

    let args = ["create", file, "--twice", "--confirm", &twice[0], "--confirm", &twice[1]];
    let lines = record(&probe(folder.path(), &url, &args));
    let booked: Vec<_> = lines.iter().filter(|l| l["call"]["operation"] == "create_order").collect();
    assert_eq!(booked.len(), 2);
    let reference = |line: &Value| line["call"]["requestPayload"]["client_order_id"].clone();
    assert_eq!(reference(booked[0]), reference(booked[1]), "the same reference");
    assert_eq!(creates(&url).await, 3);
    assert_eq!(left_behind(folder.path()), 0);
    double.stop();
}

/// Folders that hold what was sent.
fn left_behind(folder: &Path) -> usize {
    let Ok(all) = folder.join("data").read_dir() else { return 0 };
    all.filter(|entry| entry.as_ref().unwrap().file_name().to_str().unwrap().starts_with("probe")).count()
}

#[test]
fn a_probe_that_is_interrupted_leaves_nothing_of_the_order() {
    let folder = tempfile::tempdir().unwrap();
    let (double, url) = double(folder.path());
    let file = folder.path().join("order.json");
    std::fs::write(&file, canaries().to_string()).unwrap();
    let file = file.to_str().unwrap();
    let text = asked_for(&probe(folder.path(), &url, &["create", file])).remove(0);
    let run = Run::waybill(folder.path())
        .set("PARCELX__ACCESS_KEY", "c4n4ry-access")
        .set("PARCELX__SECRET_KEY", "c4n4ry-secret");
    let args = ["probe", "--base-url", &url, "--poll-after", "0,3600", "create", file, "--confirm", &text];
    let mut waiting = run.args(&args).start();
    waiting.line("lookup after 0 s");
    assert_eq!(left_behind(folder.path()), 1);
    waiting.signal("INT");
    let ended = waiting.end();
    assert!(!ended.status.success() && ended.err.contains("interrupted"), "{ended:?}");
    assert_eq!(left_behind(folder.path()), 0);
    double.stop();
}

#[tokio::test]
async fn a_probe_looks_up_freely_and_cancels_when_told() {
    let folder = tempfile::tempdir().unwrap();
    let (double, url) = double(folder.path());
    let file = folder.path().join("order.json");
    std::fs::write(&file, canaries().to_string()).unwrap();
    let file = file.to_str().unwrap();
    let confirm = asked_for(&probe(folder.path(), &url, &["create", file]));
    let lines = record(&probe(folder.path(), &url, &["create", file, "--confirm", &confirm[0]]));
    let awb =
        lines[0]["call"]["outcome"]["responsePayload"]["data"]["awb_number"].as_str().unwrap().to_owned();

    let lines = record(&probe(folder.path(), &url, &["lookup", "--awb", &awb]));
    assert_eq!(steps(&lines), [("lookup", "found")]);
    let lines = record(&probe(folder.path(), &url, &["lookup", "--reference", "ORD-NONE"]));
    assert_eq!(steps(&lines), [("lookup", "not-found")]);
    assert!(lines[0]["said"]["words"].as_str().is_some_and(|words| !words.is_empty()), "{}", lines[0]);

    let texts = asked_for(&probe(folder.path(), &url, &["cancel", "--awb", &awb, "--twice"]));
    assert!(
        texts.len() == 2 && texts.iter().all(|text| text.starts_with(&format!("cancel {awb}"))),
        "{texts:?}"
    );
    let args = ["cancel", "--awb", &awb, "--twice", "--confirm", &texts[0], "--confirm", &texts[1]];
    let lines = record(&probe(folder.path(), &url, &args));
    let cancels: Vec<_> = steps(&lines).into_iter().filter(|(step, _)| step.starts_with("cancel")).collect();
    assert_eq!(cancels, [("cancel", "accepted"), ("cancel again", "refused")]);
    double.stop();
}

#[tokio::test]
async fn a_refusal_that_quotes_the_order_is_recorded_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let (double, url) = double(folder.path());
    let words = "Pincode 682541 of Canaryname (9876512340), 77 Canary Villa, Canarypur, is not serviceable";
    Web::new(&url).faults(&json!({ "refuse": words })).await;
    let file = folder.path().join("order.json");
    std::fs::write(&file, canaries().to_string()).unwrap();
    let file = file.to_str().unwrap();
    let confirm = asked_for(&probe(folder.path(), &url, &["create", file]));
    let lines = record(&probe(folder.path(), &url, &["create", file, "--confirm", &confirm[0]]));
    assert_eq!(steps(&lines)[0], ("create", "refused"));
    let said = lines[0]["said"]["words"].as_str().unwrap();
    assert!(said.contains("is not serviceable"), "{said}");
    double.stop();
}

#[test]
fn a_probe_that_cannot_be_made_says_why() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bad.json"), with_faults()).unwrap();
    std::fs::write(folder.path().join("junk.json"), "{ Canaryname").unwrap();
    let url = "http://127.0.0.1:9";
    probe(folder.path(), url, &["create", "bad.json"])
        .refused(&[&["/consignee/mobile"], &["/items/0/quantity"]]);
    probe(folder.path(), url, &["create", "junk.json"]).refused(&[&["junk.json", "line 1"]]);
    probe(folder.path(), url, &["create", "none.json"]).refused(&[&["none.json", "cannot be read"]]);
    probe(folder.path(), "http://parcelx.example.test", &["lookup", "--awb", "1"])
        .refused(&[&["parcelx.base_url", "https"]]);
    Run::waybill(folder.path())
        .args(&["probe", "lookup", "--awb", "1"])
        .end()
        .refused(&[&["parcelx.access_key", "missing"]]);
    for args in [
        vec!["lookup", "--awb", "1", "--poll-after", "18446744073709551615"],
        vec!["lookup"],
        vec!["lookup", "--awb", "1", "--reference", "R"],
        vec!["cancel"],
    ] {
        assert_eq!(probe(folder.path(), url, &args).status.code(), Some(2), "{args:?}");
    }
    assert!(!folder.path().join("data").exists());
}

fn with_faults() -> String {
    let mut body = canaries();
    body["consignee"]["mobile"] = json!("12");
    body["items"][0]["quantity"] = json!(0);
    body.to_string()
}
