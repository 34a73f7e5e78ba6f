//! What needs a person: the inbox of each member, and quiet mails.

mod decisions;
pub(crate) mod inbox;
mod live;
mod mails;
mod making;
mod notices;
mod put_aside;
mod texts;

use std::path::Path;

use http::Method;
use serde_json::{Value, json};
use waybill::provider::simulator::Rule;

use crate::{
    merchants::{
        PASSWORD,
        members::{as_person, call},
        send,
    },
    support::{Client, TestApp, mongodb::Lab, orders::order},
};

const OWNER: &str = "owner@example.com";

/// A shop with its owner, who has signed in.
async fn shop(app: &TestApp) -> Client {
    crate::merchants::sign_up(app, OWNER).await;
    as_person(app, OWNER).await
}

/// The same with its documents on MongoDB; mails are in `folder`.
pub(crate) async fn on_mongodb(lab: &Lab, folder: &Path) -> (TestApp, Client) {
    let path = folder.join("mails.txt");
    let mails = format!("file:{}", path.display());
    let app = TestApp::builder().mongodb(&lab.url).setting("WAYBILL_MAIL__URL", &mails).start().await;
    let body = json!({ "email": OWNER, "password": PASSWORD, "name": "Asha Example", "shop": "Asha Crafts" });
    assert_eq!(app.anybody().post("/auth/register", &body).await.status, 202);
    send(&app).await;
    let text = std::fs::read_to_string(path).unwrap();
    let (_, token) = text.rsplit_once("#token=").unwrap();
    let body = json!({ "token": token.lines().next().unwrap() });
    assert_eq!(app.anybody().post("/auth/verify", &body).await.status, 201);
    let owner = as_person(&app, OWNER).await;
    (app, owner)
}

/// An order that ParcelX has refused.
async fn failed(app: &TestApp, shop: &Client, name: &str) -> String {
    app.simulator.script(Rule::refuse("Pincode is not served"));
    let id = shop.create(&order(name)).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1), ("track", 1)]);
    assert_eq!(shop.order(&id).await["status"], "failed");
    id
}

/// Makes what is due, from the documents to the mails, and tells how many mails that were.
async fn notify(app: &TestApp) -> usize {
    app.worker.publisher().pass().await.unwrap();
    app.worker.run_notifications().await.unwrap()
}

async fn list(who: &Client, query: &str) -> Value {
    let listed = who.get(&format!("/v1/notifications{query}")).await;
    assert_eq!(listed.status, 200, "{}", listed.text());
    listed.json()
}

fn kinds(listed: &Value) -> Vec<&str> {
    listed["data"].as_array().unwrap().iter().map(|one| one["kind"].as_str().unwrap()).collect()
}

async fn mark(who: &Client, one: &Value) {
    let path = format!("/v1/notifications/{}/read", one["id"].as_str().unwrap());
    let marked = call(who, Method::PUT, &path, json!({})).await;
    assert_eq!(marked.status, 204, "{}", marked.text());
}

async fn prefer(who: &Client, matrix: &Value) -> Value {
    let chosen = call(who, Method::PUT, "/v1/me/notification-preferences", matrix.clone()).await;
    assert_eq!(chosen.status, 200, "{}", chosen.text());
    chosen.json()["data"].clone()
}
