//! What an operation does to one order or job, and whether a worker that died had done it.

use std::sync::Arc;

use super::OperationsWorker;
use crate::{
    features::{
        audit::{AuditContext, AuditLine, Origin, Outcome, Via},
        notifications::notice::Notice,
        operations::{
            model::{Item, ItemResult, Kind, Operation},
            preview::until,
            targets::means,
        },
        orders::{
            model::Order,
            review::Refusal,
            service::review::{ReviewError, ReviewService},
        },
        queues::{Action, ActionError},
    },
    platform::store::StoreError,
    provider::carrier::redact,
};

/// Lines of the audit log of one order that are looked through for the operation's own.
const LINES: usize = 20;

impl OperationsWorker {
    pub(super) async fn one(
        &self,
        operation: &Operation,
        target: String,
        by: Option<&AuditContext>,
        taken_over: bool,
    ) -> Item {
        // An order's history proves it, so it is not acted on twice, wherever it has come to meanwhile. Of a
        // job there is the audit line alone.
        let jobs = operation.kind.is_of_jobs();
        let orders = operation.kind.is_of_orders();
        let mut ended = match by {
            _ if taken_over && orders && self.was_done(operation, &target).await => Ok(()),
            Some(by) => self.act(operation, &target, by).await,
            None => Err((ItemResult::Failed, "fault", "who asked for it does not read".to_owned())),
        };
        // Also of an order: what the dead one had sent to the database may have come to be meanwhile.
        // A job that is still there was not removed, whatever was begun.
        let refused = match &ended {
            Err((ItemResult::Refused, code, _)) => {
                operation.kind != Kind::JobsRemove || *code == "no-such-job"
            }
            _ => false,
        };
        if taken_over && (jobs || orders) && refused && self.was_done(operation, &target).await {
            ended = Ok(());
        }
        let (result, code, words) = match ended {
            Ok(()) => (ItemResult::Done, None, None),
            Err((result, code, words)) => (result, Some(code.to_owned()), Some(redact::words(&words))),
        };
        Item {
            id: Item::id_of(&operation.id, &target),
            version: 1,
            operation: operation.id.clone(),
            target,
            result,
            code,
            words,
            at: self.operations.clock.now(),
        }
    }

    async fn act(
        &self,
        operation: &Operation,
        target: &str,
        by: &AuditContext,
    ) -> Result<(), (ItemResult, &'static str, String)> {
        let review = || self.operations.orders.review_service(Arc::clone(&self.carrier), by.clone());
        let job = match operation.kind {
            Kind::JobsRetry => Action::Retry(target),
            Kind::JobsPromote => Action::Promote(target),
            Kind::JobsRemove => Action::Remove(target),
            Kind::MerchantsNotice => return self.tell(operation, target).await,
            kind => {
                if kind.is_of_shipments() {
                    self.waited(operation, target).await.map_err(of_order)?;
                }
                let acted = on_order(&review(), kind, operation, target).await;
                return acted.map(drop).map_err(of_order);
            }
        };
        let queue = operation.filter.queue.as_deref().unwrap_or_default();
        if operation.kind == Kind::JobsRemove {
            self.may_go(operation, queue, target).await?;
        }
        self.queues.act(queue, job, by).await.map_err(|error| {
            let words = error.to_string();
            match error {
                ActionError::NoSuchJob(_) => (ItemResult::Refused, "no-such-job", words),
                ActionError::Needed(_) => (ItemResult::Refused, "job-needed", words),
                ActionError::Queue(_) | ActionError::Store(_) => (ItemResult::Failed, "fault", words),
                _ => (ItemResult::Refused, "job-state", words),
            }
        })
    }

    /// What is made of an operation and a merchant has one id: it is told once, whoever takes over.
    async fn tell(
        &self,
        operation: &Operation,
        merchant: &str,
    ) -> Result<(), (ItemResult, &'static str, String)> {
        let notice = Notice {
            id: &operation.id,
            at: operation.created_at,
            text: operation.notice.as_deref().unwrap_or_default(),
        };
        let (store, now) = (&self.operations.store, self.operations.clock.now());
        let fault = |error: StoreError| (ItemResult::Failed, "fault", error.to_string());
        // One that was named, or was suspended since it was found.
        if self.operations.merchants.standing(merchant).await.map_err(fault)?.suspended {
            return Err((ItemResult::Refused, "suspended", "it is suspended".to_owned()));
        }
        match notice.tell(store, merchant, now).await {
            Ok(true) => Ok(()),
            Ok(false) => Err((ItemResult::Refused, "nobody", "nobody works for it".to_owned())),
            Err(error) => Err(fault(error)),
        }
    }

