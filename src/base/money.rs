//! Rupees: decimal strings in the API, whole paise inside, and never calculated in floating point.
//!
//! So an amount cannot change on its way: 299.99 arrives as a JSON number, is stored as 29999 and is sent
//! as `"299.99"`.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An amount in paise. In documents it is a plain integer; in the API it is wrapped in [`Rupees`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Money(i64);

/// The largest amount one field of an order may hold: one crore rupees.
pub const MAX: Money = Money(1_000_000_000);

impl Money {
    pub const ZERO: Self = Self(0);

    #[must_use]
    pub const fn from_paise(paise: i64) -> Self {
        Self(paise)
    }

    #[must_use]
    pub const fn paise(self) -> i64 {
        self.0
    }

    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0 == 0
    }

    /// Reads `1499`, `1499.5`, `1499.50`: digits, no sign, no exponent, at most two decimals that count.
    /// What is less than a millionth of a paisa away from one is that paisa: nobody means otherwise, and sums
    /// of floating point end so (`17.169999999999998`).
    ///
    /// # Errors
    /// The [`MoneyError`] of the broken rule.
    pub fn parse(text: &str) -> Result<Self, MoneyError> {
        Self::read(text, |_| Err(MoneyError::Decimals))
    }

    /// The same, where parts of a paisa are rounded.
    ///
    /// # Errors
    /// As [`Money::parse`].
    pub fn parse_rounded(text: &str) -> Result<Self, MoneyError> {
        Self::read(text, |parts| Ok(parts.starts_with(['5', '6', '7', '8', '9'])))
    }

    /// `up` says whether the digits behind the paisa make one more.
    fn read(text: &str, up: fn(&str) -> Result<bool, MoneyError>) -> Result<Self, MoneyError> {
        if let Some(rest) = text.strip_prefix('-') {
            return Self::parse(rest).ok().filter(Self::is_zero).ok_or(MoneyError::Negative);
        }
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(decimals) {
            return Err(MoneyError::Form);
        }
        // Only digits, so every place is the end of a character.
        let (hundredths, parts) = decimals.split_at(decimals.len().min(2));
        let paise = format!("{whole}{hundredths:0<2}").parse::<i64>().map_err(|_| MoneyError::TooLarge)?;
        let noise = parts.get(..NOISE).unwrap_or(parts);
        let paise = if noise.len() == NOISE && noise.bytes().all(|digit| digit == b'9') {
            paise.saturating_add(1)
        } else if noise.bytes().all(|digit| digit == b'0') {
            paise
        } else if paise >= MAX.0 {
            return Err(MoneyError::TooLarge);
        } else {
            paise + i64::from(up(parts)?)
        };
        if paise > MAX.0 { Err(MoneyError::TooLarge) } else { Ok(Self(paise)) }
    }
}

/// How many digits behind the paisa are nought or nine in what is meant as that paisa.
const NOISE: usize = 6;

impl std::iter::Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        Self(amounts.fold(0, |sum, m| sum.saturating_add(m.0)))
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}.{:02}", self.0.unsigned_abs() / 100, self.0.unsigned_abs() % 100)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    #[error("must be an amount in rupees such as 1499 or \"1499.50\"")]
    Form,
    #[error("must be 0 or more")]
    Negative,
    #[error("must have at most two decimals: round to paise")]
    Decimals,
    #[error("must be at most {MAX} rupees")]
    TooLarge,
}

/// [`Money`] in the API: requests use a JSON number or a decimal string, responses use `"1499.00"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rupees(pub Money);

impl Serialize for Rupees {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Rupees {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(Amount(Money::parse)).map(Self)
    }
}

/// What one piece is said to cost: as [`Rupees`], and rounded to paise. In requests only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Price(pub Rupees);

impl<'de> Deserialize<'de> for Price {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(Amount(Money::parse_rounded)).map(Rupees).map(Self)
    }
}

/// Reads an amount by a rule.
struct Amount(fn(&str) -> Result<Money, MoneyError>);

impl Amount {
    fn read<E: de::Error>(&self, text: &str) -> Result<Money, E> {
        (self.0)(text).map_err(E::custom)
    }
}

impl de::Visitor<'_> for Amount {
    type Value = Money;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an amount in rupees, as a number or a decimal string")
    }

    fn visit_u64<E: de::Error>(self, n: u64) -> Result<Money, E> {
        self.read(&n.to_string())
    }

    fn visit_i64<E: de::Error>(self, n: i64) -> Result<Money, E> {
        self.read(&n.to_string())
    }

    // The shortest text that reads back as the same number is what the client wrote: 299.99, not 299.98999….
    fn visit_f64<E: de::Error>(self, n: f64) -> Result<Money, E> {
        self.read(&n.to_string())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Money, E> {
        self.read(text.trim())
    }
}

impl utoipa::PartialSchema for Rupees {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        use utoipa::openapi::{ObjectBuilder, Type};
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(r"^\d{1,8}(\.\d{1,2})?$"))
            .description(Some("Rupees, with two decimals."))
            .examples([serde_json::json!("1499.00")])
            .into()
    }
}

