//! The documents: a notification, the inbox of a merchant, what a member has read and wants, and an order
//! that is watched for an hour.

mod reader;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

pub use self::reader::{Channels, Reader};
use crate::{
    base::timestamp::Timestamp,
    platform::store::{Document, Field, Index, id_and_version},
};

/// So many notifications of a merchant are kept, the last ones, for so long.
pub const KEPT: i64 = 1000;
pub const KEPT_FOR: Duration = Duration::from_secs(90 * 24 * 3600);

/// What a person is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum NotificationKind {
    /// An order has failed: it can be corrected and sent again.
    OrderFailed,
    /// An order has waited for the desk for an hour.
    OrderNeedsReview,
    /// The courier would not cancel a shipment.
    CancelRefused,
    /// An address for webhooks was given up.
    EndpointDisabled,
    /// The desk has written about an order.
    Message,
    /// The desk tells all merchants something.
    ServiceNotice,
    /// The desk has decided on the merchant's KYC.
    KycDecided,
}

impl NotificationKind {
    pub const ALL: [Self; 7] = [
        Self::OrderFailed,
        Self::OrderNeedsReview,
        Self::CancelRefused,
        Self::EndpointDisabled,
        Self::Message,
        Self::ServiceNotice,
        Self::KycDecided,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OrderFailed => "orderFailed",
            Self::OrderNeedsReview => "orderNeedsReview",
            Self::CancelRefused => "cancelRefused",
            Self::EndpointDisabled => "endpointDisabled",
            Self::Message => "message",
            Self::ServiceNotice => "serviceNotice",
            Self::KycDecided => "kycDecided",
        }
    }
}

/// A notification that has no number yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// What it is made of: the same makes it once.
    pub cause: String,
    pub merchant: String,
    pub kind: NotificationKind,
    /// When it happened.
    pub at: Timestamp,
    /// The order's id, the endpoint's, or the operation's of a notice; of a KYC what it became.
    pub subject: String,
    pub order_number: Option<String>,
    pub client_order_id: Option<String>,
    /// Of a message, which one, and its number.
    pub message: Option<(String, i64)>,
    /// Why, without personal data; of a KYC as the desk wrote it.
    pub detail: Option<String>,
}

/// One notification of a merchant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    pub id: String,
    pub version: i64,
    pub merchant: String,
    /// They count from 1, for each merchant.
    pub no: i64,
    pub kind: NotificationKind,
    pub at: Timestamp,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub subject: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_number: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_order_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_no: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Document for Notification {
    const COLLECTION: &'static str = "notifications";
    const INDEXES: &'static [Index] = &[
        Index::on("merchant_no", &[Field::text("merchant"), Field::int("no")]).unique(),
        Index::on("expires", &[Field::time("expiresAt")]),
    ];

    id_and_version!();
}

impl Notification {
    /// `ntf_…`: the same cause has one of a merchant.
    #[must_use]
    pub fn id_of(cause: &str) -> String {
        let digest = Sha256::digest(format!("notification {cause}"));
        let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        format!("ntf_{hex}")
    }
}

/// What is counted of a merchant's notifications, and when they are mailed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Inbox {
    /// The merchant.
    pub id: String,
    pub version: i64,
    /// The number of the last one.
    pub last: i64,
    /// Its id.
    pub latest: String,
    /// When it was made.
    pub updated_at: Timestamp,
    /// Those up to this number are gone, or go with the next sweep.
    #[serde(default)]
    pub pruned: i64,
    /// Since when there are more than are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over_at: Option<Timestamp>,
    /// When members are mailed of what they have not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest_at: Option<Timestamp>,
    /// When they last were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mailed_at: Option<Timestamp>,
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Document for Inbox {
    const COLLECTION: &'static str = "notification_inboxes";
    const INDEXES: &'static [Index] = &[
        Index::on("updated", &[Field::time("updatedAt")]),
        Index::on("digest", &[Field::time("digestAt")]).partial(),
        Index::on("over", &[Field::time("overAt")]).partial(),
    ];

    id_and_version!();
}

/// How long a mail waits for more to come with it, and for its reader to be faster.
pub const QUIET: Duration = Duration::from_secs(5 * 60);
/// At least so long lies between two mails.
pub const BETWEEN: Duration = Duration::from_secs(15 * 60);

impl Inbox {
    #[must_use]
    pub fn new(merchant: &str, now: Timestamp) -> Self {
        Self {
            id: merchant.to_owned(),
            version: 1,
            last: 0,
            latest: String::new(),
            updated_at: now,
            pruned: 0,
            over_at: None,
            digest_at: None,
            mailed_at: None,
            extra: Map::new(),
        }
    }

