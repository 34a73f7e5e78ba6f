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

    /// Reads `1499`, `1499.5`, `1499.50`: digits, at most two decimals, no sign, no exponent.
    ///
    /// # Errors
    /// The [`MoneyError`] of the broken rule.
    pub fn parse(text: &str) -> Result<Self, MoneyError> {
        if let Some(rest) = text.strip_prefix('-') {
            let zero = !rest.is_empty() && rest.chars().all(|c| matches!(c, '0' | '.'));
            return if zero { Self::parse(rest) } else { Err(MoneyError::Negative) };
        }
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(decimals) {
            return Err(MoneyError::Form);
        }
        let decimals = decimals.trim_end_matches('0');
        if decimals.len() > 2 {
            return Err(MoneyError::Decimals);
        }
        let paise = format!("{whole}{decimals:0<2}").parse::<i64>().map_err(|_| MoneyError::TooLarge)?;
        if paise > MAX.0 { Err(MoneyError::TooLarge) } else { Ok(Self(paise)) }
    }
}

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
    #[error("must have at most two decimals")]
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
        d.deserialize_any(RupeesVisitor)
    }
}

struct RupeesVisitor;

impl RupeesVisitor {
    fn read<E: de::Error>(text: &str) -> Result<Rupees, E> {
        Money::parse(text).map(Rupees).map_err(E::custom)
    }
}

impl de::Visitor<'_> for RupeesVisitor {
    type Value = Rupees;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an amount in rupees, as a number or a decimal string")
    }

    fn visit_u64<E: de::Error>(self, n: u64) -> Result<Rupees, E> {
        Self::read(&n.to_string())
    }

    fn visit_i64<E: de::Error>(self, n: i64) -> Result<Rupees, E> {
        Self::read(&n.to_string())
    }

    // The shortest text that reads back as the same number is what the client wrote: 299.99, not 299.98999….
    fn visit_f64<E: de::Error>(self, n: f64) -> Result<Rupees, E> {
        Self::read(&n.to_string())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Rupees, E> {
        Self::read(text.trim())
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
