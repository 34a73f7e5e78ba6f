//! What must be true of an order after every step, whatever the step was.

use std::{collections::BTreeSet, time::Duration};

use proptest::{prop_assert, prop_assert_eq, test_runner::TestCaseError};
use waybill::{
    base::timestamp::Timestamp,
    features::orders::{
        model::{
            CancellationState, HISTORY_KEPT, MAX_UNRESOLVED_CALLS, NextAction, NextCancelAction, Order,
            ShipmentCancellationState, cancel_job_id, job_id,
        },
        status::{OrderStatus, SyncStatus},
    },
};

/// The longest that an open order may go without anybody looking at it.
const LONGEST_POLL: Duration = Duration::from_secs(3600);
const MOST_DISPATCHES: u32 = 3;

/// What is remembered of the order beside itself.
pub(super) struct Rules {
    reference: String,
    /// A call on this reference ended without an answer.
    ever_unknown: bool,
}

impl Rules {
    pub(super) fn new(fresh: &Order) -> Self {
        Self { reference: fresh.order_number().to_owned(), ever_unknown: false }
    }

    pub(super) fn check(
        &mut self,
        before: &Order,
        after: &Order,
        now: Timestamp,
    ) -> Result<(), TestCaseError> {
        // A person's word ends what nobody knows.
        let given_up = before.provider_sync_status() == SyncStatus::NeedsReview
            && after.provider_sync_status() == SyncStatus::Failed;
        self.ever_unknown &= !given_up;
        self.ever_unknown |= after.provider_sync_status() == SyncStatus::Reconciling;
        self.statuses(before, after)?;
        bookings(before, after)?;
        history(before, after, now)?;
        counters(before, after)?;
        looked_at_again(before, after, now)
    }

    fn statuses(&self, before: &Order, after: &Order) -> Result<(), TestCaseError> {
        let (was, is) = (before.provider_sync_status(), after.provider_sync_status());
        // A cancel request is carried out in the same write that shows that nothing was booked.
        let cancel_requested =
            is == SyncStatus::Cancelled && before.cancellation().state() == CancellationState::Requested;
        let called_off = cancel_requested && was.may_become(SyncStatus::Retrying);
        prop_assert!(was == is || was.may_become(is) || called_off, "{was:?} became {is:?}");
        let cancelled = is == SyncStatus::Success && after.cancellation().state() == CancellationState::Done;
        prop_assert_eq!(after.status(), if cancelled { OrderStatus::Cancelled } else { is.order_status() });
        prop_assert!(
            !(self.ever_unknown && is == SyncStatus::Failed),
            "failed, although a call on {} is unknown",
            self.reference
        );
        prop_assert_eq!(after.order_number(), &self.reference);
        if matches!(is, SyncStatus::NeedsReview | SyncStatus::Failed) {
            prop_assert!(after.sync_reason().is_some_and(|r| !r.is_empty()), "{is:?} without a reason");
        }
        Ok(())
    }
}

fn bookings(before: &Order, after: &Order) -> Result<(), TestCaseError> {
    if before.awb().is_some() {
        prop_assert_eq!(&after.awb(), &before.awb(), "an AWB is never changed, nor lost");
        prop_assert_eq!(after.provider_sync_status(), SyncStatus::Success, "what was booked stays booked");
    }
    prop_assert!(
        before
            .booking()
            .duplicate_awbs()
            .iter()
            .all(|awb| after.booking().duplicate_awbs().contains(awb) || after.awb() == Some(awb)),
        "an AWB was lost"
    );
    prop_assert_eq!(after.awb().is_some(), after.provider_sync_status() == SyncStatus::Success);
    Ok(())
}

fn history(before: &Order, after: &Order, now: Timestamp) -> Result<(), TestCaseError> {
    prop_assert!((1..=HISTORY_KEPT).contains(&after.history().len()));
    for pair in after.history().windows(2) {
        prop_assert_eq!(pair[1].seq, pair[0].seq + 1);
        prop_assert!(pair[1].at >= pair[0].at);
    }
    let (old, new) = (before.history().last().unwrap(), after.history().last().unwrap());
    // A step that shows that it was not booked, and the cancelling that waited for it.
    prop_assert!((old.seq..=old.seq + 2).contains(&new.seq), "one step, at most two entries");
    prop_assert_eq!(new.status, after.provider_sync_status(), "the last entry is where the order stands");
    prop_assert!(new.seq > old.seq || new == old, "an entry was changed");
    let seq_at = |order: &Order, n: usize| order.history().get(n).map(|e| e.seq);
    prop_assert!(
        after.history().len() == HISTORY_KEPT || seq_at(after, 0) == Some(1),
        "entries are gone before there are too many"
    );
    prop_assert!(after.updated_at() >= before.updated_at() && after.updated_at() <= now);
    prop_assert_eq!(after.created_at(), before.created_at());
    Ok(())
}

fn counters(before: &Order, after: &Order) -> Result<(), TestCaseError> {
    let no = |order: &Order| order.attempt().map_or(0, |a| a.no);
    prop_assert!(after.generation() >= before.generation(), "the generation only grows");
    prop_assert!(no(after) == no(before) || no(after) == no(before) + 1, "attempts only grow");
    if no(after) == no(before) {
        prop_assert_eq!(after.attempt(), before.attempt(), "an attempt never changes");
    } else {
        prop_assert!(
            before.cancellation().state() != CancellationState::Requested,
            "a called-off order is sent"
        );
    }
    prop_assert!(after.dispatch().tries() <= MOST_DISPATCHES);
    prop_assert!(
        after.booking().unresolved().is_none_or(|d| d.calls <= MAX_UNRESOLVED_CALLS),
        "booked again and again without an answer"
    );
    prop_assert_eq!(after.version() - before.version(), i64::from(after != before), "one step, one write");
    Ok(())
}

