//! The people themselves: their rows, which stay with an id and a role.

use serde_json::Value;

use super::{Doing, ERASED, EraseError, Erasure, Extent, PAGE, Whose, letters::Contacts};
use crate::{
    features::merchants::{phone::Phone, user::User},
    platform::{
        auth::Hashed,
        store::{Decision, Order as Sort, Query, StoreError, Updated},
    },
};

/// How often all is gone over: what came during the first round is found by the second, in which nobody can
/// sign in or accept an invitation any more.
const ROUNDS: usize = 2;
/// In the place of a password's hash: it is none, so that no password is ever right.
const NO_HASH: &str = "!";

impl Erasure {
    /// Of a person, or of all who ever worked for a shop, with what is on its way to them.
    pub(super) async fn of_people(&self, whose: Whose<'_>, doing: Doing) -> Result<Extent, EraseError> {
        let (mut extent, mut known) = (Extent::default(), Contacts::default());
        if let Whose::Shop(shop) = whose {
            self.invited(shop, &mut known).await?;
        }
        let rounds = if doing == Doing::Erase { ROUNDS } else { 1 };
        for _ in 0..rounds {
            let mut users = self.users(whose).await?;
            for user in &users {
                match doing {
                    Doing::Look => known.add(user),
                    Doing::Erase => self.shut_out(&user.id).await?.iter().for_each(|user| known.add(user)),
                }
            }
            // Before the rows, by which they are found when this is cut off.
            extent.mails += self.mails(&known, doing).await?;
            extent.codes += self.codes(&known, whose, doing).await?;
            users.retain(|user| !is_erased(user));
            for user in users {
                if doing == Doing::Erase {
                    self.forget(&user.id).await?;
                }
                extent.people += 1;
            }
        }
        Ok(extent)
    }

    pub(super) async fn person(&self, id: &str, merchant: &str) -> Result<User, EraseError> {
        let user = self.store.get::<User>(id).await?.filter(|user| user.merchant_id == merchant);
        user.ok_or_else(|| EraseError::NoPerson(id.to_owned()))
    }

    /// Also those who were removed.
    async fn users(&self, whose: Whose<'_>) -> Result<Vec<User>, EraseError> {
        let shop = match whose {
            Whose::Person { id, of } => return Ok(vec![self.person(id, of).await?]),
            Whose::Shop(shop) => shop,
        };
        let first = Query::sorted_by("createdAt", Sort::Ascending).equal("merchantId", shop).limit(PAGE);
        let (mut all, mut query) = (Vec::new(), first);
        loop {
            let page = self.store.find::<User>(&query).await?;
            let next = page.next.clone();
            all.extend(page.whole()?);
            match next {
                Some(next) => query = query.after(next),
                None => return Ok(all),
            }
        }
    }

    /// Ends the sessions and every way to a new one. Gives the person with what mails and texts are found by.
    async fn shut_out(&self, id: &str) -> Result<Option<User>, StoreError> {
        let (now, no_hash) = (self.clock.now(), no_hash()?);
        let ended = self.store.update::<User, (), StoreError>(id, |user| {
            if user.removed_at.is_some() && user.totp.is_none() && is_no_hash(&user.password) {
                return Ok(Decision::Leave(()));
            }
            user.removed_at.get_or_insert(now);
            (user.password, user.totp) = (no_hash.clone(), None);
            user.begin_era();
            Ok(Decision::Save(()))
        });
        Ok(match ended.await? {
            Updated::Done(user, ()) => Some(user),
            Updated::Missing => None,
        })
    }

    async fn forget(&self, id: &str) -> Result<(), StoreError> {
        let forgotten = self.store.update::<User, (), StoreError>(id, |user| {
            (user.email, user.phone) = (None, Phone::default());
            ERASED.clone_into(&mut user.name);
            user.extra.clear();
            Ok(Decision::Save(()))
        });
        forgotten.await.map(drop)
    }
}

fn is_erased(user: &User) -> bool {
    let unknown = user.email.is_none() && user.name == ERASED && user.phone.is_nothing();
    let shut_out = !user.is_member() && user.totp.is_none() && is_no_hash(&user.password);
    unknown && shut_out && user.extra.is_empty()
}

fn no_hash() -> Result<Hashed, StoreError> {
    let made = serde_json::from_value(Value::from(NO_HASH));
    made.map_err(|error| StoreError::Fault(format!("no password cannot be written: {error}")))
}

fn is_no_hash(password: &Hashed) -> bool {
    serde_json::to_value(password).is_ok_and(|stored| stored == NO_HASH)
}
