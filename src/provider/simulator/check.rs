//! The rules for a create body, as far as they are known or assumed for the real service.
//!
//! As lenient as the real service: numbers may be strings or JSON numbers, unknown fields are ignored. All
//! errors are reported at once.

use serde_json::{Map, Value};

use super::{call::text, state::State};

/// The heaviest box that is accepted; `500` would come from a client that sends grams.
const MAX_GRAMS: i64 = 50_000;
/// The longest side of a box, in hundredths of a centimetre.
const MAX_SIDE: i64 = 30_000;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Courier {
    pub(super) code: &'static str,
    pub(super) name: &'static str,
    pub(super) awb_digits: usize,
}

const COURIERS: &[Courier] = &[
    Courier { code: "PXDEL01", name: "Delhivery", awb_digits: 14 },
    Courier { code: "PXBDE01", name: "Blue Dart", awb_digits: 11 },
    Courier { code: "PXA01", name: "Amazon", awb_digits: 14 },
    Courier { code: "PXXBS02", name: "XpressBees", awb_digits: 14 },
    Courier { code: "PXEK02", name: "Ekart", awb_digits: 14 },
    Courier { code: "PXGATI01", name: "Gati", awb_digits: 11 },
    Courier { code: "PXSMUTI01", name: "Shree Maruti", awb_digits: 11 },
];

/// The parts of a valid body that a booking needs.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) reference: String,
    pub(super) pincode: String,
    pub(super) courier: &'static Courier,
    /// A `cod_amount` above zero means cash on delivery, whatever `payment_mode` is.
    pub(super) cod: bool,
    pub(super) cod_paise: i64,
    pub(super) grams: i64,
    pub(super) express_type: String,
    pub(super) pick_address_id: String,
}

/// # Errors
/// Every error in `body`, one sentence each.
pub(super) fn order(body: &Map<String, Value>, state: &State) -> Result<Order, Vec<String>> {
    let mut form = Form { body, faults: Vec::new() };
    let reference = form.text("client_order_id");
    for name in ["consignee_name", "consignee_address1"] {
        form.text(name);
    }
    form.digits("consignee_mobile", 10);
    let pincode = form.digits("consignee_pincode", 6);
    let express_type = form.one_of("express_type", &["surface", "air"]);
    let payment_mode = form.one_of("payment_mode", &["Cod", "Prepaid"]);
    let cod_paise = form.amount("cod_amount");
    form.amount("order_amount");
    form.products();
    let grams = form.boxes();
    let pick_address_id = form.text("pick_address_id");
    form.warehouse("pick_address_id", &pick_address_id, state);
    let return_address_id = body.get("return_address_id").and_then(text).unwrap_or_default();
    form.warehouse("return_address_id", &return_address_id, state);
    let courier = form.courier(state.faults().no_priority_list);
    if !pincode.is_empty() && state.faults().unserviceable.iter().any(|prefix| pincode.starts_with(prefix)) {
        form.fault(format!("Pincode {pincode} is not serviceable."));
    }
    match courier {
        Some(courier) if form.faults.is_empty() => {
            let cod = payment_mode == "Cod" || cod_paise > 0;
            Ok(Order { reference, pincode, courier, cod, cod_paise, grams, express_type, pick_address_id })
        }
        _ => Err(form.faults),
    }
}

struct Form<'a> {
    body: &'a Map<String, Value>,
    faults: Vec<String>,
}

