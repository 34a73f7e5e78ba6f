//! An event on which making notifications fails again and again: put aside, so that other shops are told, and
//! driven again by an operator.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;
use waybill::{
    admin::rights::Role,
    features::{
        events::reader::PASSES,
        merchants::user::User,
        notifications::{Notification, consumer::Consumer},
    },
    platform::store::{Order as Sort, Query, StoreError},
};

use super::{OWNER, failed, kinds, list, notify, on_mongodb, shop};
use crate::{
    events::put_aside::{failures, put},
    merchants::members::as_person,
    support::{Client, TestApp, mongodb::Lab},
};

#[tokio::test]
async fn one_shop_that_cannot_be_told_holds_up_no_other() {
    let app = TestApp::start().await;
    let owner = shop(&app).await;
    Box::pin(holds_up_no_other(&app, None, &owner)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_shop_that_cannot_be_told_holds_up_no_other_on_mongodb() {
    let lab = Lab::new().await;
    let folder = tempfile::tempdir().unwrap();
    let (app, owner) = on_mongodb(&lab, folder.path()).await;
    Box::pin(holds_up_no_other(&app, Some(&lab), &owner)).await;
}

async fn holds_up_no_other(app: &TestApp, lab: Option<&Lab>, owner: &Client) {
    let me = owner.get("/v1/me").await.json()["data"]["merchantId"].as_str().unwrap().to_owned();
    failed(app, owner, "A-0").await;
    notify(app).await;
    // Somebody works for another shop, too.
    let store = &app.app.store;
    let user = store.find::<User>(&Query::by_id(Sort::Ascending)).await.unwrap().docs.remove(0);
    let other = User { id: "usr_other".to_owned(), merchant_id: "other".to_owned(), email: None, ..user };
    store.insert(&other).await.unwrap();

    put(app, lab, ("notification_inboxes", &me), "last", &json!("many")).await;
    failed(app, owner, "A-1").await;
    app.advance(Duration::from_secs(1));
    failed(app, &app.merchant("other"), "B-1").await;
    app.worker.publisher().pass().await.unwrap();
    let (mut consumer, mut passes) = (Consumer::new(store.clone(), app.clock.clone()), 0);
    loop {
        match consumer.pass().await {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                assert!(matches!(error, StoreError::Fault(_)) && passes < PASSES, "{passes}: {error}");
                passes += 1;
            }
        }
    }
    // One over many, and those over the one that it was; the last of these has put it aside.
    assert_eq!(passes, PASSES);
    let of_other = Query::sorted_by("no", Sort::Ascending).equal("merchant", "other");
    assert_eq!(store.find::<Notification>(&of_other).await.unwrap().docs.len(), 1);

    let desk = app.admin(Role::Operator).await;
    let listed = failures(&desk).await;
    assert_eq!(listed.len(), 1, "{listed:?}");
    let one = &listed[0];
    assert_eq!((&one["consumer"], &one["tries"]), (&json!("notifications"), &json!(PASSES)));
    assert!(one["why"].as_str().unwrap().contains("does not read as its type"), "{one}");
    // It is driven again long after it was news.
    app.advance(Duration::from_secs(25 * 3600));
    let desk = app.admin(Role::Operator).await;
    let path = format!("/event-failures/{}/retry", one["id"].as_str().unwrap());
    let because = json!({ "reason": "the document is mended" });
    desk.post(&path, &because).await.problem(409, "failed-again");
    put(app, lab, ("notification_inboxes", &me), "last", &json!(1)).await;
    let handled = desk.post(&path, &because).await;
    assert_eq!(handled.status, StatusCode::OK, "{}", handled.text());
    assert_eq!(failures(&desk).await.len(), 0);
    let owner = as_person(app, OWNER).await;
    let inbox = list(&owner, "").await;
    assert_eq!((kinds(&inbox), &inbox["unread"]), (vec!["orderFailed", "orderFailed"], &json!(2)));
    assert_eq!(inbox["data"][0]["clientOrderId"], "A-1");
}
