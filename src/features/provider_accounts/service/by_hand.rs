//! What people do with a hold: lift it, or have it tried now.
//!
//! Guards against a hold that is gone and nobody knows why: the audit log has a line before anything is done.

use super::{Accounts, standing};
use crate::{
    features::{
        audit::{Audit, AuditContext, AuditedAction, Outcome},
        provider_accounts::{Account, Hold},
    },
    platform::store::{Decision, Document, StoreError, Updated},
};

/// Why a hold was not lifted.
#[derive(Debug, thiserror::Error)]
pub enum LiftError {
    #[error("there is no account `{id}`; there are: {known}")]
    NoSuchAccount { id: String, known: String },
    #[error("the account {0} is not held")]
    NotHeld(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Accounts {
    /// Lifts the hold of the account `id` on somebody's word, and gives what it was. The audit log has it
    /// before it is done.
    ///
    /// # Errors
    /// [`LiftError`].
    pub async fn lift(&self, id: &str, by: &AuditContext) -> Result<Hold, LiftError> {
        let Some(account) = self.store.get::<Account>(id).await? else {
            let known: Vec<_> = self.list().await?.into_iter().map(|a| a.id).collect();
            let known = if known.is_empty() { "none yet".to_owned() } else { known.join(", ") };
            return Err(LiftError::NoSuchAccount {
                id: id.chars().filter(|c| !c.is_control()).take(64).collect(),
                known,
            });
        };
        let audit = Audit::new(self.store.clone(), self.clock.clone());
        let before = standing(account.hold.as_ref());
        let act = AuditedAction {
            action: "account.lift",
            collection: Account::COLLECTION,
            id,
            user_id: None,
            before: Some(&before),
        };
        let line = audit.begin(by, &act).await?;
        let lifted = self.lift_now(id).await;
        let ended = match &lifted {
            Ok(_) => audit.end(&line, Outcome::Done, Some(&standing(None)), None).await,
            Err(error @ LiftError::Store(_)) => {
                audit.end(&line, Outcome::Failed, None, Some(&error.to_string())).await
            }
            Err(error) => audit.end(&line, Outcome::Refused, None, Some(&error.to_string())).await,
        };
        if let Err(error) = ended {
            tracing::error!(%error, audit.id = line, "how the lift ended is not in the audit log");
        }
        lifted
    }

    /// Has a job try the account `id` now, on somebody's word: the next one that is claimed is the probe.
    ///
    /// # Errors
    /// [`LiftError`].
    pub async fn try_now(&self, id: &str, by: &AuditContext) -> Result<(), LiftError> {
        let audit = Audit::new(self.store.clone(), self.clock.clone());
        let (action, collection) = ("account.try-now", Account::COLLECTION);
        let act = AuditedAction { action, collection, id, user_id: None, before: None };
        let line = audit.begin(by, &act).await?;
        let now = self.clock.now();
        let tried = self.store.update::<Account, bool, StoreError>(id, |account| {
            Ok(if account.probe_now(now) { Decision::Save(true) } else { Decision::Leave(false) })
        });
        let tried = match tried.await {
            Ok(Updated::Done(account, true)) => {
                if account.id == *self.id {
                    self.learn(&account);
                }
                Ok(())
            }
            Ok(Updated::Done(_, false)) => Err(LiftError::NotHeld(id.to_owned())),
            Ok(Updated::Missing) => Err(LiftError::NoSuchAccount { id: id.to_owned(), known: String::new() }),
            Err(error) => Err(LiftError::Store(error)),
        };
        let outcome = if tried.is_ok() { Outcome::Done } else { Outcome::Refused };
        let why = tried.as_ref().err().map(ToString::to_string);
        if let Err(error) = audit.end(&line, outcome, None, why.as_deref()).await {
            tracing::error!(%error, audit.id = line, "how a try ended is not in the audit log");
        }
        tried
    }

    async fn lift_now(&self, id: &str) -> Result<Hold, LiftError> {
        let mut was = None;
        let lifted = self.store.update::<Account, _, StoreError>(id, |account| {
            was = account.hold.take();
            // Whoever lifts it has seen these refusals.
            account.row = None;
            Ok(if was.is_some() { Decision::Save(()) } else { Decision::Leave(()) })
        });
        match (lifted.await?, was) {
            (Updated::Done(account, ()), Some(hold)) => {
                if account.id == *self.id {
                    self.learn(&account);
                }
                tracing::warn!(account = id, kind = %hold.kind,
                    "the hold of the account {id} was lifted by hand ({})", hold.kind);
                Ok(hold)
            }
            _ => Err(LiftError::NotHeld(id.to_owned())),
        }
    }
}
