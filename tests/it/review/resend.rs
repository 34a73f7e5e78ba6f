//! What failed by somebody else's fault is sent again, once, and what is live is not.

use std::time::Duration;

use waybill::{
    base::timestamp::Timestamp,
    features::{
        audit::Outcome,
        orders::{
            reason,
            review::Refusal,
            service::{failures::FailedFilter, review::Trust},
            status::SyncStatus,
        },
    },
    provider::simulator::{Answer, Duplicate, Lookup, Rule},
};

use super::{line, lines, live, real_awb, refusal, reviewer, stored, until_settled};
use crate::support::{Client, TestApp, orders::order};

fn filter(since: Timestamp) -> FailedFilter {
    FailedFilter { text: Some("no PLAN".to_owned()), from: Some(since), ..FailedFilter::default() }
}

#[tokio::test]
async fn orders_that_failed_for_a_reason_are_sent_again_after_a_preview() {
    let app = TestApp::start().await;
    app.simulator.change_faults(|f| f.lookup = Lookup::Works);
    let merchant = app.merchant("u1");
    let since = app.clock.now();
    let mut ids = Vec::new();
    for (n, words) in ["No plan", "Pincode not serviceable", "no plan left"].iter().enumerate() {
        app.simulator.script(Rule::refuse(words));
        ids.push(merchant.create(&order(&format!("A-{n}"))).await);
        app.run_pending_jobs().await;
        app.advance(Duration::from_secs(1));
    }
    app.assert_calls(&[("create", 3), ("track", 3)]);
    let reviews = reviewer(&app);
    let preview = reviews.resend_all(&filter(since), 100, true, |_| {}).await.unwrap();
    assert_eq!((preview.done, preview.refused), (2, 0));
    assert_eq!(merchant.order(&ids[0]).await["status"], "failed", "a preview changes nothing");
    let first = reviews.resend_all(&filter(since), 1, false, |_| {}).await.unwrap();
    assert_eq!((first.done, first.stopped.is_some()), (1, true));
    // Made again it goes on where it stopped.
    let second = reviews.resend_all(&filter(since), 100, false, |_| {}).await.unwrap();
    assert_eq!((second.done, second.stopped), (1, None));
    app.run_pending_jobs().await;
    // Each look-up of whoever sends it, and that of its job.
    app.assert_calls(&[("create", 2), ("track", 6)]);
    let stands = async |id: &str| merchant.order(id).await["providerSyncStatus"].as_str().unwrap().to_owned();
    assert_eq!(
        (stands(&ids[0]).await, stands(&ids[1]).await, stands(&ids[2]).await),
        ("success".into(), "failed".into(), "success".into())
    );
    let written = lines(&app, &ids[0]).await;
    assert_eq!((written.len(), written[0].action.as_str()), (1, "order.resend"));
    let again = reviews.resend(&ids[0]).await;
    assert!(matches!(refusal(again), Refusal::NotFailed(_)));
    assert_eq!(reviews.resend_all(&filter(app.clock.now()), 100, false, |_| {}).await.unwrap().done, 0);
}

/// An order that was refused and booked all the same, which look-ups did not show.
async fn refused_and_booked(app: &TestApp) -> (Client, String) {
    let merchant = app.merchant("u1");
    app.simulator.change_faults(|f| f.lookup = Lookup::Never);
    app.simulator.script(Rule {
        refuse: Some("No plan".to_owned()),
        ..Rule::create(Answer::Status { code: 422, retry_after: None }).acting(true)
    });
    let id = merchant.create(&order("A-1")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1), ("track", 1)]);
    assert_eq!(merchant.order(&id).await["status"], "failed");
    (merchant, id)
}

/// Sends it again once its shipment is cancelled.
async fn is_sent_once_the_other_is_gone(app: &TestApp, id: &str) {
    reviewer(app).resend(id).await.unwrap();
    let ended = until_settled(app, id).await;
    assert_eq!((ended.provider_sync_status(), live(app, ended.order_number())), (SyncStatus::Success, 1));
    app.assert_calls(&[("create", 1), ("track", 2)]);
}

#[tokio::test]
async fn what_is_live_is_cancelled_first_and_nothing_is_sent_beside_it() {
    let app = TestApp::start().await;
    let since = app.clock.now();
    let (_, id) = refused_and_booked(&app).await;
    app.simulator.change_faults(|f| f.lookup = Lookup::Works);
    let (awb, before) = (real_awb(&app, &id).await, stored(&app, &id).await);
    app.advance(Duration::from_secs(1));
    let preview = reviewer(&app).resend_all(&filter(since), 100, true, |_| {}).await.unwrap();
    assert_eq!(preview.reasons.into_iter().collect::<Vec<_>>(), [("booked-though-failed", 1)]);
    assert_eq!(stored(&app, &id).await, before, "a preview changes nothing");

    let told = refusal(reviewer(&app).resend(&id).await);
    assert_eq!(told, Refusal::BookedThoughFailed(awb.clone()));
    assert!(told.to_string().contains(&format!("as AWB {awb}: that is cancelled first")), "{told}");
    let (action, outcome, detail) = line(&app, &id).await;
    assert_eq!(
        (action.as_str(), outcome, detail),
        ("order.resend", Outcome::Refused, Some(told.to_string()))
    );
    assert_eq!(stored(&app, &id).await.booking().duplicate_awbs(), [awb]);
    assert_eq!(refusal(reviewer(&app).resend(&id).await), Refusal::ShipmentLive);
    app.assert_calls(&[("track", 2)]);
    let ended = until_settled(&app, &id).await;
    app.assert_calls(&[("cancel", 1), ("track", 1)]);
    assert_eq!((ended.provider_sync_status(), live(&app, ended.order_number())), (SyncStatus::Failed, 0));
    is_sent_once_the_other_is_gone(&app, &id).await;
}

