//! One action for many.

use std::{collections::BTreeSet, time::Duration};

use serde_json::json;
use waybill::{
    base::timestamp::Timestamp,
    features::{
        audit::{AuditLine, Outcome},
        orders::{
            model::UnresolvedCall,
            reason,
            service::review::{Action, ReviewFilter},
            status::SyncStatus,
        },
    },
    platform::store,
    provider::simulator::{Answer, Lookup, Rule},
};

use super::{nobody, reviewer, reviewer_at, stored, unclear, unsent};
use crate::support::{
    TestApp,
    orders::{order, rewritten},
};

/// Copies of an order that waits for a person, one a second.
async fn outage(app: &TestApp, count: i64, may_be_booked: bool) -> Vec<String> {
    let (_, id) = unsent(app).await;
    let template = stored(app, &id).await;
    let mut ids = vec![id];
    for n in 1..count {
        let at = |from: Timestamp| Timestamp::from_millis(from.as_millis() + n * 1000);
        let unresolved = may_be_booked.then_some(UnresolvedCall { since: template.created_at(), calls: 1 });
        let copy = rewritten(
            &template,
            &[
                ("/id", format!("ord_{n:08}").into()),
                ("/clientOrderId", json!(null)),
                ("/orderNumber", format!("ORD-{n:013}").into()),
                ("/booking/unresolved", json!(unresolved)),
                ("/review/since", json!(at(template.created_at()))),
            ],
        );
        app.app.store.insert(&copy).await.unwrap();
        ids.push(copy.id().to_owned());
    }
    app.advance(Duration::from_secs(u64::try_from(count).unwrap()));
    ids
}

async fn waiting(app: &TestApp) -> usize {
    app.app.state.orders.in_review(&ReviewFilter::default(), None, 10_000).await.unwrap().orders.len()
}

