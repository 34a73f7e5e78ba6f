//! What was learnt of the provider is acted on only if nobody has called for the order meanwhile.

use std::{sync::Arc, time::Duration};
use waybill::{
    features::{
        audit::{AuditContext, Via},
        orders::{reason, review::Refusal, service::OrderService, status::SyncStatus},
    },
    platform::store::StoreError,
    provider::carrier::{
        Attempt, By, Call, CallError, CallOutcome, CallPermit, Carrier, LabelUrl, OrderPayload, Shipment,
        Throttled, Tracking,
    },
};

use async_trait::async_trait;

use super::{lines, refusal, stored, unclear};
use crate::support::TestApp;

/// Knows nothing of any shipment, nor how a call ended. While it is asked, somebody else (if there is one)
/// books the order again, which is not answered and comes to a person once more.
#[derive(Debug)]
struct Ignorant {
    meddler: Option<OrderService>,
}

#[async_trait]
impl Carrier for Ignorant {
    async fn track(&self, call: &Call, _by: &By) -> Result<CallOutcome<Tracking>, CallError> {
        let Some(orders) = &self.meddler else { return Ok(CallOutcome::Done(Tracking::NotFound)) };
        let by = AuditContext::new("ravi", Via::Cli, "First").unwrap();
        let quiet = orders.review_service(Arc::new(Self { meddler: None }), by);
        quiet.rebook(&call.order_id, true).await.unwrap();
        let now = orders.load(&call.order_id).await.unwrap().unwrap();
        orders.take(&now, "plog_theirs", Duration::from_secs(25), Duration::ZERO).await.unwrap().unwrap();
        let unknown = CallOutcome::unanswered("unknown: timed out");
        orders.resolve(now.id(), "plog_theirs", &unknown, Duration::ZERO).await.unwrap();
        orders.review(now.id(), reason::OUTCOME_UNKNOWN).await.unwrap();
        Ok(CallOutcome::Done(Tracking::NotFound))
    }

    async fn close_create(&self, _: &Call, _: &Attempt) -> Result<CallOutcome<Shipment>, StoreError> {
        Ok(CallOutcome::unanswered("unknown: no answer recorded"))
    }

    async fn close_cancel(&self, _: &Call, _: &Attempt) -> Result<CallOutcome<()>, StoreError> {
        Ok(CallOutcome::NotSent)
    }

    async fn booking_on_record(
        &self,
        _: &str,
        _: &str,
        _: &[String],
    ) -> Result<Option<(String, Shipment)>, StoreError> {
        Ok(None)
    }

    async fn close_look_ups(&self, _: &str) -> Result<(), StoreError> {
        Ok(())
    }

    async fn close_label_calls(&self, _: &str) -> Result<(), StoreError> {
        Ok(())
    }

    async fn erase_records(&self, _: &str) -> Result<(), StoreError> {
        Ok(())
    }

    async fn permit(&self) -> Result<CallPermit, Throttled> {
        panic!("a person's decision sends nothing that changes anything")
    }

    async fn create(
        &self,
        _: &Call,
        _: &OrderPayload,
        _: (&Attempt, CallPermit),
    ) -> Result<CallOutcome<Shipment>, CallError> {
        panic!("a person's decision sends nothing that changes anything")
    }

    async fn cancel(
        &self,
        _: &Call,
        _: &str,
        _: (&Attempt, CallPermit),
    ) -> Result<CallOutcome<()>, CallError> {
        panic!("a person's decision sends nothing that changes anything")
    }

    async fn label(&self, _: &Call, _: &str) -> Result<CallOutcome<LabelUrl>, CallError> {
        panic!("a person's decision sends nothing that changes anything")
    }
}

#[tokio::test]
async fn a_look_up_that_is_older_than_the_last_call_proves_nothing() {
    let app = TestApp::start().await;
    let (_, id) = unclear(&app, false).await;
    let orders = app.app.state.orders.clone();
    let reviewer = orders.review_service(
        Arc::new(Ignorant { meddler: Some(orders.clone()) }),
        AuditContext::new("asha", Via::Cli, "Second").unwrap(),
    );
    assert_eq!(refusal(reviewer.rebook(&id, false).await), Refusal::MovedOn);
    let order = stored(&app, &id).await;
    assert_eq!((order.provider_sync_status(), order.generation()), (SyncStatus::NeedsReview, 2));
    let lines = lines(&app, &id).await;
    assert_eq!(lines.iter().map(|line| line.outcome.as_str()).collect::<Vec<_>>(), ["refused", "done"]);
    app.run_pending_jobs().await;
    app.assert_calls(&[]);
}
