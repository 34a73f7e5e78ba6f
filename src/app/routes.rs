//! What a process shows over HTTP: the one list of routes, their document, and what handlers may take.

use crate::{
    features::orders::service::{Labels, OrderService},
    platform::{
        auth::Tokens,
        http::{
            health::{self, About},
            openapi, problem,
        },
    },
    provider::{carrier::ProviderEnv, parcelx::log::ProviderLogs},
};
use axum::extract::FromRef;
use tokio_util::sync::CancellationToken;
use utoipa::openapi::tag::TagBuilder;
use utoipa_axum::router::OpenApiRouter;

/// Largest request body.
pub const BODY_LIMIT: usize = 256 * 1024;

/// What handlers may take.
#[derive(Clone, Debug)]
pub struct AppState {
    pub orders: OrderService,
    pub labels: Labels,
    pub logs: ProviderLogs,
    pub tokens: Tokens,
}

impl FromRef<AppState> for OrderService {
    fn from_ref(state: &AppState) -> Self {
        state.orders.clone()
    }
}

impl FromRef<AppState> for Labels {
    fn from_ref(state: &AppState) -> Self {
        state.labels.clone()
    }
}

impl FromRef<AppState> for ProviderLogs {
    fn from_ref(state: &AppState) -> Self {
        state.logs.clone()
    }
}

impl FromRef<AppState> for Tokens {
    fn from_ref(state: &AppState) -> Self {
        state.tokens.clone()
    }
}

/// The parts of the document, in the order in which the page shows them.
const TAGS: [(&str, &str); 3] = [
    ("Orders", "What merchants ask for and what has become of it"),
    ("Errors", "The catalogue that the `type` of an error leads to"),
    ("Service", "What machines ask about the process"),
];

/// The one list of routes. `health` comes from outside, since it alone knows the process.
pub(super) fn routes(health: OpenApiRouter<AppState>) -> OpenApiRouter<AppState> {
    let mut document = openapi::document();
    document.tags = Some(
        TAGS.map(|(name, about)| TagBuilder::new().name(name).description(Some(about)).build()).to_vec(),
    );
    OpenApiRouter::with_openapi(document)
        .merge(crate::features::orders::routes::routes())
        .merge(crate::provider::parcelx::routes::routes())
        .merge(health)
        .merge(problem::routes())
}

/// The OpenAPI document, as `/openapi.json` serves it. Needs no settings and opens nothing.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    let health = health::routes(about(ProviderEnv::Simulator), Vec::new(), CancellationToken::new());
    let (_, mut document) = routes(health).split_for_parts();
    openapi::complete(&mut document);
    document
}

pub(super) fn about(env: ProviderEnv) -> About {
    About {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: option_env!("WAYBILL_COMMIT").map(str::to_owned),
        provider_env: env.as_str().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Map, Value};

    fn object(value: &Value) -> &Map<String, Value> {
        value.as_object().unwrap()
    }

    #[test]
    fn the_document_names_and_describes_what_it_holds() {
        let document = serde_json::to_value(super::document()).unwrap();
        let mut names = BTreeSet::new();
        for (path, item) in object(&document["paths"]) {
            for (method, operation) in object(item) {
                let name = operation["operationId"].as_str().unwrap();
                assert!(name.bytes().all(|b| b.is_ascii_alphanumeric()), "{name}");
                assert!(names.insert(name), "{name} comes twice");
                assert!(
                    super::TAGS.iter().any(|(tag, _)| operation["tags"][0] == *tag),
                    "{method} {path}: {}",
                    operation["tags"]
                );
                for (status, answer) in object(&operation["responses"]) {
                    assert!(
                        answer["description"].is_string(),
                        "{method} {path} {status}: the standard wants a description"
                    );
                }
            }
        }
    }

    #[test]
    fn no_field_must_be_a_text_and_an_object_at_once() {
        let document = serde_json::to_value(super::document()).unwrap();
        for (name, schema) in object(&document["components"]["schemas"]) {
            for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
                assert!(schema.get("allOf").is_none(), "{name}.{field}: {schema}");
            }
        }
    }
}
