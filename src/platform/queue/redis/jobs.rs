//! Jobs on their way to and from the hashes of BullMQ's layout. Data stays the text it is.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use super::reply::Reply;
use crate::{
    base::timestamp::Timestamp,
    platform::queue::{ActiveJob, End, JobState, JobView, LastClaim, NewJob, QueueError, retry::Backoff},
};

/// BullMQ's word for a job that stalled too often.
pub(super) const STALLED: &str = "job stalled more than allowable limit";
/// What it is here.
const STALLED_TOO_OFTEN: &str = "the job's worker vanished too often";

pub(super) fn text(text: impl Into<String>) -> Bytes {
    Bytes::from(text.into())
}

pub(super) fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX / 8192)
}

pub(super) fn time(at: Timestamp) -> Bytes {
    text(at.as_millis().to_string())
}

/// What `add.lua` is told of a job.
pub(super) fn added(job: &NewJob) -> [Bytes; 6] {
    let opts = serde_json::json!({ "attempts": job.attempts, "backoff": job.backoff });
    [
        text(&*job.id),
        text(&*job.name),
        text(&*job.data),
        text(opts.to_string()),
        text(millis(job.delay).to_string()),
        text(job.share.as_deref().unwrap_or_default()),
    ]
}

/// What `end.lua` is told of a job.
pub(super) fn ended(job: &ActiveJob, end: &End) -> [Bytes; 8] {
    let (kind, words, after, counts) = match end {
        End::Complete(value) => ("complete", value.as_str(), Duration::ZERO, true),
        End::Fail(reason) => ("fail", reason.as_str(), Duration::ZERO, true),
        End::Delay { after, counts_attempt, reason } => ("delay", reason.as_str(), *after, *counts_attempt),
    };
    let as_json = if kind == "complete" { String::new() } else { Value::from(words).to_string() };
    // Less than a millisecond is still a delay.
    let after = if after.is_zero() { 0 } else { millis(after).max(1) };
    [
        text(&*job.id),
        text(&*job.token),
        Bytes::from_static(kind.as_bytes()),
        text(words),
        text(as_json),
        text(job.attempts.to_string()),
        text(after.to_string()),
        Bytes::from_static(if counts { b"1" } else { b"0" }),
    ]
}

/// A claimed job, as `claim.lua` gives it.
pub(super) fn claimed(queue: &str, row: Reply) -> Result<ActiveJob, QueueError> {
    let [id, token, name, data, opts, timestamp, made, stalled, doomed] = row.parts()?;
    let (attempts, backoff) = patience(&opts.text().unwrap_or_default());
    let doomed = doomed.text().map(|why| if why == STALLED { STALLED_TOO_OFTEN.to_owned() } else { why });
    Ok(ActiveJob {
        queue: queue.to_owned(),
        id: id.text().unwrap_or_default(),
        name: name.text().unwrap_or_default(),
        data: data.text().unwrap_or_else(|| "{}".to_owned()),
        token: token.text().unwrap_or_default(),
        attempts_made: count(&made),
        attempts,
        backoff,
        stalled: count(&stalled),
        added_at: Timestamp::from_millis(timestamp.number().unwrap_or_default()),
        doomed,
    })
}

/// A job to look at, as `view.lua` gives it.
pub(super) fn view(row: Reply) -> Result<JobView, QueueError> {
    let [
        id,
        state,
        due,
        name,
        data,
        timestamp,
        made,
        stalled,
        finished,
        value,
        failed,
        reason,
        doomed,
        o,
        on,
        by,
    ] = row.parts()?;
    let (attempts, backoff) = patience(&o.text().unwrap_or_default());
    let state = state_named(&state.text().unwrap_or_default())?;
    let at = |reply: &Reply| reply.number().map(Timestamp::from_millis);
    let reason = match state {
        JobState::Completed => None,
        JobState::Failed => failed.text(),
        JobState::Waiting | JobState::Active | JobState::Delayed => match reason.text() {
            Some(promoted) if promoted.is_empty() => None,
            reason => reason.or_else(|| failed.text()),
        },
    };
    Ok(JobView {
        id: id.text().unwrap_or_default(),
        name: name.text().unwrap_or_default(),
        state,
        data: data.text().unwrap_or_else(|| "{}".to_owned()),
        // A try that only failed a job whose holders had vanished was none.
        attempts_made: count(&made).saturating_sub(u32::from(doomed.yes())),
        attempts,
        backoff,
        stalled: count(&stalled),
        added_at: at(&timestamp).unwrap_or_default(),
        claimed: at(&on).map(|at| LastClaim { at, worker: by.text() }),
        due_at: at(&due),
        finished_at: at(&finished).filter(|_| state.is_finished()),
        return_value: value.text().filter(|_| state == JobState::Completed),
        reason,
    })
}

pub(super) fn state_named(name: &str) -> Result<JobState, QueueError> {
    let state = JobState::ALL.into_iter().find(|state| state.as_str() == name);
    state.ok_or_else(|| QueueError::Fault("a job is in a state that no script of ours gives".to_owned()))
}

fn count(reply: &Reply) -> u32 {
    reply.number().and_then(|n| u32::try_from(n).ok()).unwrap_or(0)
}

/// How often a job is tried and how long it waits between, from its options. Those of other programs may say
/// it in other ways, or not at all.
fn patience(opts: &str) -> (u32, Backoff) {
    let opts: Value = serde_json::from_str(opts).unwrap_or_default();
    let attempts = opts.get("attempts").and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
    let backoff = match opts.get("backoff") {
        None | Some(Value::Null) => Backoff::Fixed { delay: 0 },
        Some(Value::Number(n)) => Backoff::Fixed { delay: n.as_u64().unwrap_or(0) },
        Some(other) => serde_json::from_value(other.clone()).unwrap_or(Backoff::Custom),
    };
    (attempts.unwrap_or(0), backoff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_other_producers_are_read_as_far_as_they_go() {
        for (opts, attempts, backoff) in [
            ("", 0, Backoff::Fixed { delay: 0 }),
            ("not json", 0, Backoff::Fixed { delay: 0 }),
            (r#"{"attempts":3}"#, 3, Backoff::Fixed { delay: 0 }),
            (r#"{"attempts":"3","backoff":1500}"#, 0, Backoff::Fixed { delay: 1500 }),
            (r#"{"backoff":{"type":"fixed","delay":7}}"#, 0, Backoff::Fixed { delay: 7 }),
            (
                r#"{"kl":10,"backoff":{"type":"exponential","delay":1000,"jitter":0.5},"attempts":5}"#,
                5,
                Backoff::Exponential { delay: 1000, jitter: 0.5 },
            ),
            (r#"{"attempts":-1,"backoff":{"type":"own"}}"#, 0, Backoff::Custom),
            (r#"{"backoff":{"delay":true}}"#, 0, Backoff::Custom),
        ] {
            assert_eq!(patience(opts), (attempts, backoff), "{opts}");
        }
    }
}
