//! What may be asked of lists and streams of events.

use serde::Deserialize;
use utoipa::IntoParams;
use validator::Validate;

pub(super) const DEFAULT_LIMIT: usize = 50;
const MOST: usize = 200;

#[derive(Debug, Clone, Default, Deserialize, IntoParams, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(super) struct EventsQuery {
    /// The id of an event, as `nextCursor` is: those behind it. Absent: all that are kept; of a stream, from
    /// now on.
    pub(super) cursor: Option<String>,
    /// How many at most; 50 when absent.
    #[validate(range(min = 1, max = MOST))]
    #[param(minimum = 1, maximum = 200)]
    pub(super) limit: Option<usize>,
    /// Of a stream: what `POST /v1/stream-tickets` gave.
    #[expect(dead_code, reason = "whoever authenticates reads it; here it is allowed")]
    pub(super) ticket: Option<String>,
}
