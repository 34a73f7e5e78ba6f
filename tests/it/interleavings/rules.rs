//! What must be true in every state, and of every step.

use waybill::{
    base::timestamp::Timestamp,
    features::orders::{
        model::{CancellationState, Order},
        status::{OrderStatus, SyncStatus},
    },
    provider::carrier::SETTLE_WITHIN,
};

use super::{
    reviewers::{FalseWords, OF_ANOTHER},
    world::{Change, Create, Id, Known, World, Writing, awb},
    writing::CALL,
};

/// Of a create that is about to leave under the log `id`.
pub(super) fn at_send(world: &World, id: Id, send_by: Timestamp) -> Option<String> {
    let log = world.read(id);
    if !log.request || log.tombstone {
        return Some(format!("{id:?} is sent without a request log of its own"));
    }
    let status = world.order.provider_sync_status();
    // A call that slept through all its time cannot be stopped; nothing ends before it but by a false word.
    let lingers = world.now >= send_by + (CALL + SETTLE_WITHIN) && world.words != FalseWords::default();
    if lingers {
        return None;
    }
    // Booked again on a false word: the shipment that was there came to light, and this one will be
    // cancelled.
    let beside = status == SyncStatus::Success && world.words.rebook;
    if matches!(status, SyncStatus::Failed | SyncStatus::Cancelled | SyncStatus::Success) && !beside {
        return Some(format!("{id:?} is sent although the order is {status:?}"));
    }
    let open =
        |other: &&Id| **other != id && !world.read(**other).is_unbooked() && !world.read(**other).vouched;
    world
        .taken
        .iter()
        .find(open)
        .map(|other| format!("{id:?} is sent although nobody knows what became of {other:?}"))
}

/// Of a call that has written down how it ended, and told the order.
pub(super) fn at_end(world: &World, written: &Writing) -> Option<String> {
    let (Writing::Decide(change) | Writing::Save(change, _)) = written;
    let Change::Settle(id, Known::Booked) = change else { return None };
    let (order, awb) = (&world.order, awb(*id));
    let left_live = order.awb() == Some(&awb) || order.booking().duplicate_awbs().contains(&awb);
    (!left_live).then(|| format!("the AWB of {id:?} was dropped: {:?}", order.provider_sync_status()))
}

/// Of a step and of the state that it leads to.
pub(super) fn broken(before: &World, after: &World) -> Option<String> {
    provider(after)
        .or_else(|| logs(before, after))
        .or_else(|| order(&before.order, &after.order))
        .or_else(|| told(after))
}

fn provider(world: &World) -> Option<String> {
    // A job that is buried while its call has yet to send shows people what is about to change.
    if world.scenario.careful && world.scenario.deaths == 0 && world.words.outdated {
        return Some("what was so when a person looked was acted on when it was not".to_owned());
    }
    let live: Vec<String> =
        world.creates.iter().filter(|c| is_there(world, c)).map(|c| format!("{:?}", c.id)).collect();
    let forgiven = world.words.rebook || world.words.fail;
    (live.len() > 1 && !forgiven).then(|| format!("{} may all be booked", live.join(" and ")))
}

/// It is live or may yet be, and nobody is cancelling it.
fn is_there(world: &World, create: &Create) -> bool {
    create.may_be_live()
        && !world
            .order
            .cancellation()
            .shipments()
            .iter()
            .any(|cancel| cancel.awb == awb(create.id) && cancel.state.is_open())
}

fn logs(before: &World, after: &World) -> Option<String> {
    for log in &after.logs {
        let was = before.read(log.id);
        let id = log.id;
        if log.tombstone && (log.request || log.outcome.is_some() || after.creates.iter().any(|c| c.id == id))
        {
            return Some(format!("{id:?} was shut out and did something all the same"));
        }
        if log.outcome.is_some() && !log.request {
            return Some(format!("{id:?} has an outcome and no request log"));
        }
        if was.outcome.is_some()
            && (was.outcome != log.outcome || (was.late.is_some() && was.late != log.late))
        {
            return Some(format!("the outcome of {id:?} was {:?} and became {:?}", was.outcome, log.outcome));
        }
    }
    None
}

