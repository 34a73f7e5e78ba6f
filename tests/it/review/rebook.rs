//! Sending an order once more.

use std::time::Duration;
use waybill::{
    features::{
        audit::Outcome,
        orders::{
            model::CancellationState, reason, review::Refusal, service::review::Trust, status::SyncStatus,
        },
    },
    provider::{
        carrier::{CallOutcome, Cause, ProviderEnv, Shipment},
        parcelx::log::RequestLog,
        simulator::{Duplicate, Lookup, Rule},
    },
};

use serde_json::json;

use super::{
    line, lines, live, nobody, real_awb, refusal, reviewer, reviewer_at, stored, unclear, unsent,
    until_settled,
};
use crate::support::{
    TestApp,
    orders::{order, rewritten},
};

#[tokio::test]
async fn what_was_never_sent_is_booked_without_asking() {
    let app = TestApp::start().await;
    let (merchant, id) = unsent(&app).await;
    app.advance(Duration::from_secs(40 * 3600));
    let rebooked = reviewer_at(&app, nobody().await).rebook(&id, false).await.unwrap();
    assert_eq!((rebooked.provider_sync_status(), rebooked.generation()), (SyncStatus::Retrying, 2));
    assert_eq!(
        (rebooked.booking().trying_since(), rebooked.booking().waits(), rebooked.review()),
        (Some(app.clock.now()), 0, None)
    );
    assert_eq!(line(&app, &id).await, ("order.rebook".to_owned(), Outcome::Done, None));
    // Busy does not make it a case again at once: its day begins anew.
    app.simulator.script(Rule::create(waybill::provider::simulator::Answer::Status {
        code: 429,
        retry_after: Some("5".to_owned()),
    }));
    app.run_pending_jobs().await;
    assert_eq!(merchant.order(&id).await["providerSyncStatus"], "retrying");
    let ended = until_settled(&app, &id).await;
    app.assert_calls(&[("create", 2)]);
    assert_eq!((ended.provider_sync_status(), live(&app, ended.order_number())), (SyncStatus::Success, 1));
    assert_eq!(refusal(reviewer(&app).rebook(&id, true).await), Refusal::NotInReview(SyncStatus::Success));
}

#[tokio::test]
async fn what_the_provider_shows_is_not_booked_again_unless_forced() {
    let app = TestApp::start().await;
    let (_, id) = unclear(&app, true).await;
    let (awb, before) = (real_awb(&app, &id).await, stored(&app, &id).await);
    app.simulator.change_faults(|f| (f.lookup, f.duplicate) = (Lookup::Works, Duplicate::Refuse));
    assert_eq!(refusal(reviewer(&app).rebook(&id, false).await), Refusal::FoundAs(awb));
    app.simulator.change_faults(|f| f.lookup = Lookup::WithoutAwb);
    assert_eq!(refusal(reviewer(&app).rebook(&id, false).await), Refusal::FoundWithoutAwb);
    app.assert_calls(&[("track", 2)]);
    let unreachable = reviewer_at(&app, nobody().await).rebook(&id, false).await;
    assert!(matches!(refusal(unreachable), Refusal::CannotAsk(_)));
    assert_eq!(stored(&app, &id).await, before);

    // Forced, and refused as a duplicate: it is live, and must not be called failed.
    reviewer(&app).rebook(&id, true).await.unwrap();
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    let order = stored(&app, &id).await;
    assert_eq!(
        (order.provider_sync_status(), order.booking().unresolved().map(|d| d.calls)),
        (SyncStatus::Reconciling, Some(1))
    );
    app.simulator.change_faults(|f| f.lookup = Lookup::Works);
    let ended = until_settled(&app, &id).await;
    app.assert_calls(&[("track", 1)]);
    assert_eq!((ended.provider_sync_status(), live(&app, ended.order_number())), (SyncStatus::Success, 1));
}

#[tokio::test]
async fn what_the_provider_does_not_find_or_shows_cancelled_is_booked_again() {
    for cancelled in [false, true] {
        let app = TestApp::start().await;
        let (_, id) = unclear(&app, cancelled).await;
        app.simulator.change_faults(|f| (f.lookup, f.duplicate) = (Lookup::Works, Duplicate::NewAwb));
        if cancelled {
            assert!(app.simulator.move_to(&real_awb(&app, &id).await, 227));
            app.assert_calls(&[("status", 1)]);
        }
        reviewer(&app).rebook(&id, false).await.unwrap();
        app.assert_calls(&[("track", 1)]);
        let ended = until_settled(&app, &id).await;
        app.assert_calls(&[("create", 1)]);
        assert_eq!(
            (ended.provider_sync_status(), live(&app, ended.order_number())),
            (SyncStatus::Success, 1),
            "{cancelled}"
        );
        assert_eq!(ended.booking().unresolved(), None);
    }
}

