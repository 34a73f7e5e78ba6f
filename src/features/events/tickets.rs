//! Tickets: a browser cannot send headers with an `EventSource` or a `WebSocket`, and a token must not stand
//! in a URL. A ticket opens one stream, once, within half a minute.
//!
//! What the caller was authenticated by is kept with the ticket, sealed with a key that is made of the ticket
//! and kept nowhere: the stream is checked by it like any other, and who reads the database learns nothing.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    base::{clock::Clock, ids, timestamp::Timestamp},
    platform::store::{Document, Field, Index, Store, StoreError, id_and_version},
};

/// How long a ticket may wait to be used.
pub const LIFE: Duration = Duration::from_secs(30);
const PREFIX: &str = "tkt_";
/// Old ones that go with each new one.
const REMOVED: usize = 20;

/// A ticket that was given out.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ticket {
    /// A hash of the ticket.
    pub id: String,
    pub version: i64,
    pub expires_at: Timestamp,
    sealed: String,
    #[serde(default)]
    used: bool,
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ticket").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

impl Document for Ticket {
    const COLLECTION: &'static str = "stream_tickets";
    const INDEXES: &'static [Index] = &[Index::on("expires", &[Field::time("expiresAt")])];

    id_and_version!();
}

/// Gives out tickets and takes them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tickets {
    store: Store,
    clock: Clock,
}

impl Tickets {
    #[must_use]
    pub fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock }
    }

    /// A ticket for whoever is authenticated by `credential`, and until when it can be used.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn issue(&self, credential: &[u8]) -> Result<(String, Timestamp), StoreError> {
        let (text, now) = (format!("{PREFIX}{}", ids::secret()), self.clock.now());
        let sealed = seal(&text, credential);
        let sealed = sealed.ok_or_else(|| StoreError::Fault("a ticket could not be sealed".to_owned()))?;
        let ticket = Ticket { id: id(&text), version: 1, expires_at: now + LIFE, sealed, used: false };
        self.store.insert(&ticket).await?;
        self.store.delete_before::<Ticket>("expiresAt", now - LIFE, REMOVED).await?;
        Ok((text, ticket.expires_at))
    }

    /// What the ticket's caller was authenticated by; nothing for one that is unknown, old or used.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn redeem(&self, text: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(ticket) = self.store.get::<Ticket>(&id(text)).await? else { return Ok(None) };
        if ticket.used || ticket.expires_at <= self.clock.now() {
            return Ok(None);
        }
        let used = Ticket { used: true, sealed: String::new(), ..ticket.clone() };
        // Of two who bring it at once the first one gets in.
        Ok(if self.store.replace(&used).await? { open(text, &ticket.sealed) } else { None })
    }
}

fn id(text: &str) -> String {
    let digest = Sha256::digest(format!("id of {text}"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn key(text: &str) -> Option<LessSafeKey> {
    let key = Sha256::digest(format!("key of {text}"));
    UnboundKey::new(&CHACHA20_POLY1305, &key).ok().map(LessSafeKey::new)
}

/// Each ticket has a key of its own, which seals once: no nonce is used twice.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

fn seal(text: &str, credential: &[u8]) -> Option<String> {
    let mut sealed = credential.to_vec();
    key(text)?.seal_in_place_append_tag(nonce(), Aad::empty(), &mut sealed).ok()?;
    Some(STANDARD.encode(sealed))
}

fn open(text: &str, sealed: &str) -> Option<Vec<u8>> {
    let mut sealed = STANDARD.decode(sealed).ok()?;
    key(text)?.open_in_place(nonce(), Aad::empty(), &mut sealed).ok().map(|plain| plain.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_ticket_is_used_once_and_soon() {
        let folder = tempfile::tempdir().unwrap();
        let store =
            Store::open(&format!("sqlite:{}", folder.path().join("test.db").display())).await.unwrap();
        store.prepare::<Ticket>().await.unwrap();
        let clock = Clock::manual(Timestamp::from_millis(1_769_851_800_000));
        let tickets = Tickets::new(store.clone(), clock.clone());

        let (text, _) = tickets.issue(b"Bearer abc").await.unwrap();
        let kept = serde_json::to_string(&store.get::<Ticket>(&id(&text)).await.unwrap().unwrap()).unwrap();
        assert!(!kept.contains(&text) && !kept.contains("abc"), "{kept}");
        assert_eq!(tickets.redeem("tkt_other").await.unwrap(), None);
        let (one, two) = tokio::join!(tickets.redeem(&text), tickets.redeem(&text));
        let both = [one.unwrap(), two.unwrap()];
        assert_eq!(both.iter().flatten().collect::<Vec<_>>(), [b"Bearer abc"]);
        assert_eq!(tickets.redeem(&text).await.unwrap(), None);

        let (late, _) = tickets.issue(b"x").await.unwrap();
        clock.advance(LIFE);
        assert_eq!(tickets.redeem(&late).await.unwrap(), None);
        assert_eq!(open(&late, &seal(&text, b"x").unwrap()), None, "each has its own key");
    }
}
