//! Makes notifications of events, and counts them in the same commit.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Draft, Inbox, Notification, NotificationKind, Watch};
use crate::{
    base::{clock::Clock, fault, timestamp::Timestamp},
    features::{
        events::{
            Event,
            reader::{Reader, TRIES, Writes, write_once},
            shown::EventType,
        },
        merchants::user::User,
        messages::Side,
        orders::model::Order,
    },
    platform::store::{Batch, Order as Sort, Query, Store, StoreError},
};

/// Its name in the store.
pub const NAME: &str = "notifications";
/// Events that are read at once.
const AT_ONCE: usize = 200;
/// What happened longer ago nobody needs to be told any more.
const NEWS: std::time::Duration = std::time::Duration::from_secs(24 * 3600);
/// Orders that are looked at in one pass.
const LOOKS: usize = 50;
/// Members of a merchant that are read to find one who is still there.
const MEMBERS: usize = 50;

/// What an event asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Made {
    Notification(Draft),
    /// To be looked at later.
    Watch(Watch),
}

/// The consumer of one process.
#[derive(Debug)]
pub struct Consumer {
    store: Store,
    clock: Clock,
    events: Reader,
}

impl Consumer {
    #[must_use]
    pub fn new(store: Store, clock: Clock) -> Self {
        Self { events: Reader::new(store.clone(), clock.clone(), NAME), store, clock }
    }

    /// Another process may go on: where it is, is asked for anew.
    pub fn forget(&mut self) {
        self.events.forget();
    }

    /// Makes the notifications of the next events. Whether there may be more of them.
    ///
    /// # Errors
    /// When the store fails; the next pass goes over the same events.
    pub async fn pass(&mut self) -> Result<bool, StoreError> {
        let passed = self.try_pass().await;
        Ok(self.events.judged(passed).await?.unwrap_or(true))
    }

    async fn try_pass(&mut self) -> Result<bool, StoreError> {
        for _ in 0..TRIES {
            let (mut events, now) = (self.events.next(AT_ONCE).await?, self.clock.now());
            let Some(read) = events.last().map(|event| event.seq) else { return Ok(false) };
            events.retain(|event| now.since(event.at) < NEWS);
            let mut made = self.made(&events).await?;
            if !made.is_empty() {
                fault::reach("notifications:made");
            }
            // Otherwise another process took itself for the leader, or has changed what is counted.
            if self.events.pass(read, &mut made, &self.numbered(now)).await? {
                return Ok(self.events.has_more());
            }
        }
        Err(StoreError::Contended)
    }

    /// Makes what one event asks for that was put aside, however old it is, in one commit with the one write
    /// of `first`. `false`: somebody else was faster.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn again(
        &self,
        event: &Event,
        first: impl Fn() -> Batch + Send + Sync,
    ) -> Result<bool, StoreError> {
        let mut made = self.made(std::slice::from_ref(event)).await?;
        write_once(&self.store, first, &mut made, &self.numbered(self.clock.now())).await
    }

    fn numbered(&self, now: Timestamp) -> Numbered {
        Numbered { store: self.store.clone(), now }
    }

    /// What the events ask for, of merchants that have people.
    async fn made(&self, events: &[Event]) -> Result<Vec<Made>, StoreError> {
        let asked = events.iter().filter_map(made);
        let (mut all, mut peopled) = (Vec::new(), BTreeMap::new());
        for (merchant, made) in asked {
            let known = peopled.get(&merchant).copied();
            let has_people = match known {
                Some(known) => known,
                None => has_people(&self.store, &merchant).await?,
            };
            peopled.insert(merchant, has_people);
            if has_people {
                all.push(made);
            }
        }
        Ok(all)
    }

    /// Looks at orders that have waited for an hour, and tells how many.
    ///
    /// # Errors
    /// When the store fails; the next pass looks at the others.
    pub async fn look(&self) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let due = Query::sorted_by("dueAt", Sort::Ascending).limit(LOOKS);
        let due = due.before(now + std::time::Duration::from_millis(1));
        let watches = self.store.find::<Watch>(&due).await?.docs;
        for watch in &watches {
            let order = self.store.get::<Order>(&watch.order).await?;
            let draft = order.as_ref().and_then(|order| still_waits(watch, order, now));
            let draft = match draft {
                Some(draft) if has_people(&self.store, &draft.merchant).await? => Some(draft),
                _ => None,
            };
            let mut ended = watch.clone();
            ended.end(now);
            let mut made: Vec<Made> = draft.map(Made::Notification).into_iter().collect();
            // Somebody else has looked, or the counts have changed: then the next pass does.
            let first = || Batch::new().replace(&ended);
            write_once(&self.store, first, &mut made, &self.numbered(now)).await?;
        }
        Ok(watches.len())
    }
}

