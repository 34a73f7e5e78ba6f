//! What every answer has, and what every corner says when it refuses.

use std::{cell::RefCell, collections::BTreeSet, sync::Once, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Extension, Path},
    routing::{get, post},
};
use futures_util::future;
use http::{Method, Request, StatusCode, header};
use tracing_subscriber::{Layer, filter::dynamic_filter_fn, layer::SubscriberExt, util::SubscriberInitExt};
use waybill::{
    base::clock::Clock,
    platform::{
        http::{FieldError, Kind, Limits, Problem, RequestId, ValidJson, middleware, problem},
        telemetry,
    },
};

use super::{Answer, call, edge, get as fetch, post as send_json, send};

const SECRET: &str = "hunter2-in-a-panic";

fn router() -> Router {
    let routes = Router::new()
        .route("/plain", get(async || "hello"))
        .route("/id", get(async |Extension(id): Extension<RequestId>| id.to_string()))
        .route("/panic", get(async || if true { panic!("{SECRET}") } else { "never" }))
        .route(
            "/panic-late",
            get(async || {
                tokio::task::yield_now().await;
                "".parse::<u32>().expect(SECRET).to_string()
            }),
        )
        .route("/number/{n}", get(async |Path(n): Path<u32>| n.to_string()))
        .route("/teapot", get(async || StatusCode::IM_A_TEAPOT))
        .route(
            "/bare/{status}",
            get(async |Path(s): Path<u16>| (StatusCode::from_u16(s).unwrap(), "a library's own words")),
        )
        .route("/broken", get(async || Problem::internal(&SECRET)))
        .route("/items", get(async || "list").post(async || "made").delete(async || "gone"))
        .route(
            "/own-headers",
            get(async || {
                (
                    [
                        (header::CACHE_CONTROL, "max-age=60"),
                        (header::CONTENT_SECURITY_POLICY, "default-src 'self'"),
                    ],
                    "x",
                )
            }),
        )
        .route("/large", get(async || "0123456789".repeat(500)))
        .route("/small", get(async || "0123456789".repeat(100)))
        .route("/raw", post(async |body: bytes::Bytes| body.len().to_string()))
        .route("/any-json", post(async |ValidJson(Anything {}): ValidJson<Anything>| "ok"))
        .route(
            "/rich",
            get(async || {
                Problem::new(Kind::ConflictState, "The order is booked.")
                    .errors(vec![FieldError::pointer("/a/b", "state", "is booked")])
                    .retry_after(Duration::from_millis(1200))
                    .header(header::ETAG, "\"7\"".parse().unwrap())
                    .member("state", "booked")
                    .member("code", "cannot be replaced")
            }),
        )
        .route(
            "/finished-document",
            get(async || {
                (
                    StatusCode::BAD_GATEWAY,
                    [(header::CONTENT_TYPE, "application/problem+json")],
                    "{\"own\":true}",
                )
            }),
        );
    let (catalogue, _) = problem::routes::<()>().split_for_parts();
    edge(
        routes
            .merge(catalogue)
            .nest("/nested", Router::new().route("/inner", get(async || "inner").put(async || "put"))),
    )
}

#[derive(serde::Deserialize, validator::Validate)]
#[serde(deny_unknown_fields)]
struct Anything {}

#[tokio::test]
async fn every_answer_has_an_id_and_the_security_headers() {
    let router = router();
    for path in ["/plain", "/nowhere", "/panic", "/rich", "/bare/500", "/nested/inner"] {
        let a = fetch(&router, path).await;
        assert!(a.header("x-request-id").starts_with("req_"), "{path}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(a.header(name), value, "{path}");
        }
        assert!(a.header("content-security-policy").starts_with("default-src 'none'"), "{path}");
    }
    let own = fetch(&router, "/own-headers").await;
    assert_eq!(own.header("cache-control"), "max-age=60");
    assert_eq!(own.header("content-security-policy"), "default-src 'self'");
    assert_eq!(own.headers.get_all("cache-control").iter().count(), 1);
}

#[tokio::test]
async fn a_harmless_request_id_is_kept_and_any_other_replaced() {
    let router = router();
    let with = async |id: &[u8]| {
        let request = Request::get("/id").header("x-request-id", id).body(Body::empty()).unwrap();
        send(&router, request).await
    };
    for good in ["a", "Order.7_x-9", &"z".repeat(128)] {
        let a = with(good.as_bytes()).await;
        assert_eq!((a.header("x-request-id"), a.text()), (good, good));
    }
    for bad in [&b""[..], b"with space", b"<script>", b"a\"b", "z".repeat(129).as_bytes(), b"\xff\xfe"] {
        let a = with(bad).await;
        assert!(a.header("x-request-id").starts_with("req_"), "{bad:?}");
        assert_eq!(a.header("x-request-id"), a.text(), "the handler must see the same id");
    }
}

#[tokio::test]
async fn unknown_paths_are_not_found() {
    let router = router();
    for path in ["/nowhere", "/items/", "/nested", "/nested/", "/nested/other", "//items", "/%ff"] {
        let body = fetch(&router, path).await.problem(Kind::NotFound);
        assert_eq!(body["instance"], path);
    }
    call(&router, Method::POST, "/nowhere").await.problem(Kind::NotFound);
}

