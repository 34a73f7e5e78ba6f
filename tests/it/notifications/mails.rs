//! Mails of what was not read: one with numbers, and never soon after another.

use std::time::Duration;

use serde_json::json;
use waybill::{
    admin::rights::Role,
    features::{
        mail::{
            model::{Email, State},
            template::Template,
        },
        notifications::Inbox,
    },
    platform::store::{Order as Sort, Query},
};

use super::{OWNER, failed, list, mark, notify, on_mongodb, prefer, shop};
use crate::{
    merchants::{
        mail,
        members::{as_person, invite},
        send,
    },
    support::{TestApp, mongodb::Lab},
};

const SUBJECT: &str = "Something waits for you";

/// How many digests this address got.
fn got(app: &TestApp, address: &str) -> usize {
    mail(app).matches(&format!("to {address}: {SUBJECT}")).count()
}

async fn digests(app: &TestApp) -> Vec<Email> {
    let all = app.app.store.find::<Email>(&Query::by_id(Sort::Ascending)).await.unwrap().docs;
    all.into_iter().filter(|email| email.template == Template::Digest).collect()
}

#[tokio::test]
async fn an_outage_is_one_mail_with_numbers() {
    let app = TestApp::start().await;
    let owner = shop(&app).await;
    let mut numbers = Vec::new();
    for n in 0..7 {
        let id = failed(&app, &owner, &format!("A-{n}")).await;
        numbers.push(owner.order(&id).await["orderNumber"].as_str().unwrap().to_owned());
        assert_eq!(notify(&app).await, 0, "more may come, and it may be read");
        app.advance(Duration::from_secs(30));
    }
    app.advance(Duration::from_secs(89));
    assert_eq!(notify(&app).await, 0);
    app.advance(Duration::from_secs(1));
    assert_eq!(notify(&app).await, 1);
    assert_eq!(notify(&app).await, 0);
    send(&app).await;
    assert_eq!(got(&app, OWNER), 1);
    let text = mail(&app);
    let line = format!("- 7 orders have failed: {} and 2 more\n", numbers[..5].join(", "));
    assert!(text.contains(&line), "{text}");
    let (_, digest) = text.rsplit_once(SUBJECT).unwrap();
    for personal in ["Asha", "A-1", "9000000001", "Pincode", "{", "#token"] {
        assert!(!digest.contains(personal), "{personal}: {digest}");
    }
    // Sent: neither address nor lines are kept.
    let sent = digests(&app).await.pop().unwrap();
    assert_eq!((sent.state, sent.to, sent.lines), (State::Sent, None, Vec::new()));

    // The next one comes a quarter of an hour later, with what is new.
    let owner = as_person(&app, OWNER).await;
    failed(&app, &owner, "B-1").await;
    for (wait, expected) in [(0, 0), (300, 0), (599, 0), (1, 1), (3600, 0)] {
        app.advance(Duration::from_secs(wait));
        assert_eq!(notify(&app).await, expected, "after {wait} s");
    }
    send(&app).await;
    assert_eq!(got(&app, OWNER), 2);
    assert!(mail(&app).contains("- 1 order has failed: ORD-"), "{}", mail(&app));
}

