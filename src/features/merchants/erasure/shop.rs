//! What a shop has beside its people: keys, webhooks, its KYC, its name.

use super::{Doing, ERASED, EraseError, Erasure, Extent, PAGE, Whose};
use crate::{
    features::{
        merchants::{key::ApiKey, model::MerchantDocument},
        webhooks::Endpoint,
    },
    platform::store::{Decision, Document, Order as Sort, Query, StoreError, Updated},
};

impl Erasure {
    /// All of a shop, by whom; nobody: it is only looked for. The name goes last.
    pub(super) async fn of_shop(&self, shop: &str, by: Option<&str>) -> Result<Extent, EraseError> {
        let doing = if by.is_some() { Doing::Erase } else { Doing::Look };
        let (keys, endpoints) = (self.keys(shop, doing).await?, self.endpoints(shop, doing).await?);
        let people = self.of_people(Whose::Shop(shop), doing).await?;
        let held = match by {
            Some(by) => self.kyc.erase_all(shop, by).await?,
            None => self.kyc.held(shop).await?,
        };
        Ok(Extent {
            keys,
            endpoints,
            kyc: u64::from(held.something),
            documents: u64::try_from(held.files).unwrap_or(u64::MAX),
            names: self.name(shop, doing).await?,
            ..people
        })
    }

    /// Revoked, and what people called them is gone.
    async fn keys(&self, shop: &str, doing: Doing) -> Result<u64, StoreError> {
        let now = self.clock.now();
        let query = Query::sorted_by("createdAt", Sort::Ascending).equal("merchantId", shop);
        let is_left = |key: &ApiKey| key.removed_at.is_none() || key.name != ERASED;
        self.each(query, doing, is_left, |key: &mut ApiKey| {
            key.removed_at.get_or_insert(now);
            ERASED.clone_into(&mut key.name);
            key.extra.clear();
        })
        .await
    }

    /// Those that are listed, and those that their shop has deleted and that are there still.
    async fn endpoints(&self, shop: &str, doing: Doing) -> Result<u64, StoreError> {
        let now = self.clock.now();
        let listed = Query::sorted_by("createdAt", Sort::Ascending).equal("listed", shop);
        let deleted = Query::sorted_by("deletedAt", Sort::Ascending);
        let is_left = |endpoint: &Endpoint| endpoint.merchant == shop && !endpoint.is_erased();
        let mut count = 0;
        for query in [deleted, listed] {
            count += self.each(query, doing, is_left, |endpoint: &mut Endpoint| endpoint.erase(now)).await?;
        }
        Ok(count)
    }

    async fn name(&self, shop: &str, doing: Doing) -> Result<u64, StoreError> {
        let is_left = |shop: &MerchantDocument| {
            shop.name != ERASED || shop.kyc_approved_at.is_some() || !shop.extra.is_empty()
        };
        let found = self.merchants.get(shop).await?.filter(is_left);
        if found.is_some() && doing == Doing::Erase {
            let renamed = self.store.update::<MerchantDocument, (), StoreError>(shop, |shop| {
                ERASED.clone_into(&mut shop.name);
                shop.kyc_approved_at = None;
                shop.extra.clear();
                Ok(Decision::Save(()))
            });
            renamed.await.map(|_: Updated<MerchantDocument, ()>| ())?;
        }
        Ok(u64::from(found.is_some()))
    }

    /// Changes those that `is_left` says of, and counts them.
    async fn each<D: Document>(
        &self,
        query: Query,
        doing: Doing,
        is_left: impl Fn(&D) -> bool,
        change: impl Fn(&mut D),
    ) -> Result<u64, StoreError> {
        let (mut query, mut count) = (query.limit(PAGE), 0);
        loop {
            let page = self.store.find::<D>(&query).await?;
            let next = page.next.clone();
            for found in page.whole()?.into_iter().filter(&is_left) {
                count += 1;
                if doing == Doing::Look {
                    continue;
                }
                let changed = self.store.update::<D, (), StoreError>(found.id(), |doc| {
                    change(doc);
                    Ok(Decision::Save(()))
                });
                changed.await.map(|_: Updated<D, ()>| ())?;
            }
            match next {
                Some(next) => query = query.after(next),
                None => return Ok(count),
            }
        }
    }
}
