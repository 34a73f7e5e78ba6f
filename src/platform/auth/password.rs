//! Passwords: argon2id with the parameters that OWASP gives (19 MiB, two passes), in the standard text form.
//!
//! Guards against logins that cost more than the service can spare: a few are in hand, one of them is
//! computed at a time, off the threads that answer requests; the others are told to come again. And against
//! passwords that everybody tries first (a list in the program).

use std::{
    fmt,
    sync::{Arc, LazyLock},
};

use argon2::{Argon2, PasswordHasher, PasswordVerifier, password_hash::phc::PasswordHash};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, Semaphore};

use super::common::is_common;

/// The fewest and most characters of a new password.
pub const SHORTEST: usize = 12;
pub const LONGEST: usize = 256;

/// How many may be in hand, of operators.
const AT_ONCE: usize = 2;

/// A password as it is stored. Never shown.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hashed(String);

impl fmt::Debug for Hashed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hashed")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    #[error("must have {SHORTEST} to {LONGEST} characters")]
    Length,
    #[error("must not be the user's name, or one character again and again")]
    Guessable,
    #[error("is one of those that are tried first: take words that are yours alone")]
    Common,
    /// Too many at once: come again in a second.
    #[error("too many passwords are being checked")]
    Busy,
    #[error("the password could not be hashed")]
    Fault,
}

/// Checks and makes password hashes. Clones share their turns.
#[derive(Debug, Clone)]
pub struct Passwords {
    in_hand: Arc<Semaphore>,
    turn: Arc<Mutex<()>>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self::new(AT_ONCE)
    }
}

impl Passwords {
    /// Of which so many may be in hand.
    #[must_use]
    pub fn new(at_once: usize) -> Self {
        Self { in_hand: Arc::new(Semaphore::new(at_once)), turn: Arc::default() }
    }

    /// The hash of a new password of `user`.
    ///
    /// # Errors
    /// [`PasswordError`].
    pub async fn hash(&self, user: &str, password: &SecretString) -> Result<Hashed, PasswordError> {
        check(user, password.expose_secret())?;
        let password = password.clone();
        self.take_turn(move || hash(password.expose_secret())).await?
    }

    /// Whether `password` is the one that was hashed. Takes as long when there is none.
    ///
    /// # Errors
    /// [`PasswordError::Busy`], [`PasswordError::Fault`].
    pub async fn verify(
        &self,
        hashed: Option<&Hashed>,
        password: &SecretString,
    ) -> Result<bool, PasswordError> {
        let (hashed, password) = (hashed.cloned(), password.clone());
        self.take_turn(move || verify(hashed.as_ref(), password.expose_secret())).await
    }

    async fn take_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let permit = Arc::clone(&self.in_hand).try_acquire_owned().map_err(|_| PasswordError::Busy)?;
        let turn = Arc::clone(&self.turn).lock_owned().await;
        // Both go with the work: a caller that goes away does not let a third one in.
        let worked = tokio::task::spawn_blocking(move || {
            let done = work();
            drop((permit, turn));
            done
        });
        worked.await.map_err(|_| PasswordError::Fault)
    }
}

fn check(user: &str, password: &str) -> Result<(), PasswordError> {
    if !(SHORTEST..=LONGEST).contains(&password.chars().count()) {
        return Err(PasswordError::Length);
    }
    let mut distinct: Vec<char> = password.chars().collect();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() < 4 || password.eq_ignore_ascii_case(user) {
        return Err(PasswordError::Guessable);
    }
    let own: Vec<&str> = user.split(|c: char| !c.is_alphanumeric()).collect();
    if is_common(password, &own) {
        return Err(PasswordError::Common);
    }
    Ok(())
}

fn hash(password: &str) -> Result<Hashed, PasswordError> {
    let hash = Argon2::default().hash_password(password.as_bytes()).map_err(|_| PasswordError::Fault)?;
    Ok(Hashed(hash.to_string()))
}

fn verify(hashed: Option<&Hashed>, password: &str) -> bool {
    /// Of no password: what a user that does not exist is compared with.
    static NOBODY: LazyLock<Option<Hashed>> = LazyLock::new(|| hash("nobody has this password").ok());
    let Some(against) = hashed.or(NOBODY.as_ref()) else { return false };
    let Ok(parsed) = PasswordHash::new(&against.0) else { return false };
    // A longer one cannot have been set; hashing it would only cost.
    let password = if password.chars().count() > LONGEST { "" } else { password };
    let same = Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok();
    same && hashed.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text)
    }

    #[tokio::test]
    async fn a_password_is_known_by_its_hash_alone() {
        let passwords = Passwords::default();
        let hashed = passwords.hash("asha", &secret("correct horse battery")).await.unwrap();
        assert!(hashed.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hashed.0);
        assert_eq!(format!("{hashed:?}"), "Hashed");
        for (hash, given, same) in [
            (Some(&hashed), "correct horse battery", true),
            (Some(&hashed), "correct horse batterz", false),
            (Some(&hashed), "", false),
            (None, "correct horse battery", false),
            (None, "nobody has this password", false),
        ] {
            assert_eq!(passwords.verify(hash, &secret(given)).await, Ok(same), "{given}");
        }
        let again = passwords.hash("asha", &secret("correct horse battery")).await.unwrap();
        assert_ne!(again.0, hashed.0, "each has its own salt");
    }

    #[tokio::test]
    async fn weak_passwords_are_refused() {
        let passwords = Passwords::default();
        for (given, error) in [
            ("short", PasswordError::Length),
            (&"x1y2z3".repeat(50), PasswordError::Length),
            ("aaaaaaaaaaaaaa", PasswordError::Guessable),
            ("Asha.Operator", PasswordError::Guessable),
            ("Password-2026", PasswordError::Common),
            ("operator-asha-1", PasswordError::Common),
        ] {
            assert_eq!(passwords.hash("asha.operator", &secret(given)).await.unwrap_err(), error, "{given}");
        }
    }

    #[tokio::test]
    async fn a_third_one_at_once_is_told_to_come_again() {
        let passwords = Passwords::default();
        let (open, wait) = std::sync::mpsc::channel::<()>();
        let busy = passwords.clone();
        let first = tokio::spawn(async move { busy.take_turn(move || wait.recv().is_ok()).await });
        while passwords.in_hand.available_permits() == AT_ONCE {
            tokio::task::yield_now().await;
        }
        let second = passwords.clone();
        let second = tokio::spawn(async move { second.take_turn(|| ()).await });
        while passwords.in_hand.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(passwords.verify(None, &secret("x")).await, Err(PasswordError::Busy));
        open.send(()).unwrap();
        assert_eq!(first.await.unwrap(), Ok(true));
        assert_eq!(second.await.unwrap(), Ok(()));
    }
}
