//! Calls without what was asked and answered, for lists.
//!
//! Guards against bodies of 2 MiB in memory that nobody looks at: the same documents, read without them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    answer::Failure,
    records::{OutcomeLog, RequestLog},
};
use crate::{
    base::timestamp::Timestamp,
    platform::store::{Document, Index, Order as Sort, Query, Store, StoreError, id_and_version},
    provider::carrier::{CallBrief, EndBrief, JobRun},
};

/// The words of successes.
pub(super) const GOOD: [&str; 5] = ["booked", "accepted", "found", "not-found", "fetched"];

/// Outcomes that are read at a time.
const CHUNK: usize = 50;

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestBrief {
    id: String,
    version: i64,
    operation: String,
    attempt: i64,
    sent_at: Timestamp,
    #[serde(default)]
    never_sent: bool,
    #[serde(default)]
    job: Option<JobRun>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OutcomeBrief {
    id: String,
    version: i64,
    #[serde(default)]
    status_code: Option<u16>,
    #[serde(default)]
    error_code: Option<Failure>,
    verdict: String,
    received_at: Timestamp,
    duration_ms: i64,
    #[serde(default)]
    late: Option<LateBrief>,
}

#[derive(Clone, Serialize, Deserialize)]
struct LateBrief {}

impl Document for RequestBrief {
    const COLLECTION: &'static str = RequestLog::COLLECTION;
    const INDEXES: &'static [Index] = RequestLog::INDEXES;

    id_and_version!();
}

impl Document for OutcomeBrief {
    const COLLECTION: &'static str = OutcomeLog::COLLECTION;
    const INDEXES: &'static [Index] = OutcomeLog::INDEXES;

    id_and_version!();
}

/// At most `limit` calls for an order that were sent at `from` or later, oldest first.
pub(super) async fn of_order(
    store: &Store,
    order_id: &str,
    from: Timestamp,
    limit: usize,
) -> Result<Vec<CallBrief>, StoreError> {
    let query =
        Query::sorted_by("sentAt", Sort::Ascending).equal("orderId", order_id).from(from).limit(limit);
    let requests = store.find::<RequestBrief>(&query).await?.docs;
    let ids: Vec<_> = requests.iter().map(|request| request.id.as_str()).collect();
    let mut ends = BTreeMap::new();
    for chunk in ids.chunks(CHUNK) {
        let outcomes = store.get_many::<OutcomeBrief>(chunk).await?.docs;
        ends.extend(outcomes.into_iter().map(|outcome| (outcome.id.clone(), outcome)));
    }
    Ok(requests.into_iter().map(|request| brief(&mut ends, request)).collect())
}

fn brief(ends: &mut BTreeMap<String, OutcomeBrief>, request: RequestBrief) -> CallBrief {
    let end = ends.remove(&request.id).map(|end| EndBrief {
        status_code: end.status_code,
        error_code: end.error_code.map(Failure::as_str),
        verdict: end.verdict,
        received_at: end.received_at,
        duration_ms: end.duration_ms,
        answered_late: end.late.is_some(),
    });
    CallBrief {
        id: request.id,
        operation: request.operation,
        attempt: request.attempt,
        sent_at: request.sent_at,
        never_sent: request.never_sent,
        job: request.job,
        end,
    }
}
