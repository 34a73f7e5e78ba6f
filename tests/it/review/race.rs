//! What was learnt of the provider is acted on only if nobody has called for the order meanwhile.

use std::{sync::Arc, time::Duration};
use waybill::{
    features::{
        audit::{AuditContext, Via},
        orders::{
            model::Order,
            reason,
            review::{Evidence, Refusal, Seen, Shipments},
            service::OrderService,
            status::SyncStatus,
        },
    },
    platform::store::StoreError,
    provider::carrier::{Attempt, CallOutcome},
};

use async_trait::async_trait;

use super::{lines, refusal, stored, unclear};
use crate::support::TestApp;

/// While it is asked, somebody else books the order again, which is not answered and comes to a person once
/// more.
#[derive(Debug)]
struct Meddler(OrderService);

#[async_trait]
impl Shipments for Meddler {
    async fn by_reference(&self, order: &Order) -> Result<Seen, StoreError> {
        let quiet =
            self.0.review_service(Arc::new(Nothing), AuditContext::new("ravi", Via::Cli, "First").unwrap());
        quiet.rebook(order.id(), true).await.unwrap();
        let now = self.0.load(order.id()).await?.unwrap();
        self.0.take(&now, "plog_theirs", Duration::from_secs(25)).await?.unwrap();
        let unknown = CallOutcome::unanswered("unknown: timed out");
        self.0.resolve(order.id(), "plog_theirs", &unknown, Duration::ZERO).await?;
        self.0.review(order.id(), reason::OUTCOME_UNKNOWN).await?;
        Ok(Seen::Unknown)
    }

    async fn by_awb(&self, _order: &Order, _awb: &str) -> Result<Seen, StoreError> {
        Ok(Seen::Unknown)
    }

    async fn close_booking(&self, _order: &Order, _attempt: &Attempt) -> Result<Evidence, StoreError> {
        Ok(Evidence::Unclear)
    }

    async fn close_cancel(&self, _order: &Order, _attempt: &Attempt) -> Result<(), StoreError> {
        Ok(())
    }
}

#[derive(Debug)]
struct Nothing;

#[async_trait]
impl Shipments for Nothing {
    async fn by_reference(&self, _order: &Order) -> Result<Seen, StoreError> {
        Ok(Seen::Unknown)
    }

    async fn by_awb(&self, _order: &Order, _awb: &str) -> Result<Seen, StoreError> {
        Ok(Seen::Unknown)
    }

    async fn close_booking(&self, _order: &Order, _attempt: &Attempt) -> Result<Evidence, StoreError> {
        Ok(Evidence::Unclear)
    }

    async fn close_cancel(&self, _order: &Order, _attempt: &Attempt) -> Result<(), StoreError> {
        Ok(())
    }
}

#[tokio::test]
async fn a_look_up_that_is_older_than_the_last_call_proves_nothing() {
    let app = TestApp::start().await;
    let (_, id) = unclear(&app, false).await;
    let orders = app.app.state.orders.clone();
    let reviewer = orders.review_service(
        Arc::new(Meddler(orders.clone())),
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
