//! What is refused, all at once, with its key and what to do.

use super::{CANARY, assert_lines, load, load_file, refused};

#[test]
fn unknown_keys_are_refused_by_name_wherever_they_stand() {
    let in_file =
        refused(load_file("[http]\nbond = 1\n[nope]\nx = 1\n[queue.per_queue.q]\nlaese = \"1s\"", &[]));
    assert_lines(
        &in_file,
        &[
            &["http.bond", "waybill.toml", "default.toml"],
            &["nope", "waybill.toml", "default.toml"],
            &["queue.per_queue.q.laese", "waybill.toml", "default.toml"],
        ],
    );
    let in_environment = refused(load(&[
        ("WAYBILL_HTTP__BOND", "1"),
        ("WAYBILL_NOPE__X", "1"),
        ("WAYBILL_QUEUE__PER_QUEUE__Q__LAESE", "1s"),
    ]));
    assert_lines(
        &in_environment,
        &[
            &["http.bond", "WAYBILL_HTTP__BOND", "default.toml"],
            &["nope", "WAYBILL_NOPE__X", "default.toml"],
            &["queue.per_queue.q.laese", "WAYBILL_QUEUE__PER_QUEUE__Q__LAESE", "default.toml"],
        ],
    );
    for name in ["WAYBILL_HTTP__", "WAYBILL___BIND", "WAYBILL_HTTP__BIND__X", "WAYBILL_QUEUE__PER_QUEUE"] {
        let lines = refused(load(&[(name, "1")]));
        assert!(lines.iter().any(|l| l.contains(name)), "{name}: {lines:?}");
    }
}

#[test]
fn all_problems_are_told_at_once_each_with_its_key_and_how_to_mend_it() {
    let file = "[queue]\nlease = 60\nurl = \"sqlite:data/waybill.db\"\n[log]\nlevel = \"inof\"\n";
    let lines = refused(load_file(
        file,
        &[
            ("WAYBILL_HTTP__BIND", "localhost"),
            ("WAYBILL_HTTP__TIMEOUT", "5 seconds"),
            ("WAYBILL_QUEUE__CONCURRENCY", "many"),
            ("WAYBILL_PARCELX__LOOKUP", "maybe"),
            ("WAYBILL_PARCELX__RECONCILE", "5s,1s"),
            ("WAYBILL_WORKER__DRAIN", "10s"),
            ("WAYBILL_AUTH__JWT_SECRET", "c4n4ry"),
            ("WAYBILL_AUTH__JTW_SECRET", CANARY),
            ("WAYBILL_HTTP_BIND", "x"),
        ],
    ));
    assert_lines(
        &lines,
        &[
            &["http.bind (WAYBILL_HTTP__BIND): must be", "127.0.0.1:3000"],
            &["http.timeout (WAYBILL_HTTP__TIMEOUT): must be a duration", "5s"],
            &["queue.concurrency (WAYBILL_QUEUE__CONCURRENCY): must be a whole number"],
            &["queue.lease (", "waybill.toml): must be a duration", "5s"],
            &["queue.url (", "waybill.toml): must be another file than store.url"],
            &["parcelx.lookup (WAYBILL_PARCELX__LOOKUP): must be one of auto, untrusted"],
            &["parcelx.reconcile (WAYBILL_PARCELX__RECONCILE): must be growing durations"],
            &["worker.drain (WAYBILL_WORKER__DRAIN): must be at least parcelx.timeout"],
            &["auth.jwt_secret (WAYBILL_AUTH__JWT_SECRET): must have 32 bytes"],
            &["auth.jtw_secret (WAYBILL_AUTH__JTW_SECRET): is not a setting"],
            &["log.level (", "waybill.toml): `inof` is not a log level"],
            &["WAYBILL_HTTP_BIND: is not a setting: two underscores"],
        ],
    );
    assert!(!lines.iter().any(|l| l.contains("c4n4ry")), "{lines:?}");
}

