//! The documents: an address of a merchant, and one delivery to it.

mod delivery;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

pub use self::delivery::{Delivery, DeliveryState, Ended, Try};
use super::{message, replay::Replay, secret::Secret};
use crate::{
    base::{ids, timestamp::Timestamp},
    features::events::shown::EventType,
    platform::store::{Document, Field, Index, id_and_version},
};

/// How long a secret that was replaced still signs beside the new one.
const OVERLAP: Duration = Duration::from_secs(24 * 3600);
/// An address at which nothing has arrived for so long is given up.
const PATIENCE: Duration = Duration::from_secs(5 * 24 * 3600);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EndpointState {
    Enabled,
    /// By its merchant: deliveries are kept and wait.
    Paused,
    /// Given up: nothing new is kept for it. `resume` enables it again.
    Disabled,
    /// Removed by its merchant; the document goes later.
    Deleted,
}

impl EndpointState {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Paused => "paused",
            Self::Disabled => "disabled",
            Self::Deleted => "deleted",
        }
    }
}

/// An address, and what is sent there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    pub id: String,
    pub version: i64,
    pub merchant: String,
    /// The merchant, as long as it is not deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listed: Option<String>,
    pub url: String,
    /// Empty: all.
    #[serde(default)]
    pub event_types: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    pub state: EndpointState,
    pub secret: Secret,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Previous>,
    pub created_at: Timestamp,
    /// Also when there is something new to be sent: whoever sends looks at it then.
    pub updated_at: Timestamp,
    /// Since when nothing has arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// When and why it was given up last, and how often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_reason: Option<String>,
    #[serde(default)]
    pub times_disabled: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
    /// Earlier events that are being sent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<Replay>,
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Whether whoever names these types is told of events of this one. None named: all but what tells people of
/// other events, which must be named.
#[must_use]
pub fn wants(types: &[String], kind: &str) -> bool {
    let all = types.is_empty() && kind != EventType::NotificationCreated.as_str();
    all || types.iter().any(|wanted| wanted == kind)
}

/// A secret that was replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    pub secret: Secret,
    pub until: Timestamp,
}

impl Document for Endpoint {
    const COLLECTION: &'static str = "webhook_endpoints";
    const INDEXES: &'static [Index] = &[
        Index::on("listed_created", &[Field::text("listed"), Field::time("createdAt")]).partial(),
        Index::on(Self::URL, &[Field::text("listed"), Field::text("url")]).unique().partial(),
        Index::on("updated", &[Field::time("updatedAt")]),
        Index::on("disabled", &[Field::time("disabledAt")]).partial(),
        Index::on("deleted", &[Field::time("deletedAt")]).partial(),
    ];

    id_and_version!();
}

impl Endpoint {
    /// A merchant has each address once.
    pub const URL: &'static str = "listed_url";

    #[must_use]
    pub fn new(merchant: &str, url: String, event_types: Vec<String>, now: Timestamp) -> Self {
        Self {
            id: ids::webhook_endpoint(now),
            version: 1,
            merchant: merchant.to_owned(),
            listed: Some(merchant.to_owned()),
            url,
            event_types,
            description: None,
            state: EndpointState::Enabled,
            secret: Secret::generate(),
            previous: None,
            created_at: now,
            updated_at: now,
            failing_since: None,
            disabled_at: None,
            disabled_reason: None,
            times_disabled: 0,
            deleted_at: None,
            replay: None,
            extra: Map::new(),
        }
    }

    /// Whether events of this type are for it, of now on or as they come.
    #[must_use]
    pub fn wants(&self, kind: &str) -> bool {
        wants(&self.event_types, kind)
    }

    /// Whether an event of this type that happened then is kept for it.
    #[must_use]
    pub fn takes(&self, kind: &str, at: Timestamp) -> bool {
        matches!(self.state, EndpointState::Enabled | EndpointState::Paused)
            && at >= self.created_at
            && self.wants(kind)
    }

    /// Signs with a new secret from now on, and for a day with the old one, too.
    pub fn rotate(&mut self, now: Timestamp) {
        let secret = std::mem::replace(&mut self.secret, Secret::generate());
        self.previous = Some(Previous { secret, until: now + OVERLAP });
        self.updated_at = now;
    }

    /// The signatures of a message, the newest secret's first, with one blank in between.
    #[must_use]
    pub fn signatures(&self, id: &str, now: Timestamp, body: &str) -> String {
        let seconds = message::seconds(now);
        let previous = self.previous.as_ref().filter(|previous| previous.until > now);
        let secrets = std::iter::once(&self.secret).chain(previous.map(|previous| &previous.secret));
        let signed: Vec<_> = secrets.filter_map(|secret| secret.sign(id, seconds, body)).collect();
        signed.join(" ")
    }

