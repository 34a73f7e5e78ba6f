//! `waybill demo`.

use axum::{Router, http::StatusCode};
use serde_json::json;
use tokio::net::TcpListener;

use super::{
    process::{Ended, Run},
    web::Web,
};

fn host(url: &str) -> &str {
    url.trim_start_matches("http://")
}

/// The rows of the table, which is the last thing but one on the screen.
fn rows(ended: &Ended) -> Vec<&str> {
    let table = ended.out.split("     order ").nth(1).unwrap_or_else(|| panic!("{ended:?}"));
    table.lines().skip(1).take_while(|line| !line.is_empty()).collect()
}

#[test]
fn it_starts_an_instance_of_its_own_and_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let ended = Run::waybill(folder.path()).args(&["demo"]).end();
    assert_eq!((ended.status.code(), ended.err.as_str()), (Some(0), ""), "{ended:?}");
    assert!(!ended.out.contains('\x1b'), "no terminal, no escape codes: {}", ended.out);
    assert!(ended.out.lines().all(|line| line.chars().count() < 80), "{}", ended.out);
    let rows = rows(&ended);
    assert_eq!(rows.len(), 22, "{rows:#?}");
    assert!(rows.iter().all(|row| row.starts_with("ok ")), "{rows:#?}");
    for expected in ["replay", "mismatch", "refused", "found", "cancelled"] {
        assert_eq!(rows.iter().filter(|row| row.contains(expected)).count(), 1, "{expected}: {rows:#?}");
    }
    assert!(ended.out.contains("22 of 22"), "{}", ended.out);
    assert!(ended.out.contains("No instance is running"), "{}", ended.out);
    assert!(ended.out.contains("is not a pickup address"), "ParcelX's words: {}", ended.out);
}

#[tokio::test]
async fn it_uses_the_instance_that_runs_as_often_as_one_likes() {
    let folder = tempfile::tempdir().unwrap();
    let mut waybill = Run::waybill(folder.path()).start();
    let url = waybill.url();
    let simulator = Web::new(&format!("{url}/simulator"));
    for run in 1..=2 {
        let ended = Run::waybill(folder.path()).set("HTTP__BIND", host(&url)).args(&["demo"]).end();
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        assert!(ended.out.contains(&format!("the instance on {url}")), "{}", ended.out);
        let booked =
            rows(&ended).iter().filter(|row| row.contains("success") || row.contains("cancelled")).count();
        assert_eq!(simulator.shipments().await.len(), run * booked);
    }
    waybill.stop();
}

#[tokio::test]
async fn it_fails_when_an_order_does_not_end_as_it_should() {
    let folder = tempfile::tempdir().unwrap();
    let mut waybill = Run::waybill(folder.path()).start();
    let url = waybill.url();
    Web::new(&format!("{url}/simulator"))
        .faults(&json!({ "unserviceable": ["2", "3", "4", "5", "6", "7", "8", "9"] }))
        .await;
    let ended = Run::waybill(folder.path()).set("HTTP__BIND", host(&url)).args(&["demo"]).end();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let bad = rows(&ended).iter().filter(|row| row.starts_with("BAD ")).count();
    assert!((10..22).contains(&bad), "{ended:?}");
    assert_eq!(ended.err, format!("waybill: {bad} of 22 orders did not end as they should\n"));
    assert!(ended.out.contains("is not serviceable"), "{}", ended.out);
    waybill.stop();
}

#[test]
fn it_does_not_speak_to_parcelx_itself() {
    let folder = tempfile::tempdir().unwrap();
    let live = |run: Run| {
        run.set("PARCELX__ACCESS_KEY", "k")
            .set("PARCELX__SECRET_KEY", "k")
            .set("PARCELX__BASE_URL", "http://127.0.0.1:9")
    };
    let mut waybill = live(Run::waybill(folder.path())).start();
    let url = waybill.url();
    let run = Run::waybill(folder.path()).set("HTTP__BIND", host(&url)).args(&["demo"]);
    run.end().refused(&[&[host(&url), "the real ParcelX", "simulator"]]);
    waybill.stop();

    let other = tempfile::tempdir().unwrap();
    live(Run::waybill(other.path())).args(&["demo"]).end().refused(&[&["credentials", "simulator"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strangers_port_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let stranger = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = stranger.local_addr().unwrap().to_string();
    let router = Router::new().fallback(async || (StatusCode::OK, "{\"name\":\"something else\"}"));
    let serving = tokio::spawn(async move { axum::serve(stranger, router).await });
    Run::waybill(folder.path()).set("HTTP__BIND", &address).args(&["demo"]).end().refused(&[&[
        "http.bind",
        &address,
        "not Waybill",
    ]]);
    serving.abort();

    // One that does not even speak HTTP.
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = mute.local_addr().unwrap().to_string();
    std::thread::spawn(move || mute.incoming().for_each(drop));
    let ended = Run::waybill(folder.path()).set("HTTP__BIND", &address).args(&["demo"]).end();
    ended.refused(&[&["http.bind", &address, "in use"]]);
}

#[test]
fn an_instance_with_another_key_is_told_apart() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut waybill = Run::waybill(folder.path()).start();
    let url = waybill.url();
    let ended = Run::waybill(other.path()).set("HTTP__BIND", host(&url)).args(&["demo"]).end();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert_eq!(ended.err.lines().count(), 1, "{ended:?}");
    assert!(ended.err.contains("auth.jwt_secret"), "{ended:?}");
    waybill.stop();
}
