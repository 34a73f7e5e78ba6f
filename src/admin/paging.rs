//! What lists of the admin API have in common: their query, and their cursors.

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::{Serialize, de::DeserializeOwned};
use utoipa::ToSchema;
use validator::Validate;

pub use crate::platform::http::cursor::{Cursors, bad_cursor};
use crate::platform::http::{Kind, Problem, ValidQuery};

/// How many a page has when nothing is said, and at most.
pub const DEFAULT_LIMIT: usize = 50;
pub const MOST: usize = 200;

/// The query string of a list. An unknown or unreadable parameter is 400, a number out of its range 422.
#[derive(Clone, Copy, Debug)]
pub struct ListQuery<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Validate> FromRequestParts<S> for ListQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match ValidQuery::<T>::from_request_parts(parts, state).await {
            Ok(ValidQuery(query)) => Ok(Self(query)),
            Err(problem) => {
                let faults = problem.field_errors();
                if faults.is_empty() || faults.iter().any(|fault| fault.code != "range") {
                    return Err(problem);
                }
                let (faults, detail) = (faults.to_vec(), problem.detail().to_owned());
                Err(Problem::new(Kind::ValidationFailed, detail).errors(faults))
            }
        }
    }
}

/// One page.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    pub data: Vec<T>,
    /// Give it back as `cursor`, with the same filters, for the next page.
    pub next_cursor: Option<String>,
}
