//! A person's phone number: it counts once a code that was sent to it was told.
//!
//! Guards against texts to strangers (nothing but codes goes to a number that nobody has confirmed), against
//! codes that are guessed, and against somebody who has us pay for texts: few codes go out in an hour and a
//! day, and a number that is taken away and set again begins no new count. What goes to one number is counted
//! over all people, too ([`Rule::Phone`](crate::platform::http::limits::Rule::Phone)).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{base::timestamp::Timestamp, features::mail::template::CODE, platform::auth::digest};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Codes of one person in an hour, and in a day.
const HOURLY: usize = 3;
const DAILY: usize = 6;
/// How often one code may be told wrong.
const WRONG: u32 = 5;

/// One person's.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Phone {
    /// With its country, `+91…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    number: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    confirmed_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<Code>,
    /// When codes were sent, in the last day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sent_at: Vec<Timestamp>,
}

/// Never the number.
impl std::fmt::Debug for Phone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Phone").field("confirmed_at", &self.confirmed_at).finish_non_exhaustive()
    }
}

/// What was sent and is not told yet.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Code {
    digest: String,
    until: Timestamp,
    wrong: u32,
}

/// So long no more codes are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany(pub Duration);

/// Whether it can be a number: a `+`, the country and the rest, 8 to 15 digits (E.164).
#[must_use]
pub fn is_number(text: &str) -> bool {
    let Some(digits) = text.strip_prefix('+') else { return false };
    let good = (8..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    good && !digits.starts_with('0')
}

impl Phone {
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    #[must_use]
    pub fn number(&self) -> Option<&str> {
        self.number.as_deref()
    }

    /// The number that texts go to.
    #[must_use]
    pub fn confirmed(&self) -> Option<&str> {
        self.number.as_deref().filter(|_| self.confirmed_at.is_some())
    }

    /// Another number, which this code is sent to.
    ///
    /// # Errors
    /// [`TooMany`]: nothing is changed.
    pub fn begin(&mut self, number: &str, code: &str, now: Timestamp) -> Result<(), TooMany> {
        self.sent_at.retain(|at| now.since(*at) < DAY);
        let of_hour = self.sent_at.iter().filter(|at| now.since(**at) < HOUR).count();
        for (most, time, count) in [(DAILY, DAY, self.sent_at.len()), (HOURLY, HOUR, of_hour)] {
            if count >= most {
                // Until the first of so many counts no more.
                let first = self.sent_at.iter().rev().nth(most - 1).copied().unwrap_or(now);
                return Err(TooMany(time.saturating_sub(now.since(first))));
            }
        }
        self.sent_at.push(now);
        (self.number, self.confirmed_at) = (Some(number.to_owned()), None);
        self.code = Some(Code { digest: hidden(number, code), until: now + CODE, wrong: 0 });
        Ok(())
    }

    /// Whether this is the code that was sent; then the number counts.
    pub fn confirm(&mut self, told: &str, now: Timestamp) -> bool {
        let (Some(number), Some(code)) = (&self.number, &mut self.code) else { return false };
        if now >= code.until || code.wrong >= WRONG {
            return false;
        }
        if code.digest != hidden(number, told) {
            code.wrong += 1;
            return false;
        }
        (self.code, self.confirmed_at) = (None, Some(now));
        true
    }

    /// The number is gone. What was sent counts on.
    pub fn forget(&mut self) {
        (self.number, self.confirmed_at, self.code) = (None, None, None);
    }
}

/// Six digits are found from any hash; it only keeps them from being read in passing, and they end soon.
fn hidden(number: &str, code: &str) -> String {
    digest(&format!("{number} {code}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin() -> Timestamp {
        Timestamp::from_millis(1_769_851_800_000)
    }

    const NUMBER: &str = "+919812345678";

    #[test]
    fn numbers_have_a_country() {
        assert!(is_number(NUMBER) && is_number("+14155550100"));
        for text in
            ["", "9812345678", "+0912345678", "+91", "+91 9812345678", "+9198123a5678", "+1234567890123456"]
        {
            assert!(!is_number(text), "{text}");
        }
    }

    #[test]
    fn a_code_counts_once_for_ten_minutes_and_five_guesses() {
        let (begin, mut phone) = (begin(), Phone::default());
        phone.begin(NUMBER, "123456", begin).unwrap();
        assert_eq!((phone.number(), phone.confirmed()), (Some(NUMBER), None));
        assert!(!phone.confirm("654321", begin) && phone.confirm("123456", begin));
        assert_eq!(phone.confirmed(), Some(NUMBER));
        assert!(!phone.confirm("123456", begin), "told again");
        phone.begin(NUMBER, "123456", begin).unwrap();
        assert_eq!(phone.confirmed(), None);
        assert!(!phone.confirm("123456", begin + CODE));
        for _ in 0..WRONG {
            assert!(!phone.confirm("000000", begin));
        }
        assert!(!phone.confirm("123456", begin), "guessed too often");
    }

    #[test]
    fn few_codes_are_sent_whatever_becomes_of_the_number() {
        let (begin, mut phone) = (begin(), Phone::default());
        let minute = Duration::from_secs(60);
        let mut now = begin;
        for _ in 0..HOURLY {
            phone.begin(NUMBER, "123456", now).unwrap();
            phone.forget();
            now = now + minute;
        }
        assert_eq!(phone.begin(NUMBER, "123456", now), Err(TooMany(HOUR - minute * 3)));
        assert!(phone.number().is_none() && !phone.is_nothing());
        now = begin + HOUR;
        phone.begin(NUMBER, "123456", now).unwrap();
        now = begin + HOUR * 3;
        phone.begin(NUMBER, "123456", now).unwrap();
        phone.begin(NUMBER, "123456", now).unwrap();
        now = begin + HOUR * 9;
        assert_eq!(phone.begin(NUMBER, "123456", now), Err(TooMany(DAY - HOUR * 9)));
        phone.begin(NUMBER, "123456", begin + DAY).unwrap();
    }
}