#[tokio::test]
async fn a_merchant_who_wants_it_cancelled_gets_no_booking() {
    let app = TestApp::start().await;
    let (merchant, id) = unclear(&app, false).await;
    merchant.post(&format!("/v1/orders/{id}/cancel"), &json!({})).await;
    assert_eq!(refusal(reviewer(&app).rebook(&id, true).await), Refusal::CancelRequested);
    app.assert_calls(&[]);
}

#[tokio::test]
async fn a_call_that_may_be_under_way_is_waited_for_and_then_closed() {
    for sent in [false, true] {
        let app = TestApp::start().await;
        let merchant = app.merchant("u1");
        let id = merchant.create(&order("A-1")).await;
        let fresh = stored(&app, &id).await;
        let taken = app
            .app
            .state
            .orders
            .take(&fresh, "plog_1", Duration::from_secs(25), Duration::ZERO)
            .await
            .unwrap()
            .unwrap();
        if sent {
            let at = (app.clock.now(), app.clock.now());
            let log = RequestLog::new("plog_1", "create_order", &id, taken.order_number(), json!({}), 1, at);
            app.app.logs.begin(&log).await.unwrap();
        }
        app.app.state.orders.review(&id, reason::POISON).await.unwrap();
        let until = taken.attempt().unwrap().settle_after;
        assert_eq!(refusal(reviewer(&app).rebook(&id, true).await), Refusal::UnderWay(until));
        assert_eq!(refusal(reviewer(&app).fail(&id).await), Refusal::UnderWay(until));
        app.advance(until.since(app.clock.now()));
        app.simulator.change_faults(|f| f.lookup = Lookup::Works);
        let rebooked = reviewer(&app).rebook(&id, false).await.unwrap();
        app.assert_calls(&[("track", usize::from(sent))]);
        assert_eq!(
            rebooked.booking().unresolved().is_some(),
            sent,
            "what may have been sent stays unresolved"
        );
        let ended = until_settled(&app, &id).await;
        app.assert_calls(&[("create", 1)]);
        assert_eq!(
            (ended.provider_sync_status(), live(&app, ended.order_number())),
            (SyncStatus::Success, 1)
        );
        // The dead attempt can never send, or has its outcome.
        let logs = merchant.provider_logs(&id).await;
        let dead = logs.iter().find(|l| l["id"] == "plog_1").unwrap();
        assert_eq!(
            (dead["neverSent"] == true, dead["outcome"]["verdict"].as_str()),
            (!sent, sent.then_some("unknown")),
            "{dead}"
        );
    }
}

#[tokio::test]
async fn however_many_book_it_again_it_is_booked_once() {
    let app = TestApp::start().await;
    let (_, id) = unsent(&app).await;
    let all = (0..8).map(|_| {
        let (reviewer, id) = (reviewer(&app), id.clone());
        tokio::spawn(async move { reviewer.rebook(&id, false).await.is_ok() })
    });
    let done =
        futures_util::future::join_all(all).await.into_iter().filter(|ok| *ok.as_ref().unwrap()).count();
    assert_eq!(done, 1);
    let ended = until_settled(&app, &id).await;
    app.assert_calls(&[("create", 1)]);
    assert_eq!((ended.generation(), live(&app, ended.order_number())), (2, 1));
    assert_eq!(lines(&app, &id).await.len(), 8);
}

#[tokio::test]
async fn what_was_answered_after_all_is_not_booked_again() {
    let app = TestApp::start().await;
    let (_, id) = unclear(&app, true).await;
    let awb = real_awb(&app, &id).await;
    super::dead::answer_late(&app, &id, &awb).await;
    assert_eq!(refusal(reviewer(&app).rebook(&id, true).await), Refusal::BookedAfterAll(awb.clone()));
    let order = until_settled(&app, &id).await;
    app.assert_calls(&[]);
    assert_eq!((order.provider_sync_status(), order.awb()), (SyncStatus::Success, Some(awb.as_str())));
}

