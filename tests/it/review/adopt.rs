//! Giving an order its shipment.

use std::time::Duration;
use waybill::{
    features::{
        audit::Outcome,
        orders::{
            model::{CancellationState, ShipmentCancellationState},
            reason,
            review::Refusal,
            service::review::Trust,
            status::SyncStatus,
        },
    },
    provider::{
        carrier::{CallOutcome, Shipment},
        parcelx::log::RequestLog,
        simulator::Lookup,
    },
};

use serde_json::json;

use super::{
    line, lines, nobody, real_awb, refusal, reviewer, reviewer_at, stored, unclear, unsent, until_settled,
};
use crate::support::{TestApp, orders::order};

#[tokio::test]
async fn what_the_provider_shows_under_our_reference_is_adopted() {
    for lookup in [Lookup::Works, Lookup::WithoutAwb] {
        let app = TestApp::start().await;
        let (merchant, id) = unclear(&app, true).await;
        let unresolved_since = stored(&app, &id).await.booking().unresolved().unwrap().since;
        app.simulator.change_faults(|f| f.lookup = lookup);
        let awb = real_awb(&app, &id).await;
        let adopted = reviewer(&app).adopt(&id, &format!(" {awb} "), Trust::Verify).await.unwrap();
        app.assert_calls(&[("track", if lookup == Lookup::Works { 1 } else { 2 })]);
        assert_eq!(
            (adopted.provider_sync_status(), adopted.awb()),
            (SyncStatus::Success, Some(awb.as_str()))
        );
        assert_eq!(
            adopted.booked_at(),
            Some(unresolved_since),
            "no control look-up may take it for a new booking"
        );
        assert_eq!(line(&app, &id).await, ("order.adopt".to_owned(), Outcome::Done, None));
        let audit = lines(&app, &id).await.remove(0);
        assert_eq!(
            (audit.before.as_deref(), audit.after.as_deref()),
            (Some("needs_review"), Some("success"))
        );
        // The step leads to its line, but not for the merchant.
        assert_eq!(stored(&app, &id).await.history().last().unwrap().audit_id, Some(audit.id));
        let seen = merchant.order(&id).await;
        let step = seen["history"].as_array().unwrap().last().unwrap().clone();
        assert_eq!((step["actor"].as_str(), step.get("auditId")), (Some("operator"), None), "{step}");
        assert_eq!((seen["status"].as_str(), seen["awb"].as_str()), (Some("booked"), Some(awb.as_str())));
        // Once only.
        let again = refusal(reviewer(&app).adopt(&id, &awb, Trust::Verify).await);
        assert_eq!(again, Refusal::NotInReview(SyncStatus::Success));
    }
}

