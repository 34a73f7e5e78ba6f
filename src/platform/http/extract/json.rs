//! Guards against bodies that are too large, not JSON, or not what the handler asked for.

use std::time::Duration;

use axum::{
    body::{Body, HttpBody},
    extract::{FromRequest, OptionalFromRequest, Request},
};
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use validator::Validate;

use super::shape::{self, BodyError, Faults};
use crate::platform::http::{Kind, Problem};

/// A JSON body that has the form of `T` and keeps all its rules.
///
/// Refusals: 415 unless it is JSON in UTF-8 without a content encoding, 413 above the limit, 400 when it is
/// no JSON, and 422 with **every** wrong, missing, unknown or repeated field and every broken rule, each with
/// its JSON Pointer (at most 100).
#[derive(Clone, Copy, Debug, Default)]
pub struct ValidJson<T>(pub T);

/// The largest body in bytes; put into the request by the middleware.
#[derive(Clone, Copy, Debug)]
pub(in crate::platform::http) struct BodyLimit(pub(in crate::platform::http) usize);

/// When nobody has set one.
const DEFAULT_LIMIT: BodyLimit = BodyLimit(256 * 1024);

/// How much of a body that is too large is read and thrown away, and for how long: a client that is still
/// writing when the connection closes sees a broken pipe instead of the answer.
const DISCARD_BYTES: u64 = 1024 * 1024;
const DISCARD_TIME: Duration = Duration::from_secs(2);

impl<S: Send + Sync, T: DeserializeOwned + Validate> FromRequest<S> for ValidJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        check_media_type(request.headers())?;
        let limit = request.extensions().get::<BodyLimit>().copied().unwrap_or(DEFAULT_LIMIT);
        let waits = request.headers().contains_key(header::EXPECT);
        let bytes = read(request.into_body(), limit.0, waits).await?;
        parse(&bytes).map(Self)
    }
}

/// A body that may be left out: nothing when there is none, and no `Content-Type` that promises one.
impl<S: Send + Sync, T: DeserializeOwned + Validate> OptionalFromRequest<S> for ValidJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, Problem> {
        if !request.headers().contains_key(header::CONTENT_TYPE) && request.body().is_end_stream() {
            return Ok(None);
        }
        <Self as FromRequest<S>>::from_request(request, state).await.map(Some)
    }
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    let refuse = |detail| Err(Problem::new(Kind::UnsupportedMediaType, detail));
    if headers.get(header::CONTENT_ENCODING).is_some_and(|e| !e.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        return refuse("The body must be sent without a Content-Encoding.");
    }
    let Some(given) = headers.get(header::CONTENT_TYPE) else {
        return refuse("The header Content-Type is missing; it must be application/json.");
    };
    let mut parts = given.to_str().unwrap_or("").split(';').map(str::trim);
    let essence = parts.next().unwrap_or("").to_ascii_lowercase();
    let json =
        essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"));
    if !json {
        return refuse("Content-Type must be application/json.");
    }
    let charset =
        parts.filter_map(|p| p.split_once('=')).find(|(name, _)| name.eq_ignore_ascii_case("charset"));
    match charset {
        Some((_, c)) if !c.trim_matches('"').eq_ignore_ascii_case("utf-8") => {
            refuse("The charset must be utf-8.")
        }
        _ => Ok(()),
    }
}

/// The whole body, if it is no longer than `limit`, whatever `Content-Length` says. `waits`: the client sends
/// the body only when it is asked for (`Expect: 100-continue`), which reading does.
async fn read(mut body: Body, limit: usize, waits: bool) -> Result<Vec<u8>, Problem> {
    let announced = body.size_hint().lower();
    if u64::try_from(limit).is_ok_and(|limit| announced > limit) {
        if !waits && announced <= DISCARD_BYTES {
            discard(body).await;
        }
        return Err(too_large(limit));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(announced).unwrap_or(0));
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|_| Problem::new(Kind::MalformedBody, "The body ended before it was complete."))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > limit {
            discard(body).await;
            return Err(too_large(limit));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

fn too_large(limit: usize) -> Problem {
    Problem::new(Kind::PayloadTooLarge, format!("The body is larger than {limit} bytes."))
}

async fn discard(mut body: Body) {
    let drain = async {
        let mut left = DISCARD_BYTES;
        while let Some(Ok(frame)) = body.frame().await {
            let size = frame.data_ref().map_or(0, |d| u64::try_from(d.len()).unwrap_or(u64::MAX));
            match left.checked_sub(size) {
                Some(rest) => left = rest,
                None => break,
            }
        }
    };
    // Done or given up is the same here: the answer is on its way either way.
    drop(tokio::time::timeout(DISCARD_TIME, drain).await);
}

fn parse<T: DeserializeOwned + Validate>(bytes: &[u8]) -> Result<T, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|e| {
        Problem::new(
            Kind::MalformedBody,
            format!("The body is not UTF-8: byte {} does not belong there.", e.valid_up_to() + 1),
        )
    })?;
    if text.trim_ascii().is_empty() {
        return Err(Problem::new(Kind::MalformedBody, "The body is empty; it must be a JSON document."));
    }
    shape::parse(text).map_err(|e| match e {
        BodyError::Malformed(why) => {
            Problem::new(Kind::MalformedBody, format!("The body is not valid JSON: {why}."))
        }
        BodyError::Faults(faults) => {
            let detail = summary(&faults);
            Problem::new(Kind::ValidationFailed, detail).errors(faults.list)
        }
    })
}

/// One line for those who read only `detail`: the fault itself when there is one, their number when there are
/// more.
fn summary(faults: &Faults) -> String {
    match faults.list.as_slice() {
        [one] if !faults.more => {
            let place = one.pointer.as_deref().filter(|p| !p.is_empty()).unwrap_or("The body");
            format!("{place} {}.", one.detail)
        }
        list if faults.more => {
            format!("The body has many faults; `errors` lists {} of them, and there may be more.", list.len())
        }
        list => format!("The body has {} faults; `errors` lists them.", list.len()),
    }
}
