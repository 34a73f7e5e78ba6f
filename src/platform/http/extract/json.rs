//! Guards against bodies that are too large, not JSON, or not what the handler asked for.

use std::{collections::BTreeSet, time::Duration};

use axum::{
    body::{Body, HttpBody},
    extract::{FromRequest, OptionalFromRequest, Request},
};
use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use validator::Validate;

use super::{faults::Search, halves, repeated, strict};
use crate::platform::http::{Kind, Problem};

/// A JSON body that has the form of `T` and keeps all its rules.
///
/// A byte order mark before it is no fault: tools of Windows write one.
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
const DISCARD_BYTES: usize = 1024 * 1024;
const DISCARD_TIME: Duration = Duration::from_secs(2);

impl<S: Send + Sync, T: DeserializeOwned + Validate> FromRequest<S> for ValidJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        parse(text(&whole(request).await?)?).map(Self)
    }
}

/// A body that may be left out: nothing when there is none, or it is `null`. Many clients always send a
/// `Content-Type`, so it promises nothing.
impl<S: Send + Sync, T: DeserializeOwned + Validate> OptionalFromRequest<S> for ValidJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Option<Self>, Problem> {
        if !request.headers().contains_key(header::CONTENT_TYPE) && request.body().is_end_stream() {
            return Ok(None);
        }
        let bytes = whole(request).await?;
        if bytes.trim_ascii().is_empty() {
            return Ok(None);
        }
        let text = text(&bytes)?;
        if text.trim_ascii() == "null" { Ok(None) } else { parse(text).map(Self).map(Some) }
    }
}

async fn whole(request: Request) -> Result<Bytes, Problem> {
    check_media_type(request.headers()).map_err(|why| Problem::new(Kind::UnsupportedMediaType, why))?;
    let limit = request.extensions().get::<BodyLimit>().copied().unwrap_or(DEFAULT_LIMIT);
    let waits = request.headers().contains_key(header::EXPECT);
    read(request.into_body(), limit.0, waits).await
}

/// Nothing here unpacks a body: what is small on its way could be large.
pub(super) fn check_encoding(headers: &HeaderMap) -> Result<(), &'static str> {
    if headers.get(header::CONTENT_ENCODING).is_some_and(|e| !e.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        return Err("The body must be sent without a Content-Encoding.");
    }
    Ok(())
}

fn check_media_type(headers: &HeaderMap) -> Result<(), &'static str> {
    check_encoding(headers)?;
    let given = headers.get(header::CONTENT_TYPE);
    let given = given.ok_or("The header Content-Type is missing; it must be application/json.")?;
    let given = given.to_str().unwrap_or("").to_ascii_lowercase();
    let mut parts = given.split(';').map(str::trim);
    let essence = parts.next().and_then(|essence| essence.strip_prefix("application/")).unwrap_or("");
    if essence != "json" && !essence.ends_with("+json") {
        return Err("Content-Type must be application/json.");
    }
    match parts.find_map(|p| p.strip_prefix("charset=")) {
        Some(charset) if charset.trim_matches('"') != "utf-8" => Err("The charset must be utf-8."),
        _ => Ok(()),
    }
}

/// The whole body, if it is no longer than `limit`, whatever `Content-Length` says. `waits`: the client sends
/// the body only when it is asked for (`Expect: 100-continue`), which reading does.
pub(super) async fn read(mut body: Body, limit: usize, waits: bool) -> Result<Bytes, Problem> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced <= limit {
        match Limited::new(&mut body, limit).collect().await {
            Ok(whole) => return Ok(whole.to_bytes()),
            Err(e) if e.is::<LengthLimitError>() => {}
            Err(_) => {
                return Err(Problem::new(Kind::MalformedBody, "The body ended before it was complete."));
            }
        }
    }
    if announced <= limit || (!waits && announced <= DISCARD_BYTES) {
        let mut rest = Limited::new(body, DISCARD_BYTES);
        let discard = async { while let Some(Ok(_)) = rest.frame().await {} };
        // Done or given up is the same here: the answer is on its way either way.
        drop(tokio::time::timeout(DISCARD_TIME, discard).await);
    }
    Err(Problem::new(Kind::PayloadTooLarge, format!("The body is larger than {limit} bytes.")))
}

fn malformed(why: String) -> Problem {
    Problem::new(Kind::MalformedBody, why)
}

/// The text of a body, without a byte order mark.
fn text(bytes: &[u8]) -> Result<&str, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|e| {
        malformed(format!("The body is not UTF-8: byte {} does not belong there.", e.valid_up_to() + 1))
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_ascii().is_empty() {
        return Err(malformed("The body is empty; it must be a JSON document.".to_owned()));
    }
    Ok(text)
}

fn parse<T: DeserializeOwned + Validate>(text: &str) -> Result<T, Problem> {
    // A good body is read straight from the text; only another one is looked at again, for all its faults.
    if let Ok(body) = strict::from_str::<T>(text)
        && body.validate().is_ok()
    {
        return Ok(body);
    }
    let (value, mut faults) = match serde_json::from_str(text) {
        Err(e) if !e.is_data() => match halves::read(text) {
            Some(found) => found,
            // The texts of these are fixed ones with a line and a column.
            None => return Err(malformed(format!("The body is not valid JSON: {e}."))),
        },
        value => (value.unwrap_or_default(), BTreeSet::new()),
    };
    repeated::find(text, "", &mut faults);
    // serde_json gives a key of its own a meaning; nobody means it, and what it leads to is no body.
    let Err(found) = (Search { value, faults, ..Search::default() }).read::<T>() else {
        return Err(Problem::new(Kind::ValidationFailed, "The body does not have the expected form."));
    };
    // One line for those who read only `detail`: the fault itself when there is one, their number when there
    // are more.
    let detail = match found.list.as_slice() {
        [one] if !found.more => {
            let place = one.pointer.as_deref().filter(|p| !p.is_empty()).unwrap_or("The body");
            format!("{place} {}.", one.detail)
        }
        list if found.more => {
            format!("The body has many faults; `errors` lists {} of them, and there may be more.", list.len())
        }
        list => format!("The body has {} faults; `errors` lists them.", list.len()),
    };
    Err(Problem::new(Kind::ValidationFailed, detail).errors(found.list))
}
