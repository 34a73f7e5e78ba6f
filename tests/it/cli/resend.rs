//! `waybill review resend`, beside a running instance: what failed by somebody else's fault is shown, and
//! sent again.

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    process::{Ended, Run, WAYBILL},
    web::Web,
};
use crate::support::orders::order;

const ENDED: &str = "Your plan has ended";

/// `waybill` with these arguments, beside the instance at `url`.
fn waybill(folder: &Path, url: &str, args: &[&str]) -> Ended {
    Run::new(WAYBILL, folder).set("HTTP__BIND", url.trim_start_matches("http://")).args(args).end()
}

fn json_lines(ended: &Ended) -> Vec<Value> {
    ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Orders that have failed, each with ParcelX's words.
async fn failed(web: &Web, simulator: &Web, words: &[&str]) -> Vec<String> {
    let mut ids = Vec::new();
    for (n, words) in words.iter().enumerate() {
        let rule = json!({ "operation": "create", "refuse": words });
        let (status, body) = simulator.send(Method::POST, "/_sim/script", Some(&rule)).await;
        assert!(status.is_success(), "{body}");
        let id = web.create(&order(&format!("S-{n}"))).await;
        assert_eq!(web.order_becomes(&id, "failed").await["syncReason"], *words);
        ids.push(id);
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_for_a_reason_is_previewed_sent_again_and_audited() {
    let folder = tempfile::tempdir().unwrap();
    let token = Run::waybill(folder.path()).args(&["token", "--user", "u1"]).end().out;
    let mut running = Run::waybill(folder.path()).start();
    let url = running.url();
    let (web, simulator) = (Web::new(&url).token(&token), Web::new(&format!("{url}/simulator")));
    let ids = failed(&web, &simulator, &[ENDED, "Pincode not serviceable", ENDED]).await;
    let since = web.order(&ids[0]).await["createdAt"].as_str().unwrap().to_owned();
    let resend = |text: &str, since: &str, more: &[&str]| {
        let by = ["--actor", "asha", "--reason", "the plan was renewed"];
        let args = ["review", "resend", "--reason-text", text, "--since", since];
        waybill(folder.path(), &url, &[&args[..], &by, more].concat())
    };
    let audit = |id: &str| json_lines(&waybill(folder.path(), &url, &["audit", "--json", "--subject", id]));

    // Nobody is there to be asked, so nothing is done.
    resend("plan HAS ended", &since, &[]).refused(&[&["2 orders would be changed", "--yes", "--dry-run"]]);
    let preview = resend("plan HAS ended", &since, &["--dry-run"]);
    assert_eq!((preview.status.code(), preview.err.as_str()), (Some(0), ""), "{preview:?}");
    assert!(preview.out.ends_with("would be done 2, refused 0\n"), "{}", preview.out);
    for id in &ids {
        assert_eq!(web.order(id).await["providerSyncStatus"], "failed", "a preview changes nothing");
        assert_eq!(preview.out.contains(id), *id != ids[1], "{}", preview.out);
        assert!(audit(id).is_empty(), "and is no action");
    }

    let sent = resend("plan HAS ended", &since, &["--yes", "--json"]);
    assert_eq!((sent.status.code(), sent.err.as_str()), (Some(0), ""), "{sent:?}");
    let sum = json_lines(&sent).pop().unwrap();
    assert_eq!((&sum["done"], &sum["refused"], &sum["dryRun"]), (&json!(2), &json!(0), &json!(false)));
    for id in [&ids[0], &ids[2]] {
        web.order_becomes(id, "success").await;
        let lines = audit(id);
        assert_eq!(lines.len(), 1, "{lines:?}");
        let line = &lines[0];
        assert_eq!((&line["action"], &line["outcome"]), (&json!("order.resend"), &json!("done")));
        assert_eq!(line["actor"], json!({ "name": "asha", "via": "cli" }));
        assert_eq!(line["reason"], "the plan was renewed");
    }
    assert_eq!(web.order(&ids[1]).await["providerSyncStatus"], "failed", "it failed for another reason");
    assert_eq!(simulator.shipments().await.len(), 2);

    // What was sent again is not sent twice, and nothing has failed in a time to come.
    for (text, since) in [("plan HAS ended", since.as_str()), ("Pincode", "2200-01-01T00:00:00Z")] {
        let again = resend(text, since, &["--yes"]);
        assert_eq!((again.status.code(), again.out.as_str()), (Some(0), "done 0, refused 0\n"), "{again:?}");
    }
    resend("plan has ended", "yesterday", &["--yes"]).refused(&[&["--since", "2026-01-31T09:30:00Z"]]);
    resend(" pl ", &since, &["--yes"]).refused(&[&["--reason-text", "3 characters"]]);
    running.stop();
}
