//! What tracking shows of a shipment, in short.

use waybill::provider::carrier::{self, CallOutcome};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tracking {
    Cancelled,
    /// Something else than cancelled.
    Live,
    /// Nothing was learnt.
    Failed,
}

impl Tracking {
    pub(crate) fn outcome(self) -> CallOutcome<carrier::Tracking> {
        match self {
            Self::Cancelled => CallOutcome::Done(carrier::Tracking::Cancelled { awb: None }),
            Self::Live => CallOutcome::Done(carrier::Tracking::Live { awb: None }),
            Self::Failed => CallOutcome::unanswered("unknown: timed-out"),
        }
    }
}
