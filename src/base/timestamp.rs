//! One time type for documents, jobs and responses: whole milliseconds since 1970 in UTC.
//!
//! In JSON it is always 24 characters of RFC 3339 (`2026-11-21T01:05:00.123Z`), so text order is time order
//! and every store sorts times alike. Anything finer than a millisecond is cut off. In BSON it is a date, and
//! either form is read, whatever the format.

use std::{fmt, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeStruct};

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
    /// What is not made for people to read is BSON here: the serde form of its dates, which is that of
    /// canonical extended JSON.
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() {
            return s.collect_str(self);
        }
        let mut date = s.serialize_struct(DATE, 1)?;
        date.serialize_field(DATE, &NumberLong { ms: self.0.to_string() })?;
        date.end()
    }
}

const DATE: &str = "$date";

#[derive(Serialize, Deserialize)]
struct NumberLong {
    #[serde(rename = "$numberLong")]
    ms: String,
}

/// Inside `#[serde(flatten)]` a date of BSON is a map, and the format passes for one that people read: the
/// form itself must tell.
impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(TimestampVisitor)
    }
}

struct TimestampVisitor;

impl<'de> de::Visitor<'de> for TimestampVisitor {
    type Value = Timestamp;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an RFC 3339 time such as 2026-01-31T09:30:00Z")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
        Timestamp::parse(text).map_err(|_| E::custom("must be an RFC 3339 time such as 2026-01-31T09:30:00Z"))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Timestamp, A::Error> {
        match map.next_key::<String>()? {
            Some(key) if key == DATE => {}
            _ => return Err(de::Error::custom("must be a time")),
        }
        let Date(time) = map.next_value()?;
        match map.next_key::<String>()? {
            None => Ok(time),
            Some(_) => Err(de::Error::custom("must be a time and nothing else")),
        }
    }
}

/// What stands under `$date`: `{"$numberLong": "…"}`, RFC 3339, or milliseconds.
struct Date(Timestamp);

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(DateVisitor)
    }
}

struct DateVisitor;

impl<'de> de::Visitor<'de> for DateVisitor {
    type Value = Date;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time of a date")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Date, E> {
        TimestampVisitor.visit_str(text).map(Date)
    }

    fn visit_i64<E: de::Error>(self, ms: i64) -> Result<Date, E> {
        Ok(Date(Timestamp::from_millis(ms)))
    }

    fn visit_u64<E: de::Error>(self, ms: u64) -> Result<Date, E> {
        self.visit_i64(i64::try_from(ms).unwrap_or(i64::MAX))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Date, A::Error> {
        let NumberLong { ms } = NumberLong::deserialize(de::value::MapAccessDeserializer::new(map))?;
        ms.parse().map(|ms| Date(Timestamp::from_millis(ms))).map_err(|_| de::Error::custom("must be a date"))
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

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Inner {
        at: Timestamp,
        maybe: Option<Timestamp>,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Outer {
        #[serde(flatten)]
        inner: Inner,
        list: Vec<Timestamp>,
    }

    fn outer() -> Outer {
        let at = Timestamp::from_millis;
        let inner = Inner { at: at(1_763_687_100_123), maybe: Some(at(-1)) };
        Outer { inner, list: vec![at(0), at(MIN), at(MAX)] }
    }

    #[test]
    fn in_bson_it_is_a_date_also_inside_a_flattened_struct() {
        let bytes = bson::serialize_to_vec(&outer()).unwrap();
        let raw = bson::RawDocument::from_bytes(&bytes).unwrap();
        assert_eq!(raw.get_datetime("at").unwrap().timestamp_millis(), 1_763_687_100_123);
        assert_eq!(raw.get_datetime("maybe").unwrap().timestamp_millis(), -1);
        let list = raw.get_array("list").unwrap();
        assert!(list.into_iter().all(|at| at.unwrap().as_datetime().is_some()));
        assert_eq!(bson::deserialize_from_slice::<Outer>(&bytes).unwrap(), outer());
    }

    #[test]
    fn bson_that_holds_text_is_read_too() {
        let text = bson::rawdoc! { "at": "2025-11-21T01:05:00.123Z", "list": [] };
        let read: Outer = bson::deserialize_from_slice(text.as_bytes()).unwrap();
        assert_eq!(read.inner.at, outer().inner.at);
    }

    #[test]
    fn every_form_of_extended_json_is_read() {
        let at = outer().inner.at;
        for json in [
            r#""2025-11-21T01:05:00.123Z""#,
            r#"{"$date": "2025-11-21T01:05:00.123Z"}"#,
            r#"{"$date": {"$numberLong": "1763687100123"}}"#,
            r#"{"$date": 1763687100123}"#,
        ] {
            assert_eq!(serde_json::from_str::<Timestamp>(json).unwrap(), at, "{json}");
            let outer: Outer = serde_json::from_str(&format!(r#"{{"at": {json}, "list": []}}"#)).unwrap();
            assert_eq!(outer.inner.at, at, "flattened: {json}");
            let value: serde_json::Value = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::from_value::<Timestamp>(value).unwrap(), at, "{json}");
        }
        for json in [
            "5",
            "null",
            "true",
            "[]",
            "{}",
            r#""soon""#,
            r#"{"$date": "soon"}"#,
            r#"{"$date": true}"#,
            r#"{"date": 5}"#,
            r#"{"$date": 5, "by": 1}"#,
            r#"{"$date": {"$numberLong": "x"}}"#,
        ] {
            assert!(serde_json::from_str::<Timestamp>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn sums_saturate() {
        assert_eq!(Timestamp::from_millis(MAX) + Duration::MAX, Timestamp::from_millis(MAX));
        assert_eq!(Timestamp::from_millis(5).since(Timestamp::from_millis(9)), Duration::ZERO);
    }
}
