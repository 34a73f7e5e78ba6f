//! A step that the state machine forbids: an error, and nothing at all is changed.

use std::time::Duration;

use waybill::{
    base::timestamp::Timestamp,
    features::orders::{
        model::{Actor, Applied, Event, IllegalStep, OperatorAction, Order},
        payload::NewOrder,
        request::CreateOrder,
        status::SyncStatus,
    },
    platform::store::StoreError,
    provider::carrier::{CallOutcome, Cause, ProviderEnv, Shipment},
};

use crate::support::{TestApp, orders::order};

const CALL: Duration = Duration::from_secs(25);

fn fresh() -> (Order, Timestamp) {
    let now = Timestamp::from_millis(1_769_851_800_000);
    let body: CreateOrder = serde_json::from_value(order("A-1")).unwrap();
    (Order::new("u1", NewOrder::from(body), ProviderEnv::Simulator, now), now)
}

/// An order in each state, and some with more behind them.
fn all() -> Vec<Order> {
    let (queued, now) = fresh();
    let after = |order: &Order, event: Event<'_>| order.after(event, now).unwrap().0;
    let processing =
        after(&queued, Event::Take { log_id: "plog_1", times: CALL.into(), paused: Duration::ZERO });
    let ended = |outcome: &CallOutcome<Shipment>| {
        after(&processing, Event::CallEnded { log_id: "plog_1", outcome, first_poll: CALL })
    };
    let booking = Shipment { awb: "17".into(), courier_name: None, courier_code: None, order_number: None };
    let booked = ended(&CallOutcome::Done(booking));
    let request = Event::RequestCancel { actor: Actor::Merchant, reason: Some("no") };
    let all = vec![
        after(&queued, request),
        after(&queued, Event::Review { reason: "poison" }),
        after(&booked, request),
        ended(&CallOutcome::Refused("no".into())),
        ended(&CallOutcome::Deferred { after: None, cause: Cause::Busy }),
        ended(&CallOutcome::unanswered("unknown")),
        queued,
        processing,
        booked,
    ];
    for status in SyncStatus::ALL {
        assert!(all.iter().any(|order| order.provider_sync_status() == status), "{status:?}");
    }
    all
}

#[test]
fn a_forbidden_step_is_an_error_and_changes_nothing() {
    let (_, now) = fresh();
    for before in all() {
        let from = before.provider_sync_status();
        let mut order = before.clone();
        let taken =
            order.apply(Event::Take { log_id: "plog_2", times: CALL.into(), paused: Duration::ZERO }, now);
        if from.may_become(SyncStatus::Processing) {
            assert_eq!(taken, Ok(Applied::Changed));
            continue;
        }
        assert_eq!(taken, Err(IllegalStep { from, to: SyncStatus::Processing }));
        // The attempt is noted before the step is made: a half of it would show here.
        assert_eq!(order, before, "{from:?}");
    }
}

#[test]
fn what_finds_nothing_to_do_changes_nothing_and_is_no_error() {
    let (_, now) = fresh();
    let outcome = &CallOutcome::unanswered("unknown");
    for before in all() {
        for event in [
            Event::CallEnded { log_id: "plog_other", outcome, first_poll: CALL },
            Event::ProvenAbsent { log_id: "plog_other" },
            Event::PollAgain { log_id: "plog_other", at: now },
            Event::GiveUp { log_id: "plog_other", found: false, reason: "outcome-unknown" },
            Event::TakeCancel {
                awb: "other",
                log_id: "plog_other",
                times: CALL.into(),
                paused: Duration::ZERO,
            },
            Event::Relayed { entry: "other" },
            Event::JobLost { job: "other", blameless: false },
            Event::DispatchAgain { generation: 77 },
            Event::Operator { action: OperatorAction::CancelAgain { awb: "other" }, audit_id: Some("aud_1") },
        ] {
            let mut order = before.clone();
            assert!(!order.apply(event, now).unwrap().changed(), "{event:?}");
            assert_eq!(order, before, "{event:?}");
        }
    }
}

#[tokio::test]
async fn the_service_saves_nothing_of_it_and_says_so() {
    let app = TestApp::start().await;
    let id = app.merchant("u1").create(&order("A-1")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    let booked = app.app.store.get::<Order>(&id).await.unwrap().unwrap();
    let told = app.app.state.orders.take(&booked, "plog_2", CALL, Duration::ZERO).await;
    assert!(matches!(told, Err(StoreError::Fault(_))), "{told:?}");
    assert_eq!(app.app.store.get::<Order>(&id).await.unwrap().unwrap(), booked);
}