#[tokio::test]
async fn what_was_read_meanwhile_is_not_mailed() {
    let app = TestApp::start().await;
    let owner = shop(&app).await;
    invite(&app, &owner, "staff@example.com", "staff").await;
    invite(&app, &owner, "viewer@example.com", "viewer").await;
    let id = failed(&app, &owner, "A-1").await;
    failed(&app, &owner, "A-2").await;
    let desk = app.admin(Role::Operator).await;
    let said = desk.post(&format!("/orders/{id}/messages"), &json!({ "text": "Please call us." })).await;
    assert_eq!(said.status, 201);
    notify(&app).await;
    for one in list(&owner, "").await["data"].as_array().unwrap() {
        mark(&owner, one).await;
    }
    // The message was read where it was said.
    let message = json!({ "messageId": said.json()["data"]["id"] });
    let path = format!("/v1/orders/{id}/messages/read");
    let read = crate::merchants::members::call(&owner, http::Method::PUT, &path, message).await;
    assert_eq!(read.status, 200, "{}", read.text());
    app.advance(Duration::from_secs(300));
    assert_eq!(notify(&app).await, 1);
    send(&app).await;
    let count = |who: &str| got(&app, who);
    assert_eq!((count(OWNER), count("staff@example.com"), count("viewer@example.com")), (0, 1, 0));
    assert!(mail(&app).contains("- 2 orders have failed: "), "{}", mail(&app));
    assert!(!mail(&app).contains("message from the desk"), "{}", mail(&app));
    let inbox =
        app.app.store.find::<Inbox>(&Query::by_id(Sort::Ascending)).await.unwrap().docs.pop().unwrap();
    assert_eq!(inbox.digest_at, None, "nothing is due");
}

#[tokio::test]
async fn who_wants_no_mail_gets_none_and_a_member_who_left_neither() {
    let app = TestApp::start().await;
    let owner = shop(&app).await;
    let ravi = invite(&app, &owner, "ravi@example.com", "staff").await;
    invite(&app, &owner, "mina@example.com", "viewer").await;
    let mina = as_person(&app, "mina@example.com").await;
    prefer(&owner, &json!({ "orderFailed": { "inbox": true, "email": false } })).await;
    // One who looks at nothing but mails.
    prefer(&mina, &json!({ "orderFailed": { "inbox": false, "email": true } })).await;
    failed(&app, &owner, "A-1").await;
    notify(&app).await;
    let path = format!("/v1/members/{}", ravi["id"].as_str().unwrap());
    let removed = crate::merchants::members::call(&owner, http::Method::DELETE, &path, json!({})).await;
    assert_eq!(removed.status, 204);
    app.advance(Duration::from_secs(300));
    assert_eq!(notify(&app).await, 1);
    send(&app).await;
    let count = |who: &str| got(&app, who);
    assert_eq!((count(OWNER), count("ravi@example.com"), count("mina@example.com")), (0, 0, 1));
}

#[tokio::test]
async fn two_workers_mail_each_once() {
    let app = TestApp::start().await;
    let owner = shop(&app).await;
    invite(&app, &owner, "staff@example.com", "staff").await;
    failed(&app, &owner, "A-1").await;
    notify(&app).await;
    app.advance(Duration::from_secs(300));
    let (one, two) = tokio::join!(app.worker.run_notifications(), app.worker.run_notifications());
    assert!(one.is_ok() && two.is_ok(), "{one:?} {two:?}");
    // Whoever was faster; and one who ended before it noted that all were mailed.
    notify(&app).await;
    let inbox =
        app.app.store.find::<Inbox>(&Query::by_id(Sort::Ascending)).await.unwrap().docs.pop().unwrap();
    let again = Inbox { digest_at: Some(app.clock.now()), ..inbox };
    assert!(app.app.store.replace(&again).await.unwrap());
    notify(&app).await;
    assert_eq!(digests(&app).await.len(), 2);
    send(&app).await;
    assert_eq!((got(&app, OWNER), got(&app, "staff@example.com")), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_are_mailed_on_mongodb() {
    let lab = Lab::new().await;
    let folder = tempfile::tempdir().unwrap();
    let (app, owner) = on_mongodb(&lab, folder.path()).await;
    for n in 0..3 {
        failed(&app, &owner, &format!("A-{n}")).await;
    }
    notify(&app).await;
    let all = list(&owner, "").await;
    assert_eq!(all["unread"], 3);
    mark(&owner, &all["data"][0]).await;
    app.advance(Duration::from_secs(300));
    assert_eq!((notify(&app).await, notify(&app).await), (1, 0));
    send(&app).await;
    let text = std::fs::read_to_string(folder.path().join("mails.txt")).unwrap();
    assert!(text.contains("- 2 orders have failed: ORD-"), "{text}");
    assert_eq!(list(&owner, "?unread=true").await["unread"], 2);
}
