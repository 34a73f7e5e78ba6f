//! The closed word lists of the order API: read in any letter case, written in one.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, Visitor},
};
use utoipa::ToSchema;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum PaymentMethod {
    Cod,
    Prepaid,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExpressType {
    Surface,
    Air,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum AddressType {
    Home,
    Office,
    #[default]
    Other,
}

/// An enum with a word for each variant.
trait Words: Copy + 'static {
    const WORDS: &'static [&'static str];
    const ALL: &'static [Self];
}

impl Words for PaymentMethod {
    const WORDS: &'static [&'static str] = &["COD", "PREPAID"];
    const ALL: &'static [Self] = &[Self::Cod, Self::Prepaid];
}

impl Words for ExpressType {
    const WORDS: &'static [&'static str] = &["surface", "air"];
    const ALL: &'static [Self] = &[Self::Surface, Self::Air];
}

impl Words for AddressType {
    const WORDS: &'static [&'static str] = &["HOME", "OFFICE", "OTHER"];
    const ALL: &'static [Self] = &[Self::Home, Self::Office, Self::Other];
}

impl<'de> Deserialize<'de> for PaymentMethod {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        folded(d)
    }
}

impl<'de> Deserialize<'de> for ExpressType {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        folded(d)
    }
}

impl<'de> Deserialize<'de> for AddressType {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        folded(d)
    }
}

fn folded<'de, D: Deserializer<'de>, W: Words>(d: D) -> Result<W, D::Error> {
    d.deserialize_str(Folded::<W>(std::marker::PhantomData))
}

struct Folded<W>(std::marker::PhantomData<W>);

impl<'de, W: Words> Visitor<'de> for Folded<W> {
    type Value = W;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "one of {}", W::WORDS.join(", "))
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<W, E> {
        let at = W::WORDS.iter().position(|w| w.eq_ignore_ascii_case(word.trim()));
        at.and_then(|i| W::ALL.get(i).copied()).ok_or_else(|| E::unknown_variant(word, W::WORDS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_letter_case_is_read_and_one_is_written() {
        for word in ["cod", "COD", "Cod", "cOd", " cod "] {
            assert_eq!(serde_json::from_value::<PaymentMethod>(word.into()).unwrap(), PaymentMethod::Cod);
        }
        assert_eq!(serde_json::from_str::<ExpressType>("\"AIR\"").unwrap(), ExpressType::Air);
        assert_eq!(
            PaymentMethod::ALL.iter().map(|w| serde_json::to_value(w).unwrap()).collect::<Vec<_>>(),
            PaymentMethod::WORDS
        );
        assert_eq!(
            AddressType::ALL.iter().map(|w| serde_json::to_value(w).unwrap()).collect::<Vec<_>>(),
            AddressType::WORDS
        );
        assert_eq!(
            ExpressType::ALL.iter().map(|w| serde_json::to_value(w).unwrap()).collect::<Vec<_>>(),
            ExpressType::WORDS
        );
    }

    #[test]
    fn other_words_and_other_types_are_refused() {
        for json in ["\"CRYPTO\"", "\"\"", "1", "null", "{\"COD\":1}", "[\"COD\"]"] {
            assert!(serde_json::from_str::<PaymentMethod>(json).is_err(), "{json}");
        }
    }
}
