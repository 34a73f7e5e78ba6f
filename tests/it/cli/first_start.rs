//! `waybill` in an empty folder.

use std::{collections::BTreeMap, os::unix::fs::PermissionsExt, path::Path, process::Command};

use serde_json::Value;

use super::{
    process::{Process, Run},
    web::Web,
};
use crate::support::{mongodb, redis};

struct Banner {
    url: String,
    token: String,
    curl: String,
}

fn banner(waybill: &mut Process) -> Banner {
    // The last line: all others are there when it is.
    let curl = waybill.line("curl ");
    let token = waybill.line("eyJ");
    Banner { url: waybill.url(), token, curl }
}

/// Runs a command line as a shell does; where there is no curl, sends what it would have sent.
async fn paste(line: &str) -> Value {
    let shell = Command::new("sh").args(["-c", line]).output().unwrap();
    if shell.status.code() == Some(127) {
        return send(line).await;
    }
    assert!(shell.status.success(), "{shell:?}");
    serde_json::from_slice(&shell.stdout).unwrap()
}

async fn send(line: &str) -> Value {
    // Every second piece is quoted.
    let pieces: Vec<_> = line.split('\'').collect();
    let quoted: Vec<_> = pieces.iter().skip(1).step_by(2).collect();
    let url = line.split(' ').find(|word| word.starts_with("http://")).unwrap();
    let mut request = reqwest::Client::builder().no_proxy().build().unwrap().post(url);
    for (name, value) in quoted.iter().filter_map(|text| text.split_once(": ")) {
        request = request.header(name, value);
    }
    let body = quoted.iter().find(|text| text.starts_with('{')).unwrap();
    request.body((**body).to_owned()).send().await.unwrap().json().await.unwrap()
}

fn modes(folder: &Path) -> BTreeMap<String, u32> {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(|e| (e.file_name().into_string().unwrap(), e.metadata().unwrap().permissions().mode() & 0o777))
        .collect()
}

#[tokio::test]
async fn it_prints_all_that_is_needed_and_the_pasted_line_books_an_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut waybill = Run::waybill(folder.path()).start();
    let banner = banner(&mut waybill);
    let web = Web::new(&banner.url).token(&banner.token);
    for path in ["/readyz", "/docs", "/metrics", "/simulator/_sim"] {
        assert!(waybill.line(path).contains(&format!("{}{path}", banner.url)));
        let status = web.status(path).await.unwrap();
        assert!((200..400).contains(&status), "{path}: {status}");
    }

    let created = paste(&banner.curl).await;
    assert_eq!(created["success"], true, "{created}");
    let id = created["data"]["id"].as_str().unwrap();
    let order = web.order_becomes(id, "success").await;
    let awb = order["awb"].as_str().unwrap();
    assert!(!awb.is_empty(), "{order}");

    let again = paste(&banner.curl).await;
    assert_eq!(again["data"]["id"], id, "the second paste is a replay: {again}");
    let shipments = Web::new(&format!("{}/simulator", banner.url)).shipments().await;
    assert_eq!(shipments.iter().map(|(_, awb)| awb.as_str()).collect::<Vec<_>>(), [awb]);

    assert_eq!(modes(folder.path()), BTreeMap::from([("data".to_owned(), 0o700)]));
    let files = modes(&folder.path().join("data"));
    for name in ["first-login.txt", "jwt.secret", "queue.db", "simulator-ledger.jsonl", "waybill.db"] {
        assert!(files.contains_key(name), "{files:?}");
    }
    assert!(files.values().all(|mode| *mode == 0o600), "{files:?}");

    let ended = waybill.stop();
    // One screen: 24 lines of 80 columns, the prompt among them, in a folder with a name of usual length.
    let out = ended.out.replace(folder.path().to_str().unwrap(), "/home/asha/waybill");
    let lines: usize = out.lines().map(|line| line.chars().count().div_ceil(80).max(1)).sum();
    assert!(lines < 24, "{lines} lines:\n{out}");
    let long =
        |line: &&str| line.chars().count() > 80 && !line.starts_with("curl ") && !line.starts_with("eyJ");
    assert_eq!(out.lines().filter(long).count(), 0, "{out}");
}