    /// Notes how a try ended, and gives the address up when that was too much. Whether anything changed.
    pub fn tried(&mut self, arrived: bool, gone: bool, now: Timestamp) -> bool {
        if arrived {
            return self.failing_since.take().is_some();
        }
        let new = self.failing_since.is_none();
        let since = *self.failing_since.get_or_insert(now);
        let why = match () {
            () if gone => "the address answered 410 Gone",
            () if now.since(since) >= PATIENCE => "nothing has arrived for five days",
            () => return new,
        };
        if self.state != EndpointState::Enabled {
            return new;
        }
        self.state = EndpointState::Disabled;
        (self.disabled_at, self.disabled_reason) = (Some(now), Some(why.to_owned()));
        self.times_disabled += 1;
        self.replay = None;
        self.updated_at = now;
        true
    }

    /// Removes it from its merchant's list; its address may be named anew.
    pub fn delete(&mut self, now: Timestamp) {
        (self.state, self.listed, self.replay) = (EndpointState::Deleted, None, None);
        (self.deleted_at, self.updated_at) = (Some(now), now);
    }

    /// Whether nothing of its merchant's is in it any more.
    #[must_use]
    pub fn is_erased(&self) -> bool {
        self.state == EndpointState::Deleted && self.url.is_empty()
    }

    /// [`Endpoint::delete`] that leaves nothing of its merchant's: neither URL nor words, nor a secret that
    /// anybody knows.
    pub fn erase(&mut self, now: Timestamp) {
        if self.state != EndpointState::Deleted {
            self.delete(now);
        }
        (self.url, self.description, self.updated_at) = (String::new(), None, now);
        (self.secret, self.previous) = (Secret::generate(), None);
        self.extra.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(now: Timestamp) -> Endpoint {
        Endpoint::new("shop", "https://shop.example/".to_owned(), Vec::new(), now)
    }

    #[test]
    fn an_address_is_given_up_after_five_days_without_an_arrival_or_when_it_is_gone() {
        let now = Timestamp::from_millis(1_769_851_800_000);
        let mut dead = endpoint(now);
        assert!(dead.tried(false, false, now) && !dead.tried(false, false, now + PATIENCE / 2));
        assert_eq!(dead.state, EndpointState::Enabled);
        assert!(dead.tried(true, false, now + PATIENCE / 2) && dead.failing_since.is_none());
        assert!(!dead.tried(true, false, now + PATIENCE));
        dead.tried(false, false, now + PATIENCE);
        assert!(dead.tried(false, false, now + PATIENCE * 2));
        assert_eq!((dead.state, dead.times_disabled), (EndpointState::Disabled, 1));
        assert!(!dead.takes("order.created", now + PATIENCE * 2));

        let mut gone = endpoint(now);
        assert!(gone.tried(false, true, now) && gone.state == EndpointState::Disabled);
        // A pause is the merchant's own word, and stays.
        let mut paused = Endpoint { state: EndpointState::Paused, ..endpoint(now) };
        paused.tried(false, true, now);
        assert_eq!(paused.state, EndpointState::Paused);
    }

    #[test]
    fn an_address_that_is_erased_keeps_nothing_of_its_merchant_and_stays_deleted() {
        let now = Timestamp::from_millis(1_769_851_800_000);
        let mut gone = endpoint(now);
        gone.description = Some("Asha's server".to_owned());
        gone.rotate(now);
        let (secret, before) = (gone.secret.clone(), gone.previous.clone().unwrap().secret);
        gone.delete(now);
        assert!(!gone.is_erased());
        gone.erase(now + OVERLAP);
        assert!(gone.is_erased() && gone.deleted_at == Some(now), "it goes when it was to go");
        let stored = serde_json::to_string(&gone).unwrap();
        for word in ["shop.example", "Asha", secret.reveal(), before.reveal()] {
            assert!(!stored.contains(word), "{stored}");
        }
    }

    #[test]
    fn both_secrets_sign_for_a_day() {
        let now = Timestamp::from_millis(1_769_851_800_000);
        let mut endpoint = endpoint(now);
        let first = endpoint.signatures("evt_1", now, "{}");
        assert!(!first.contains(' '));
        endpoint.rotate(now);
        let both = endpoint.signatures("evt_1", now, "{}");
        assert!(both.ends_with(&format!(" {first}")) && both.split(' ').count() == 2, "{both}");
        let later = endpoint.signatures("evt_1", now + OVERLAP, "{}");
        assert_eq!(later.split(' ').count(), 1);
    }
}
