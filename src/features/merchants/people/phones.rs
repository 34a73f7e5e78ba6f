//! A person's phone number, by a code that is sent to it.
//!
//! Guards against somebody who has one number texted by many accounts: the codes to a number are counted over
//! all people.

use super::People;
use crate::{
    base::ids,
    features::{
        mail::{Mails, template::Template},
        merchants::phone::TooMany,
    },
    platform::{
        auth::digest,
        http::limits::Rule,
        store::{Batch, CommitError, StoreError},
    },
};

/// How often a change is tried that others come before.
const TRIES: usize = 5;

/// Why no code was sent.
#[derive(Debug, thiserror::Error)]
pub enum PhoneError {
    #[error("no text can be sent here")]
    NoTexts,
    #[error("is of a country that no texts are sent to")]
    Country,
    /// To this person, or to this number.
    #[error("Too many codes were sent: wait before the next one.")]
    TooMany(TooMany),
    /// Removed meanwhile.
    #[error("the account was removed")]
    Gone,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl People {
    /// Sends a code to a number, which counts once the code is told ([`People::confirm_phone`]); until then
    /// the person has none.
    ///
    /// # Errors
    /// [`PhoneError`].
    pub async fn set_phone(&self, id: &str, number: &str) -> Result<(), PhoneError> {
        let countries = self.mails.texts().ok_or(PhoneError::NoTexts)?;
        if !countries.take(number) {
            return Err(PhoneError::Country);
        }
        let mut counted = false;
        for _ in 0..TRIES {
            let mut user = self.user(id).await?.ok_or(PhoneError::Gone)?;
            let code = ids::code();
            user.phone.begin(number, &code, self.clock.now()).map_err(PhoneError::TooMany)?;
            // Only what is sent counts against the number: who is refused takes nothing from it.
            if !counted {
                self.may_text(number).map_err(PhoneError::TooMany)?;
                counted = true;
            }
            let text = self.mails.text(Template::PhoneCode, id, number, Some(&code));
            match self.store.commit(Mails::within(Batch::new().replace(&user), &text)).await {
                Ok(()) => {
                    self.mails.stored(&text).await;
                    return Ok(());
                }
                Err(CommitError::Store(error)) => return Err(error.into()),
                Err(CommitError::Lost { .. } | CommitError::Conflict { .. }) => {}
            }
        }
        Err(StoreError::Contended.into())
    }

    /// Takes one of the codes that go to this number, whoever asks. Counted by its hash: other processes may
    /// be told, and need not know whose it is.
    fn may_text(&self, number: &str) -> Result<(), TooMany> {
        let taken = self.limiter.take(Rule::Phone, &digest(number));
        taken.map(|_| ()).map_err(|over| TooMany(over.wait))
    }

    /// Whether this is the code that was sent to the person's number; then it counts.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn confirm_phone(&self, id: &str, code: &str) -> Result<bool, StoreError> {
        let (now, mut right) = (self.clock.now(), false);
        // A wrong guess is written, too.
        let told = self.update(id, |user| {
            right = user.phone.confirm(code, now);
            true
        });
        Ok(told.await?.is_some() && right)
    }

    /// Forgets a person's number.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn forget_phone(&self, id: &str) -> Result<(), StoreError> {
        let forgotten = self.update(id, |user| {
            user.phone.forget();
            true
        });
        forgotten.await.map(|_| ())
    }
}
