//! Everything that has happened to an order, in one line of time: its steps, the calls that were made for it,
//! what people did, and what its jobs came to.
//!
//! Guards against an order that has been waiting for a week: each source is read from where the page begins,
//! and no further than the page needs. Bodies of calls are not read.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Desk, DeskError, job_ids};
use crate::{
    base::timestamp::Timestamp,
    features::{
        audit::{AuditLine, Outcome},
        orders::{
            jobs::words::words,
            model::{Actor, HistoryEntry, Order},
            status::SyncStatus,
        },
        runs::Run,
    },
    platform::{
        queue::{JobState, JobView},
        store::{Order as Sort, Query},
    },
    provider::carrier::CallBrief,
};

/// Most entries of a page.
pub const PAGE: usize = 200;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EntryKind {
    Step,
    Call,
    Job,
    Audit,
}

/// How it is to be read at a glance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Tone {
    Ok,
    Bad,
    Wait,
    Info,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    #[schema(inline)]
    pub at: Timestamp,
    pub kind: EntryKind,
    pub title: String,
    /// Without personal data.
    pub detail: Option<String>,
    pub tone: Tone,
    /// Who did it: `merchant`, `worker`, `operator`, or a person's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Of a worker: its program's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_queue: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
    /// The run of the job that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_status: Option<SyncStatus>,
    /// What keeps entries of one moment apart.
    #[serde(skip)]
    pub key: String,
}

/// Where a page ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    pub at: i64,
    pub kind: EntryKind,
    pub key: String,
}

/// A page, oldest first.
#[derive(Debug)]
pub struct Timeline {
    pub entries: Vec<Entry>,
    pub next: Option<Position>,
}

impl Entry {
    pub(super) fn new(
        at: Timestamp,
        kind: EntryKind,
        key: impl Into<String>,
        title: impl Into<String>,
    ) -> Self {
        Self {
            at,
            kind,
            title: title.into(),
            detail: None,
            tone: Tone::Info,
            actor: None,
            version: None,
            call_id: None,
            attempt: None,
            operation: None,
            verdict: None,
            status_code: None,
            duration_ms: None,
            job_queue: None,
            job_id: None,
            run: None,
            order_status: None,
            key: key.into(),
        }
    }

    fn position(&self) -> Position {
        Position { at: self.at.as_millis(), kind: self.kind, key: self.key.clone() }
    }

    fn order(&self, other: &Self) -> Ordering {
        (self.at, self.kind, &self.key).cmp(&(other.at, other.kind, &other.key))
    }

    fn is_behind(&self, position: &Position) -> bool {
        (self.at.as_millis(), self.kind, &self.key) > (position.at, position.kind, &position.key)
    }
}

