//! Whether two requests ask for the same.
//!
//! Guards against a replay that is taken for another order. It is taken from the parsed fields (trimmed,
//! enums folded, paise, grams), and optional ones at their default count as absent, so that it does not
//! matter how a request was written; from a form of its own, so that it does not matter how orders are
//! stored; and of a new request in the version that the stored order has, so that a new version does not turn
//! replays of older orders into other orders.
//!
//! A version that this binary does not know (a newer one wrote the order, in a rolling deploy) cannot be
//! compared: then nothing is the same. That refuses a replay, which may be repeated, and never ships.

use std::fmt::Write;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::payload::{INDIA, NewOrder};
use crate::provider::carrier::{AddressType, ExpressType, Item, Measure, OrderPayload, PaymentMethod};

/// What an order was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Which form it was taken from: only equal versions can be compared.
    v: u8,
    /// SHA-256, hexadecimal.
    sha256: String,
}

/// Writes a request in one version's form.
type WriteForm = fn(&mut Form, Option<&str>, &OrderPayload);

/// Every version ever written, newest last. A new field or another order of fields is a new version; an old
/// one is never changed.
const VERSIONS: &[(u8, WriteForm)] = &[
    #[cfg(any(test, feature = "fault-points"))] // there must be an older one to test with
    (0, |form, client_order_id, payload| {
        form.text("test", Some("version 0"));
        version_1(form, client_order_id, payload);
    }),
    (1, version_1),
];

impl Fingerprint {
    /// Of a request, in the newest version.
    #[must_use]
    pub fn of(order: &NewOrder) -> Self {
        Self::new(order.client_order_id.as_deref(), &order.payload)
    }

    pub(super) fn new(client_order_id: Option<&str>, payload: &OrderPayload) -> Self {
        let newest = VERSIONS.last().map_or(1, |(v, _)| *v);
        // The newest version is in the list.
        let sha256 = sha256(newest, client_order_id, payload).unwrap_or_default();
        Self { v: newest, sha256 }
    }

    /// In one version; nothing if that is unknown.
    #[must_use]
    pub fn in_version(v: u8, order: &NewOrder) -> Option<Self> {
        let sha256 = sha256(v, order.client_order_id.as_deref(), &order.payload)?;
        Some(Self { v, sha256 })
    }

    /// Whether it was taken from the same request.
    #[must_use]
    pub fn is_of(&self, client_order_id: Option<&str>, payload: &OrderPayload) -> bool {
        sha256(self.v, client_order_id, payload).is_some_and(|sha256| sha256 == self.sha256)
    }
}

fn sha256(v: u8, client_order_id: Option<&str>, payload: &OrderPayload) -> Option<String> {
    let (_, write) = VERSIONS.iter().find(|(version, _)| *version == v)?;
    let mut form = Form(Sha256::new());
    write(&mut form, client_order_id, payload);
    let mut text = String::with_capacity(64);
    for byte in form.0.finalize() {
        // Writing to a string cannot fail.
        write!(text, "{byte:02x}").ok()?;
    }
    Some(text)
}

/// Fields one after the other, each with its name and its length: no two requests make the same bytes.
struct Form(Sha256);

impl Form {
    /// One that is absent leaves nothing.
    fn text(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.0.update(format!("{name}:{}=", text.len()));
            self.0.update(text);
        }
    }

    fn number(&mut self, name: &str, number: impl Into<i64>) {
        self.text(name, Some(&number.into().to_string()));
    }

    fn list<const P: u32, const MIN: i64, const MAX: i64>(
        &mut self,
        name: &str,
        list: &[Measure<P, MIN, MAX>],
    ) {
        self.number(name, i64::try_from(list.len()).unwrap_or(i64::MAX));
        list.iter().for_each(|one| self.number("", one.units()));
    }
}

fn version_1(form: &mut Form, client_order_id: Option<&str>, p: &OrderPayload) {
    form.text("clientOrderId", client_order_id);
    form.text("invoiceNumber", Some(&p.invoice_number));
    form.text(
        "paymentMethod",
        Some(match p.payment_method {
            PaymentMethod::Cod => "COD",
            PaymentMethod::Prepaid => "PREPAID",
        }),
    );
    form.text(
        "expressType",
        Some(match p.express_type {
            ExpressType::Air => "air",
            ExpressType::Surface => "surface",
        }),
    );
    form.text("pickAddressId", Some(&p.pick_address_id));
    form.text("returnAddressId", p.return_address_id.as_deref());
    let c = &p.consignee;
    form.text("name", Some(&c.name));
    form.text("mobile", Some(&c.mobile));
    form.text("email", c.email.as_deref());
    form.text("phone", c.phone.as_deref());
    form.text("pincode", Some(&c.pincode));
    form.text("address1", Some(&c.address1));
    form.text("address2", c.address2.as_deref());
    form.text("city", Some(&c.city));
    form.text("state", Some(&c.state));
    form.text("country", Some(c.country.as_str()).filter(|country| *country != INDIA));
    form.text(
        "addressType",
        match c.address_type {
            AddressType::Home => Some("HOME"),
            AddressType::Office => Some("OFFICE"),
            AddressType::Other => None,
        },
    );
    form.number("items", i64::try_from(p.items.len()).unwrap_or(i64::MAX));
    p.items.iter().for_each(|item| item_1(form, item));
    form.number("orderAmount", p.charges.order_amount.paise());
    form.number("codAmount", p.charges.cod_amount.paise());
    form.number("taxAmount", p.charges.tax_amount.paise());
    form.number("extraCharges", p.charges.extra_charges.paise());
    form.list("width", &p.shipment.width);
    form.list("height", &p.shipment.height);
    form.list("length", &p.shipment.length);
    form.list("weight", &p.shipment.weight);
    form.number("mps", p.shipment.mps);
}

