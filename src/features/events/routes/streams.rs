//! Server-sent events for merchants.

use axum::{body::Body, extract::State, http::HeaderMap, response::Response};

use super::{TAG, lists::bad_cursor, query::EventsQuery, watcher::Watcher};
use crate::{
    features::{Services, events::seq_of},
    platform::http::{Kind, Problem, ValidQuery, answer},
};

/// Stream your events
///
/// Server-sent events: `event` is the type, `id` the event's id, `data` the event as in `GET /v1/events`. A
/// stream that is opened again goes on behind its `Last-Event-ID` (or `?cursor=`). `reset` comes first when
/// something may be missed: events behind that id are kept no more, and it goes on with those that are; or
/// there was no such event yet, as with an id of another installation, and it begins now. The `id` of `reset`
/// is where it goes on. `bye` ends it: `stopping` (come again) or `unauthorized`. Lines that begin with a
/// colon, and events with empty data, are heartbeats: skip them.
#[utoipa::path(get, path = "/v1/events/stream", tag = TAG, operation_id = "streamEvents", params(EventsQuery,
        ("Last-Event-ID" = Option<String>, Header, description = "The last event that was seen")),
    responses(
        (status = 200, description = "A stream", content_type = "text/event-stream", body = String),
        (status = 400, description = "An unknown or bad parameter, or a `Last-Event-ID` that is no id"),
        (status = 429, description = "Too many streams"),
    ))]
pub(super) async fn stream_events(
    State(services): State<Services>,
    watcher: Watcher,
    headers: HeaderMap,
    ValidQuery(query): ValidQuery<EventsQuery>,
) -> Result<Response, Problem> {
    open(&services, watcher, &headers, query.cursor.as_deref(), None).await
}

/// A stream of this merchant's events, or of those about one order.
pub(super) async fn open(
    services: &Services,
    watcher: Watcher,
    headers: &HeaderMap,
    cursor: Option<&str>,
    subject: Option<&str>,
) -> Result<Response, Problem> {
    // What a browser sends when it comes again counts more than the URL, which stays the same.
    let last = headers.get("last-event-id").filter(|value| !value.is_empty());
    let after = match (last, cursor) {
        (Some(id), _) => {
            let seq = id.to_str().ok().and_then(|id| seq_of(id.trim()));
            let bad = || Problem::new(Kind::BadRequest, "Last-Event-ID must be the id of an event.");
            Some(seq.ok_or_else(bad)?)
        }
        (None, Some(id)) => Some(seq_of(id).ok_or_else(bad_cursor)?),
        (None, None) => None,
    };
    let listener = services.feed.listen(&watcher.merchant, after).await?.of(watcher.person.as_deref());
    let listener = match subject {
        Some(subject) => listener.about(subject),
        None => listener,
    };
    let still = move || {
        let watcher = watcher.clone();
        async move { watcher.still().await }
    };
    Ok(answer::event_stream(Body::from_stream(listener.stream(still))))
}
