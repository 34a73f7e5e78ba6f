//! The API's document and its page.

use axum::Router;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use utoipa_axum::{router::OpenApiRouter, routes};
use waybill::platform::http::{
    health::{self, About},
    openapi, problem,
};

use super::{edge, get};

#[derive(serde::Deserialize, utoipa::ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Body {
    name: String,
}

/// Makes one
#[utoipa::path(post, path = "/made", request_body = Body, responses(
    (status = 200, description = "made"), (status = 503, description = "its own text"),
))]
async fn make() {}

fn router() -> Router {
    let about =
        About { name: "waybill".into(), version: "0".into(), commit: None, provider_env: "live".into() };
    let (routes, document) = OpenApiRouter::<()>::with_openapi(openapi::document())
        .merge(problem::routes())
        .merge(health::routes(about, Vec::new(), CancellationToken::new()))
        .routes(routes!(make))
        .split_for_parts();
    edge(routes.merge(openapi::docs(document)))
}

#[tokio::test]
async fn the_document_is_whole() {
    let a = get(&router(), "/openapi.json").await;
    let doc = a.json();
    assert_eq!(doc["openapi"], "3.1.0");
    assert_eq!(doc["info"]["title"], "Waybill");
    assert_eq!(doc["info"]["license"]["identifier"], "MIT");
    assert_eq!(doc["servers"][0]["url"], "/");
    let bearer = &doc["components"]["securitySchemes"]["bearer"];
    assert_eq!(
        (&bearer["type"], &bearer["scheme"], &bearer["bearerFormat"]),
        (&"http".into(), &"bearer".into(), &"JWT".into())
    );
    for path in
        ["/problems", "/problems/{code}", "/healthz", "/health", "/readyz", "/version", "/metrics", "/made"]
    {
        assert!(doc["paths"].get(path).is_some(), "{path} is missing");
    }
    let made = &doc["paths"]["/made"]["post"]["responses"];
    for status in ["400", "401", "403", "413", "415", "422", "500"] {
        let schema = &made[status]["content"]["application/problem+json"]["schema"]["$ref"];
        assert_eq!(schema, "#/components/schemas/ProblemBody", "{status}");
    }
    assert_eq!(made["503"]["description"], "its own text");
    assert!(doc["paths"]["/healthz"]["get"]["responses"].get("401").is_none(), "a public route");
    assert_eq!(doc["paths"]["/healthz"]["get"]["security"], serde_json::json!([{}]));
}

#[tokio::test]
async fn every_reference_in_the_document_leads_somewhere() {
    fn references(v: &Value, out: &mut Vec<String>) {
        match v {
            Value::Object(o) => {
                for (key, value) in o {
                    match value.as_str() {
                        Some(target) if key == "$ref" => out.push(target.to_owned()),
                        _ => references(value, out),
                    }
                }
            }
            Value::Array(a) => a.iter().for_each(|v| references(v, out)),
            _ => {}
        }
    }
    let doc = get(&router(), "/openapi.json").await.json();
    let mut all = Vec::new();
    references(&doc, &mut all);
    assert!(all.len() > 5);
    for r in all {
        assert!(doc.pointer(r.strip_prefix('#').unwrap()).is_some(), "{r}");
    }
    let problem = &doc["components"]["schemas"]["ProblemBody"]["properties"];
    for member in [
        "type",
        "title",
        "status",
        "detail",
        "instance",
        "code",
        "requestId",
        "retryable",
        "errors",
        "success",
        "message",
    ] {
        assert!(problem.get(member).is_some(), "{member}: {problem}");
    }
}

#[tokio::test]
async fn the_page_needs_nothing_but_this_service() {
    let router = router();
    let redirect = get(&router, "/docs").await;
    assert!(redirect.status.is_redirection());
    assert_eq!(redirect.header("location"), "/docs/");
    let page = get(&router, "/docs/").await;
    assert!(
        page.header("content-security-policy")
            .contains("script-src 'self'; style-src 'self' 'unsafe-hashes'")
    );
    assert_eq!(page.headers.get_all("content-security-policy").iter().count(), 1);
    assert!(!page.text().contains("http://") && !page.text().contains("https://"), "{}", page.text());
    let mut files = 0;
    for rest in page.text().split("\"./").skip(1) {
        let file = rest.split('"').next().unwrap();
        let a = get(&router, &format!("/docs/{file}")).await;
        assert!(a.status.is_success() && a.body.len() > 100, "{file}: {}", a.status);
        files += 1;
    }
    assert!(files >= 4, "{}", page.text());
    let start = get(&router, "/docs/swagger-initializer.js").await;
    for setting in [
        "\"/openapi.json\"",
        "\"persistAuthorization\": true",
        "\"tryItOutEnabled\": true",
        "\"deepLinking\": true",
        "\"validatorUrl\": \"none\"",
    ] {
        assert!(start.text().contains(setting), "{setting}: {}", start.text());
    }
    get(&router, "/docs/no-such-file").await.problem(waybill::platform::http::Kind::NotFound);
}
