//! What merchants see of their addresses and deliveries.

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    model::{Delivery, DeliveryState, Endpoint, EndpointState, Try},
    replay::Replay,
};
use crate::{base::timestamp::Timestamp, features::events::shown::EventType};

/// An address, and what is sent there.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookEndpoint)]
pub(super) struct EndpointView {
    #[schema(example = "whe_019ab3c45f6d7a8b9c0d1e2f3a4b5c6d")]
    pub(super) id: String,
    pub(super) url: String,
    /// Empty: all.
    #[schema(value_type = Vec<EventType>)]
    pub(super) event_types: Vec<String>,
    pub(super) description: Option<String>,
    /// `enabled`; `paused` (by you: what happens is kept and waits); `disabled` (given up: `disabledReason`).
    pub(super) state: EndpointState,
    pub(super) disabled_at: Option<Timestamp>,
    pub(super) disabled_reason: Option<String>,
    /// It was disabled, and events of then or later did not arrive: once it is resumed, `replay` since then
    /// sends them. Null after that.
    pub(super) replay_since: Option<Timestamp>,
    /// Since when nothing has arrived. A failure more than a day after the one before begins it anew.
    pub(super) failing_since: Option<Timestamp>,
    /// Until when the secret before this one signs, too; those before it until their own day is over.
    pub(super) previous_secret_until: Option<Timestamp>,
    /// Earlier events that are being sent again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) replay: Option<ReplayView>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    /// Only where it was made: to verify what is sent. It is not shown again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "whsec_C2FVsBQIhrscChlQIMV7tEBO1hEyhS0H")]
    pub(super) secret: Option<String>,
}

/// How far a replay is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookReplay)]
pub(super) struct ReplayView {
    pub(super) since: Timestamp,
    pub(super) events: super::replay::ReplayOf,
    /// Events that were sent again so far.
    pub(super) sent: i64,
}

impl From<Replay> for ReplayView {
    fn from(replay: Replay) -> Self {
        Self { since: replay.since, events: replay.of, sent: replay.sent }
    }
}

impl EndpointView {
    pub(super) fn of(endpoint: Endpoint, now: Timestamp) -> Self {
        let disabled = endpoint.state == EndpointState::Disabled;
        let replay_since = endpoint.missing_since();
        let previous = endpoint.previous.map(|previous| previous.until).filter(|until| *until > now);
        Self {
            id: endpoint.id,
            url: endpoint.url,
            event_types: endpoint.event_types,
            description: endpoint.description,
            state: endpoint.state,
            disabled_at: endpoint.disabled_at.filter(|_| disabled),
            disabled_reason: endpoint.disabled_reason.filter(|_| disabled),
            replay_since,
            failing_since: endpoint.failing_since,
            previous_secret_until: previous,
            replay: endpoint.replay.map(ReplayView::from),
            created_at: endpoint.created_at,
            updated_at: endpoint.updated_at,
            secret: None,
        }
    }

    /// With its secret: for the answer that makes it known.
    pub(super) fn revealed(endpoint: Endpoint, now: Timestamp) -> Self {
        let secret = Some(endpoint.secret.reveal().to_owned());
        Self { secret, ..Self::of(endpoint, now) }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookEndpointResponse)]
pub(super) struct EndpointResponse {
    pub(super) success: bool,
    pub(super) data: EndpointView,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookEndpointList)]
pub(super) struct EndpointList {
    pub(super) success: bool,
    pub(super) data: Vec<EndpointView>,
}

/// Where webhooks come from.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookSourceAddresses)]
pub(super) struct SourceAddresses {
    /// Addresses, and networks such as `203.0.113.64/28`. Empty: the operator does not name them.
    #[schema(example = json!(["203.0.113.7", "203.0.113.64/28"]))]
    pub(super) addresses: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookSourceAddressesResponse)]
pub(super) struct SourceAddressesResponse {
    pub(super) success: bool,
    pub(super) data: SourceAddresses,
}

/// One event on its way to one address.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookDelivery)]
pub(super) struct DeliveryView {
    #[schema(example = "whd_5d41402abc4b2a76b9719d911017c592")]
    pub(super) id: String,
    pub(super) endpoint_id: String,
    /// Sent as `webhook-id`, the same at each try.
    pub(super) event_id: String,
    #[schema(value_type = EventType)]
    pub(super) event_type: String,
    pub(super) state: DeliveryState,
    /// What is sent.
    #[schema(value_type = Object)]
    pub(super) body: serde_json::Value,
    pub(super) created_at: Timestamp,
    /// While it is to be sent.
    pub(super) next_try_at: Option<Timestamp>,
    /// The last ones, with the first bytes of each answer.
    pub(super) tries: Vec<Try>,
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id,
            endpoint_id: delivery.endpoint,
            event_id: delivery.event_id,
            event_type: delivery.event_type,
            state: delivery.state,
            body: serde_json::from_str(&delivery.body).unwrap_or_default(),
            created_at: delivery.created_at,
            next_try_at: delivery.due_at,
            tries: delivery.tries,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookDeliveryResponse)]
pub(super) struct DeliveryResponse {
    pub(super) success: bool,
    pub(super) data: DeliveryView,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookDeliveryList)]
pub(super) struct DeliveryList {
    pub(super) success: bool,
    pub(super) data: Vec<DeliveryView>,
    pub(super) has_more: bool,
    pub(super) next_cursor: Option<String>,
}