impl Desk {
    /// A page of what has happened to the order, behind `after`, oldest first.
    ///
    /// # Errors
    /// When the store fails. A queue that does not answer is an entry that says so.
    pub async fn timeline(
        &self,
        order: &Order,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Timeline, DeskError> {
        let from = after.map_or(Timestamp::from_millis(0), |position| Timestamp::from_millis(position.at));
        let most = limit + 1;
        let mut entries: Vec<Entry> = order.history().iter().map(|entry| step(order, entry)).collect();
        let calls = self.records.briefs(order.id(), from, most).await?;
        entries.extend(calls.into_iter().map(call));
        let lines =
            Query::sorted_by("at", Sort::Ascending).equal("subject.id", order.id()).from(from).limit(most);
        let lines = self.store.find::<AuditLine>(&lines).await?.docs;
        entries.extend(lines.into_iter().map(|line| action(order, line)));
        let ids = job_ids(order).into_iter().map(|(_, id)| id);
        entries.extend(self.runs.of_jobs(ids, from, most).await?.into_iter().map(run));
        match self.jobs(order).await {
            Ok(jobs) => {
                entries.extend(self.completions(order, &jobs, from).await?);
                entries.extend(jobs.into_iter().flat_map(|(queue, view)| job(queue, &view)));
            }
            Err(error) => {
                let unseen = Entry::new(self.clock.now(), EntryKind::Job, "", "The queue does not answer");
                entries.push(Entry { detail: Some(error.to_string()), tone: Tone::Bad, ..unseen });
            }
        }
        if let Some(after) = after {
            entries.retain(|entry| entry.is_behind(after));
        }
        entries.sort_by(Entry::order);
        let more = entries.len() > limit;
        entries.truncate(limit);
        let next = entries.last().filter(|_| more).map(Entry::position);
        Ok(Timeline { entries, next })
    }
}

fn step(order: &Order, entry: &HistoryEntry) -> Entry {
    let (title, tone) = match entry.status {
        SyncStatus::Queued => ("Accepted", Tone::Info),
        SyncStatus::Processing => ("Taken for a call", Tone::Info),
        SyncStatus::Success => ("Booked", Tone::Ok),
        SyncStatus::Failed => ("Failed", Tone::Bad),
        SyncStatus::Retrying => ("Not booked, to be tried again", Tone::Wait),
        SyncStatus::Reconciling => ("Unanswered: being looked up", Tone::Wait),
        SyncStatus::NeedsReview => ("Waits for a person", Tone::Bad),
        SyncStatus::Cancelled => ("Cancelled", Tone::Info),
    };
    let actor = match entry.actor {
        Actor::Merchant => "merchant",
        Actor::Worker => "worker",
        Actor::Operator => "operator",
    };
    Entry {
        detail: entry.reason.as_deref().map(|reason| words(order, reason)),
        tone,
        actor: Some(actor.to_owned()),
        attempt: entry.attempt,
        order_status: Some(entry.status),
        ..Entry::new(entry.at, EntryKind::Step, format!("{:012}", entry.seq), title)
    }
}

fn call(call: CallBrief) -> Entry {
    let what = match call.operation.as_str() {
        "create_order" => "Booking asked for",
        "cancel_order" => "Cancel asked for",
        "track_order" => "Looked up",
        "label" => "Label asked for",
        other => other,
    };
    let (detail, tone) = match &call.end {
        _ if call.never_sent => ("Given up before anything was sent".to_owned(), Tone::Info),
        None => ("No outcome yet".to_owned(), Tone::Wait),
        Some(end) => {
            let tone = match end.verdict.as_str() {
                "booked" | "accepted" | "found" | "fetched" => Tone::Ok,
                "not-found" => Tone::Info,
                "refused" => Tone::Bad,
                _ => Tone::Wait,
            };
            let late = if end.answered_late { ", answered late" } else { "" };
            let why = end.error_code.map(|code| format!(" ({code})")).unwrap_or_default();
            (format!("{}{why}{late}", end.verdict), tone)
        }
    };
    Entry {
        detail: Some(detail),
        tone,
        call_id: Some(call.id.clone()),
        attempt: Some(call.attempt),
        operation: Some(call.operation.clone()),
        verdict: call.end.as_ref().map(|end| end.verdict.clone()),
        status_code: call.end.as_ref().and_then(|end| end.status_code),
        duration_ms: call.end.as_ref().map(|end| end.duration_ms),
        job_queue: call.job.as_ref().map(|job| job.queue.clone()),
        job_id: call.job.as_ref().map(|job| job.id.clone()),
        run: call.job.map(|job| job.run),
        ..Entry::new(call.sent_at, EntryKind::Call, call.id, what)
    }
}

fn action(order: &Order, line: AuditLine) -> Entry {
    let (how, tone) = match line.outcome {
        Outcome::Begun => ("not known whether it was done", Tone::Wait),
        Outcome::Done => ("done", Tone::Ok),
        Outcome::Refused => ("refused", Tone::Bad),
        Outcome::Failed => ("failed", Tone::Bad),
    };
    let why = line.detail.as_deref().map(|text| format!(" ({})", words(order, text))).unwrap_or_default();
    Entry {
        detail: Some(format!("{how}{why}: {}", words(order, &line.reason))),
        tone,
        actor: Some(line.actor.name),
        ..Entry::new(line.at, EntryKind::Audit, line.id, line.action)
    }
}

fn run(run: Run) -> Entry {
    let tone = if run.outcome == "failed" { Tone::Bad } else { Tone::Wait };
    Entry {
        detail: run.reason,
        tone,
        actor: Some(run.worker),
        version: Some(run.program),
        attempt: Some(i64::from(run.no)),
        duration_ms: Some(run.ended_at.as_millis() - run.started_at.as_millis()),
        job_queue: Some(run.queue),
        job_id: Some(run.job),
        run: Some(run.id.clone()),
        ..Entry::new(run.started_at, EntryKind::Job, run.id, format!("Run of {}: {}", run.name, run.outcome))
    }
}

fn job(queue: &str, job: &JobView) -> Vec<Entry> {
    let entry = |at, what: &str, title: String| Entry {
        job_queue: Some(queue.to_owned()),
        job_id: Some(job.id.clone()),
        ..Entry::new(at, EntryKind::Job, format!("{}-{what}", job.id), title)
    };
    let mut entries = vec![entry(job.added_at, "added", format!("Job {} added", job.name))];
    if let Some(at) = job.finished_at.filter(|_| job.state == JobState::Completed) {
        let done = entry(at, "done", format!("Job {} completed", job.name));
        entries.push(Entry { tone: Tone::Ok, ..done });
    }
    entries
}
