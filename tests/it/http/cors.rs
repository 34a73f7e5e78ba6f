//! Pages of other sites that call the API.

use axum::body::Body;
use http::{Method, Request, header};

use crate::support::{Answer, TestApp, orders::order};

const SITE: &str = "https://shop.example.com";

async fn ask(app: &TestApp, method: Method, path: &str, origin: &str) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::ORIGIN, origin)
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
        .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "authorization,content-type,idempotency-key");
    app.anybody().send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_page_of_a_named_site_may_call_the_api_and_no_other() {
    let app = TestApp::builder().setting("WAYBILL_HTTP__ORIGINS", &format!("{SITE}, http://localhost:5173"));
    let app = app.start().await;
    for path in ["/orders/create", "/v1/orders/ord_1", "/v1/events/stream"] {
        let leave = ask(&app, Method::OPTIONS, path, SITE).await;
        assert_eq!((leave.status.as_u16(), leave.header("access-control-allow-origin")), (200, Some(SITE)));
        let allowed = leave.header("access-control-allow-headers").unwrap();
        for name in ["authorization", "content-type", "idempotency-key"] {
            assert!(allowed.contains(name), "{path}: {allowed}");
        }
        assert_eq!(leave.header("access-control-allow-credentials"), None);
        let other = ask(&app, Method::OPTIONS, path, "https://shop.example.com.evil.example").await;
        assert_eq!(other.header("access-control-allow-origin"), None, "{path}");
    }
    // A refusal is told to the page as well, with what it may do about it.
    let refused = ask(&app, Method::GET, "/v1/orders", SITE).await;
    refused.problem(401, "unauthenticated");
    assert_eq!(refused.header("access-control-allow-origin"), Some(SITE));
    assert!(refused.header("access-control-expose-headers").unwrap().contains("retry-after"));
    // What caches keep is kept for each site.
    assert!(refused.header("vary").unwrap().contains("origin"));
    let made = app.merchant("shop").create(&order("C-1")).await;
    assert!(made.starts_with("ord_"), "who sends no Origin notices nothing");
    app.leave_jobs();
}

#[tokio::test]
async fn nobody_is_allowed_unless_named_and_the_desk_never() {
    let app = TestApp::start().await;
    let leave = ask(&app, Method::OPTIONS, "/orders/create", SITE).await;
    assert_eq!((leave.status.as_u16(), leave.header("access-control-allow-origin")), (405, None));
    let app = TestApp::builder().setting("WAYBILL_HTTP__ORIGINS", SITE).start().await;
    for method in [Method::OPTIONS, Method::GET] {
        let desk = ask(&app, method, "/admin/api/overview", SITE).await;
        assert_eq!(desk.header("access-control-allow-origin"), None, "{}", desk.status);
    }
}
