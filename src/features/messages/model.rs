//! The documents: a thread about an order, and one message of it.
//!
//! All that is counted stands in the thread, which is written together with each message; a message keeps how
//! many of each side there were with it. So what a read mark leaves unread is known without reading messages.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{
    base::{ids, timestamp::Timestamp},
    platform::store::{Document, Field, Index, id_and_version},
};

/// Messages that one side may write about one order: half of what a thread has room for.
pub const MOST_OF_SIDE: i64 = 250;
/// Messages that one side may write about one order within [`MINUTE`].
pub const MOST_A_MINUTE: u32 = 20;
const MINUTE: Duration = Duration::from_secs(60);

/// Who writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = MessageSide)]
pub enum Side {
    /// The merchant: its people and systems.
    Shop,
    /// The desk.
    Support,
}

impl Side {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shop => "shop",
            Self::Support => "support",
        }
    }
}

/// What one side has of a thread.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Half {
    /// Messages that it has written.
    pub written: i64,
    /// The number of the last message that it has read; 0: none.
    pub read_to: i64,
    /// How many of the other side's it has read.
    pub seen: i64,
    /// When the minute began in which it last wrote, and how many messages that were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minute_at: Option<Timestamp>,
    #[serde(default)]
    pub in_minute: u32,
}

/// Why a message is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotTaken {
    /// The side has written as many as there is room for.
    Full,
    /// The side writes too fast; after so long there is room again.
    TooFast(Duration),
}

/// The messages about one order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Thread {
    /// The order's id.
    pub id: String,
    pub version: i64,
    pub merchant: String,
    pub order_number: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_order_id: Option<String>,
    /// The number of the last message; they count from 1.
    pub last: i64,
    pub last_at: Timestamp,
    pub shop: Half,
    pub support: Half,
    /// Since when there is something that the desk has not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_since: Option<Timestamp>,
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Document for Thread {
    const COLLECTION: &'static str = "threads";
    const INDEXES: &'static [Index] = &[
        Index::on("last_at", &[Field::time("lastAt")]),
        Index::on("waiting", &[Field::time("waitingSince")]).partial(),
    ];

    id_and_version!();
}

/// One message.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    pub id: String,
    pub version: i64,
    /// The order's id.
    pub order: String,
    pub no: i64,
    pub from: Side,
    /// A person's or key's id, `token`; of the desk the operator's name, which shops never see.
    pub author: String,
    pub text: String,
    /// The sender's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    pub at: Timestamp,
    /// Messages of each side up to this one, with it.
    pub shop: i64,
    pub support: i64,
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Not what was written.
impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message")
            .field("id", &self.id)
            .field("order", &self.order)
            .field("no", &self.no)
            .finish_non_exhaustive()
    }
}

impl Document for Message {
    const COLLECTION: &'static str = "messages";
    const INDEXES: &'static [Index] = &[
        Index::on("order_no", &[Field::text("order"), Field::int("no")]).unique(),
        Index::on("order_client", &[Field::text("order"), Field::text("from"), Field::text("clientId")])
            .unique()
            .partial(),
    ];

    id_and_version!();
}

/// A message that has no number yet.
#[derive(Clone)]
pub struct NewMessage {
    pub from: Side,
    pub author: String,
    pub text: String,
    pub client_id: Option<String>,
}

/// Not what was written.
impl std::fmt::Debug for NewMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewMessage").field("from", &self.from).finish_non_exhaustive()
    }
}

impl Thread {
    /// The thread of an order before its first message.
    #[must_use]
    pub fn new(order: &str, merchant: &str, order_number: &str, client_order_id: Option<&str>) -> Self {
        Self {
            id: order.to_owned(),
            version: 1,
            merchant: merchant.to_owned(),
            order_number: order_number.to_owned(),
            client_order_id: client_order_id.map(str::to_owned),
            last: 0,
            last_at: Timestamp::from_millis(0),
            shop: Half::default(),
            support: Half::default(),
            waiting_since: None,
            extra: Map::new(),
        }
    }

    #[must_use]
    pub fn half(&self, side: Side) -> &Half {
        match side {
            Side::Shop => &self.shop,
            Side::Support => &self.support,
        }
    }

    fn half_mut(&mut self, side: Side) -> &mut Half {
        match side {
            Side::Shop => &mut self.shop,
            Side::Support => &mut self.support,
        }
    }

    /// How many messages of the other side this side has not read.
    #[must_use]
    pub fn unread(&self, side: Side) -> i64 {
        let other = match side {
            Side::Shop => &self.support,
            Side::Support => &self.shop,
        };
        other.written - self.half(side).seen
    }

