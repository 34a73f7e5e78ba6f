//! Authenticates a request. Runs before the body is read: no work is done for the body of an unknown caller.

use axum::extract::{FromRef, FromRequestParts};
use http::{HeaderMap, HeaderValue, header, request::Parts};

use super::{Claims, Tokens};
use crate::platform::http::{Kind, Problem};

/// A merchant's account, authenticated by its token.
///
/// Fails with 401 and `WWW-Authenticate` without a valid token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merchant {
    pub user_id: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Merchant
where
    Tokens: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let claims = authenticate(&parts.headers, &Tokens::from_ref(state))?;
        Ok(Self { user_id: claims.user_id })
    }
}

fn authenticate(headers: &HeaderMap, tokens: &Tokens) -> Result<Claims, Problem> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    match (given.next(), given.next()) {
        (None, _) => Err(missing()),
        // Ambiguous: nothing says which of the two is meant.
        (Some(_), Some(_)) => Err(invalid("The request has more than one Authorization header.")),
        (Some(one), None) => match bearer(one) {
            Some(token) => tokens.verify(token).map_err(|e| invalid(e.to_string())),
            None => Err(missing()),
        },
    }
}

/// The token in `Bearer <token>`; `None` for another scheme.
fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim())
}

/// RFC 6750 section 3.1: no `error` attribute if the request had no token.
fn missing() -> Problem {
    Problem::new(Kind::Unauthenticated, "Send an access token: Authorization: Bearer <token>.")
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"waybill\""))
}

fn invalid(detail: impl Into<std::borrow::Cow<'static, str>>) -> Problem {
    Problem::new(Kind::Unauthenticated, detail).header(
        header::WWW_AUTHENTICATE,
        HeaderValue::from_static("Bearer realm=\"waybill\", error=\"invalid_token\""),
    )
}
