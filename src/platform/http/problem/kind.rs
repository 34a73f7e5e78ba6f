//! The catalogue of all problem types. Everything that clients may rely on is defined here.

use http::StatusCode;

/// A type of problem. Clients branch on its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    ValidationFailed,
    MalformedBody,
    InvalidQuery,
    InvalidCursor,
    BadRequest,
    Unauthenticated,
    Forbidden,
    KycRequired,
    NotFound,
    MethodNotAllowed,
    ConflictState,
    IdempotencyPayloadMismatch,
    ProviderRefused,
    ProviderAnswer,
    PayloadTooLarge,
    UnsupportedMediaType,
    HeadersTooLarge,
    TooManyRequests,
    RequestTimeout,
    TemporarilyUnavailable,
    Internal,
}

#[derive(Clone, Copy)]
struct Entry {
    code: &'static str,
    status: StatusCode,
    title: &'static str,
    retryable: bool,
    advice: &'static str,
}

const fn entry(code: &'static str, status: StatusCode, title: &'static str, advice: &'static str) -> Entry {
    Entry { code, status, title, retryable: false, advice }
}

const fn retryable(entry: Entry) -> Entry {
    Entry { retryable: true, ..entry }
}

impl Kind {
    pub const ALL: [Self; 21] = [
        Self::ValidationFailed,
        Self::MalformedBody,
        Self::InvalidQuery,
        Self::InvalidCursor,
        Self::BadRequest,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::KycRequired,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::ConflictState,
        Self::IdempotencyPayloadMismatch,
        Self::ProviderRefused,
        Self::ProviderAnswer,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::HeadersTooLarge,
        Self::TooManyRequests,
        Self::RequestTimeout,
        Self::TemporarilyUnavailable,
        Self::Internal,
    ];

    #[expect(clippy::too_many_lines, reason = "a table")]
    const fn entry(self) -> Entry {
        match self {
            Self::ValidationFailed => entry(
                "validation-failed",
                StatusCode::UNPROCESSABLE_ENTITY,
                "The request breaks a rule",
                "The body is JSON, but fields are missing, unknown, of the wrong type or out of range. \
                 `errors` lists each of them with a JSON Pointer, at most 100 at once. Correct them and send \
                 the request again; the same body will be refused again. The `clientOrderId` is still free.",
            ),
            Self::MalformedBody => entry(
                "malformed-body",
                StatusCode::BAD_REQUEST,
                "The body is not valid JSON",
                "The body could not be read as JSON in UTF-8; `detail` names the line and column. Check how \
                 the client writes JSON, and whether the body was truncated.",
            ),
            Self::InvalidQuery => entry(
                "invalid-query",
                StatusCode::BAD_REQUEST,
                "A query parameter is not valid",
                "A parameter is unknown, is repeated or has an invalid value. `errors` names each of them in \
                 `parameter`. Unknown parameters are refused so that a misspelt filter is never ignored.",
            ),
            Self::InvalidCursor => entry(
                "invalid-cursor",
                StatusCode::BAD_REQUEST,
                "The cursor is not valid",
                "A cursor is valid only for the list, the filters and the account that it was issued for, \
                 and must be sent unchanged. Start again without a cursor.",
            ),
            Self::BadRequest => entry(
                "bad-request",
                StatusCode::BAD_REQUEST,
                "The request cannot be understood",
                "The request line or a header does not follow HTTP or this API. Sending the same request \
                 again will not help.",
            ),
            Self::Unauthenticated => entry(
                "unauthenticated",
                StatusCode::UNAUTHORIZED,
                "A valid access token is required",
                "Send `Authorization: Bearer <token>` with a token that has not expired. Get a new token, \
                 then send the request again.",
            ),
            Self::Forbidden => entry(
                "forbidden",
                StatusCode::FORBIDDEN,
                "The token does not allow this",
                "The token is valid, but its role may not call this operation. Use a token of the right \
                 role; a new token of the same role will not help.",
            ),
            Self::KycRequired => entry(
                "kyc-required",
                StatusCode::FORBIDDEN,
                "The merchant's KYC is not approved",
                "This installation books orders only for merchants whose KYC is approved. Complete it with \
                 `PUT /v1/kyc` and `PUT /v1/kyc/documents/{kind}`, hand it in with `POST /v1/kyc/submit`, \
                 and send the order again once `GET /v1/kyc` says `approved`. The `clientOrderId` is still \
                 free.",
            ),
            Self::NotFound => entry(
                "not-found",
                StatusCode::NOT_FOUND,
                "There is nothing here",
                "The path does not exist, or the resource does not exist for this account; the response is \
                 the same. Paths have no trailing slash. `/docs` describes every path.",
            ),
            Self::MethodNotAllowed => entry(
                "method-not-allowed",
                StatusCode::METHOD_NOT_ALLOWED,
                "The method is not allowed here",
                "The path exists, but does not support this method. The `Allow` header lists the methods it \
                 supports.",
            ),
            Self::ConflictState => entry(
                "conflict-state",
                StatusCode::CONFLICT,
                "The current state does not allow this",
                "The resource is in a state that does not allow this operation. Read it again before you \
                 decide what to do.",
            ),
            Self::IdempotencyPayloadMismatch => entry(
                "idempotency-payload-mismatch",
                StatusCode::UNPROCESSABLE_ENTITY,
                "The same key was used with another payload",
                "An order with this `clientOrderId` exists, but with different content. Nothing was changed. \
                 Use a new `clientOrderId` for a new order, or send the original content again to read the \
                 existing order. If that order failed, `POST /v1/orders/{id}/amend` corrects it; `detail` \
                 names its id.",
            ),
            Self::ProviderRefused => entry(
                "provider-refused",
                StatusCode::CONFLICT,
                "ParcelX refused this",
                "ParcelX refused the request; `detail` has its message, without numbers and addresses. \
                 Correct what the message names. Sending the same request again asks ParcelX again.",
            ),
            Self::ProviderAnswer => retryable(entry(
                "provider-answer",
                StatusCode::BAD_GATEWAY,
                "ParcelX gave an answer that cannot be used",
                "ParcelX answered, but its answer cannot be read or trusted, and is not passed on. Sending \
                 the same request again asks ParcelX again; if it keeps failing, report the `requestId`.",
            )),
            Self::PayloadTooLarge => entry(
                "payload-too-large",
                StatusCode::PAYLOAD_TOO_LARGE,
                "The body is too large",
                "The body is larger than this operation allows. Send less at once.",
            ),
            Self::UnsupportedMediaType => entry(
                "unsupported-media-type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The body has the wrong type or encoding",
                "Send `Content-Type: application/json`, in UTF-8 and without a `Content-Encoding`; a \
                 document is sent as it is, without one, too. Responses are JSON, whatever `Accept` says.",
            ),
            Self::HeadersTooLarge => entry(
                "headers-too-large",
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "The headers are too large",
                "All header fields together are larger than this service allows. Send fewer or shorter ones.",
            ),
            Self::TooManyRequests => retryable(entry(
                "too-many-requests",
                StatusCode::TOO_MANY_REQUESTS,
                "Too many requests",
                "There were more requests of this kind than are allowed. Send the same request again after \
                 `Retry-After`.",
            )),
            Self::RequestTimeout => retryable(entry(
                "request-timeout",
                StatusCode::SERVICE_UNAVAILABLE,
                "The request took too long",
                "The request was stopped before it had a response; it is not known whether it had an effect. \
                 Send the same request again: an order with a `clientOrderId` is never created twice.",
            )),
            Self::TemporarilyUnavailable => retryable(entry(
                "temporarily-unavailable",
                StatusCode::SERVICE_UNAVAILABLE,
                "The service cannot do this just now",
                "A dependency of the service is not available, or the service is about to stop. Send the \
                 same request again after `Retry-After`, or after a few seconds, with growing pauses.",
            )),
            Self::Internal => retryable(entry(
                "internal",
                StatusCode::INTERNAL_SERVER_ERROR,
                "Something went wrong on our side",
                "The error is in the service, not in the request. The same request may be sent again; if it \
                 keeps failing, report the `requestId`.",
            )),
        }
    }