#[tokio::test]
async fn what_is_not_provably_ours_is_refused() {
    let app = TestApp::start().await;
    let (_, id) = unclear(&app, true).await;
    let (awb, before) = (real_awb(&app, &id).await, stored(&app, &id).await);
    let others = app.simulator.shipments().into_iter().find(|s| s.awb != awb).unwrap().awb;
    let adopt = async |awb: &str, trust| refusal(reviewer(&app).adopt(&id, awb, trust).await);

    for bad in ["", "  ", "0 1", "0'1", &"1".repeat(65)] {
        assert_eq!(adopt(bad, Trust::Unverified).await, Refusal::BadAwb, "{bad:?}");
    }
    // Look-ups by reference find nothing: an AWB alone ties nothing to us.
    assert_eq!(adopt(&awb, Trust::Verify).await, Refusal::Untied);
    assert_eq!(adopt("00000000099999", Trust::Verify).await, Refusal::UnknownAwb);
    app.assert_calls(&[("track", 4)]);
    app.simulator.change_faults(|f| f.lookup = Lookup::Works);
    assert_eq!(adopt(&others, Trust::Verify).await, Refusal::NotOurs(awb.clone()));
    app.assert_calls(&[("track", 1)]);
    app.simulator.change_faults(|f| f.lookup = Lookup::WithoutAwb);
    // The provider has an order of ours and does not say which AWB; the index does.
    assert_eq!(adopt(&others, Trust::Verify).await, Refusal::AwbOfAnother);
    app.assert_calls(&[("track", 2)]);
    assert_eq!(adopt(&others, Trust::Unverified).await, Refusal::AwbOfAnother);
    let unreachable = reviewer_at(&app, nobody().await).adopt(&id, &awb, Trust::Verify).await;
    assert!(matches!(refusal(unreachable), Refusal::CannotAsk(_)));
    for lookup in [Lookup::Works, Lookup::Never] {
        assert!(app.simulator.move_to(&awb, 227));
        app.simulator.change_faults(|f| f.lookup = lookup);
        assert_eq!(adopt(&awb, Trust::Verify).await, Refusal::ShipmentCancelled, "{lookup:?}");
    }
    app.assert_calls(&[("status", 2), ("track", 3)]);

    assert_eq!(stored(&app, &id).await, before, "nothing was changed");
    let lines = lines(&app, &id).await;
    assert_eq!(lines.len(), 13);
    assert!(
        lines
            .iter()
            .all(|line| line.outcome == Outcome::Refused && line.detail.is_some() && line.after.is_none()),
        "{lines:?}"
    );
}

#[tokio::test]
async fn an_operator_may_vouch_for_an_awb() {
    let app = TestApp::start().await;
    let (_, id) = unsent(&app).await;
    let adopted = reviewer_at(&app, nobody().await).adopt(&id, "PX-0017", Trust::Unverified).await.unwrap();
    assert_eq!((adopted.provider_sync_status(), adopted.awb()), (SyncStatus::Success, Some("PX-0017")));
    assert_eq!(adopted.booked_at(), Some(adopted.created_at()));
}

#[tokio::test]
async fn an_adopted_order_that_its_merchant_called_off_is_cancelled() {
    let app = TestApp::start().await;
    let (merchant, id) = unclear(&app, true).await;
    assert_eq!(merchant.post(&format!("/v1/orders/{id}/cancel"), &json!({})).await.status, 202);
    app.simulator.change_faults(|f| f.lookup = Lookup::Works);
    reviewer(&app).adopt_found(&id).await.unwrap();
    app.assert_calls(&[("track", 1)]);
    let ended = until_settled(&app, &id).await;
    app.assert_calls(&[("cancel", 1), ("track", 1)]);
    assert_eq!(
        (ended.cancellation().state(), ended.status().as_str()),
        (CancellationState::Done, "cancelled")
    );
    assert_eq!(super::live(&app, ended.order_number()), 0);
}

/// The answer to the first call came while the second was under way, so its shipment is one too many; nothing
/// is known of the second's.
#[tokio::test]
async fn a_shipment_that_was_cancelled_for_the_order_is_not_adopted() {
    let app = TestApp::start().await;
    let (_, id) = unclear(&app, true).await;
    let (awb, first) =
        (real_awb(&app, &id).await, stored(&app, &id).await.attempt().unwrap().request_log_id.clone());
    let rebooked = reviewer(&app).rebook(&id, true).await.unwrap();
    let orders = &app.app.state.orders;
    orders.take(&rebooked, "plog_2", Duration::from_secs(25), Duration::ZERO).await.unwrap().unwrap();
    let booking = Shipment { awb: awb.clone(), courier_name: None, courier_code: None, order_number: None };
    orders.resolve(&id, &first, &CallOutcome::Done(booking), Duration::ZERO).await.unwrap();
    orders.resolve(&id, "plog_2", &CallOutcome::unanswered("timed-out"), Duration::ZERO).await.unwrap();
    orders.review(&id, reason::OUTCOME_UNKNOWN).await.unwrap();
    let ended = until_settled(&app, &id).await;
    assert_eq!(
        (ended.provider_sync_status(), ended.cancellation().shipments()[0].state),
        (SyncStatus::NeedsReview, ShipmentCancellationState::Confirmed)
    );
    app.assert_calls(&[("cancel", 1), ("track", 1)]);
    app.advance(Duration::from_secs(60));

    let told = refusal(reviewer(&app).adopt(&id, &awb, Trust::Unverified).await);
    assert_eq!(told, Refusal::BeingCancelled(awb));
    assert_eq!(stored(&app, &id).await.awb(), None);
    app.assert_calls(&[]);
}

