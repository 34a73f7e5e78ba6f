//! What both sides do with a thread.

use std::{collections::BTreeMap, time::Duration};

use super::{
    model::{Message, NewMessage, NotTaken, Side, Thread},
    typing::Typing,
};
use crate::{
    base::clock::Clock,
    features::{
        audit::{Audit, AuditContext, AuditedAction, Outcome},
        merchants::user::User,
        orders::model::Order,
    },
    platform::store::{
        Batch, CommitError, Cursor, Decision, Document, Order as Sort, Page, Query, Store, StoreError,
        Updated,
    },
};

/// How often a message is tried that others come before.
const TRIES: usize = 16;

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    #[error("there is no such message about this order")]
    NoSuchMessage,
    /// Another text was sent under the same id of the sender.
    #[error("another message has this clientMessageId")]
    Differs,
    #[error("the thread is full")]
    Full,
    #[error("too many messages in a minute")]
    TooFast(Duration),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<NotTaken> for MessageError {
    fn from(why: NotTaken) -> Self {
        match why {
            NotTaken::Full => Self::Full,
            NotTaken::TooFast(wait) => Self::TooFast(wait),
        }
    }
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Posted {
    New(Message),
    /// It was sent before, under the same id of the sender.
    Replayed(Message),
}

impl Posted {
    fn message(&self) -> &Message {
        match self {
            Self::New(message) | Self::Replayed(message) => message,
        }
    }
}

/// Threads and their messages. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Messages {
    store: Store,
    clock: Clock,
    audit: Audit,
    typing: Typing,
}

impl Messages {
    #[must_use]
    pub fn new(store: Store, clock: Clock) -> Self {
        let audit = Audit::new(store.clone(), clock.clone());
        let typing = Typing::new(store.clone(), clock.clone());
        Self { store, clock, audit, typing }
    }

    /// Who is typing at this moment.
    #[must_use]
    pub fn typing(&self) -> &Typing {
        &self.typing
    }

