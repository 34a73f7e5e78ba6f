//! What is on its way to people: mails, texts, one-time codes, invitations. None has an index of the address
//! that it goes to: all that waits is looked at, which is little.

use std::collections::BTreeSet;

use super::{Doing, Erasure, PAGE, Whose};
use crate::{
    features::{
        mail::model::{Email, State},
        merchants::{link::Link, user::User},
    },
    platform::{
        outbox::Dispatched,
        store::{Decision, Order as Sort, Query, StoreError, Updated},
    },
};

/// What mails and codes of people are found by.
#[derive(Default)]
pub(super) struct Contacts {
    ids: BTreeSet<String>,
    /// Addresses, and numbers of phones.
    places: BTreeSet<String>,
}

impl Contacts {
    pub(super) fn add(&mut self, user: &User) {
        self.ids.insert(user.id.clone());
        self.places.extend(user.email.clone());
        self.places.extend(user.phone.number().map(str::to_owned));
    }

    fn have(&self, place: Option<&str>) -> bool {
        place.is_some_and(|place| self.places.contains(place))
    }

    fn are_mailed(&self, email: &Email) -> bool {
        let theirs = email.user.as_ref().is_some_and(|user| self.ids.contains(user));
        email.state == State::Waiting && (self.have(email.to.as_deref()) || (theirs && email.to.is_some()))
    }
}

impl Erasure {
    /// The addresses that a shop has invited and that have not accepted.
    pub(super) async fn invited(&self, shop: &str, known: &mut Contacts) -> Result<(), StoreError> {
        let mut query = Query::sorted_by("expiresAt", Sort::Ascending).equal("merchantId", shop).limit(PAGE);
        loop {
            let page = self.store.find::<Link>(&query).await?;
            let next = page.next.clone();
            let links = page.whole()?;
            known.places.extend(links.iter().filter_map(|link| link.purpose.email()).map(str::to_owned));
            match next {
                Some(next) => query = query.after(next),
                None => return Ok(()),
            }
        }
    }

    /// Mails and texts that wait to be sent: their jobs will have nothing to do.
    pub(super) async fn mails(&self, known: &Contacts, doing: Doing) -> Result<u64, StoreError> {
        let (now, mut count) = (self.clock.now(), 0);
        let mut query = Query::sorted_by(Email::OVERDUE, Sort::Ascending).limit(PAGE);
        loop {
            let page = self.store.find::<Email>(&query).await?;
            let next = page.next.clone();
            for email in page.whole()?.into_iter().filter(|email| known.are_mailed(email)) {
                count += 1;
                if doing == Doing::Look {
                    continue;
                }
                let ended = self.store.update::<Email, (), StoreError>(&email.id, |email| {
                    if !known.are_mailed(email) {
                        return Ok(Decision::Leave(())); // sent meanwhile
                    }
                    email.end(State::Failed, Some("its address was erased".to_owned()), now);
                    Ok(Decision::Save(()))
                });
                ended.await.map(|_: Updated<Email, ()>| ())?;
            }
            match next {
                Some(next) => query = query.after(next),
                None => return Ok(count),
            }
        }
    }

    /// Codes that were mailed to them, whoever asked for that, and all that a shop invited by. They count no
    /// more.
    pub(super) async fn codes(
        &self,
        known: &Contacts,
        whose: Whose<'_>,
        doing: Doing,
    ) -> Result<u64, StoreError> {
        let is_theirs = |link: &Link| {
            let of_shop = matches!(whose, Whose::Shop(shop) if link.merchant_id.as_deref() == Some(shop));
            let email = link.purpose.email();
            known.have(email) || (of_shop && email.is_some())
        };
        let (now, mut count) = (self.clock.now(), 0);
        let mut query = Query::by_id(Sort::Ascending).limit(PAGE);
        loop {
            let page = self.store.find::<Link>(&query).await?;
            let next = page.next.clone();
            for link in page.whole()?.into_iter().filter(&is_theirs) {
                count += 1;
                if doing == Doing::Erase {
                    // Whoever was faster has used it, or taken it back: then it is empty, too.
                    self.store.replace(&link.used(now)).await?;
                }
            }
            match next {
                Some(next) => query = query.after(next),
                None => return Ok(count),
            }
        }
    }
}
