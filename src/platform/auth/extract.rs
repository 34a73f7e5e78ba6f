//! Authenticates a request. Runs before the body is read: no work is done for the body of an unknown caller.

use axum::extract::{FromRef, FromRequestParts, MatchedPath};
use http::{HeaderMap, HeaderValue, Method, header, request::Parts};

use super::{Asked, Authenticator, Refusal};
use crate::platform::http::{Kind, Problem};

/// A merchant's account, for whom the caller speaks: by a token, a key, or a session.
///
/// Fails with 401 and `WWW-Authenticate` without a valid one, with 403 where its caller may not do this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merchant {
    pub user_id: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Merchant
where
    Authenticator: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        // Another extractor of the same handler may have asked before.
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let route = parts.extensions.get::<MatchedPath>().cloned();
        let route = route.as_ref().map_or("", MatchedPath::as_str);
        // Whoever answers GET answers HEAD.
        let method = if parts.method == Method::HEAD { "GET" } else { parts.method.as_str() };
        let authenticator = Authenticator::from_ref(state);
        let asked = Asked { method, route };
        let admitted = match credential(&parts.headers) {
            Ok(text) => authenticator.authenticate(text, asked, &mut parts.extensions).await.map_err(refused),
            Err(problem) => Err(problem),
        };
        let merchant = match admitted {
            Err(problem) if problem.kind() == Kind::Unauthenticated => {
                authenticator.count_refused(parts)?;
                return Err(problem);
            }
            admitted => admitted?,
        };
        parts.extensions.insert(merchant.clone());
        Ok(merchant)
    }
}

fn credential(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    match (given.next(), given.next()) {
        (None, _) => Err(missing()),
        // Ambiguous: nothing says which of the two is meant.
        (Some(_), Some(_)) => Err(invalid("The request has more than one Authorization header.")),
        (Some(one), None) => bearer(one).ok_or_else(missing),
    }
}

fn refused(why: Refusal) -> Problem {
    match why {
        Refusal::Invalid(words) => invalid(words),
        Refusal::Suspended => Problem::new(Kind::Forbidden, why.to_string()).named("merchant-suspended"),
        Refusal::Kyc => Problem::new(Kind::KycRequired, why.to_string()),
        Refusal::OtherEnvironment(words) => Problem::new(Kind::Forbidden, words).named("wrong-environment"),
        Refusal::Scope(scope) => {
            Problem::new(Kind::Forbidden, why.to_string()).named("insufficient-scope").member("scope", scope)
        }
        Refusal::OverLimit(over) => over.into(),
        Refusal::Person => Problem::new(Kind::Forbidden, why.to_string()).named("person-required"),
        Refusal::Store(error) => error.into(),
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
