//! What is in Redis after each operation, as BullMQ writes it: other programs read it.
//!
//! Times are those of the test's clock: T0 is 1763687100000.

use waybill::platform::queue::{Claim, End, Keep, LastClaim, LeaseState, Managed};

use super::{Answer, Keys};
use crate::{
    queue::contract::{LEASE, Lab, NONE, Q, add, claim, claim_one, clock, delayed, job, secs, view},
    support::{ADD, Count, Ending},
};

const OPTS: &str = r#"{"attempts":3,"backoff":{"delay":5000,"jitter":0.2,"type":"exponential"}}"#;

#[tokio::test]
async fn an_added_job() {
    let lab = Keys::new();
    let queue = lab.open(&clock()).await;
    add(&queue, &["a"]).await;
    assert_eq!(lab.names(), ["a", "id", "marker", "meta", "wait"]);
    assert_eq!(
        lab.show("a"),
        format!(
            "data={{\"of\":\"a\"}} delay=0 name=create-order opts={OPTS} priority=0 \
             timestamp=1763687100000 x_share="
        )
    );
    let version = concat!("waybill:", env!("CARGO_PKG_VERSION"));
    assert_eq!(lab.show("meta"), format!("opts.maxLenEvents=10000 version={version}"));
    assert_eq!(
        (lab.show("id"), lab.show("wait"), lab.show("marker")),
        ("1".into(), "a".into(), "0=0".into())
    );
    assert_eq!(lab.events(), ["added a name=create-order", "waiting a"]);

    // A known id: the counter goes on, nothing else.
    let before = lab.show("a");
    add(&queue, &["a"]).await;
    assert_eq!((lab.show("id"), lab.show("a"), lab.show("wait")), ("2".into(), before, "a".into()));
    assert_eq!(lab.events(), ["duplicated a"]);
    add(&queue, &["b"]).await;
    assert_eq!(lab.show("wait"), "b a", "the right end is next");
}

#[tokio::test]
async fn an_added_delayed_job() {
    let lab = Keys::new();
    let clock = clock();
    let queue = lab.open(&clock).await;
    let both = [delayed("a", secs(60)), delayed("b", secs(60)), delayed("c", secs(90))];
    queue.broker.add(&both, ADD).await.unwrap();
    let due = 1_763_687_160_000_i64;
    let (first, second, third) = (due * 4096, due * 4096 + 1, (due + 30_000) * 4096);
    assert_eq!(lab.show("delayed"), format!("a={first} b={second} c={third}"));
    assert_eq!(lab.show("marker"), format!("1={due}"));
    assert_eq!(
        (lab.field("a", "delay"), lab.field("a", "priority")),
        (Some("60000".into()), Some("0".into()))
    );
    let added = |id| [format!("added {id} name=create-order"), format!("delayed {id} delay=1763687160000")];
    let third = ["added c name=create-order".to_owned(), "delayed c delay=1763687190000".to_owned()];
    assert_eq!(lab.events(), [added("a"), added("b"), third].concat());

    assert_eq!(queue.manage.promote(Q, "b").await.unwrap(), Managed::Done);
    assert_eq!((lab.field("b", "delay"), lab.show("wait")), (Some("0".into()), "b".into()));
    assert_eq!(lab.events(), ["waiting b prev=delayed"]);
    lab.advance(&clock, secs(60)).await;
    assert_eq!(claim(&queue, 2).await.len(), 2);
    assert_eq!((lab.field("a", "delay"), lab.show("active")), (Some("0".into()), "a b".into()));
    assert_eq!(lab.events(), ["waiting a prev=delayed", "active b prev=waiting", "active a prev=waiting"]);
}

#[tokio::test]
async fn behind_the_first_few_a_jobs_priority_is_its_turn() {
    let lab = Keys::new();
    let queue = lab.open(&clock()).await;
    let many: Vec<_> = (0..18).map(|n| job(format!("job-{n:02}"))).collect();
    queue.broker.add(&many, ADD).await.unwrap();
    let class = 4_294_967_296_i64;
    assert_eq!(lab.show("prioritized"), format!("job-16={} job-17={}", class + 1, 2 * class + 2));
    assert_eq!((lab.show("pc"), lab.show("x:turns")), ("2".into(), "=2".into()));
    assert_eq!(
        (lab.field("job-15", "priority"), lab.field("job-17", "priority")),
        (Some("0".into()), Some("2".into()))
    );
    assert_eq!(claim(&queue, 99).await.len(), 18);
    assert_eq!(lab.show("prioritized"), "-");
    assert_eq!(claim(&queue, 1).await.len(), 0);
    assert_eq!(lab.show("pc"), "-", "as BullMQ leaves it");
}

