//! The list of a member: what is read, and by whom.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use waybill::{
    features::notifications::{Inbox, Notification, NotificationKind, Reader, model::Draft},
    platform::store::{Batch, Order as Sort, Query},
};

use super::{failed, kinds, list, mark, notify, prefer, shop};
use crate::{
    merchants::{
        key,
        members::{as_person, call, invite},
        sign_up, with_key,
    },
    support::{Client, TestApp},
};

/// Notifications, as if so many orders had failed; gives the last one.
pub(crate) async fn many(app: &TestApp, merchant: &str, n: usize) -> Notification {
    let (store, now) = (&app.app.store, app.clock.now());
    let stored = store.get::<Inbox>(merchant).await.unwrap();
    let first = stored.is_none();
    let mut inbox = stored.unwrap_or_else(|| Inbox::new(merchant, now));
    let begin = inbox.last;
    let made = (0..n).map(|n| {
        let draft = Draft {
            cause: format!("{merchant} {begin} {n}"),
            merchant: merchant.to_owned(),
            kind: NotificationKind::OrderFailed,
            at: now,
            subject: format!("ord_{n}"),
            order_number: Some(format!("ORD-{n}")),
            client_order_id: None,
            message: None,
            detail: None,
        };
        inbox.add(draft, now)
    });
    let mut made: Vec<_> = made.collect();
    let batch = made.iter().fold(Batch::new(), Batch::insert);
    let batch = if first { batch.insert(&inbox) } else { batch.replace(&inbox) };
    store.commit(batch).await.unwrap();
    made.pop().unwrap()
}

