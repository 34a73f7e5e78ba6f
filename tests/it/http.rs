//! The edge, through a real router with all its layers.

mod body;
mod cors;
mod docs;
mod faults;
mod health;
mod json;
mod layers;
mod query;
mod serve;

use std::time::Duration;

use axum::{Router, body::Body};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;
use waybill::{
    base::clock::Clock,
    platform::http::{Kind, Limits, middleware},
};

pub(crate) const LIMITS: Limits = Limits { bodies: &[("", 4096)], timeout: Duration::from_secs(30) };

/// The router as `serve` gets it.
pub(crate) fn edge(router: Router) -> Router {
    middleware::apply(router, &LIMITS, Clock::system())
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    /// The body, after a look at everything a problem document must have.
    #[track_caller]
    pub(crate) fn problem(&self, kind: Kind) -> Value {
        assert_eq!(self.status, kind.status(), "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json");
        let body = self.json();
        assert_eq!(body["code"], kind.code(), "{body}");
        assert_eq!(body["type"], kind.type_uri());
        assert_eq!(body["title"], kind.title());
        assert_eq!(body["status"], kind.status().as_u16());
        assert_eq!(body["retryable"], kind.retryable());
        assert_eq!(body["success"], false);
        assert_eq!(body["message"], body["detail"]);
        assert!(!body["detail"].as_str().unwrap().is_empty());
        assert!(body["instance"].as_str().unwrap().starts_with('/'));
        assert_eq!(body["requestId"], self.header("x-request-id"));
        body
    }

    /// `(place, code)` of each fault.
    #[track_caller]
    pub(crate) fn faults(&self, kind: Kind) -> Vec<(String, String)> {
        let body = self.problem(kind);
        let word = |v: &Value| v.as_str().unwrap().to_owned();
        let place = |e: &Value| e.get("pointer").or(e.get("parameter")).map(word).unwrap();
        body["errors"].as_array().unwrap().iter().map(|e| (place(e), word(&e["code"]))).collect()
    }
}

pub(crate) async fn send(router: &Router, request: Request<Body>) -> Answer {
    let (parts, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    Answer { status: parts.status, headers: parts.headers, body: body.collect().await.unwrap().to_bytes() }
}

pub(crate) async fn call(router: &Router, method: Method, path: &str) -> Answer {
    send(router, Request::builder().method(method).uri(path).body(Body::empty()).unwrap()).await
}

pub(crate) async fn get(router: &Router, path: &str) -> Answer {
    call(router, Method::GET, path).await
}

pub(crate) async fn post(router: &Router, path: &str, body: impl Into<Body>) -> Answer {
    let request =
        Request::post(path).header(header::CONTENT_TYPE, "application/json").body(body.into()).unwrap();
    send(router, request).await
}
