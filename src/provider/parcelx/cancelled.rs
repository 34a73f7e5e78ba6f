//! Whether a refusal of a cancel says that the shipment is cancelled already.
//!
//! Guards against a person for each parcel that the courier has picked up already, and against an order that
//! is called live because a repeated cancel was refused.

/// Words that may stand between "already" and what has happened.
const LINKS: [&str; 14] =
    ["been", "be", "is", "was", "has", "have", "got", "get", "to", "as", "in", "marked", "fully", "a"];
const NEGATIONS: [&str; 7] = ["not", "cannot", "never", "no", "unable", "t", "without"];
/// With one of these behind it, "already" is still of what stands before it: "cancelled already by you".
const CIRCUMSTANCES: [&str; 7] = ["by", "on", "at", "from", "earlier", "before", "and"];
/// What has become of a cancel that was asked for before.
const UNDER_WAY: [&str; 16] = [
    "requested",
    "submitted",
    "received",
    "accepted",
    "processed",
    "initiated",
    "done",
    "completed",
    "raised",
    "placed",
    "progress",
    "process",
    "processing",
    "pending",
    "sent",
    "under",
];

/// Whether a refusal says that the shipment is cancelled already, and not that something else has happened to
/// it: "already picked" is a plain no, also where it says that nothing can be cancelled any more.
#[must_use]
pub(super) fn says_cancelled(words: &str) -> bool {
    let words = words.to_lowercase();
    let parts = words.split([':', ';', ',', '.', '(', ')']);
    parts.into_iter().any(says_cancelled_in)
}

fn says_cancelled_in(part: &str) -> bool {
    let words: Vec<_> = part.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
    words.iter().enumerate().filter(|(_, word)| **word == "already").any(|(at, _)| {
        let (before, after) = words.split_at(at);
        is_cancelled(before, after.get(1..).unwrap_or_default())
    })
}

/// What stands `before` and `after` an "already".
fn is_cancelled(before: &[&str], after: &[&str]) -> bool {
    let mut before = before.iter().rev().copied().filter(|word| !LINKS.contains(word));
    let (last, last_but_one) = (before.next().unwrap_or_default(), before.next().unwrap_or_default());
    let next = after.iter().copied().find(|word| !LINKS.contains(word)).unwrap_or_default();
    let participle = |word| ["cancelled", "canceled"].contains(&word);
    // "is already cancelled"; what cannot be done to a cancelled order does not deny that it is one.
    if participle(next) {
        return !NEGATIONS.contains(&last);
    }
    // "was cancelled already", but not "can not be cancelled already picked".
    if participle(last) {
        let ends = after.first().is_none_or(|word| CIRCUMSTANCES.contains(word));
        return ends && !NEGATIONS.contains(&last_but_one);
    }
    // "cancellation already requested", "cancel request already received".
    let asked = last.starts_with("cancellation") || (last == "request" && last_but_one.starts_with("cancel"));
    if UNDER_WAY.contains(&next) && asked {
        return true;
    }
    // "already sent for cancellation", but not "already sent cancellation not allowed".
    let mut rest = after.iter().copied().filter(|word| !LINKS.contains(word) && *word != "for").skip(1);
    let of_cancel = rest.next().is_some_and(|word| word.starts_with("cancel"));
    of_cancel && UNDER_WAY.contains(&next) && !after.iter().any(|word| NEGATIONS.contains(word))
}

#[cfg(test)]
mod tests {
    use super::says_cancelled;

    #[test]
    fn only_what_is_cancelled_already_is_not_plainly_refused() {
        for words in [
            "Order is already cancelled",
            "Order is already cancelled.",
            "already been canceled",
            "Shipment cancelled already",
            "Shipment was cancelled already by the seller",
            "Cannot cancel: order already cancelled",
            "Cannot cancel an already cancelled order",
            "Shipment already marked as cancelled",
            "Order already in cancelled state",
            "Cancellation already requested",
            "Cancellation request already received",
            "Cancel request has already been accepted",
            "Cancellation already in progress",
            "Cancellation is already under process",
            "Cancellation request already pending",
            "Order already sent for cancellation",
            "already requested for cancellation",
            "Order is already under cancellation",
        ] {
            assert!(says_cancelled(words), "{words}");
        }
        for words in [
            "Order already picked",
            "already dispatched",
            "Shipment already shipped",
            "Cannot be cancelled: already picked up",
            "Cancellation not allowed",
            "Cannot cancel already picked order",
            "Order already shipped cannot cancel",
            "Unable to cancel already manifested shipment",
            "Shipment can not be cancelled already picked up",
            "Shipment cannot be cancelled already in transit",
            "already picked - cancel not allowed",
            "Order already picked cannot be cancelled",
            "Cancellation not possible already picked",
            "Unable to be cancelled already",
            "Order is not already cancelled",
            "Pickup has already been done",
            "Order already in progress",
            "Shipment already sent",
            "Already processed cancellation not allowed",
            "Order already processed cannot cancel",
            "Pickup already in process",
        ] {
            assert!(!says_cancelled(words), "{words}");
        }
    }
}
