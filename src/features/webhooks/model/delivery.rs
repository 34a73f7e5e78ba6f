//! One event on its way to one address.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::super::schedule;
use crate::{
    base::{ids, timestamp::Timestamp},
    features::{
        events::{
            Event,
            shown::{EventType, MerchantEvent},
        },
        webhooks::Endpoint,
    },
    platform::{
        outbound::{Answer, CallError},
        store::{Document, Field, Index, id_and_version},
    },
};

/// Tries that a delivery remembers, the last ones.
const REMEMBERED: usize = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// To be sent, for the first time or again.
    Pending,
    /// The address answered with a status of 2xx.
    Delivered,
    /// The last try has failed. It is sent again when somebody asks for it.
    Failed,
}

impl DeliveryState {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }
}

/// One try, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Try {
    pub at: Timestamp,
    pub took_ms: i64,
    /// The status of the answer; absent: there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why there was no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The first bytes of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

/// How a try ended, as far as the next one depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    pub arrived: bool,
    /// The address says that nobody is there any more.
    pub gone: bool,
    pub retry_after: Option<std::time::Duration>,
}

impl Try {
    /// What came of a try. A redirect is not followed and so has failed.
    #[must_use]
    pub fn of(at: Timestamp, took_ms: i64, answered: &Result<Answer, CallError>) -> (Self, Ended) {
        match answered {
            Ok(answer) => {
                let first = (!answer.first.is_empty()).then(|| answer.first.clone());
                let ended = Ended {
                    arrived: (200..300).contains(&answer.status),
                    gone: answer.status == 410,
                    retry_after: answer.retry_after,
                };
                (Self { at, took_ms, status: Some(answer.status), error: None, answer: first }, ended)
            }
            Err(error) => {
                let ended = Ended { arrived: false, gone: false, retry_after: None };
                (Self { at, took_ms, status: None, error: Some(error.to_string()), answer: None }, ended)
            }
        }
    }
}

/// One event on its way to one address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// Made of its event and its address.
    pub id: String,
    pub version: i64,
    pub endpoint: String,
    pub merchant: String,
    /// What is sent as `webhook-id`.
    pub event_id: String,
    pub event_type: String,
    /// What the event is about.
    pub subject: String,
    pub body: String,
    pub state: DeliveryState,
    /// While it is to be sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    pub created_at: Timestamp,
    /// While it has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_at: Option<Timestamp>,
    /// Tries since it was last to be sent anew.
    #[serde(default)]
    pub failed_tries: u32,
    #[serde(default)]
    pub tries: Vec<Try>,
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Document for Delivery {
    const COLLECTION: &'static str = "webhook_deliveries";
    const INDEXES: &'static [Index] = &[
        Index::on("endpoint_due", &[Field::text("endpoint"), Field::time("dueAt")]).partial(),
        Index::on("endpoint_created", &[Field::text("endpoint"), Field::time("createdAt")]),
        Index::on(
            "endpoint_state_created",
            &[Field::text("endpoint"), Field::text("state"), Field::time("createdAt")],
        ),
        Index::on("failed", &[Field::time("failedAt")]).partial(),
        Index::on("created", &[Field::time("createdAt")]),
    ];

    id_and_version!();
}

impl Delivery {
    /// The one of this event to this address; nothing for an event that no merchant knows of.
    #[must_use]
    pub fn of(event: &Event, endpoint: &Endpoint, now: Timestamp) -> Option<Self> {
        MerchantEvent::of(event).map(|shown| Self::new(&shown, event.about(), endpoint, now))
    }

    /// A test that the merchant asked for.
    #[must_use]
    pub fn test(endpoint: &Endpoint, now: Timestamp) -> Self {
        let data = [("endpointId", endpoint.id.as_str()), ("message", "A test: nothing has happened.")];
        let shown = MerchantEvent {
            id: ids::test_event(now),
            kind: EventType::EndpointTest.as_str().to_owned(),
            timestamp: now,
            data: data.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect(),
        };
        Self::new(&shown, &endpoint.id, endpoint, now)
    }

    fn new(shown: &MerchantEvent, subject: &str, endpoint: &Endpoint, now: Timestamp) -> Self {
        Self {
            id: Self::id_of(&shown.id, &endpoint.id),
            version: 1,
            endpoint: endpoint.id.clone(),
            merchant: endpoint.merchant.clone(),
            event_id: shown.id.clone(),
            event_type: shown.kind.clone(),
            subject: subject.to_owned(),
            body: shown.body(),
            state: DeliveryState::Pending,
            due_at: Some(now),
            created_at: now,
            failed_at: None,
            failed_tries: 0,
            tries: Vec::new(),
            extra: Map::new(),
        }
    }

    /// `whd_…`: the same event has one delivery to an address.
    #[must_use]
    pub fn id_of(event: &str, endpoint: &str) -> String {
        let digest = Sha256::digest(format!("{event} {endpoint}"));
        let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        format!("whd_{hex}")
    }

    /// When its event happened, as its body says.
    #[must_use]
    pub fn happened_at(&self) -> Timestamp {
        #[derive(Deserialize)]
        struct Told {
            timestamp: Timestamp,
        }

        serde_json::from_str::<Told>(&self.body).map_or(self.created_at, |told| told.timestamp)
    }

    /// To be sent anew, from the first try on.
    pub fn send_again(&mut self, now: Timestamp) {
        (self.state, self.due_at) = (DeliveryState::Pending, Some(now));
        (self.failed_at, self.failed_tries) = (None, 0);
    }

    /// Notes how a try ended, and when the next one is due.
    pub fn tried(&mut self, tried: Try, ended: Ended, now: Timestamp) {
        self.tries.push(tried);
        let surplus = self.tries.len().saturating_sub(REMEMBERED);
        self.tries.drain(..surplus);
        if ended.arrived {
            (self.state, self.due_at, self.failed_at) = (DeliveryState::Delivered, None, None);
            return;
        }
        self.failed_tries = self.failed_tries.saturating_add(1);
        let wait = if ended.gone { None } else { schedule::wait(self.failed_tries, ended.retry_after) };
        match wait {
            Some(wait) => self.due_at = Some(now + wait),
            None => {
                (self.state, self.due_at) = (DeliveryState::Failed, None);
                self.failed_at = Some(now);
            }
        }
    }
}
