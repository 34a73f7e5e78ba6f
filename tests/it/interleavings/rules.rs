//! What must be true in every state, and of every step.

use waybill::orders::{
    model::{CancellationState, Order},
    status::SyncStatus,
};

use super::world::{Change, Id, Known, World, Writing, awb};

/// Of a create that is about to leave under the log `id`.
pub(super) fn at_send(world: &World, id: Id) -> Option<String> {
    let log = world.read(id);
    if !log.request || log.tombstone {
        return Some(format!("{id:?} is sent without a request log of its own"));
    }
    let status = world.order.provider_sync_status;
    if matches!(status, SyncStatus::Failed | SyncStatus::Cancelled | SyncStatus::Success) {
        return Some(format!("{id:?} is sent although the order is {status:?}"));
    }
    let open = |other: &&Id| **other != id && !world.read(**other).is_unbooked();
    world.taken.iter().find(open).map(|other| format!("{id:?} is sent although nobody knows what became of {other:?}"))
}

/// Of a call that has written down how it ended, and told the order.
pub(super) fn at_end(world: &World, written: &Writing) -> Option<String> {
    let (Writing::Decide(change) | Writing::Save(change, _)) = written;
    let Change::Settle(id, Known::Booked) = change else { return None };
    let (order, awb) = (&world.order, awb(*id));
    let kept = order.awb.as_ref() == Some(&awb) || order.surplus_awbs.contains(&awb);
    (!kept).then(|| format!("the AWB of {id:?} was dropped: {:?}", order.provider_sync_status))
}

/// Of a step and of the state that it leads to.
pub(super) fn broken(before: &World, after: &World) -> Option<String> {
    provider(after).or_else(|| logs(before, after)).or_else(|| order(&before.order, &after.order)).or_else(|| told(after))
}

fn provider(world: &World) -> Option<String> {
    let live: Vec<String> =
        world.creates.iter().filter(|c| matches!(c.done, None | Some(Known::Booked))).map(|c| format!("{:?}", c.id)).collect();
    (live.len() > 1).then(|| format!("{} may all be booked", live.join(" and ")))
}

fn logs(before: &World, after: &World) -> Option<String> {
    for log in &after.logs {
        let was = before.read(log.id);
        let id = log.id;
        if log.tombstone && (log.request || log.outcome.is_some() || after.creates.iter().any(|c| c.id == id)) {
            return Some(format!("{id:?} was shut out and did something all the same"));
        }
        if log.outcome.is_some() && !log.request {
            return Some(format!("{id:?} has an outcome and no request log"));
        }
        if was.outcome.is_some() && (was.outcome != log.outcome || (was.late.is_some() && was.late != log.late)) {
            return Some(format!("the outcome of {id:?} was {:?} and became {:?}", was.outcome, log.outcome));
        }
    }
    None
}

fn order(before: &Order, after: &Order) -> Option<String> {
    let (was, is) = (before.provider_sync_status, after.provider_sync_status);
    // A wish to cancel is carried out in the same write that shows that nothing was booked.
    let wished_off = is == SyncStatus::Cancelled && before.cancellation.state == CancellationState::Requested;
    let called_off = wished_off && was.may_become(SyncStatus::Retrying);
    if was != is && !was.may_become(is) && !called_off {
        return Some(format!("{was:?} became {is:?}"));
    }
    if before.awb.is_some() && before.awb != after.awb {
        return Some(format!("the AWB was {:?} and became {:?}", before.awb, after.awb));
    }
    if before.surplus_awbs.iter().any(|awb| !after.surplus_awbs.contains(awb) && after.awb.as_ref() != Some(awb)) {
        return Some("a second shipment was forgotten".to_owned());
    }
    let no = |order: &Order| order.attempt.as_ref().map_or(0, |a| a.no);
    if no(after) < no(before) || after.generation < before.generation {
        return Some("an attempt or a generation was undone".to_owned());
    }
    if before.cancellation.state != CancellationState::None && after.cancellation.state == CancellationState::None {
        return Some("a wish to cancel was forgotten".to_owned());
    }
    let recalls = after.recalls.iter().any(|recall| recall.state.is_open());
    if (is.is_open() || recalls) != after.overdue_at.is_some() {
        return Some(format!("{is:?}, and somebody looks at {:?}", after.overdue_at));
    }
    None
}

/// What the order says is what the provider did.
fn told(world: &World) -> Option<String> {
    let order = &world.order;
    let live = world.creates.iter().find(|c| matches!(c.done, None | Some(Known::Booked)));
    match (order.provider_sync_status, live) {
        (SyncStatus::Failed | SyncStatus::Cancelled, Some(create)) => {
            Some(format!("{:?} is told although {:?} is {:?}", order.provider_sync_status, create.id, create.done))
        }
        (SyncStatus::Success, live) => {
            let booked = live.filter(|c| c.done.is_some()).map(|c| awb(c.id));
            (order.awb != booked).then(|| format!("AWB {:?} is told although {booked:?} is booked", order.awb))
        }
        (SyncStatus::NeedsReview, _) if order.sync_reason.as_deref().is_none_or(str::is_empty) => {
            Some("a person is asked to look without a reason".to_owned())
        }
        _ => None,
    }
}