async fn merchant_of(person: &Client) -> String {
    person.get("/v1/me").await.json()["data"]["merchantId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn each_member_reads_for_itself() {
    let app = TestApp::start().await;
    let owner = shop(&app).await;
    invite(&app, &owner, "viewer@example.com", "viewer").await;
    let viewer = as_person(&app, "viewer@example.com").await;
    for n in 0..3 {
        failed(&app, &owner, &format!("A-{n}")).await;
    }
    notify(&app).await;
    let all = list(&owner, "").await;
    assert_eq!((&all["unread"], all["data"].as_array().unwrap().len()), (&json!(3), 3));
    assert_eq!(all["data"][0]["clientOrderId"], "A-2", "newest first");
    mark(&owner, &all["data"][1]).await;
    mark(&owner, &all["data"][1]).await;
    let unread = list(&owner, "?unread=true").await;
    assert_eq!(unread["unread"], 2);
    let told: Vec<_> = unread["data"].as_array().unwrap().iter().map(|one| &one["clientOrderId"]).collect();
    assert_eq!(told, ["A-2", "A-0"]);
    let read: Vec<_> =
        list(&owner, "").await["data"].as_array().unwrap().iter().map(|one| one["read"].clone()).collect();
    assert_eq!(read, [json!(false), json!(true), json!(false)]);
    assert_eq!(list(&viewer, "").await["unread"], 3, "the other one has read nothing");

    // All up to one that was seen: what came meanwhile stays.
    let up_to = format!("/v1/notifications/read-all?upTo={}", all["data"][1]["id"].as_str().unwrap());
    assert_eq!(call(&owner, Method::POST, &up_to, json!({})).await.status, 204);
    assert_eq!(list(&owner, "").await["unread"], 1);
    assert_eq!(call(&owner, Method::POST, "/v1/notifications/read-all", json!({})).await.status, 204);
    assert_eq!(list(&owner, "").await["unread"], 0);
    failed(&app, &owner, "A-3").await;
    notify(&app).await;
    assert_eq!(
        (list(&owner, "").await["unread"].clone(), list(&viewer, "").await["unread"].clone()),
        (json!(1), json!(4))
    );
}

#[tokio::test]
async fn a_new_member_begins_with_an_empty_list() {
    let app = TestApp::start().await;
    let owner = shop(&app).await;
    failed(&app, &owner, "A-1").await;
    notify(&app).await;
    app.advance(Duration::from_secs(1));
    invite(&app, &owner, "new@example.com", "staff").await;
    let newcomer = as_person(&app, "new@example.com").await;
    let empty = list(&newcomer, "").await;
    assert_eq!((&empty["data"], &empty["unread"]), (&json!([]), &json!(0)));
    failed(&app, &owner, "A-2").await;
    notify(&app).await;
    assert_eq!(list(&newcomer, "").await["data"][0]["clientOrderId"], "A-2");
    assert_eq!(list(&owner, "").await["unread"], 2);
}

#[tokio::test]
async fn pages_go_on_and_a_place_is_of_one_list() {
    let app = TestApp::start().await;
    let owner = shop(&app).await;
    many(&app, &merchant_of(&owner).await, 250).await;
    let (mut cursor, mut seen) = (String::new(), Vec::new());
    loop {
        let page = list(&owner, &format!("?limit=100{cursor}")).await;
        let data = page["data"].as_array().unwrap();
        seen.extend(data.iter().map(|one| one["orderNumber"].as_str().unwrap().to_owned()));
        assert_eq!(page["hasMore"], !page["nextCursor"].is_null());
        let Some(next) = page["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, (0..250).rev().map(|n| format!("ORD-{n}")).collect::<Vec<_>>());
    let next = list(&owner, "?limit=1").await["nextCursor"].as_str().unwrap().to_owned();
    let path = format!("/v1/notifications?unread=true&cursor={next}");
    owner.get(&path).await.problem(400, "invalid-cursor");
    sign_up(&app, "other@example.com").await;
    let other = as_person(&app, "other@example.com").await;
    other.get(&format!("/v1/notifications?cursor={next}")).await.problem(400, "invalid-cursor");
    for bad in ["limit=0", "limit=101", "unread=maybe", "nonsense=1"] {
        owner.get(&format!("/v1/notifications?{bad}")).await.problem(400, "invalid-query");
    }
    // Of those that are unread, too, where most are read.
    let all = list(&owner, "?limit=100").await;
    let up_to = format!("/v1/notifications/read-all?upTo={}", all["data"][2]["id"].as_str().unwrap());
    assert_eq!(call(&owner, Method::POST, &up_to, json!({})).await.status, 204);
    let unread = list(&owner, "?unread=true&limit=1").await;
    assert_eq!((&unread["unread"], &unread["hasMore"]), (&json!(2), &json!(true)));
    let path = format!("?unread=true&limit=1&cursor={}", unread["nextCursor"].as_str().unwrap());
    let last = list(&owner, &path).await;
    assert_eq!((&last["data"][0]["orderNumber"], &last["hasMore"]), (&json!("ORD-248"), &json!(false)));
}

#[tokio::test]
async fn only_people_have_an_inbox_and_each_shop_its_own() {
    let app = TestApp::start().await;
    let owner = shop(&app).await;
    failed(&app, &owner, "A-1").await;
    notify(&app).await;
    let one = list(&owner, "").await["data"][0].clone();
    let merchant = merchant_of(&owner).await;
    let every = ["orders:read", "orders:write", "labels", "events", "webhooks", "keys"];
    let system = with_key(&app, &key(&owner, &every).await.0);
    let read = format!("/v1/notifications/{}/read", one["id"].as_str().unwrap());
    let routes = [
        (Method::GET, "/v1/notifications"),
        (Method::PUT, read.as_str()),
        (Method::POST, "/v1/notifications/read-all"),
        (Method::GET, "/v1/me/notification-preferences"),
        (Method::PUT, "/v1/me/notification-preferences"),
    ];
    for (method, path) in &routes {
        // A token of the installation may do all that the merchant may, and is no person either.
        for who in [&system, &app.merchant(&merchant)] {
            call(who, method.clone(), path, json!({})).await.problem(403, "person-required");
        }
        call(&app.anybody(), method.clone(), path, json!({})).await.problem(401, "unauthenticated");
    }
    sign_up(&app, "other@example.com").await;
    let other = as_person(&app, "other@example.com").await;
    assert_eq!(list(&other, "").await["data"], json!([]));
    call(&other, Method::PUT, &read, json!({})).await.problem(404, "not-found");
    call(&other, Method::PUT, "/v1/notifications/ntf_none/read", json!({})).await.problem(404, "not-found");
    let up_to = format!("/v1/notifications/read-all?upTo={}", one["id"].as_str().unwrap());
    call(&other, Method::POST, &up_to, json!({})).await.problem(404, "not-found");
    assert_eq!(list(&owner, "").await["unread"], 1);
}

#[tokio::test]
async fn a_thousand_are_kept_and_each_for_ninety_days() {
    let app = TestApp::start().await;
    let owner = shop(&app).await;
    let merchant = merchant_of(&owner).await;
    for _ in 0..3 {
        many(&app, &merchant, 500).await;
    }
    let stored = async || {
        let query = Query::sorted_by("no", Sort::Ascending).equal("merchant", merchant.as_str()).limit(2000);
        app.app.store.find::<Notification>(&query).await.unwrap().docs
    };
    let count = async |who: &Client| list(who, "?limit=1").await["unread"].clone();
    assert_eq!((count(&owner).await, stored().await.len()), (json!(1000), 1500), "at once");
    let oldest = stored().await[0].clone();
    let read = format!("/v1/notifications/{}/read", oldest.id);
    call(&owner, Method::PUT, &read, json!({})).await.problem(404, "not-found");
    assert_eq!(app.app.state.notifications.remove_old().await.unwrap(), 500);
    let left = stored().await;
    assert_eq!((left.len(), left[0].no), (1000, 501));
    assert_eq!(app.app.state.notifications.remove_old().await.unwrap(), 0);
    // Marks take little room, however many there are.
    for one in left.iter().rev().step_by(2).take(30) {
        mark(&owner, &json!({ "id": one.id })).await;
    }
    let reader =
        app.app.store.find::<Reader>(&Query::by_id(Sort::Ascending)).await.unwrap().docs.pop().unwrap();
    assert_eq!((reader.read_to, reader.read.len()), (500, 30));

    app.advance(Duration::from_secs(90 * 24 * 3600));
    let owner = as_person(&app, super::OWNER).await;
    assert_eq!(count(&owner).await, json!(0));
    assert_eq!(app.app.state.notifications.remove_old().await.unwrap(), 1000);
    assert_eq!(stored().await, []);
    many(&app, &merchant, 1).await;
    assert_eq!(count(&owner).await, json!(1));
}

#[tokio::test]
async fn what_a_member_chooses_counts_for_that_member() {
    let app = TestApp::start().await;
    let owner = shop(&app).await;
    invite(&app, &owner, "staff@example.com", "staff").await;
    invite(&app, &owner, "viewer@example.com", "viewer").await;
    let (staff, viewer) =
        (as_person(&app, "staff@example.com").await, as_person(&app, "viewer@example.com").await);
    let of = async |who: &Client| who.get("/v1/me/notification-preferences").await.json()["data"].clone();
    let ways = |email: bool| json!({ "inbox": true, "email": email, "text": false });
    let matrix = |email: bool, webhooks: bool| {
        json!({ "orderFailed": ways(email), "orderNeedsReview": ways(email), "cancelRefused": ways(email),
                "endpointDisabled": ways(webhooks), "message": ways(email),
                "serviceNotice": ways(email), "kycDecided": ways(false) })
    };
    assert_eq!(of(&owner).await, matrix(true, true));
    assert_eq!(of(&staff).await, matrix(true, false));
    assert_eq!(of(&viewer).await, matrix(false, false));

    let none = json!({ "inbox": false, "email": false, "text": false });
    let chosen = prefer(&staff, &json!({ "orderFailed": none })).await;
    assert_eq!((&chosen["orderFailed"], &chosen["message"]), (&none, &ways(true)));
    assert_eq!(of(&staff).await, chosen);
    failed(&app, &owner, "A-1").await;
    notify(&app).await;
    assert_eq!(kinds(&list(&staff, "").await), Vec::<&str>::new());
    assert_eq!(list(&staff, "").await["unread"], 0);
    assert_eq!(kinds(&list(&owner, "").await), ["orderFailed"]);
    // What is not named has its default again.
    assert_eq!(prefer(&staff, &json!({})).await, matrix(true, false));
    assert_eq!(kinds(&list(&staff, "").await), ["orderFailed"]);
    for (body, pointer) in [
        (json!({ "orderEaten": ways(true) }), "/orderEaten"),
        (json!({ "message": { "inbox": true } }), "/message/email"),
        (json!({ "message": { "inbox": true, "email": 1 } }), "/message/email"),
        (json!({ "message": { "inbox": true, "email": true, "sms": true } }), "/message/sms"),
    ] {
        let refused = call(&staff, Method::PUT, "/v1/me/notification-preferences", body.clone()).await;
        let problem = refused.problem(422, "validation-failed");
        let told: &Value = &problem["errors"][0]["pointer"];
        assert_eq!(told, pointer, "{body}: {problem}");
    }
}