fn order(before: &Order, after: &Order) -> Option<String> {
    let (was, is) = (before.provider_sync_status(), after.provider_sync_status());
    // A cancel request is carried out in the same write that shows that nothing was booked.
    let cancel_requested =
        is == SyncStatus::Cancelled && before.cancellation().state() == CancellationState::Requested;
    let called_off = cancel_requested && was.may_become(SyncStatus::Retrying);
    if was != is && !was.may_become(is) && !called_off {
        return Some(format!("{was:?} became {is:?}"));
    }
    if before.awb().is_some() && before.awb() != after.awb() {
        return Some(format!("the AWB was {:?} and became {:?}", before.awb(), after.awb()));
    }
    if before
        .booking()
        .duplicate_awbs()
        .iter()
        .any(|awb| !after.booking().duplicate_awbs().contains(awb) && after.awb() != Some(awb))
    {
        return Some("a second shipment was forgotten".to_owned());
    }
    let no = |order: &Order| order.attempt().map_or(0, |a| a.no);
    if no(after) < no(before) || after.generation() < before.generation() {
        return Some("an attempt or a generation was undone".to_owned());
    }
    let uncancelled =
        |awb: &&String| !after.cancellation().shipments().iter().any(|cancel| cancel.awb == **awb);
    if let Some(awb) = after.booking().duplicate_awbs().iter().find(uncancelled) {
        return Some(format!("nobody shipment_cancellations the second shipment {awb}"));
    }
    let amended = was == SyncStatus::Failed && is == SyncStatus::Queued;
    if before.cancellation().state() != CancellationState::None
        && after.cancellation().state() == CancellationState::None
        && !amended
    {
        return Some("a request to cancel was forgotten".to_owned());
    }
    let shipment_cancellations = after.cancellation().shipments().iter().any(|cancel| cancel.state.is_open());
    if (is.is_open() || shipment_cancellations) != after.overdue_at().is_some() {
        return Some(format!("{is:?}, and somebody looks at {:?}", after.overdue_at()));
    }
    None
}

/// What the order says is what the provider did.
fn told(world: &World) -> Option<String> {
    let order = &world.order;
    match order.provider_sync_status() {
        SyncStatus::Failed | SyncStatus::Cancelled if !world.words.fail => {
            let create = world.creates.iter().find(|create| is_there(world, create))?;
            Some(format!(
                "{:?} is told although {:?} is {:?}",
                order.provider_sync_status(),
                create.id,
                create.done
            ))
        }
        SyncStatus::Success if order.awb() == Some(&awb(OF_ANOTHER)) => {
            Some("two orders have one AWB".to_owned())
        }
        SyncStatus::Success if !world.words.adopt => {
            let own = world
                .creates
                .iter()
                .find(|create| order.awb() == Some(&awb(create.id)) && create.done == Some(Known::Booked));
            match own {
                None => Some(format!("AWB {:?} is told, and it is not booked", order.awb())),
                Some(own) if own.cancelled != (order.status() == OrderStatus::Cancelled) => {
                    Some(format!("{:?} is told, and cancelled: {}", order.status(), own.cancelled))
                }
                Some(_) => None,
            }
        }
        SyncStatus::NeedsReview if order.sync_reason().is_none_or(str::is_empty) => {
            Some("a person is asked to look without a reason".to_owned())
        }
        _ => None,
    }
}

/// Of a state in which all is quiet: what is over has all its logs. Without people in it, `Found` counts
/// that.
pub(super) fn at_rest(world: &World) -> Option<String> {
    let unanswered = world.logs.iter().find(|log| log.request && log.outcome.is_none());
    // Booked again on a false word and given up while that call was under way: the answer of the first one
    // ends it, and nobody closes.
    let forgiven = world.words.rebook && world.scenario.deaths > 0;
    let log = unanswered
        .filter(|_| world.scenario.ops > 0 && world.order.provider_sync_status().is_final() && !forgiven)?;
    Some(format!("it is over, and {:?} has no outcome log", log.id))
}
