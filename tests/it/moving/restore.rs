//! After a restore from a backup: what was booked since is found by look-ups and adopted, and nothing is
//! shipped twice.

use std::{collections::BTreeMap, time::Duration};

use serde_json::json;
use waybill::{
    app::{
        copy::copy,
        restored::{NUMBERS_LEFT_OUT, RestoredError, settle, to_be_sent},
    },
    features::{
        audit::{AuditContext, Via},
        events::Events,
        orders::{
            model::Order,
            reason,
            review::Refusal,
            service::review::{Action, ReviewError, ReviewFilter, ReviewService},
            status::SyncStatus,
        },
    },
    platform::{
        outbox::LeaseDocument,
        store::{Store, StoreError},
    },
    provider::simulator::{Answer, Lookup, Rule},
};

use crate::support::{
    TestApp,
    file::edit,
    mongodb::Lab,
    orders::{order, rewritten},
};

/// Asha, who has restored a database, and looks orders up at the ParcelX of before.
fn reviewer(restored: &TestApp, parcelx: &TestApp) -> ReviewService {
    let by = AuditContext::new("asha", Via::Cli, "the backup of noon").unwrap();
    restored.app.state.orders.review_service(restored.app.carrier(parcelx.account()).unwrap(), by)
}

async fn stored(app: &TestApp, id: &str) -> Order {
    app.app.store.get(id).await.unwrap().unwrap()
}

/// How many live shipments ParcelX has of an order.
fn live(parcelx: &TestApp, order: &Order) -> usize {
    let of = |reference: &str| reference == order.order_number();
    parcelx.simulator.shipments().iter().filter(|s| s.live && of(&s.reference)).count()
}

/// A copy of its documents, in its folder.
async fn backed_up(app: &TestApp) -> String {
    let url = format!("sqlite:{}", app.folder.path().join("backup.db").display());
    let backup = Store::open(&url).await.unwrap();
    copy(&app.app.store, &backup, app.clock.now(), |_| {}).await.unwrap();
    url
}

/// An instance on the copy, beside the ParcelX of before, and Asha.
async fn restore(app: &TestApp, copy: &str) -> (TestApp, ReviewService) {
    let parcelx = format!("http://{}", app.provider_address);
    let restored = TestApp::builder().on_files().setting("WAYBILL_STORE__URL", copy).provider(&parcelx);
    let restored = restored.start().await;
    let reviews = reviewer(&restored, app);
    (restored, reviews)
}

/// Orders by their merchant's number: booked before the backup, waiting then, taken by a worker that has sent
/// nothing, and one whose call will get lost.
async fn before(app: &TestApp) -> BTreeMap<&'static str, String> {
    let merchant = app.merchant("u1");
    let mut ids = BTreeMap::new();
    ids.insert("booked", merchant.create(&order("booked")).await);
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    for name in ["waiting", "taken", "unsent"] {
        ids.insert(name, merchant.create(&order(name)).await);
    }
    let (seen, orders) = (stored(app, &ids["taken"]).await, &app.app.state.orders);
    orders.take(&seen, "plog_taken", Duration::from_secs(25), Duration::ZERO).await.unwrap().unwrap();
    ids
}

/// What happens between the backup and the loss of the database.
async fn after(app: &TestApp, ids: &BTreeMap<&'static str, String>) {
    let number = stored(app, &ids["unsent"]).await.order_number().to_owned();
    app.simulator.script(Rule { client_order_id: Some(number), ..Rule::create(Answer::LostBeforeBooking) });
    for _ in 0..3 {
        app.advance(Duration::from_secs(60));
        app.run_pending_jobs().await;
    }
    for (name, status) in [
        ("waiting", SyncStatus::Success),
        ("taken", SyncStatus::Success),
        ("unsent", SyncStatus::Reconciling),
    ] {
        assert_eq!(stored(app, &ids[name]).await.provider_sync_status(), status, "{name}");
    }
    app.assert_calls(&[("create", 3)]);
    app.leave_jobs();
}