/// What an event asks for, and of whom.
fn made(event: &Event) -> Option<(String, Made)> {
    let public = event.public.as_ref()?;
    let merchant = public.merchant.clone();
    let text = |name: &str| event.data.get(name).and_then(|value| value.as_str());
    let owned = |name: &str| text(name).map(str::to_owned);
    let draft = |kind| Draft {
        cause: event.id.clone(),
        merchant: merchant.clone(),
        kind,
        at: event.at,
        subject: event.about().to_owned(),
        order_number: owned("orderNumber"),
        client_order_id: owned("clientOrderId"),
        message: None,
        detail: owned("reason"),
    };
    let is = |kind: EventType| public.kind == kind.as_str();
    let watch = || Made::Watch(Watch::new(&event.id, &event.subject, event.at));
    let made = if is(EventType::OrderStatusChanged) {
        match text("status") {
            Some("failed") => Made::Notification(draft(NotificationKind::OrderFailed)),
            Some("needs_review") => watch(),
            _ => return None,
        }
    } else if is(EventType::OrderCancellationChanged) {
        match text("cancellation") {
            Some("refused") => Made::Notification(draft(NotificationKind::CancelRefused)),
            Some("review") => watch(),
            _ => return None,
        }
    } else if is(EventType::EndpointDisabled) {
        Made::Notification(draft(NotificationKind::EndpointDisabled))
    } else if is(EventType::OrderMessage) && text("from") == Some(Side::Support.as_str()) {
        let number = event.data.get("number").and_then(serde_json::Value::as_i64);
        let message = owned("messageId").zip(number);
        Made::Notification(Draft { message, ..draft(NotificationKind::Message) })
    } else {
        return None;
    };
    Some((merchant, made))
}

/// The notification of an order that has waited since the watch began.
fn still_waits(watch: &Watch, order: &Order, now: Timestamp) -> Option<Draft> {
    // One that began to wait anew has a watch of its own.
    let review = order.review().filter(|review| now.since(review.since) >= super::model::HOUR)?;
    Some(Draft {
        cause: watch.id.clone(),
        merchant: order.user_id().to_owned(),
        kind: NotificationKind::OrderNeedsReview,
        at: review.since,
        subject: order.id().to_owned(),
        order_number: Some(order.order_number().to_owned()),
        client_order_id: order.client_order_id().map(str::to_owned),
        message: None,
        detail: Some(review.reason.clone()),
    })
}

/// Whether anybody would read it.
pub(super) async fn has_people(store: &Store, merchant: &str) -> Result<bool, StoreError> {
    let query = Query::sorted_by("createdAt", Sort::Ascending).equal("merchantId", merchant).limit(MEMBERS);
    let found = store.find::<User>(&query).await?.docs;
    Ok(found.len() == MEMBERS || found.iter().any(User::is_member))
}

/// Writes what was made with its numbers, and behind it the inboxes that count it.
pub(super) struct Numbered {
    pub(super) store: Store,
    pub(super) now: Timestamp,
}

impl Writes<Made> for Numbered {
    async fn add(&self, mut batch: Batch, made: &[Made]) -> Result<Batch, StoreError> {
        let drafts = made.iter().filter_map(|made| match made {
            Made::Notification(draft) => Some(draft.merchant.as_str()),
            Made::Watch(_) => None,
        });
        let merchants: BTreeSet<&str> = drafts.collect();
        let merchants: Vec<&str> = merchants.into_iter().collect();
        let stored = if merchants.is_empty() {
            Vec::new()
        } else {
            self.store.get_many::<Inbox>(&merchants).await?.whole()?
        };
        let mut known: BTreeMap<String, (bool, Inbox)> =
            stored.into_iter().map(|inbox| (inbox.id.clone(), (true, inbox))).collect();
        for made in made {
            match made {
                Made::Watch(watch) => batch = batch.insert(watch),
                Made::Notification(draft) => {
                    let fresh = || (false, Inbox::new(&draft.merchant, self.now));
                    let (_, inbox) = known.entry(draft.merchant.clone()).or_insert_with(fresh);
                    let notification: Notification = inbox.add(draft.clone(), self.now);
                    batch = batch.insert(&notification);
                }
            }
        }
        for (stored, inbox) in known.values() {
            batch = if *stored { batch.replace(inbox) } else { batch.insert(inbox) };
        }
        Ok(batch)
    }
}
