//! Guards against filters that are misspelt and then ignored: a parameter is known and right, or the request
//! is refused.

use std::collections::BTreeSet;

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use validator::Validate;

use super::faults::Search;
use crate::{
    base::timestamp::Timestamp,
    platform::http::{FieldError, Kind, Problem},
};

/// The query string as a `T`, a flat struct whose fields are texts, numbers, booleans, unit enums or options
/// of them.
///
/// Refusal: 400 `invalid-query` with every unknown, repeated or wrong parameter.
#[derive(Clone, Copy, Debug, Default)]
pub struct ValidQuery<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Validate> FromRequestParts<S> for ValidQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let (mut values, mut faults) = (Map::new(), BTreeSet::new());
        let short = |name: &str| name.chars().take(64).collect::<String>();
        for (name, value) in url::form_urlencoded::parse(parts.uri.query().unwrap_or("").as_bytes()) {
            // Bytes that are no UTF-8 arrive as this sign; nobody looks for it by name.
            if name.contains('\u{fffd}') || value.contains('\u{fffd}') {
                faults.insert(FieldError::parameter(short(&name), "invalid", "must be UTF-8"));
            } else if values.insert(name.clone().into_owned(), Value::String(value.into_owned())).is_some() {
                faults.insert(FieldError::parameter(short(&name), "duplicate", "is given more than once"));
            }
        }
        let given = values.clone();
        match (Search { value: Value::Object(values), texts: true, ..Search::default() }).read() {
            Ok(query) if faults.is_empty() => return Ok(Self(query)),
            Ok(_) => {}
            Err(found) => faults.extend(found.list.into_iter().map(|fault| {
                let name = fault
                    .pointer
                    .unwrap_or_default()
                    .trim_start_matches('/')
                    .replace("~1", "/")
                    .replace("~0", "~");
                let plus = given.get(&name).and_then(Value::as_str).is_some_and(has_lost_its_plus);
                let detail = if plus { format!("{}; write + as %2B", fault.detail) } else { fault.detail };
                FieldError::parameter(name, fault.code, detail)
            })),
        }
        let faults: Vec<_> = faults.into_iter().collect();
        let detail = match faults.as_slice() {
            [one] => format!("The parameter {} {}.", one.parameter.as_deref().unwrap_or(""), one.detail),
            list => format!("The query has {} faults; `errors` lists them.", list.len()),
        };
        Err(Problem::new(Kind::InvalidQuery, detail).errors(faults))
    }
}

/// A plus sign in a query is read as a blank, so that of a time with an offset arrives as one.
fn has_lost_its_plus(value: &str) -> bool {
    value.contains(' ') && Timestamp::parse(&value.replace(' ', "+")).is_ok()
}