    /// Takes a message and gives it its number.
    ///
    /// # Errors
    /// [`NotTaken`]; then the thread is as it was.
    pub fn take(&mut self, new: NewMessage, now: Timestamp) -> Result<Message, NotTaken> {
        let half = self.half_mut(new.from);
        if half.written >= MOST_OF_SIDE {
            return Err(NotTaken::Full);
        }
        match half.minute_at.filter(|at| now.since(*at) < MINUTE) {
            Some(at) if half.in_minute >= MOST_A_MINUTE => {
                return Err(NotTaken::TooFast(MINUTE.saturating_sub(now.since(at))));
            }
            Some(_) => half.in_minute += 1,
            None => (half.minute_at, half.in_minute) = (Some(now), 1),
        }
        half.written += 1;
        self.last += 1;
        // In the order of their numbers, also where the clocks of two processes differ.
        self.last_at = self.last_at.max(now);
        if new.from == Side::Shop {
            self.waiting_since.get_or_insert(now);
        }
        Ok(Message {
            id: ids::message(now),
            version: 1,
            order: self.id.clone(),
            no: self.last,
            from: new.from,
            author: new.author,
            text: new.text,
            client_id: new.client_id,
            at: self.last_at,
            shop: self.shop.written,
            support: self.support.written,
            extra: Map::new(),
        })
    }

    /// Notes that `side` has read all up to `message`. Whether that is news: marks only go on.
    pub fn read(&mut self, side: Side, message: &Message) -> bool {
        let half = self.half_mut(side);
        if message.no <= half.read_to {
            return false;
        }
        half.read_to = message.no;
        half.seen = match side {
            Side::Shop => message.support,
            Side::Support => message.shop,
        };
        if self.unread(Side::Support) == 0 {
            self.waiting_since = None;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thread() -> Thread {
        Thread::new("ord_1", "shop", "ORD-1", Some("A-1"))
    }

    fn new(from: Side) -> NewMessage {
        NewMessage { from, author: "usr_1".to_owned(), text: "Hello".to_owned(), client_id: None }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_769_851_800_000 + seconds * 1000)
    }

    #[test]
    fn what_a_mark_leaves_unread_is_known_from_the_message() {
        let mut thread = thread();
        let sides = [Side::Shop, Side::Support, Side::Support, Side::Shop, Side::Support];
        let all: Vec<_> = sides.into_iter().map(|side| thread.take(new(side), at(0)).unwrap()).collect();
        assert!(all.iter().map(|message| message.no).eq(1..=5));
        for (n, (shop, support)) in [(3, 1), (2, 1), (1, 1), (1, 0), (0, 0)].into_iter().enumerate() {
            let mut marked = thread.clone();
            assert!(marked.read(Side::Shop, &all[n]) && marked.read(Side::Support, &all[n]));
            assert_eq!((marked.unread(Side::Shop), marked.unread(Side::Support)), (shop, support), "{n}");
        }
        assert!(thread.read(Side::Shop, &all[3]) && !thread.read(Side::Shop, &all[1]), "never back");
        assert_eq!((thread.unread(Side::Shop), thread.shop.read_to), (1, 4));
    }

    #[test]
    fn a_thread_waits_for_the_desk_until_all_is_read() {
        let mut thread = thread();
        thread.take(new(Side::Support), at(0)).unwrap();
        assert_eq!(thread.waiting_since, None);
        let first = thread.take(new(Side::Shop), at(1)).unwrap();
        let second = thread.take(new(Side::Shop), at(2)).unwrap();
        assert_eq!(thread.waiting_since, Some(at(1)));
        thread.read(Side::Support, &first);
        assert_eq!(thread.waiting_since, Some(at(1)));
        thread.read(Side::Support, &second);
        assert_eq!(thread.waiting_since, None);
    }

    #[test]
    fn neither_side_takes_the_others_room() {
        let mut thread = thread();
        for n in 0..MOST_A_MINUTE {
            thread.take(new(Side::Shop), at(i64::from(n))).unwrap();
        }
        let before = thread.clone();
        let wait = Duration::from_secs(60 - 30);
        assert_eq!(thread.take(new(Side::Shop), at(30)), Err(NotTaken::TooFast(wait)));
        assert_eq!(thread, before);
        thread.take(new(Side::Support), at(30)).unwrap();
        thread.take(new(Side::Shop), at(60)).unwrap();
        let mut minute = 2;
        while thread.shop.written < MOST_OF_SIDE {
            for _ in 0..MOST_A_MINUTE.min(u32::try_from(MOST_OF_SIDE - thread.shop.written).unwrap()) {
                thread.take(new(Side::Shop), at(minute * 60)).unwrap();
            }
            minute += 1;
        }
        assert_eq!(thread.take(new(Side::Shop), at(86_400)), Err(NotTaken::Full));
        thread.take(new(Side::Support), at(86_400)).unwrap();
    }

    #[test]
    fn messages_are_in_the_order_of_their_numbers_whatever_the_clocks_say() {
        let mut thread = thread();
        let first = thread.take(new(Side::Shop), at(10)).unwrap();
        let second = thread.take(new(Side::Support), at(5)).unwrap();
        assert!(second.at >= first.at && thread.last_at == second.at);
        assert!(!format!("{second:?}").contains("Hello"));
    }
}