fn item_1(form: &mut Form, item: &Item) {
    form.text("sku", Some(&item.sku));
    form.text("name", Some(&item.name));
    form.text("category", item.category.as_deref());
    form.text("description", item.description.as_deref());
    form.text("hsn", item.hsn.as_deref());
    form.number("quantity", item.quantity);
    form.number("unitPrice", item.unit_price.paise());
    if !item.tax_percent.is_zero() {
        form.number("taxPercent", item.tax_percent.units());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::features::orders::request::CreateOrder;

    fn request(change: impl FnOnce(&mut Value)) -> NewOrder {
        let mut body = json!({
            "clientOrderId": "A-1", "invoiceNumber": "INV-1", "paymentMethod": "COD",
            "expressType": "surface", "pickAddressId": "61",
            "consignee": { "name": "A", "mobile": "9123456789", "pincode": "110001",
                "address1": "B", "city": "C", "state": "D" },
            "items": [{ "sku": "E", "name": "F", "quantity": 1, "unitPrice": 10 }],
            "charges": { "orderAmount": 10, "codAmount": 10 },
            "shipment": { "width": [1], "height": [2], "length": [3], "weight": [0.5] },
        });
        change(&mut body);
        NewOrder::from(serde_json::from_value::<CreateOrder>(body).unwrap())
    }

    fn is_of(fingerprint: &Fingerprint, order: &NewOrder) -> bool {
        fingerprint.is_of(order.client_order_id.as_deref(), &order.payload)
    }

    #[test]
    fn every_version_is_compared_in_its_own_form() {
        let (same, other) = (request(|_| {}), request(|body| body["invoiceNumber"] = json!("INV-other")));
        let newest = Fingerprint::of(&same);
        for (v, _) in VERSIONS {
            let stored = Fingerprint::in_version(*v, &same).unwrap();
            assert!(is_of(&stored, &same) && !is_of(&stored, &other), "version {v}");
        }
        let old = Fingerprint::in_version(0, &same).unwrap();
        assert_ne!(old.sha256, newest.sha256, "the versions differ, or this proves nothing");
    }

    #[test]
    fn what_a_newer_binary_wrote_is_nobody_s() {
        let same = request(|_| {});
        let newer = Fingerprint { v: 200, ..Fingerprint::of(&same) };
        assert!(!is_of(&newer, &same));
        assert_eq!(Fingerprint::in_version(200, &same), None);
    }

    /// Stored orders hold this: it may only change with a new version.
    #[test]
    fn version_1_stays_as_it_is() {
        let newest = Fingerprint::of(&request(|_| {}));
        assert_eq!(
            (newest.v, newest.sha256.as_str()),
            (1, "d262b49b98b4c29a37bf7c50da671898676422e8af74d271b324853f68d1a352")
        );
    }

    #[test]
    fn every_field_of_an_item_counts_whatever_its_stored_form() {
        let first = Fingerprint::of(&request(|_| {}));
        for (field, value) in [
            ("sku", json!("other")),
            ("name", json!("other")),
            ("category", json!("other")),
            ("description", json!("other")),
            ("hsn", json!("1234")),
            ("quantity", json!(77)),
            ("unitPrice", json!("77.01")),
            ("taxPercent", json!(7.5)),
        ] {
            let other = request(|body| body["items"][0][field] = value.clone());
            assert!(!is_of(&first, &other), "{field}");
        }
        let default = request(|body| body["items"][0]["taxPercent"] = json!(0));
        assert!(is_of(&first, &default), "a default counts as absent");
    }

    #[test]
    fn what_stands_in_one_field_does_not_stand_for_another() {
        let with = |field: &str, value: &str| request(|body| body["items"][0][field] = json!(value));
        let moved = Fingerprint::of(&with("category", "x"));
        assert!(!is_of(&moved, &with("description", "x")) && !is_of(&moved, &with("category", "x3:hsn=1")));
    }
}
