//! What the queue knows of the jobs that overdue documents wait for.
//!
//! Guards against a question to the queue for each document, and against a queue that lost everything being
//! taken for documents whose jobs come to nothing.

use std::collections::BTreeMap;

use super::Dispatched;
use crate::platform::queue::{Inspect, Pauses, Presence, QueueError};

/// The job of one document.
pub(super) struct Known {
    pub(super) job: String,
    pub(super) pauses: Pauses,
    pub(super) presence: Presence,
    /// The queue was lost as a whole since the job was put on its way.
    pub(super) lost_with_queue: bool,
}

/// What is known of each document's job, in order; nothing where none should move it on.
pub(super) async fn known_jobs<D: Dispatched>(
    inspect: &dyn Inspect,
    documents: &[D],
) -> Result<Vec<Option<Known>>, QueueError> {
    let mut ids: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let jobs: Vec<_> = documents.iter().map(D::current_job).collect();
    for (queue, job) in jobs.iter().flatten() {
        ids.entry(queue).or_default().push(job.clone());
    }
    if ids.is_empty() {
        return Ok(documents.iter().map(|_| None).collect());
    }
    let epoch = inspect.epoch().await?;
    let mut queues = BTreeMap::new();
    for (queue, ids) in ids {
        let presence = inspect.presence(queue, &ids).await?;
        let pauses = inspect.pauses(queue).await?;
        queues.insert(queue, (presence.into_iter(), pauses));
    }
    let known = documents.iter().zip(&jobs).map(|(document, job)| {
        let (queue, job) = job.as_ref()?;
        let (presence, pauses) = queues.get_mut(queue)?;
        let presence = presence.next()?;
        Some(Known {
            job: job.clone(),
            pauses: pauses.clone(),
            presence,
            // One that the queue still knows came to nothing by itself.
            lost_with_queue: presence == Presence::Absent && epoch.since > document.dispatched_at(),
        })
    });
    Ok(known.collect())
}
