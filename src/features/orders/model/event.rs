//! Everything that can happen to an order, and the one way to have it happen: [`Order::apply`].

use std::time::Duration;

use super::{Actor, Amend, CancelDecision, LabelFailure, LabelRequest, Order, PollSchedule, notice};
use crate::{
    base::timestamp::Timestamp,
    features::orders::{
        payload::NewOrder,
        review::{Fate, Refusal},
        status::SyncStatus,
    },
    platform::{
        outbox::{Again, Times},
        queue::Pauses,
    },
    provider::carrier::{CallOutcome, CallTimes, LabelUrl, Shipment, Tracking},
};

/// A change of an order. It says what happened or what somebody wants; the order decides what follows.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// A worker takes the order for one call: from here on nobody else may send for it, unless this attempt
    /// is provably dead. `paused`: for how much of the time since it is tried its queue was paused.
    Take { log_id: &'a str, times: CallTimes, paused: Duration },
    /// It is known what became of the attempt `log_id`.
    CallEnded { log_id: &'a str, outcome: &'a CallOutcome<Shipment>, first_poll: Duration },
    /// The provider proved not to know the reference: the unanswered call `log_id` booked nothing.
    ProvenAbsent { log_id: &'a str },
    /// A look-up for the attempt `log_id` settled nothing and is to be made again.
    PollAgain { log_id: &'a str, at: Timestamp },
    /// The last look-up for the attempt `log_id` settled nothing. `found`: there is a shipment, only its AWB
    /// is wanting.
    GiveUp { log_id: &'a str, found: bool, reason: &'a str },
    /// A look-up before it is sent, once more or amended, shows this shipment of an earlier call.
    FoundFirst { awb: &'a str },
    /// The same look-up shows nothing live of it, as it stood when that was made.
    NothingFirst { seen: &'a Order },
    /// It is booked as another order's shipment: the provider shows this one under our reference.
    ShownAs { awb: &'a str },
    /// The service can do no more for its booking.
    Review { reason: &'a str },
    /// The database was restored from a backup: a call that it no longer has may have booked the order.
    Restored { reason: &'a str },
    /// The provider shows its shipment as cancelled while it waits for a person: that is what there is to
    /// decide on.
    SeenCancelled,

    /// The merchant wants it cancelled.
    RequestCancel { actor: Actor, reason: Option<&'a str> },
    /// A worker takes the cancellation of `awb` for one call.
    TakeCancel { awb: &'a str, log_id: &'a str, times: CallTimes, paused: Duration },
    /// It is known what became of the cancel `log_id`.
    CancelEnded { log_id: &'a str, outcome: &'a CallOutcome<()>, schedule: &'a PollSchedule },
    /// What a look-up shows of a shipment that is being cancelled.
    TrackingSeen { awb: &'a str, tracked: &'a CallOutcome<Tracking>, schedule: &'a PollSchedule },
    /// The service can do no more for what is being cancelled.
    ReviewCancellations { reason: &'a str },

    /// The merchant requests the label; one that is younger than `life` will do.
    RequestLabel { life: Duration },
    /// It is known what became of a call for the label.
    LabelEnded { request: u32, outcome: &'a CallOutcome<LabelUrl> },
    /// No call can bring the label, whatever its outcome.
    LabelFailed { request: u32, failure: &'a LabelFailure },
    /// The merchant corrects what is to be shipped.
    Amend { draft: &'a NewOrder },
    /// A person acts; `audit_id` is the line in the audit log.
    Operator { action: OperatorAction<'a>, audit_id: Option<&'a str> },

    /// The queue has the job of this entry of the outbox.
    Relayed { entry: &'a str },
    /// The queue still has the job, and it is overdue. `held`: for what the account is held, if that is why.
    StillQueued { job: &'a str, held: Option<&'a str>, times: &'a Times, pauses: &'a Pauses },
    /// The job is gone, or ended without moving the order. `blameless`: with everything that the queue had.
    JobLost { job: &'a str, blameless: bool },
    /// The job of this generation has died, and the next one is to go on.
    DispatchAgain { generation: i64 },
}

/// What a person does with an order: with one that waits for a person, but for the last four.
#[derive(Debug, Clone, Copy)]
pub enum OperatorAction<'a> {
    /// The order gets this shipment of the provider's. Whether it is the order's, was found out before.
    Adopt { awb: &'a str },
    /// It is sent once more. `may_be_booked`: an earlier call may have booked it. `force`: it is sent
    /// whatever a look-up would show.
    Rebook { may_be_booked: bool, force: bool },
    /// It is booked, and has another order's shipment: it gets this one, or none until that is free.
    Exchange { awb: Option<&'a str> },
    /// It is failed, by somebody else's fault, and sent once more.
    Resend,
    /// It is given up, with words for its merchant.
    Fail { words: &'a str },
    /// The cancel of a shipment that waits for a person is sent anew.
    CancelAgain { awb: &'a str },
    /// What the person found out about a shipment that waits for one.
    CancelEnded { awb: &'a str, fate: Fate },
    /// It is called off for its merchant, who reads the words.
    RequestCancel { words: &'a str },
    /// Corrected for its merchant, or sent again as it is; `words` say which.
    Amend { draft: &'a NewOrder, words: &'a str },
    /// What it waits a time for is tried now.
    TryNow,
    /// The personal data of its consignee is taken out.
    Erase,
}

/// What an event came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// It found nothing to do.
    Unchanged,
    Changed,
    Cancel(CancelDecision),
    Label(LabelRequest),
    Amend(Amend),
    Swept(Again),
    /// A person's action is not right for the order.
    Refused(Refusal),
}

impl Applied {
    /// Whether the order was changed, and is to be saved.
    #[must_use]
    pub fn changed(&self) -> bool {
        match self {
            Self::Unchanged | Self::Refused(_) => false,
            Self::Changed => true,
            Self::Cancel(decision) => decision.changes(),
            Self::Label(request) => matches!(request, LabelRequest::Requested(_)),
            Self::Amend(what) => *what == Amend::Accepted,
            Self::Swept(what) => *what != Again::MovedOn,
        }
    }
}

impl From<bool> for Applied {
    fn from(changed: bool) -> Self {
        if changed { Self::Changed } else { Self::Unchanged }
    }
}

/// A step that the table in [`crate::features::orders::status`] forbids: a fault of ours. Nothing was
/// changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an order that is {} may not become {}", .from.as_str(), .to.as_str())]
pub struct IllegalStep {
    pub from: SyncStatus,
    pub to: SyncStatus,
}

impl Order {
    /// The only way to change an order. An event that finds nothing to do leaves it as it is.
    ///
    /// # Errors
    /// A step that is forbidden; then nothing was changed.
    pub fn apply(&mut self, event: Event<'_>, now: Timestamp) -> Result<Applied, IllegalStep> {
        let (next, applied) = self.after(event, now)?;
        if applied.changed() {
            notice::step(self, &next, now);
            *self = next;
        }
        Ok(applied)
    }

    /// The order as `event` leaves it, and what that came to.
    ///
    /// # Errors
    /// As [`Order::apply`].
    pub fn after(&self, event: Event<'_>, now: Timestamp) -> Result<(Self, Applied), IllegalStep> {
        let mut next = self.clone();
        let applied = next.run(event, now).inspect_err(|step| {
            tracing::error!(order.id = self.id, "order {}: {step}; nothing was changed", self.id);
        })?;
        if applied.changed() {
            next.overdue_at = next.overdue_after(&event, &applied, now);
            next.derive(now);
        }
        Ok((next, applied))
    }

    /// Hands the event to the part that it is about.
    fn run(&mut self, event: Event<'_>, now: Timestamp) -> Result<Applied, IllegalStep> {
        match event {
            Event::Take { log_id, times, paused } => {
                self.take(log_id, (times, paused), now).map(|()| Applied::Changed)
            }
            Event::CallEnded { log_id, outcome, first_poll } => {
                self.call_ended(log_id, outcome, first_poll, now).map(Applied::from)
            }
            Event::ProvenAbsent { log_id } => self.proven_absent(log_id, now).map(Applied::from),
            Event::PollAgain { log_id, at } => Ok(self.poll_again(log_id, at, now).into()),
            Event::GiveUp { log_id, found, reason } => {
                self.give_up(log_id, found, reason, now).map(Applied::from)
            }
            Event::FoundFirst { awb } => self.found_first(awb, now).map(Applied::from),
            Event::NothingFirst { seen } => self.nothing_first(seen, now).map(Applied::from),
            Event::ShownAs { awb } => Ok(self.shown_as(awb, now).into()),
            Event::Review { reason } => self.hand_over(reason, now).map(Applied::from),
            Event::Restored { reason } => self.restored(reason, now).map(Applied::from),
            Event::SeenCancelled => Ok(self.seen_cancelled(now).into()),
            Event::RequestCancel { actor, reason } => {
                self.request_cancel(actor, reason, now).map(Applied::Cancel)
            }
            Event::TakeCancel { awb, log_id, times, paused } => {
                Ok(self.take_cancel(awb, log_id, (times, paused), now).into())
            }
            Event::CancelEnded { log_id, outcome, schedule } => {
                Ok(self.cancel_ended(log_id, outcome, schedule, now).into())
            }
            Event::TrackingSeen { awb, tracked, schedule } => {
                Ok(self.tracking_seen(awb, tracked, schedule, now).into())
            }
            Event::ReviewCancellations { reason } => Ok(self.review_cancellations(reason, now).into()),
            Event::RequestLabel { life } => Ok(Applied::Label(self.request_label(life, now))),
            Event::LabelEnded { request, outcome } => Ok(self.label_ended(request, outcome, now).into()),
            Event::LabelFailed { request, failure } => Ok(self.fail_label(request, failure, now).into()),
            Event::Amend { draft } => {
                self.amend(draft, (Actor::Merchant, "amended"), now).map(Applied::Amend)
            }
            Event::Operator { action, audit_id } => self.operator(action, audit_id, now),
            Event::Relayed { entry } => Ok(self.entry_relayed(entry).into()),
            Event::StillQueued { job, held, pauses, .. } => {
                self.job_waits(job, held, pauses, now).map(Applied::Swept)
            }
            Event::JobLost { job, blameless } => self.job_is_lost(job, blameless, now).map(Applied::Swept),
            Event::DispatchAgain { generation } => Ok(self.dispatch_again(generation, now).into()),
        }
    }
}