async fn all_lines(app: &TestApp) -> Vec<AuditLine> {
    let query = store::Query::sorted_by("at", store::Order::Ascending).limit(100_000);
    app.app.store.find(&query).await.unwrap().docs
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_are_booked_again_or_failed_one_by_one() {
    let app = TestApp::start().await;
    let ids = outage(&app, 2_000, false).await;
    let dry = reviewer(&app).all(Action::Fail, &ReviewFilter::default(), true, |_| {}).await.unwrap();
    assert_eq!((dry.done, dry.refused), (2_000, 0));
    assert_eq!((waiting(&app).await, all_lines(&app).await.len()), (2_000, 0), "a dry run changes nothing");

    let half = stored(&app, &ids[1_000]).await.review().unwrap().since;
    let older = ReviewFilter { before: Some(half), ..ReviewFilter::default() };
    let mut told = BTreeSet::new();
    let failed = reviewer(&app)
        .all(Action::Fail, &older, false, |item| assert!(told.insert(item.id.clone())))
        .await
        .unwrap();
    assert_eq!((failed.done, failed.refused, told.len()), (1_000, 0, 1_000));
    let rebooked = reviewer(&app)
        .all(Action::Rebook { force: false }, &ReviewFilter::default(), false, |_| {})
        .await
        .unwrap();
    assert_eq!((rebooked.done, rebooked.refused), (1_000, 0));
    assert_eq!(waiting(&app).await, 0);
    assert_eq!(stored(&app, &ids[999]).await.provider_sync_status(), SyncStatus::Failed);
    assert_eq!(stored(&app, &ids[1_000]).await.provider_sync_status(), SyncStatus::Retrying);
    let lines = all_lines(&app).await;
    assert_eq!(
        lines
            .iter()
            .filter(|line| line.outcome == Outcome::Done)
            .map(|line| &line.subject.id)
            .collect::<BTreeSet<_>>()
            .len(),
        2_000
    );
    assert_eq!(app.counts().await.open(), 1_000);
    app.leave_jobs();
}

#[tokio::test]
async fn a_run_can_be_made_again_and_passes_what_it_cannot_change() {
    let app = TestApp::start().await;
    let ids = outage(&app, 250, false).await;
    // Some that cannot be booked again: their merchant called them off.
    for id in ids.iter().step_by(10) {
        let mut order = stored(&app, id).await;
        order = rewritten(&order, &[("/cancellation/request/state", "requested".into())]);
        assert!(app.app.store.replace(&order).await.unwrap());
    }
    // A run that died after three orders.
    let reviewer = reviewer(&app);
    for id in &ids[1..4] {
        reviewer.rebook(id, false).await.unwrap();
    }
    for (done, refused) in [(222, 25), (0, 25)] {
        let report = reviewer
            .all(Action::Rebook { force: false }, &ReviewFilter::default(), false, |_| {})
            .await
            .unwrap();
        assert_eq!((report.done, report.refused, report.stopped), (done, refused, None));
        assert_eq!(report.reasons.into_iter().collect::<Vec<_>>(), [("cancel-requested", 25)]);
    }
    assert_eq!(waiting(&app).await, 25);
    app.leave_jobs();
}

#[tokio::test]
async fn nothing_is_asked_of_a_provider_that_is_away() {
    let app = TestApp::start().await;
    outage(&app, 120, true).await;
    let away = reviewer_at(&app, nobody().await);
    let report =
        away.all(Action::Rebook { force: false }, &ReviewFilter::default(), false, |_| {}).await.unwrap();
    // The first has no doubt and needs no look-up.
    assert_eq!(report.done, 1);
    assert!(report.refused < 20 && report.stopped.unwrap().contains("cannot be asked"), "{}", report.refused);
    assert_eq!(waiting(&app).await, 119);
    app.leave_jobs();
}

#[tokio::test]
async fn a_preview_of_booking_again_promises_what_the_run_does() {
    let app = TestApp::start().await;
    let (_, id) = unclear(&app, true).await;
    app.simulator.change_faults(|f| f.lookup = Lookup::Works);
    let (all, before) = (ReviewFilter::default(), stored(&app, &id).await);
    let again = Action::Rebook { force: false };
    let preview = reviewer(&app).all(again, &all, true, |_| {}).await.unwrap();
    assert_eq!(stored(&app, &id).await, before);
    assert_eq!((preview.done, preview.reasons.get("found-at-parcelx")), (0, Some(&1)));
    assert_eq!(reviewer(&app).all(again, &all, false, |_| {}).await.unwrap(), preview);
    app.assert_calls(&[("track", 2)]);
    // By force nobody is asked, and what is on record of a call is nobody's guess.
    let forced = Action::Rebook { force: true };
    assert_eq!(reviewer(&app).all(forced, &all, true, |_| {}).await.unwrap().done, 1);
    let awb = super::real_awb(&app, &id).await;
    super::dead::answer_late(&app, &id, &awb).await;
    for action in [again, forced, Action::Fail] {
        let preview = reviewer(&app).all(action, &all, true, |_| {}).await.unwrap();
        assert_eq!((preview.done, preview.reasons.get("booked-after-all")), (0, Some(&1)), "{action:?}");
    }
    assert_eq!(stored(&app, &id).await, before);
    app.assert_calls(&[]);
}

#[tokio::test]
async fn what_the_provider_shows_is_adopted_and_the_rest_stays() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    app.simulator.change_faults(|f| f.lookup = Lookup::Never);
    let mut ids = Vec::new();
    for (n, answer) in [Answer::LostAfterBooking, Answer::LostBeforeBooking, Answer::LostAfterBooking]
        .into_iter()
        .enumerate()
    {
        app.simulator.script(Rule::create(answer));
        let id = merchant.create(&order(&format!("A-{n}"))).await;
        app.run_pending_jobs().await;
        app.app.state.orders.review(&id, reason::OUTCOME_UNKNOWN).await.unwrap();
        ids.push(id);
    }
    app.assert_calls(&[("create", 3)]);
    app.advance(Duration::from_secs(60));
    app.run_pending_jobs().await;
    app.simulator.change_faults(|f| f.lookup = Lookup::Works);
    let filter = ReviewFilter { code: Some("outcome-*".to_owned()), ..ReviewFilter::default() };
    for dry in [true, false] {
        let report = reviewer(&app).all(Action::AdoptFound, &filter, dry, |_| {}).await.unwrap();
        assert_eq!(
            (report.done, report.refused, report.reasons.get("not-found")),
            (2, 1, Some(&1)),
            "dry {dry}"
        );
        app.assert_calls(&[("track", 3)]);
        assert_eq!(waiting(&app).await, if dry { 3 } else { 1 });
    }
    for id in [&ids[0], &ids[2]] {
        let order = stored(&app, id).await;
        assert_eq!(order.awb(), Some(super::real_awb(&app, id).await.as_str()));
    }
}
