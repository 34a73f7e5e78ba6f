//! What one member has read of the merchant's notifications, and by which ways it wants to be told.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{Inbox, Notification, NotificationKind};
use crate::{
    base::timestamp::Timestamp,
    features::merchants::{scope::Role, user::User},
    platform::store::{Document, Field, Index, id_and_version},
};

/// By which ways a member is told of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = NotificationChannels)]
pub struct Channels {
    /// In the list, and in its number of unread ones.
    pub inbox: bool,
    /// By mail, together with others.
    pub email: bool,
    /// By a text to the phone, together with others, in numbers alone.
    #[serde(default)]
    pub text: bool,
}

impl Channels {
    /// What a member of this role has who has chosen nothing: everything in the list; by mail what the role
    /// can do something about, but for what the desk decides, of which owners have a mail at once; by text
    /// nothing.
    #[must_use]
    pub fn default_of(kind: NotificationKind, role: Role) -> Self {
        let email = match kind {
            NotificationKind::KycDecided => false,
            NotificationKind::EndpointDisabled => role >= Role::Owner,
            _ => role >= Role::Staff,
        };
        Self { inbox: true, email, text: false }
    }
}

/// One member.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reader {
    /// The person.
    pub id: String,
    pub version: i64,
    pub merchant: String,
    /// All up to this number are read.
    #[serde(default)]
    pub read_to: i64,
    /// And these.
    #[serde(default)]
    pub read: Vec<i64>,
    /// What was chosen, by kind, as text: an older binary may read one that it does not know.
    #[serde(default)]
    pub chosen: BTreeMap<String, Channels>,
    /// When the last mark was set, and how many were unread then: told to the member's own streams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marked_at: Option<Timestamp>,
    #[serde(default)]
    pub unread: i64,
    /// Those up to this number were mailed, or need not be.
    #[serde(default)]
    pub mailed_to: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mailed_at: Option<Timestamp>,
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Document for Reader {
    const COLLECTION: &'static str = "notification_readers";
    const INDEXES: &'static [Index] = &[Index::on("marked", &[Field::time("markedAt")]).partial()];

    id_and_version!();
}

impl Reader {
    /// A member who has read and chosen nothing.
    #[must_use]
    pub fn new(user: &User) -> Self {
        Self {
            id: user.id.clone(),
            version: 1,
            merchant: user.merchant_id.clone(),
            read_to: 0,
            read: Vec::new(),
            chosen: BTreeMap::new(),
            marked_at: None,
            unread: 0,
            mailed_to: 0,
            mailed_at: None,
            extra: Map::new(),
        }
    }

    #[must_use]
    pub fn channels(&self, kind: NotificationKind, role: Role) -> Channels {
        let chosen = self.chosen.get(kind.as_str()).copied();
        chosen.unwrap_or_else(|| Channels::default_of(kind, role))
    }

    #[must_use]
    pub fn has_read(&self, no: i64) -> bool {
        no <= self.read_to || self.read.contains(&no)
    }

    /// Whether it is in the member's list: not what was before the member came.
    #[must_use]
    pub fn sees(&self, notification: &Notification, user: &User) -> bool {
        notification.created_at >= user.created_at && self.channels(notification.kind, user.role).inbox
    }

    /// Notes that one is read. Whether that is news.
    pub fn mark(&mut self, no: i64, inbox: &Inbox) -> bool {
        if self.has_read(no) {
            return false;
        }
        self.read.push(no);
        self.read.sort_unstable();
        // Those that are gone count as read, so the list has at most as many as are kept.
        self.fold(inbox.first_kept() - 1);
        true
    }

    /// Notes that all up to this one are read. Whether that is news.
    pub fn mark_all(&mut self, to: i64) -> bool {
        let news = to > self.read_to;
        self.fold(to);
        news
    }

    fn fold(&mut self, to: i64) {
        self.read_to = self.read_to.max(to);
        self.read.retain(|no| *no > self.read_to);
        while self.read.first() == Some(&(self.read_to + 1)) {
            self.read_to += 1;
            self.read.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader() -> Reader {
        serde_json::from_value(serde_json::json!({ "id": "usr_1", "version": 1, "merchant": "shop" }))
            .unwrap()
    }

    #[test]
    fn marks_in_any_order_are_kept_in_little_room() {
        let mut inbox = Inbox::new("shop", Timestamp::from_millis(0));
        inbox.last = 10;
        let mut reader = reader();
        for no in [3, 5, 2] {
            assert!(reader.mark(no, &inbox) && !reader.mark(no, &inbox));
        }
        assert_eq!((reader.read_to, reader.read.as_slice()), (0, &[2, 3, 5][..]));
        assert!(reader.mark(1, &inbox));
        assert_eq!((reader.read_to, reader.read.as_slice()), (3, &[5][..]));
        assert!(reader.has_read(3) && !reader.has_read(4) && reader.has_read(5));
        assert!(reader.mark_all(4) && !reader.mark_all(2));
        assert_eq!((reader.read_to, reader.read.len()), (5, 0));
        inbox.last = 5000;
        for no in (4001..5000).step_by(2) {
            reader.mark(no, &inbox);
        }
        assert!(reader.read_to >= 4000 && reader.read.len() <= 500);
    }

    #[test]
    fn mails_go_to_those_who_can_do_something() {
        let of = |kind, role| Channels::default_of(kind, role);
        for kind in NotificationKind::ALL {
            assert!(of(kind, Role::Viewer).inbox && !of(kind, Role::Viewer).email);
            let (webhooks, kyc) =
                (kind == NotificationKind::EndpointDisabled, kind == NotificationKind::KycDecided);
            // Of a decision owners are mailed at once, and not a second time.
            assert_eq!((of(kind, Role::Owner).email, of(kind, Role::Staff).email), (!kyc, !kyc && !webhooks));
        }
        let mut reader = reader();
        let none = Channels { inbox: false, email: false, text: false };
        reader.chosen.insert("message".to_owned(), none);
        assert_eq!(reader.channels(NotificationKind::Message, Role::Owner), none);
        assert!(reader.channels(NotificationKind::OrderFailed, Role::Owner).email);
    }
}
