//! What is done to users, by other users or on the command line: each change with a line in the audit log.

use secrecy::SecretString;

use super::{
    rights::Role,
    users::{AdminUser, Change, UserError, Users},
};
use crate::{
    features::audit::{Audit, AuditContext, AuditedAction, Outcome},
    platform::{
        auth::{PasswordError, Passwords},
        store::{Document, StoreError},
    },
};

/// Why a user was not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    #[error(transparent)]
    User(#[from] UserError),
    #[error("the password {0}")]
    Password(#[from] PasswordError),
}

impl From<StoreError> for PeopleError {
    fn from(error: StoreError) -> Self {
        Self::User(error.into())
    }
}

/// A user to be made.
#[derive(Debug, Clone)]
pub struct NewUser {
    pub name: String,
    pub role: Role,
    pub reveal: bool,
    pub password: SecretString,
}

/// What is to be changed of a user. Any change ends the user's sessions.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    pub role: Option<Role>,
    pub reveal: Option<bool>,
    pub disabled: Option<bool>,
    pub password: Option<SecretString>,
    /// A login asks for no code until the user has set up an app again.
    pub without_totp: bool,
}

/// Manages users. Cheap to clone.
#[derive(Debug, Clone)]
pub struct People {
    pub users: Users,
    pub passwords: Passwords,
    pub audit: Audit,
}

impl People {
    /// # Errors
    /// [`PeopleError`]; then there is no such new user.
    pub async fn add(&self, new: NewUser, by: &AuditContext) -> Result<AdminUser, PeopleError> {
        let hashed = self.passwords.hash(&new.name, &new.password).await?;
        let line = self.begin("user.add", &new.name, None, by).await?;
        let added = self.users.add(&new.name, new.role, new.reveal, hashed).await;
        self.end(&line, added).await
    }

    /// # Errors
    /// [`PeopleError`]; then nothing was changed.
    pub async fn change(
        &self,
        name: &str,
        changes: Changes,
        by: &AuditContext,
    ) -> Result<AdminUser, PeopleError> {
        let user = self.users.get(name).await?.ok_or_else(|| UserError::Unknown(name.to_owned()))?;
        let password = match &changes.password {
            Some(password) => Some(self.passwords.hash(name, password).await?),
            None => None,
        };
        let line = self.begin(action(&changes), name, Some(&standing(&user)), by).await?;
        let Changes { role, reveal, disabled, without_totp, .. } = changes;
        let change = Change { role, reveal, disabled, password, without_totp };
        let changed = self.users.change(name, change).await;
        self.end(&line, changed).await
    }

    async fn begin(
        &self,
        action: &str,
        name: &str,
        before: Option<&str>,
        by: &AuditContext,
    ) -> Result<String, StoreError> {
        let collection = AdminUser::COLLECTION;
        self.audit.begin(by, &AuditedAction { action, collection, id: name, user_id: None, before }).await
    }

    async fn end(&self, line: &str, done: Result<AdminUser, UserError>) -> Result<AdminUser, PeopleError> {
        let ended = match &done {
            Ok(user) => Some((Outcome::Done, Some(standing(user)), None)),
            // Whether it was done is not known: the line stays as it is.
            Err(UserError::Store(_)) => None,
            Err(error) => Some((Outcome::Refused, None, Some(error.to_string()))),
        };
        self.audit.close(line, ended).await;
        Ok(done?)
    }
}

fn action(changes: &Changes) -> &'static str {
    match changes {
        Changes { without_totp: true, .. } => "user.reset-totp",
        Changes { password: Some(_), role: None, reveal: None, disabled: None, .. } => "user.passwd",
        Changes { disabled: Some(true), .. } => "user.disable",
        Changes { disabled: Some(false), .. } => "user.enable",
        _ => "user.change",
    }
}

/// In words, as the audit log shows it.
fn standing(user: &AdminUser) -> String {
    let mut words = user.role.to_string();
    for (is, word) in [(user.reveal, "reveal"), (user.disabled, "disabled"), (user.wants_code(), "totp")] {
        if is {
            words = format!("{words}, {word}");
        }
    }
    words
}