/// MongoDB, with a file as its backup: `waybill copy` there and back, which needs none of MongoDB's tools.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_booked_after_the_backup_is_adopted_and_nothing_is_shipped_twice() {
    let (old, new, folder) = (Lab::new().await, Lab::new().await, tempfile::tempdir().unwrap());
    let app = TestApp::builder().on_files().mongodb(&old.url);
    let app = app.setting("WAYBILL_PARCELX__RECONCILE", "1h").start().await;
    app.simulator.change_faults(|f| f.lookup = Lookup::Works);
    let ids = before(&app).await;
    let backup = format!("sqlite:{}", folder.path().join("backup.db").display());
    let backup = Store::open(&backup).await.unwrap();
    copy(&app.app.store, &backup, app.clock.now(), |_| {}).await.unwrap();
    after(&app, &ids).await;

    copy(&backup, &new.store().await, app.clock.now(), |_| {}).await.unwrap();
    let parcelx = format!("http://{}", app.provider_address);
    let restored = TestApp::builder().on_files().mongodb(&new.url).provider(&parcelx).start().await;
    restored.advance(Duration::from_secs(180));
    let found = to_be_sent(&restored.app).await.unwrap();
    assert_eq!((found.ours.len(), found.of_others), (3, 0));
    let (reviews, mut told) = (reviewer(&restored, &app), BTreeMap::new());
    let settled = settle(&restored.app, &reviews, |item| {
        told.insert(item.id.clone(), item.result.is_ok());
    });
    let settled = settled.await.unwrap();
    assert_eq!((settled.handed_over, settled.looked_up.done, settled.looked_up.refused), (3, 2, 1));
    let expected = [("waiting", true), ("taken", true), ("unsent", false)];
    assert_eq!(told, BTreeMap::from(expected.map(|(name, found)| (ids[name].clone(), found))));
    app.assert_calls(&[("track", 3)]);

    // Workers have nothing to send, and the merchant's repeated creates are replays.
    for _ in 0..5 {
        restored.app.walker().pass().await.unwrap();
        restored.run_pending_jobs().await;
        restored.advance(Duration::from_secs(3600));
    }
    app.assert_calls(&[]);
    let merchant = restored.merchant("u1");
    for (name, id) in &ids {
        let answer = merchant.post("/orders/create", &order(name)).await;
        let told = (answer.status.as_u16(), answer.json()["data"]["id"].clone());
        assert_eq!(told, (200, json!(id)), "{}", answer.text());
        let now = stored(&restored, id).await;
        let expected = if *name == "unsent" { SyncStatus::NeedsReview } else { SyncStatus::Success };
        assert_eq!((now.provider_sync_status(), now.awb().is_some()), (expected, *name != "unsent"));
        assert_eq!(live(&app, &now), usize::from(*name != "unsent"), "{name}");
        if *name != "booked" {
            let of_before = stored(&app, id).await;
            assert_eq!(now.awb(), of_before.awb(), "{name}");
        }
    }

    // What was not found is asked about once more before it is sent.
    let unsent = &ids["unsent"];
    assert_eq!(stored(&restored, unsent).await.review().unwrap().reason, reason::OUTCOME_UNKNOWN);
    reviews.rebook(unsent, false).await.unwrap();
    app.assert_calls(&[("track", 1)]);
    restored.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    assert_eq!(live(&app, &stored(&restored, unsent).await), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_look_up_did_not_find_yet_is_not_sent_without_another() {
    let app = TestApp::builder().on_files().start().await;
    let id = app.merchant("u1").create(&order("A-1")).await;
    let url = backed_up(&app).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);

    let (restored, reviews) = restore(&app, &url).await;
    app.simulator.change_faults(|f| f.lookup = Lookup::Never);
    for handed_over in [1, 0] {
        let settled = settle(&restored.app, &reviews, |_| {}).await.unwrap();
        let came_to = (settled.handed_over, settled.looked_up.done, settled.looked_up.refused);
        assert_eq!(came_to, (handed_over, 0, 1), "it can be made again");
    }
    app.simulator.change_faults(|f| f.lookup = Lookup::Works);
    let refused = reviews.rebook(&id, false).await;
    assert!(matches!(refused, Err(ReviewError::Refused(Refusal::FoundAs(_)))), "{refused:?}");
    let settled = settle(&restored.app, &reviews, |_| {}).await.unwrap();
    assert_eq!((settled.handed_over, settled.looked_up.done), (0, 1));
    restored.run_pending_jobs().await;
    app.assert_calls(&[("track", 4)]);
    let now = stored(&restored, &id).await;
    assert_eq!((now.provider_sync_status(), live(&app, &now)), (SyncStatus::Success, 1));
}

