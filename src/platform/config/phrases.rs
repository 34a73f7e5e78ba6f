//! Lists of phrases by which texts of others are recognised: `recharge wallet, credit limit`.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

/// Phrases in lower case, as words. A list, or a string with commas. An entry `+` stands for the default
/// list, so that phrases can be added to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Phrases {
    list: Vec<Vec<String>>,
    with_default: bool,
}

/// Between two words of a phrase there may be this many others: *recharge wallet* is in "recharge your
/// wallet".
const GAP: usize = 3;
const MOST: usize = 200;
const FORM: &str = "must be phrases of letters and digits with 3 characters or more, such as recharge \
                    wallet, separated by commas; + stands for the default list";

impl Phrases {
    /// Those of the program's own.
    #[must_use]
    pub fn of(list: &[&str]) -> Self {
        Self { list: list.iter().copied().map(words).collect(), with_default: false }
    }

    /// Whether a phrase is in `text`: its words in this order, each at the beginning of a word.
    #[must_use]
    pub fn found_in(&self, text: &str) -> bool {
        let words = words(text);
        self.list.iter().any(|phrase| stands_in(phrase, &words))
    }

    /// Whether `text` is a phrase of the list, and no more.
    #[must_use]
    pub fn holds(&self, text: &str) -> bool {
        self.list.contains(&words(text))
    }

    /// `default` instead of an entry `+`.
    pub(super) fn complete(&mut self, default: &Self) {
        if std::mem::take(&mut self.with_default) {
            self.list.extend(default.list.iter().cloned());
        }
    }

    fn add(&mut self, text: &str) -> Result<(), &'static str> {
        if text.trim() == "+" {
            self.with_default = true;
            return Ok(());
        }
        let phrase = words(text);
        if self.list.len() >= MOST || phrase.iter().map(|word| word.chars().count()).sum::<usize>() < 3 {
            return Err(FORM);
        }
        self.list.push(phrase);
        Ok(())
    }
}

fn words(text: &str) -> Vec<String> {
    let parts = text.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty());
    parts.map(str::to_lowercase).collect()
}

fn stands_in(phrase: &[String], words: &[String]) -> bool {
    let Some((first, rest)) = phrase.split_first() else { return true };
    let begins = words.iter().enumerate().filter(|(_, word)| word.starts_with(first.as_str()));
    begins.into_iter().any(|(at, _)| goes_on(rest, words.get(at + 1..).unwrap_or_default()))
}

fn goes_on(phrase: &[String], words: &[String]) -> bool {
    let Some((first, rest)) = phrase.split_first() else { return true };
    let near = words.iter().enumerate().take(GAP + 1).filter(|(_, word)| word.starts_with(first.as_str()));
    near.into_iter().any(|(at, _)| goes_on(rest, words.get(at + 1..).unwrap_or_default()))
}

impl<'de> Deserialize<'de> for Phrases {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> de::Visitor<'de> for Form {
            type Value = Phrases;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(FORM.trim_start_matches("must be "))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Phrases, E> {
                let mut phrases = Phrases::default();
                if !text.trim().is_empty() {
                    text.split(',').try_for_each(|text| phrases.add(text)).map_err(E::custom)?;
                }
                Ok(phrases)
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Phrases, A::Error> {
                let mut phrases = Phrases::default();
                while let Some(text) = seq.next_element::<String>()? {
                    phrases.add(&text).map_err(de::Error::custom)?;
                }
                Ok(phrases)
            }
        }
        d.deserialize_any(Form)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(value: Value) -> Option<Phrases> {
        serde_json::from_value(value).ok()
    }

    #[test]
    fn a_phrase_is_found_by_the_beginnings_of_its_words_in_their_order() {
        let phrases = read(json!("Recharge wallet, insuff")).unwrap();
        for text in
            ["Please RECHARGE your wallet.", "recharge-wallet", "Insuffiecient Balance", "recharged wallets"]
        {
            assert!(phrases.found_in(text), "{text}");
        }
        assert!(phrases.holds("recharge WALLET") && !phrases.holds("recharge your wallet"));
        for text in [
            "",
            "wallet recharge",
            "recharge and then, some day, your wallet",
            "precharge wallet",
            "recharge",
        ] {
            assert!(!phrases.found_in(text), "{text}");
        }
    }

    #[test]
    fn a_list_may_add_to_the_default_one() {
        let default = read(json!(["insuff"])).unwrap();
        let mut own = read(json!("+, topup due")).unwrap();
        own.complete(&default);
        assert!(own.found_in("Insufficient") && own.found_in("Topup is due"));
        let mut instead = read(json!(["topup due"])).unwrap();
        instead.complete(&default);
        assert!(!instead.found_in("Insufficient"));
    }

    #[test]
    fn what_would_be_found_in_everything_is_refused() {
        for value in [json!("a"), json!("wallet,,credit"), json!(["--"]), json!([""]), json!(7), json!([1])] {
            assert_eq!(read(value.clone()), None, "{value}");
        }
        assert_eq!(read(json!(" ")), Some(Phrases::default()));
        assert_eq!(read(json!([])), Some(Phrases::default()));
    }
}
