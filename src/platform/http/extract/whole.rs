//! Whole numbers with bounds of their own. Guards against two refusals that no client understands: of `2.0`,
//! which is a whole number (many languages and tools write no other), and by the bounds of our integers.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, Unexpected},
};
use validator::{Validate, ValidationErrors};

use super::here;

/// A whole number from `MIN` to `MAX`, however it is written: `2`, `2.0`, `2e0`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Whole<const MIN: u32, const MAX: u32>(i64);

impl<const MIN: u32, const MAX: u32> Whole<MIN, MAX> {
    /// The number, once it is validated.
    #[must_use]
    pub fn get(self) -> u32 {
        u32::try_from(self.0).unwrap_or(MAX)
    }
}

impl<const MIN: u32, const MAX: u32> Validate for Whole<MIN, MAX> {
    fn validate(&self) -> Result<(), ValidationErrors> {
        if (i64::from(MIN)..=i64::from(MAX)).contains(&self.0) {
            Ok(())
        } else {
            Err(here("range", format!("must be from {MIN} to {MAX}")))
        }
    }
}

impl<'de, const MIN: u32, const MAX: u32> Deserialize<'de> for Whole<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(WholeVisitor)
    }
}

struct WholeVisitor<const MIN: u32, const MAX: u32>;

impl<const MIN: u32, const MAX: u32> de::Visitor<'_> for WholeVisitor<MIN, MAX> {
    type Value = Whole<MIN, MAX>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {MIN} to {MAX}")
    }

    fn visit_i64<E: de::Error>(self, n: i64) -> Result<Self::Value, E> {
        Ok(Whole(n))
    }

    fn visit_u64<E: de::Error>(self, n: u64) -> Result<Self::Value, E> {
        Ok(Whole(i64::try_from(n).unwrap_or(i64::MAX)))
    }

    fn visit_f64<E: de::Error>(self, n: f64) -> Result<Self::Value, E> {
        if n.fract() != 0.0 {
            return Err(E::invalid_type(Unexpected::Float(n), &self));
        }
        // Its digits keep clear of a cast; with too many of them it is beyond all bounds.
        let beyond = if n > 0.0 { i64::MAX } else { i64::MIN };
        Ok(Whole(format!("{n:.0}").parse().unwrap_or(beyond)))
    }
}

impl<const MIN: u32, const MAX: u32> utoipa::PartialSchema for Whole<MIN, MAX> {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::Type::Integer)
            .minimum(Some(MIN))
            .maximum(Some(MAX))
            .into()
    }
}

impl<const MIN: u32, const MAX: u32> utoipa::ToSchema for Whole<MIN, MAX> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<u32, String> {
        let whole: Whole<1, 100> = serde_json::from_str(json).map_err(|e| e.to_string())?;
        whole.validate().map_err(|e| e.to_string())?;
        Ok(whole.get())
    }

    #[test]
    fn a_number_without_a_fraction_is_whole() {
        for (json, n) in [("2", 2), ("2.0", 2), ("2e0", 2), ("2.00", 2), ("1e2", 100), ("20e-1", 2)] {
            assert_eq!(read(json), Ok(n), "{json}");
        }
        for json in ["0", "-0.0", "101", "101.0", "-1", "-1.0", "1e300", "-1e300", "18446744073709551615"] {
            assert!(read(json).unwrap_err().contains("from 1 to 100"), "{json}");
        }
        for json in ["1.5", "\"2\"", "true", "null", "[2]", "1e-7"] {
            assert!(read(json).unwrap_err().contains("a whole number from 1 to 100"), "{json}");
        }
    }
}
