//! Pickup addresses: create (both API versions), list and remove (version 3).

use serde_json::{Value, json};

use super::{
    call::{Call, Effect, Reply},
    faults::Ids,
    ledger::What,
    state::State,
    warehouse::Warehouse,
};

fn id_value(id: u64, ids: Ids) -> Value {
    match ids {
        Ids::Numbers => Value::from(id),
        Ids::Strings => Value::from(id.to_string()),
    }
}

pub(super) fn create(state: &mut State, call: &Call) -> Effect {
    let names = ["address_title", "sender_name", "full_address", "phone", "pincode"];
    let fields = names.map(|name| call.text(name));
    let mut faults: Vec<_> = names
        .iter()
        .zip(&fields)
        .filter(|(_, field)| field.is_none())
        .map(|(name, _)| format!("{name} is required."))
        .collect();
    let [title, sender_name, full_address, phone, pincode] = fields.map(Option::unwrap_or_default);
    let digits = |text: &str, count: usize| {
        text.is_empty() || (text.len() == count && text.bytes().all(|b| b.is_ascii_digit()))
    };
    if !digits(&phone, 10) {
        faults.push("phone must have 10 digits.".to_owned());
    }
    if !digits(&pincode, 6) {
        faults.push("pincode must have 6 digits.".to_owned());
    }
    if state.warehouses.values().any(|w| w.title == title) {
        faults.push("address_title is taken.".to_owned());
    }
    if !faults.is_empty() {
        return Effect::refused(state, &faults);
    }
    let warehouse =
        Warehouse { id: state.next_warehouse(), title, sender_name, full_address, phone, pincode };
    let id = id_value(warehouse.id, state.faults().ids);
    let reply = Reply::ok(&json!({
        "status": true, "responsemsg": "Warehouse Created Successfully.", "data": { "pick_address_id": id }
    }));
    Effect { warehouse: Some(warehouse), ..Effect::new(What::Added, reply) }
}

/// `ciity` is ParcelX's own spelling.
pub(super) fn list(state: &State) -> Effect {
    let ids = state.faults().ids;
    let row = |w: &Warehouse| {
        let (city, region) = match w.pincode.as_bytes().first() {
            Some(b'1') => ("New Delhi", "Delhi"),
            Some(b'4') => ("Mumbai", "Maharashtra"),
            Some(b'6') => ("Chennai", "Tamil Nadu"),
            Some(b'7') => ("Kolkata", "West Bengal"),
            _ => ("Bengaluru", "Karnataka"),
        };
        json!({
            "warehouse_id": id_value(w.id, ids), "title": w.title, "addressee": w.sender_name,
            "full_address": w.full_address, "ciity": city, "state": region, "pincode": w.pincode,
            "phone": w.phone,
        })
    };
    let rows: Vec<_> = state.warehouses.values().map(row).collect();
    Effect::new(What::Found, Reply::ok(&json!({ "status": true, "data": rows })))
}

pub(super) fn remove(state: &mut State, call: &Call) -> Effect {
    let Some(id) = call.text("warehouse_id") else {
        return Effect::refused(state, &["warehouse_id is required.".to_owned()]);
    };
    match id.parse::<u64>().ok().and_then(|id| state.warehouses.get(&id)).cloned() {
        Some(warehouse) => Effect {
            warehouse: Some(warehouse),
            ..Effect::new(What::Removed, Reply::done("Warehouse Removed Successfully."))
        },
        None => Effect::not_found(state, "Warehouse not found."),
    }
}
