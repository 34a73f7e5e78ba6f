//! The HTTP edge of events: lists, server-sent events, WebSockets, and the tickets that open them.

mod examples;
mod lists;
mod query;
mod socket;
mod streams;
mod watcher;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use self::watcher::credential;
use super::{feed::ListenError, tickets::Tickets};
use crate::{
    base::timestamp::Timestamp,
    features::Services,
    platform::{
        auth::Merchant,
        http::{Kind, Problem, answer},
    },
};

const TAG: &str = "Events";

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new()
        .routes(routes!(lists::list_events))
        .routes(routes!(lists::list_order_events))
        .routes(routes!(streams::stream_events))
        .routes(routes!(socket::watch_order))
        .routes(routes!(create_ticket))
}

impl From<ListenError> for Problem {
    fn from(error: ListenError) -> Self {
        match error {
            ListenError::TooMany => {
                Self::new(Kind::TooManyRequests, "You have too many streams open. Close some, or come later.")
                    .retry_after(std::time::Duration::from_secs(10))
            }
            ListenError::Store(error) => error.into(),
        }
    }
}

/// A ticket that opens one stream.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TicketView {
    /// To be sent as `?ticket=`, once.
    ticket: String,
    expires_at: Timestamp,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StreamTicketResponse)]
struct TicketResponse {
    success: bool,
    data: TicketView,
}

/// Get a ticket for a stream
///
/// For browsers, which cannot send `Authorization` with an `EventSource` or a `WebSocket`: open the stream
/// with `?ticket=…` within 30 seconds. A ticket opens one stream; a stream that is opened again needs a new
/// one. The stream ends when the token that this was asked with would be refused.
#[utoipa::path(post, path = "/v1/stream-tickets", tag = TAG, operation_id = "createStreamTicket",
    responses((status = 201, description = "The ticket", body = TicketResponse,
        example = json!(examples::ticket()))))]
async fn create_ticket(
    State(tickets): State<Tickets>,
    _merchant: Merchant,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let authorization = headers.get(header::AUTHORIZATION).ok_or_else(credential)?;
    let (ticket, expires_at) = tickets.issue(authorization.as_bytes()).await?;
    let data = TicketView { ticket, expires_at };
    Ok(answer::json(StatusCode::CREATED, &TicketResponse { success: true, data }))
}