#[tokio::test]
async fn another_providers_order_is_left_alone() {
    let app = TestApp::start().await;
    let (_, id) = unsent(&app).await;
    let mut order = stored(&app, &id).await;
    order = rewritten(&order, &[("/providerEnv", json!(ProviderEnv::Live))]);
    assert!(app.app.store.replace(&order).await.unwrap());
    assert_eq!(refusal(reviewer(&app).rebook(&id, true).await), Refusal::OtherEnvironment(ProviderEnv::Live));
    reviewer(&app).fail(&id).await.unwrap();
}

/// Look-ups do not find it and it is live all the same: a cancel request must not make it an order that was
/// never booked.
#[tokio::test]
async fn an_order_that_is_booked_again_in_doubt_is_not_called_off_as_if_it_were_nowhere() {
    for under_way in [false, true] {
        let app = TestApp::start().await;
        let (merchant, id) = unclear(&app, true).await;
        let rebooked = reviewer(&app).rebook(&id, false).await.unwrap();
        app.assert_calls(&[("track", 1)]);
        let orders = &app.app.state.orders;
        if under_way {
            orders.take(&rebooked, "plog_2", Duration::from_secs(25), Duration::ZERO).await.unwrap().unwrap();
        }
        merchant.post(&format!("/v1/orders/{id}/cancel"), &json!({})).await;
        if under_way {
            let busy = CallOutcome::Deferred { after: None, cause: Cause::Busy };
            orders.resolve(&id, "plog_2", &busy, Duration::ZERO).await.unwrap();
        }
        let order = until_settled(&app, &id).await;
        app.assert_calls(&[]);
        assert_eq!(live(&app, order.order_number()), 1);
        assert_eq!(
            (order.provider_sync_status(), order.cancellation().state()),
            (SyncStatus::NeedsReview, CancellationState::Requested)
        );
        assert_eq!(order.review().unwrap().reason, reason::OUTCOME_UNKNOWN);
        // The person who finds it cancels it thereby.
        reviewer(&app).adopt(&id, &real_awb(&app, &id).await, Trust::Unverified).await.unwrap();
        let ended = until_settled(&app, &id).await;
        app.assert_calls(&[("cancel", 1), ("track", 1)]);
        assert_eq!(
            (ended.cancellation().state(), live(&app, ended.order_number())),
            (CancellationState::Done, 0)
        );
    }
}

/// The answer to the first call comes while the second is under way, and the second books nothing.
#[tokio::test]
async fn a_shipment_that_came_to_light_meanwhile_is_kept_and_no_other_is_booked() {
    for (finding, requested) in [
        (CallOutcome::Deferred { after: None, cause: Cause::Busy }, false),
        (CallOutcome::Deferred { after: None, cause: Cause::Busy }, true),
        (CallOutcome::NotSent, false),
    ] {
        let app = TestApp::start().await;
        let (merchant, id) = unclear(&app, true).await;
        let first = stored(&app, &id).await.attempt().unwrap().request_log_id.clone();
        let rebooked = reviewer(&app).rebook(&id, true).await.unwrap();
        let orders = &app.app.state.orders;
        orders.take(&rebooked, "plog_2", Duration::from_secs(25), Duration::ZERO).await.unwrap().unwrap();
        let awb = real_awb(&app, &id).await;
        let booking =
            Shipment { awb: awb.clone(), courier_name: None, courier_code: None, order_number: None };
        orders.resolve(&id, &first, &CallOutcome::Done(booking), Duration::ZERO).await.unwrap();
        assert_eq!(stored(&app, &id).await.booking().duplicate_awbs(), [awb.as_str()]);
        if requested {
            merchant.post(&format!("/v1/orders/{id}/cancel"), &json!({})).await;
        }
        orders.resolve(&id, "plog_2", &finding, Duration::ZERO).await.unwrap();
        let ended = until_settled(&app, &id).await;
        app.assert_calls(if requested { &[("cancel", 1), ("track", 1)] } else { &[] });
        assert_eq!((ended.provider_sync_status(), ended.awb()), (SyncStatus::Success, Some(awb.as_str())));
        assert_eq!(
            (ended.booking().duplicate_awbs().len(), live(&app, ended.order_number())),
            (0, usize::from(!requested))
        );
        assert_eq!(ended.cancellation().state() == CancellationState::Done, requested);
    }
}
