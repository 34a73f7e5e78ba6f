//! Jobs: found, looked at, and moved by hand.

mod edit;

use axum::{
    extract::{Path, State},
    response::Response,
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Data, data,
    order_views::OrderBrief,
    queries::JobsQuery,
    queues::{TAG, action_error, known, look_error, queue_error},
    users::Because,
};
use crate::{
    admin::{
        paging::{Cursors, DEFAULT_LIMIT, ListQuery, bad_cursor},
        rights::Right,
        session::Admin,
        state::AdminState,
    },
    base::timestamp::Timestamp,
    features::{
        queues::{Action, JobAction, JobFilter, Place, Queues, shown},
        runs::RunView,
    },
    platform::{
        http::{Kind, Problem, ValidJson, answer},
        queue::{self, JobState, Mark, retry::Backoff},
    },
    provider::carrier::redact,
};

pub(super) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new()
        .routes(routes!(list_jobs))
        .routes(routes!(get_job))
        .routes(routes!(retry_job))
        .routes(routes!(promote_job))
        .routes(routes!(remove_job))
        .merge(edit::routes())
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobView {
    pub id: String,
    pub name: String,
    /// `waiting`, `active`, `delayed`, `completed`, `failed`.
    #[schema(value_type = String)]
    pub state: &'static str,
    pub order_id: Option<String>,
    pub client_order_id: Option<String>,
    pub attempts_made: u32,
    /// How often its worker vanished.
    pub stalled: u32,
    #[schema(value_type = String)]
    pub added_at: Timestamp,
    /// When a delayed job is due, or an active one's lease ends.
    #[schema(value_type = Option<String>)]
    pub due_at: Option<Timestamp>,
    #[schema(value_type = Option<String>)]
    pub finished_at: Option<Timestamp>,
    /// Why it failed, or was last put off; without personal data.
    pub reason: Option<String>,
    /// Whether its data is a JSON object.
    pub readable: bool,
}

impl From<&queue::JobView> for JobView {
    fn from(job: &queue::JobView) -> Self {
        Self {
            id: job.id.clone(),
            name: job.name.clone(),
            state: job.state.as_str(),
            order_id: shown::order_id(job),
            client_order_id: shown::client_order_id(job),
            attempts_made: job.attempts_made,
            stalled: job.stalled,
            added_at: job.added_at,
            due_at: job.due_at,
            finished_at: job.finished_at,
            reason: job.reason.as_deref().map(redact::words),
            readable: shown::data(&job.data).is_some(),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobPage {
    pub data: Vec<JobView>,
    pub next_cursor: Option<String>,
    /// How many jobs were looked at.
    pub searched: usize,
    /// The search ended at its bound: behind `nextCursor` there may be more.
    pub stopped: bool,
}

/// Jobs of a queue
///
/// In the order they will run; finished ones newest first. A filter looks at 5,000 jobs at most and then says
/// `stopped`.
#[utoipa::path(get, path = "/queues/{queue}/jobs", tag = TAG, operation_id = "listJobs",
    params(("queue" = String, Path, description = "The queue's name"), JobsQuery),
    responses(
        (status = 200, description = "A page", body = JobPage),
        (status = 400, description = "An unknown parameter, or a cursor of another list"),
        (status = 404, description = "There is no such queue"),
        (status = 422, description = "The limit is out of its range"),
    ))]
async fn list_jobs(
    State(queues): State<Queues>,
    State(cursors): State<Cursors>,
    Path(queue): Path<String>,
    ListQuery(query): ListQuery<JobsQuery>,
) -> Result<Response, Problem> {
    let given = |text: Option<String>| text.map(|t| t.trim().to_owned()).filter(|t| !t.is_empty());
    let filter = JobFilter {
        state: query.state.map(JobState::from),
        name: given(query.name),
        text: given(query.q),
        order: given(query.order),
        from: query.from,
        to: query.to,
    };
    let bound = (&queue, &filter);
    let after = query.cursor.as_deref().map(|cursor| place(&cursors.read(&bound, cursor)?)).transpose()?;
    known(&queues, &queue).await?;
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    let found = queues.search(&queue, &filter, after, limit).await.map_err(look_error)?;
    Ok(answer::ok(&JobPage {
        data: found.jobs.iter().map(JobView::from).collect(),
        next_cursor: found.next.map(|next| cursors.write(&bound, &text(&next))),
        searched: found.searched,
        stopped: found.stopped,
    }))
}

fn text(place: &Place) -> String {
    let mark = place.mark.as_ref().map(|mark| mark.0.as_str());
    serde_json::json!([place.state.as_str(), mark, place.last]).to_string()
}

fn place(text: &str) -> Result<Place, Problem> {
    let (state, mark, last): (String, Option<String>, Option<String>) =
        serde_json::from_str(text).map_err(|_| bad_cursor())?;
    let state = JobState::ALL.into_iter().find(|s| s.as_str() == state).ok_or_else(bad_cursor)?;
    Ok(Place { state, mark: mark.map(Mark), last })
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobActionView {
    pub name: &'static str,
    pub right: &'static str,
    pub allowed: bool,
    /// Why not.
    pub why: Option<String>,
    /// What it will do.
    pub effect: String,
    /// It may book a shipment, which is paid for.
    pub costs: bool,
    /// It should be confirmed by typing.
    pub typed: bool,
}

impl From<JobAction> for JobActionView {
    fn from(action: JobAction) -> Self {
        Self {
            name: action.name,
            right: Right::JobManage.as_str(),
            allowed: action.allowed,
            why: action.why,
            effect: action.effect,
            costs: action.costs,
            typed: false,
        }
    }
}

/// What was said of it when it was added.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobOptions {
    /// How often it may be tried; 0: another program did not say.
    pub attempts: u32,
    /// How long it waits between, in milliseconds, as BullMQ writes it.
    #[schema(value_type = Object, example = json!({ "type": "fixed", "delay": 1000 }))]
    pub backoff: Backoff,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobDetail {
    #[serde(flatten)]
    pub job: JobView,
    /// What it carries; fields that may be personal are hidden.
    #[schema(value_type = Option<Object>)]
    pub data: Option<Value>,
    /// The first words of data that is no JSON object.
    pub data_text: Option<String>,
    #[schema(value_type = Option<Object>)]
    pub return_value: Option<Value>,
    pub options: JobOptions,
    pub logs: Vec<String>,
    /// Its last runs, oldest first, with the calls that they made. Those that did not complete it are kept
    /// for a week.
    pub tries: Vec<RunView>,
    pub order: Option<OrderBrief>,
    pub actions: Vec<JobActionView>,
}

/// One job
///
/// What it carries, what became of it, the order that it is of, and what may be done with it: `effect` says
/// what that would do.
#[utoipa::path(get, path = "/queues/{queue}/jobs/{id}", tag = TAG, operation_id = "getJob",
    params(("queue" = String, Path, description = "The queue's name"),
        ("id" = String, Path, description = "The job's id")),
    responses(
        (status = 200, description = "The job", body = Data<JobDetail>),
        (status = 404, description = "The queue has no such job"),
    ))]