impl utoipa::ToSchema for Rupees {}

/// The OpenAPI schema of [`Rupees`] in a request: it accepts more forms than a response uses.
#[derive(Clone, Copy, Debug)]
pub struct RupeesInput;

impl utoipa::PartialSchema for RupeesInput {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        use utoipa::openapi::{ObjectBuilder, Type, schema::SchemaType};
        ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::Number, Type::String]))
            .minimum(Some(0))
            .maximum(Some(10_000_000))
            .pattern(Some(r"^(\d{1,7}(\.\d{1,2})?|10000000(\.0{1,2})?)$"))
            .description(Some(
                "Rupees with at most two decimals, as a number or as a text; at most one crore.",
            ))
            .examples([serde_json::json!(1499.5), serde_json::json!("1499.50")])
            .into()
    }
}

impl utoipa::ToSchema for RupeesInput {}

impl utoipa::PartialSchema for Price {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        use utoipa::openapi::{ObjectBuilder, Type, schema::SchemaType};
        ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::Number, Type::String]))
            .minimum(Some(0))
            .maximum(Some(10_000_000))
            .pattern(Some(r"^(\d{1,7}(\.\d+)?|10000000(\.0+)?)$"))
            .description(Some("Rupees, as a number or as a text, rounded to paise; at most one crore."))
            .examples([serde_json::json!(374.5), serde_json::json!("374.50")])
            .into()
    }
}

impl utoipa::ToSchema for Price {}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<i64, String> {
        serde_json::from_str::<Rupees>(json).map(|r| r.0.paise()).map_err(|e| e.to_string())
    }

    #[test]
    fn numbers_and_strings_are_read_exactly() {
        for (json, paise) in [
            ("299.99", 29_999),
            ("0", 0),
            ("0.5", 50),
            ("\"1499\"", 149_900),
            ("\"1499.5\"", 149_950),
            ("59670.47", 5_967_047),
            ("1e3", 100_000),
            ("-0.0", 0),
        ] {
            assert_eq!(read(json), Ok(paise), "{json}");
        }
    }

    #[test]
    fn what_floating_point_leaves_over_is_no_amount() {
        for (json, paise) in [
            ("17.169999999999998", 1717),
            ("6.666666666666667", 667),
            ("0.30000000000000004", 30),
            ("0.010000000099", 1),
            ("1.0099999900", 101),
            ("-2.7755575615628914e-17", 0),
            ("5.551115123125783e-17", 0),
            ("1e-320", 0),
            ("9999999.999999999", 1_000_000_000),
            ("10000000.000000002", 1_000_000_000),
            ("\"17.169999999999998\"", 1717),
            ("\"0.300000000000000000000000\"", 30),
        ] {
            let price = serde_json::from_str::<Price>(json).map(|p| p.0.0.paise());
            assert_eq!(price.ok(), Some(paise), "{json}");
            if !json.starts_with("6.") {
                assert_eq!(read(json), Ok(paise), "{json}");
            }
        }
        for json in ["6.666666666666667", "1.005", "1.00000101", "1.0099989999", "\"1.00001\""] {
            assert!(read(json).unwrap_err().contains("round to paise"), "{json}");
        }
    }

    #[test]
    fn a_price_is_rounded_to_the_paisa() {
        let price = |json: &str| serde_json::from_str::<Price>(json).map(|p| p.0.0.paise()).ok();
        for (json, paise) in [
            ("1.004", 100),
            ("1.005", 101),
            ("1.0149999", 101),
            ("0.995", 100),
            ("\"374.555\"", 37_456),
            ("0.0001", 0),
            ("9999999.994", 999_999_999),
            ("9999999.995", 1_000_000_000),
        ] {
            assert_eq!(price(json), Some(paise), "{json}");
        }
        for json in ["-0.001", "-1", "10000000.001", "10000000.01", "1e300", "\"\"", "\"1.\"", "true"] {
            assert_eq!(price(json), None, "{json}");
        }
    }

    #[test]
    fn an_invalid_amount_is_refused_with_the_broken_rule() {
        for (json, expected) in [
            ("1.005", "two decimals"),
            ("-0.01", "0 or more"),
            ("-5", "0 or more"),
            ("1e300", "at most"),
            ("10000000.01", "at most"),
            ("\"1,499\"", "such as"),
            ("\"\"", "such as"),
            ("\"1.\"", "such as"),
            ("\"१\"", "such as"),
            ("true", "amount in rupees"),
        ] {
            let err = read(json).unwrap_err();
            assert!(err.contains(expected), "{json}: {err}");
        }
    }

    #[test]
    fn every_amount_prints_as_it_reads() {
        for paise in [0, 1, 99, 100, 149_900, MAX.paise()] {
            let text = Money(paise).to_string();
            assert_eq!(Money::parse(&text), Ok(Money(paise)), "{text}");
        }
    }
}