    /// The stable code for programs.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.entry().code
    }

    #[must_use]
    pub fn status(self) -> StatusCode {
        self.entry().status
    }

    /// One line, the same for every problem of this kind.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.entry().title
    }

    /// Whether the same request, sent again later, may succeed.
    #[must_use]
    pub fn retryable(self) -> bool {
        self.entry().retryable
    }

    /// What it means and what a client should do.
    #[must_use]
    pub fn advice(self) -> &'static str {
        self.entry().advice
    }

    /// The `type` of the problem document; resolves to its entry in the catalogue.
    #[must_use]
    pub fn type_uri(self) -> String {
        format!("/problems/{}", self.code())
    }

    /// Whether a request with or without a body can get this problem; for the OpenAPI document.
    pub(in crate::platform::http) fn fits(self, has_body: bool, creates: bool) -> bool {
        match self {
            Self::IdempotencyPayloadMismatch | Self::KycRequired => creates,
            Self::MalformedBody | Self::BadRequest => has_body,
            Self::InvalidQuery | Self::InvalidCursor | Self::ProviderRefused | Self::ProviderAnswer => {
                !has_body
            }
            _ => true,
        }
    }

    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.code() == code)
    }

    /// The kind for a library's own error response; `None` if only the status describes it.
    pub(super) fn of_status(status: StatusCode) -> Option<Self> {
        Some(match status {
            StatusCode::BAD_REQUEST => Self::BadRequest,
            StatusCode::UNAUTHORIZED => Self::Unauthenticated,
            StatusCode::FORBIDDEN => Self::Forbidden,
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            StatusCode::CONFLICT => Self::ConflictState,
            StatusCode::PAYLOAD_TOO_LARGE => Self::PayloadTooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::UnsupportedMediaType,
            StatusCode::UNPROCESSABLE_ENTITY => Self::ValidationFailed,
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Self::HeadersTooLarge,
            StatusCode::TOO_MANY_REQUESTS => Self::TooManyRequests,
            StatusCode::INTERNAL_SERVER_ERROR => Self::Internal,
            StatusCode::SERVICE_UNAVAILABLE => Self::TemporarilyUnavailable,
            _ => return None,
        })
    }

    /// The `detail` of a problem that has none of its own.
    #[must_use]
    pub fn stock_detail(self) -> &'static str {
        match self {
            Self::Internal => {
                "The service failed to process this request. The request id helps us to find out why."
            }
            Self::NotFound => "There is nothing at this path.",
            Self::MethodNotAllowed => "This path does not support this method; see the Allow header.",
            Self::RequestTimeout => "The request was stopped because it took too long.",
            other => other.title(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_unique_and_lead_back_to_their_kind() {
        let codes: BTreeSet<_> = Kind::ALL.iter().map(|k| k.code()).collect();
        assert_eq!(codes.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            assert!(kind.code().bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", kind.code());
            assert_eq!(Kind::of_code(kind.code()), Some(kind));
            assert!(kind.status().is_client_error() || kind.status().is_server_error());
            let passes = kind.status().is_server_error() || kind == Kind::TooManyRequests;
            assert_eq!(kind.retryable(), passes, "{}", kind.code());
            if let Some(of_status) = Kind::of_status(kind.status()) {
                assert_eq!(of_status.status(), kind.status());
            }
        }
    }
}
