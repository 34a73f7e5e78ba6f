//! Signing up, and new passwords: what is confirmed by a code that was mailed.

use secrecy::SecretString;

use super::{NewPasswordError, People};
use crate::{
    base::ids,
    features::{
        mail::{Mails, model::Email, template::Template},
        merchants::{
            link::{Link, Purpose},
            model::MerchantDocument,
            phone::Phone,
            scope::Role,
            user::User,
        },
    },
    platform::{
        auth::{Hashed, PasswordError, digest},
        store::{Batch, CommitError, StoreError},
    },
};

/// A shop and its first person, as they are asked for.
#[derive(Debug)]
pub struct Registration {
    /// As [`crate::features::merchants::user::address`] gives it.
    pub email: String,
    pub name: String,
    pub shop: String,
    pub password: SecretString,
}

/// Why a code does nothing.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Which of these it is, is not told.
    #[error("The code is wrong, was used, or is too old.")]
    Invalid,
    #[error("The password {0}.")]
    Password(PasswordError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<CommitError> for LinkError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Store(error) => error.into(),
            // Somebody has just used it, or the address has got an account in another way.
            CommitError::Lost { .. } | CommitError::Conflict { .. } => Self::Invalid,
        }
    }
}

impl From<PasswordError> for LinkError {
    fn from(error: PasswordError) -> Self {
        Self::Password(error)
    }
}

impl People {
    /// Mails a code that makes the account. The answer, and the work, is the same where there is one, and
    /// where the mailbox has got enough mails: then it gets none.
    ///
    /// # Errors
    /// [`NewPasswordError`].
    pub async fn register(&self, new: Registration) -> Result<(), NewPasswordError> {
        let Registration { email, name, shop, password } = new;
        let password = self.passwords.hash(&email, &password).await?;
        let known = self.by_email(&email).await?.is_some();
        let mailed = self.may_mail(&email);
        let purpose = if known || !mailed {
            Purpose::Nothing {}
        } else {
            Purpose::Verify { email: email.clone(), name, shop, password }
        };
        let (link, token) = Link::new(purpose, self.clock.now());
        let template = if known { Template::Known } else { Template::Verify };
        let token = (mailed && !known).then_some(token.as_str());
        let mail = self.mails.mail(template, mailed.then_some(email.as_str()), token);
        self.send(&link, &mail).await?;
        Ok(())
    }

    /// Makes the account that a code is for: a merchant, and its owner.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn verify(&self, token: &str) -> Result<User, LinkError> {
        let (now, link) = (self.clock.now(), self.link(token).await?);
        let Purpose::Verify { email, name, shop, password } = link.purpose.clone() else {
            return Err(LinkError::Invalid);
        };
        let merchant = MerchantDocument::new(ids::merchant(now), &shop, now);
        let user = self.new_user(&merchant.id, email, name, Role::Owner, password);
        let batch = Batch::new().replace(&link.used(now)).insert(&merchant).insert(&user);
        self.store.commit(batch).await?;
        Ok(user)
    }

    pub(super) fn new_user(
        &self,
        merchant_id: &str,
        email: String,
        name: String,
        role: Role,
        password: Hashed,
    ) -> User {
        let now = self.clock.now();
        User {
            id: ids::user(now),
            version: 1,
            merchant_id: merchant_id.to_owned(),
            email: Some(email),
            name,
            role,
            password,
            totp: None,
            phone: Phone::default(),
            era: 1,
            created_at: now,
            last_login_at: None,
            removed_at: None,
            extra: serde_json::Map::new(),
        }
    }

    /// Mails a code that sets a new password. The answer, and the work, is the same for an unknown address,
    /// and for a mailbox that has got enough mails.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn forgot(&self, email: &str) -> Result<(), StoreError> {
        let user = self.by_email(email).await?;
        let mailed = self.may_mail(email);
        let user = user.filter(|_| mailed);
        let purpose = match &user {
            Some(user) => Purpose::Reset { user: user.id.clone(), era: user.era },
            None => Purpose::Nothing {},
        };
        let (link, token) = Link::new(purpose, self.clock.now());
        let to = user.is_some().then_some(email);
        let mail = self.mails.mail(Template::Reset, to, to.is_some().then_some(token.as_str()));
        self.send(&link, &mail).await
    }

    /// Sets the password that a code is for, and ends all sessions.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn reset(&self, token: &str, password: &SecretString) -> Result<(), LinkError> {
        let (now, link) = (self.clock.now(), self.link(token).await?);
        let Purpose::Reset { user, era } = link.purpose.clone() else { return Err(LinkError::Invalid) };
        let user = self.user(&user).await?.filter(|user| user.era == era);
        let mut user = user.ok_or(LinkError::Invalid)?;
        let email = user.email.clone().unwrap_or_default();
        user.password = self.passwords.hash(&email, password).await?;
        user.begin_era();
        let mail = self.mails.mail(Template::Changed, Some(&email), None);
        let batch = Mails::within(Batch::new().replace(&link.used(now)).replace(&user), &mail);
        self.store.commit(batch).await?;
        self.mails.stored(&mail).await;
        self.throttle.succeeded(&email, None);
        Ok(())
    }

    /// A code that counts.
    pub(super) async fn link(&self, token: &str) -> Result<Link, LinkError> {
        if token.len() != 64 || !token.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(LinkError::Invalid);
        }
        let link = self.store.get::<Link>(&digest(token)).await?;
        link.filter(|link| link.counts(self.clock.now())).ok_or(LinkError::Invalid)
    }

    /// Stores a code and its mail in one write, and then the mail is on its way.
    pub(super) async fn send(&self, link: &Link, mail: &Email) -> Result<(), StoreError> {
        let sent = self.send_with(Batch::new(), link, mail).await;
        sent.map_err(|error| match error {
            CommitError::Store(error) => error,
            other => StoreError::Fault(other.to_string()),
        })
    }

    /// [`People::send`] in one write with what is in the batch.
    pub(super) async fn send_with(&self, batch: Batch, link: &Link, mail: &Email) -> Result<(), CommitError> {
        self.store.commit(Mails::within(batch.insert(link), mail)).await?;
        self.mails.stored(mail).await;
        self.clear().await;
        Ok(())
    }
}
