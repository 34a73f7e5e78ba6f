//! What a process shows over HTTP: the one list of routes, their document, and what handlers may take.

use tokio_util::sync::CancellationToken;
use utoipa::openapi::tag::TagBuilder;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    features::{Feature, Services, kyc},
    platform::http::{
        health::{self, About},
        openapi, problem,
    },
    provider::carrier::ProviderEnv,
};

/// The largest request body, in bytes, by how a route begins: the first row that fits counts.
pub const BODY_LIMITS: &[(&str, usize)] = &[
    ("/v1/kyc/documents/", kyc::content::LARGEST),
    // What people type about themselves and theirs, before they have signed in, too.
    ("/auth/", SMALL),
    ("/v1/me", SMALL),
    ("/v1/members", SMALL),
    ("/v1/api-keys", SMALL),
    ("/v1/notifications", SMALL),
    ("/v1/stream-tickets", SMALL),
    ("/v1/webhook-endpoints", SMALL),
    ("/admin/api/login", SMALL),
    ("", 256 * 1024),
];
const SMALL: usize = 16 * 1024;

/// The parts of the document that no feature owns, below those of the features.
const TAGS: [(&str, &str); 2] = [
    ("Errors", "The catalogue that the `type` of an error leads to"),
    ("Service", "What machines ask about the process"),
];

/// The routes of every feature, and those of the process. `health` comes from outside, since it alone knows
/// the process.
pub(super) fn routes(features: Vec<Feature>, health: OpenApiRouter<Services>) -> OpenApiRouter<Services> {
    let mut document = openapi::document();
    let tags = features.iter().filter_map(|feature| feature.tag).chain(TAGS);
    let tag = |(name, about)| TagBuilder::new().name(name).description(Some(about)).build();
    document.tags = Some(tags.map(tag).collect());
    let router = OpenApiRouter::with_openapi(document);
    let router = features.into_iter().fold(router, |router, feature| router.merge(feature.routes));
    router.merge(health).merge(problem::routes())
}

/// The OpenAPI document, as `/openapi.json` serves it. Needs no settings and opens nothing.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    let health = health::routes(about(ProviderEnv::Simulator), Vec::new(), CancellationToken::new());
    let (_, mut document) = routes(super::features(), health).split_for_parts();
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
        let (mut names, tags) = (BTreeSet::new(), document["tags"].as_array().unwrap());
        for (path, item) in object(&document["paths"]) {
            for (method, operation) in object(item) {
                let name = operation["operationId"].as_str().unwrap();
                assert!(name.bytes().all(|b| b.is_ascii_alphanumeric()), "{name}");
                assert!(names.insert(name), "{name} comes twice");
                assert!(
                    tags.iter().any(|tag| tag["name"] == operation["tags"][0]),
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
    fn every_limit_of_bodies_is_that_of_a_route() {
        let document = serde_json::to_value(super::document()).unwrap();
        for (begins, _) in super::BODY_LIMITS.iter().filter(|(begins, _)| !begins.starts_with("/admin/")) {
            assert!(object(&document["paths"]).keys().any(|path| path.starts_with(begins)), "{begins}");
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
