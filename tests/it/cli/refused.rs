//! Starts that cannot be: one clear line for each problem, exit 1, no panic.

use std::{fs, net::TcpListener};

use super::process::{Run, WAYBILL, WORKER};
use crate::kyc::server::{Bucket, Deaf, relay};

const CANARY: &str = "c4n4ry-c4n4ry-c4n4ry-c4n4ry-c4n4ry";

#[test]
fn a_taken_port_says_how_to_take_another_and_touches_no_data() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    Run::waybill(folder.path()).set("HTTP__BIND", &address).end().refused(&[&[
        "http.bind",
        &address,
        "in use",
        "WAYBILL_HTTP__BIND=",
    ]]);
    Run::waybill(folder.path()).args(&["simulator", "--bind", &address]).end().refused(&[&[
        "--bind",
        &address,
        "in use",
        "--bind 127.0.0.1:",
    ]]);
    let keys = |run: Run| run.set("PARCELX__ACCESS_KEY", CANARY).set("PARCELX__SECRET_KEY", CANARY);
    keys(Run::waybill(folder.path()).args(&["api"])).set("HTTP__BIND", &address).end().refused(&[&[
        "http.bind",
        &address,
        "in use",
    ]]);
    // Whoever wants to be reached from elsewhere still does on another port.
    let taken = TcpListener::bind("0.0.0.0:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let open = Run::waybill(folder.path()).args(&["api"]).set("AUTH__JWT_SECRET", CANARY);
    keys(open).set("HTTP__BIND", &address).end().refused(&[&[
        "http.bind",
        &address,
        "in use",
        "(WAYBILL_HTTP__BIND=0.0.0.0:",
    ]]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn addresses_that_cannot_be_listened_on_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let off = Run::waybill(folder.path()).set("HTTP__BIND", "192.0.2.1:3000").set("AUTH__JWT_SECRET", CANARY);
    off.set("PARCELX__ACCESS_KEY", "k").set("PARCELX__SECRET_KEY", "k").end().refused(&[&[
        "http.bind",
        "192.0.2.1:3000",
        "not an address of",
    ]]);
    Run::waybill(folder.path())
        .args(&["simulator", "--bind", "0.0.0.0:0"])
        .end()
        .refused(&[&["--bind", "loopback"]]);
}

#[test]
fn files_that_cannot_be_used_are_named_with_their_setting() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("plain"), "").unwrap();
    fs::write(
        folder.path().join("junk.db"),
        "This is no database, and it is long enough to be taken for one. ".repeat(40),
    )
    .unwrap();
    fs::create_dir(folder.path().join("folder")).unwrap();
    let at =
        |setting: &str, path: &str| Run::waybill(folder.path()).set(setting, &format!("sqlite:{path}")).end();

    // Nothing can be made below a plain file, not even by root.
    at("STORE__URL", "plain/x/waybill.db").refused(&[&["store.url", "plain/x", "WAYBILL_STORE__URL"]]);
    at("QUEUE__URL", "plain/x/queue.db").refused(&[&["queue.url", "plain/x/queue.db", "WAYBILL_QUEUE__URL"]]);
    at("STORE__URL", "folder").refused(&[&["store.url", "folder", "directory", "WAYBILL_STORE__URL"]]);
    at("QUEUE__URL", "folder").refused(&[&["queue.url", "folder", "directory", "WAYBILL_QUEUE__URL"]]);
    at("STORE__URL", "junk.db").refused(&[&["store.url", "junk.db", "not an SQLite database"]]);
    at("QUEUE__URL", "junk.db").refused(&[&["queue.url", "junk.db", "SQLite database"]]);
    assert!(fs::read_to_string(folder.path().join("junk.db")).unwrap().starts_with("This is no database"));

    for ledger in ["folder", "plain/x/ledger.jsonl"] {
        Run::waybill(folder.path())
            .args(&["simulator", "--bind", "127.0.0.1:0", "--ledger", ledger])
            .end()
            .refused(&[&["ledger", ledger]]);
    }
    fs::write(folder.path().join("junk.jsonl"), "no ledger\n").unwrap();
    let junk =
        Run::waybill(folder.path()).args(&["simulator", "--bind", "127.0.0.1:0", "--ledger", "junk.jsonl"]);
    junk.end().refused(&[&["line 1 of ", "junk.jsonl", "move the file away", "none of the shipments in it"]]);
}

/// Whoever has one has no word for it: what is wrong, what to do, and what is lost then.
#[test]
fn a_broken_ledger_of_the_simulator_says_how_to_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let start_and_stop = || {
        let mut waybill = Run::waybill(folder.path()).start();
        waybill.line("Waybill ");
        waybill.stop();
    };
    start_and_stop();
    let ledger = folder.path().join("data/simulator-ledger.jsonl");
    fs::write(&ledger, "no ledger\n").unwrap();
    Run::waybill(folder.path()).end().refused(&[&[
        "line 1 of ",
        "data/simulator-ledger.jsonl",
        "move the file away to go on without it",
        "none of the shipments in it",
    ]]);
    assert_eq!(fs::read_to_string(&ledger).unwrap(), "no ledger\n", "it is left alone");
    fs::rename(&ledger, folder.path().join("away.jsonl")).unwrap();
    start_and_stop();
}