impl Form<'_> {
    fn fault(&mut self, text: String) {
        self.faults.push(text);
    }

    /// A required string; if it is missing, empty with an error.
    fn text(&mut self, name: &str) -> String {
        self.body.get(name).and_then(text).unwrap_or_else(|| {
            self.fault(format!("{name} is required."));
            String::new()
        })
    }

    fn digits(&mut self, name: &str, count: usize) -> String {
        let found = self.text(name);
        if !found.is_empty() && (found.len() != count || !found.bytes().all(|b| b.is_ascii_digit())) {
            self.fault(format!("{name} must have {count} digits."));
        }
        found
    }

    fn one_of(&mut self, name: &str, choices: &[&str]) -> String {
        let found = self.text(name);
        if !found.is_empty() && !choices.contains(&found.as_str()) {
            self.fault(format!("{name} must be {}.", choices.join(" or ")));
        }
        found
    }

    /// Rupees, as paise.
    fn amount(&mut self, name: &str) -> i64 {
        let found = self.text(name);
        if found.is_empty() {
            return 0;
        }
        scaled(&found, 2).unwrap_or_else(|| {
            self.fault(format!("{name} must be an amount."));
            0
        })
    }

    fn products(&mut self) {
        let Some(Value::Array(products)) =
            self.body.get("products").filter(|p| p.as_array().is_some_and(|p| !p.is_empty()))
        else {
            return self.fault("products must hold at least one product.".to_owned());
        };
        for (number, product) in (1..).zip(products) {
            let field = |name: &str| product.get(name).and_then(text);
            for name in ["product_sku", "product_name"] {
                if field(name).is_none() {
                    self.fault(format!("{name} of product {number} is required."));
                }
            }
            if field("product_value").and_then(|v| scaled(&v, 2)).is_none() {
                self.fault(format!("product_value of product {number} must be an amount."));
            }
            if field("product_quantity").and_then(|v| v.parse::<u32>().ok()).is_none_or(|n| n == 0) {
                self.fault(format!("product_quantity of product {number} must be a whole number above 0."));
            }
        }
    }

    /// Checks the four lists of the boxes; returns the total weight in grams.
    fn boxes(&mut self) -> i64 {
        let lengths = ["shipment_length", "shipment_width", "shipment_height"]
            .map(|name| self.list(name, 2, MAX_SIDE).len());
        let weights = self.list("shipment_weight", 3, MAX_GRAMS);
        if lengths.iter().any(|n| *n != weights.len()) {
            self.fault(
                "shipment_length, _width, _height and _weight must have one entry per box.".to_owned(),
            );
        }
        weights.into_iter().sum()
    }

    /// An entry that is not a valid number is an error and counts as 0.
    fn list(&mut self, name: &str, places: usize, max: i64) -> Vec<i64> {
        let entries = self.body.get(name).and_then(Value::as_array).filter(|l| !l.is_empty());
        let Some(entries) = entries else {
            self.fault(format!("{name} must be a list with one entry per box."));
            return Vec::new();
        };
        let read =
            |entry: &Value| text(entry).and_then(|t| scaled(&t, places)).filter(|n| (1..=max).contains(n));
        let numbers: Vec<_> = entries.iter().map(read).collect();
        if numbers.contains(&None) {
            self.fault(format!("{name} is not valid."));
        }
        numbers.into_iter().flatten().chain(std::iter::repeat(0)).take(entries.len()).collect()
    }

    fn warehouse(&mut self, name: &str, id: &str, state: &State) {
        let known = id.parse::<u64>().is_ok_and(|id| state.warehouses.contains_key(&id));
        if !id.is_empty() && !known {
            self.fault(format!("{name} {id} is not a pickup address of this account."));
        }
    }

    fn courier(&mut self, no_priority_list: bool) -> Option<&'static Courier> {
        match self.one_of("courier_type", &["0", "1"]).as_str() {
            "0" if no_priority_list => {
                self.fault("Courier priority is not set.".to_owned());
                None
            }
            "0" => COURIERS.first(),
            "1" => {
                let code = self.text("courier_code");
                let found = COURIERS.iter().find(|c| c.code == code);
                if found.is_none() && !code.is_empty() {
                    self.fault(format!("Courier {code} is not active."));
                }
                found
            }
            _ => None,
        }
    }
}

/// A decimal without sign or exponent, in units of `10^-places`; further digits are cut off.
pub(super) fn scaled(decimal: &str, places: usize) -> Option<i64> {
    let (whole, finer) = decimal.split_once('.').unwrap_or((decimal, "0"));
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(finer) {
        return None;
    }
    let kept: String =
        whole.chars().chain(finer.chars().chain(std::iter::repeat('0')).take(places)).collect();
    kept.parse().ok()
}