    /// The number from which on they are kept.
    #[must_use]
    pub fn first_kept(&self) -> i64 {
        (self.last - KEPT).max(self.pruned) + 1
    }

    /// Gives a draft its number.
    pub fn add(&mut self, draft: Draft, now: Timestamp) -> Notification {
        self.last += 1;
        let id = Notification::id_of(&draft.cause);
        (self.latest, self.updated_at) = (id.clone(), now);
        if self.last - self.pruned > KEPT {
            self.over_at.get_or_insert(now);
        }
        if self.digest_at.is_none() {
            let soonest = now + QUIET;
            self.digest_at = Some(self.mailed_at.map_or(soonest, |at| soonest.max(at + BETWEEN)));
        }
        let (message_id, message_no) = draft.message.unzip();
        Notification {
            id,
            version: 1,
            merchant: draft.merchant,
            no: self.last,
            kind: draft.kind,
            at: draft.at,
            created_at: now,
            expires_at: now + KEPT_FOR,
            subject: draft.subject,
            order_number: draft.order_number,
            client_order_id: draft.client_order_id,
            message_id,
            message_no,
            detail: draft.detail,
            extra: Map::new(),
        }
    }
}

/// An order that waits for the desk, to be looked at in an hour.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Watch {
    /// Made of the event that began it.
    pub id: String,
    pub version: i64,
    pub order: String,
    /// Since when it waits.
    pub at: Timestamp,
    /// When it is looked at; not after that was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Document for Watch {
    const COLLECTION: &'static str = "notification_watches";
    const INDEXES: &'static [Index] = &[
        Index::on("due", &[Field::time("dueAt")]).partial(),
        Index::on("ended", &[Field::time("endedAt")]).partial(),
    ];

    id_and_version!();
}

/// How long an order waits for the desk before people of its merchant are told.
pub const HOUR: Duration = Duration::from_secs(3600);

impl Watch {
    #[must_use]
    pub fn new(event: &str, order: &str, at: Timestamp) -> Self {
        Self {
            id: format!("wat_{event}"),
            version: 1,
            order: order.to_owned(),
            at,
            due_at: Some(at + HOUR),
            ended_at: None,
            extra: Map::new(),
        }
    }

    /// It was looked at.
    pub fn end(&mut self, now: Timestamp) {
        (self.due_at, self.ended_at) = (None, Some(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(cause: &str) -> Draft {
        Draft {
            cause: cause.to_owned(),
            merchant: "shop".to_owned(),
            kind: NotificationKind::OrderFailed,
            at: Timestamp::from_millis(0),
            subject: "ord_1".to_owned(),
            order_number: Some("ORD-1".to_owned()),
            client_order_id: None,
            message: None,
            detail: None,
        }
    }

    #[test]
    fn kinds_are_the_words_of_the_api() {
        for kind in NotificationKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }

    #[test]
    fn a_mail_waits_for_more_and_for_a_quarter_of_an_hour_since_the_last() {
        let now = Timestamp::from_millis(1_769_851_800_000);
        let mut inbox = Inbox::new("shop", now);
        inbox.add(draft("1"), now);
        inbox.add(draft("2"), now + QUIET / 2);
        assert_eq!(inbox.digest_at, Some(now + QUIET), "the first one's");
        (inbox.digest_at, inbox.mailed_at) = (None, Some(now + QUIET));
        inbox.add(draft("3"), now + QUIET * 2);
        assert_eq!(inbox.digest_at, Some(now + QUIET + BETWEEN));
        inbox.digest_at = None;
        inbox.add(draft("4"), now + QUIET * 20);
        assert_eq!(inbox.digest_at, Some(now + QUIET * 21));
    }

    #[test]
    fn a_thousand_are_kept() {
        let now = Timestamp::from_millis(1_769_851_800_000);
        let mut inbox = Inbox::new("shop", now);
        let all: Vec<_> = (1..=KEPT).map(|n| inbox.add(draft(&n.to_string()), now).no).collect();
        assert!(all.into_iter().eq(1..=KEPT));
        assert_eq!((inbox.first_kept(), inbox.over_at), (1, None));
        let last = inbox.add(draft("more"), now);
        assert_eq!((inbox.first_kept(), inbox.over_at), (2, Some(now)));
        assert_eq!((inbox.latest, last.id), (Notification::id_of("more"), Notification::id_of("more")));
    }
}
