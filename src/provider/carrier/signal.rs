//! What the end of a call says of the account and of the provider, whatever it means for its order.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{AccountProblem, CallOutcome, Cause, Heard, Limits, Operation, Told};

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

/// The end of one wire attempt.
#[derive(Debug, Clone, Copy)]
pub struct CallEnd<'a> {
    pub operation: Operation,
    /// For which order it was made.
    pub order_id: &'a str,
    /// Of the job that made it; nothing when a person did.
    pub token: Option<&'a str>,
    /// From before it was sent to the end of its answer.
    pub took: Duration,
    /// Without a success's value, and with words about the account as anybody may see them.
    pub outcome: &'a CallOutcome<()>,
}

/// What an end says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallSignal {
    /// A shipment was booked: nothing is wrong.
    Booked,
    /// A call that books got a readable answer: keys and address are good.
    Accepted,
    /// The same, and the order was refused in other words than those that hold the account.
    RefusedOtherwise,
    /// Another one got one: the keys are good.
    Looked,
    /// The account cannot be used, in words that may be shown.
    AccountProblem(AccountProblem, String),
    /// It answered, and that says nothing about the account.
    Reached,
    /// Nothing was booked, since a look-up that comes before was answered with nothing to go by.
    HeldBack,
    /// It was not there, or said that it is broken.
    Down,
    /// No answer to the end.
    Silent,
    /// Nothing was sent, and that was our doing.
    NotTried,
}

/// What it says of the provider alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallHealth {
    /// It answered.
    Good,
    /// Not there, or broken.
    Bad,
    /// No answer to the end: it may only be slow.
    Silent,
    NotTried,
}

impl CallEnd<'_> {
    /// Whether only words about its order say that the account cannot be used.
    #[must_use]
    pub fn is_read_from_words(&self) -> bool {
        matches!(self.outcome, CallOutcome::Deferred { cause: Cause::Account(_, Told::Words(_)), .. })
    }

    /// The one place that decides it. What other calls meet says nothing of those that book, but for keys
    /// that are refused.
    #[must_use]
    pub fn signal(&self) -> CallSignal {
        let books = self.operation == Operation::CreateOrder;
        let readable = if books { CallSignal::Accepted } else { CallSignal::Looked };
        match self.outcome {
            CallOutcome::Done(()) if books => CallSignal::Booked,
            CallOutcome::Done(()) | CallOutcome::Refused(_) | CallOutcome::RefusedAsDone(_) => readable,
            CallOutcome::Deferred { cause, .. } => match cause {
                Cause::Account(problem, _) if !books && *problem != AccountProblem::Credentials => {
                    CallSignal::Reached
                }
                Cause::Account(problem, told) => CallSignal::AccountProblem(*problem, told.to_string()),
                Cause::Declined(_) if books => CallSignal::Accepted,
                Cause::Declined(_) | Cause::Busy => CallSignal::Reached,
                Cause::Unreachable(_) => CallSignal::Down,
                Cause::TooLate => CallSignal::NotTried,
            },
            CallOutcome::NotSent => CallSignal::NotTried,
            CallOutcome::Unknown { heard, .. } => match heard {
                Heard::Nothing => CallSignal::Silent,
                Heard::Broken => CallSignal::Down,
                Heard::Unreadable => CallSignal::Reached,
                Heard::Readable => readable,
            },
        }
    }
}

impl CallSignal {
    #[must_use]
    pub fn health(&self) -> CallHealth {
        match self {
            Self::Down => CallHealth::Bad,
            Self::Silent => CallHealth::Silent,
            Self::NotTried => CallHealth::NotTried,
            Self::Booked
            | Self::Accepted
            | Self::RefusedOtherwise
            | Self::Looked
            | Self::AccountProblem(..)
            | Self::Reached
            | Self::HeldBack => CallHealth::Good,
        }
    }
}

impl fmt::Debug for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Protection").field("limits", &self.limits).finish_non_exhaustive()
    }
}
