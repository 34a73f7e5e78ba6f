//! The live stream of what happens.

use axum::{body::Body, extract::State, response::Response};
use http::HeaderMap;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    admin::{feed::Feed, rights::Right, session::Admin, sessions::Sessions, state::AdminState, users::Users},
    platform::http::{Kind, Problem, answer},
};

const TAG: &str = "Events";

pub(super) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new().routes(routes!(stream_events))
}

/// What happens, as it happens
///
/// Server-sent events: `event` is `order`, `audit`, `queue`, `job`, `account` or `operation`, `id` a number
/// that grows by one. A stream that is opened again goes on behind its `Last-Event-ID`; `reset` says that
/// events in between are kept no more, or that there was no such event yet: its `id` is where it goes on.
/// `bye` ends it: the process stops, or the session is over.
#[utoipa::path(get, path = "/events", tag = TAG, operation_id = "streamEvents",
    params(("Last-Event-ID" = Option<i64>, Header, description = "The last event that was seen")),
    responses(
        (status = 200, description = "A stream", content_type = "text/event-stream", body = String),
        (status = 400, description = "`Last-Event-ID` is no number"),
    ))]
async fn stream_events(
    State(feed): State<Feed>,
    State(sessions): State<Sessions>,
    State(users): State<Users>,
    admin: Admin,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let after = match headers.get("last-event-id") {
        None => None,
        Some(id) => {
            let number = id.to_str().ok().and_then(|id| id.trim().parse::<i64>().ok());
            Some(number.ok_or_else(|| Problem::new(Kind::BadRequest, "Last-Event-ID must be a number."))?)
        }
    };
    let listener = feed.listen("", after).await?;
    let counts = move || {
        let (sessions, users, admin) = (sessions.clone(), users.clone(), admin.clone());
        async move { still(&sessions, &users, &admin).await }
    };
    Ok(answer::event_stream(Body::from_stream(listener.stream(counts))))
}

/// Whether the caller may still read. When the store does not answer nobody knows, so the stream ends, and
/// its browser asks again.
async fn still(sessions: &Sessions, users: &Users, admin: &Admin) -> bool {
    let user = match &admin.session {
        Some(session) => sessions.still(&session.id).await.map(|found| found.map(|(_, user)| user)),
        None => users.get(admin.name()).await.map(|user| user.filter(|user| !user.disabled)),
    };
    matches!(user, Ok(Some(user)) if user.can(Right::Read))
}
