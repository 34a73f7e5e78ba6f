//! The dashboard's files as a browser gets them.

use std::collections::{BTreeSet, VecDeque};

use http::StatusCode;

use crate::support::{Answer, TestApp};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self' data: blob:; font-src 'self'; form-action 'self'; \
                      frame-ancestors 'none'; base-uri 'none'";

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).map_or("", |value| value.to_str().unwrap())
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.clone()).unwrap()
}

/// The assets that a text names.
fn named(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split('"').filter(|part| part.starts_with("/admin/assets/")).map(str::to_owned)
}

#[tokio::test]
async fn every_address_of_the_dashboard_is_the_one_page() {
    let app = TestApp::start().await;
    let browser = app.anybody();
    let home = browser.get("/admin").await;
    assert_eq!((home.status, header(&home, "location")), (StatusCode::PERMANENT_REDIRECT, "/admin/queues"));
    let page = browser.get("/admin/queues").await;
    for path in
        ["/admin/queues/review?code=poison", "/admin/queues/orders/ord_1", "/admin/queues/q/a%20b/jobs/x"]
    {
        let other = browser.get(path).await;
        assert_eq!((other.status, &other.body), (StatusCode::OK, &page.body), "{path}");
    }
    assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8");
    assert_eq!(header(&page, "content-security-policy"), POLICY);
    assert_eq!(header(&page, "cache-control"), "no-cache");
    assert!(!text(&page).contains("<style") && !text(&page).contains(" style="), "no inline style");
}

#[tokio::test]
async fn all_that_the_page_loads_is_there_for_ever_and_is_small() {
    let app = TestApp::start().await;
    let browser = app.anybody();
    let page = browser.get("/admin/queues").await;
    let mut open: VecDeque<_> = named(&text(&page)).collect();
    let mut seen: BTreeSet<String> = open.iter().cloned().collect();
    assert!(open.len() >= 6, "styles, the icon and two scripts: {open:?}");
    while let Some(path) = open.pop_front() {
        let asset = browser.get(&path).await;
        assert_eq!(asset.status, StatusCode::OK, "{path}");
        let media = match path.rsplit_once('.').unwrap().1 {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            _ => "image/svg+xml",
        };
        assert_eq!(header(&asset, "content-type"), media, "{path}");
        assert_eq!(header(&asset, "cache-control"), "public, max-age=31536000, immutable", "{path}");
        for other in named(&text(&asset)) {
            if seen.insert(other.clone()) {
                open.push_back(other);
            }
        }
    }
    assert!(seen.len() > 40, "{}", seen.len());
}

#[tokio::test]
async fn an_asset_of_another_version_is_not_found() {
    let app = TestApp::start().await;
    for path in
        ["/admin/assets/app.js", "/admin/assets/app.0000000000000000.js", "/admin/assets/../src/lib.rs"]
    {
        assert_eq!(app.anybody().get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}
