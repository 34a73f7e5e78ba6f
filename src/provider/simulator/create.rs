//! `create_order`: one call books the courier, charges the wallet and returns the AWB.

use serde::Serialize;

use super::{
    call::{Call, Distortion, Effect, Reply},
    check::{self, Order},
    faults::Duplicate,
    ledger::{Booking, What},
    shipments::Shipment,
    state::State,
};
use crate::base::timestamp::Timestamp;

pub(super) fn run(
    state: &mut State,
    call: &Call,
    refuse: Option<String>,
    distortion: Distortion,
    now: Timestamp,
) -> Effect {
    let reference = call.text("client_order_id");
    let effect = match refuse {
        Some(text) => Effect::refused(state, &[text]),
        None => match check::order(&call.body, state) {
            Ok(order) => place(state, &order, distortion, now),
            Err(faults) => Effect::refused(state, &faults),
        },
    };
    Effect { reference, ..effect }
}

fn place(state: &mut State, order: &Order, distortion: Distortion, now: Timestamp) -> Effect {
    let charge = charge(order);
    let duplicate = state.faults().duplicate;
    let earlier =
        state.shipments().by_reference(&order.reference, now).map(|s| (s.awb.clone(), s.booking.clone()));
    let charged_paise = match (&earlier, duplicate) {
        (Some(_), Duplicate::Refuse) => {
            return Effect::refused(state, &["Order id already exists.".to_owned()]);
        }
        (Some(_), Duplicate::SameAwb) => 0,
        _ => charge,
    };
    if charged_paise > state.faults().wallet_paise {
        return Effect::refused(state, &["Insuffiecient Balance".to_owned()]);
    }
    let (what, awb, booking) = match earlier {
        Some((awb, booking)) if duplicate != Duplicate::NewAwb => (What::Repeated, awb, booking),
        _ => {
            let serial = state.next_serial();
            (What::Booked, awb(serial, order.courier.awb_digits), booking(order, serial))
        }
    };
    let reply = answer(state, &order.reference, &awb, &booking, distortion);
    let new = (what == What::Booked).then_some(booking);
    Effect { awb: Some(awb), charged_paise, booking: new, ..Effect::new(what, reply) }
}

/// 45 rupees for the first half kilogram, 30 for each further half kilogram or part of one, 50 % more by air,
/// and 30 for cash on delivery.
fn charge(order: &Order) -> i64 {
    let further = order.grams.saturating_sub(1) / 500;
    let freight = 4_500 + 3_000 * further.max(0);
    let freight = if order.express_type == "air" { freight * 3 / 2 } else { freight };
    freight + if order.cod { 3_000 } else { 0 }
}

/// The digits of the serial number in reverse order, and a check digit: looks like a courier's number, is
/// unique, and starts with a zero in one of ten cases.
fn awb(serial: u64, digits: usize) -> String {
    let width = digits.saturating_sub(1);
    let body: String = format!("{serial:0width$}").chars().rev().collect();
    let sum: u64 =
        (1..).zip(body.bytes()).map(|(weight, b)| weight * u64::from(b.saturating_sub(b'0'))).sum();
    format!("{body}{}", sum % 11 % 10)
}

fn booking(order: &Order, serial: u64) -> Booking {
    let hub = match order.pincode.as_bytes().first() {
        Some(b'1') => "DEL/NDC",
        Some(b'2') => "LKO/CHK",
        Some(b'3') => "JAI/SGN",
        Some(b'4') => "BOM/BWD",
        Some(b'5') => "BLR/KIS",
        Some(b'6') => "MAA/GDY",
        Some(b'7') => "CCU/DNK",
        Some(b'8') => "PAT/KKB",
        _ => "APS/BSE",
    };
    Booking {
        serial,
        order_number: (90_000_000 + serial).to_string(),
        // In the captured answers, a number for one courier and an empty string for another.
        pickup_id: if order.courier.awb_digits == 14 {
            (4_000_000 + serial).to_string()
        } else {
            String::new()
        },
        routing_code: hub.to_owned(),
        courier_code: order.courier.code.to_owned(),
        courier_name: order.courier.name.to_owned(),
        payment_mode: if order.cod { "COD" } else { "PPD" }.to_owned(),
        cod_paise: order.cod_paise,
        grams: order.grams,
        express_type: order.express_type.clone(),
        pick_address_id: order.pick_address_id.clone(),
    }
}

#[derive(Serialize)]
struct Placed<'a> {
    status: bool,
    responsemsg: &'static str,
    data: Data<'a>,
}

/// The keys are in the order of the captured answers.
#[derive(Serialize)]
struct Data<'a> {
    awb_number: &'a str,
    order_number: &'a str,
    job_id: Option<&'a str>,
    lrnum: &'static str,
    waybills_num_json: Option<&'a str>,
    lable_data: Option<&'a str>,
    routing_code: &'a str,
    payment_mode: &'a str,
    client_order_id: &'a str,
    partner_display_name: &'a str,
    courier_code: &'a str,
    pickup_id: &'a str,
    courier_name: &'a str,
}

fn answer(state: &State, reference: &str, awb: &str, booking: &Booking, distortion: Distortion) -> Reply {
    let other: Option<&Shipment> = state.shipments().of_another(reference);
    let made_up = format!("{reference}-X");
    let data = Data {
        awb_number: match (distortion, other) {
            (Distortion::WithoutAwb, _) => "",
            (Distortion::AwbOfAnother, Some(other)) => &other.awb,
            _ => awb,
        },
        order_number: &booking.order_number,
        job_id: None,
        lrnum: "",
        waybills_num_json: None,
        lable_data: None,
        routing_code: &booking.routing_code,
        payment_mode: &booking.payment_mode,
        client_order_id: match (distortion, other) {
            (Distortion::OtherReference, Some(other)) => &other.reference,
            (Distortion::OtherReference, None) => &made_up,
            _ => reference,
        },
        partner_display_name: &booking.courier_name,
        courier_code: &booking.courier_code,
        pickup_id: &booking.pickup_id,
        courier_name: &booking.courier_name,
    };
    Reply::ok(&Placed { status: true, responsemsg: "Order Placed Successfully.", data })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn awbs_have_the_couriers_length_are_unique_and_some_start_with_a_zero() {
        for digits in [11, 14] {
            let all: BTreeSet<_> = (1..=5_000).map(|serial| awb(serial, digits)).collect();
            assert_eq!(all.len(), 5_000);
            assert!(all.iter().all(|a| a.len() == digits && a.bytes().all(|b| b.is_ascii_digit())));
            assert!(all.iter().any(|a| a.starts_with('0')));
        }
    }
}
