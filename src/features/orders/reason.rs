//! Why a person must look: the codes that people read and filters match; `needs_review: …` in the design.

pub const PROVIDER_UNREACHABLE: &str = "provider-unreachable";
pub const INTERNAL_ERROR: &str = "internal-error";
pub const BOOKED_AWB_UNKNOWN: &str = "booked-awb-unknown";
pub const OUTCOME_UNKNOWN: &str = "outcome-unknown";
pub const OTHER_ENVIRONMENT: &str = "other-provider-environment";
pub const FOUND_CANCELLED: &str = "found-cancelled";
pub const SECOND_SHIPMENT: &str = "second-shipment";
pub const POISON: &str = "poison";
pub const AWB_OF_ANOTHER_ORDER: &str = "awb-of-another-order";
pub const CANCEL_UNCLEAR: &str = "cancel-unclear";
pub const CANCEL_UNCONFIRMED: &str = "cancel-unconfirmed";
pub const CANCEL_REFUSED: &str = "cancel-refused";

/// All of them.
pub const ALL: [&str; 12] = [
    PROVIDER_UNREACHABLE,
    INTERNAL_ERROR,
    BOOKED_AWB_UNKNOWN,
    OUTCOME_UNKNOWN,
    OTHER_ENVIRONMENT,
    FOUND_CANCELLED,
    SECOND_SHIPMENT,
    POISON,
    AWB_OF_ANOTHER_ORDER,
    CANCEL_UNCLEAR,
    CANCEL_UNCONFIRMED,
    CANCEL_REFUSED,
];