/// What `eval "$(scripts/services up)"` sets.
#[tokio::test]
async fn on_databases_of_this_machine_it_runs_with_the_simulator_until_they_were_booked_with_for_money() {
    let (folder, lab) = (tempfile::tempdir().unwrap(), mongodb::Lab::new().await);
    let (server, prefix) = (redis::shared(), format!("first{}", std::process::id()));
    let start = || {
        Run::waybill(folder.path())
            .set("STORE__URL", &lab.url)
            .set("QUEUE__URL", &format!("redis://{server}?prefix={prefix}"))
            .set("AUTH__JWT_SECRET", "a-key-of-this-test-and-of-nothing-else")
            .set("PARCELX__SIMULATOR_ON_SERVERS", "true")
            .start()
    };
    let mut waybill = start();
    let banner = banner(&mut waybill);
    let created = paste(&banner.curl).await;
    let id = created["data"]["id"].as_str().unwrap();
    Web::new(&banner.url).token(&banner.token).order_becomes(id, "success").await;
    waybill.stop();
    assert!(lab.documents("orders").find_one(bson::doc! { "_id": id }).await.unwrap().is_some());

    let live = bson::doc! { "_id": "parcelx-live", "version": 1_i64, "createdAt": bson::DateTime::now() };
    lab.documents("provider_accounts").insert_one(live).await.unwrap();
    // What it says of the servers' settings may stand beside it.
    let ended = start().end();
    assert_eq!((ended.status.code(), ended.out.as_str()), (Some(1), ""), "{ended:?}");
    let refused =
        |line: &str| line.contains("holds orders of the real ParcelX") && line.contains("WAYBILL_STORE__URL");
    assert!(ended.err.lines().any(refused), "{ended:?}");
    redis::forget(server, &prefix);
}

/// The password of the first user is in a file alone, opens the dashboard, and is made once.
#[tokio::test]
async fn the_first_login_is_in_a_file_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut waybill = Run::waybill(folder.path()).start();
    let url = waybill.url();
    let told = waybill.line("first login");
    let file = folder.path().join("data/first-login.txt");
    assert!(told.ends_with("/admin (first login: data/first-login.txt)"), "{told}");
    let text = std::fs::read_to_string(&file).unwrap();
    let password = text.lines().find_map(|line| line.strip_prefix("password: ")).unwrap();
    let login = |password: &str| {
        let body = serde_json::json!({ "username": "admin", "password": password });
        let request = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = request.post(format!("{url}/admin/api/login")).header("x-waybill-admin", "1");
        request.header("content-type", "application/json").body(body.to_string()).send()
    };
    let _web = Web::new(&url); // sets TLS up
    assert_eq!(login("another password").await.unwrap().status(), 401);
    let answer = login(password).await.unwrap();
    assert_eq!(answer.status(), 200);
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(
        cookie.starts_with("waybill=") && !cookie.contains("Secure"),
        "without TLS on loopback: {cookie}"
    );
    let ended = waybill.stop();
    assert!(!ended.out.contains(password) && !ended.err.contains(password), "{ended:?}");

    let mut again = Run::waybill(folder.path()).start();
    again.line("Admin ");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    let ended = again.stop();
    assert!(!ended.out.contains("first login"), "{ended:?}");
}

#[tokio::test]
async fn a_second_start_knows_the_first_ones_tokens_and_orders() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = Run::waybill(folder.path()).start();
    let before = banner(&mut first);
    let created = paste(&before.curl).await;
    let id = created["data"]["id"].as_str().unwrap();
    Web::new(&before.url).token(&before.token).order_becomes(id, "success").await;
    first.stop();

    let mut second = Run::waybill(folder.path()).start();
    let after = banner(&mut second);
    let order = Web::new(&after.url).token(&before.token).order(id).await;
    assert_eq!(order["providerSyncStatus"], "success", "{order}");
    // Its line makes an order of its own, under a shipment number that was never given out.
    let next = paste(&after.curl).await;
    assert_ne!(next["data"]["id"], id);
    let next = Web::new(&after.url)
        .token(&after.token)
        .order_becomes(next["data"]["id"].as_str().unwrap(), "success")
        .await;
    assert_ne!(next["awb"], order["awb"]);
    second.stop();
}

#[tokio::test]
async fn the_line_can_be_sent_without_curl_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut waybill = Run::waybill(folder.path()).start();
    let banner = banner(&mut waybill);
    let _web = Web::new(&banner.url); // sets TLS up
    let created = send(&banner.curl).await;
    assert_eq!(created["success"], true, "{created}");
    waybill.stop();
}
