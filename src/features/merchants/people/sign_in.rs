//! Signing in and out.

use std::time::Duration;

use secrecy::SecretString;

use super::{ACCESS, From, NewPasswordError, People};
use crate::{
    features::{
        mail::template::Template,
        merchants::{
            session::{Refresh, Session},
            user::User,
        },
    },
    platform::{
        auth::PasswordError,
        store::{Decision, StoreError, Updated},
        telemetry::Counter,
    },
};

static LOGINS: Counter =
    Counter::new("waybill_merchant_logins_total", "Logins of merchants' people, by how they ended.");

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// No such account, a wrong password or code: which of them is not told.
    #[error("The address, the password or the code is wrong.")]
    Failed,
    /// The password was right.
    #[error("A code of the authenticator app is needed, too.")]
    CodeWanted,
    #[error("Too many failed logins: try again later.")]
    TooMany(Duration),
    #[error("the password could not be checked")]
    Fault,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a session does not go on.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    #[error("The refresh token is not valid, or its session is over: sign in again.")]
    Over,
    /// Its family has ended with this.
    #[error("The refresh token was used before, so its session has ended: sign in again.")]
    Reused,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A person who has signed in.
#[derive(Debug)]
pub struct SignedInAs {
    pub user: User,
    pub access_token: SecretString,
    pub refresh_token: SecretString,
}

impl People {
    /// A session for whoever knows the password, and the code where the person has an app.
    ///
    /// # Errors
    /// [`LoginError`].
    pub async fn login(
        &self,
        email: &str,
        password: &SecretString,
        code: Option<&str>,
        from: From,
    ) -> Result<SignedInAs, LoginError> {
        let signed_in = self.try_login(email, password, code, from).await;
        let ended = match &signed_in {
            Ok(_) => "ok",
            Err(LoginError::Failed) => "failed",
            Err(LoginError::CodeWanted) => "code-wanted",
            Err(LoginError::TooMany(_)) => "throttled",
            Err(LoginError::Fault | LoginError::Store(_)) => "error",
        };
        LOGINS.increment(&[("outcome", ended)]);
        signed_in
    }

    async fn try_login(
        &self,
        email: &str,
        password: &SecretString,
        code: Option<&str>,
        from: From,
    ) -> Result<SignedInAs, LoginError> {
        let user = self.by_email(email).await?;
        let user = self.braked(email, from, user, password).await?;
        let now = self.clock.now();
        if user.wants_code() && code.is_none() {
            // The password is right: that is no guess.
            self.throttle.withdrawn(email, from.address);
            return Err(LoginError::CodeWanted);
        }
        let renewal = self.passwords.renewal(&user.password, password).await;
        let mut right = false;
        let user = self.update(&user.id, |user| {
            right = match user.totp.as_mut().filter(|totp| totp.confirmed) {
                Some(totp) => code.is_some_and(|code| totp.takes(code, now)),
                None => true,
            };
            user.last_login_at = right.then_some(now).or(user.last_login_at);
            if let Some(renewal) = renewal.as_ref().filter(|_| right) {
                renewal.renew(&mut user.password);
            }
            right
        });
        let user = user.await?.filter(|_| right).ok_or(LoginError::Failed)?;
        self.throttle.succeeded(email, from.address);
        let session = Session::new(&user.id, &user.merchant_id, user.era, now);
        self.store.insert(&session).await?;
        self.clear().await;
        self.signed_in(user, &session).ok_or(LoginError::Fault)
    }

    /// The person whose password this is. Until the caller says otherwise it counts as a failure.
    async fn braked(
        &self,
        email: &str,
        from: From,
        user: Option<User>,
        password: &SecretString,
    ) -> Result<User, LoginError> {
        self.throttle.begin(email, from.address).map_err(LoginError::TooMany)?;
        let right = self.passwords.verify(user.as_ref().map(|user| &user.password), password).await;
        match right {
            Ok(right) => user.filter(|_| right).ok_or(LoginError::Failed),
            Err(error) => {
                // Nothing was tried, so nothing is held against anybody.
                self.throttle.withdrawn(email, from.address);
                Err(match error {
                    PasswordError::Busy => LoginError::TooMany(Duration::from_secs(1)),
                    _ => LoginError::Fault,
                })
            }
        }
    }