/// In the backup it waits for a person, who sent it since. What the call of then came to, nobody knows any
/// more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_person_sent_after_the_backup_is_not_sent_again() {
    let app = TestApp::builder().on_files().start().await;
    let id = app.merchant("u1").create(&order("A-1")).await;
    app.app.state.orders.review(&id, reason::PROVIDER_UNREACHABLE).await.unwrap().unwrap();
    let url = backed_up(&app).await;
    reviewer(&app, &app).rebook(&id, false).await.unwrap();
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);

    let (restored, reviews) = restore(&app, &url).await;
    app.simulator.change_faults(|f| f.lookup = Lookup::Never);
    let mut versions = Vec::new();
    for _ in 0..2 {
        let settled = settle(&restored.app, &reviews, |_| {}).await.unwrap();
        assert_eq!((settled.handed_over, settled.looked_up.done, settled.looked_up.refused), (0, 0, 1));
        let now = stored(&restored, &id).await;
        assert_eq!(now.review().unwrap().reason, reason::PROVIDER_UNREACHABLE, "it waits for what it did");
        versions.push(now.version());
    }
    assert_eq!(versions[0], versions[1], "it is noted once");
    app.simulator.change_faults(|f| f.lookup = Lookup::Works);
    let refused = reviews.rebook(&id, false).await;
    assert!(matches!(refused, Err(ReviewError::Refused(Refusal::FoundAs(_)))), "{refused:?}");
    app.assert_calls(&[("track", 3)]);
    assert_eq!(live(&app, &stored(&restored, &id).await), 1);
}

/// Its merchant may have called it off after the backup. Whoever sends all at once whose outcome is not known
/// must not send that, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_found_cancelled_waits_as_such_and_is_not_sent_with_the_others() {
    let app = TestApp::builder().on_files().start().await;
    app.simulator.change_faults(|f| f.lookup = Lookup::Works);
    let merchant = app.merchant("u1");
    let (cancelled, lost) = (merchant.create(&order("A-1")).await, merchant.create(&order("A-2")).await);
    let url = backed_up(&app).await;
    let number = stored(&app, &lost).await.order_number().to_owned();
    app.simulator.script(Rule { client_order_id: Some(number), ..Rule::create(Answer::LostBeforeBooking) });
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 2)]);
    app.leave_jobs();
    let awb = stored(&app, &cancelled).await.awb().unwrap().to_owned();
    assert!(app.simulator.move_to(&awb, 227));
    let moved = app.simulator.ledger().len() - 2;

    let (restored, reviews) = restore(&app, &url).await;
    let mut versions = Vec::new();
    for handed_over in [2, 0] {
        let settled = settle(&restored.app, &reviews, |_| {}).await.unwrap();
        let came_to = (settled.handed_over, settled.looked_up.done, settled.looked_up.refused);
        assert_eq!(came_to, (handed_over, 0, 2));
        for (id, why) in [(&cancelled, reason::FOUND_CANCELLED), (&lost, reason::OUTCOME_UNKNOWN)] {
            assert_eq!(stored(&restored, id).await.review().unwrap().reason, why);
        }
        versions.push(stored(&restored, &cancelled).await.version());
    }
    assert_eq!(versions[0], versions[1], "it is noted once");
    let told = restored.merchant("u1").order(&cancelled).await;
    assert_eq!((&told["syncReason"], &told["awb"]), (&json!("found-cancelled"), &json!(null)));

    let unknown = ReviewFilter { code: Some(reason::OUTCOME_UNKNOWN.to_owned()), ..ReviewFilter::default() };
    let sent = reviews.all(Action::Rebook { force: false }, &unknown, false, |_| {}).await.unwrap();
    assert_eq!((sent.done, sent.refused), (1, 0));
    restored.run_pending_jobs().await;
    app.assert_calls(&[("create", 1), ("status", moved), ("track", 5)]);
    for (id, shipments) in [(&cancelled, 0), (&lost, 1)] {
        assert_eq!(live(&app, &stored(&restored, id).await), shipments);
    }
}