/// Open orders have a time at which the service goes on by itself; all others have none.
fn looked_at_again(before: &Order, after: &Order, now: Timestamp) -> Result<(), TestCaseError> {
    let status = after.provider_sync_status();
    match status {
        SyncStatus::Reconciling => {
            prop_assert!(after.next_check_at().is_some(), "nobody knows when the next look is");
        }
        SyncStatus::Retrying => {} // without one it is due at once
        _ => prop_assert_eq!(after.next_check_at(), None, "{:?} and its next check", status),
    }
    let shipment_cancellations =
        !status.is_open() && after.cancellation().shipments().iter().any(|cancel| cancel.state.is_open());
    prop_assert_eq!(
        after.overdue_at().is_some(),
        status.is_open() || shipment_cancellations,
        "{:?} and when somebody schedule",
        status
    );
    if after.next_check_at().is_some() && after.next_check_at() != before.next_check_at() {
        prop_assert_eq!(
            after.overdue_at(),
            after.next_check_at(),
            "somebody schedule when it is put off to, not before"
        );
    }
    let entries = after.outbox();
    prop_assert_eq!(after.outbox_at(), entries.iter().map(|entry| entry.at).min(), "the oldest entry");
    prop_assert!(entries.len() <= 1, "a dispatch takes the place of the one before");
    for entry in entries {
        let id = if status.is_open() { job_id } else { cancel_job_id };
        prop_assert_eq!(&entry.job, &id(after.id(), after.generation()), "the outbox names the job of now");
    }
    let Some(overdue) = after.overdue_at() else { return Ok(()) };
    prop_assert!(overdue <= now + LONGEST_POLL, "nobody schedule for {:?}", overdue.since(now));
    let then = overdue.max(after.next_check_at().unwrap_or(overdue)).max(now);
    for generation in [Some(after.generation()), None] {
        let idle = after.next_action(generation, then) == NextAction::Done
            && after.next_cancel_action(generation, then) == NextCancelAction::Done;
        prop_assert!(!idle, "whoever schedule at {:?} in time finds nothing to do", status);
    }
    Ok(())
}

/// What is said of shipments that are to be cancelled; `gone` are those of which a yes was heard, or that
/// were seen cancelled.
pub(super) fn shipment_cancellations(
    before: &Order,
    after: &Order,
    gone: &BTreeSet<String>,
) -> Result<(), TestCaseError> {
    for cancel in after.cancellation().shipments() {
        let was = before.cancellation().shipments().iter().find(|other| other.awb == cancel.awb);
        if matches!(cancel.state, ShipmentCancellationState::Accepted | ShipmentCancellationState::Confirmed)
        {
            prop_assert!(gone.contains(&cancel.awb), "{} is cancelled, and nobody ever said so", cancel.awb);
        }
        if cancel.state == ShipmentCancellationState::Refused && !cancel.left_live {
            prop_assert_eq!(cancel.unresolved_calls, 0, "refused, though a call got no answer");
        }
        prop_assert!(cancel.unresolved_calls <= MAX_UNRESOLVED_CALLS);
        let begun = cancel.state == ShipmentCancellationState::Sending
            && was.is_none_or(|was| was.state != ShipmentCancellationState::Sending);
        prop_assert!(
            !(begun && after.provider_sync_status().is_open()),
            "a cancel begins while the order is on its way"
        );
        prop_assert!(
            was.is_none_or(|was| was.state != ShipmentCancellationState::Confirmed || was == cancel),
            "what is confirmed stays so"
        );
        if cancel.state == ShipmentCancellationState::Review {
            prop_assert!(
                after.review().is_some() && cancel.detail.is_some(),
                "a person must look, and cannot find it"
            );
        }
    }
    for awb in after.booking().duplicate_awbs() {
        prop_assert!(
            after.cancellation().shipments().iter().any(|cancel| cancel.awb == *awb),
            "nobody cancels the second shipment {awb}"
        );
    }
    if after.status() == OrderStatus::Cancelled && after.provider_sync_status() == SyncStatus::Success {
        prop_assert!(after.awb().is_some_and(|awb| gone.contains(awb)), "cancelled, and nobody ever said so");
    }
    let requested = |order: &Order| order.cancellation().state() != CancellationState::None;
    // Who amends wants it shipped.
    let amended = after.provider_sync_status() == SyncStatus::Queued
        && before.provider_sync_status() == SyncStatus::Failed;
    prop_assert!(!requested(before) || requested(after) || amended, "a request to cancel was forgotten");
    prop_assert_eq!(
        after.review().is_some(),
        after.provider_sync_status() == SyncStatus::NeedsReview || needs_a_look(after)
    );
    Ok(())
}

fn needs_a_look(order: &Order) -> bool {
    // Its merchant is told; but not that what stays is of a payload that the order does not show.
    let own = |awb: &String| order.awb() == Some(awb) && !order.booking().of_earlier_payload();
    order.cancellation().shipments().iter().any(|r| {
        r.state == ShipmentCancellationState::Review
            || (r.state == ShipmentCancellationState::Refused && !r.left_live && !own(&r.awb))
    })
}
