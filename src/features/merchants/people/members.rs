//! Who works for a merchant: invitations, roles, removals. Each with a line in the audit log.

use secrecy::SecretString;

use super::{LinkError, People};
use crate::{
    base::{ids, timestamp::Timestamp},
    features::{
        audit::{AuditedAction, Outcome},
        mail::{model::Email, template::Template},
        merchants::{
            keys::By,
            link::{Link, Purpose},
            model::MerchantDocument,
            phone::Phone,
            places::Places,
            scope::Role,
            user::User,
        },
    },
    platform::store::{Batch, CommitError, Document, Order as Sort, Query, StoreError},
};

/// People of one merchant, and invitations that count at the same time.
const MOST: usize = 200;
/// How often a change is tried that others come before.
const TRIES: usize = 8;

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum MemberError {
    /// Another merchant's is as absent as none at all.
    #[error("Nobody of yours has this id.")]
    Unknown,
    #[error("A merchant needs an owner, and this is the last one.")]
    LastOwner,
    #[error("There are {MOST} members or invitations: remove some first.")]
    TooMany,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An invitation that was not accepted yet.
#[derive(Debug, Clone)]
pub struct Invitation {
    pub id: String,
    pub email: String,
    pub role: Role,
    pub expires_at: Timestamp,
}

impl People {
    /// The people of a merchant, the first one first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn members(&self, merchant_id: &str) -> Result<Vec<User>, StoreError> {
        // Who was removed has no address any more: of those, however many, none is read.
        let by_address = Query::sorted_by("email", Sort::Ascending).equal("merchantId", merchant_id);
        let (mut all, mut next) = (Vec::<User>::new(), Some(by_address.limit(MOST)));
        while let Some(query) = next {
            let page = self.store.find::<User>(&query).await?;
            all.extend(page.docs.into_iter().filter(User::is_member));
            next = page.next.map(|cursor| query.after(cursor));
        }
        all.sort_by(|a, b| a.created_at.cmp(&b.created_at).then_with(|| a.id.cmp(&b.id)));
        Ok(all)
    }

    /// Invitations that count.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn invitations(&self, merchant_id: &str) -> Result<Vec<Invitation>, StoreError> {
        let query = Query::sorted_by("expiresAt", Sort::Ascending).equal("merchantId", merchant_id);
        let query = query.from(self.clock.now() + std::time::Duration::from_millis(1)).limit(MOST);
        let all = self.store.find::<Link>(&query).await?.docs;
        Ok(all.into_iter().filter_map(invitation).collect())
    }

    /// Mails an invitation. What becomes of it says nothing of whether the address has an account elsewhere.
    ///
    /// # Errors
    /// [`MemberError`].
    pub async fn invite(&self, email: String, role: Role, by: &By) -> Result<Invitation, MemberError> {
        let places = self.free(&by.merchant_id).await?;
        let now = self.clock.now();
        let purpose = Purpose::Invite { email: email.clone(), role, by: by.name.clone() };
        let (mut link, token) = Link::new(purpose, now);
        let id = ids::invitation(now);
        (link.invitation, link.merchant_id) = (Some(id.clone()), Some(by.merchant_id.clone()));
        let line = self.begin("member.invite", &id, None, by).await?;
        let mail = self.mails.mail(Template::Invite, Some(&email), Some(&token));
        let sent = self.send_once_free(&by.merchant_id, places, &link, &mail).await;
        self.ended(&line, sent, Some(role)).await?;
        Ok(Invitation { id, email, role, expires_at: link.expires_at })
    }

    /// The places of a merchant, if one is free for a person.
    async fn free(&self, merchant_id: &str) -> Result<Places, MemberError> {
        let places = Places::of(&self.store, merchant_id).await?;
        // In this order: one that is accepted in between is counted twice, and never missed.
        let so_far = self.invitations(merchant_id).await?.len() + self.members(merchant_id).await?.len();
        if so_far >= MOST { Err(MemberError::TooMany) } else { Ok(places) }
    }

    /// Sends an invitation where one of `places` was free; where others are faster, if one is free still.
    async fn send_once_free(
        &self,
        merchant_id: &str,
        mut places: Places,
        link: &Link,
        mail: &Email,
    ) -> Result<(), MemberError> {
        for _ in 0..Places::TRIES {
            match self.send_with(places.take(), link, mail).await {
                Ok(()) => return Ok(()),
                Err(CommitError::Store(error)) => return Err(error.into()),
                Err(CommitError::Lost { .. } | CommitError::Conflict { .. }) => {}
            }
            places = self.free(merchant_id).await?;
        }
        Err(StoreError::Contended.into())
    }

    /// Takes an invitation back.
    ///
    /// # Errors
    /// [`MemberError`].
    pub async fn withdraw(&self, id: &str, by: &By) -> Result<(), MemberError> {
        let query = Query::sorted_by("invitation", Sort::Ascending).equal("invitation", id).limit(1);
        let link = self.store.find::<Link>(&query).await?.docs.pop();
        let link = link.filter(|link| link.merchant_id.as_deref() == Some(&by.merchant_id));
        let now = self.clock.now();
        let link = link.filter(|link| link.counts(now)).ok_or(MemberError::Unknown)?;
        let line = self.begin("member.withdraw", id, None, by).await?;
        // Somebody who was faster has used it.
        let withdrawn = self.store.replace(&link.used(now)).await?;
        if !withdrawn {
            self.audit.close(&line, Some((Outcome::Refused, None, None))).await;
            return Err(MemberError::Unknown);
        }
        self.done(&line, None).await;
        Ok(())
    }

    /// Makes the account that an invitation is for.
    ///
    /// # Errors
    /// [`LinkError`]; an address that has an account already gets no second one.
    pub async fn accept(
        &self,
        token: &str,
        name: String,
        password: &SecretString,
    ) -> Result<User, LinkError> {
        let (now, link) = (self.clock.now(), self.link(token).await?);
        let (Purpose::Invite { email, role, .. }, Some(merchant)) =
            (link.purpose.clone(), link.merchant_id.clone())
        else {
            return Err(LinkError::Invalid);
        };
        let password = self.passwords.hash(&email, password).await?;
        let user = self.new_user(&merchant, email, name, role, password);
        self.store.commit(Batch::new().replace(&link.used(now)).insert(&user)).await?;
        Ok(user)
    }

    /// Gives a member another role, and ends the member's sessions.
    ///
    /// # Errors
    /// [`MemberError`].
    pub async fn set_role(&self, id: &str, role: Role, by: &By) -> Result<User, MemberError> {
        let user = self.member(id, by).await?;
        if user.role == role {
            return Ok(user);
        }
        let line = self.begin("member.role", id, Some(user.role.as_str()), by).await?;
        let changed = self.change(id, by, |user| user.role = role).await;
        self.ended(&line, changed, Some(role)).await
    }

    /// Removes a member: the sessions end, and name, address and phone number are gone.
    ///
    /// # Errors
    /// [`MemberError`].
    pub async fn remove(&self, id: &str, by: &By) -> Result<(), MemberError> {
        let user = self.member(id, by).await?;
        let line = self.begin("member.remove", id, Some(user.role.as_str()), by).await?;
        let now = self.clock.now();
        let removed = self.change(id, by, |user| {
            (user.email, user.totp, user.removed_at) = (None, None, Some(now));
            user.phone = Phone::default();
            user.name = "removed".to_owned();
        });
        let removed = removed.await;
        self.ended(&line, removed, None).await?;
        Ok(())
    }

    /// Changes a member and ends the member's sessions. The merchant's document is written along: of two
    /// owners who remove each other at once the second one finds itself the last.
    async fn change(&self, id: &str, by: &By, change: impl Fn(&mut User)) -> Result<User, MemberError> {
        for _ in 0..TRIES {
            let merchant = self.store.get::<MerchantDocument>(&by.merchant_id).await?;
            let mut user = self.member(id, by).await?;
            let was = user.role;
            change(&mut user);
            user.begin_era();
            if was == Role::Owner && (user.role != Role::Owner || !user.is_member()) {
                self.not_the_last(&user).await?;
            }
            let batch = merchant.iter().fold(Batch::new().replace(&user), |batch, m| batch.replace(m));
            match self.store.commit(batch).await {
                Ok(()) => return Ok(user),
                Err(CommitError::Store(error)) => return Err(error.into()),
                Err(CommitError::Lost { .. } | CommitError::Conflict { .. }) => {}
            }
        }
        Err(StoreError::Contended.into())
    }

    async fn member(&self, id: &str, by: &By) -> Result<User, MemberError> {
        let user = self.user(id).await?.filter(|user| user.merchant_id == by.merchant_id);
        user.ok_or(MemberError::Unknown)
    }

    async fn not_the_last(&self, user: &User) -> Result<(), MemberError> {
        let all = self.members(&user.merchant_id).await?;
        let others = all.iter().any(|other| other.role == Role::Owner && other.id != user.id);
        if others { Ok(()) } else { Err(MemberError::LastOwner) }
    }

    async fn begin(
        &self,
        action: &str,
        id: &str,
        before: Option<&str>,
        by: &By,
    ) -> Result<String, StoreError> {
        let (collection, user_id) = (User::COLLECTION, Some(by.merchant_id.as_str()));
        self.audit.begin(&by.audit, &AuditedAction { action, collection, id, user_id, before }).await
    }

    async fn done(&self, line: &str, role: Option<Role>) {
        let after = role.map(|role| role.as_str().to_owned());
        self.audit.close(line, Some((Outcome::Done, after, None))).await;
    }

    async fn ended<T>(
        &self,
        line: &str,
        done: Result<T, MemberError>,
        role: Option<Role>,
    ) -> Result<T, MemberError> {
        match &done {
            Ok(_) => self.done(line, role).await,
            // Whether it was done is not known: the line stays as it is.
            Err(MemberError::Store(_)) => {}
            Err(error) => {
                self.audit.close(line, Some((Outcome::Refused, None, Some(error.to_string())))).await;
            }
        }
        done
    }
}

fn invitation(link: Link) -> Option<Invitation> {
    let Purpose::Invite { email, role, .. } = link.purpose else { return None };
    Some(Invitation { id: link.invitation?, email, role, expires_at: link.expires_at })
}
