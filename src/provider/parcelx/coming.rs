//! Whether a no says that something is still being made.
//!
//! Guards against a second shipment: who is still making the AWB of an order has taken it.

use std::sync::LazyLock;

use crate::platform::config::Phrases;

static COMING: LazyLock<Phrases> =
    LazyLock::new(|| Phrases::of(&["being generated", "not generated yet", "not yet generated"]));
/// Beginnings of words for what there is only of an order that is taken.
static OF_A_PARCEL: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::of(&[
        "awb",
        "waybill",
        "label",
        "shipment",
        "order",
        "consignment",
        "docket",
        "tracking",
        "parcel",
    ])
});

/// Whether `text` says that something is not there yet and is to come, such as a label.
#[must_use]
pub(super) fn is_coming(text: &str) -> bool {
    COMING.found_in(text)
}

/// The same of an order's AWB, label or shipment.
#[must_use]
pub(super) fn parcel_is_coming(text: &str) -> bool {
    OF_A_PARCEL.found_in(text) && is_coming(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_still_being_made() {
        for words in [
            "AWB is being generated",
            "Label is being generated, try again later",
            "Shipment not generated yet",
            "AWB has not been generated yet",
            "Waybill NOT YET generated",
        ] {
            assert!(is_coming(words) && parcel_is_coming(words), "{words}");
        }
        assert!(is_coming("OTP is being generated") && !parcel_is_coming("OTP is being generated"));
        for words in ["", "AWB not generated", "AWB could not be generated for this order", "Not yet"] {
            assert!(!is_coming(words) && !parcel_is_coming(words), "{words}");
        }
    }
}
