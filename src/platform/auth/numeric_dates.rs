//! Times of tokens (RFC 7519: `NumericDate`): seconds as any JSON number, `1769851800.25` too, which is what
//! division by 1000 gives in many languages. What is behind the point is cut off.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

/// # Errors
/// When it is no number.
pub(super) fn one<'de, D: Deserializer<'de>>(d: D) -> Result<i64, D::Error> {
    d.deserialize_any(Seconds)
}

/// Of a claim that may be left out; many libraries then write `null`.
///
/// # Errors
/// As [`one`].
pub(super) fn some<'de, D: Deserializer<'de>>(d: D) -> Result<Option<i64>, D::Error> {
    Ok(Option::<NumericDate>::deserialize(d)?.map(|date| date.0))
}

#[derive(Deserialize)]
struct NumericDate(#[serde(deserialize_with = "one")] i64);

struct Seconds;

impl de::Visitor<'_> for Seconds {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of seconds")
    }

    fn visit_i64<E: de::Error>(self, n: i64) -> Result<i64, E> {
        Ok(n)
    }

    fn visit_u64<E: de::Error>(self, n: u64) -> Result<i64, E> {
        Ok(i64::try_from(n).unwrap_or(i64::MAX))
    }

    fn visit_f64<E: de::Error>(self, n: f64) -> Result<i64, E> {
        let beyond = if n > 0.0 { i64::MAX } else { i64::MIN };
        Ok(format!("{:.0}", n.floor()).parse().unwrap_or(beyond))
    }
}
