//! Cancels and holds: which hold stops them, and that theirs stop no creates.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;
use waybill::{
    features::provider_accounts::{breaker::Breaker, guard::Guard},
    platform::queue::{
        ActiveJob, NewJob,
        job::{DeathCause, Job, JobError, Outcome, Payload},
        registry::Registry,
        retry::Policy,
        runner::{QueueSettings, Runner},
    },
    provider::{carrier::AccountProblem, simulator::Operation},
};

use super::{MINUTE, hold, status};
use crate::support::{ADD, TestApp, orders::order};

/// Stands for whatever cancels.
#[derive(Debug, Serialize, Deserialize)]
struct Cancelling {}

impl Payload for Cancelling {
    const NAME: &'static str = "cancel-test";
    const QUEUE: &'static str = "parcelx-order-cancellation-queue";

    fn share(&self) -> Option<&str> {
        None
    }
}

impl Job for Cancelling {
    type Context = ();

    async fn run(&self, (): &(), _job: &ActiveJob) -> Result<Outcome, JobError> {
        Ok(Outcome::Completed(json!({})))
    }

    async fn on_dead(&self, (): &(), _job: &ActiveJob, _why: &DeathCause) -> Result<(), JobError> {
        Ok(())
    }
}

#[tokio::test]
async fn cancelling_goes_on_without_money_but_not_without_keys() {
    for (kind, runs) in
        [(AccountProblem::Wallet, 1), (AccountProblem::Credentials, 0), (AccountProblem::Configuration, 0)]
    {
        let app = TestApp::start().await;
        app.leave_jobs();
        app.app.accounts.report(kind, "why").await.unwrap();
        let guard = Guard::new(
            app.app.accounts.clone(),
            Breaker::new(0, app.clock.clone()),
            app.clock.clone(),
            MINUTE,
            0,
            waybill::app::queues(),
        );
        let settings = QueueSettings {
            name: Cancelling::QUEUE.to_owned(),
            concurrency: 1,
            lease: MINUTE,
            max_stalled: 3,
            policy: Policy { attempts: 1, backoff: MINUTE },
        };
        let registry = Registry::default().with::<Cancelling>();
        let runner = Runner::gated(app.app.queue.clone(), registry, (), vec![settings], Arc::new(guard));
        let policy = Policy { attempts: 1, backoff: MINUTE };
        let job = NewJob::of("c".to_owned(), &Cancelling {}, &policy).unwrap();
        app.app.queue.broker.add(&[job], ADD).await.unwrap();
        assert_eq!(runner.run_pending().await.unwrap(), runs, "{kind}");
    }
}

/// A cancel that `ParcelX` does not know, or may not do for this one parcel, says nothing of creates: they
/// must not be shut with each try.
#[tokio::test]
async fn a_cancel_that_cannot_be_made_holds_nothing() {
    for code in [403, 405, 415] {
        let app = TestApp::start().await;
        app.leave_jobs();
        let merchant = app.merchant("u1");
        let id = merchant.create(&order("A-1")).await;
        app.run_pending_jobs().await;
        app.simulator.change_faults(|f| {
            (f.answer, f.answer_for) = (status(code), [Operation::Cancel].into());
        });
        assert_eq!(merchant.post(&format!("/v1/orders/{id}/cancel"), &json!({})).await.status, 202);
        app.run_pending_jobs().await;
        assert_eq!(hold(&app).await, None, "{code}");
        let next = merchant.create(&order("A-2")).await;
        app.run_pending_jobs().await;
        // 415 in the envelope is a refusal, and looked up.
        app.assert_calls(&[("create", 2), ("cancel", 1), ("track", usize::from(code == 415))]);
        assert_eq!(merchant.order(&next).await["status"], "booked", "{code}");
    }
}