#[tokio::test]
async fn a_job_that_runs_and_completes() {
    let lab = Keys::new();
    let clock = clock();
    let queue = lab.open(&clock).await;
    queue.broker.announce("w-one", &[Q.to_owned()], LEASE).await.unwrap();
    add(&queue, &["a"]).await;
    lab.events();
    lab.advance(&clock, secs(1)).await;
    let held = claim_one(&queue).await;
    assert_eq!(lab.names(), ["a", "a:lock", "active", "id", "marker", "meta"]);
    assert_eq!((lab.show("active"), lab.show("a:lock")), ("a".into(), held.token.clone()));
    let left = lab.raw().cmd(&["PTTL", &lab.key("a:lock")]).int();
    assert!((50_000..=60_000).contains(&left), "{left}");
    let fields = ["processedOn", "pb", "ats", "atm"].map(|field| lab.field("a", field));
    assert_eq!(fields, [Some("1763687101000".into()), Some("w-one".into()), Some("1".into()), None]);
    assert_eq!(lab.events(), ["active a prev=waiting"]);
    let claim = LastClaim { at: clock.now(), worker: Some("w-one".to_owned()) };
    assert_eq!(view(&queue, "a").await.claimed, Some(claim));

    lab.advance(&clock, secs(1)).await;
    assert_eq!(queue.broker.complete(&held, "{\"ok\":true}").await.unwrap(), LeaseState::Owned);
    assert_eq!(lab.names(), ["a", "completed", "id", "marker", "meta", "metrics:completed"]);
    assert_eq!(lab.show("completed"), "a=1763687102000");
    let fields = ["atm", "returnvalue", "finishedOn", "failedReason"].map(|f| lab.field("a", f));
    let [made, value, finished] = ["1", "{\"ok\":true}", "1763687102000"].map(|text| Some(text.to_owned()));
    assert_eq!(fields, [made, value, finished, None]);
    assert_eq!(lab.events(), ["completed a returnvalue={\"ok\":true} prev=active", "drained"]);
    assert_eq!(lab.show("metrics:completed"), "count=1 prevCount=0 prevTS=1763687102000");
}

