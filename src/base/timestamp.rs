//! One time type for documents, jobs and responses: whole milliseconds since 1970 in UTC.
//!
//! In JSON it is always 24 characters of RFC 3339 (`2026-11-21T01:05:00.123Z`), so text order is time order
//! and every store sorts times alike. Anything finer than a millisecond is cut off.

use std::{fmt, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Years outside 1 to 9999 do not have four digits, and text order would no longer be time order.
const MIN: i64 = -62_135_596_800_000;
const MAX: i64 = 253_402_207_200_000; // the largest that jiff can format, some hours before the year ends

impl Timestamp {
    /// Clamped to the years 1 to 9999.
    #[must_use]
    pub fn from_millis(ms: i64) -> Self {
        Self(ms.clamp(MIN, MAX))
    }

    #[must_use]
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// Reads an RFC 3339 time with any offset.
    ///
    /// # Errors
    /// Fails if `text` is not an RFC 3339 time.
    pub fn parse(text: &str) -> Result<Self, jiff::Error> {
        text.parse::<jiff::Timestamp>().map(|t| Self::from_millis(t.as_millisecond()))
    }

    /// The time from `earlier` to `self`; zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

fn millis(d: Duration) -> i64 {
    i64::try_from(d.as_millis()).unwrap_or(i64::MAX)
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, d: Duration) -> Self {
        Self::from_millis(self.0.saturating_add(millis(d)))
    }
}

impl std::ops::Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, d: Duration) -> Self {
        Self::from_millis(self.0.saturating_sub(millis(d)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let t = jiff::Timestamp::from_millisecond(self.0).map_err(|_| fmt::Error)?;
        write!(f, "{t:.3}")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        Self::parse(&text)
            .map_err(|_| de::Error::custom("must be an RFC 3339 time such as 2026-01-31T09:30:00Z"))
    }
}

impl utoipa::PartialSchema for Timestamp {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        use utoipa::openapi::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .examples([serde_json::json!("2026-11-21T01:05:00.123Z")])
            .into()
    }
}

impl utoipa::ToSchema for Timestamp {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_a_fixed_width_and_survives_the_round_trip() {
        for ms in [0, 1, 999, 1_763_687_100_123, -1, MIN, MAX] {
            let t = Timestamp::from_millis(ms);
            let text = t.to_string();
            assert_eq!(text.len(), 24, "{text}");
            assert_eq!(Timestamp::parse(&text).unwrap(), t);
        }
    }

    #[test]
    fn text_order_is_time_order() {
        let mut ms = [0, 5, 1000, 999_999_999, 1_763_687_100_123, -77, MIN, MAX];
        ms.sort_unstable();
        let texts: Vec<_> = ms.iter().map(|m| Timestamp::from_millis(*m).to_string()).collect();
        assert!(texts.is_sorted(), "{texts:?}");
    }

    #[test]
    fn offsets_and_finer_parts_are_read() {
        let t = Timestamp::parse("2026-11-21T06:35:00.1239+05:30").unwrap();
        assert_eq!(t.to_string(), "2026-11-21T01:05:00.123Z");
    }

    #[test]
    fn sums_saturate() {
        assert_eq!(Timestamp::from_millis(MAX) + Duration::MAX, Timestamp::from_millis(MAX));
        assert_eq!(Timestamp::from_millis(5).since(Timestamp::from_millis(9)), Duration::ZERO);
    }
}
