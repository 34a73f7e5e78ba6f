//! Queues of other programs beside ours: drained and cleaned; and why ours are not drained.

use std::time::Duration;

use serde_json::{Value, json};
use waybill::{
    admin::rights::Role,
    base::timestamp::Timestamp,
    features::{
        audit::{Audit, AuditContext, AuditLine, AuditedAction, Origin, Via},
        operations::model::Operation,
        orders::{model::Order, status::SyncStatus},
    },
    platform::queue::{ActiveJob, Claim, End, JobState, Managed, NewJob, retry::Backoff},
    provider::simulator::Rule,
};

use super::operations::{body, items, preview, shown, start};
use crate::support::{TestApp, orders::order};

pub(super) const QUEUE: &str = "parcelx-orders-queue";
pub(super) const FOREIGN: &str = "of-others";
const HOUR: Duration = Duration::from_secs(3600);

pub(super) fn job(id: &str, data: &str, delay: Duration) -> NewJob {
    NewJob {
        queue: FOREIGN.into(),
        id: id.to_owned(),
        name: "theirs".into(),
        data: data.to_owned(),
        share: None,
        attempts: 3,
        backoff: Backoff::Fixed { delay: 0 },
        delay,
    }
}

pub(super) async fn add(app: &TestApp, jobs: &[NewJob]) {
    app.app.queue.broker.add(jobs, Duration::from_secs(5)).await.unwrap();
}

pub(super) async fn claim_one(app: &TestApp, queue: &str) -> ActiveJob {
    let claim = Claim { queue, max: 1, lease: HOUR };
    app.app.queue.broker.claim(claim).await.unwrap().remove(0)
}

async fn end(app: &TestApp, job: ActiveJob, end: End) {
    app.app.queue.broker.end(&[(job, end)], None).await.unwrap();
}

/// The ids of the jobs of one state.
async fn ids(app: &TestApp, queue: &str, state: JobState) -> Vec<String> {
    let page = app.app.queue.inspect.list(queue, state, None, 1000).await.unwrap();
    page.jobs.into_iter().map(|job| job.id).collect()
}

async fn status(app: &TestApp, id: &str) -> SyncStatus {
    let order: Order = app.app.store.get(id).await.unwrap().unwrap();
    order.provider_sync_status()
}

pub(super) async fn last_line(app: &TestApp, subject: &str) -> AuditLine {
    let audit = Audit::new(app.app.store.clone(), app.clock.clone());
    audit.list(Some(subject), None, 1).await.unwrap().remove(0)
}

pub(super) fn action<'a>(of: &'a Value, name: &str) -> &'a Value {
    of["actions"].as_array().unwrap().iter().find(|action| action["name"] == name).unwrap()
}

