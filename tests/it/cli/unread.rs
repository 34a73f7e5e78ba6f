//! Standard error that nobody reads: a pipe that is full, as behind a log driver that is stuck.

use super::{
    process::{Run, WAYBILL, WORKER},
    terminal,
    web::{Web, until},
};
use crate::support::orders::order;

fn token(folder: &std::path::Path) -> String {
    Run::waybill(folder).args(&["token", "--user", "u1"]).end().out
}

/// A pipe holds 64 KiB, some hundreds of lines.
#[tokio::test(flavor = "multi_thread")]
async fn requests_are_answered_lines_are_dropped_and_counted_and_a_signal_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let token = token(folder.path());
    let mut waybill = Run::waybill(folder.path()).start_unread();
    let web = Web::new(&waybill.url()).token(&token);
    for _ in 0..2500 {
        assert_eq!(web.get("/v1/orders?limit=1").await.0, 200);
    }
    let (_, metrics) = web.text("/metrics").await;
    let dropped = metrics.lines().find(|line| line.starts_with("waybill_log_lines_dropped_total "));
    let dropped: u64 = dropped.unwrap().rsplit(' ').next().unwrap().parse().unwrap();
    assert!(dropped > 0);
    waybill.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_goes_on_booking() {
    let folder = tempfile::tempdir().unwrap();
    let token = token(folder.path());
    let mut simulator = Run::waybill(folder.path()).args(&["simulator", "--bind", "127.0.0.1:0"]).start();
    let url = simulator.url();
    let live = |run: Run| {
        run.set("PARCELX__ACCESS_KEY", "k")
            .set("PARCELX__SECRET_KEY", "k")
            .set("PARCELX__BASE_URL", &url)
            .set("LOG__LEVEL", "trace,hyper=trace,reqwest=trace,hyper_util=trace")
    };
    let mut api = live(Run::waybill(folder.path())).args(&["api"]).start_unread();
    let web = Web::new(&api.url()).token(&token);
    let mut worker = live(Run::new(WORKER, folder.path())).start_unread();
    let mut ids = Vec::new();
    for n in 0..40 {
        ids.push(web.create(&order(&format!("A-{n}"))).await);
    }
    for id in &ids {
        web.order_becomes(id, "success").await;
    }
    worker.signal("TERM");
    until("the worker ends", async || (!worker.is_running()).then_some(())).await;
    api.stop();
    simulator.stop();
}

/// Somebody presses Ctrl-S in its terminal: whatever is written there then waits for Ctrl-Q.
#[tokio::test(flavor = "multi_thread")]
async fn a_screen_that_stands_still_holds_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let token = token(folder.path());
    let (mut keyboard, screen) = terminal::open();
    let mut waybill = Run::waybill(folder.path()).start_telling(screen);
    let web = Web::new(&waybill.url()).token(&token);
    assert_eq!(web.get("/v1/orders?limit=1").await.0, 200);
    keyboard.hold();
    for _ in 0..200 {
        assert_eq!(web.get("/v1/orders?limit=1").await.0, 200);
    }
    waybill.stop();
}

/// A process without a handler does not get a signal at all when it is the first of its container.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn the_first_process_of_a_container_ends_by_every_signal_that_ends_others() {
    for signal in ["TERM", "INT", "HUP", "QUIT"] {
        let folder = tempfile::tempdir().unwrap();
        let mut waybill = Run::as_pid_1(WAYBILL, folder.path()).set("HTTP__BIND", "127.0.0.1:0").start();
        let web = Web::new(&waybill.url());
        assert_eq!(web.status("/healthz").await, Some(200));
        waybill.signal_child(signal);
        let ended = waybill.end();
        assert_eq!(ended.status.code(), Some(0), "{signal}: {ended:?}");
    }
}
