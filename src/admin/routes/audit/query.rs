//! What the audit log is asked.

use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::base::timestamp::Timestamp;

#[derive(Debug, Clone, Deserialize, IntoParams, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct AuditQuery {
    pub actor: Option<String>,
    /// `queue.pause`.
    pub action: Option<String>,
    /// The id of what was acted on.
    pub target: Option<String>,
    /// At this time or later.
    #[param(value_type = Option<String>)]
    pub from: Option<Timestamp>,
    /// Before this time.
    #[param(value_type = Option<String>)]
    pub to: Option<Timestamp>,
    /// How many at most; 50 when absent.
    #[validate(range(min = 1, max = 200))]
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<usize>,
    pub cursor: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    Csv,
    Json,
}

#[derive(Debug, Clone, Deserialize, IntoParams, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct ExportQuery {
    pub format: Format,
    pub actor: Option<String>,
    pub action: Option<String>,
    pub target: Option<String>,
    #[param(value_type = Option<String>)]
    pub from: Option<Timestamp>,
    #[param(value_type = Option<String>)]
    pub to: Option<Timestamp>,
}
