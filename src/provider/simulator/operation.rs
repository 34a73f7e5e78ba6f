//! The operations of the API.

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
    /// A shipment moved through the admin routes; not a client's call.
    Status,
    /// A path or method that does not exist.
    Unknown,
}
