//! The people who run the service: apart from merchants, with a name, a password and one role each.
//!
//! Every change of a user that takes something away (role, password, leave to sign in) raises `era`, and with
//! it ends every session of that user at once: a session counts only in the era that it began in.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::rights::{Right, Role};
use crate::{
    base::{clock::Clock, timestamp::Timestamp},
    platform::{
        auth::{Hashed, Totp},
        store::{
            Decision, Document, Index, Order as Sort, Query, Store, StoreError, Updated, id_and_version,
        },
    },
};

/// Most users that a list shows.
const MOST: usize = 1000;

/// One user; the id is the name.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AdminUser {
    pub id: String,
    pub version: i64,
    pub role: Role,
    /// Sees personal data, whatever the role.
    #[serde(default)]
    pub reveal: bool,
    #[serde(default)]
    pub disabled: bool,
    pub password: Hashed,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totp: Option<Totp>,
    /// A session of an earlier era counts no more.
    pub era: i64,
    pub created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_login_at: Option<Timestamp>,
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Document for AdminUser {
    const COLLECTION: &'static str = "admin_users";
    const INDEXES: &'static [Index] = &[];

    id_and_version!();
}

impl AdminUser {
    #[must_use]
    pub fn new(name: &str, role: Role, password: Hashed, now: Timestamp) -> Self {
        Self {
            id: name.to_owned(),
            version: 1,
            role,
            reveal: false,
            disabled: false,
            password,
            totp: None,
            era: 1,
            created_at: now,
            last_login_at: None,
            extra: Map::new(),
        }
    }

    #[must_use]
    pub fn can(&self, right: Right) -> bool {
        self.role.grants(right) || (right == Right::Reveal && self.reveal)
    }

    /// Whether a login must also tell a code.
    #[must_use]
    pub fn wants_code(&self) -> bool {
        self.totp.as_ref().is_some_and(|totp| totp.confirmed)
    }

    /// Ends all sessions.
    pub fn begin_era(&mut self) {
        self.era += 1;
    }
}

/// Whether `name` may be a user's: 2 to 64 lower-case letters, digits and `.`, `_`, `-`, `@`, beginning with
/// a letter.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-@".contains(&b);
    (2..=64).contains(&name.len())
        && name.bytes().all(inner)
        && name.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
}

/// Why a user was not changed.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    #[error("there is no user {0:?}")]
    Unknown(String),
    #[error("there is a user {0:?} already")]
    Taken(String),
    #[error("a user's name has 2 to 64 lower-case letters, digits and . _ - @, and begins with a letter")]
    Name,
    /// Nobody could manage users any more.
    #[error("{0:?} is the last super_admin who may sign in")]
    LastSuperAdmin(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is changed of a user.
#[derive(Debug, Clone, Default)]
pub struct Change {
    pub role: Option<Role>,
    pub reveal: Option<bool>,
    pub disabled: Option<bool>,
    pub password: Option<Hashed>,
    pub without_totp: bool,
}

/// Keeps the users. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Users {
    store: Store,
    clock: Clock,
}

impl Users {
    #[must_use]
    pub fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock }
    }

    /// # Errors
    /// When the store fails.
    pub async fn get(&self, name: &str) -> Result<Option<AdminUser>, StoreError> {
        if is_name(name) { self.store.get(name).await } else { Ok(None) }
    }

    /// All of them, by name.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self) -> Result<Vec<AdminUser>, StoreError> {
        Ok(self.store.find(&Query::by_id(Sort::Ascending).limit(MOST)).await?.docs)
    }

    /// # Errors
    /// [`UserError`].
    pub async fn add(
        &self,
        name: &str,
        role: Role,
        reveal: bool,
        password: Hashed,
    ) -> Result<AdminUser, UserError> {
        if !is_name(name) {
            return Err(UserError::Name);
        }
        let user = AdminUser { reveal, ..AdminUser::new(name, role, password, self.clock.now()) };
        match self.store.insert(&user).await {
            Ok(()) => Ok(user),
            Err(StoreError::Conflict { .. }) => Err(UserError::Taken(name.to_owned())),
            Err(error) => Err(error.into()),
        }
    }

    /// Changes a user; ends all sessions of the user.
    ///
    /// # Errors
    /// [`UserError`].
    pub async fn change(&self, name: &str, change: Change) -> Result<AdminUser, UserError> {
        let loses = change.role.is_some_and(|r| r != Role::SuperAdmin) || change.disabled == Some(true);
        if loses && self.is_last(name).await? {
            return Err(UserError::LastSuperAdmin(name.to_owned()));
        }
        self.update(name, |user| {
            user.role = change.role.unwrap_or(user.role);
            user.reveal = change.reveal.unwrap_or(user.reveal);
            user.disabled = change.disabled.unwrap_or(user.disabled);
            if let Some(password) = &change.password {
                user.password = password.clone();
            }
            if change.without_totp {
                user.totp = None;
            }
            user.begin_era();
            true
        })
        .await
    }

    async fn is_last(&self, name: &str) -> Result<bool, StoreError> {
        let all = self.list().await?;
        let mut able = all.iter().filter(|u| u.role == Role::SuperAdmin && !u.disabled);
        Ok(able.next().is_some_and(|one| one.id == name) && able.next().is_none())
    }

    /// Saves what `change` makes of the user, unless it says `false`.
    ///
    /// # Errors
    /// [`UserError::Unknown`], or when the store fails.
    pub async fn update(
        &self,
        name: &str,
        mut change: impl FnMut(&mut AdminUser) -> bool,
    ) -> Result<AdminUser, UserError> {
        let updated = self.store.update::<AdminUser, (), StoreError>(name, |user| {
            Ok(if change(user) { Decision::Save(()) } else { Decision::Leave(()) })
        });
        match updated.await? {
            Updated::Done(user, ()) => Ok(user),
            Updated::Missing => Err(UserError::Unknown(name.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        for name in ["asha", "a1", "asha.k_2-x@shop"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "a", "Asha", "1a", "a b", "a\n", "ä1", &"a".repeat(65), "a/b", ".a"] {
            assert!(!is_name(name), "{name}");
        }
    }
}
