//! The OpenAPI document and the page that shows it.
//!
//! The errors that any route can return are added to every operation here, and schemas that no value could
//! satisfy are corrected.

use axum::{
    Router,
    extract::Request,
    http::{HeaderValue, header},
    middleware::{Next, from_fn},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use bytes::Bytes;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        AllOf, ContentBuilder, Header, ObjectBuilder, Ref, RefOr, Response as ApiResponse, ResponseBuilder,
        Schema, Type,
        example::{Example, ExampleBuilder},
        path::{Operation, PathItem},
        security::{Http, HttpAuthScheme, SecurityScheme},
    },
};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::{FieldError, Kind, ProblemBody};

/// Allows only what the page needs. The hash is that of Swagger UI's one inline style.
const DOCS_CSP: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; \
     style-src 'self' 'unsafe-hashes' 'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='; \
     img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'",
);

const PROBLEM: &str = "application/problem+json";

const GUIDE: &str = "\
Accepts shipping orders and books each of them exactly once with the courier aggregator ParcelX.

**Authentication.** Send `Authorization: Bearer <token>` with an access token (`POST /auth/login`) or an API \
key (`POST /v1/api-keys`). On this page, press *Authorize* and paste it without the word Bearer.

**Limits.** Responses say in `RateLimit` how many requests are left; over a limit comes 429 with \
`Retry-After`.

**Idempotency.** There is one order per account and `clientOrderId`. Sending the same order again returns \
200 with the existing order and the header `Idempotent-Replayed: true`; the same `clientOrderId` with \
different content returns 422 `idempotency-payload-mismatch`. The header `Idempotency-Key` stands for a \
`clientOrderId` that is absent. Without either, every call creates a new order. Other requests are \
idempotent by themselves, and need no key.

**Limits.** A body has 256 KiB at most (a document 5 MiB; what people send about themselves, their keys and \
their webhooks 16 KiB), also where the longest texts of the most items would need more: an order of 500 \
items has room for some 500 bytes each. Write letters as UTF-8, not as `\\u` escapes, which are longer.

**Errors** are `application/problem+json` (RFC 9457). Branch on `code`; `retryable` says whether the same \
request may succeed later; `errors[]` lists every error of the request with a JSON Pointer. All types are \
listed at [/problems](/problems).

**Booking is asynchronous.** A create returns as soon as the order is stored. Read the order to follow \
`providerSyncStatus`; `reconciling` means that the outcome at ParcelX is not known yet, not that it failed. \
Ignore enum values and fields that you do not know: new ones may be added.

**Request ids.** Every response has `X-Request-Id`: yours, if it is 1 to 128 of the characters \
`A-Za-z0-9._-`, else a generated one.";

#[derive(OpenApi)]
#[openapi(
    info(title = "Waybill", description = GUIDE, license(name = "MIT", identifier = "MIT")),
    servers((url = "/", description = "This service")),
    components(schemas(ProblemBody, FieldError)),
    security(("bearer" = [])),
    modifiers(&Bearer)
)]
struct Base;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let mut http = Http::new(HttpAuthScheme::Bearer);
        http.bearer_format = Some("JWT".to_owned());
        let what = "An access token (`POST /auth/login`, `waybill token`), or an API key (`wbk_…`).";
        http.description = Some(what.to_owned());
        openapi.components.get_or_insert_default().add_security_scheme("bearer", SecurityScheme::Http(http));
    }
}

/// The document without routes, from which an `OpenApiRouter` starts. An operation requires the bearer token
/// unless it has `security(())`.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    Base::openapi()
}

/// Swagger UI at `/docs` (its files are embedded in the program) and the document at `/openapi.json`.
pub fn docs(mut openapi: utoipa::openapi::OpenApi) -> Router {
    complete(&mut openapi);
    let json = match openapi.to_json() {
        Ok(json) => Bytes::from(json),
        Err(error) => {
            tracing::error!(%error, "the OpenAPI document cannot be serialised");
            Bytes::from_static(b"{}")
        }
    };
    let config = Config::new(["/openapi.json"])
        .deep_linking(true)
        .persist_authorization(true)
        .try_it_out_enabled(true)
        .display_request_duration(true)
        .use_base_layout() // without the field for another document's address
        .default_models_expand_depth(0)
        .validator_url("none"); // otherwise the page sends the document to a third party's validator
    let page: Router = SwaggerUi::new("/docs").config(config).into();
    // Who asks for nothing in particular wants to know what there is.
    let page = page.layer(from_fn(docs_headers)).route("/", get(async || Redirect::temporary("/docs")));
    page.route(
        "/openapi.json",
        get(async move || {
            ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")], json)
        }),
    )
}

