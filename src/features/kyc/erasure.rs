//! A merchant's whole KYC is erased on request, and files that no KYC knows of are found.
//!
//! Guards against an erasure that did nothing: each file is erased, and then nothing may be listed under its
//! key. What was not erased stays noted, so that the same request goes on with it.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    model::Dossier,
    service::{Kyc, KycError},
};
use crate::{
    features::notifications::decided,
    platform::{
        files::FilesError,
        store::{Decision, Order as Sort, Query, StoreError, Updated},
    },
};

/// Dossiers that are read at once.
const PAGE: usize = 500;

/// What there is of a merchant's KYC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    /// Somebody told, uploaded or wrote something.
    pub something: bool,
    /// That are kept, or are to be erased.
    pub files: usize,
}

/// The files that are kept, and those of them that belong to no KYC.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Strays {
    pub files: usize,
    pub keys: Vec<String>,
}

impl Kyc {
    /// # Errors
    /// When the store fails.
    pub async fn held(&self, merchant_id: &str) -> Result<Held, StoreError> {
        let dossier = self.store.get::<Dossier>(merchant_id).await?;
        Ok(dossier.map_or_else(Held::default, |dossier| Held {
            something: dossier.holds_something(),
            files: dossier.documents.len() + dossier.leftovers.len(),
        }))
    }

    /// Erases all that a merchant told and uploaded, whatever was decided on it. Gives what there was.
    ///
    /// # Errors
    /// [`KycError`]; of the file store: some may be there still, and the same call tries again.
    pub async fn erase_all(&self, merchant_id: &str, by: &str) -> Result<Held, KycError> {
        let (now, held) = (self.clock.now(), self.held(merchant_id).await?);
        let emptied = self.store.update::<Dossier, (), StoreError>(merchant_id, |dossier| {
            Ok(if dossier.forget(by, now) { Decision::Save(()) } else { Decision::Leave(()) })
        });
        let Updated::Done(dossier, ()) = emptied.await? else { return Ok(held) };
        decided::forget(&self.store, merchant_id).await?;
        for leftover in dossier.leftovers {
            self.files.erase(&leftover.key).await?;
            if !self.files.list(&leftover.key).await?.is_empty() {
                return Err(FilesError::StillThere.into());
            }
            let forgotten = self.store.update::<Dossier, (), StoreError>(merchant_id, |dossier| {
                let was_known = dossier.erased(&leftover.key);
                Ok(if was_known { Decision::Save(()) } else { Decision::Leave(()) })
            });
            forgotten.await?;
        }
        Ok(held)
    }

    /// Files that no dossier knows of. Each was noted before it was written: whoever wrote these has lost
    /// them, or was not this service.
    ///
    /// # Errors
    /// [`KycError`]; also when a dossier cannot be read, whose files would look like such ones.
    pub async fn strays(&self) -> Result<Strays, KycError> {
        let listed = self.files.list("").await?;
        let (files, mut strays) = (listed.len(), BTreeMap::<String, Vec<String>>::new());
        for key in listed {
            // What a write that was cut off left (`KEY#1`) goes with its file.
            let file = key.split('#').next().unwrap_or_default().to_owned();
            strays.entry(file).or_default().push(key);
        }
        let mut query = Query::by_id(Sort::Ascending).limit(PAGE);
        loop {
            let page = self.store.find::<Dossier>(&query).await?;
            let next = page.next.clone();
            for dossier in page.whole()? {
                dossier.documents.iter().for_each(|file| drop(strays.remove(&file.key)));
                dossier.leftovers.iter().for_each(|file| drop(strays.remove(&file.key)));
            }
            match next {
                Some(next) => query = query.after(next),
                None => break,
            }
        }
        let mut keys: Vec<_> = strays.into_values().flatten().collect();
        if !keys.is_empty() {
            // Some may have been erased meanwhile, and their notes with them.
            let still: BTreeSet<_> = self.files.list("").await?.into_iter().collect();
            keys.retain(|key| still.contains(key));
        }
        Ok(Strays { files, keys })
    }
}
