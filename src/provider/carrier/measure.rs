//! Weights, lengths and percentages: decimal numbers outside, whole units of their last decimal inside.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use validator::{Validate, ValidationErrors};

use crate::platform::http::extract::here;

/// A decimal number with `PLACES` decimals; `MIN` and `MAX` (both allowed) are in units of the last one.
/// Finer parts are rounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Measure<const PLACES: u32, const MIN: i64, const MAX: i64>(i64);

/// 0.001 to 50 kilograms, kept in grams: half a ton is a slip of units, not a parcel.
pub type Kilograms = Measure<3, 1, 50_000>;
/// 0.01 to 500 centimetres.
pub type Centimetres = Measure<2, 1, 50_000>;
/// 0 to 100 per cent.
pub type Percent = Measure<2, 0, 10_000>;

/// Beyond this no bound allows anything, and every number below is exact in an `f64`.
const FAR: f64 = 1e12;

impl<const PLACES: u32, const MIN: i64, const MAX: i64> Measure<PLACES, MIN, MAX> {
    const SCALE: i64 = 10_i64.pow(PLACES);

    #[must_use]
    pub const fn from_units(units: i64) -> Self {
        Self(units)
    }

    #[must_use]
    pub const fn units(self) -> i64 {
        self.0
    }

    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0 == 0
    }

    fn from_number<E: de::Error>(number: f64) -> Result<Self, E> {
        if !number.is_finite() || number.abs() > FAR {
            return Err(E::custom(Self::bounds()));
        }
        // `{:.0}` rounds; parsing its digits keeps clear of a float-to-integer cast.
        let units = format!("{:.0}", number * f64::from(10_u32.pow(PLACES)));
        let units = units.parse::<i64>().map_err(|_| E::custom(Self::bounds()))?;
        // A number that only rounds to an allowed one is not allowed: 0.0006 kg is not 0.001 kg, 50.0004 kg
        // not 50 kg.
        let beyond = (units == MIN && number < Self(MIN).as_number())
            || (units == MAX && number > Self(MAX).as_number());
        if beyond { Err(E::custom(Self::bounds())) } else { Ok(Self(units)) }
    }

    /// The number that clients write.
    #[must_use]
    pub fn as_number(self) -> f64 {
        self.to_string().parse().unwrap_or(0.0)
    }

    fn bounds() -> String {
        format!("must be from {} to {}", Self(MIN), Self(MAX))
    }
}

impl<const PLACES: u32, const MIN: i64, const MAX: i64> fmt::Display for Measure<PLACES, MIN, MAX> {
    /// As few decimals as the number has: `12`, `0.4`, `2.75`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, rest) = (
            self.0.unsigned_abs() / Self::SCALE.unsigned_abs(),
            self.0.unsigned_abs() % Self::SCALE.unsigned_abs(),
        );
        let width = usize::try_from(PLACES).unwrap_or(0);
        let decimals = format!("{rest:0width$}");
        match decimals.trim_end_matches('0') {
            "" => write!(f, "{sign}{whole}"),
            decimals => write!(f, "{sign}{whole}.{decimals}"),
        }
    }
}

impl<const PLACES: u32, const MIN: i64, const MAX: i64> Validate for Measure<PLACES, MIN, MAX> {
    fn validate(&self) -> Result<(), ValidationErrors> {
        if (MIN..=MAX).contains(&self.0) { Ok(()) } else { Err(here("range", Self::bounds())) }
    }
}

impl<const PLACES: u32, const MIN: i64, const MAX: i64> Serialize for Measure<PLACES, MIN, MAX> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if self.0 % Self::SCALE == 0 {
            s.serialize_i64(self.0 / Self::SCALE)
        } else {
            s.serialize_f64(self.as_number())
        }
    }
}

impl<'de, const PLACES: u32, const MIN: i64, const MAX: i64> Deserialize<'de> for Measure<PLACES, MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        f64::deserialize(d).and_then(Self::from_number)
    }
}

impl<const PLACES: u32, const MIN: i64, const MAX: i64> utoipa::PartialSchema for Measure<PLACES, MIN, MAX> {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::Type::Number)
            .minimum(Some(Self(MIN).as_number()))
            .maximum(Some(Self(MAX).as_number()))
            .into()
    }
}

impl<const PLACES: u32, const MIN: i64, const MAX: i64> utoipa::ToSchema for Measure<PLACES, MIN, MAX> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn kg(json: &str) -> Result<Kilograms, String> {
        let kg: Kilograms = serde_json::from_str(json).map_err(|e| e.to_string())?;
        kg.validate().map_err(|e| e.to_string())?;
        Ok(kg)
    }

    #[test]
    fn numbers_keep_their_decimals() {
        for (json, units, text) in [
            ("0.4", 400, "0.4"),
            ("12", 12_000, "12"),
            ("2.75", 2750, "2.75"),
            ("0.001", 1, "0.001"),
            ("50", 50_000, "50"),
            ("0.4536", 454, "0.454"),
        ] {
            let read = kg(json).unwrap();
            assert_eq!((read.units(), read.to_string().as_str()), (units, text), "{json}");
            assert_eq!(serde_json::to_string(&read).unwrap(), text);
        }
    }

    #[test]
    fn bounds_hold_before_rounding() {
        for json in
            ["0", "-1", "0.0004", "0.0006", "0.00099", "50.001", "50.0004", "500", "1e300", "\"1\"", "null"]
        {
            assert!(kg(json).is_err(), "{json}");
        }
        let percent = |json: &str| serde_json::from_str::<Percent>(json).is_ok_and(|p| p.validate().is_ok());
        assert!(percent("0") && percent("-0.0") && percent("0.001") && percent("100"));
        assert!(!percent("-0.001") && !percent("-0.1") && !percent("100.001"));
    }
}
