//! What keeps a provider in problem, or our account with it, from being asked over and over.
//!
//! Every wire attempt of every operation passes here: [`limits`] says when it may begin, and an [`Observer`]
//! is told how it ended. What follows from that is decided above; [`breaker`] is the part of it that needs no
//! document.

pub mod breaker;
pub mod limits;

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

pub use breaker::{Breaker, CallHealth, Position};
pub use limits::{CallPermit, Limits, Throttled};

use super::{
    answer::{Answer, CallResult, Failure},
    redact,
    verdict::is_wallet,
};

/// Is told how every wire attempt ended, before its caller is.
#[async_trait]
pub trait Observer: Send + Sync {
    async fn ended(&self, end: &CallEnd<'_>);
}

/// What a client is protected with. Empty: with nothing.
#[derive(Clone, Default)]
pub struct Protection {
    pub observer: Option<Arc<dyn Observer>>,
    pub limits: Limits,
}

impl std::fmt::Debug for Protection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Protection").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// The end of one wire attempt.
#[derive(Debug, Clone, Copy)]
pub struct CallEnd<'a> {
    pub operation: &'static str,
    /// For which order it was made.
    pub order_id: &'a str,
    /// Whether it was to book: what other calls meet says nothing of those that do.
    pub books: bool,
    /// The verdict's word, as in logs and metrics.
    pub word: &'static str,
    /// What was asked: the answer may quote it.
    pub asked: &'a Value,
    pub wire: &'a CallResult,
}

/// What an end says about the account and the provider, whatever it means for its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallSignal {
    /// A shipment was booked: nothing is wrong.
    Booked,
    /// A call that books got a readable answer: keys and address are good.
    Accepted,
    /// Another one got one: the keys are good.
    Looked,
    /// The account cannot be used, in words that may be shown.
    AccountProblem(AccountProblem, String),
    /// It answered, and that says nothing about the account.
    Reached,
    /// It was not there, or said that it is broken.
    Down,
    /// No answer to the end.
    Silent,
    /// Nothing was sent, and that was our doing.
    NotTried,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountProblem {
    Wallet,
    Credentials,
    Configuration,
}

impl CallEnd<'_> {
    #[must_use]
    pub fn signal(&self) -> CallSignal {
        let answer = match self.wire {
            CallResult::Failure { class: Failure::NotConnected, .. } => return CallSignal::Down,
            CallResult::Failure { class: Failure::TooLateToSend, .. } => return CallSignal::NotTried,
            CallResult::Failure { .. } => return CallSignal::Silent,
            CallResult::Answer(answer) => answer,
        };
        let http = || format!("HTTP {}", answer.status);
        match (self.word, answer.status, answer.succeeded()) {
            ("wallet", ..) => self.wallet(answer),
            ("configuration", ..) if self.books => {
                CallSignal::AccountProblem(AccountProblem::Configuration, http())
            }
            ("credentials", ..) if self.books => {
                CallSignal::AccountProblem(AccountProblem::Credentials, http())
            }
            // Whatever an operation makes of it: nobody answers so to a call with good keys. (403 other calls
            // may get for a stranger's parcel.)
            (_, 401, None | Some(false)) => CallSignal::AccountProblem(AccountProblem::Credentials, http()),
            ("booked", ..) => CallSignal::Booked,
            (_, 500.., _) => CallSignal::Down,
            (_, 200..=299 | 400 | 402 | 406 | 422, Some(_)) if self.books => CallSignal::Accepted,
            (_, 200..=299 | 400 | 402 | 404 | 406 | 422, Some(_)) => CallSignal::Looked,
            _ => CallSignal::Reached,
        }
    }
}

impl CallEnd<'_> {
    /// An answer may quote the order, and what a merchant calls their goods must not hold the account of all:
    /// that order alone waits.
    fn wallet(&self, answer: &Answer) -> CallSignal {
        let words = answer.all_words().to_lowercase();
        // A quote that is no more than the word itself cannot be told from the provider's own.
        let quoted = redact::texts(self.asked)
            .into_iter()
            .map(str::to_lowercase)
            .filter(|text| is_wallet(text) && text != "balance");
        if !is_wallet(&quoted.fold(words, |words, text| words.replace(&text, ""))) {
            return CallSignal::Accepted;
        }
        CallSignal::AccountProblem(
            AccountProblem::Wallet,
            redact::words_without(&answer.words(), redact::hidden(self.asked)),
        )
    }
}