    /// The thread about an order; one without messages if there is none yet.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn thread(&self, order: &Order) -> Result<Thread, StoreError> {
        Ok(self.store.get::<Thread>(order.id()).await?.unwrap_or_else(|| empty(order)))
    }

    /// At most `limit` messages behind the one called `after`, the oldest first.
    ///
    /// # Errors
    /// [`MessageError::NoSuchMessage`] when `after` is none of this thread's.
    pub async fn behind(
        &self,
        order: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Message>, MessageError> {
        let from = match after {
            Some(id) => self.message(order, id).await?.no + 1,
            None => 1,
        };
        let query = Query::sorted_by("no", Sort::Ascending).equal("order", order).from(from).limit(limit);
        Ok(self.store.find(&query).await?.docs)
    }

    async fn message(&self, order: &str, id: &str) -> Result<Message, MessageError> {
        let found = self.store.get::<Message>(id).await?.filter(|message| message.order == order);
        found.ok_or(MessageError::NoSuchMessage)
    }

    /// Keeps a message.
    ///
    /// # Errors
    /// [`MessageError`].
    pub async fn post(&self, order: &Order, new: NewMessage) -> Result<Posted, MessageError> {
        for _ in 0..TRIES {
            if let Some(before) = self.sent_before(order.id(), &new).await? {
                let same = before.text == new.text;
                return if same { Ok(Posted::Replayed(before)) } else { Err(MessageError::Differs) };
            }
            let stored = self.store.get::<Thread>(order.id()).await?;
            let first = stored.is_none();
            let mut thread = stored.unwrap_or_else(|| empty(order));
            let message = thread.take(new.clone(), self.clock.now())?;
            let batch = Batch::new();
            let batch = if first { batch.insert(&thread) } else { batch.replace(&thread) };
            match self.store.commit(batch.insert(&message)).await {
                Ok(()) => return Ok(Posted::New(message)),
                Err(CommitError::Store(error)) => return Err(error.into()),
                // Somebody else has written meanwhile, or the same message came twice at once.
                Err(CommitError::Lost { .. } | CommitError::Conflict { .. }) => {}
            }
        }
        Err(StoreError::Contended.into())
    }

    async fn sent_before(&self, order: &str, new: &NewMessage) -> Result<Option<Message>, StoreError> {
        let Some(client_id) = &new.client_id else { return Ok(None) };
        let query = Query::sorted_by("clientId", Sort::Ascending)
            .equal("order", order)
            .equal("from", new.from.as_str())
            .equal("clientId", client_id.as_str())
            .limit(1);
        Ok(self.store.find::<Message>(&query).await?.docs.pop())
    }

    /// Notes that `side` has read all up to the message `id`.
    ///
    /// # Errors
    /// [`MessageError::NoSuchMessage`], or when the store fails.
    pub async fn read(&self, order: &str, side: Side, id: &str) -> Result<Thread, MessageError> {
        let message = self.message(order, id).await?;
        let marked = self.store.update::<Thread, (), MessageError>(order, |thread| {
            Ok(if thread.read(side, &message) { Decision::Save(()) } else { Decision::Leave(()) })
        });
        match marked.await? {
            Updated::Done(thread, ()) => Ok(thread),
            Updated::Missing => Err(MessageError::NoSuchMessage),
        }
    }

    /// [`Messages::post`] by an operator, with a line in the audit log.
    ///
    /// # Errors
    /// [`MessageError`].
    pub async fn answer(
        &self,
        order: &Order,
        new: NewMessage,
        by: &AuditContext,
    ) -> Result<Posted, MessageError> {
        let line = self.begin("order.message", order.id(), order.user_id(), by).await?;
        let posted = self.post(order, new).await;
        self.close(&line, posted.as_ref().map(|posted| posted.message().id.as_str())).await;
        posted
    }

    /// [`Messages::read`] by an operator, with a line in the audit log for a mark that is news.
    ///
    /// # Errors
    /// [`MessageError`].
    pub async fn seen(&self, order: &Order, id: &str, by: &AuditContext) -> Result<Thread, MessageError> {
        let (message, thread) = (self.message(order.id(), id).await?, self.thread(order).await?);
        if message.no <= thread.support.read_to {
            return Ok(thread);
        }
        let line = self.begin("order.message-read", order.id(), order.user_id(), by).await?;
        let read = self.read(order.id(), Side::Support, id).await;
        self.close(&line, read.as_ref().map(|_| id)).await;
        read
    }

    async fn begin(
        &self,
        action: &str,
        order: &str,
        merchant: &str,
        by: &AuditContext,
    ) -> Result<String, StoreError> {
        let (collection, user_id) = (Thread::COLLECTION, Some(merchant));
        self.audit.begin(by, &AuditedAction { action, collection, id: order, user_id, before: None }).await
    }

    async fn close(&self, line: &str, ended: Result<&str, &MessageError>) {
        let ended = match ended {
            Ok(message) => Some((Outcome::Done, Some(message.to_owned()), None)),
            // Whether it was done is not known.
            Err(MessageError::Store(_)) => None,
            Err(error) => Some((Outcome::Refused, None, Some(error.to_string()))),
        };
        self.audit.close(line, ended).await;
    }

    /// Tells those who listen that somebody is typing.
    pub fn types(&self, order: &Order, from: Side) {
        self.typing.note(order.user_id(), order.id(), from);
    }

    /// Threads of all merchants in which there is something that the desk has not read, the one that waits
    /// longest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn waiting(&self, after: Option<Cursor>, limit: usize) -> Result<Page<Thread>, StoreError> {
        let query = Query::sorted_by("waitingSince", Sort::Ascending).limit(limit);
        self.store.find(&after.into_iter().fold(query, Query::after)).await
    }

    /// What the shop's people who wrote these messages are called, by their id.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn names(&self, messages: &[Message]) -> Result<BTreeMap<String, String>, StoreError> {
        let people = messages.iter().filter(|m| m.from == Side::Shop && m.author.starts_with("usr_"));
        let mut ids: Vec<_> = people.map(|message| message.author.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let users = self.store.get_many::<User>(&ids).await?.docs;
        Ok(users.into_iter().filter(User::is_member).map(|user| (user.id, user.name)).collect())
    }
}

fn empty(order: &Order) -> Thread {
    Thread::new(order.id(), order.user_id(), order.order_number(), order.client_order_id())
}
