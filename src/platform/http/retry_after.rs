//! How long an answer asks us to wait: `Retry-After`, in seconds or as a date.
//!
//! Guards against two clocks: a date is a point on the *sender's* clock, so it is taken relative to the
//! `Date` of the same answer, which the same clock wrote; a machine of ours that is minutes off then waits no
//! minutes too long or too short. Only an answer without a readable `Date` is measured by our own clock.

use std::time::UNIX_EPOCH;

use http::{HeaderMap, HeaderName, header};

use crate::base::timestamp::Timestamp;

/// Seconds, as they came; `None`: nothing was said, or nothing that can be read, or a date that has passed.
#[must_use]
pub fn read(headers: &HeaderMap, now: Timestamp) -> Option<i64> {
    let text = text(headers, &header::RETRY_AFTER)?;
    if let Ok(seconds) = text.parse() {
        return Some(seconds);
    }
    let until = date(text)?;
    let from = self::text(headers, &header::DATE).and_then(date).unwrap_or(now);
    let wait = until.since(from);
    // A part of a second is waited for in full.
    i64::try_from(wait.as_millis().div_ceil(1000)).ok().filter(|seconds| *seconds > 0)
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// All three forms of HTTP.
fn date(text: &str) -> Option<Timestamp> {
    let since = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp::from_millis(0) + since)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_count_from_the_answers_own_date_else_from_our_clock() {
        let ours = Timestamp::parse("2026-01-31T09:30:00.500Z").unwrap();
        for (retry_after, date, seconds) in [
            ("30", None, Some(30)),
            (" 30 ", None, Some(30)),
            ("-5", None, Some(-5)),
            ("Sat, 31 Jan 2026 09:31:00 GMT", None, Some(60)),
            ("Sat, 31 Jan 2026 08:01:00 GMT", Some("Sat, 31 Jan 2026 08:00:00 GMT"), Some(60)),
            ("Saturday, 31-Jan-26 09:31:00 GMT", None, Some(60)),
            ("Sat Jan 31 09:31:00 2026", None, Some(60)),
            ("Sat, 31 Jan 2026 09:31:00 GMT", Some("yesterday"), Some(60)),
            ("Sat, 31 Jan 2026 09:31:00 GMT", Some("Sat, 31 Jan 2026 09:31:00 GMT"), None),
            ("Sat, 31 Jan 2026 09:30:00 GMT", None, None),
            ("Thu, 01 Jan 1970 00:00:00 GMT", None, None),
            ("Thu, 30 Dec 9999 00:00:00 GMT", None, Some(251_632_276_200)),
            ("Sat, 31 Feb 2026 09:31:00 GMT", None, None),
            ("Sat, 31 Jan 2026 09:31:00 IST", None, None),
            ("2026-01-31T09:31:00Z", None, None),
            ("99999999999999999999", None, None),
            ("soon", None, None),
            ("", None, None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, retry_after.parse().unwrap());
            if let Some(date) = date {
                headers.insert(header::DATE, date.parse().unwrap());
            }
            assert_eq!(read(&headers, ours), seconds, "{retry_after} {date:?}");
        }
        assert_eq!(read(&HeaderMap::new(), ours), None);
    }
}