async fn get_job(
    State(state): State<AdminState>,
    Path((queue, id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let queues = &state.queues;
    let job = queues.job(&queue, &id).await.map_err(queue_error)?.ok_or_else(no_job)?;
    let logs = queues.logs(&queue, &id).await.map_err(queue_error)?;
    let order = queues.order_of(&state.orders, &job).await.map_err(look_error)?;
    let tries = state.desk.tries(&queue, &job, order.as_ref()).await?;
    let shown_data = shown::data(&job.data);
    Ok(data(JobDetail {
        data_text: shown_data.is_none().then(|| shown::unreadable(&job.data)),
        data: shown_data,
        return_value: job.return_value.as_deref().map(shown::value),
        options: JobOptions { attempts: job.attempts, backoff: job.backoff.clone() },
        logs: logs.iter().map(|line| redact::words(line)).collect(),
        tries,
        actions: queues.actions(&queue, &job, order.as_ref()).into_iter().map(Into::into).collect(),
        order: order.as_ref().map(OrderBrief::from),
        job: JobView::from(&job),
    }))
}

fn no_job() -> Problem {
    Problem::new(Kind::NotFound, "The queue has no such job.")
}

/// As it stands after an action.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobNow {
    /// Null: the job is gone.
    #[schema(value_type = Option<String>)]
    pub state: Option<&'static str>,
}

macro_rules! action {
    ($name:ident, $path:literal, $id:literal, $action:expr, $title:literal, $about:literal) => {
        #[doc = $title]
        #[doc = ""]
        #[doc = $about]
        #[utoipa::path(post, path = $path, tag = TAG, operation_id = $id, request_body = Because,
                                            params(("queue" = String, Path, description = "The queue's name"),
                                                ("id" = String, Path, description = "The job's id")),
                                            responses(
                                                (status = 200, description = "Done", body = Data<JobNow>),
                                                (status = 404, description = "The queue has no such job"),
                                                (status = 409, description = "`job-state`, `job-needed`"),
                                            ))]
        async fn $name(
            State(state): State<AdminState>,
            admin: Admin,
            Path((queue, id)): Path<(String, String)>,
            ValidJson(body): ValidJson<Because>,
        ) -> Result<Response, Problem> {
            act(&state, &admin, &queue, &id, $action(&id), &body).await
        }
    };
}

action!(
    retry_job,
    "/queues/{queue}/jobs/{id}/retry",
    "retryJob",
    Action::Retry,
    "Retry a failed job",
    "That of an order that has its end does nothing."
);
action!(
    promote_job,
    "/queues/{queue}/jobs/{id}/promote",
    "promoteJob",
    Action::Promote,
    "Run a delayed job now",
    "An order that must still wait puts it off again."
);
action!(
    remove_job,
    "/queues/{queue}/jobs/{id}/remove",
    "removeJob",
    Action::Remove,
    "Remove a job that does not run",
    "An order that still needs one gets another."
);

async fn act(
    state: &AdminState,
    admin: &Admin,
    queue: &str,
    id: &str,
    action: Action<'_>,
    body: &Because,
) -> Result<Response, Problem> {
    let by = admin.because(&body.reason)?;
    if state.queues.job(queue, id).await.map_err(queue_error)?.is_none() {
        return Err(no_job());
    }
    state.queues.act(queue, action, &by).await.map_err(action_error)?;
    now(state, queue, id).await
}

async fn now(state: &AdminState, queue: &str, id: &str) -> Result<Response, Problem> {
    let now = state.queues.job(queue, id).await.map_err(queue_error)?;
    Ok(data(JobNow { state: now.map(|job| job.state.as_str()) }))
}