    fn signed_in(&self, user: User, session: &Session) -> Option<SignedInAs> {
        let person = (user.id.as_str(), session.id.as_str(), user.role.as_str());
        let access = self.tokens.issue_to(&user.merchant_id, person, ACCESS).ok()?;
        let refresh = self.refresh.of(session);
        Some(SignedInAs { user, access_token: access.into(), refresh_token: refresh.into() })
    }

    /// The next tokens of a session.
    ///
    /// # Errors
    /// [`RefreshError`].
    pub async fn refresh(&self, token: &str) -> Result<SignedInAs, RefreshError> {
        let (id, generation) = self.refresh.read(token).ok_or(RefreshError::Over)?;
        let now = self.clock.now();
        let updated = self.store.update::<Session, Refresh, StoreError>(id, |session| {
            Ok(match session.refresh(generation, now) {
                done @ (Refresh::Rotated | Refresh::Reused) => Decision::Save(done),
                done @ (Refresh::Again | Refresh::Over) => Decision::Leave(done),
            })
        });
        let session = match updated.await? {
            Updated::Done(session, Refresh::Rotated | Refresh::Again) => session,
            Updated::Done(session, Refresh::Reused) => {
                self.sessions.forget(&session.id);
                tracing::warn!(session = session.id, "a refresh token came again: its session has ended");
                return Err(RefreshError::Reused);
            }
            Updated::Done(_, Refresh::Over) | Updated::Missing => return Err(RefreshError::Over),
        };
        let user = self.user(&session.user).await?.filter(|user| user.era == session.era);
        user.and_then(|user| self.signed_in(user, &session)).ok_or(RefreshError::Over)
    }

    /// Ends a session: here at once, in other processes within a second.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn logout(&self, session: &str) -> Result<(), StoreError> {
        let now = self.clock.now();
        let ended = self.store.update::<Session, (), StoreError>(session, |session| {
            session.expires_at = session.expires_at.min(now);
            Ok(Decision::Save(()))
        });
        ended.await?;
        self.sessions.forget(session);
        Ok(())
    }

    /// Ends all sessions of a person.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn logout_all(&self, user: &str, session: &str) -> Result<(), StoreError> {
        self.update(user, |user| {
            user.begin_era();
            true
        })
        .await?;
        self.sessions.forget(session);
        Ok(())
    }

    /// Whether somebody who is signed in knows the password, too.
    ///
    /// # Errors
    /// [`LoginError`].
    pub async fn confirm(&self, user: &str, password: &SecretString, from: From) -> Result<User, LoginError> {
        let user = self.user(user).await?.ok_or(LoginError::Failed)?;
        let email = user.email.clone().unwrap_or_default();
        let user = self.braked(&email, from, Some(user), password).await?;
        self.throttle.succeeded(&email, from.address);
        Ok(user)
    }

    /// Sets a new password. All sessions end but this one.
    ///
    /// # Errors
    /// [`NewPasswordError`].
    pub async fn set_password(
        &self,
        user: &User,
        session: &str,
        password: &SecretString,
    ) -> Result<(), NewPasswordError> {
        let email = user.email.clone().unwrap_or_default();
        let hashed = self.passwords.hash(&email, password).await?;
        let changed = self.update(&user.id, |user| {
            user.password = hashed.clone();
            user.begin_era();
            true
        });
        let Some(changed) = changed.await? else { return Ok(()) };
        let kept = self.store.update::<Session, (), StoreError>(session, |session| {
            session.era = changed.era;
            Ok(Decision::Save(()))
        });
        kept.await?;
        self.sessions.forget(session);
        self.mails.post(&self.mails.mail(Template::Changed, Some(&email), None)).await?;
        Ok(())
    }
}
