//! The routes of the catalogue: a problem's `type` is the path of one of them.

use axum::{
    extract::Path,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Kind, Problem};
use crate::platform::http::answer;

/// One entry of the catalogue.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProblemType {
    #[schema(value_type = String, example = "not-found")]
    pub code: &'static str,
    #[schema(example = "/problems/not-found")]
    pub r#type: String,
    #[schema(value_type = String, example = "There is nothing here")]
    pub title: &'static str,
    #[schema(example = 404)]
    pub status: u16,
    /// Whether the same request, sent again later, may succeed.
    pub retryable: bool,
    /// What it means and what to do.
    #[schema(value_type = String)]
    pub advice: &'static str,
}

impl From<Kind> for ProblemType {
    fn from(kind: Kind) -> Self {
        Self {
            code: kind.code(),
            r#type: kind.type_uri(),
            title: kind.title(),
            status: kind.status().as_u16(),
            retryable: kind.retryable(),
            advice: kind.advice(),
        }
    }
}

/// `GET /problems` and `GET /problems/{code}`: public.
pub fn routes<S: Clone + Send + Sync + 'static>() -> OpenApiRouter<S> {
    OpenApiRouter::new().routes(routes!(list_problem_types)).routes(routes!(get_problem_type))
}

/// Every type of problem
///
/// Errors are problem documents (RFC 9457). This lists their types, with advice for each.
#[utoipa::path(get, path = "/problems", tag = "Errors", operation_id = "listProblemTypes", security(()),
    responses((status = 200, description = "All types", body = Vec<ProblemType>,
        example = json!([ProblemType::from(Kind::NotFound)]))))]
async fn list_problem_types() -> Response {
    answer::ok(&Kind::ALL.map(ProblemType::from))
}

/// One type of problem
///
/// The `type` of a problem document is this path.
#[utoipa::path(
    get, path = "/problems/{code}", tag = "Errors", operation_id = "getProblemType", security(()),
    params(("code" = String, Path, description = "the `code` of a problem document", example = "not-found")),
    responses(
        (status = 200, description = "The type", body = ProblemType,
            example = json!(ProblemType::from(Kind::NotFound))),
        (status = 404, description = "No type has this code"),
    )
)]
async fn get_problem_type(Path(code): Path<String>) -> Response {
    match Kind::of_code(&code) {
        Some(kind) => answer::ok(&ProblemType::from(kind)),
        None => Problem::new(Kind::NotFound, "There is no problem type with this code.").into_response(),
    }
}
