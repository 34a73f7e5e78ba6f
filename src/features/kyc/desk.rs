//! What the desk does with dossiers: lists them, looks at them, decides. What it sees of personal data, and
//! what it decides, is in the audit log before it is done.

use bytes::Bytes;

use super::{
    model::{DocumentKind, Dossier, KycState, StoredFile, Verdict},
    service::{Kyc, KycError, ended, fresh},
};
use crate::{
    features::{
        audit::{AuditContext, AuditedAction},
        mail::{Mails, model::Email, template::Template},
        merchants::{model::MerchantDocument, scope::Role},
        notifications::decided::Decided,
    },
    platform::store::{Batch, CommitError, Cursor, Document, Order as Sort, Page, Query, StoreError},
};

/// How often a decision is tried that others come before.
const TRIES: usize = 5;
/// Owners who get a mail.
const TOLD: usize = 10;

impl Kyc {
    /// A page of those in a state, the ones that are in it longest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(
        &self,
        state: KycState,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Page<Dossier>, StoreError> {
        let mut query = Query::sorted_by("since", Sort::Ascending).equal("state", state.as_str());
        if let Some(after) = after {
            query = query.after(after);
        }
        self.store.find(&query.limit(limit)).await
    }

    /// # Errors
    /// [`KycError::NoDossier`].
    pub async fn existing(&self, merchant_id: &str) -> Result<Dossier, KycError> {
        self.store.get::<Dossier>(merchant_id).await?.ok_or(KycError::NoDossier)
    }

    /// The dossier, for one who may see its numbers.
    ///
    /// # Errors
    /// [`KycError`].
    pub async fn reveal(&self, merchant_id: &str, by: &AuditContext) -> Result<Dossier, KycError> {
        let dossier = self.existing(merchant_id).await?;
        let line = self.begin("kyc.reveal", &dossier, by).await?;
        self.audit.close(&line, ended(&Ok(()))).await;
        Ok(dossier)
    }

    /// A document, for one who may see it.
    ///
    /// # Errors
    /// [`KycError`].
    pub async fn view(
        &self,
        merchant_id: &str,
        kind: DocumentKind,
        by: &AuditContext,
    ) -> Result<(StoredFile, Bytes), KycError> {
        let dossier = self.existing(merchant_id).await?;
        let act = format!("kyc.view.{}", kind.as_str());
        let line = self.begin(&act, &dossier, by).await?;
        let seen = self.document(merchant_id, kind).await;
        self.audit.close(&line, ended(&seen)).await;
        seen
    }

    /// Approves or rejects the version that the decider has seen, and tells the merchant's owners by mail.
    /// In this process the approval counts at once, in others within a second.
    ///
    /// # Errors
    /// [`KycError`].
    pub async fn decide(
        &self,
        merchant_id: &str,
        verdict: Verdict,
        version: i64,
        by: &AuditContext,
    ) -> Result<Dossier, KycError> {
        let dossier = self.existing(merchant_id).await?;
        let act = match verdict {
            Verdict::Approved => "kyc.approve",
            Verdict::Rejected => "kyc.reject",
        };
        let line = self.begin(act, &dossier, by).await?;
        let decided = self.decide_on(merchant_id, verdict, version, by).await;
        self.merchants.forget(merchant_id);
        self.audit.close(&line, ended(&decided)).await;
        decided
    }

    /// The dossier, what the merchant's requests are measured by, the notification and the mails change
    /// together.
    async fn decide_on(
        &self,
        merchant_id: &str,
        verdict: Verdict,
        version: i64,
        by: &AuditContext,
    ) -> Result<Dossier, KycError> {
        for _ in 0..TRIES {
            let (mut dossier, now) = (self.existing(merchant_id).await?, self.clock.now());
            fresh(&dossier, Some(version))?;
            dossier.decide(verdict, by.reason(), by.actor(), now)?;
            let approved_at = (verdict == Verdict::Approved).then_some(now);
            let batch = Batch::new().replace(&dossier);
            let batch = match self.merchants.get(merchant_id).await? {
                Some(merchant) => {
                    batch.replace(&MerchantDocument { kyc_approved_at: approved_at, ..merchant })
                }
                // One of the old system, which needed no document until now.
                None => {
                    let merchant = MerchantDocument::new(merchant_id.to_owned(), merchant_id, now);
                    batch.insert(&MerchantDocument { kyc_approved_at: approved_at, ..merchant })
                }
            };
            let (version, became) = (dossier.version, dossier.state);
            let reason = dossier.reason.as_deref();
            let decided = Decided { merchant: merchant_id, version, became, reason, at: now };
            let mut batch = decided.within(batch, &self.store).await?;
            let mails = self.mails_of(merchant_id, verdict).await?;
            for mail in &mails {
                batch = Mails::within(batch, mail);
            }
            match self.store.commit(batch).await {
                Ok(()) => {
                    for mail in &mails {
                        self.mails.stored(mail).await;
                    }
                    dossier.version += 1;
                    return Ok(dossier);
                }
                Err(CommitError::Lost { .. } | CommitError::Conflict { .. }) => {}
                Err(CommitError::Store(error)) => return Err(error.into()),
            }
        }
        Err(StoreError::Contended.into())
    }

    /// One for each owner, at once: so the digest has none of it, unless somebody wants that, too. None says
    /// why: that is for those who sign in.
    async fn mails_of(&self, merchant_id: &str, verdict: Verdict) -> Result<Vec<Email>, StoreError> {
        let template = match verdict {
            Verdict::Approved => Template::KycApproved,
            Verdict::Rejected => Template::KycRejected,
        };
        let owners =
            self.people.members(merchant_id).await?.into_iter().filter(|user| user.role == Role::Owner);
        Ok(owners.take(TOLD).map(|user| self.mails.mail(template, user.email.as_deref(), None)).collect())
    }

    async fn begin(&self, action: &str, dossier: &Dossier, by: &AuditContext) -> Result<String, StoreError> {
        let id = dossier.id.as_str();
        let act = AuditedAction {
            action,
            collection: Dossier::COLLECTION,
            id,
            user_id: Some(id),
            before: Some(dossier.state.as_str()),
        };
        self.audit.begin(by, &act).await
    }
}
