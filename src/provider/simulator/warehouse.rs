//! A pickup address, and the ones that every account has in the simulator.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The id of the first new warehouse.
pub(super) const FIRST_NEW: u64 = 10_004;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Warehouse {
    pub id: u64,
    pub title: String,
    pub sender_name: String,
    pub full_address: String,
    pub phone: String,
    pub pincode: String,
}

/// The addresses of every account at the start: 10001, 10002 and 10003.
pub(super) fn preloaded() -> BTreeMap<u64, Warehouse> {
    let one = |id: u64, title: &str, pincode: &str| Warehouse {
        id,
        title: title.to_owned(),
        sender_name: "Example Traders".to_owned(),
        full_address: format!("{} Demo Road", id % 100),
        phone: "9000000002".to_owned(),
        pincode: pincode.to_owned(),
    };
    [
        one(10_001, "Main store 1", "560002"),
        one(10_002, "North store 1", "110001"),
        one(10_003, "West store 1", "400001"),
    ]
    .into_iter()
    .map(|w| (w.id, w))
    .collect()
}
