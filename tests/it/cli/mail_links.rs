//! Links in mails where no public address is set.

use reqwest::Method;
use serde_json::json;

use super::{
    process::Run,
    web::{Web, until},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_link_leads_to_the_port_that_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let mut waybill = Run::waybill(folder.path()).start();
    let url = waybill.url();
    let body = json!({ "email": "asha@example.com", "password": "a long sentence of mine",
                       "name": "Asha Example", "shop": "Asha Crafts" });
    let (status, answer) = Web::new(&url).send(Method::POST, "/auth/register", Some(&body)).await;
    assert_eq!(status, 202, "{answer}");
    let mails = folder.path().join("data/mails.txt");
    let link = until("a mail has a link", async || {
        let text = std::fs::read_to_string(&mails).unwrap_or_default();
        text.lines().find(|line| line.contains("#token=")).map(str::to_owned)
    })
    .await;
    assert!(link.starts_with(&format!("{url}/auth/verify#token=")), "{url}: {link}");
    waybill.stop();
}