    /// What was said of shipments was said of those that waited then: one that has come to a person since the
    /// operation was asked for may have ended in another way.
    async fn waited(&self, operation: &Operation, order: &str) -> Result<(), ReviewError> {
        let order = self.operations.orders.load(order).await?;
        let since = order.as_ref().and_then(Order::review).map(|review| review.since);
        match since {
            Some(since) if since >= until(operation.created_at) => Err(Refusal::MovedOn.into()),
            _ => Ok(()),
        }
    }

    /// An open job of our own queues stands for an order, and is not removed. Nor is one, of any queue, that
    /// has become another than was meant since it was found: one that had failed may wait again.
    async fn may_go(
        &self,
        operation: &Operation,
        queue: &str,
        job: &str,
    ) -> Result<(), (ItemResult, &'static str, String)> {
        let refused = |code, words| Err((ItemResult::Refused, code, words));
        match self.operations.queue.inspect.get(queue, job).await {
            Ok(Some(job)) if self.operations.is_own(queue) && !job.state.is_finished() => {
                refused("open-job", format!("it is {}, and stands for an order", job.state.as_str()))
            }
            Ok(Some(job)) if !means(operation, &job) => {
                refused("job-state", format!("it is {} by now, or was added anew", job.state.as_str()))
            }
            Ok(_) => Ok(()),
            Err(error) => Err((ItemResult::Failed, "fault", error.to_string())),
        }
    }

    /// Whether this operation had done it before its worker died: the audit log has its line, and an order
    /// the line's id in its history.
    async fn was_done(&self, operation: &Operation, target: &str) -> bool {
        let queue = operation.filter.queue.as_deref().unwrap_or_default();
        let jobs = operation.kind.is_of_jobs();
        let subject = if jobs { format!("{queue}/{target}") } else { target.to_owned() };
        let Ok(lines) = self.audit.list(Some(&subject), None, LINES).await else { return false };
        let own = |line: &&AuditLine| {
            line.origin.request_id.as_deref() == Some(operation.id.as_str())
                && matches!(line.outcome, Outcome::Done | Outcome::Begun)
        };
        let own: Vec<_> = lines.iter().filter(own).collect();
        if jobs {
            return !own.is_empty();
        }
        let Ok(Some(order)) = self.operations.orders.load(target).await else { return false };
        let signed = |line: &str| order.history().iter().any(|e| e.audit_id.as_deref() == Some(line));
        own.iter().any(|line| signed(&line.id))
    }
}

async fn on_order(
    review: &ReviewService,
    kind: Kind,
    operation: &Operation,
    id: &str,
) -> Result<Order, ReviewError> {
    match kind {
        Kind::ReviewAdoptFound => review.adopt_found(id).await,
        Kind::ReviewFail => review.fail(id).await,
        Kind::OrdersResend => review.resend(id).await,
        Kind::ReviewCancelShipment => review.cancel_shipment(id, None).await,
        Kind::ReviewCloseShipment => {
            let unsaid = || StoreError::Fault("it does not say what became of the shipments".to_owned());
            review.close(id, None, operation.fate.ok_or_else(unsaid)?).await
        }
        _ => review.rebook(id, operation.force).await,
    }
}

fn of_order(error: ReviewError) -> (ItemResult, &'static str, String) {
    let words = error.to_string();
    match error {
        ReviewError::Refused(refusal @ Refusal::CannotAsk(_)) => {
            (ItemResult::Failed, refusal.as_str(), words)
        }
        ReviewError::Refused(refusal) => (ItemResult::Refused, refusal.as_str(), words),
        ReviewError::NoSuchOrder => (ItemResult::Refused, "no-such-order", words),
        ReviewError::Store(_) => (ItemResult::Failed, "fault", words),
    }
}

/// Its lines in the audit log are its actor's, and name it as their request.
pub(super) fn context(operation: &Operation) -> Option<AuditContext> {
    let by = AuditContext::new(&operation.actor, Via::Http, &operation.reason).ok()?;
    let request_id = Some(operation.id.clone());
    Some(by.from(Origin { request_id, ..operation.origin.clone() }))
}
