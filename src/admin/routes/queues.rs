//! Queues, and their jobs.

use axum::{
    extract::{Path, State},
    response::Response,
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Data, data, jobs, users::Because};
use crate::{
    admin::{rights::Right, session::Admin, state::AdminState},
    base::timestamp::Timestamp,
    features::{
        operations,
        provider_accounts::Accounts,
        queues::{Action, ActionError, ClearAction, LookError, Queues, Standing, clear_actions},
    },
    platform::{
        http::{FieldError, Kind, Problem, ValidJson},
        queue::QueueError,
    },
    provider::carrier::AccountProblem,
};

pub(super) const TAG: &str = "Queues";

pub(super) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new()
        .routes(routes!(list_queues))
        .routes(routes!(get_queue))
        .routes(routes!(pause_queue))
        .routes(routes!(resume_queue))
        .merge(jobs::routes())
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CountsView {
    pub waiting: u64,
    pub active: u64,
    pub delayed: u64,
    pub completed: u64,
    pub failed: u64,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct PausedByView {
    pub actor: String,
    #[schema(value_type = String)]
    pub at: Timestamp,
    pub reason: String,
}

/// Finished jobs per minute, over the last five.
#[derive(Debug, Serialize, ToSchema)]
pub struct PerMinute {
    pub completed: f64,
    pub failed: f64,
}

/// What may be taken out of a queue as a whole, by an operation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueActionView {
    /// `drain`: what has not run yet; `clean`: what has ended.
    pub name: &'static str,
    pub right: &'static str,
    pub allowed: bool,
    /// Why not.
    #[schema(value_type = Option<String>)]
    pub why: Option<&'static str>,
    /// What it will do.
    pub effect: &'static str,
    /// It should be confirmed by typing.
    pub typed: bool,
    /// Of the operation that does it.
    pub kind: operations::Kind,
    /// Which of these its filter names, separated by commas, is up to who starts it.
    #[schema(value_type = Vec<String>)]
    pub states: Vec<&'static str>,
}

impl From<ClearAction> for QueueActionView {
    fn from(action: ClearAction) -> Self {
        Self {
            name: action.name,
            right: Right::OperationRun.as_str(),
            allowed: action.allowed,
            why: action.why,
            effect: action.effect,
            typed: action.states.iter().any(|state| !state.is_finished()),
            kind: operations::Kind::JobsRemove,
            states: action.states.iter().map(|state| state.as_str()).collect(),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueView {
    pub name: String,
    /// Whether it is one of this service's own.
    pub ours: bool,
    pub counts: CountsView,
    pub paused: bool,
    /// Null when it is not paused, or was not paused with this service.
    pub paused_by: Option<PausedByView>,
    /// The problem of the provider's account for which it is shut: `wallet`, `configuration`, `credentials`.
    #[schema(value_type = Option<String>)]
    pub held: Option<&'static str>,
    pub workers: usize,
    /// False: nobody works it, so what waits in it goes on waiting.
    pub consumed: bool,
    /// When the oldest of the jobs that are next was added.
    #[schema(value_type = Option<String>)]
    pub oldest_waiting_at: Option<Timestamp>,
    pub per_minute: Option<PerMinute>,
    pub actions: Vec<QueueActionView>,
}

impl From<Standing> for QueueView {
    fn from(standing: Standing) -> Self {
        let Standing { queue, oldest_waiting_at, paused_by, held, .. } = standing;
        let counts = queue.counts;
        Self {
            actions: clear_actions(&queue).into_iter().map(QueueActionView::from).collect(),
            name: queue.name,
            ours: queue.ours,
            counts: CountsView {
                waiting: counts.waiting,
                active: counts.active,
                delayed: counts.delayed,
                completed: counts.completed,
                failed: counts.failed,
            },
            paused: counts.paused,
            paused_by: paused_by.map(|by| PausedByView { actor: by.actor, at: by.at, reason: by.reason }),
            held: held.map(AccountProblem::as_str),
            workers: queue.workers.len(),
            consumed: !queue.workers.is_empty(),
            oldest_waiting_at,
            per_minute: Some(PerMinute {
                completed: standing.completed_per_minute,
                failed: standing.failed_per_minute,
            }),
        }
    }
}

/// Every queue as it stands.
pub(super) async fn views(queues: &Queues, accounts: &Accounts) -> Result<Vec<QueueView>, Problem> {
    let problem = accounts.refresh().await?.map(|hold| hold.kind);
    let mut all = Vec::new();
    for queue in queues.list().await.map_err(queue_error)? {
        all.push(queues.standing_of(queue, problem).await.map_err(look_error)?.into());
    }
    Ok(all)
}

/// Every queue
#[utoipa::path(get, path = "/queues", tag = TAG, operation_id = "listQueues",
    responses((status = 200, description = "By name", body = Data<Vec<QueueView>>)))]
async fn list_queues(
    State(queues): State<Queues>,
    State(accounts): State<Accounts>,
) -> Result<Response, Problem> {
    Ok(data(views(&queues, &accounts).await?))
}

async fn view(state: &AdminState, queue: &str) -> Result<QueueView, Problem> {
    let problem = state.accounts.refresh().await?.map(|hold| hold.kind);
    let found = state.queues.standing(queue, problem).await.map_err(look_error)?;
    found.map(QueueView::from).ok_or_else(no_queue)
}

/// One queue
#[utoipa::path(get, path = "/queues/{queue}", tag = TAG, operation_id = "getQueue",
    params(("queue" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "As it stands", body = Data<QueueView>),
        (status = 404, description = "There is no such queue"),
    ))]
