//! Jobs and queues as other programs leave them, good and bad.

use waybill::platform::queue::{
    Claim, JobState, LeaseState, Managed, Presence, Queue, QueueError, retry::Backoff,
};

use super::{Answer, Keys};
use crate::{
    queue::contract::{LEASE, Lab, Q, add, claim, claim_one, clock, counts, ids, job, secs, view},
    support::{ADD, Ending},
};

impl Keys {
    fn put(&self, command: &str, name: &str, args: &[&str]) -> Answer {
        let key = self.key(name);
        let mut all = vec![command, key.as_str()];
        all.extend(args);
        self.raw().cmd(&all)
    }

    /// A job as a Node producer writes it.
    fn foreign(&self, id: &str, opts: &str, more: &[&str]) {
        let usual = ["name", "create-order", "data", "{\"of\":\"node\"}", "opts", opts, "timestamp"];
        self.put("HSET", id, &[&usual[..], &["1763687100000", "delay", "0", "priority", "0"], more].concat());
        self.put("LPUSH", "wait", &[id]);
    }
}

async fn failed(queue: &Queue, id: &str) -> String {
    let seen = view(queue, id).await;
    assert_eq!(seen.state, JobState::Failed, "{id}");
    seen.reason.unwrap()
}

#[tokio::test]
async fn jobs_of_other_producers_run_with_what_they_say_of_themselves() {
    let lab = Keys::new();
    let queue = lab.open(&clock()).await;
    lab.foreign("1", r#"{"attempts":5,"backoff":{"type":"fixed","delay":700}}"#, &["atm", "2", "stc", "1"]);
    lab.foreign("2", "{}", &[]);
    lab.put("HDEL", "2", &["opts", "delay", "priority"]);
    let held = claim(&queue, 9).await;
    assert_eq!(ids(&held), ["1", "2"]);
    let first = &held[0];
    assert_eq!((first.attempts, first.attempts_made, first.stalled), (5, 2, 1));
    assert_eq!((&first.backoff, first.data.as_str()), (&Backoff::Fixed { delay: 700 }, "{\"of\":\"node\"}"));
    assert_eq!((held[1].attempts, &held[1].backoff), (0, &Backoff::Fixed { delay: 0 }));
    for job in &held {
        assert_eq!(queue.broker.complete(job, "1").await.unwrap(), LeaseState::Owned);
    }
}

#[tokio::test]
async fn priorities_of_other_producers_are_kept() {
    let lab = Keys::new();
    let queue = lab.open(&clock()).await;
    let class = 4_294_967_296_i64;
    for (id, priority, n) in [("low", 9, 1), ("high", 2, 2)] {
        lab.foreign(id, "{}", &["priority", &priority.to_string()]);
        lab.put("LREM", "wait", &["1", id]);
        lab.put("ZADD", "prioritized", &[&(priority * class + n).to_string(), id]);
    }
    lab.put("SET", "pc", &["2"]);
    lab.foreign("none", "{}", &[]);
    let held = claim(&queue, 9).await;
    assert_eq!(ids(&held), ["none", "high", "low"]);
    // One that comes back has its priority again.
    assert_eq!(
        queue.broker.delay(&held[2], secs(0), crate::support::Count::Nothing, "again").await.unwrap(),
        LeaseState::Owned
    );
    assert_eq!(lab.show("prioritized"), format!("low={}", 9 * class + 1));
}

#[tokio::test]
async fn what_is_no_job_is_dropped() {
    let lab = Keys::new();
    let queue = lab.open(&clock()).await;
    lab.put("LPUSH", "wait", &["ghost", "0:1763687100000"]);
    lab.put("ZADD", "prioritized", &["4294967297", "ghost-2"]);
    lab.put("SADD", "stalled", &["ghost-3"]);
    lab.put("LPUSH", "active", &["ghost-3"]);
    lab.put("ZADD", "delayed", &["1", "ghost-4"]);
    add(&queue, &["a"]).await;
    assert_eq!(ids(&claim(&queue, 9).await), ["a"]);
    assert_eq!(queue.broker.recover(Q, 1).await.len(), 0);
    assert_eq!((counts(&queue).await.active, counts(&queue).await.open()), (1, 1));
    for ghost in ["ghost", "ghost-2", "ghost-3", "ghost-4"] {
        assert_eq!(lab.show(ghost), "-", "no hash was made");
    }
}

#[tokio::test]
async fn a_job_of_a_flow_is_failed_with_the_reason() {
    let lab = Keys::new();
    let queue = lab.open(&clock()).await;
    lab.foreign("child", "{}", &["parentKey", "bull:other:1", "parent", "{}"]);
    lab.foreign("parent", "{}", &[]);
    lab.put("HSET", "parent:processed", &["bull:other:2", "1"]);
    add(&queue, &["a"]).await;
    assert_eq!(ids(&claim(&queue, 9).await), ["a"]);
    assert!(failed(&queue, "child").await.contains("with a parent"));
    assert!(failed(&queue, "parent").await.contains("with children"));
    assert_eq!(counts(&queue).await.open(), 1);
    // A child that was added while the job ran.
    lab.foreign("late", "{}", &[]);
    let late = claim_one(&queue).await;
    lab.put("SADD", "late:dependencies", &["bull:other:3"]);
    assert_eq!(queue.broker.complete(&late, "1").await.unwrap(), LeaseState::Owned);
    assert!(failed(&queue, "late").await.contains("have not ended"));
}

#[tokio::test]
async fn a_queue_with_schedulers_is_left_alone() {
    let lab = Keys::new();
    let queue = lab.open(&clock()).await;
    add(&queue, &["a", "b"]).await;
    let held = claim_one(&queue).await;
    lab.put("ZADD", "repeat", &["1763687100000", "nightly"]);
    let next = Claim { queue: Q, max: 1, lease: LEASE };
    let told = queue.broker.claim(next).await.unwrap_err();
    assert!(matches!(&told, QueueError::Fault(why) if why.contains("schedulers")), "{told}");
    // What runs still ends.
    let end = waybill::platform::queue::End::Complete("1".to_owned());
    let (states, claimed) = queue.broker.end(&[(held, end)], Some(next)).await.unwrap();
    assert_eq!((states, claimed.len()), (vec![LeaseState::Owned], 0));
    assert_eq!(counts(&queue).await.waiting, 1);
}

/// A scheduler lives on in its next run, and a parent waits until its children have ended.
#[tokio::test]
async fn what_other_jobs_need_is_not_removed() {
    let lab = Keys::new();
    let queue = lab.open(&clock()).await;
    let needed = async |id: &str| match queue.manage.remove(Q, id).await.unwrap() {
        Managed::Needed(why) => why,
        other => panic!("{id}: {other:?}"),
    };
    let (past, next) = ("repeat:nightly:1763687100000", "repeat:nightly:1763687160000");
    for id in [past, next] {
        lab.foreign(id, "{}", &["rjk", "nightly"]);
    }
    lab.put("ZADD", "repeat", &["1763687160000", "nightly"]);
    assert!(needed(next).await.contains("scheduler"));
    assert_eq!(queue.manage.remove(Q, past).await.unwrap(), Managed::Done);
    lab.put("ZREM", "repeat", &["nightly"]);
    assert_eq!(queue.manage.remove(Q, next).await.unwrap(), Managed::Done);

    let (parent, child) = (lab.key("parent"), lab.key("child"));
    lab.foreign("child", "{}", &["parentKey", &parent]);
    lab.put("SADD", "parent:dependencies", &[&child]);
    assert!(needed("child").await.contains("waits for this one"));
    assert_eq!(view(&queue, "child").await.state, JobState::Waiting);
    lab.put("SREM", "parent:dependencies", &[&child]);
    assert_eq!(queue.manage.remove(Q, "child").await.unwrap(), Managed::Done);
    // What cannot be told counts as needed.
    lab.foreign("odd", "{}", &["parentKey", &parent]);
    lab.put("SET", "parent:dependencies", &["no set"]);
    assert!(needed("odd").await.contains("waits for this one"));
}

#[tokio::test]
async fn pages_stand_also_where_ids_hold_line_breaks() {
    let lab = Keys::new();
    let queue = lab.open(&clock()).await;
    let names: Vec<_> = (0..5).map(|n| format!("two\nlines {n}")).collect();
    for id in &names {
        lab.foreign(id, "{}", &[]);
    }
    let (mut seen, mut mark) = (Vec::new(), None);
    while seen.len() <= names.len() {
        let page = queue.inspect.list(Q, JobState::Waiting, mark.as_ref(), 2).await.unwrap();
        seen.extend(page.jobs.into_iter().map(|job| job.id));
        mark = page.next;
        if mark.is_none() {
            break;
        }
    }
    assert_eq!(seen, names);
}

#[tokio::test]
async fn a_jobs_own_options_say_how_many_are_kept() {
    let lab = Keys::new();
    let clock = clock();
    let queue = lab.open(&clock).await;
    let run = async |id: &str, opts: &str| {
        lab.foreign(id, opts, &[]);
        let held = claim_one(&queue).await;
        assert_eq!(queue.broker.complete(&held, "1").await.unwrap(), LeaseState::Owned);
        lab.advance(&clock, secs(1)).await;
        lab.show("completed")
            .split(' ')
            .map(|pair| pair.split('=').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(run("1", r#"{"removeOnComplete":false}"#).await, ["1"]);
    assert_eq!(run("2", r#"{"removeOnComplete":true}"#).await, ["1"]);
    assert_eq!(lab.show("2"), "-");
    assert_eq!(run("3", r#"{"removeOnComplete":{"age":3600}}"#).await, ["1", "3"]);
    assert_eq!(run("4", r#"{"removeOnComplete":2}"#).await, ["3", "4"]);
    assert_eq!(run("5", r#"{"removeOnComplete":{"age":0}}"#).await, ["3", "4"]);
    assert_eq!(run("6", r#"{"removeOnComplete":{"count":0}}"#).await, ["3", "4"]);
    assert_eq!(run("7", r#"{"removeOnComplete":-1}"#).await, ["3", "4", "7"]);
    lab.advance(&clock, secs(60)).await;
    assert_eq!(run("8", r#"{"removeOnComplete":{"age":30}}"#).await, ["8"]);
}

#[tokio::test]
async fn failures_are_kept_as_a_jobs_options_say_and_its_deduplication_ends() {
    let lab = Keys::new();
    let queue = lab.open(&clock()).await;
    lab.foreign("1", r#"{"stackTraceLimit":1}"#, &["stacktrace", r#"["first"]"#, "deid", "d"]);
    lab.put("SET", "de:d", &["1"]);
    let held = claim_one(&queue).await;
    assert_eq!(queue.broker.fail(&held, "second").await.unwrap(), LeaseState::Owned);
    assert_eq!(
        (lab.field("1", "stacktrace").as_deref(), lab.show("de:d")),
        (Some(r#"["second"]"#), "-".into())
    );
}

#[tokio::test]
async fn no_more_run_than_the_queue_allows() {
    let lab = Keys::new();
    let queue = lab.open(&clock()).await;
    lab.put("HSET", "meta", &["concurrency", "2"]);
    add(&queue, &["a", "b", "c", "d"]).await;
    let held = claim(&queue, 9).await;
    assert_eq!((ids(&held), claim(&queue, 9).await.len()), (vec!["a", "b"], 0));
    let next = Claim { queue: Q, max: 9, lease: LEASE };
    let ended = [(held[0].clone(), waybill::platform::queue::End::Complete("1".to_owned()))];
    let (_, claimed) = queue.broker.end(&ended, Some(next)).await.unwrap();
    assert_eq!(ids(&claimed), ["c"]);
    lab.put("HDEL", "meta", &["concurrency"]);
    assert_eq!(ids(&claim(&queue, 9).await), ["d"]);
}

/// A BullMQ 5 that resumes moves its own list over the other one: those jobs are in none.
#[tokio::test]
async fn jobs_in_no_state_are_told_and_jobs_put_aside_are_not_lost() {
    let lab = Keys::new();
    let queue = lab.open(&clock()).await;
    add(&queue, &["lost", "waits"]).await;
    lab.put("LREM", "wait", &["1", "lost"]);
    lab.foreign("aside", "{}", &[]);
    lab.foreign("aside-2", "{}", &[]);
    lab.put("LREM", "wait", &["1", "aside"]);
    lab.put("LREM", "wait", &["1", "aside-2"]);
    lab.put("LPUSH", "paused", &["aside", "aside-2"]);
    let all = ["lost", "waits", "aside", "nobody"].map(str::to_owned);
    use Presence::{Absent, Adrift, Open};
    assert_eq!(queue.inspect.presence(Q, &all).await.unwrap(), [Adrift, Open, Open, Absent]);
    assert_eq!(counts(&queue).await.waiting, 3);
    let listed = queue.inspect.list(Q, JobState::Waiting, None, 9).await.unwrap();
    let listed: Vec<_> = listed.jobs.iter().map(|job| job.id.as_str()).collect();
    assert_eq!(listed, ["aside", "aside-2", "waits"]);
    queue.manage.resume(Q).await.unwrap();
    assert_eq!(lab.show("paused"), "-");
    assert_eq!(ids(&claim(&queue, 9).await), ["aside", "aside-2", "waits"]);
}

#[tokio::test]
async fn a_lock_that_vanished_is_set_again_but_never_taken_from_another() {
    let lab = Keys::new();
    let queue = lab.open(&clock()).await;
    add(&queue, &["a", "b"]).await;
    let held = claim(&queue, 2).await;
    lab.put("DEL", "a:lock", &[]);
    assert_eq!(queue.broker.extend(&held[..1], LEASE).await.unwrap(), [LeaseState::Owned]);
    assert_eq!(lab.show("a:lock"), held[0].token);

    // A worker of BullMQ has had it since, and its lock has run out too.
    lab.put("DEL", "b:lock", &[]);
    lab.put("HINCRBY", "b", &["ats", "1"]);
    assert_eq!(queue.broker.extend(&held[1..], LEASE).await.unwrap(), [LeaseState::Lost]);
    lab.put("SET", "a:lock", &["another"]);
    assert_eq!(queue.broker.extend(&held, LEASE).await.unwrap(), [LeaseState::Lost; 2]);
    assert_eq!(queue.broker.complete(&held[0], "1").await.unwrap(), LeaseState::Lost);
    assert_eq!(lab.show("a:lock"), "another");
}

#[tokio::test]
async fn a_key_of_another_kind_is_a_fault() {
    let lab = Keys::new();
    let queue = lab.open(&clock()).await;
    lab.put("SET", "wait", &["text"]);
    let told = queue.broker.add(&[job("a")], ADD).await.unwrap_err();
    assert!(matches!(&told, QueueError::Fault(why) if why.contains("WRONGTYPE")), "{told}");
    assert!(matches!(queue.inspect.counts(Q).await, Err(QueueError::Fault(_))));
}

#[tokio::test]
async fn pauses_by_others_are_noticed() {
    let lab = Keys::new();
    let clock = clock();
    let queue = lab.open(&clock).await;
    let start = clock.now();
    lab.put("HSET", "meta", &["paused", "1"]);
    queue.broker.recover(Q, 1).await;
    lab.advance(&clock, secs(30)).await;
    lab.put("HDEL", "meta", &["paused"]);
    assert_eq!(queue.inspect.pauses(Q).await.unwrap().0, [(start, Some(start + secs(30)))]);
}

#[tokio::test]
async fn damage_of_others_is_found_and_told_with_what_mends_it() {
    let lab = Keys::new();
    let queue = lab.open(&clock()).await;
    add(&queue, &["a", "b"]).await;
    let found = async || queue.inspect.examine(Some(Q)).await.unwrap();
    assert_eq!(found().await, []);
    let mut raw = lab.raw();
    let [wait, paused, meta, number] = ["wait", "paused", "meta", "77"].map(|name| lab.key(name));
    let damage: [(&[&str], &str); 5] = [
        (&["LREM", &wait, "0", "b"], "1 jobs are in no state and never run (\"b\")"),
        (&["LPUSH", &wait, "ghost"], "1 ids have no job (\"ghost\")"),
        (&["RENAME", &wait, &paused], "2 jobs that a BullMQ 5 put aside"),
        (&["HSET", &meta, "version", "bullmq:5.81.5"], "last client: bullmq:5.81.5"),
        (&["HSET", &number, "name", "x"], "2 jobs are in no state and never run (\"77\", \"b\")"),
    ];
    for (command, told) in damage {
        raw.cmd(command);
        let found: Vec<_> = found().await.into_iter().map(|finding| finding.what).collect();
        assert!(found.iter().any(|what| what.contains(told)), "{told}: {found:?}");
    }
    raw.cmd(&["RPUSH", &paused, "77"]);
    let troubles: Vec<_> = found().await.into_iter().filter(|f| f.trouble).map(|f| f.what).collect();
    assert!(troubles.iter().any(|what| what.contains("numbers that the counter will reach (\"77\")")));
    assert_eq!(troubles.len(), 4, "{troubles:?}");

    // Claiming lets go of what is no job, and resuming brings back what was put aside.
    queue.manage.pause(Q).await.unwrap();
    queue.manage.resume(Q).await.unwrap();
    raw.cmd(&["DEL", &number, &lab.key("b")]);
    assert_eq!(ids(&claim(&queue, 9).await), ["a"]);
    assert!(found().await.iter().all(|finding| !finding.trouble));
}

/// A million waiting jobs must not be looked through for each question.
#[tokio::test]
async fn a_long_list_is_not_looked_through_for_jobs_in_no_state() {
    let lab = Keys::new();
    let queue = lab.open(&clock()).await;
    add(&queue, &["a", "b"]).await;
    let mut raw = lab.raw();
    raw.cmd(&["LREM", &lab.key("wait"), "0", "b"]);
    let both = ["a".to_owned(), "b".to_owned()];
    let presence = async || queue.inspect.presence(Q, &both).await.unwrap();
    assert_eq!(presence().await, [Presence::Open, Presence::Adrift]);
    let fill = "for i = 1, 20000 do redis.call('LPUSH', KEYS[1], 'x' .. i) end";
    raw.cmd(&["EVAL", fill, "1", &lab.key("wait")]);
    assert_eq!(presence().await, [Presence::Open, Presence::Open]);
}
