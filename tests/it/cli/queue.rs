//! `waybill queue`.

use std::time::Duration;

use waybill::{
    base::clock::Clock,
    platform::queue::{End, JobState, Keep, NewJob, Queue},
};

use super::process::{Ended, Run, WORKER};
use crate::support::{
    ADD, Ending,
    redis::{Raw, forget, shared},
};

const ORDERS: &str = "parcelx-orders-queue";

fn queue(folder: &std::path::Path, args: &[&str]) -> Ended {
    Run::waybill(folder).args(&[&["queue"], args].concat()).end()
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_are_shown_paused_and_resumed_and_single_jobs_moved() {
    let folder = tempfile::TempDir::new().unwrap();
    assert!(Run::waybill(folder.path()).args(&["migrate"]).end().status.success());
    let ended = queue(folder.path(), &["list"]);
    assert!(ended.status.success(), "{ended:?}");
    assert!(ended.out.contains(&format!("{ORDERS}: 0 waiting, 0 active, 0 delayed")), "{}", ended.out);

    let ended = queue(folder.path(), &["pause", ORDERS, "--actor", "asha", "--reason", "ParcelX is down"]);
    assert_eq!(ended.out.trim(), format!("{ORDERS}: queue.pause: done"), "{}", ended.err);
    assert!(queue(folder.path(), &["list"]).out.contains("0 workers, PAUSED"));
    let again = queue(folder.path(), &["pause", ORDERS, "--reason", "x"]);
    assert_eq!(again.err.lines().last(), Some("waybill: the queue is paused already"));
    let ended = queue(folder.path(), &["pause", "parcelx-order-queue", "--reason", "x"]);
    assert!(ended.err.contains("there is no queue `parcelx-order-queue`; there are: "), "{}", ended.err);
    assert!(ended.err.contains(ORDERS));
    assert!(!queue(folder.path(), &["resume", ORDERS]).status.success(), "without a reason");
    assert!(queue(folder.path(), &["resume", ORDERS, "--reason", "it is back"]).status.success());

    let url = format!("sqlite:{}", folder.path().join("data/queue.db").display());
    let jobs = Queue::open(&url, Clock::system(), Keep::default()).await.unwrap();
    let job = |id: &str, delay| NewJob {
        queue: ORDERS.into(),
        id: id.to_owned(),
        name: "create-order".into(),
        data: "{}".to_owned(),
        share: None,
        attempts: 3,
        backoff: Duration::ZERO.into(),
        delay: Duration::from_secs(delay),
    };
    jobs.broker.add(&[job("dead", 0), job("later", 999)], ADD).await.unwrap();
    let held = jobs.broker.claim_from(ORDERS, 1, Duration::from_secs(60)).await.unwrap();
    assert!(
        queue(folder.path(), &["remove", ORDERS, "dead", "--reason", "x"]).err.contains("the job is active")
    );
    let _failed = jobs.broker.end_one(&held[0], End::Fail("no".to_owned())).await.unwrap();
    for (command, id) in [("retry", "dead"), ("promote", "later"), ("remove", "dead")] {
        let ended = queue(folder.path(), &[command, ORDERS, id, "--reason", "by hand"]);
        assert!(ended.status.success(), "{}", ended.err);
    }
    assert!(
        queue(folder.path(), &["retry", ORDERS, "dead", "--reason", "x"]).err.contains("no job \"dead\"")
    );
    let left = jobs.inspect.list(ORDERS, JobState::Waiting, None, 9).await.unwrap().jobs;
    assert_eq!(left.iter().map(|job| job.id.as_str()).collect::<Vec<_>>(), ["later"]);

    let audit = Run::waybill(folder.path()).args(&["audit"]).end().out;
    for line in ["queue.pause", "queue.resume", "job.retry", "job.promote", "job.remove", "asha", "by hand"] {
        assert!(audit.contains(line), "{line}: {audit}");
    }
}

#[test]
fn a_queue_of_another_database_is_refused_with_what_mends_it() {
    let folder = tempfile::TempDir::new().unwrap();
    let data = folder.path().join("data");
    let runs = || {
        let mut waybill = Run::waybill(folder.path()).start();
        waybill.line("Waybill ");
        waybill.stop();
    };
    runs();
    for suffix in ["", "-wal", "-shm"] {
        std::fs::remove_file(data.join(format!("waybill.db{suffix}"))).ok();
    }
    let refused = Run::waybill(folder.path()).end();
    assert!(!refused.status.success());
    assert!(refused.err.contains("queue.db: it holds the jobs of another database"), "{}", refused.err);
    assert!(refused.err.contains("remove it"), "{}", refused.err);
    for suffix in ["", "-wal", "-shm"] {
        std::fs::remove_file(data.join(format!("queue.db{suffix}"))).ok();
    }
    runs();
}

#[test]
fn a_worker_warns_of_bullmq_workers_and_doctor_of_the_damage_that_others_left() {
    let folder = tempfile::TempDir::new().unwrap();
    let (server, prefix) = (shared(), format!("guests-{}", std::process::id()));
    let url = format!("redis://{server}");
    let on = |run: Run| run.set("QUEUE__URL", &url).set("QUEUE__PREFIX", &prefix);
    let mut guest = Raw::connect(server);
    // What BullMQ calls the connection of a worker; the queue's name is in base 64.
    let name = format!("{prefix}:cGFyY2VseC1vcmRlcnMtcXVldWU=:w:node-1");
    guest.cmd(&["CLIENT", "SETNAME", &name]);
    let worker = on(Run::new(WORKER, folder.path()))
        .set("PARCELX__ACCESS_KEY", "the-key")
        .set("PARCELX__SECRET_KEY", "the-secret")
        .set("PARCELX__BASE_URL", "http://127.0.0.1:1");
    let mut worker = worker.start();
    worker.log(&format!("the BullMQ worker node-1 works {ORDERS}, too"));
    let doctor = || on(Run::waybill(folder.path()).args(&["doctor"])).end();
    let running = doctor();
    for line in ["workers    1", &format!("prefix     {prefix}")] {
        assert!(running.out.lines().any(|told| told == line), "{line}: {running:?}");
    }
    worker.stop();

    let well = doctor();
    assert!(well.status.success(), "{}", well.err);
    assert!(well.out.contains(&format!("note       {ORDERS}: the BullMQ worker node-1")), "{}", well.out);
    guest.cmd(&["LPUSH", &format!("{prefix}:{ORDERS}:wait"), "ghost"]);
    let ill = doctor();
    assert!(!ill.status.success());
    let told = format!("trouble    {ORDERS}: 1 ids have no job (\"ghost\")");
    assert!(ill.out.contains(&told) && ill.err.contains("the queue needs somebody"), "{ill:?}");
    drop(guest);
    forget(server, &prefix);
}
