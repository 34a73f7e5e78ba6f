//! The same refusal for orders of several merchants in a row: then it is hardly about the orders.
//!
//! Guards against an account that the provider refuses in words that nobody has foreseen: each order that met
//! them would fail, one after the other. The orders that came before the row was full have failed: their
//! merchants have been told so, and may have acted on it. Sending them again is for an operator to decide
//! (`waybill review resend`).

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::base::timestamp::Timestamp;

/// In characters.
const SHORTEST_QUOTE: usize = 4;

/// For whom a call was made, as far as it may matter to the provider.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trier {
    pub merchant: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pick_address: Option<String>,
}

/// A refusal that a look-up has confirmed.
#[derive(Debug, Clone)]
pub struct Seen {
    pub by: Trier,
    pub order_id: String,
    /// The digest of what all of its kind have in common; see [`folded`].
    pub text: String,
    /// The provider's words as anybody may see them.
    pub words: String,
}

/// Refusals in a row, over all processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    pub text: String,
    /// The first order of each merchant.
    pub orders: Vec<Refused>,
    /// When it was last added to.
    pub at: Timestamp,
}

/// One of a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refused {
    #[serde(flatten)]
    pub by: Trier,
    pub order_id: String,
}

impl Seen {
    /// `words` are the provider's, `shown` as anybody may see them; `quotes` are texts of the order, which
    /// the provider may quote.
    #[must_use]
    pub fn new(by: Trier, order_id: &str, words: &str, shown: String, quotes: &[String]) -> Self {
        let own = without(words, quotes);
        // What a provider quotes that the order does not have must not be readable either.
        let digest = Sha256::digest(folded(&own)).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Self { by, order_id: order_id.to_owned(), text: digest, words: shown }
    }
}

impl Row {
    pub(super) fn new(seen: &Seen, now: Timestamp) -> Self {
        Self { text: seen.text.clone(), orders: Vec::new(), at: now }
    }

    pub(super) fn add(&mut self, seen: &Seen, now: Timestamp) {
        self.at = now;
        if self.orders.iter().all(|order| order.by.merchant != seen.by.merchant) {
            self.orders.push(Refused { by: seen.by.clone(), order_id: seen.order_id.clone() });
        }
    }

    /// Whether it has orders of `most` merchants.
    pub(super) fn is_full(&self, most: u32) -> bool {
        most > 0 && u32::try_from(self.orders.len()).unwrap_or(u32::MAX) >= most
    }

    pub(super) fn triers(&self) -> Vec<Trier> {
        self.orders.iter().map(|order| order.by.clone()).collect()
    }
}

/// `words` with a `#` in the place of each of the `quotes` that is long enough to be told from a word.
fn without(words: &str, quotes: &[String]) -> String {
    let mut quotes: Vec<_> = quotes.iter().map(|quote| quote.trim().to_lowercase()).collect();
    quotes.retain(|quote| quote.chars().count() >= SHORTEST_QUOTE);
    quotes.sort_by_key(|quote| std::cmp::Reverse(quote.len()));
    quotes.iter().fold(words.to_lowercase(), |words, quote| words.replace(quote.as_str(), " 0 "))
}

/// What refusals of one kind have in common: words in small letters. What stands in quotation marks, was
/// masked, or has digits in it is folded into `#`; so are several of these in a row.
#[must_use]
pub fn folded(words: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (at, part) in words.split(['"', '\u{201c}', '\u{201d}', '`']).enumerate() {
        let quoted = at % 2 == 1;
        let single = quoted.then(|| "#".to_owned());
        let words = part.split_whitespace().filter(|_| !quoted).map(fold_word);
        for word in words.chain(single).filter(|word| !word.is_empty()) {
            if word != "#" || parts.last().is_none_or(|last| last != "#") {
                parts.push(word);
            }
        }
    }
    parts.join(" ")
}

/// A word in single quotation marks is a quote; an apostrophe is not.
fn fold_word(word: &str) -> String {
    let quoted =
        word.len() > 2 && word.starts_with('\'') && word.trim_end_matches(['.', ',']).ends_with('\'');
    if quoted || word.contains("[…]") || word.contains(char::is_numeric) {
        return "#".to_owned();
    }
    word.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_that_differ_by_what_they_quote_are_the_same() {
        for (one, other) in [
            ("Order ORD-7K2M9QXW4TBHA: you cannot ship today.", "Order ORD-1: You cannot ship today"),
            ("Store \"Asha's mugs\" has no plan", "Store \"B\" has no plan"),
            ("Plan 'gold' ended at 12:30", "Plan 'silver' ended at 9:05"),
            ("Mobile […] […] is wrong", "Mobile […] is wrong"),
            ("  No   plan ", "no plan!"),
        ] {
            assert_eq!(folded(one), folded(other));
        }
        for (one, other) in [("No plan", "No plane"), ("Pincode not serviceable", "Pick address not found")] {
            assert_ne!(folded(one), folded(other));
        }
        let of = |words: &str, quote: &str| folded(&without(words, &[quote.to_owned()]));
        assert_eq!(
            of("Product Blue mug is banned", "Blue mug"),
            of("Product New Balance 5 is banned", "New Balance 5")
        );
        assert_eq!(folded("Don't ship \"x\" now"), "dont ship # now");
    }
}
