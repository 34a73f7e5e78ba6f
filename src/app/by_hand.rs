//! Calls that a person makes by hand, to learn what the provider's documentation does not tell: through the
//! same client and mapping as a worker's, on records of their own.

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;
use serde_json::Value;

use super::{AppError, worker::settings};
use crate::{
    base::clock::Clock,
    platform::{
        config::{Account, Words},
        store::{Store, StoreError},
    },
    provider::{
        carrier::{CallRecord, Carrier, Protection},
        parcelx::{
            ParcelXClient,
            answer::CallResult,
            log::{OutcomeLog, ProviderLogs, RequestLog},
        },
    },
};

/// One account, and what was asked of it so far.
#[derive(Debug)]
pub struct CallsByHand {
    pub carrier: Arc<dyn Carrier>,
    logs: ProviderLogs,
}

/// What an answer said, in full: not to be shown as it is.
#[derive(Debug)]
pub struct Said {
    pub words: String,
    /// Nothing: it was no JSON.
    pub body: Option<Value>,
}

impl CallsByHand {
    /// Calls of `account` that may take `timeout`, go through `proxy` and are read by `words`, on records at
    /// the store `url`.
    ///
    /// # Errors
    /// [`AppError`], with what to mend.
    pub async fn open(
        account: Account,
        (timeout, proxy, words): (Duration, Option<SecretString>, Words),
        url: &str,
        clock: Clock,
    ) -> Result<Self, AppError> {
        let store = Store::open(url).await?;
        store.prepare::<RequestLog>().await?;
        store.prepare::<OutcomeLog>().await?;
        let logs = ProviderLogs::new(store, clock.clone());
        let settings = settings(account, timeout, &[], (words, proxy));
        let carrier = Arc::new(ParcelXClient::new(settings, logs.clone(), clock, Protection::default())?);
        Ok(Self { carrier, logs })
    }

    /// The calls for an order, oldest first, each with what its answer said, if there was one.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn of_order(&self, order_id: &str) -> Result<Vec<(CallRecord, Option<Said>)>, StoreError> {
        let all = self.logs.all_of_order(order_id).await?;
        let shown = |(request, outcome): (RequestLog, Option<OutcomeLog>)| {
            let said = outcome.as_ref().and_then(|outcome| match outcome.end.wire() {
                CallResult::Answer(answer) => {
                    Some(Said { words: answer.words(), body: answer.json().cloned() })
                }
                CallResult::Failure { .. } => None,
            });
            (request.shown(outcome), said)
        };
        Ok(all.into_iter().map(shown).collect())
    }
}
