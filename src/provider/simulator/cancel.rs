//! `cancel_order`: by AWB alone, one at a time.

use std::time::Duration;

use super::{
    call::{Call, Deed, Reply},
    faults::{Effect, SecondCancel},
    ledger::What,
    state::State,
    status,
};
use crate::base::timestamp::Timestamp;

const ACCEPTED: &str = "Order Cancelled Successfully.";

pub(super) fn run(state: &mut State, call: &Call, refuse: Option<String>, now: Timestamp) -> Deed {
    let Some(awb) = call.text("awb") else { return Deed::refused(state, &["awb is required.".to_owned()]) };
    let Some(shipment) = state.shipments().get(&awb) else {
        return Deed { awb: Some(awb), ..Deed::not_found(state, "AWB not found.") };
    };
    let reference = Some(shipment.reference.clone());
    let code = shipment.code(now);
    // Also of one that never shows: the words then say what tracking denies.
    let already = shipment.cancelled_from.is_some() || shipment.cancel_ignored || code == status::CANCELLED;
    let charged = shipment.charged_paise;
    let deed = if let Some(text) = refuse {
        Deed::refused(state, &[text])
    } else if already {
        match state.faults().second_cancel {
            SecondCancel::Succeed => Deed::new(What::Repeated, Reply::done(ACCEPTED)),
            SecondCancel::Refuse => Deed::refused(state, &["Order is already cancelled.".to_owned()]),
        }
    } else if status::before_pickup(code) {
        accepted(state, charged, now)
    } else {
        // Has the word "cancelled" in it, and is not.
        Deed::refused(state, &["Order can not be cancelled at this stage.".to_owned()])
    };
    Deed { reference, awb: Some(awb), ..deed }
}

fn accepted(state: &State, charged: i64, now: Timestamp) -> Deed {
    let effective_at = match state.faults().cancel_effect {
        Effect::AtOnce => Some(now),
        Effect::After(ms) => Some(now + Duration::from_millis(ms)),
        Effect::Never => None,
    };
    let what = if effective_at.is_some() { What::Cancelled } else { What::Acknowledged };
    let refund = if state.faults().cancel_refunds && effective_at.is_some() { charged } else { 0 };
    Deed { effective_at, charged_paise: -refund, ..Deed::new(what, Reply::done(ACCEPTED)) }
}