#[tokio::test]
async fn tries_that_fail_and_the_last_one() {
    let lab = Keys::new();
    let clock = clock();
    let queue = lab.open(&clock).await;
    let mut twice = job("a");
    twice.attempts = 2;
    queue.broker.add(&[twice], ADD).await.unwrap();
    lab.events();
    let held = claim_one(&queue).await;
    let told = "says \"no\"\n\u{1}";
    assert_eq!(queue.broker.delay(&held, secs(5), Count::Attempt, told).await.unwrap(), LeaseState::Owned);
    let fields = ["atm", "delay", "failedReason", "stacktrace"].map(|field| lab.field("a", field).unwrap());
    assert_eq!(fields, ["1", "5000", told, r#"["says \"no\"\n\u0001"]"#]);
    assert_eq!(lab.events(), ["active a prev=waiting", "delayed a delay=1763687105000"]);
    lab.advance(&clock, secs(5)).await;
    let held = claim_one(&queue).await;
    assert_eq!(queue.broker.delay(&held, NONE, Count::Nothing, "busy").await.unwrap(), LeaseState::Owned);
    assert_eq!(lab.field("a", "failedReason").as_deref(), Some(told), "a try that does not count is none");
    let held = claim_one(&queue).await;
    assert_eq!(queue.broker.fail(&held, "for good").await.unwrap(), LeaseState::Owned);
    assert_eq!(lab.show("failed"), "a=1763687105000");
    let fields = ["atm", "failedReason", "stacktrace", "finishedOn"].map(|f| lab.field("a", f).unwrap());
    let trace = r#"["says \"no\"\n\u0001","for good"]"#;
    assert_eq!(fields, ["2", "for good", trace, "1763687105000"]);
    let taken = "active a prev=waiting";
    assert_eq!(
        lab.events(),
        [
            "waiting a prev=delayed",
            taken,
            "waiting a prev=active",
            taken,
            "failed a failedReason=for good prev=active",
            "retries-exhausted a attemptsMade=2",
            "drained",
        ]
    );
    assert_eq!(queue.manage.retry(Q, "a").await.unwrap(), Managed::Done);
    assert_eq!(lab.events(), ["waiting a prev=failed"]);
    assert_eq!((lab.show("failed"), lab.show("wait"), lab.field("a", "atm")), ("-".into(), "a".into(), None));
    assert_eq!(queue.manage.remove(Q, "a").await.unwrap(), Managed::Done);
    assert_eq!(
        (lab.show("a"), lab.show("wait"), lab.events()),
        ("-".into(), "-".into(), vec!["removed a prev=wait".to_owned()])
    );
}

#[tokio::test]
async fn data_that_is_changed() {
    let lab = Keys::new();
    let queue = lab.open(&clock()).await;
    add(&queue, &["a"]).await;
    lab.events();
    let (names, before) = (lab.names(), lab.show("a"));
    let text = r#"{ "a": 1.50 }"#;
    assert_eq!(queue.manage.set_data(Q, "a", text, None).await.unwrap(), Managed::Done);
    assert_eq!(lab.show("a"), before.replace(r#"{"of":"a"}"#, text), "and no other field");
    assert_eq!((lab.names(), lab.events().len()), (names, 0), "BullMQ tells of it by no event");
}

#[tokio::test]
async fn a_job_that_stalls() {
    let lab = Keys::new();
    let clock = clock();
    let queue = lab.open(&clock).await;
    add(&queue, &["a", "b"]).await;
    claim_one(&queue).await;
    lab.events();
    let sweep = async || queue.broker.sweep_stalled(Q, 1, secs(30)).await.unwrap();
    assert_eq!(sweep().await.len(), 0);
    assert_eq!((lab.show("stalled"), lab.show("stalled-check")), ("a".into(), "1763687100000".into()));
    lab.advance(&clock, LEASE + secs(1)).await;
    assert_eq!(sweep().await, ["a"]);
    assert_eq!(
        (lab.show("stalled"), lab.show("active"), lab.show("wait")),
        ("-".into(), "-".into(), "b a".into())
    );
    assert_eq!((lab.field("a", "stc"), lab.field("a", "defa")), (Some("1".into()), None));
    assert_eq!(lab.events(), ["waiting a prev=active", "stalled a"]);
    assert_eq!(sweep().await.len(), 0, "all workers together look once in that time");

    claim_one(&queue).await;
    for _ in 0..2 {
        lab.advance(&clock, LEASE + secs(1)).await;
        sweep().await;
    }
    let doom = "job stalled more than allowable limit";
    assert_eq!((lab.field("a", "stc"), lab.field("a", "defa")), (Some("2".into()), Some(doom.into())));
    let doomed = claim_one(&queue).await;
    assert_eq!(queue.broker.fail(&doomed, doom).await.unwrap(), LeaseState::Owned);
    let fields = ["atm", "failedReason", "defa"].map(|field| lab.field("a", field));
    assert_eq!(fields, [Some("1".into()), Some(doom.into()), None], "as BullMQ counts it");
}

#[tokio::test]
async fn a_pause_is_the_one_of_bullmq_6() {
    let lab = Keys::new();
    let queue = lab.open(&clock()).await;
    add(&queue, &["a"]).await;
    lab.events();
    queue.manage.pause(Q).await.unwrap();
    assert_eq!((lab.field("meta", "paused"), lab.show("marker")), (Some("1".into()), "-".into()));
    add(&queue, &["b"]).await;
    assert_eq!((lab.show("wait"), lab.show("marker")), ("b a".into(), "-".into()));
    queue.manage.resume(Q).await.unwrap();
    assert_eq!((lab.field("meta", "paused"), lab.show("marker")), (None, "0=0".into()));
    assert_eq!(lab.events(), ["paused", "added b name=create-order", "waiting b", "resumed"]);
}

#[tokio::test]
async fn what_is_given_back_is_next_and_what_is_not_kept_is_gone() {
    let lab = Keys::new();
    let queue = lab.open_with(&clock(), Keep { completed: 0, failed: 0 }).await;
    add(&queue, &["a", "b", "c"]).await;
    let held = claim(&queue, 2).await;
    lab.events();
    let _given_back = queue.broker.release(&held).await.unwrap();
    assert_eq!(
        (lab.show("wait"), lab.show("active"), lab.show("a:lock")),
        ("c b a".into(), "-".into(), "-".into())
    );
    assert_eq!(lab.events(), ["waiting b prev=active", "waiting a prev=active"]);
    let held = claim_one(&queue).await;
    let next = Claim { queue: Q, max: 1, lease: LEASE };
    let (_, more) = queue.broker.end(&[(held, End::Complete("null".into()))], Some(next)).await.unwrap();
    assert_eq!((lab.show("a"), lab.show("completed"), more.len()), ("-".into(), "-".into(), 1));
    let told = lab.events();
    assert_eq!(told[1..], ["completed a returnvalue=null prev=active", "active b prev=waiting"]);
    let mut raw = lab.raw();
    let ttl = |raw: &mut super::Raw| raw.cmd(&["PTTL", &lab.key("b:lock")]).int();
    raw.cmd(&["PEXPIRE", &lab.key("b:lock"), "1000"]);
    raw.cmd(&["SADD", &lab.key("stalled"), "b"]);
    assert_eq!(queue.broker.extend(&more, LEASE).await.unwrap(), [LeaseState::Owned]);
    assert!(ttl(&mut raw) > 50_000);
    assert_eq!(raw.cmd(&["SISMEMBER", &lab.key("stalled"), "b"]), Answer::Int(0));
}

/// Newest first; nothing is written by time alone.
#[tokio::test]
async fn finished_jobs_are_counted_by_the_minute() {
    let lab = Keys::new();
    let clock = clock();
    let queue = lab.open(&clock).await;
    for (n, wait) in [(0, 0), (1, 60), (2, 0), (3, 180)] {
        lab.advance(&clock, secs(wait)).await;
        add(&queue, &[&format!("job-{n}")]).await;
        let held = claim_one(&queue).await;
        assert_eq!(queue.broker.complete(&held, "1").await.unwrap(), LeaseState::Owned);
    }
    assert_eq!(lab.show("metrics:completed:data"), "0 0 2 1");
    assert_eq!(lab.show("metrics:completed"), "count=4 prevCount=3 prevTS=1763687340000");
}