/// Sets the page's own security policy, and allows the browser to cache its large files.
async fn docs_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await.into_response();
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, DOCS_CSP);
    if response.status().is_success() {
        response
            .headers_mut()
            .insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=3600"));
    }
    response
}

/// Adds the errors of the HTTP layer that the operation does not describe itself, and corrects schemas.
pub fn complete(openapi: &mut utoipa::openapi::OpenApi) {
    for schema in openapi.components.iter_mut().flat_map(|c| c.schemas.values_mut()) {
        let RefOr::T(Schema::Object(object)) = schema else { continue };
        object.properties.values_mut().for_each(describe_directly);
    }
    for (path, item) in &mut openapi.paths.paths {
        operations(item).for_each(|operation| complete_operation(path, operation));
    }
}

fn complete_operation(path: &str, operation: &mut Operation) {
    let public = operation
        .security
        .as_ref()
        .is_some_and(|s| s.iter().all(|r| *r == utoipa::openapi::SecurityRequirement::default()));
    let has_body = operation.request_body.is_some();
    let mut statuses = vec![
        ("500", "Something went wrong on our side"),
        ("503", "Took too long, or temporarily unavailable"),
    ];
    if !public {
        statuses.extend([
            ("401", "No valid access token or key"),
            ("403", "The caller may not do this, or its merchant is suspended"),
            ("429", "More requests than the caller's limit allows; see `RateLimit` and `Retry-After`"),
        ]);
    }
    if has_body {
        statuses.extend([
            ("400", "The body is not valid JSON"),
            ("413", "The body is larger than it may be"),
            ("415", "The body is not sent as JSON"),
            ("422", "Fields are missing or not valid; every one is listed"),
        ]);
    }
    let responses = &mut operation.responses.responses;
    let creates = responses.contains_key("201");
    for (status, description) in statuses {
        responses.entry(status.to_owned()).or_insert_with(|| RefOr::T(problem(description)));
    }
    if let Some(RefOr::T(unavailable)) = responses.get_mut("503") {
        unavailable.headers.entry("Retry-After".to_owned()).or_insert_with(|| RefOr::T(retry_after()));
    }
    for (status, response) in responses {
        // Every error has the same body, also one that the operation describes itself.
        if let RefOr::T(response) = response
            && status.starts_with(['4', '5'])
            && response.content.is_empty()
        {
            response.content = problem("").content;
        }
        if let RefOr::T(response) = response
            && let Some(RefOr::T(content)) = response.content.get_mut(PROBLEM)
        {
            let kinds = Kind::ALL
                .into_iter()
                .filter(|kind| kind.status().as_str() == status && kind.fits(has_body, creates));
            content
                .examples
                .extend(kinds.map(|kind| (kind.code().to_owned(), RefOr::T(example(kind, path)))));
        }
    }
}

/// A schema has only one example, so each status shows its own problems here.
fn example(kind: Kind, path: &str) -> Example {
    ExampleBuilder::new().summary(kind.title()).value(Some(ProblemBody::example(kind, path))).build()
}

/// utoipa writes a described field with an inlined schema as `allOf` the schema and an object with the
/// description. No string is also an object, so the description moves into the schema.
fn describe_directly(field: &mut RefOr<Schema>) {
    let RefOr::T(Schema::AllOf(AllOf { items, .. })) = field else { return };
    let [RefOr::T(Schema::Object(inlined)), RefOr::T(Schema::Object(other))] = items.as_mut_slice() else {
        return;
    };
    if other.description.is_some() && other.properties.is_empty() && other.required.is_empty() {
        let mut described = inlined.clone();
        described.description = other.description.take();
        *field = RefOr::T(Schema::Object(described));
    }
}

fn retry_after() -> Header {
    let mut header = Header::new(ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)));
    header.description = Some("Seconds to wait before the same request is sent again".to_owned());
    header
}

fn problem(description: &str) -> ApiResponse {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("ProblemBody"))).build();
    ResponseBuilder::new().description(description).content(PROBLEM, content).build()
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    [get, put, post, delete, patch].into_iter().filter_map(Option::as_mut)
}
