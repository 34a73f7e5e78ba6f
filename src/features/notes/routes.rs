//! `POST /v1/notes`, `GET /v1/notes/{id}`.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use validator::Validate;

use super::{jobs::CountWords, model::Note};
use crate::{
    base::{clock::Clock, ids},
    features::Services,
    platform::{
        auth::Merchant,
        http::{Kind, Problem, ValidJson, answer},
        queue::{NewJob, producer::Producer, retry::Policy},
        store::Store,
    },
};

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new().routes(routes!(create_note)).routes(routes!(get_note))
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateNote {
    #[validate(length(min = 1, max = 500))]
    text: String,
}

/// Write a note
#[utoipa::path(post, path = "/v1/notes", tag = "Notes", operation_id = "createNote",
    request_body = CreateNote, responses((status = 201, description = "Kept", body = Note)))]
async fn create_note(
    State(store): State<Store>,
    State(clock): State<Clock>,
    State(producer): State<Producer>,
    merchant: Merchant,
    ValidJson(body): ValidJson<CreateNote>,
) -> Result<Response, Problem> {
    let now = clock.now();
    let id = ids::order(now).replace("ord_", "not_");
    let note =
        Note { id, version: 1, user_id: merchant.user_id, text: body.text, words: None, created_at: now };
    store.insert(&note).await?;
    let policy = Policy { attempts: 3, backoff: std::time::Duration::from_secs(5) };
    if let Ok(job) =
        NewJob::of(format!("count-{}", note.id), &CountWords { note_id: note.id.clone() }, &policy)
    {
        producer.offer(job).await;
    }
    Ok(answer::json(StatusCode::CREATED, &note))
}

/// Read a note
#[utoipa::path(get, path = "/v1/notes/{id}", tag = "Notes", operation_id = "getNote",
    params(("id" = String, Path, description = "The note's id")),
    responses((status = 200, description = "The note", body = Note), (status = 404, description = "None")))]
async fn get_note(
    State(store): State<Store>,
    merchant: Merchant,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let note = store.get::<Note>(&id).await?.filter(|note| note.user_id == merchant.user_id);
    Ok(answer::ok(&note.ok_or_else(|| Problem::new(Kind::NotFound, "No note of yours has this id."))?))
}
