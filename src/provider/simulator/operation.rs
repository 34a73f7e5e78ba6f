//! What a call is for.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Operation {
    Create,
    Cancel,
    Track,
    Label,
    WarehouseCreate,
    WarehouseList,
    WarehouseRemove,
    /// A shipment moved over the admin surface; no call of a client.
    Status,
    /// A path or verb that does not exist.
    Unknown,
}
