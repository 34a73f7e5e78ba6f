//! Why a person must look: the codes that people read and filters match; `needs_review: …` in the design.

use crate::provider::carrier::Cause;

pub const PROVIDER_UNREACHABLE: &str = "provider-unreachable";
/// The provider was there, and its account could not be used.
pub const ACCOUNT_HELD: &str = "account-held";
pub const INTERNAL_ERROR: &str = "internal-error";
pub const BOOKED_AWB_UNKNOWN: &str = "booked-awb-unknown";
pub const OUTCOME_UNKNOWN: &str = "outcome-unknown";
pub const OTHER_ENVIRONMENT: &str = "other-provider-environment";
pub const FOUND_CANCELLED: &str = "found-cancelled";
pub const SECOND_SHIPMENT: &str = "second-shipment";
/// Another system had taken it and left it open.
pub const IMPORTED_OPEN: &str = "imported-open";
pub const POISON: &str = "poison";
pub const AWB_OF_ANOTHER_ORDER: &str = "awb-of-another-order";
pub const CANCEL_UNCLEAR: &str = "cancel-unclear";
pub const CANCEL_UNCONFIRMED: &str = "cancel-unconfirmed";
pub const CANCEL_REFUSED: &str = "cancel-refused";

/// All of them.
pub const ALL: [&str; 13] = [
    PROVIDER_UNREACHABLE,
    ACCOUNT_HELD,
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

/// For what waited too long with the account held for `problem`.
pub(super) fn held(problem: &str) -> String {
    format!("{ACCOUNT_HELD}: {problem}: nothing could be sent in time")
}

/// For what waited too long, and the last call did nothing because of `cause`.
pub(super) fn waited_for(cause: &Cause) -> String {
    match cause {
        Cause::Account(problem, _) => held(problem.as_str()),
        cause => format!("{PROVIDER_UNREACHABLE}: {cause}"),
    }
}
