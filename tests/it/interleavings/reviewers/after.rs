//! What others do with an order after a person has decided on it: a shipment that is not wanted is cancelled,
//! and what has failed is amended.

use waybill::{
    features::orders::{
        model::{Event, NextCancelAction, PollSchedule, ShipmentCancellationState},
        payload::NewOrder,
        request::CreateOrder,
        status::SyncStatus,
    },
    provider::carrier::CallOutcome,
};

use super::super::{
    steps::{Steps, Who},
    world::awb,
    writing::{CALL, change},
};
use crate::support::{
    Tracking,
    orders::{order, with},
};

impl Steps<'_> {
    /// Cancels what is to be cancelled, in two steps; all that can go wrong there is searched in
    /// `cancellations.rs`.
    pub(super) fn canceller(&mut self) {
        let from = self.from;
        if from.scenario.ops == 0 {
            return;
        }
        let schedule = PollSchedule { unclear: Vec::new(), confirm: Vec::new() };
        if let Some(cancel) = from
            .order
            .cancellation()
            .shipments()
            .iter()
            .find(|cancel| cancel.state == ShipmentCancellationState::Sending)
        {
            return self.push(Who::Canceller, "has the shipment cancelled", false, |w| {
                w.creates
                    .iter_mut()
                    .filter(|create| awb(create.id) == cancel.awb)
                    .for_each(|create| create.cancelled = true);
                change(w, |order, now| {
                    let (awb, schedule, outcome) = (&cancel.awb, &schedule, &CallOutcome::Done(()));
                    let tracking = Tracking::Cancelled;
                    let ended = order.apply(Event::CancelEnded { log_id: awb, outcome, schedule }, now);
                    let seen =
                        order.apply(Event::TrackingSeen { awb, tracked: &tracking.outcome(), schedule }, now);
                    ended.unwrap().changed() && seen.unwrap().changed()
                });
            });
        }
        if let NextCancelAction::Send(awb) =
            from.order.next_cancel_action(Some(from.order.generation()), from.now)
        {
            self.push(Who::Canceller, "begins to cancel a shipment", false, |w| {
                change(w, |order, now| {
                    let times = CALL.into();
                    order
                        .apply(
                            Event::TakeCancel {
                                awb: &awb,
                                log_id: &awb,
                                times,
                                paused: std::time::Duration::ZERO,
                            },
                            now,
                        )
                        .unwrap()
                        .changed()
                });
            });
        }
    }

    pub(super) fn amends(&mut self) {
        if self.from.amends == 0 || self.from.order.provider_sync_status() != SyncStatus::Failed {
            return;
        }
        self.push(Who::Merchant, "amends the order", false, |w| {
            w.amends -= 1;
            let body = with(order("A-1"), "/invoiceNumber", "INV-2".into());
            let draft = NewOrder::from(serde_json::from_value::<CreateOrder>(body).unwrap());
            change(w, |order, now| order.apply(Event::Amend { draft: &draft }, now).unwrap().changed());
        });
    }
}
