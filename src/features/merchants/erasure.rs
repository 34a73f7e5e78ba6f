//! A person's data is erased on request, or all of a shop that was suspended.
//!
//! Guards against data in places that nobody thought of (what is told beforehand and what is erased is found
//! by the same code), against an erasure that was cut off (a person's row, by which the rest is found, goes
//! last, and the same request goes on), and against one that nobody answers for: each has a line in the audit
//! log, with numbers and nobody's data.
//!
//! Not erased here: orders, whose consignees have an erasure of their own, and what people wrote about them.

mod letters;
mod people;
mod shop;

use super::{
    Merchants,
    model::{ERASED, MerchantDocument, State},
    user::User,
};
use crate::{
    base::clock::Clock,
    features::{
        audit::{Audit, AuditContext, AuditedAction, Outcome},
        kyc::{Kyc, KycError},
    },
    platform::store::{Document, Store, StoreError},
};

/// Documents that are read at once.
const PAGE: usize = 500;

/// Why nothing was erased, or not all.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    #[error("no merchant {0:?} has signed up, was added or was suspended")]
    NoMerchant(String),
    /// Another merchant's is as absent as none at all.
    #[error("nobody of this merchant has the id {0:?}")]
    NoPerson(String),
    #[error("the merchant {0:?} is active: suspend it first, so that nothing new comes while it is erased")]
    Active(String),
    /// Some may be there still: the same request tries again.
    #[error("the documents were not erased: {0}")]
    Kyc(KycError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<KycError> for EraseError {
    fn from(error: KycError) -> Self {
        match error {
            KycError::Store(error) => error.into(),
            error => Self::Kyc(error),
        }
    }
}

/// How much there is that tells who somebody is, or was, before it was erased.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extent {
    pub people: u64,
    /// One-time codes and invitations.
    pub codes: u64,
    /// Mails and texts on their way.
    pub mails: u64,
    pub keys: u64,
    /// Addresses of webhooks.
    pub endpoints: u64,
    /// 1: something was told for the KYC, or decided on it.
    pub kyc: u64,
    /// Files of it.
    pub documents: u64,
    /// 1: the shop has a name.
    pub names: u64,
}

impl Extent {
    #[must_use]
    pub fn total(&self) -> u64 {
        let Self { people, codes, mails, keys, endpoints, kyc, documents, names } = *self;
        people + codes + mails + keys + endpoints + kyc + documents + names
    }
}

/// Whose data.
#[derive(Clone, Copy)]
enum Whose<'a> {
    Person { id: &'a str, of: &'a str },
    Shop(&'a str),
}

impl<'a> Whose<'a> {
    fn new(merchant: &'a str, person: Option<&'a str>) -> Self {
        person.map_or(Self::Shop(merchant), |id| Self::Person { id, of: merchant })
    }
}

/// Whether it is only looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Doing {
    Look,
    Erase,
}

/// Erases what tells who merchants and their people are. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Erasure {
    store: Store,
    clock: Clock,
    audit: Audit,
    merchants: Merchants,
    kyc: Kyc,
}

impl Erasure {
    #[must_use]
    pub fn new(store: Store, clock: Clock, merchants: Merchants, kyc: Kyc) -> Self {
        let audit = Audit::new(store.clone(), clock.clone());
        Self { store, clock, audit, merchants, kyc }
    }

    /// What [`Erasure::erase`] would erase now.
    ///
    /// # Errors
    /// [`EraseError`].
    pub async fn extent(&self, merchant: &str, person: Option<&str>) -> Result<Extent, EraseError> {
        let whose = Whose::new(merchant, person);
        match whose {
            Whose::Person { .. } => self.of_people(whose, Doing::Look).await,
            Whose::Shop(id) => {
                is_suspended(&self.shop(id).await?)?;
                self.of_shop(id, None).await
            }
        }
    }

    /// Erases a person's data, also that of a merchant's only owner; without a person, all of a suspended
    /// merchant. Gives what there was.
    ///
    /// # Errors
    /// [`EraseError`]. When the store or the files fail some of it may be gone; the same request goes on
    /// there.
    pub async fn erase(
        &self,
        merchant: &str,
        person: Option<&str>,
        by: &AuditContext,
    ) -> Result<Extent, EraseError> {
        let whose = Whose::new(merchant, person);
        let line = match whose {
            Whose::Person { id, of } => {
                let user = self.person(id, of).await?;
                self.begin(("member.erase", User::COLLECTION, id), of, user.role.as_str(), by).await?
            }
            Whose::Shop(id) => {
                let (collection, shop) = (MerchantDocument::COLLECTION, self.shop(id).await?);
                self.begin(("merchant.erase", collection, id), id, shop.state.as_str(), by).await?
            }
        };
        let erased = match whose {
            Whose::Person { .. } => self.of_people(whose, Doing::Erase).await,
            Whose::Shop(id) => self.erase_shop(id, by).await,
        };
        self.end(&line, &erased).await;
        erased
    }

    async fn erase_shop(&self, id: &str, by: &AuditContext) -> Result<Extent, EraseError> {
        is_suspended(&self.shop(id).await?)?;
        let erased = self.of_shop(id, Some(by.actor())).await;
        self.merchants.forget(id);
        erased
    }

    async fn shop(&self, id: &str) -> Result<MerchantDocument, EraseError> {
        self.merchants.get(id).await?.ok_or_else(|| EraseError::NoMerchant(id.to_owned()))
    }

    async fn begin(
        &self,
        (action, collection, id): (&str, &str, &str),
        merchant: &str,
        before: &str,
        by: &AuditContext,
    ) -> Result<String, StoreError> {
        let (user_id, before) = (Some(merchant), Some(before));
        self.audit.begin(by, &AuditedAction { action, collection, id, user_id, before }).await
    }

    async fn end(&self, line: &str, erased: &Result<Extent, EraseError>) {
        let (outcome, after, detail, count) = match erased {
            Ok(extent) => (Outcome::Done, Some(ERASED), None, Some(extent.total())),
            // How much was done is not known: the line stays as it is.
            Err(EraseError::Store(_)) => return,
            Err(error @ EraseError::Kyc(_)) => (Outcome::Failed, None, Some(error.to_string()), None),
            Err(error) => (Outcome::Refused, None, Some(error.to_string()), None),
        };
        if let Err(error) = self.audit.end_many(line, outcome, (after, detail.as_deref()), count).await {
            tracing::error!(%error, audit.id = line, "how an erasure ended is not in the audit log");
        }
    }
}

fn is_suspended(shop: &MerchantDocument) -> Result<(), EraseError> {
    match shop.state {
        State::Suspended => Ok(()),
        State::Active => Err(EraseError::Active(shop.id.clone())),
    }
}
