//! A provider's words, as people may see them who need not know whom an order is for.
//!
//! Guards against a provider that quotes the order it refuses, or our keys, and against one whose words move
//! the cursor of a terminal.

use std::collections::HashSet;

use crate::base::visible::harmless;

/// The provider's words as a log line or a page may show them: [`words_without`] nothing in particular.
#[must_use]
pub fn words(text: &str) -> String {
    words_without(text, [])
}

/// A word of plain letters is shown; longer runs of letters are a token, more likely than not.
const LONGEST_WORD: usize = 24;
/// Longest mix of letters and digits that is shown (`h1`, `PXDEL01`).
const LONGEST_MIX: usize = 12;

/// `text` as people may see it who need not know whom an order is for: what is shown are words, short
/// numbers, short codes and our own references. Numbers of six digits or more (phones, pincodes, AWBs; also
/// in groups), e-mail addresses, what looks like a token, and every word that also stands in `personal` are
/// masked. Cut at 200 characters.
#[must_use]
pub fn words_without<'a>(text: &str, personal: impl IntoIterator<Item = &'a str>) -> String {
    let personal: HashSet<String> = personal.into_iter().flat_map(parts).map(str::to_lowercase).collect();
    let text = harmless(text);
    let words: Vec<_> = text.split_whitespace().collect();
    let mut masked: Vec<_> = words.iter().map(|word| !may_be_shown(word, &personal)).collect();
    mask_groups(&words, &mut masked);
    let mut out = String::new();
    for (word, hide) in words.into_iter().zip(masked) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(if hide { "[…]" } else { word });
        if out.chars().count() > 200 {
            return out.chars().take(200).chain(['…']).collect();
        }
    }
    out
}

/// The runs of letters and digits of a text.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty())
}

fn digits(word: &str) -> usize {
    word.chars().filter(|c| c.is_numeric()).count()
}

fn may_be_shown(word: &str, personal: &HashSet<String>) -> bool {
    if word.contains('@') || parts(word).any(|part| personal.contains(&part.to_lowercase())) {
        return false;
    }
    // Our own reference: the number under which everybody may ask.
    if word
        .trim_matches(|c: char| !c.is_alphanumeric())
        .strip_prefix("ORD-")
        .is_some_and(|rest| rest.chars().all(char::is_alphanumeric))
    {
        return true;
    }
    let plain = |part: &str| {
        let longest = if digits(part) == 0 { LONGEST_WORD } else { LONGEST_MIX };
        part.chars().count() <= longest
    };
    digits(word) < 6 && parts(word).all(plain)
}

/// `98760 51423` is one number: words of digits alone count together.
fn mask_groups(words: &[&str], masked: &mut [bool]) {
    let numeric = |word: &str| digits(word) > 0 && !word.chars().any(char::is_alphabetic);
    let mut group = Vec::new();
    let mut count = 0;
    for (at, word) in words.iter().map(|word| Some(*word)).chain([None]).enumerate() {
        if let Some(word) = word.filter(|word| numeric(word)) {
            group.push(at);
            count += digits(word);
            continue;
        }
        if count >= 6 {
            group.iter().filter_map(|at| masked.get_mut(*at).map(|hide| *hide = true)).for_each(drop);
        }
        group.clear();
        count = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lose_numbers_and_addresses() {
        assert_eq!(
            words("Mobile 9000000001 of asha@example.test is\nbad at 560001, weight 0.5"),
            "Mobile […] of […] is bad at […] weight 0.5"
        );
        assert!(words(&"long ".repeat(200)).chars().count() <= 201);
    }

    #[test]
    fn words_lose_what_a_terminal_would_obey() {
        assert_eq!(words("\u{1b}[31mNo\u{1b}[0m \u{9b}31mbalance\u{7}\u{202e}"), "No balance");
    }

    #[test]
    fn what_looks_like_a_token_or_a_grouped_number_is_hidden() {
        for (text, shown) in [
            ("call 98760 51423, or +91 98760-51423 now", "call […] […] or […] […] now"),
            ("3 of 5 boxes, 0.5 kg", "3 of 5 boxes, 0.5 kg"),
            ("token enlxYWNjZXNzLTEyMzQ6enlxc2VjcmV0LTU2Nzg= bad", "token […] bad"),
            ("token abcdefghijklmnopqrstuvwxyzabcdef bad", "token […] bad"),
            ("order ORD-7K2M9QXW4TBHA exists", "order ORD-7K2M9QXW4TBHA exists"),
            ("courier PXDEL01 is not active", "courier PXDEL01 is not active"),
        ] {
            assert_eq!(words(text), shown);
        }
    }

    #[test]
    fn words_of_the_orders_own_fields_are_hidden_in_any_case_and_between_signs() {
        let personal = ["Asha Example", "12 Sample Street, Near Park"];
        assert_eq!(
            words_without("ASHA's parcel (street:sample) is refused for name='Example'", personal),
            "[…] parcel […] is refused for […]"
        );
        assert_eq!(words_without("Pincode is not serviceable", personal), "Pincode is not serviceable");
    }
}
