//! Writes the problem document. Its members and their names are defined only here.

use std::borrow::Cow;

use axum::{body::Body, response::Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{FieldError, Kind, ProblemExt};

/// The body of every response with a status of 400 or more (RFC 9457, `application/problem+json`).
///
/// Branch on `code` or `type`, never on `title`, `detail` or `message`. Ignore members that you do not know:
/// new ones may be added.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProblemBody<'a> {
    /// The address of this problem type's description.
    #[schema(value_type = String, example = "/problems/validation-failed")]
    pub r#type: Cow<'a, str>,
    /// The same for every problem of this type.
    #[schema(value_type = String, example = "The request breaks a rule")]
    pub title: Cow<'a, str>,
    /// The status of the response.
    #[schema(example = 422)]
    pub status: u16,
    /// What happened in this request, for people.
    #[schema(value_type = String, example = "/consignee/mobile must be exactly 10 digits")]
    pub detail: Cow<'a, str>,
    /// The path of the request.
    #[schema(value_type = String, example = "/orders/create")]
    pub instance: &'a str,
    /// A stable code for programs.
    #[schema(value_type = String, example = "validation-failed")]
    pub code: Cow<'a, str>,
    /// Also in the header `X-Request-Id`. Include it when you report a problem.
    #[schema(value_type = String, example = "req_019aa3f1c2d47e5f8a9b0c1d2e3f4a5b")]
    pub request_id: &'a str,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// The errors in the request, if there are several or if they have a place.
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    #[schema(required = false, value_type = Vec<FieldError>)]
    pub errors: &'a [FieldError],
    /// Always false; for clients of the API's first version.
    #[schema(example = false)]
    pub success: bool,
    /// The same as `detail`; for clients of the API's first version.
    #[schema(value_type = String, example = "/consignee/mobile must be exactly 10 digits")]
    pub message: Cow<'a, str>,
}

impl ProblemBody<'_> {
    /// An example of this kind for the OpenAPI document.
    pub(in crate::platform::http) fn example(kind: Kind, instance: &str) -> Value {
        let at = |pointer, code, detail| vec![FieldError::pointer(pointer, code, detail)];
        let errors = match kind {
            Kind::ValidationFailed => at("/consignee/mobile", "digits", "must be exactly 10 digits"),
            Kind::IdempotencyPayloadMismatch => {
                at("/clientOrderId", "taken", "belongs to another order of yours")
            }
            Kind::InvalidQuery => vec![FieldError::parameter("limit", "range", "must be from 1 to 100")],
            _ => Vec::new(),
        };
        // As the service writes it where there is one fault.
        let detail = errors.first().filter(|_| kind == Kind::ValidationFailed).map_or_else(
            || Cow::Borrowed(kind.stock_detail()),
            |error| format!("{} {}.", error.pointer.as_deref().unwrap_or_default(), error.detail).into(),
        );
        let body = ProblemBody {
            errors: &errors,
            message: detail.clone(),
            detail,
            ..of_kind(kind, instance, "req_019aa3f1c2d47e5f8a9b0c1d2e3f4a5b")
        };
        serde_json::to_value(body).unwrap_or_default()
    }
}

const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Writes the problem document of an error response. Responses below 400, and problem documents that a
/// handler wrote itself, stay unchanged. A library's own error body is replaced; its headers stay.
pub(in crate::platform::http) fn render(response: Response, instance: &str, request_id: &str) -> Response {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let problem = response.extensions().get::<ProblemExt>().cloned();
    if problem.is_none() && response.headers().get(header::CONTENT_TYPE) == Some(&CONTENT_TYPE) {
        return response;
    }
    let bytes = match &problem {
        Some(ProblemExt(problem)) => {
            let mut body = of_kind(problem.kind(), instance, request_id);
            body.detail = Cow::Borrowed(problem.detail());
            body.message = Cow::Borrowed(problem.detail());
            body.errors = problem.field_errors();
            if let Some(code) = problem.0.code {
                body.code = Cow::Borrowed(code);
            }
            write(&body, &problem.0.members)
        }
        None => match Kind::of_status(status) {
            Some(kind) => write(&of_kind(kind, instance, request_id), &[]),
            None => write(&of_status(status, instance, request_id), &[]),
        },
    };
    let (mut parts, _) = response.into_parts();
    parts.extensions.remove::<ProblemExt>();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.remove(header::CONTENT_ENCODING);
    parts.headers.insert(header::CONTENT_TYPE, CONTENT_TYPE);
    Response::from_parts(parts, Body::from(bytes))
}

fn of_kind<'a>(kind: Kind, instance: &'a str, request_id: &'a str) -> ProblemBody<'a> {
    ProblemBody {
        r#type: kind.type_uri().into(),
        title: kind.title().into(),
        status: kind.status().as_u16(),
        detail: kind.stock_detail().into(),
        instance,
        code: kind.code().into(),
        request_id,
        retryable: kind.retryable(),
        errors: &[],
        success: false,
        message: kind.stock_detail().into(),
    }
}

/// A status without a kind of its own: `about:blank` with the standard phrase.
fn of_status<'a>(status: StatusCode, instance: &'a str, request_id: &'a str) -> ProblemBody<'a> {
    let phrase = status.canonical_reason().unwrap_or("Error");
    ProblemBody {
        r#type: "about:blank".into(),
        title: phrase.into(),
        status: status.as_u16(),
        detail: phrase.into(),
        instance,
        code: phrase.to_ascii_lowercase().replace(' ', "-").into(),
        request_id,
        retryable: status.is_server_error(),
        errors: &[],
        success: false,
        message: phrase.into(),
    }
}

fn write(body: &ProblemBody<'_>, members: &[(&'static str, Value)]) -> Vec<u8> {
    let written = if members.is_empty() {
        serde_json::to_vec(body)
    } else {
        let mut all: Map<String, Value> = members.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
        serde_json::to_value(body).and_then(|own| {
            if let Value::Object(own) = own {
                all.extend(own);
            }
            serde_json::to_vec(&all)
        })
    };
    // Strings, numbers and lists always serialise; otherwise the body is empty.
    written.unwrap_or_default()
}
