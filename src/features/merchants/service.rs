//! Merchants: adding, suspending, resuming. Each change has a line in the audit log.

use super::{
    fresh::Fresh,
    model::{MerchantDocument, State},
};
use crate::{
    base::{clock::Clock, ids},
    features::audit::{Audit, AuditContext, AuditedAction, Outcome},
    platform::store::{Cursor, Decision, Document, Order as Sort, Page, Query, Store, StoreError, Updated},
};

/// Longest id of a merchant, in characters: that of a token's `sub`.
const LONGEST_ID: usize = 128;
/// Longest name, in characters.
pub const LONGEST_NAME: usize = 100;

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum MerchantError {
    #[error("there is a merchant {0:?} already")]
    Taken(String),
    #[error("an id has 1 to {LONGEST_ID} characters, is not blank and has no control characters")]
    Id,
    #[error("a name has 1 to {LONGEST_NAME} characters, is not blank and has no control characters")]
    Name,
    #[error("the merchant {id:?} is {} already", state.as_str())]
    Already { id: String, state: State },
    /// Nothing is left that would come back with it.
    #[error("the merchant {0:?} was erased: add a new one")]
    Erased(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Keeps merchants. Clones share what they know.
#[derive(Debug, Clone)]
pub struct Merchants {
    store: Store,
    clock: Clock,
    audit: Audit,
    standings: Fresh<Standing>,
}

/// What a merchant's requests are measured by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// Nothing may be accepted from it.
    pub suspended: bool,
    /// Its KYC is approved.
    pub approved: bool,
}

impl Merchants {
    #[must_use]
    pub fn new(store: Store, clock: Clock) -> Self {
        let audit = Audit::new(store.clone(), clock.clone());
        Self { audit, standings: Fresh::new(clock.clone()), store, clock }
    }

    /// # Errors
    /// When the store fails.
    pub async fn get(&self, id: &str) -> Result<Option<MerchantDocument>, StoreError> {
        self.store.get(id).await
    }

    /// How the merchant stands, in one read; at most a second old.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn standing(&self, id: &str) -> Result<Standing, StoreError> {
        let read = async {
            let merchant = self.store.get::<MerchantDocument>(id).await?;
            Ok(merchant.map_or_else(Standing::default, |merchant| Standing {
                suspended: merchant.state == State::Suspended,
                approved: merchant.kyc_approved_at.is_some(),
            }))
        };
        self.standings.get(id, read).await
    }

    /// This process has changed how the merchant stands: it is read again.
    pub fn forget(&self, id: &str) {
        self.standings.forget(id);
    }

    /// Adds a merchant, under an id of its own unless one is given: that of the old system.
    ///
    /// # Errors
    /// [`MerchantError`].
    pub async fn add(
        &self,
        name: &str,
        id: Option<&str>,
        by: &AuditContext,
    ) -> Result<MerchantDocument, MerchantError> {
        let name = is_plain(name, LONGEST_NAME).then(|| name.trim()).ok_or(MerchantError::Name)?;
        let now = self.clock.now();
        let id = id.map_or_else(|| ids::merchant(now), str::to_owned);
        if !is_plain(&id, LONGEST_ID) {
            return Err(MerchantError::Id);
        }
        let merchant = MerchantDocument::new(id, name, now);
        let line = self.begin("merchant.add", &merchant.id, None, by).await?;
        let added = match self.store.insert(&merchant).await {
            Ok(()) => Ok(merchant),
            Err(StoreError::Conflict { .. }) => Err(MerchantError::Taken(merchant.id)),
            Err(error) => Err(error.into()),
        };
        self.end(&line, added).await
    }

    /// Suspends a merchant, or ends that. In this process it counts at once, in others within a second. Every
    /// merchant can be suspended, also one that has no document yet.
    ///
    /// # Errors
    /// [`MerchantError`].
    pub async fn set_state(
        &self,
        id: &str,
        state: State,
        by: &AuditContext,
    ) -> Result<MerchantDocument, MerchantError> {
        if !is_plain(id, LONGEST_ID) {
            return Err(MerchantError::Id);
        }
        let before = self.get(id).await?.map_or(State::Active, |merchant| merchant.state);
        let action = match state {
            State::Active => "merchant.resume",
            State::Suspended => "merchant.suspend",
        };
        let line = self.begin(action, id, Some(before.as_str()), by).await?;
        let changed = self.change_state(id, state).await;
        self.forget(id);
        self.end(&line, changed).await
    }

    async fn change_state(&self, id: &str, state: State) -> Result<MerchantDocument, MerchantError> {
        let now = self.clock.now();
        let already = || MerchantError::Already { id: id.to_owned(), state };
        for _ in 0..2 {
            let updated = self.store.update::<MerchantDocument, (), MerchantError>(id, |merchant| {
                if merchant.state == state {
                    return Err(already());
                }
                if merchant.is_erased() {
                    return Err(MerchantError::Erased(id.to_owned()));
                }
                (merchant.state, merchant.changed_at) = (state, now);
                Ok(Decision::Save(()))
            });
            if let Updated::Done(merchant, ()) = updated.await? {
                return Ok(merchant);
            }
            if state == State::Active {
                return Err(already());
            }
            let merchant = MerchantDocument { state, ..MerchantDocument::new(id.to_owned(), id, now) };
            match self.store.insert(&merchant).await {
                Ok(()) => return Ok(merchant),
                // Somebody has just added it.
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Contended.into())
    }

    /// A page of merchants, the oldest first: all, or those of one state.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(
        &self,
        state: Option<State>,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Page<MerchantDocument>, StoreError> {
        let mut query = Query::sorted_by("createdAt", Sort::Ascending).limit(limit);
        if let Some(state) = state {
            query = query.equal("state", state.as_str());
        }
        if let Some(after) = after {
            query = query.after(after);
        }
        self.store.find(&query).await
    }

    async fn begin(
        &self,
        action: &str,
        id: &str,
        before: Option<&str>,
        by: &AuditContext,
    ) -> Result<String, StoreError> {
        let collection = MerchantDocument::COLLECTION;
        self.audit.begin(by, &AuditedAction { action, collection, id, user_id: Some(id), before }).await
    }

    async fn end(
        &self,
        line: &str,
        done: Result<MerchantDocument, MerchantError>,
    ) -> Result<MerchantDocument, MerchantError> {
        let ended = match &done {
            Ok(merchant) => Some((Outcome::Done, Some(merchant.state.as_str().to_owned()), None)),
            // Whether it was done is not known: the line stays as it is.
            Err(MerchantError::Store(_)) => None,
            Err(error) => Some((Outcome::Refused, None, Some(error.to_string()))),
        };
        self.audit.close(line, ended).await;
        done
    }
}

/// Not blank, not too long, and without control characters.
#[must_use]
pub fn is_plain(text: &str, longest: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= longest && !text.chars().any(char::is_control)
}