/// The desk's look-up lags; and a pause, a hold or a long queue lies between it and the job.
#[tokio::test]
async fn what_comes_to_light_before_its_job_runs_is_not_sent() {
    let app = TestApp::start().await;
    let (merchant, id) = refused_and_booked(&app).await;
    let awb = real_awb(&app, &id).await;
    reviewer(&app).resend(&id).await.unwrap();
    app.assert_calls(&[("track", 1)]);
    app.advance(Duration::from_secs(600));
    app.simulator.change_faults(|f| f.lookup = Lookup::Works);
    let ended = until_settled(&app, &id).await;
    app.assert_calls(&[("cancel", 1), ("track", 2)]);
    assert_eq!((ended.provider_sync_status(), live(&app, ended.order_number())), (SyncStatus::Failed, 0));
    assert_eq!((app.simulator.shipments().len(), ended.booking().duplicate_awbs()), (1, [awb].as_slice()));
    let seen = merchant.order(&id).await;
    assert!(seen["syncReason"].as_str().unwrap().contains("is being cancelled"), "{seen}");
    is_sent_once_the_other_is_gone(&app, &id).await;
}

/// Nobody but a person knows the AWB, so it cannot be cancelled; and it is not booked again unasked.
#[tokio::test]
async fn what_is_live_without_an_awb_goes_to_a_person_who_adopts_it() {
    let app = TestApp::start().await;
    let (_, id) = refused_and_booked(&app).await;
    app.simulator.change_faults(|f| f.lookup = Lookup::WithoutAwb);
    let told = refusal(reviewer(&app).resend(&id).await);
    assert!(matches!(told, Refusal::BookedOddly(_)) && told.to_string().contains("goes to review"), "{told}");
    app.assert_calls(&[("track", 1)]);
    let waiting = until_settled(&app, &id).await;
    assert_eq!(waiting.provider_sync_status(), SyncStatus::NeedsReview);
    assert_eq!(waiting.review().unwrap().reason, reason::BOOKED_AWB_UNKNOWN);
    assert_eq!(refusal(reviewer(&app).rebook(&id, false).await), Refusal::FoundWithoutAwb);
    let awb = real_awb(&app, &id).await;
    let adopted = reviewer(&app).adopt(&id, &awb, Trust::Verify).await.unwrap();
    assert_eq!((adopted.provider_sync_status(), adopted.awb()), (SyncStatus::Success, Some(awb.as_str())));
    app.assert_calls(&[("track", 3)]);
    assert_eq!(live(&app, adopted.order_number()), 1);
}

/// Its job must not bring it back for what the person has decided on.
#[tokio::test]
async fn what_is_booked_again_by_force_is_sent_whatever_a_look_up_shows() {
    let app = TestApp::start().await;
    let (_, id) = refused_and_booked(&app).await;
    app.simulator.change_faults(|f| (f.lookup, f.duplicate) = (Lookup::WithoutAwb, Duplicate::NewAwb));
    assert!(matches!(refusal(reviewer(&app).resend(&id).await), Refusal::BookedOddly(_)));
    app.assert_calls(&[("track", 1)]);
    let waiting = stored(&app, &id).await;
    assert_eq!(waiting.provider_sync_status(), SyncStatus::NeedsReview);
    assert!(waiting.booking().looks_first());
    reviewer(&app).rebook(&id, true).await.unwrap();
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    let sent = stored(&app, &id).await;
    assert_eq!((sent.provider_sync_status(), live(&app, sent.order_number())), (SyncStatus::Success, 2));
}

/// Else a run that is made again would end at the same ones, and never come to those behind them.
#[tokio::test]
async fn what_is_refused_uses_up_nothing_of_the_limit() {
    let app = TestApp::start().await;
    let since = app.clock.now();
    let (merchant, live_one) = refused_and_booked(&app).await;
    app.simulator.change_faults(|f| f.lookup = Lookup::Works);
    let mut others = Vec::new();
    for n in 0..2 {
        app.advance(Duration::from_secs(1));
        app.simulator.script(Rule::refuse("No plan"));
        others.push(merchant.create(&order(&format!("B-{n}"))).await);
        app.run_pending_jobs().await;
    }
    app.advance(Duration::from_secs(1));
    app.assert_calls(&[("create", 2), ("track", 2)]);
    for (n, id) in others.iter().enumerate() {
        let run = reviewer(&app).resend_all(&filter(since), 1, false, |_| {}).await.unwrap();
        assert_eq!((run.done, run.refused, run.stopped.is_some()), (1, 1, n == 0), "{run:?}");
        assert_eq!(stored(&app, id).await.provider_sync_status(), SyncStatus::Queued);
    }
    app.assert_calls(&[("track", 3)]);
    until_settled(&app, &live_one).await;
    app.assert_calls(&[("create", 2), ("cancel", 1), ("track", 3)]);
    assert_eq!(app.simulator.shipments().iter().filter(|s| s.live).count(), 2);
}
