//! What a job carries, written anew by hand.

use std::fmt;

use axum::{
    extract::{Path, State},
    response::Response,
};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use validator::Validate;

use super::{JobNow, now};
use crate::{
    admin::{
        routes::{
            Data,
            queues::{TAG, action_error},
        },
        session::{Admin, Reason},
        state::AdminState,
    },
    platform::http::{Problem, ValidJson},
};

pub(super) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new().routes(routes!(set_job_data))
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct JobData {
    /// JSON, as text, which is kept as it is written. Parts that are as the job was shown stay what they are,
    /// also where `******` stands for hidden data.
    #[schema(example = "{\"parcel\": \"P-1\"}")]
    pub data: String,
    /// The job's `data` as it was shown to whoever edits it, as text: where it shows otherwise by now,
    /// nothing is changed. When absent, what others changed meanwhile is overwritten.
    pub seen: Option<String>,
    /// Kept in the audit log.
    #[validate(nested)]
    pub reason: Reason,
}

/// Never the data: it may be a person's.
impl fmt::Debug for JobData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobData").field("reason", &self.reason).finish_non_exhaustive()
    }
}

/// Change what a job of another program carries
///
/// Refused for jobs of this service: one only names its order, and what is sent is the order's.
#[utoipa::path(put, path = "/queues/{queue}/jobs/{id}/data", tag = TAG, operation_id = "setJobData",
    request_body = JobData,
    params(("queue" = String, Path, description = "The queue's name"),
        ("id" = String, Path, description = "The job's id")),
    responses(
        (status = 200, description = "Changed", body = Data<JobNow>),
        (status = 404, description = "The queue has no such job"),
        (status = 409, description = "`own-queue`; `job-state`: it runs; `job-changed` by somebody else"),
        (status = 422, description = "The data is no JSON, or would keep hidden data where there is none"),
    ))]
async fn set_job_data(
    State(state): State<AdminState>,
    admin: Admin,
    Path((queue, id)): Path<(String, String)>,
    ValidJson(body): ValidJson<JobData>,
) -> Result<Response, Problem> {
    let by = admin.because(&body.reason)?;
    let data = (body.data.as_str(), body.seen.as_deref());
    state.queues.edit(&queue, &id, data, &by).await.map_err(action_error)?;
    now(&state, &queue, &id).await
}
