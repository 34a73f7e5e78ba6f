//! Durations as people write them: `250ms`, `5s`, `2m`, `1h`.

use std::{fmt, time::Duration};

use serde::{Deserialize, Deserializer, de};

/// A duration of at least a millisecond and at most a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(Duration);

/// Growing durations, separated by commas: `5s,30s,2m,10m`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offsets(Vec<Duration>);

impl Span {
    #[must_use]
    pub fn get(self) -> Duration {
        self.0
    }
}

/// A duration of at most five minutes, or `0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pause(Duration);

const LONGEST_PAUSE: Duration = Duration::from_secs(300);
const PAUSE_FORM: &str = "must be 0 or a duration up to 5m, such as 250ms or 5s";

impl Pause {
    #[must_use]
    pub fn get(self) -> Duration {
        self.0
    }
}

impl<'de> Deserialize<'de> for Pause {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        if matches!(text.trim(), "0" | "0s" | "0ms") {
            return Ok(Self(Duration::ZERO));
        }
        parse_up_to(&text, LONGEST_PAUSE).map(Self).map_err(|_| de::Error::custom(PAUSE_FORM))
    }
}

impl Offsets {
    #[must_use]
    pub fn get(&self) -> &[Duration] {
        &self.0
    }
}

const FORM: &str = "must be a duration from 1ms to 24h, such as 250ms, 5s, 2m or 1h";

fn parse(text: &str) -> Result<Duration, &'static str> {
    parse_up_to(text, Duration::from_secs(24 * 3600))
}

/// Reads a duration of at least a millisecond and at most `longest`.
///
/// # Errors
/// A text that describes the format.
pub fn parse_up_to(text: &str, longest: Duration) -> Result<Duration, &'static str> {
    let text = text.trim();
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or(FORM)?;
    let (number, unit) = text.split_at_checked(unit_at).ok_or(FORM)?;
    let number: u64 = number.parse().map_err(|_| FORM)?;
    let unit_ms: u64 = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(FORM),
    };
    let duration = number.checked_mul(unit_ms).map(Duration::from_millis);
    duration.filter(|d| !d.is_zero() && *d <= longest).ok_or(FORM)
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        /// Makes the error for a number without a unit, as in `lease = 60`, describe the format too.
        struct Form;
        impl de::Visitor<'_> for Form {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(FORM.trim_start_matches("must be "))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Span, E> {
                parse(text).map(Span).map_err(E::custom)
            }
        }
        d.deserialize_str(Form)
    }
}

impl<'de> Deserialize<'de> for Offsets {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        let offsets = text.split(',').map(parse).collect::<Result<Vec<_>, _>>().map_err(de::Error::custom)?;
        if offsets.is_sorted_by(|a, b| a < b) {
            Ok(Self(offsets))
        } else {
            Err(de::Error::custom("must be growing durations, such as 5s,30s,2m,10m"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_valid_durations() {
        for (text, ms) in
            [("250ms", 250), (" 5s ", 5000), ("2m", 120_000), ("24h", 86_400_000), ("1d", 86_400_000)]
        {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
        }
    }

    #[test]
    fn a_pause_may_be_none() {
        let read = |text: &str| serde_json::from_value::<Pause>(text.into()).ok().map(Pause::get);
        assert_eq!(read(" 0 "), Some(Duration::ZERO));
        assert_eq!(read("0s"), Some(Duration::ZERO));
        assert_eq!(read("5m"), Some(Duration::from_secs(300)));
        assert_eq!((read("6m"), read(""), read("5")), (None, None, None));
    }

    #[test]
    fn refuses_invalid_durations() {
        for text in ["", "5", "s", "-5s", "5 s", "1.5s", "0s", "25h", "5sec", "99999999999999999999s", "५s"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
        let offsets = |t: &str| serde_json::from_value::<Offsets>(t.into());
        assert_eq!(offsets("5s, 30s").unwrap().get().len(), 2);
        for text in ["30s,5s", "5s,5s", "5s,,10s", ""] {
            assert!(offsets(text).is_err(), "{text}");
        }
    }
}
