//! Passwords: argon2id, in the standard text form, at a [`Cost`] that the process chooses when it starts. A
//! hash that was cheaper is made anew when its password is told next.
//!
//! Guards against logins that cost more than the service can spare: a few are in hand, one of them is
//! computed at a time, off the threads that answer requests; the others are told to come again. And against
//! passwords that everybody tries first (a list in the program).

use std::{fmt, sync::Arc};

use argon2::{
    Argon2, PasswordHasher, PasswordVerifier,
    password_hash::{Error, phc::PasswordHash},
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, Semaphore};

use super::{common::is_common, cost::Cost};

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

/// A new hash of a password that has a cheaper one.
#[derive(Debug)]
pub struct Renewal {
    old: Hashed,
    new: Hashed,
}

impl Renewal {
    /// Takes the place of the old hash, unless another password has done so meanwhile.
    pub fn renew(&self, hashed: &mut Hashed) {
        if hashed.0 == self.old.0 {
            hashed.clone_from(&self.new);
        }
    }
}

/// Checks and makes password hashes. Clones share their turns.
#[derive(Debug, Clone)]
pub struct Passwords {
    in_hand: Arc<Semaphore>,
    turn: Arc<Mutex<()>>,
    cost: Cost,
}

impl Default for Passwords {
    fn default() -> Self {
        Self::new(AT_ONCE)
    }
}

impl Passwords {
    /// Of which so many may be in hand, at the least cost.
    #[must_use]
    pub fn new(at_once: usize) -> Self {
        Self { in_hand: Arc::new(Semaphore::new(at_once)), turn: Arc::default(), cost: Cost::LEAST }
    }

    /// Whose new hashes cost this.
    #[must_use]
    pub fn costing(self, cost: Cost) -> Self {
        Self { cost, ..self }
    }

    /// The hash of a new password of `user`.
    ///
    /// # Errors
    /// [`PasswordError`].
    pub async fn hash(&self, user: &str, password: &SecretString) -> Result<Hashed, PasswordError> {
        check(user, password.expose_secret())?;
        let (cost, password) = (self.cost, password.clone());
        self.take_turn(move || hash(cost, password.expose_secret())).await?
    }

    /// Whether `password` is the one that was hashed. Takes as long when there is none, or a cheap one.
    ///
    /// # Errors
    /// [`PasswordError::Busy`], [`PasswordError::Fault`].
    pub async fn verify(
        &self,
        hashed: Option<&Hashed>,
        password: &SecretString,
    ) -> Result<bool, PasswordError> {
        let (hashed, password, cost) = (hashed.cloned(), password.clone(), self.cost);
        self.take_turn(move || verify(hashed.as_ref(), password.expose_secret(), cost)).await
    }

    /// A hash to take the place of one that costs less than it would today, for somebody who has just told
    /// the password. `None`: there is no need, or no turn; then the next time will do.
    pub async fn renewal(&self, hashed: &Hashed, password: &SecretString) -> Option<Renewal> {
        let was = Cost::of(&PasswordHash::new(&hashed.0).ok()?).ok()?;
        if !was.is_less_than(self.cost) {
            return None;
        }
        let (cost, password) = (self.cost, password.clone());
        let new = self.take_turn(move || hash(cost, password.expose_secret())).await.ok()?.ok()?;
        Some(Renewal { old: hashed.clone(), new })
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

fn hash(cost: Cost, password: &str) -> Result<Hashed, PasswordError> {
    let argon2 = cost.argon2().map_err(|_| PasswordError::Fault)?;
    let hash = argon2.hash_password(password.as_bytes()).map_err(|_| PasswordError::Fault)?;
    Ok(Hashed(hash.to_string()))
}

fn verify(hashed: Option<&Hashed>, password: &str, cost: Cost) -> bool {
    // A longer one cannot have been set; hashing it would only cost.
    let password = if password.chars().count() > LONGEST { "" } else { password };
    let left = match hashed.map(|hashed| compare(hashed, password)) {
        Some(Ok((true, _))) => return true,
        Some(Ok((false, spent))) => cost.less(spent),
        Some(Err(error)) => {
            tracing::error!(%error, "a stored hash of a password does not read: its user cannot sign in");
            Some(cost)
        }
        None => Some(cost),
    };
    // Time tells nobody who has an account, or an old hash.
    if let Some(left) = left {
        drop(hash(left, password));
    }
    false
}

/// Whether this is the password, and what it cost to find out.
///
/// # Errors
/// The hash is none that can be compared with: no password would be right.
fn compare(hashed: &Hashed, password: &str) -> Result<(bool, Cost), Error> {
    let parsed = PasswordHash::new(&hashed.0)?;
    if parsed.salt.is_none() || parsed.hash.is_none() {
        return Err(Error::EncodingInvalid);
    }
    let cost = Cost::of(&parsed)?;
    match Argon2::default().verify_password(password.as_bytes(), &parsed) {
        Ok(()) => Ok((true, cost)),
        Err(Error::PasswordInvalid) => Ok((false, cost)),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text)
    }

    /// What is written to the log.
    #[derive(Clone, Default)]
    struct Lines(Arc<std::sync::Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(text);
            Ok(text.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
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
    async fn a_cheaper_hash_is_made_anew_and_a_dearer_one_stays() {
        let cheap = Passwords::default();
        let dear = cheap.clone().costing(Cost::LEAST.twice());
        let password = secret("correct horse battery");
        let mut hashed = cheap.hash("asha", &password).await.unwrap();
        assert!(cheap.renewal(&hashed, &password).await.is_none());
        assert_eq!(dear.verify(Some(&hashed), &password).await, Ok(true));
        assert_eq!(dear.verify(Some(&hashed), &secret("another horse")).await, Ok(false));
        let renewal = dear.renewal(&hashed, &password).await.unwrap();
        // Not where the password was changed meanwhile.
        let mut changed = cheap.hash("asha", &secret("another long sentence")).await.unwrap();
        let before = changed.0.clone();
        renewal.renew(&mut changed);
        assert_eq!(changed.0, before);
        renewal.renew(&mut hashed);
        assert!(hashed.0.starts_with("$argon2id$v=19$m=19456,t=4,p=1$"), "{}", hashed.0);
        for passwords in [&cheap, &dear] {
            assert_eq!(passwords.verify(Some(&hashed), &password).await, Ok(true));
            assert!(passwords.renewal(&hashed, &password).await.is_none());
        }
    }

    #[tokio::test]
    async fn a_hash_that_does_not_read_is_told_and_nobodys_password_is_right() {
        let passwords = Passwords::default();
        let good = passwords.hash("asha", &secret("correct horse battery")).await.unwrap();
        assert_eq!(compare(&good, "wrong").unwrap(), (false, Cost::LEAST));
        let (start, _) = good.0.rsplit_once('$').unwrap();
        let (other, cut) = (good.0.replace("argon2id", "scrypt"), good.0.trim_start_matches('$'));
        for broken in ["", "secret-of-asha", start, &other, cut] {
            let (broken, lines) = (Hashed(broken.to_owned()), Lines::default());
            let writer = lines.clone();
            let log = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
            let right =
                tracing::subscriber::with_default(log, || verify(Some(&broken), "correct", Cost::LEAST));
            let told = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
            assert!(!right && told.contains("ERROR") && told.contains("does not read"), "{told}");
            assert!(broken.0.is_empty() || !told.contains(&broken.0), "{told}");
            assert!(passwords.renewal(&broken, &secret("correct")).await.is_none());
        }
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
