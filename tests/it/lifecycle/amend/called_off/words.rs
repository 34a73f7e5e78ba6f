//! What people read of an order that may be called off, or is: it must be what happens.

use serde_json::json;
use waybill::{
    admin::rights::Role,
    features::{
        desk::actions::actions,
        orders::{
            model::{Event, OperatorAction, Order},
            payload::NewOrder,
            reason,
            request::CreateOrder,
            status::SyncStatus,
        },
    },
    provider::carrier::{CallOutcome, Cause, ProviderEnv},
};

use super::{
    super::{amend_path, corrected, refused},
    REQUEST, apply, call_off, called, fresh, no_of_the_account, now, until_settled,
};
use crate::support::TestApp;

#[tokio::test]
async fn people_read_that_the_job_of_what_is_called_off_sends_nothing() {
    let app = TestApp::start().await;
    let (merchant, id) = refused(&app).await;
    assert_eq!(merchant.post(&amend_path(&id), &corrected()).await.status, 202);
    let viewer = app.admin(Role::Viewer).await;
    let path = format!("/queues/parcelx-orders-queue/jobs/create-order-{id}-2");
    for (words, costs) in [
        ("It books: the order is sent to ParcelX.", true),
        ("ParcelX is asked whether it has it; nothing is sent.", false),
    ] {
        let job = viewer.get(&path).await.json()["data"].clone();
        let retry = &job["actions"][0];
        assert_eq!((&retry["effect"], &retry["costs"]), (&json!(words), &json!(costs)), "{job}");
        call_off(&merchant, &id).await;
    }
    until_settled(&app, &id).await;
    app.assert_calls(&[("track", 1)]);
}

/// Whether people read that it is cancelled here and now, and whether it would be.
fn read_and_done(order: &Order) -> (bool, bool) {
    let all = actions(order, ProviderEnv::Simulator, None, now());
    let cancel = all.into_iter().find(|action| action.name == "cancel").unwrap();
    assert!(cancel.allowed);
    let mut called_off = order.clone();
    apply(&mut called_off, REQUEST, now());
    (cancel.effect.contains("here and now"), called_off.provider_sync_status() == SyncStatus::Cancelled)
}

#[test]
fn people_read_that_it_is_cancelled_here_and_now_where_it_would_be() {
    let mut busy = fresh();
    called(&mut busy, "plog_1", &CallOutcome::Deferred { after: None, cause: Cause::Busy });
    let mut in_doubt = fresh();
    called(&mut in_doubt, "plog_1", &no_of_the_account());
    let mut amended = fresh();
    called(&mut amended, "plog_1", &CallOutcome::Refused("Pincode is not served".to_owned()));
    let body: CreateOrder = serde_json::from_value(corrected()).unwrap();
    apply(&mut amended, Event::Amend { draft: &NewOrder::from(body) }, now());
    let mut rebooked = fresh();
    called(&mut rebooked, "plog_1", &CallOutcome::unanswered("unknown"));
    apply(&mut rebooked, Event::Review { reason: reason::OUTCOME_UNKNOWN }, now());
    let action = OperatorAction::Rebook { may_be_booked: true, force: false };
    apply(&mut rebooked, Event::Operator { action, audit_id: None }, now());

    for (order, here_and_now) in
        [(fresh(), true), (busy, true), (in_doubt, false), (amended, false), (rebooked, false)]
    {
        assert_eq!(read_and_done(&order), (here_and_now, here_and_now), "{order:?}");
    }
}