async fn get_queue(State(state): State<AdminState>, Path(queue): Path<String>) -> Result<Response, Problem> {
    Ok(data(view(&state, &queue).await?))
}

/// Pause a queue
///
/// Nothing of it is run until it is resumed; what runs goes on. The time does not count as waiting.
#[utoipa::path(post, path = "/queues/{queue}/pause", tag = TAG, operation_id = "pauseQueue",
    request_body = Because, params(("queue" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "Paused", body = Data<QueueView>),
        (status = 404, description = "There is no such queue"),
        (status = 409, description = "`already-paused`"),
    ))]
async fn pause_queue(
    State(state): State<AdminState>,
    admin: Admin,
    Path(queue): Path<String>,
    ValidJson(body): ValidJson<Because>,
) -> Result<Response, Problem> {
    change(&state, &admin, &queue, Action::Pause, &body).await
}

/// Resume a queue
#[utoipa::path(post, path = "/queues/{queue}/resume", tag = TAG, operation_id = "resumeQueue",
    request_body = Because, params(("queue" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "It runs again", body = Data<QueueView>),
        (status = 404, description = "There is no such queue"),
        (status = 409, description = "`not-paused`"),
    ))]
async fn resume_queue(
    State(state): State<AdminState>,
    admin: Admin,
    Path(queue): Path<String>,
    ValidJson(body): ValidJson<Because>,
) -> Result<Response, Problem> {
    change(&state, &admin, &queue, Action::Resume, &body).await
}

async fn change(
    state: &AdminState,
    admin: &Admin,
    queue: &str,
    action: Action<'_>,
    body: &Because,
) -> Result<Response, Problem> {
    let by = admin.because(&body.reason)?;
    // A misspelt name would pause a queue that nobody works, and say so.
    known(&state.queues, queue).await?;
    state.queues.act(queue, action, &by).await.map_err(action_error)?;
    Ok(data(view(state, queue).await?))
}

/// 404 unless there is such a queue.
pub(super) async fn known(queues: &Queues, queue: &str) -> Result<(), Problem> {
    let names = queues.names().await.map_err(queue_error)?;
    if names.iter().any(|name| name == queue) { Ok(()) } else { Err(no_queue()) }
}

fn no_queue() -> Problem {
    Problem::new(Kind::NotFound, "There is no such queue.")
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(super) fn queue_error(error: QueueError) -> Problem {
    match error {
        QueueError::Unavailable(_) => {
            tracing::warn!(%error, "the queue did not answer");
            Problem::new(Kind::TemporarilyUnavailable, "The queue did not answer. Try again.")
                .retry_after(std::time::Duration::from_secs(1))
        }
        QueueError::Fault(_) => Problem::internal(&error),
    }
}

pub(super) fn look_error(error: LookError) -> Problem {
    match error {
        LookError::Queue(error) => queue_error(error),
        LookError::Store(error) => error.into(),
    }
}

pub(super) fn action_error(error: ActionError) -> Problem {
    let refused = |code| Problem::new(Kind::ConflictState, format!("{error}.")).named(code);
    match &error {
        ActionError::NoSuchJob(_) => Problem::new(Kind::NotFound, "The queue has no such job."),
        ActionError::NotIn(state) => refused("job-state").member("state", state.as_str()),
        ActionError::Needed(_) => refused("job-needed"),
        ActionError::Ours => refused("own-queue"),
        ActionError::Changed => refused("job-changed"),
        ActionError::Data(why) => {
            let fault = FieldError::pointer("/data", "invalid", why.to_string());
            Problem::new(Kind::ValidationFailed, format!("/data {why}.")).errors(vec![fault])
        }
        ActionError::Paused => refused("already-paused"),
        ActionError::NotPaused => refused("not-paused"),
        ActionError::Queue(_) | ActionError::Store(_) => match error {
            ActionError::Queue(error) => queue_error(error),
            ActionError::Store(error) => error.into(),
            other => Problem::internal(&other),
        },
    }
}