#[tokio::test]
async fn wrong_methods_are_told_the_right_ones() {
    let router = router();
    let allowed =
        |a: &Answer| a.header("allow").split(',').map(|m| m.trim().to_owned()).collect::<BTreeSet<_>>();
    for (method, path, methods) in [
        (Method::PUT, "/items", &["GET", "HEAD", "POST", "DELETE"][..]),
        (Method::POST, "/plain", &["GET", "HEAD"]),
        (Method::GET, "/raw", &["POST"]),
        (Method::DELETE, "/nested/inner", &["GET", "HEAD", "PUT"]),
        (Method::OPTIONS, "/plain", &["GET", "HEAD"]),
        (Method::from_bytes(b"BREW").unwrap(), "/problems", &["GET", "HEAD"]),
    ] {
        let a = call(&router, method.clone(), path).await;
        a.problem(Kind::MethodNotAllowed);
        assert_eq!(allowed(&a), methods.iter().map(|m| (*m).to_owned()).collect(), "{method} {path}");
    }
    assert_eq!(call(&router, Method::HEAD, "/items").await.status, StatusCode::OK);
}

#[tokio::test]
async fn panics_are_answered_and_say_nothing() {
    let router = router();
    for path in ["/panic", "/panic-late", "/broken"] {
        let a = fetch(&router, path).await;
        a.problem(Kind::Internal);
        assert!(!a.text().contains(SECRET) && !a.text().contains(".rs"), "{}", a.text());
    }
    assert_eq!(fetch(&router, "/plain").await.text(), "hello");
}

#[tokio::test]
async fn slow_handlers_and_slow_bodies_are_given_up() {
    let router = Router::new()
        .route("/never", get(async || future::pending::<&str>().await))
        .route("/body", post(async |ValidJson(Anything {}): ValidJson<Anything>| "ok"));
    let limits = Limits { bodies: &[("", 100)], timeout: Duration::from_millis(20) };
    let router = middleware::apply(router, &limits, Clock::system());
    let a = fetch(&router, "/never").await;
    a.problem(Kind::RequestTimeout);
    assert_eq!(a.header("retry-after"), "1");

    let endless = Body::new(http_body_util::StreamBody::new(futures_util::stream::pending::<
        Result<hyper::body::Frame<bytes::Bytes>, std::io::Error>,
    >()));
    send_json(&router, "/body", endless).await.problem(Kind::RequestTimeout);
}

#[tokio::test]
async fn answers_of_libraries_become_problems_and_keep_their_status() {
    let router = router();
    fetch(&router, "/number/x").await.problem(Kind::BadRequest);
    fetch(&router, "/bare/401").await.problem(Kind::Unauthenticated);
    fetch(&router, "/bare/503").await.problem(Kind::TemporarilyUnavailable);
    send_json(&router, "/raw", "x".repeat(5000)).await.problem(Kind::PayloadTooLarge);
    for (path, status, code) in [
        ("/teapot", 418, "i'm-a-teapot"),
        ("/bare/412", 412, "precondition-failed"),
        ("/bare/504", 504, "gateway-timeout"),
    ] {
        let a = fetch(&router, path).await;
        let body = a.json();
        assert_eq!(
            (a.status.as_u16(), &body["status"], &body["code"]),
            (status, &status.into(), &code.into())
        );
        assert_eq!(
            (&body["type"], a.header("content-type")),
            (&"about:blank".into(), "application/problem+json")
        );
        assert!(!a.text().contains("library"));
    }
    assert_eq!(fetch(&router, "/finished-document").await.text(), "{\"own\":true}");
}

#[tokio::test]
async fn a_problem_brings_its_faults_headers_and_members() {
    let a = fetch(&router(), "/rich").await;
    let body = a.problem(Kind::ConflictState);
    assert_eq!(
        body["errors"],
        serde_json::json!([{ "pointer": "/a/b", "code": "state", "detail": "is booked" }])
    );
    assert_eq!(body["state"], "booked");
    assert_eq!((a.header("retry-after"), a.header("etag")), ("2", "\"7\""));
}

#[tokio::test]
async fn the_type_of_every_problem_leads_to_its_entry() {
    let router = router();
    let list = fetch(&router, "/problems").await.json();
    assert_eq!(list.as_array().unwrap().len(), Kind::ALL.len());
    for (kind, entry) in Kind::ALL.iter().zip(list.as_array().unwrap()) {
        assert_eq!(&fetch(&router, &kind.type_uri()).await.json(), entry);
        assert_eq!((&entry["code"], &entry["status"]), (&kind.code().into(), &kind.status().as_u16().into()));
        assert!(entry["advice"].as_str().unwrap().len() > 40);
    }
    fetch(&router, "/problems/no-such").await.problem(Kind::NotFound);
}

