//! Whether a no says that something is still being made.
//!
//! Guards against a second shipment: who is still making the AWB of an order has taken it.

/// Words in this order, with at most [`GAP`] others in between.
const PHRASES: [&[&str]; 3] =
    [&["being", "generated"], &["not", "generated", "yet"], &["not", "yet", "generated"]];
const GAP: usize = 3;
/// Beginnings of words for what there is only of an order that is taken.
const OF_A_PARCEL: [&str; 9] =
    ["awb", "waybill", "label", "shipment", "order", "consignment", "docket", "tracking", "parcel"];

/// Whether `text` says that something is not there yet and is to come, such as a label.
#[must_use]
pub(super) fn is_coming(text: &str) -> bool {
    let text = text.to_lowercase();
    let words = words_of(&text);
    PHRASES.iter().any(|phrase| stands_in(phrase, &words))
}

/// The same of an order's AWB, label or shipment.
#[must_use]
pub(super) fn parcel_is_coming(text: &str) -> bool {
    let lower = text.to_lowercase();
    let names = |word: &&str| OF_A_PARCEL.iter().any(|start| word.starts_with(start));
    words_of(&lower).iter().any(names) && is_coming(text)
}

fn words_of(text: &str) -> Vec<&str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect()
}

fn stands_in(phrase: &[&str], words: &[&str]) -> bool {
    let Some((first, rest)) = phrase.split_first() else { return true };
    let mut begins = words.iter().enumerate().filter(|(_, word)| *word == first);
    begins.any(|(at, _)| goes_on(rest, words.get(at + 1..).unwrap_or_default()))
}

fn goes_on(phrase: &[&str], words: &[&str]) -> bool {
    let Some((first, rest)) = phrase.split_first() else { return true };
    let mut near = words.iter().enumerate().take(GAP + 1).filter(|(_, word)| *word == first);
    near.any(|(at, _)| goes_on(rest, words.get(at + 1..).unwrap_or_default()))
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
