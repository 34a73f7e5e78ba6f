//! The neutral vocabulary between orders and whoever carries their parcels: what is asked of a provider, and
//! what its answers mean. Orders decide on these values alone; a provider's own words and codes stay in its
//! folder.

mod call;
mod kinds;
mod limits;
mod measure;
mod outcome;
mod payload;
pub mod redact;
mod signal;

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::{
    call::{
        By, Call, CallBrief, CallError, CallRecord, CallRecords, Carrier, EndBrief, JobRun, LabelUrl,
        Operation, RecordedEnd, Tracking,
    },
    kinds::{AddressType, ExpressType, PaymentMethod},
    limits::{CallPermit, Limits, Throttled},
    measure::{Centimetres, Kilograms, Measure, Percent},
    outcome::{CallOutcome, Cause, Heard, Told, WAITS_FOR_ACCOUNT},
    payload::{Charges, Consignee, Item, OrderPayload, Parcels},
    signal::{CallEnd, CallHealth, CallSignal, Observer, Protection},
};
use crate::base::timestamp::Timestamp;

/// Which `ParcelX` an order is for. A worker that talks to the other one leaves it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProviderEnv {
    Simulator,
    Live,
}

impl ProviderEnv {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Simulator => "simulator",
            Self::Live => "live",
        }
    }
}

/// One call that changes something at the provider, and its times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    pub no: i64,
    /// The id under which its request log will be written, before anything is sent.
    pub request_log_id: String,
    /// It sends before this time or never.
    pub send_by: Timestamp,
    /// From here on whatever it did has been written down, or nobody will write it.
    pub settle_after: Timestamp,
}

impl Attempt {
    /// The one after `last`, taken now.
    #[must_use]
    pub fn begin(last: Option<&Self>, request_log_id: &str, times: CallTimes, now: Timestamp) -> Self {
        let send_by = now + times.send_within;
        Self {
            no: last.map_or(1, |attempt| attempt.no + 1),
            request_log_id: request_log_id.to_owned(),
            send_by,
            settle_after: send_by + times.call + times.settle_within,
        }
    }
}

/// How long an attempt usually has from its take to its first byte. Two writes lie between.
pub const SEND_WITHIN: Duration = Duration::from_secs(10);
/// How long after a call's longest possible end its outcome usually must have been written.
pub const SETTLE_WITHIN: Duration = Duration::from_secs(5);

/// How long one call and the writes around it may take: when an attempt may be given up for dead follows from
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallTimes {
    /// From the take to the first byte.
    pub send_within: Duration,
    /// The call itself.
    pub call: Duration,
    /// From the call's longest possible end until its outcome must have been written.
    pub settle_within: Duration,
}

/// A call this long, and the usual times around it.
impl From<Duration> for CallTimes {
    fn from(call: Duration) -> Self {
        Self { send_within: SEND_WITHIN, call, settle_within: SETTLE_WITHIN }
    }
}

/// What the provider gave for a booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shipment {
    pub awb: String,
    pub courier_name: Option<String>,
    pub courier_code: Option<String>,
    pub order_number: Option<String>,
}

/// What is wrong with an account. In the order of their gravity: what comes later shuts all that an earlier
/// one does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountProblem {
    /// Its money is used up.
    Wallet,
    /// Orders of several merchants in a row are refused in the same words.
    Refusals,
    /// The provider has it switched off.
    Account,
    /// The provider does not know the calls: a wrong address, or a changed API.
    Configuration,
    /// The provider refuses the keys.
    Credentials,
}

/// What the jobs of a queue need of the account: the queue is shut while one of these problems holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs(&'static [AccountProblem]);

impl Needs {
    /// Its jobs do not call the provider.
    #[must_use]
    pub const fn nothing() -> Self {
        Self(&[])
    }

    /// None of these problems.
    #[must_use]
    pub const fn carrier(without: &'static [AccountProblem]) -> Self {
        Self(without)
    }

    /// Whether `problem` shuts the queue.
    #[must_use]
    pub fn forbid(self, problem: AccountProblem) -> bool {
        self.0.contains(&problem)
    }

    /// Whether its jobs call the provider at all.
    #[must_use]
    pub fn calls(self) -> bool {
        !self.0.is_empty()
    }
}

impl AccountProblem {
    pub const ALL: [Self; 5] =
        [Self::Wallet, Self::Refusals, Self::Account, Self::Configuration, Self::Credentials];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wallet => "wallet",
            Self::Refusals => "refusals",
            Self::Account => "account",
            Self::Configuration => "configuration",
            Self::Credentials => "credentials",
        }
    }
}

impl fmt::Display for AccountProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
