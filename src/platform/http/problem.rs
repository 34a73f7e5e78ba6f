//! Errors as RFC 9457 problem documents: every error response of this service is one.
//!
//! A [`Problem`] becomes a response without a body that carries it as an extension. The middleware writes the
//! body (see [`body::render`]), because only it knows the request's id and path.

mod body;
mod kind;
mod pages;
mod store;

use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

pub use body::ProblemBody;
pub(in crate::platform::http) use body::render;
pub use kind::Kind;
pub use pages::{ProblemType, routes};

/// One error in a request, and its place. Never contains the value that the client sent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
pub struct FieldError {
    /// JSON Pointer (RFC 6901) into the body; the empty string is the whole body.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "/consignee/mobile")]
    pub pointer: Option<String>,
    /// Name of a query parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "limit")]
    pub parameter: Option<String>,
    /// A stable code for programs: `missing`, `unknown`, `duplicate`, `type`, `enum`, `invalid`, or the
    /// broken rule (`length`, `range` …).
    #[schema(value_type = String, example = "length")]
    pub code: Cow<'static, str>,
    /// A message for people.
    #[schema(example = "must be exactly 10 digits")]
    pub detail: String,
}

impl FieldError {
    #[must_use]
    pub fn pointer(
        pointer: impl Into<String>,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<String>,
    ) -> Self {
        Self { pointer: Some(pointer.into()), parameter: None, code: code.into(), detail: detail.into() }
    }

    #[must_use]
    pub fn parameter(
        name: impl Into<String>,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<String>,
    ) -> Self {
        Self { pointer: None, parameter: Some(name.into()), code: code.into(), detail: detail.into() }
    }
}

/// An error response.
#[derive(Clone, Debug)]
pub struct Problem(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    kind: Kind,
    /// A narrower code than the kind's.
    code: Option<&'static str>,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    members: Vec<(&'static str, Value)>,
    retry_after: Option<Duration>,
    headers: HeaderMap,
}

impl Problem {
    /// `detail` describes this occurrence for people. It is sent unchanged, so it must not contain a
    /// submitted value or a library's error text.
    #[must_use]
    pub fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            code: None,
            detail: detail.into(),
            errors: Vec::new(),
            members: Vec::new(),
            retry_after: None,
            headers: HeaderMap::new(),
        }))
    }

    /// Logs `error` with the request's id. The response does not contain it.
    #[must_use]
    pub fn internal(error: &dyn fmt::Display) -> Self {
        tracing::error!(%error, "a request failed");
        Self::new(Kind::Internal, Kind::Internal.stock_detail())
    }

    #[must_use]
    pub fn errors(mut self, errors: Vec<FieldError>) -> Self {
        self.0.errors = errors;
        self
    }

    /// Gives it a code that says more than its kind's, whose `type` it keeps.
    #[must_use]
    pub fn named(mut self, code: &'static str) -> Self {
        self.0.code = Some(code);
        self
    }

    /// Sent as `Retry-After` in whole seconds, rounded up.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.0.retry_after = Some(after);
        self
    }

    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.append(name, value);
        self
    }

    /// An extension member of the document (RFC 9457 section 3.2). It cannot replace a standard member.
    #[must_use]
    pub fn member(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.members.push((name, value.into()));
        self
    }

    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    #[must_use]
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    #[must_use]
    pub fn field_errors(&self) -> &[FieldError] {
        &self.0.errors
    }
}

/// The response extension that carries a problem to the middleware.
#[derive(Clone)]
pub(in crate::platform::http) struct ProblemExt(pub(in crate::platform::http) Arc<Problem>);

impl IntoResponse for Problem {
    fn into_response(mut self) -> Response {
        let mut response = self.0.kind.status().into_response();
        *response.headers_mut() = std::mem::take(&mut self.0.headers);
        if let Some(after) = self.0.retry_after {
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(ProblemExt(Arc::new(self)));
        response
    }
}