/// Whoever was told of an event after the backup takes another one of the same id for the same.
#[tokio::test]
async fn no_event_gets_a_number_that_was_given_after_the_backup() {
    let app = TestApp::builder().on_files().start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    merchant.create(&order("A-1")).await;
    app.worker.publisher().pass().await.unwrap();
    let events = Events::new(app.app.store.clone());
    let last = events.last().await.unwrap();
    settle(&app.app, &reviewer(&app, &app), |_| {}).await.unwrap();
    app.assert_calls(&[("track", 1)]);
    app.worker.publisher().pass().await.unwrap();
    let next = events.after(last, 1).await.unwrap().remove(0);
    assert_eq!((next.seq, next.kind.as_str()), (last + NUMBERS_LEFT_OUT + 1, "order.needs_review"));
    // Whoever reads by numbers goes on behind them.
    let answer = merchant.get(&format!("/v1/events?cursor={}", waybill::base::ids::event(last))).await;
    assert_eq!(answer.json()["data"][0]["id"], next.id, "{}", answer.text());
}

#[tokio::test]
async fn nothing_is_handed_over_while_a_worker_runs_or_when_an_order_cannot_be_read() {
    let app = TestApp::builder().on_files().start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    let (ours, theirs) = (merchant.create(&order("A-1")).await, merchant.create(&order("A-2")).await);
    let until = app.clock.now() + Duration::from_secs(5);
    let (id, holder, extra) = ("outbox".to_owned(), Some("w".to_owned()), serde_json::Map::new());
    let mut lease = LeaseDocument { id, version: 1, holder, until, extra };
    app.app.store.insert(&lease).await.unwrap();
    let reviews = reviewer(&app, &app);
    let running = settle(&app.app, &reviews, |_| {}).await;
    assert!(matches!(running, Err(RestoredError::Running(at)) if at == until), "{running:?}");
    lease.holder = None;
    assert!(app.app.store.replace(&lease).await.unwrap());

    // An order of the other provider is none of ours.
    let other = rewritten(&stored(&app, &theirs).await, &[("/providerEnv", "live".into())]);
    assert!(app.app.store.replace(&other).await.unwrap());
    let found = to_be_sent(&app.app).await.unwrap();
    assert_eq!((found.ours, found.of_others), (vec![ours.clone()], 1), "and told");

    let newer = "json_set(json, '$.status', 'newer')";
    edit(&app.folder.path().join("waybill.db"), "orders", newer, [&theirs]);
    let unreadable = settle(&app.app, &reviews, |_| {}).await;
    assert!(matches!(unreadable, Err(RestoredError::Store(StoreError::Fault(_)))), "{unreadable:?}");
    assert_eq!(stored(&app, &ours).await.provider_sync_status(), SyncStatus::Queued, "nothing was changed");
}
