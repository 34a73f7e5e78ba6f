//! `track_order`: by `awb`, or by `channel_order_no`, the only known look-up by the client's own reference.

use std::time::Duration;

use serde::Serialize;

use super::{
    call::{Call, Distortion, Effect, Reply},
    faults::{Lookup, TrackOrder},
    ledger::What,
    shipments::Shipment,
    state::State,
    status::{self, Event, event},
};
use crate::base::timestamp::Timestamp;

const NOTHING: &str = "No shipment found.";

pub(super) fn run(state: &mut State, call: &Call, distortion: Distortion, now: Timestamp) -> Effect {
    let lookup = state.faults().lookup;
    let (found, by_reference) = match (call.parameter("awb"), call.parameter("channel_order_no")) {
        (Some(awb), _) => (state.shipments().get(awb), false),
        (None, Some(reference)) => {
            (state.shipments().by_reference(reference, now).filter(|s| visible(s, lookup, now)), true)
        }
        (None, None) => return Effect::refused(state, &["awb is required.".to_owned()]),
    };
    let Some(shipment) = found else {
        let reference = call.reference(state);
        let awb = call.parameter("awb").map(str::to_owned);
        return Effect { reference, awb, ..Effect::not_found(state, NOTHING) };
    };
    let awb = match distortion {
        Distortion::WithoutAwb => None,
        Distortion::AwbOfAnother => {
            Some(state.shipments().of_another(&shipment.reference).unwrap_or(shipment).awb.as_str())
        }
        _ if by_reference && lookup == Lookup::WithoutAwb => None,
        _ => Some(shipment.awb.as_str()),
    };
    let reply = Reply::ok(&answer(state, shipment, awb, now));
    Effect {
        reference: Some(shipment.reference.clone()),
        awb: Some(shipment.awb.clone()),
        ..Effect::new(What::Found, reply)
    }
}

fn visible(shipment: &Shipment, lookup: Lookup, now: Timestamp) -> bool {
    match lookup {
        Lookup::Works | Lookup::WithoutAwb => true,
        Lookup::After(ms) => now >= shipment.booked_at + Duration::from_millis(ms),
        Lookup::Never => false,
    }
}

#[derive(Serialize)]
struct Tracked<'a> {
    status: bool,
    /// Next to `data`, not inside it.
    current_status: Current<'a>,
    data: Vec<Event>,
}

#[derive(Serialize)]
struct Current<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    awb: Option<&'a str>,
    #[serde(flatten)]
    event: Event,
}

fn answer<'a>(state: &State, shipment: &Shipment, awb: Option<&'a str>, now: Timestamp) -> Tracked<'a> {
    let ids = state.faults().ids;
    let events = shipment.events(now);
    let (at, code) = events.last().copied().unwrap_or((shipment.booked_at, status::BOOKED));
    let mut data: Vec<_> = events.iter().map(|(at, code)| event(*at, *code, ids)).collect();
    if state.faults().track_order == TrackOrder::NewestFirst {
        data.reverse();
    }
    Tracked { status: true, current_status: Current { awb, event: event(at, code, ids) }, data }
}
