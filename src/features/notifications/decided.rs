//! What the desk has decided on a merchant's KYC: in the inbox with the decision itself, in one commit.

use super::{
    consumer::{Made, Numbered, has_people},
    model::{Draft, Notification, NotificationKind},
};
use crate::{
    base::timestamp::Timestamp,
    features::{events::reader::Writes, kyc::model::KycState},
    platform::store::{Batch, Decision, Order as Sort, Query, Store, StoreError},
};

/// What is stored of one that is good news.
pub(super) const APPROVED: &str = KycState::Approved.as_str();
/// Notifications that are read at once.
const PAGE: usize = 500;

/// One decision.
#[derive(Debug, Clone, Copy)]
pub struct Decided<'a> {
    pub merchant: &'a str,
    /// The version of the KYC that was decided on: of each one the merchant is told once.
    pub version: i64,
    pub became: KycState,
    /// What the merchant reads.
    pub reason: Option<&'a str>,
    pub at: Timestamp,
}

impl Decided<'_> {
    /// Adds it to the commit that decides, behind what is in there; nothing where nobody works for the
    /// merchant.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn within(&self, batch: Batch, store: &Store) -> Result<Batch, StoreError> {
        if !has_people(store, self.merchant).await? {
            return Ok(batch);
        }
        let made = [Made::Notification(Draft {
            cause: format!("kyc/{}/{}", self.merchant, self.version),
            merchant: self.merchant.to_owned(),
            kind: NotificationKind::KycDecided,
            at: self.at,
            subject: self.became.as_str().to_owned(),
            order_number: None,
            client_order_id: None,
            message: None,
            detail: self.reason.map(str::to_owned),
        })];
        Numbered { store: store.clone(), now: self.at }.add(batch, &made).await
    }
}

/// Takes out what the desk has written: the KYC is erased.
///
/// # Errors
/// When the store fails; the same call goes on.
pub async fn forget(store: &Store, merchant: &str) -> Result<(), StoreError> {
    let mut query = Query::sorted_by("no", Sort::Ascending).equal("merchant", merchant).limit(PAGE);
    loop {
        let page = store.find::<Notification>(&query).await?;
        let is_written =
            |one: &Notification| one.kind == NotificationKind::KycDecided && one.detail.is_some();
        let written: Vec<_> = page.docs.into_iter().filter(is_written).map(|one| one.id).collect();
        for id in &written {
            let forgotten = store.update::<Notification, (), StoreError>(id, |one| {
                one.detail = None;
                Ok(Decision::Save(()))
            });
            forgotten.await?;
        }
        match page.next {
            Some(next) => query = query.after(next),
            None => return Ok(()),
        }
    }
}
