//! What is known after a call, and why not more.

use std::{fmt, time::Duration};

use super::AccountProblem;

/// What is known after a call; `T` is what a success gives. The one value that goes from the client to the
/// order, the account's hold, the circuit breaker and the metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallOutcome<T> {
    Done(T),
    /// The provider said no, in these words.
    Refused(String),
    /// The provider said no, and that what was asked for is done already, in these words. Only a cancel is
    /// answered so. They may be misread, or speak of a cancel that never took effect.
    RefusedAsDone(String),
    /// Certainly nothing was done; worth another call `after` this long, or after a growing wait.
    Deferred {
        after: Option<Duration>,
        cause: Cause,
    },
    /// Its worker vanished before it sent anything, and it has been shut out: to be sent again at once.
    NotSent,
    /// The provider may have acted.
    Unknown {
        reason: String,
        heard: Heard,
    },
}

/// Why a call is worth another one later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// Too fast for the provider.
    Busy,
    /// The account cannot be used.
    Account(AccountProblem, Told),
    /// The provider would not do it now, for a reason that says nothing of the account.
    Declined(String),
    /// Name look-up, connection or TLS failed.
    Unreachable(String),
    /// The time to send had passed before anything was sent.
    TooLate,
}

/// By what an answer says that the account cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// By its HTTP status, which no good account gets for any order.
    Status(u16),
    /// By its words about one order: they may be misread, or be about that order alone.
    Words(String),
}

/// How much of an answer came back, whatever it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// Nothing to the end: the provider may only be slow.
    Nothing,
    /// That it is broken.
    Broken,
    /// Something that cannot be read, or says nothing of our keys.
    Unreadable,
    /// A readable answer: whoever gave it knows our keys.
    Readable,
}

impl<T> CallOutcome<T> {
    /// A call without an answer.
    #[must_use]
    pub fn unanswered(reason: impl Into<String>) -> Self {
        Self::Unknown { reason: reason.into(), heard: Heard::Nothing }
    }

    /// Certainly nothing was done, and nobody said how long to wait.
    #[must_use]
    pub fn deferred(cause: Cause) -> Self {
        Self::Deferred { after: None, cause }
    }

    /// In one word, for logs and metrics; `success` is the operation's own.
    #[must_use]
    pub fn as_str(&self, success: &'static str) -> &'static str {
        match self {
            Self::Done(_) => success,
            Self::Refused(_) | Self::RefusedAsDone(_) => "refused",
            Self::Deferred { cause, .. } => cause.as_str(),
            Self::NotSent => "not-sent",
            Self::Unknown { .. } => "unknown",
        }
    }

    /// The same with another success.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> CallOutcome<U> {
        match self {
            Self::Done(success) => CallOutcome::Done(f(success)),
            Self::Refused(words) => CallOutcome::Refused(words),
            Self::RefusedAsDone(words) => CallOutcome::RefusedAsDone(words),
            Self::Deferred { after, cause } => CallOutcome::Deferred { after, cause },
            Self::NotSent => CallOutcome::NotSent,
            Self::Unknown { reason, heard } => CallOutcome::Unknown { reason, heard },
        }
    }

    /// Why it came to nothing, in the provider's words or ours; nothing of a success.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        match self {
            Self::Done(_) => None,
            Self::Refused(words) | Self::RefusedAsDone(words) => Some(words.clone()),
            Self::Deferred { cause, .. } => Some(cause.to_string()),
            Self::NotSent => Some("nothing was sent".to_owned()),
            Self::Unknown { reason, .. } => Some(reason.clone()),
        }
    }

    /// Nothing was learnt because the provider could not be asked, was in trouble or had no time: the same
    /// question may be answered later.
    #[must_use]
    pub fn may_yet_be_answered(&self) -> bool {
        match self {
            Self::Deferred { .. } | Self::NotSent => true,
            Self::Unknown { heard, .. } => matches!(heard, Heard::Nothing | Heard::Broken),
            Self::Done(_) | Self::Refused(_) | Self::RefusedAsDone(_) => false,
        }
    }
}

impl Cause {
    fn as_str(&self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Account(problem, _) => problem.as_str(),
            Self::Declined(_) => "declined",
            Self::Unreachable(_) | Self::TooLate => "not-sent",
        }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "HTTP {status}"),
            Self::Words(words) => f.write_str(words),
        }
    }
}

/// Why an order waits while the account is held, in words for its merchant.
pub const WAITS_FOR_ACCOUNT: &str =
    "the service's ParcelX account cannot be used just now; the order is sent when it can";

/// In words for the merchant who asks why an order waits.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("ParcelX is busy"),
            // What is wrong with the account is its operator's business, and stands with its hold.
            Self::Account(problem, _) => write!(f, "{problem}: {WAITS_FOR_ACCOUNT}"),
            Self::Declined(words) => f.write_str(words),
            Self::Unreachable(_) => f.write_str("ParcelX could not be reached"),
            Self::TooLate => f.write_str("the time to send had passed"),
        }
    }
}
