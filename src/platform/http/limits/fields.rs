//! What a response says of limits.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use http::{Extensions, HeaderMap, HeaderName, HeaderValue};

use super::{Left, OverLimit};
use crate::platform::http::{Kind, Problem};

/// Rounded up: a client that waits as told must get through.
pub(super) fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// Carries what is left from where a request was counted to its response.
#[derive(Debug, Clone, Default)]
pub(in crate::platform) struct Told(Arc<OnceLock<Left>>);

/// Notes what is left, for the response.
pub fn tell(extensions: &Extensions, left: Option<Left>) {
    if let (Some(told), Some(left)) = (extensions.get::<Told>(), left) {
        // The first limit that counted is the one that is told.
        let _first = told.0.set(left);
    }
}

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// What older clients read.
const OLD: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit"),
    HeaderName::from_static("x-ratelimit-remaining"),
    HeaderName::from_static("x-ratelimit-reset"),
];

impl Told {
    pub(in crate::platform) fn write(&self, headers: &mut HeaderMap) {
        if let Some(left) = self.0.get() {
            write(left, headers);
        }
    }
}

/// The fields of the IETF draft (draft-ietf-httpapi-ratelimit-headers), and those of before.
fn write(left: &Left, headers: &mut HeaderMap) {
    let (name, quota, window, reset) =
        (left.rule.as_str(), left.quota, left.rule.window().as_secs(), seconds(left.reset));
    let mut set = |name: HeaderName, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    };
    set(POLICY, format!("\"{name}\";q={quota};w={window}"));
    set(LIMIT, format!("\"{name}\";r={};t={reset}", left.remaining));
    let [limit, remaining, until] = OLD;
    set(limit, quota.to_string());
    set(remaining, left.remaining.to_string());
    set(until, reset.to_string());
}

impl From<OverLimit> for Problem {
    fn from(over: OverLimit) -> Self {
        let mut headers = HeaderMap::new();
        write(&over.left, &mut headers);
        let wait = over.wait.max(Duration::from_secs(1));
        let problem = Self::new(Kind::TooManyRequests, over.to_string()).retry_after(wait);
        headers.into_iter().fold(problem, |problem, (name, value)| match name {
            Some(name) => problem.header(name, value),
            None => problem,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Rule, *};

    #[test]
    fn the_headers_are_those_of_the_draft() {
        let left = Left { rule: Rule::SignIn, quota: 10, remaining: 9, reset: Duration::from_millis(5001) };
        let mut headers = HeaderMap::new();
        write(&left, &mut headers);
        assert_eq!(headers["ratelimit-policy"], "\"sign-in\";q=10;w=60");
        assert_eq!(headers["ratelimit"], "\"sign-in\";r=9;t=6");
        assert_eq!(headers["x-ratelimit-limit"], "10");
        assert_eq!(headers["x-ratelimit-remaining"], "9");
        assert_eq!(headers["x-ratelimit-reset"], "6");
    }
}
