//! What the desk tells all merchants.

use super::{
    consumer::{Made, Numbered, has_people},
    model::{Draft, NotificationKind},
};
use crate::{
    base::timestamp::Timestamp,
    features::events::reader::Writes,
    platform::store::{Batch, CommitError, Store, StoreError},
};

/// How often it is tried again when somebody was faster.
const TRIES: usize = 8;

/// One notice.
#[derive(Debug, Clone, Copy)]
pub struct Notice<'a> {
    /// Whose it is: an operation's id. Of one id a merchant is told once.
    pub id: &'a str,
    pub at: Timestamp,
    pub text: &'a str,
}

impl Notice<'_> {
    /// Tells the people of a merchant, or has told them before. `false`: nobody works for it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn tell(&self, store: &Store, merchant: &str, now: Timestamp) -> Result<bool, StoreError> {
        if !has_people(store, merchant).await? {
            return Ok(false);
        }
        let made = [Made::Notification(Draft {
            cause: format!("{}/{merchant}", self.id),
            merchant: merchant.to_owned(),
            kind: NotificationKind::ServiceNotice,
            at: self.at,
            subject: self.id.to_owned(),
            order_number: None,
            client_order_id: None,
            message: None,
            detail: Some(self.text.to_owned()),
        })];
        let numbered = Numbered { store: store.clone(), now };
        for _ in 0..TRIES {
            match store.commit(numbered.add(Batch::new(), &made).await?).await {
                Ok(()) => return Ok(true),
                Err(CommitError::Conflict { at: 0, index }) if index == "id" => return Ok(true),
                // Something else was made for it meanwhile, and counted.
                Err(CommitError::Lost { .. } | CommitError::Conflict { .. }) => {}
                Err(CommitError::Store(error)) => return Err(error),
            }
        }
        Err(StoreError::Contended)
    }
}