#[tokio::test]
async fn an_awb_is_adopted_once_however_many_try() {
    let app = TestApp::start().await;
    let (_, id) = unclear(&app, true).await;
    app.simulator.change_faults(|f| f.lookup = Lookup::Works);
    let awb = real_awb(&app, &id).await;
    let all = (0..8).map(|_| {
        let (reviewer, id, awb) = (reviewer(&app), id.clone(), awb.clone());
        tokio::spawn(async move { reviewer.adopt(&id, &awb, Trust::Verify).await.is_ok() })
    });
    let done =
        futures_util::future::join_all(all).await.into_iter().filter(|ok| *ok.as_ref().unwrap()).count();
    assert_eq!(done, 1);
    let lines = lines(&app, &id).await;
    assert_eq!(lines.iter().filter(|line| line.outcome == Outcome::Done).count(), 1);
    assert_eq!(lines.iter().filter(|line| line.outcome == Outcome::Refused).count(), 7);
    app.assert_calls(&[("track", app.simulator.ledger().len() - 7)]);
}

/// It could send after the order has ended, or die without an outcome that anybody writes.
#[tokio::test]
async fn nothing_is_adopted_while_a_call_may_be_under_way() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    let taken = app
        .app
        .state
        .orders
        .take(&stored(&app, &id).await, "plog_1", Duration::from_secs(25), Duration::ZERO)
        .await
        .unwrap()
        .unwrap();
    let at = (app.clock.now(), app.clock.now());
    let log = RequestLog::new("plog_1", "create_order", &id, taken.order_number(), json!({}), 1, at);
    app.app.logs.begin(&log).await.unwrap();
    app.app.state.orders.review(&id, reason::POISON).await.unwrap();
    let until = taken.attempt().unwrap().settle_after;
    assert_eq!(
        refusal(reviewer(&app).adopt(&id, "PX-0017", Trust::Unverified).await),
        Refusal::UnderWay(until)
    );
    assert_eq!(refusal(reviewer(&app).adopt_found(&id).await), Refusal::UnderWay(until));
    app.assert_calls(&[]);
    app.advance(until.since(app.clock.now()));
    let adopted = reviewer(&app).adopt(&id, "PX-0017", Trust::Unverified).await.unwrap();
    assert_eq!(adopted.provider_sync_status(), SyncStatus::Success);
    let logs = merchant.provider_logs(&id).await;
    assert_eq!(logs[0]["outcome"]["verdict"], "unknown", "{logs:?}");
    app.run_pending_jobs().await; // its first one: nothing is left for it
}

/// A worker wrote its answer down late and died: what it says needs no look-up.
#[tokio::test]
async fn an_answer_on_record_is_adopted_whatever_was_asked_for() {
    let app = TestApp::start().await;
    let (_, id) = unclear(&app, true).await;
    let awb = real_awb(&app, &id).await;
    super::dead::answer_late(&app, &id, &awb).await;
    app.advance(Duration::from_secs(1));
    let told = refusal(reviewer(&app).adopt(&id, "00000000099999", Trust::Verify).await);
    assert_eq!(told, Refusal::BookedAfterAll(awb.clone()));
    assert_eq!(stored(&app, &id).await.awb(), Some(awb.as_str()));
    app.assert_calls(&[]);
}
