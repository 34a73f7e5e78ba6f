//! Lists of events; the same paths are streams for those who ask for one.

use axum::{
    extract::State,
    http::{HeaderMap, header},
    response::Response,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    TAG, examples,
    query::{DEFAULT_LIMIT, EventsQuery},
    streams,
    watcher::Watcher,
};
use crate::{
    base::ids,
    features::{
        Services,
        events::{
            Event, Events, messages_of,
            places::{Worth, numbers},
            seq_of,
            shown::MerchantEvent,
        },
        orders::routes::{OrderId, no_such_order},
    },
    platform::http::{Kind, Problem, ValidQuery, answer},
};

/// Steps of one order that are listed; an order rarely has more.
const MOST_STEPS: usize = 1000;

/// Events, in the order in which they happened.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventList {
    pub(super) success: bool,
    pub(super) data: Vec<MerchantEvent>,
    pub(super) has_more: bool,
    /// How far you have read, also when there are no more yet: ask again with it later. The id of an event,
    /// and not always of one in `data`: when there are no more it is as far as the service is.
    pub(super) next_cursor: String,
}

/// List your events
///
/// For seven days, oldest first. Ask again with `nextCursor` for those that have come since; keep the one of
/// each answer, also of an empty one, since a cursor is good for about seven days. With
/// `Accept: text/event-stream` it is the stream of `GET /v1/events/stream`.
#[utoipa::path(get, path = "/v1/events", tag = TAG, operation_id = "listEvents", params(EventsQuery,
        ("Last-Event-ID" = Option<String>, Header, description = "Of a stream: the last event seen")),
    responses(
        (status = 200, description = "One page, or a stream", content(
            (EventList = "application/json", example = json!(examples::events())),
            (String = "text/event-stream"))),
        (status = 400, description = "An unknown or bad parameter; or, of a list, the cursor is the id of \
            no event, or the events behind it are not kept any more"),
        (status = 429, description = "Too many streams"),
    ))]
pub(super) async fn list_events(
    State(services): State<Services>,
    watcher: Watcher,
    headers: HeaderMap,
    ValidQuery(query): ValidQuery<EventsQuery>,
) -> Result<Response, Problem> {
    if wants_stream(&headers) {
        return streams::open(&services, watcher, &headers, query.cursor.as_deref(), None).await;
    }
    let events = Events::new(services.store.clone());
    let (after, last) = place(&events, query.cursor.as_deref()).await?;
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    let page = events.page_of(&watcher.merchant, after, limit).await?;
    // Also over those that do not read, or a page of them would come again for ever.
    let read = numbers(&page).max().unwrap_or(after);
    Ok(answer::ok(&listed(&page.docs, page.next.is_some(), read, last)))
}

/// List the events of an order
///
/// Its steps in their order, which `data.sequence` counts, and the messages about it (`order.message`). With
/// `Accept: text/event-stream` it is a stream of this order's events, from now on or behind `Last-Event-ID`.
#[utoipa::path(get, path = "/v1/orders/{id}/events", tag = TAG, operation_id = "listOrderEvents",
    params(("id" = String, Path, description = "The order's id, `ord_…`"), EventsQuery,
        ("Last-Event-ID" = Option<String>, Header, description = "Of a stream: the last event seen")),
    responses(
        (status = 200, description = "All that are kept, or a stream", content(
            (EventList = "application/json", example = json!(examples::events())),
            (String = "text/event-stream"))),
        (status = 400, description = "An unknown or bad parameter; or, of a list, the cursor is the id of \
            no event, or the events behind it are not kept any more"),
        (status = 404, description = "No order of yours has this id"),
        (status = 429, description = "Too many streams"),
    ))]
pub(super) async fn list_order_events(
    State(services): State<Services>,
    watcher: Watcher,
    headers: HeaderMap,
    OrderId(id): OrderId,
    ValidQuery(query): ValidQuery<EventsQuery>,
) -> Result<Response, Problem> {
    services.orders.of_user(&watcher.merchant, &id).await?.ok_or_else(no_such_order)?;
    if wants_stream(&headers) {
        return streams::open(&services, watcher, &headers, query.cursor.as_deref(), Some(&id)).await;
    }
    let events = Events::new(services.store.clone());
    let (after, last) = place(&events, query.cursor.as_deref()).await?;
    let mut found = events.steps_of(&id, 0, MOST_STEPS).await?;
    found.extend(events.steps_of(&messages_of(&id), 0, MOST_STEPS).await?);
    found.sort_by_key(|event| event.seq);
    found.retain(|event| {
        let own = event.public.as_ref().is_some_and(|public| public.merchant == watcher.merchant);
        own && event.seq > after
    });
    let has_more = found.len() > query.limit.unwrap_or(MOST_STEPS);
    found.truncate(query.limit.unwrap_or(MOST_STEPS));
    let read = found.last().map_or(after, |event| event.seq);
    Ok(answer::ok(&listed(&found, has_more, read, last)))
}

/// A page that was read up to the number `read`. Without more behind it that is as far as the last number,
/// which was read before the events: a cursor that stays where it is gets old, though it misses nothing.
fn listed(found: &[Event], has_more: bool, read: i64, last: i64) -> EventList {
    let next_cursor = ids::event(if has_more { read } else { read.max(last) });
    let data = found.iter().filter_map(MerchantEvent::of).collect();
    EventList { success: true, data, has_more, next_cursor }
}

/// The number behind which a list begins, and the last one. Refuses a cursor behind which events may be
/// missed.
async fn place(events: &Events, cursor: Option<&str>) -> Result<(i64, i64), Problem> {
    let seq = cursor.map(|id| seq_of(id).ok_or_else(bad_cursor)).transpose()?;
    let last = events.last().await?;
    let Some(seq) = seq else { return Ok((0, last)) };
    match events.worth(seq, last).await? {
        Worth::Good => Ok((seq, last)),
        Worth::Old(_) | Worth::NeverGiven => Err(bad_cursor()),
    }
}

pub(super) fn bad_cursor() -> Problem {
    Problem::new(
        Kind::InvalidCursor,
        "The cursor is the id of no event, or events behind it are kept no more. Start again without it.",
    )
}

fn wants_stream(headers: &HeaderMap) -> bool {
    let accepts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut types = accepts.flat_map(|value| value.split(','));
    types.any(|one| {
        one.split(';').next().is_some_and(|name| name.trim().eq_ignore_ascii_case("text/event-stream"))
    })
}