#[tokio::test]
async fn a_queue_says_how_it_may_be_cleared_and_why_not() {
    let app = TestApp::start().await;
    let viewer = app.admin(Role::Viewer).await;
    add(&app, &[job("a", "{}", HOUR)]).await;
    app.merchant("shop").create(&order("A-1")).await;
    let queue = async |name: &str| viewer.get(&format!("/queues/{name}")).await.json()["data"].clone();
    let theirs = queue(FOREIGN).await;
    let expected = json!({
        "name": "drain", "right": "operation.run", "allowed": true, "why": null, "typed": true,
        "kind": "jobs.remove", "states": ["waiting", "delayed"],
        "effect": "The jobs go and never run. What runs goes on, and what is added later stays.",
    });
    assert_eq!(action(&theirs, "drain"), &expected);
    let clean = action(&theirs, "clean");
    assert_eq!((&clean["allowed"], &clean["why"]), (&json!(false), &json!("no finished job is kept")));

    let drain = action(&queue(QUEUE).await, "drain").clone();
    assert_eq!(drain["allowed"], false);
    assert!(drain["why"].as_str().unwrap().contains("stand for orders"), "{drain}");
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    let clean = action(&queue(QUEUE).await, "clean").clone();
    assert_eq!((&clean["allowed"], &clean["typed"]), (&json!(true), &json!(false)));
    assert!(clean["effect"].as_str().unwrap().contains("Orders and mails stay"), "{clean}");
    assert_eq!(clean["states"], json!(["completed", "failed"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_of_others_is_drained_job_by_job() {
    let app = TestApp::start().await;
    let admin = app.admin(Role::Admin).await;
    let waiting: Vec<_> = (0..41).map(|n| job(&format!("w-{n:02}"), "{}", Duration::ZERO)).collect();
    let delayed: Vec<_> = (0..5).map(|n| job(&format!("d-{n}"), "{}", HOUR)).collect();
    add(&app, &waiting).await;
    add(&app, &delayed).await;
    let held = claim_one(&app, FOREIGN).await;
    let drain = |state: &str| body("jobs.remove", json!({ "filter": { "queue": FOREIGN, "state": state } }));
    assert_eq!(preview(&admin, &drain("waiting")).await["matches"], 40);
    let both = drain("waiting,delayed");
    assert_eq!(preview(&admin, &both).await["matches"], 45);
    let id = start(&admin, &both).await;
    // Whoever started it has not seen this one.
    app.advance(Duration::from_secs(1));
    add(&app, &[job("late", "{}", Duration::ZERO)]).await;
    app.worker.run_operations().await.unwrap();
    let ended = shown(&admin, &id).await;
    assert_eq!(
        [&ended["total"], &ended["done"], &ended["refused"], &ended["failed"]],
        [45, 45, 0, 0],
        "{ended}"
    );
    assert_eq!(items(&admin, &id, "").await.len(), 45);
    assert_eq!(ids(&app, FOREIGN, JobState::Waiting).await, ["late"]);
    assert_eq!(ids(&app, FOREIGN, JobState::Delayed).await.len(), 0);
    assert_eq!(ids(&app, FOREIGN, JobState::Active).await, [held.id]);
    assert_eq!(last_line(&app, "of-others/d-4").await.origin.request_id, Some(id));
}

#[tokio::test(flavor = "multi_thread")]
async fn finished_jobs_are_cleaned_by_state_and_age() {
    let app = TestApp::start().await;
    for n in 0..6 {
        add(&app, &[job(&format!("job-{n}"), "{}", Duration::ZERO)]).await;
        let held = claim_one(&app, FOREIGN).await;
        let how = if n % 2 == 0 { End::Complete("1".into()) } else { End::Fail("no".into()) };
        end(&app, held, how).await;
        app.advance(HOUR);
    }
    // It finished late: when it was added does not count.
    add(&app, &[job("slow", "{}", Duration::ZERO)]).await;
    app.advance(HOUR);
    let held = claim_one(&app, FOREIGN).await;
    end(&app, held, End::Complete("1".into())).await;
    let admin = app.admin(Role::Admin).await;
    let ago = |hours: i64| Timestamp::from_millis(app.clock.now().as_millis() - hours * 3_600_000);
    let clean = |state: &str, more: Value| {
        let mut filter = json!({ "queue": FOREIGN, "state": state });
        filter.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body("jobs.remove", json!({ "filter": filter }))
    };
    let between = clean("completed,failed", json!({ "from": ago(6), "before": ago(3) }));
    assert_eq!(preview(&admin, &between).await["matches"], 3);
    let id = start(&admin, &clean("completed,failed", json!({ "before": ago(3) }))).await;
    app.worker.run_operations().await.unwrap();
    assert_eq!(shown(&admin, &id).await["done"], 4);
    assert_eq!(ids(&app, FOREIGN, JobState::Completed).await, ["slow", "job-4"]);
    assert_eq!(ids(&app, FOREIGN, JobState::Failed).await, ["job-5"]);

    // Of our own queues, too: the orders stay what they are.
    let order = app.merchant("shop").create(&order("A-1")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    assert_eq!(ids(&app, QUEUE, JobState::Completed).await.len(), 1);
    let own = json!({ "filter": { "queue": QUEUE, "state": "completed,failed" } });
    let id = start(&admin, &body("jobs.remove", own)).await;
    app.worker.run_operations().await.unwrap();
    assert_eq!(shown(&admin, &id).await["done"], 1);
    assert_eq!(ids(&app, QUEUE, JobState::Completed).await.len(), 0);
    assert_eq!(status(&app, &order).await, SyncStatus::Success);
}

/// Whoever goes on where a worker died, or is slow, finds that jobs have become others than were meant.
#[tokio::test]
async fn a_job_that_waits_again_is_not_cleaned() {
    let app = TestApp::start().await;
    let admin = app.admin(Role::Admin).await;
    add(&app, &[job("a", "{}", Duration::ZERO)]).await;
    let held = claim_one(&app, FOREIGN).await;
    end(&app, held, End::Fail("no".into())).await;
    let failed = json!({ "queue": FOREIGN, "state": "failed" });
    let in_hand = start(&admin, &body("jobs.remove", json!({ "filter": failed }))).await;
    let named = body("jobs.remove", json!({ "filter": failed, "ids": ["a"] }));
    assert_eq!(preview(&admin, &named).await["refusals"], json!([]));
    let by_name = start(&admin, &named).await;
    let operation: Operation = app.app.store.get(&in_hand).await.unwrap().unwrap();
    let mut stored = serde_json::to_value(&operation).unwrap();
    stored["state"] = json!("running");
    stored["inHand"] = json!({ "ids": ["a"], "next": null });
    let operation: Operation = serde_json::from_value(stored).unwrap();
    assert!(app.app.store.replace(&operation).await.unwrap());
    // It had got as far as its line in the audit log.
    let origin = Origin { request_id: Some(in_hand.clone()), ..Origin::default() };
    let by = AuditContext::new("admin", Via::Http, "the outage is over").unwrap().from(origin);
    let (action, id) = ("job.remove", "of-others/a");
    let act = AuditedAction { action, collection: "jobs", id, user_id: None, before: None };
    Audit::new(app.app.store.clone(), app.clock.clone()).begin(&by, &act).await.unwrap();
    assert_eq!(app.app.queue.manage.retry(FOREIGN, "a").await.unwrap(), Managed::Done);

    let refused = json!([{ "code": "job-state", "count": 1 }]);
    assert_eq!(preview(&admin, &named).await["refusals"], refused);
    app.worker.run_operations().await.unwrap();
    for id in [in_hand, by_name] {
        let ended = shown(&admin, &id).await;
        assert_eq!((&ended["done"], &ended["refusals"]), (&json!(0), &refused), "{ended}");
    }
    assert_eq!(ids(&app, FOREIGN, JobState::Waiting).await, ["a"]);
}

#[tokio::test]
async fn what_cannot_be_cleared_is_refused_with_its_field() {
    let app = TestApp::start().await;
    let admin = app.admin(Role::Admin).await;
    let of = |queue: &str, state: &str| json!({ "filter": { "queue": queue, "state": state } });
    let now = app.clock.now();
    for (wrong, pointer) in [
        (body("jobs.remove", of(QUEUE, "waiting,delayed")), "/filter/state"),
        (body("jobs.remove", of(QUEUE, "completed,waiting")), "/filter/state"),
        (body("jobs.remove", of(FOREIGN, "waiting,active")), "/filter/state"),
        (body("jobs.remove", of(FOREIGN, "waiting,waiting")), "/filter/state"),
        (body("jobs.remove", of(FOREIGN, "waiting,")), "/filter/state"),
        (body("jobs.retry", of(FOREIGN, "failed,delayed")), "/filter/state"),
        (
            body("jobs.remove", json!({ "filter": { "queue": FOREIGN, "before": now }, "ids": ["a"] })),
            "/filter",
        ),
    ] {
        let problem = admin.post("/operations/preview", &wrong).await.problem(422, "validation-failed");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{wrong}");
    }
    let why = admin.post("/operations", &body("jobs.remove", of(QUEUE, "waiting,delayed"))).await;
    let why = why.problem(422, "validation-failed");
    assert!(why["detail"].as_str().unwrap().contains("cancel or resolve the orders"), "{why}");
    let operator = app.admin(Role::Operator).await;
    operator
        .post("/operations", &body("jobs.remove", of(FOREIGN, "waiting")))
        .await
        .problem(403, "forbidden");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_says_what_jobs_would_do_and_which_would_be_refused() {
    let app = TestApp::start().await;
    let admin = app.admin(Role::Admin).await;
    for n in 0..3 {
        app.simulator.script(Rule::refuse("Weight is too much"));
        app.merchant("shop").create(&order(&format!("R-{n}"))).await;
        app.run_pending_jobs().await;
    }
    app.assert_calls(&[("create", 3), ("track", 3)]);
    let retry = body("jobs.retry", json!({ "filter": { "queue": QUEUE } }));
    let refused =
        json!({ "effect": "Nothing: the order was refused; amend it, or send it again.", "count": 3 });
    let seen = preview(&admin, &retry).await;
    assert_eq!(
        (&seen["effects"], &seen["books"], &seen["costs"]),
        (&json!([refused]), &json!(0), &json!(false))
    );

    // One whose job failed, and whose order still waits to be sent.
    let order_id = app.merchant("shop").create(&order("R-9")).await;
    let held = claim_one(&app, QUEUE).await;
    let failed = held.id.clone();
    end(&app, held, End::Fail("its worker went away".into())).await;
    let seen = preview(&admin, &retry).await;
    let books = json!({ "effect": "It books: the order is sent to ParcelX.", "count": 1 });
    assert_eq!(seen["effects"], json!([books, refused]));
    assert_eq!((&seen["books"], &seen["costs"], &seen["refusals"]), (&json!(1), &json!(true), &json!([])));

    let waiting = app.merchant("shop").create(&order("R-10")).await;
    let waiting = format!("create-order-{waiting}-1");
    let named =
        |kind: &str| body(kind, json!({ "filter": { "queue": QUEUE }, "ids": [&failed, &waiting, "none"] }));
    let one = |code: &str| json!({ "code": code, "count": 1 });
    let seen = preview(&admin, &named("jobs.retry")).await;
    assert_eq!((&seen["matches"], &seen["effects"]), (&json!(3), &json!([books])));
    assert_eq!(seen["refusals"], json!([one("job-state"), one("no-such-job")]));
    let seen = preview(&admin, &named("jobs.remove")).await;
    assert_eq!(seen["refusals"], json!([one("no-such-job"), one("open-job")]));
    assert_eq!(seen["effects"], json!([]));

    // As it was said.
    let id = start(&admin, &named("jobs.retry")).await;
    app.worker.run_operations().await.unwrap();
    let ended = shown(&admin, &id).await;
    assert_eq!(
        (&ended["done"], &ended["refusals"]),
        (&json!(1), &json!([one("job-state"), one("no-such-job")]))
    );
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 2)]);
    assert_eq!(status(&app, &order_id).await, SyncStatus::Success);
}

/// A preview looks at the first 200: it does not say of the others that they book nothing.
#[tokio::test]
async fn what_a_preview_did_not_look_at_may_book() {
    let app = TestApp::start().await;
    let admin = app.admin(Role::Admin).await;
    let own = |n: usize| NewJob {
        queue: QUEUE.into(),
        name: "create-order".into(),
        ..job(&format!("x-{n}"), r#"{"orderId":"ord_none"}"#, Duration::ZERO)
    };
    let fail = async |from: usize, to: usize| {
        let jobs: Vec<_> = (from..to).map(own).collect();
        add(&app, &jobs).await;
        let claim = Claim { queue: QUEUE, max: to - from, lease: HOUR };
        let held = app.app.queue.broker.claim(claim).await.unwrap();
        let ended: Vec<_> = held.into_iter().map(|job| (job, End::Fail("no".into()))).collect();
        assert_eq!(ended.len(), to - from);
        app.app.queue.broker.end(&ended, None).await.unwrap();
    };
    let retry = body("jobs.retry", json!({ "filter": { "queue": QUEUE } }));
    for (from, to, costs) in [(0, 200, false), (200, 201, true)] {
        fail(from, to).await;
        let seen = preview(&admin, &retry).await;
        assert_eq!((&seen["matches"], &seen["effects"][0]["count"]), (&json!(to), &json!(200)), "{seen}");
        assert_eq!((&seen["books"], &seen["costs"]), (&json!(0), &json!(costs)), "{seen}");
    }
}
