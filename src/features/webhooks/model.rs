//! The documents: an address of a merchant, and one delivery to it.

mod delivery;
mod health;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

pub use self::{
    delivery::{Delivery, DeliveryState, Ended, Try},
    health::Failing,
};
use super::{message, replay::Replay, secret::Secret};
use crate::{
    base::{ids, timestamp::Timestamp},
    features::events::shown::EventType,
    platform::store::{Document, Field, Index, id_and_version},
};

/// How long a secret that was replaced still signs beside the new one.
const OVERLAP: Duration = Duration::from_secs(24 * 3600);
/// So many that were replaced sign at most.
const MOST_PREVIOUS: usize = 5;

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
    /// The one that was replaced last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Previous>,
    /// Those before it that still sign, the newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Previous>,
    /// Its number among its merchant's, which no other of them has: so there are never too many. Those of
    /// older versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<i64>,
    pub created_at: Timestamp,
    /// Also when there is something new to be sent: whoever sends looks at it then.
    pub updated_at: Timestamp,
    /// When somebody last asked for something to be sent at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub woken_at: Option<Timestamp>,
    /// Since when nothing has arrived, over failures that are not too far apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing: Option<Failing>,
    /// It was given up, and events of then or later are missing here: until they were replayed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay_since: Option<Timestamp>,
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
        Index::on(Self::SLOT, &[Field::text("listed"), Field::int("slot")]).unique().partial(),
        Index::on("updated", &[Field::time("updatedAt")]),
        Index::on("disabled", &[Field::time("disabledAt")]).partial(),
        Index::on("deleted", &[Field::time("deletedAt")]).partial(),
    ];

    id_and_version!();
}

impl Endpoint {
    /// A merchant has each address once.
    pub const URL: &'static str = "listed_url";
    /// And each number.
    pub const SLOT: &'static str = "listed_slot";

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
            earlier: Vec::new(),
            slot: None,
            created_at: now,
            updated_at: now,
            woken_at: None,
            failing_since: None,
            failing: None,
            replay_since: None,
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

    /// Whether an event of this type that happened then is kept for it: also one that is met only after it
    /// was given up.
    #[must_use]
    pub fn takes(&self, kind: &str, at: Timestamp) -> bool {
        let open = match self.state {
            EndpointState::Enabled | EndpointState::Paused => true,
            EndpointState::Disabled => self.disabled_at.is_some_and(|disabled| at < disabled),
            EndpointState::Deleted => false,
        };
        open && at >= self.created_at && self.wants(kind)
    }

    /// Something is to be sent at once: whoever sends looks at it, however it did so far.
    pub fn wake(&mut self, now: Timestamp) {
        (self.woken_at, self.updated_at) = (Some(now), now);
    }

    /// Signs with a new secret from now on, and with each old one until its day is over.
    pub fn rotate(&mut self, now: Timestamp) {
        let secret = std::mem::replace(&mut self.secret, Secret::generate());
        let before = self.previous.replace(Previous { secret, until: now + OVERLAP });
        let earlier = before.into_iter().chain(std::mem::take(&mut self.earlier));
        self.earlier = earlier.filter(|one| one.until > now).take(MOST_PREVIOUS - 1).collect();
        self.updated_at = now;
    }

    /// The signatures of a message, the newest secret's first, with one blank in between.
    #[must_use]
    pub fn signatures(&self, id: &str, now: Timestamp, body: &str) -> String {
        let seconds = message::seconds(now);
        let previous = self.previous.iter().chain(&self.earlier).filter(|previous| previous.until > now);
        let secrets = std::iter::once(&self.secret).chain(previous.map(|previous| &previous.secret));
        let signed: Vec<_> = secrets.filter_map(|secret| secret.sign(id, seconds, body)).collect();
        signed.join(" ")
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
        self.earlier.clear();
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
    fn an_address_that_is_erased_keeps_nothing_of_its_merchant_and_stays_deleted() {
        let now = Timestamp::from_millis(1_769_851_800_000);
        let mut gone = endpoint(now);
        gone.description = Some("Asha's server".to_owned());
        let first = gone.secret.clone();
        gone.rotate(now);
        gone.rotate(now);
        let (secret, before) = (gone.secret.clone(), gone.previous.clone().unwrap().secret);
        gone.delete(now);
        assert!(!gone.is_erased());
        gone.erase(now + OVERLAP);
        assert!(gone.is_erased() && gone.deleted_at == Some(now), "it goes when it was to go");
        let stored = serde_json::to_string(&gone).unwrap();
        for word in ["shop.example", "Asha", secret.reveal(), before.reveal(), first.reveal()] {
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

    /// An answer was lost, and the secret is rotated again: whoever has the first one goes on verifying.
    #[test]
    fn each_secret_that_was_given_out_signs_for_its_own_day() {
        let now = Timestamp::from_millis(1_769_851_800_000);
        let mut endpoint = endpoint(now);
        let first = endpoint.signatures("evt_1", now, "{}");
        endpoint.rotate(now);
        let both = endpoint.signatures("evt_1", now, "{}");
        endpoint.rotate(now + OVERLAP / 2);
        let all = endpoint.signatures("evt_1", now, "{}");
        assert!(all.ends_with(&format!(" {both}")) && all.split(' ').count() == 3, "{all}");
        // The first one's day is over, the second one's is not.
        let later = endpoint.signatures("evt_1", now + OVERLAP, "{}");
        assert_eq!(later.split(' ').count(), 2);

        // As it is stored, also for versions that know of one that was replaced.
        let stored = serde_json::to_value(&endpoint).unwrap();
        assert!(stored["previous"]["secret"].is_string() && stored["earlier"].as_array().unwrap().len() == 1);
        assert_eq!(serde_json::from_value::<Endpoint>(stored).unwrap(), endpoint);
        for _ in 0..MOST_PREVIOUS {
            endpoint.rotate(now + OVERLAP / 2);
        }
        let most = endpoint.signatures("evt_1", now + OVERLAP / 2, "{}");
        assert_eq!(most.split(' ').count(), 1 + MOST_PREVIOUS);
        assert!(!most.contains(&first), "the oldest one goes first");
    }

    #[test]
    fn what_happened_before_it_was_given_up_is_kept_for_it() {
        let now = Timestamp::from_millis(1_769_851_800_000);
        let mut gone = endpoint(now);
        let (before, then) = (now + Duration::from_secs(1), now + Duration::from_secs(2));
        (gone.state, gone.disabled_at) = (EndpointState::Disabled, Some(then));
        assert!(gone.takes("order.created", before) && !gone.takes("order.created", then));
    }
}
