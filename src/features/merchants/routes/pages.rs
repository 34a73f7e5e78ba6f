//! The pages that links of mails open, for people who have no other page of ours.
//!
//! Guards against codes that leak: a code is behind the `#` of its link, so that no server and no log gets
//! it. The page takes it out of the address, and sends it in the body of a request to the path that it is on.
//! Nothing of a page comes from elsewhere, and nothing runs in it but its own script, which is named by its
//! hash.

use axum::{
    Router,
    response::{IntoResponse, Response},
    routing::get,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, header};
use sha2::{Digest, Sha256};

use crate::features::mail::template::Template;

const FRAME: &str = include_str!("../pages/page.html");
const SCRIPT: &str = include_str!("../pages/page.js");
const STYLE: &str = include_str!("../pages/page.css");

const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");

/// One page, at the path of a mail's links.
struct Page {
    template: Template,
    title: &'static str,
    /// What is asked for beside the code, in HTML.
    fields: &'static str,
    button: &'static str,
    done: &'static str,
}

const PAGES: [Page; 3] = [
    Page {
        template: Template::Verify,
        title: "Confirm your address",
        fields: include_str!("../pages/verify.html"),
        button: "Confirm my address",
        done: "Your address is confirmed. You can sign in now.",
    },
    Page {
        template: Template::Reset,
        title: "Set a new password",
        fields: include_str!("../pages/reset.html"),
        button: "Set the new password",
        done: "The new password is set. You can sign in with it now.",
    },
    Page {
        template: Template::Invite,
        title: "Accept an invitation",
        fields: include_str!("../pages/accept.html"),
        button: "Accept the invitation",
        done: "You are a member of the shop. You can sign in now.",
    },
];

/// `GET` of each: open to all, and no part of the API.
pub fn router() -> Router {
    let policy = policy();
    PAGES.iter().fold(Router::new(), |router, page| {
        let (policy, html) = (policy.clone(), page.html());
        router.route(page.template.path(), get(async move || served(policy, html)))
    })
}

impl Page {
    fn html(&self) -> Bytes {
        let page = FRAME
            .replace("{title}", self.title)
            .replace("{path}", self.template.path())
            .replace("{fields}", self.fields.trim_end())
            .replace("{button}", self.button)
            .replace("{done}", self.done);
        // Last, and as they are: their hashes are in the policy.
        page.replace("{style}", STYLE).replace("{script}", SCRIPT).into()
    }
}

/// The one script and the one style, requests to this host, no frame around it. The icon is an empty one.
fn policy() -> HeaderValue {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; connect-src 'self'; \
         img-src data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
        hash(SCRIPT),
        hash(STYLE)
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

fn served(policy: HeaderValue, html: Bytes) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::CONTENT_SECURITY_POLICY, policy),
        (ROBOTS, HeaderValue::from_static("noindex")),
    ];
    (headers, html).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_link_of_a_mail_has_one_page_without_a_gap() {
        let paths: Vec<_> = PAGES.iter().map(|page| page.template.path()).collect();
        let linked: Vec<_> =
            Template::ALL.into_iter().map(Template::path).filter(|path| *path != "/").collect();
        assert_eq!(paths, linked);
        for page in PAGES {
            let html = String::from_utf8(page.html().to_vec()).unwrap();
            for gap in ["{title}", "{path}", "{fields}", "{button}", "{done}", "{style}", "{script}"] {
                assert!(!html.contains(gap), "{gap}");
            }
            assert!(html.contains(page.title) && html.contains(page.button) && html.contains(page.done));
        }
    }
}