#[test]
fn values_that_cannot_work_are_refused() {
    let cases: [(&str, &str, &str); 24] = [
        ("WAYBILL_STORE__URL", "postgres://c4n4ry@host/db", "store.url"),
        ("WAYBILL_STORE__URL", "sqlite:", "store.url"),
        ("WAYBILL_QUEUE__URL", "data/queue.db", "queue.url"),
        ("WAYBILL_QUEUE__URL", "sqlite:data/waybill.db", "queue.url"),
        ("WAYBILL_QUEUE__URL", "redis://:c4n4ry@host?prefix=a:b", "queue.url"),
        ("WAYBILL_QUEUE__URL", "redis-cluster://:c4n4ry@host", "queue.url"),
        ("WAYBILL_QUEUE__LEASE", "100ms", "queue.lease"),
        ("WAYBILL_QUEUE__PER_QUEUE__Q__LEASE", "100ms", "queue.per_queue.q.lease"),
        ("WAYBILL_QUEUE__ATTEMPTS", "0", "queue.attempts"),
        ("WAYBILL_QUEUE__PER_QUEUE__Q__ATTEMPTS", "0", "queue.per_queue.q.attempts"),
        ("WAYBILL_QUEUE__CONCURRENCY", "0", "queue.concurrency"),
        ("WAYBILL_QUEUE__CONCURRENCY", "1001", "queue.concurrency"),
        ("WAYBILL_QUEUE__CONCURRENCY", "-1", "queue.concurrency"),
        ("WAYBILL_QUEUE__PER_QUEUE__Q__CONCURRENCY", "0", "queue.per_queue.q.concurrency"),
        ("WAYBILL_PARCELX__TIMEOUT", "50ms", "parcelx.timeout"),
        ("WAYBILL_PARCELX__TIMEOUT", "29s", "worker.drain"),
        ("WAYBILL_PARCELX__LABEL_WAIT", "6s", "parcelx.label_wait"),
        ("WAYBILL_PARCELX__LABEL_LIFE", "0s", "parcelx.label_life"),
        ("WAYBILL_PARCELX__LABEL_HOSTS", "https://c4n4ry.example.test", "parcelx.label_hosts"),
        ("WAYBILL_HTTP__BIND", "", "http.bind"),
        ("WAYBILL_HTTP__TIMEOUT", "0s", "http.timeout"),
        ("WAYBILL_LOG__FORMAT", "xml", "log.format"),
        ("WAYBILL_WEBHOOKS__SOURCE_ADDRESSES", "hooks.c4n4ry.example", "webhooks.source_addresses"),
        ("WAYBILL_LOG__LEVEL", "", "log.level"),
    ];
    for (name, value, key) in cases {
        let lines = refused(load(&[(name, value)]));
        assert_lines(&lines, &[&[key]]);
        assert!(!lines[0].contains("c4n4ry"), "{lines:?}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_refused_by_name_and_never_quoted() {
    let missing =
        waybill::platform::config::Config::load(Some(std::path::Path::new("/nowhere/waybill.toml")), []);
    assert_lines(&refused(missing), &[&["/nowhere/waybill.toml", "cannot be read"]]);

    let broken =
        refused(load_file(&format!("[http]\ntimeout = \"5s\"\n[auth]\njwt_secret = {CANARY}\n"), &[]));
    assert_lines(&broken, &[&["waybill.toml", "line 4"]]);

    let wrong_type = refused(load_file(
        &format!("[auth]\njwt_secret = [\"{CANARY}\"]\n[http]\nbind = {{ {CANARY} = 1 }}\n"),
        &[],
    ));
    assert_lines(&wrong_type, &[&["auth.jwt_secret"], &["http.bind"]]);
}

#[test]
fn queues_that_do_not_exist_are_refused() {
    let config = load(&[("WAYBILL_QUEUE__PER_QUEUE__PARCELX-ORDER-QUEUE__ATTEMPTS", "1")]).unwrap();
    let lines = refused(config.only_queues(&["parcelx-orders-queue"]));
    assert_lines(&lines, &[&["queue.per_queue.parcelx-order-queue", "parcelx-orders-queue"]]);
    assert!(config.only_queues(&["parcelx-order-queue"]).is_ok());
}
