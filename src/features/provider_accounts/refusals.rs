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
/// A word of so many letters may be an id.
const SHORTEST_ID: usize = 8;
/// Of so many words all but one must be the same.
const FEWEST_WORDS: usize = 4;
/// Letters that often follow each other in English. Of the pairs in a word at least two in five are among
/// them; of those in an id, hardly ever.
const PAIRS: &str = "\
    ab ac ad ai al am an ap ar as at be bl ca ce ch ck co ct de di ea ec ed ee el em en ep er es et ev \
    ex fi ge ha he ho ic id ie il im in io is it ke la le li ll lo ma me mi mo mp nc nd ne ng no ns nt \
    od ol om on oo op or os ot ou ov ow pa pe pl po pr ra re ri ro rr rs rt se sh si ss st su ta te th \
    ti to tr ts ue un ur us ut ve wa";

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
    /// The same, with one long word taken for an id.
    likes: Vec<String>,
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
        let own = tokens(&without(words, quotes));
        let may_be_id = |at: &usize| own.get(*at).is_some_and(|word| word.chars().count() >= SHORTEST_ID);
        let ids = (0..own.len()).filter(|_| own.len() >= FEWEST_WORDS).filter(may_be_id);
        let likes = ids.map(|at| digest(&joined(&own, Some(at)))).collect();
        Self { by, order_id: order_id.to_owned(), text: digest(&joined(&own, None)), likes, words: shown }
    }

    /// Whether refusals of this `text` are the same: but for one long word in the place of what differs from
    /// order to order, which is no id by its looks.
    #[must_use]
    pub(super) fn is_like(&self, text: &str) -> bool {
        self.text == text || self.likes.iter().any(|like| like == text)
    }
}

/// What a provider quotes that the order does not have must not be readable either.
fn digest(text: &str) -> String {
    Sha256::digest(text).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
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
/// masked, has digits in it or looks like an id is folded into `#`; so are several of these in a row.
#[must_use]
pub fn folded(words: &str) -> String {
    joined(&tokens(words), None)
}

fn tokens(words: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    for (at, part) in words.split(['"', '\u{201c}', '\u{201d}', '`']).enumerate() {
        let quoted = at % 2 == 1;
        let single = quoted.then(|| "#".to_owned());
        let words = part.split_whitespace().filter(|_| !quoted).map(fold_word);
        tokens.extend(words.chain(single).filter(|word| !word.is_empty()));
    }
    tokens
}

/// The words, and `#` in the place of the one at `id`.
fn joined(tokens: &[String], id: Option<usize>) -> String {
    let words = tokens.iter().enumerate();
    let mut words: Vec<_> =
        words.map(|(at, word)| if Some(at) == id { "#" } else { word.as_str() }).collect();
    words.dedup_by(|word, before| *word == "#" && *before == "#");
    words.join(" ")
}

/// A word in single quotation marks is a quote; an apostrophe is not.
fn fold_word(word: &str) -> String {
    let quoted =
        word.len() > 2 && word.starts_with('\'') && word.trim_end_matches(['.', ',']).ends_with('\'');
    if quoted || word.contains("[…]") || word.contains(char::is_numeric) {
        return "#".to_owned();
    }
    let letters: String = word.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect();
    if is_made_up(&letters) { "#".to_owned() } else { letters }
}

/// An id of letters alone, another one each time.
fn is_made_up(word: &str) -> bool {
    if word.len() < SHORTEST_ID || !word.bytes().all(|b| b.is_ascii_lowercase()) {
        return false;
    }
    let pairs = word.chars().zip(word.chars().skip(1));
    let usual = pairs.filter(|(one, other)| PAIRS.contains(&format!("{one}{other}"))).count();
    usual * 5 < (word.len() - 1) * 2
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
            ("Seller off. trace kxvrsaknvwea", "Seller off. trace qzpwmtbhcjlo"),
            ("Trace wfgkdqxnzrtp: no plan", "Trace bvlmcxjqkhsd: no plan"),
        ] {
            assert_eq!(folded(one), folded(other));
        }
        for (one, other) in [
            ("No plan", "No plane"),
            ("Pincode not serviceable", "Pick address not found"),
            ("Seller is deactivated", "Seller is unserviceable"),
        ] {
            assert_ne!(folded(one), folded(other));
        }
        let of = |words: &str, quote: &str| folded(&without(words, &[quote.to_owned()]));
        assert_eq!(
            of("Product Blue mug is banned", "Blue mug"),
            of("Product New Balance 5 is banned", "New Balance 5")
        );
        assert_eq!(folded("Don't ship \"x\" now"), "dont ship # now");
    }

    fn seen(words: &str) -> Seen {
        let by = Trier { merchant: "a".to_owned(), pick_address: None };
        Seen::new(by, "ord_1", words, words.to_owned(), &[])
    }

    /// One in many looks like a word.
    #[test]
    fn an_id_that_looks_like_a_word_does_not_make_another_refusal() {
        let text = seen("Seller off. trace kxvrsaknvwea").text;
        for same in
            ["Seller off. trace qzpwmtbhcjlo", "Seller off. trace containers", "Seller off. trace A-17"]
        {
            assert!(seen(same).is_like(&text), "{same}");
        }
        for other in
            ["Seller off", "Seller off. trace lost", "Seller out. trace containers", "Seller off. containers"]
        {
            assert!(!seen(other).is_like(&text), "{other}");
        }
        for (one, other) in [
            ("Shipment dimensions are not valid", "Shipment quantity is not valid"),
            ("Shipment dimensions are not valid", "Shipment descriptions are not valid"),
            ("Consignee address is too short", "Consignee name is too short"),
            ("Weight is not valid", "Mobile is not valid"),
        ] {
            assert!(!seen(one).is_like(&seen(other).text), "{one}, {other}");
        }
    }
}