#[tokio::test]
async fn large_answers_are_compressed_for_those_who_ask() {
    let router = router();
    let ask = async |path: &str, encoding: &'static str| {
        send(&router, Request::get(path).header("accept-encoding", encoding).body(Body::empty()).unwrap())
            .await
    };
    let large = ask("/large", "gzip").await;
    assert_eq!(large.header("content-encoding"), "gzip");
    assert!(large.body.len() < 1000);
    assert_eq!(ask("/large", "identity").await.body.len(), 5000);
    assert_eq!(ask("/small", "gzip").await.header("content-encoding"), "");
}

#[tokio::test]
async fn too_many_headers_are_a_problem() {
    let mut request = Request::get("/plain");
    for i in 0..40 {
        request = request.header(format!("x-h{i}"), "v".repeat(500));
    }
    send(&router(), request.body(Body::empty()).unwrap()).await.problem(Kind::HeadersTooLarge);
}

#[tokio::test]
async fn requests_are_counted_by_route_never_by_path() {
    telemetry::install();
    telemetry::install();
    let router = router();
    for path in ["/number/4711", "/number/4712", "/no-such-path-4713"] {
        fetch(&router, path).await;
    }
    call(&router, Method::from_bytes(b"BREW4714").unwrap(), "/plain").await;
    let text = telemetry::render();
    assert!(
        text.contains("waybill_http_requests_total{method=\"GET\",route=\"/number/{n}\",status=\"200\"}"),
        "{text}"
    );
    assert!(text.contains("route=\"unmatched\",status=\"404\""), "{text}");
    assert!(text.contains("method=\"other\",route=\"/plain\",status=\"405\""), "{text}");
    assert!(text.contains("waybill_http_request_duration_seconds_bucket"), "{text}");
    for made_up in ["number/471", "no-such-path", "BREW"] {
        assert!(!text.contains(made_up), "an id or an invented method became a label: {text}");
    }
    for described in ["waybill_http_requests_total", "waybill_http_request_duration_seconds"] {
        assert!(text.contains(&format!("# HELP {described} ")), "{described}: {text}");
    }
}

#[test]
fn a_metric_that_is_declared_anywhere_is_described_and_has_buckets() {
    static SEEN: telemetry::Counter = telemetry::Counter::new("waybill_test_seen_total", "Things seen.");
    static LEVEL: telemetry::Gauge = telemetry::Gauge::new("waybill_test_level", "How high it is.");
    static TOOK: telemetry::Durations =
        telemetry::Durations::new("waybill_test_duration_seconds", "How long it took.");
    telemetry::install();
    SEEN.increment(&[("kind", "a")]);
    SEEN.increment(&[("kind", "a")]);
    LEVEL.set(&[], 1.5);
    TOOK.record(&[], Duration::from_millis(30));
    let text = telemetry::render();
    for line in [
        "# HELP waybill_test_seen_total Things seen.",
        "waybill_test_seen_total{kind=\"a\"} 2",
        "waybill_test_level 1.5",
        "waybill_test_duration_seconds_bucket{le=\"0.1\"} 1",
        "waybill_test_duration_seconds_bucket{le=\"0.025\"} 0",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

thread_local! {
    /// What this thread has logged, while it wants to know.
    static LINES: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

struct Lines;

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LINES.with_borrow_mut(|lines| lines.iter_mut().for_each(|l| l.extend_from_slice(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What `work` logs on this thread. One subscriber for all threads: `tracing` remembers for the whole process
/// whether a line is wanted, so with one per test a line first reached by another test, which has none, would
/// be off for this one too.
async fn logged(work: impl Future<Output = ()>) -> String {
    static SUBSCRIBER: Once = Once::new();
    SUBSCRIBER.call_once(|| {
        let wanted = dynamic_filter_fn(|_, _| LINES.with_borrow(Option::is_some));
        let lines = tracing_subscriber::fmt::layer().json().with_writer(|| Lines).with_filter(wanted);
        tracing_subscriber::registry().with(lines).init();
        tracing::callsite::rebuild_interest_cache();
    });
    LINES.set(Some(Vec::new()));
    work.await;
    String::from_utf8(LINES.take().unwrap()).unwrap()
}

#[tokio::test]
async fn log_lines_have_the_id_and_the_route_and_nothing_of_the_request() {
    let text = logged(async {
        let router = router();
        for path in ["/number/4711?token=SECRET", "/broken?q=SECRET"] {
            let request = Request::get(path)
                .header("x-request-id", "order-run-7")
                .header("authorization", "Bearer SECRET");
            send(&router, request.body(Body::from("SECRET")).unwrap()).await;
        }
    })
    .await;
    let answered: Vec<_> = text.lines().filter(|l| l.contains("\"answered\"")).collect();
    assert_eq!(answered.len(), 2, "{text}");
    assert!(
        answered[0].contains("/number/{n}")
            && answered[0].contains("\"status\":200")
            && answered[0].contains("duration_ms"),
        "{text}"
    );
    assert!(answered[1].contains("\"WARN\""), "a failure of ours stands out: {text}");
    assert!(text.lines().all(|l| l.contains("order-run-7")), "{text}");
    assert!(!text.contains("4711") && !text.contains("SECRET"), "{text}");
    assert!(text.contains(SECRET), "the cause of an internal error is logged");
}
