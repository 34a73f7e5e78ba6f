//! The queries of lists of jobs, of orders, of bulk work and of numbers.

use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::{
    base::timestamp::Timestamp,
    features::{
        kyc::model::KycState,
        merchants::model::State,
        operations::ItemResult,
        orders::{
            model::ReviewOf,
            status::{OrderStatus, SyncStatus},
        },
        series::SeriesName,
    },
    platform::queue::JobState,
};

#[derive(Debug, Clone, Deserialize, IntoParams, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct DeadQuery {
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
    /// How many at most; 50 when absent.
    #[validate(range(min = 1, max = 200))]
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<usize>,
}

#[derive(Debug, Clone, Deserialize, IntoParams, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct FailuresQuery {
    /// A day ago when absent; seven days ago at most.
    #[param(value_type = Option<String>)]
    pub since: Option<Timestamp>,
    /// How many groups at most; 20 when absent.
    #[validate(range(min = 1, max = 100))]
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<usize>,
}

#[derive(Debug, Clone, Deserialize, IntoParams, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct MetricsQuery {
    pub name: SeriesName,
    /// Of this queue alone.
    pub queue: Option<String>,
    /// An hour ago when absent.
    #[param(value_type = Option<String>)]
    pub from: Option<Timestamp>,
    /// Now when absent.
    #[param(value_type = Option<String>)]
    pub to: Option<Timestamp>,
}

/// The query of the list of merchants.
#[derive(Debug, Clone, Deserialize, IntoParams, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct MerchantsQuery {
    /// `active` or `suspended`; all when absent.
    #[param(value_type = Option<String>, pattern = "^(active|suspended)$")]
    pub state: Option<State>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
    /// How many at most; 50 when absent.
    #[validate(range(min = 1, max = 200))]
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<usize>,
}

/// The query of the list of merchants' KYC.
#[derive(Debug, Clone, Deserialize, IntoParams, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct KycQuery {
    /// `submitted` when absent: what waits for a decision.
    pub state: Option<KycState>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
    /// How many at most; 50 when absent.
    #[validate(range(min = 1, max = 200))]
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<usize>,
}

/// The query of lists of operations.
#[derive(Debug, Clone, Deserialize, IntoParams, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct OperationsQuery {
    /// How many at most; 50 when absent.
    #[validate(range(min = 1, max = 200))]
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<usize>,
    pub cursor: Option<String>,
}

#[derive(Debug, Clone, Deserialize, IntoParams, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct ItemsQuery {
    pub result: Option<ItemResult>,
    /// How many at most; 50 when absent.
    #[validate(range(min = 1, max = 200))]
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<usize>,
    pub cursor: Option<String>,
}

/// The query of the list of orders.
#[derive(Debug, Clone, Deserialize, IntoParams, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct OrdersQuery {
    pub provider_sync_status: Option<SyncStatus>,
    pub status: Option<OrderStatus>,
    /// The merchant.
    pub user_id: Option<String>,
    /// As `POST /find` finds, but for phones; the other filters count, too.
    pub q: Option<String>,
    /// Made at this time or later.
    #[param(value_type = Option<String>)]
    pub from: Option<Timestamp>,
    /// Made before this time.
    #[param(value_type = Option<String>)]
    pub to: Option<Timestamp>,
    /// How many at most; 50 when absent.
    #[validate(range(min = 1, max = 200))]
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<usize>,
    pub cursor: Option<String>,
}

#[derive(Debug, Clone, Deserialize, IntoParams, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct TimelineQuery {
    /// How many at most; 200 when absent.
    #[validate(range(min = 1, max = 500))]
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<usize>,
    pub cursor: Option<String>,
}

/// The query of the list.
#[derive(Debug, Clone, Deserialize, IntoParams, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct ReviewQuery {
    /// A code, or the beginning of one and a `*`.
    pub code: Option<String>,
    pub of: Option<ReviewOf>,
    /// The merchant.
    pub user_id: Option<String>,
    /// Waiting since this time or later.
    #[param(value_type = Option<String>)]
    pub from: Option<Timestamp>,
    /// Waiting since before this time.
    #[param(value_type = Option<String>)]
    pub before: Option<Timestamp>,
    /// How many at most; 50 when absent.
    #[validate(range(min = 1, max = 200))]
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<usize>,
    pub cursor: Option<String>,
}

/// A state, as queries name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StateName {
    Waiting,
    Active,
    Delayed,
    Completed,
    Failed,
}

impl From<StateName> for JobState {
    fn from(name: StateName) -> Self {
        match name {
            StateName::Waiting => Self::Waiting,
            StateName::Active => Self::Active,
            StateName::Delayed => Self::Delayed,
            StateName::Completed => Self::Completed,
            StateName::Failed => Self::Failed,
        }
    }
}

/// The query of a list of jobs.
#[derive(Debug, Clone, Deserialize, IntoParams, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct JobsQuery {
    /// All of them when absent.
    pub state: Option<StateName>,
    /// The kind of job: `create-order`.
    pub name: Option<String>,
    /// In the job's id or its reason, in any case.
    pub q: Option<String>,
    /// The id of an order.
    pub order: Option<String>,
    /// Finished, or else added, at this time or later.
    #[param(value_type = Option<String>)]
    pub from: Option<Timestamp>,
    /// The same, before this time.
    #[param(value_type = Option<String>)]
    pub to: Option<Timestamp>,
    /// How many at most; 50 when absent.
    #[validate(range(min = 1, max = 200))]
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<usize>,
    pub cursor: Option<String>,
}

#[derive(Debug, Clone, Deserialize, IntoParams, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct ProviderQuery {
    /// An hour before `to` when absent.
    #[param(value_type = Option<String>)]
    pub from: Option<Timestamp>,
    /// Now when absent.
    #[param(value_type = Option<String>)]
    pub to: Option<Timestamp>,
}
