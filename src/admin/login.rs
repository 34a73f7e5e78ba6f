//! Signing in: the same answer, after the same work, whether there is such a user or not.

use secrecy::SecretString;

use super::{
    session::{Admin, Caller},
    sessions::{AdminSession, From, Sessions},
    users::{AdminUser, UserError, Users},
};
use crate::{
    base::clock::Clock,
    features::audit::{Audit, AuditContext, AuditedAction, Origin, Outcome, Via},
    platform::{
        auth::{PasswordError, Passwords, Throttle},
        store::StoreError,
        telemetry::Counter,
    },
};

static LOGINS: Counter =
    Counter::new("waybill_admin_logins_total", "Logins of operators, by how they ended.");

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// No such user, a wrong password or code, or a disabled user: which of them is not told.
    #[error("The user name, the password or the code is wrong.")]
    Failed,
    /// The password was right.
    #[error("A code of the authenticator app is needed, too.")]
    CodeWanted,
    #[error("Too many failed logins.")]
    TooMany(std::time::Duration),
    #[error("the password could not be checked")]
    Fault,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Signs people in. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Logins {
    pub users: Users,
    pub sessions: Sessions,
    pub passwords: Passwords,
    pub throttle: Throttle,
    pub audit: Audit,
    pub clock: Clock,
}

impl Logins {
    /// A session for whoever knows the password, and the code where the user has an app.
    ///
    /// # Errors
    /// [`LoginError`].
    pub async fn login(
        &self,
        name: &str,
        password: &SecretString,
        code: Option<&str>,
        caller: &Caller,
    ) -> Result<(String, AdminSession, AdminUser), LoginError> {
        let signed_in = self.try_login(name, password, code, caller).await;
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

    /// Whether somebody who is signed in knows the password, too.
    ///
    /// # Errors
    /// [`LoginError`].
    pub async fn confirm(&self, admin: &Admin, password: &SecretString) -> Result<(), LoginError> {
        let (name, address) = (admin.name(), admin.from.address);
        self.throttle.begin(name, address).map_err(LoginError::TooMany)?;
        let checked = self.checked(name, password).await;
        match &checked {
            Ok(_) => self.throttle.succeeded(name, address),
            Err(LoginError::Failed) => {}
            Err(_) => self.throttle.withdrawn(name, address),
        }
        checked.map(|_| ())
    }

    async fn try_login(
        &self,
        name: &str,
        password: &SecretString,
        code: Option<&str>,
        caller: &Caller,
    ) -> Result<(String, AdminSession, AdminUser), LoginError> {
        self.throttle.begin(name, caller.address).map_err(LoginError::TooMany)?;
        let user = match self.checked(name, password).await {
            // Nothing was tried, so nothing is held against anybody.
            Err(error @ (LoginError::TooMany(_) | LoginError::Fault | LoginError::Store(_))) => {
                self.throttle.withdrawn(name, caller.address);
                return Err(error);
            }
            checked => checked?,
        };
        let now = self.clock.now();
        if user.wants_code() && code.is_none() {
            // The password is right: that is no guess.
            self.throttle.withdrawn(name, caller.address);
            return Err(LoginError::CodeWanted);
        }
        let renewal = self.passwords.renewal(&user.password, password).await;
        let mut right = !user.wants_code();
        let user = self.users.update(name, |user| {
            if let Some(totp) = user.totp.as_mut().filter(|totp| totp.confirmed) {
                right = code.is_some_and(|code| totp.takes(code, now));
            }
            user.last_login_at = right.then_some(now).or(user.last_login_at);
            if let Some(renewal) = renewal.as_ref().filter(|_| right) {
                renewal.renew(&mut user.password);
            }
            right
        });
        let user = user.await.map_err(store_error)?;
        if !right {
            return Err(LoginError::Failed);
        }
        self.throttle.succeeded(name, caller.address);
        let address = caller.address.map(|a| a.to_string());
        let from = From { address, user_agent: caller.user_agent.clone() };
        let (token, session) = self.sessions.begin(&user, from).await?;
        self.note(&user, &session, caller).await?;
        Ok((token, session, user))
    }

    async fn checked(&self, name: &str, password: &SecretString) -> Result<AdminUser, LoginError> {
        let user = self.users.get(name).await?;
        let right = self.passwords.verify(user.as_ref().map(|u| &u.password), password).await;
        let right = right.map_err(|error| match error {
            PasswordError::Busy => LoginError::TooMany(std::time::Duration::from_secs(1)),
            _ => LoginError::Fault,
        })?;
        user.filter(|user| right && !user.disabled).ok_or(LoginError::Failed)
    }

    async fn note(
        &self,
        user: &AdminUser,
        session: &AdminSession,
        caller: &Caller,
    ) -> Result<(), LoginError> {
        let origin = Origin {
            role: Some(user.role.as_str().to_owned()),
            session: Some(session.name.clone()),
            address: session.address.clone(),
            request_id: Some(caller.request_id.clone()),
        };
        let Ok(by) = AuditContext::new(&user.id, Via::Http, "signed in") else { return Ok(()) };
        let act = AuditedAction {
            action: "session.begin",
            collection: "admin_sessions",
            id: &session.name,
            user_id: None,
            before: None,
        };
        let line = self.audit.begin(&by.from(origin), &act).await?;
        Ok(self.audit.end(&line, Outcome::Done, None, None).await?)
    }
}

fn store_error(error: UserError) -> LoginError {
    match error {
        UserError::Store(error) => error.into(),
        _ => LoginError::Failed,
    }
}
