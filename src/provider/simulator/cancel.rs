//! `cancel_order`: one shipment, by its AWB only.

use std::time::Duration;

use super::{
    call::{Call, Effect, Reply},
    faults::{SecondCancel, TakesEffect},
    ledger::What,
    state::State,
    status,
};
use crate::base::timestamp::Timestamp;

const ACCEPTED: &str = "Order Cancelled Successfully.";

pub(super) fn run(state: &mut State, call: &Call, refuse: Option<String>, now: Timestamp) -> Effect {
    let Some(awb) = call.text("awb") else { return Effect::refused(state, &["awb is required.".to_owned()]) };
    let Some(shipment) = state.shipments().get(&awb) else {
        return Effect { awb: Some(awb), ..Effect::not_found(state, "AWB not found.") };
    };
    let reference = Some(shipment.reference.clone());
    let code = shipment.code(now);
    // Also if the first cancel never takes effect: the message then contradicts tracking.
    let already = shipment.cancelled_from.is_some() || shipment.cancel_ignored || code == status::CANCELLED;
    let charged = shipment.charged_paise;
    let effect = if let Some(text) = refuse {
        Effect::refused(state, &[text])
    } else if already {
        match state.faults().second_cancel {
            SecondCancel::Succeed => Effect::new(What::Repeated, Reply::done(ACCEPTED)),
            SecondCancel::Refuse => Effect::refused(state, &["Order is already cancelled.".to_owned()]),
        }
    } else if status::before_pickup(code) {
        accepted(state, charged, now)
    } else {
        // A refusal, although its text contains "cancelled".
        Effect::refused(state, &["Order can not be cancelled at this stage.".to_owned()])
    };
    Effect { reference, awb: Some(awb), ..effect }
}

fn accepted(state: &State, charged: i64, now: Timestamp) -> Effect {
    let effective_at = match state.faults().cancel_effect {
        TakesEffect::AtOnce => Some(now),
        TakesEffect::After(ms) => Some(now + Duration::from_millis(ms)),
        TakesEffect::Never => None,
    };
    let what = if effective_at.is_some() { What::Cancelled } else { What::Acknowledged };
    let refund = if state.faults().cancel_refunds && effective_at.is_some() { charged } else { 0 };
    Effect { effective_at, charged_paise: -refund, ..Effect::new(what, Reply::done(ACCEPTED)) }
}