impl CallSignal {
    /// What it says of the provider alone.
    #[must_use]
    pub fn health(&self) -> CallHealth {
        match self {
            Self::Down => CallHealth::Bad,
            Self::Silent => CallHealth::Silent,
            Self::NotTried => CallHealth::NotTried,
            Self::Booked | Self::Accepted | Self::Looked | Self::AccountProblem(..) | Self::Reached => {
                CallHealth::Good
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::provider::parcelx::answer::{Answer, Body};

    fn signal(word: &'static str, books: bool, status: u16, body: Body) -> CallSignal {
        let wire = CallResult::Answer(Answer { status, retry_after: None, body });
        CallEnd { operation: "o", order_id: "i", books, word, asked: &Value::Null, wire: &wire }.signal()
    }

    #[test]
    fn every_end_says_what_it_can() {
        let json = |status: bool| {
            Body::Json(json!({"status": status, "responsemsg": "Mobile 9000000001: no balance"}))
        };
        let html = || Body::Text("<html>".into());
        let problem = |t| CallSignal::AccountProblem(t, "HTTP 401".into());
        assert_eq!(
            signal("wallet", true, 200, json(false)),
            CallSignal::AccountProblem(AccountProblem::Wallet, "Mobile […] no balance".into())
        );
        assert_eq!(signal("credentials", true, 401, html()), problem(AccountProblem::Credentials));
        assert_eq!(
            signal("failed", false, 401, html()),
            problem(AccountProblem::Credentials),
            "a look-up too"
        );
        for word in ["failed", "credentials"] {
            assert_eq!(signal(word, false, 403, html()), CallSignal::Reached, "may be about the parcel");
        }
        assert_eq!(
            signal("failed", false, 405, html()),
            CallSignal::Reached,
            "a look-up that is not there says nothing of creates"
        );
        assert_eq!(signal("unknown", true, 401, json(true)), CallSignal::Reached, "it contradicts itself");
        assert_eq!(
            signal("configuration", true, 405, html()),
            CallSignal::AccountProblem(AccountProblem::Configuration, "HTTP 405".into())
        );
        assert_eq!(
            signal("configuration", false, 405, html()),
            CallSignal::Reached,
            "a cancel that is not there does not either"
        );
        assert_eq!(signal("refused", false, 422, json(false)), CallSignal::Looked, "nor one that is");
        assert_eq!(signal("booked", true, 200, json(true)), CallSignal::Booked);
        assert_eq!(signal("refused", true, 422, json(false)), CallSignal::Accepted);
        assert_eq!(signal("not-found", false, 404, json(false)), CallSignal::Looked);
        assert_eq!(signal("unknown", true, 200, html()), CallSignal::Reached);
        assert_eq!(signal("busy", true, 429, json(false)), CallSignal::Reached);
        for status in [500, 502, 503, 504] {
            assert_eq!(signal("unknown", true, status, json(false)), CallSignal::Down);
        }
    }

    #[test]
    fn what_goods_are_called_holds_no_account() {
        let asked = json!({"products": [{"product_name": "New Balance 574"}], "invoice_number": "Balance"});
        let held = |words: &str| {
            let body = Body::Json(json!({"status": false, "responsemsg": words}));
            let wire = CallResult::Answer(Answer { status: 200, retry_after: None, body });
            let end = CallEnd {
                operation: "o",
                order_id: "i",
                books: true,
                word: "wallet",
                asked: &asked,
                wire: &wire,
            };
            matches!(end.signal(), CallSignal::AccountProblem(AccountProblem::Wallet, _))
        };
        assert!(!held("The product new balance 574 cannot go by air"));
        assert!(held("Insuffiecient Balance") && held("Your balance does not cover New Balance 574"));
    }

    #[test]
    fn only_what_was_not_there_or_broken_counts_against_the_provider() {
        let of = |class| {
            let wire = CallResult::Failure { class, detail: String::new() };
            CallEnd {
                operation: "o",
                order_id: "i",
                books: true,
                word: "unknown",
                asked: &Value::Null,
                wire: &wire,
            }
            .signal()
            .health()
        };
        assert_eq!(of(Failure::NotConnected), CallHealth::Bad);
        assert_eq!(of(Failure::TooLateToSend), CallHealth::NotTried, "our own slowness");
        for class in [Failure::TimedOut, Failure::Broken, Failure::TooLarge] {
            assert_eq!(of(class), CallHealth::Silent, "{class:?}");
        }
    }
}