#[test]
fn wrong_settings_are_told_all_at_once_by_every_command() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("waybill.toml"), "[http]\nbond = 1\n[queue]\nlease = \"5x\"\n").unwrap();
    for (program, command) in
        [(WAYBILL, ""), (WAYBILL, "api"), (WAYBILL, "simulator"), (WAYBILL, "demo"), (WORKER, "")]
    {
        let args: Vec<_> =
            [command, "--config", "waybill.toml"].into_iter().filter(|a| !a.is_empty()).collect();
        let run = Run::new(program, folder.path())
            .args(&args)
            .set("HTTP__BIND", "nonsense")
            .set("AUTH__JTW_SECRET", CANARY);
        let ended = run.set("WORKER__DRAIN", "1s").end();
        ended.refused(&[
            &["auth.jtw_secret", "WAYBILL_AUTH__JTW_SECRET", "not a setting"],
            &["http.bind", "WAYBILL_HTTP__BIND", "127.0.0.1:3000"],
            &["http.bond", "waybill.toml", "not a setting"],
            &["queue.lease", "waybill.toml", "5s"],
            &["worker.drain", "WAYBILL_WORKER__DRAIN", "parcelx.timeout"],
        ]);
        let name = program.rsplit('/').next().unwrap();
        assert!(ended.err.lines().all(|line| line.starts_with(&format!("{name}: "))), "{}", ended.err);
        assert!(!ended.err.contains(CANARY));
    }
    // The file may be named by a variable too, and one that is not there is no empty one.
    let by_variable = Run::new(WAYBILL, folder.path()).set("CONFIG", "waybill.toml").end();
    by_variable.refused(&[&["http.bond"], &["queue.lease"]]);
    Run::waybill(folder.path())
        .args(&["--config", "none.toml"])
        .end()
        .refused(&[&["none.toml", "cannot be read"]]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing but the file of this test");
}

#[test]
fn without_credentials_api_and_worker_do_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let expected: &[&[&str]] =
        &[&["parcelx.access_key", "WAYBILL_PARCELX__ACCESS_KEY", "WAYBILL_PARCELX__SECRET_KEY"]];
    Run::waybill(folder.path()).args(&["api"]).end().refused(expected);
    Run::new(WORKER, folder.path()).end().refused(expected);
    Run::waybill(folder.path())
        .set("PARCELX__SECRET_KEY", CANARY)
        .end()
        .refused(&[&["parcelx.access_key", "both or neither"]]);
    Run::waybill(folder.path())
        .set("HTTP__BIND", "0.0.0.0:0")
        .end()
        .refused(&[&["parcelx.access_key", "loopback"], &["auth.jwt_secret", "WAYBILL_AUTH__JWT_SECRET"]]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_queue_that_does_not_exist_is_no_setting() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("waybill.toml"), "[queue.per_queue.parcelx-order-queue]\nattempts = 1\n")
        .unwrap();
    let run = Run::waybill(folder.path()).args(&["--config", "waybill.toml"]);
    run.end().refused(&[&["queue.per_queue.parcelx-order-queue", "parcelx-orders-queue"]]);
    // All at once, also by what only shows them.
    for command in [&["api"][..], &["config"], &["config", "--set"], &["doctor"]] {
        let run = Run::waybill(folder.path()).args(command).set("WORKER__DRAIN", "1s");
        run.set("QUEUE__PER_QUEUE__NOPE__CONCURRENCY", "3").end().refused(&[
            &["queue.per_queue.nope (WAYBILL_QUEUE__PER_QUEUE__NOPE__CONCURRENCY): is not a queue"],
            &["worker.drain (WAYBILL_WORKER__DRAIN)", "parcelx.timeout"],
        ]);
    }
}

/// It would lose documents, and nobody would see it before they are looked for.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_server_that_cannot_be_relied_on_ends_the_start() {
    let (folder, bucket) = (tempfile::tempdir().unwrap(), Bucket::new());
    let server = relay(bucket.server, Deaf::ToConditions).await;
    let api = Run::waybill(folder.path())
        .args(&["api"])
        .set("PARCELX__ACCESS_KEY", "k")
        .set("PARCELX__SECRET_KEY", "k")
        .set("AUTH__JWT_SECRET", CANARY)
        .set("FILES__URL", &format!("s3://{}/shop", bucket.name))
        .set("FILES__ENDPOINT", &format!("http://{server}"))
        .set("FILES__ACCESS_KEY", "k")
        .set("FILES__SECRET_KEY", CANARY)
        .set("LOG__LEVEL", "warn");
    let ended = api.end();
    ended.refused(&[&["files.url", "cannot be relied on", "If-None-Match"]]);
    assert!(!ended.err.contains(CANARY), "{}", ended.err);
}
