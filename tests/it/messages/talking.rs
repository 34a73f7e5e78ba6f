//! What each side sees of the other, and who may say anything.

use std::time::Duration;

use http::Method;
use serde_json::json;
use waybill::admin::rights::Role;

use super::{answer, desk_path, desk_read, path, read, thread, write};
use crate::{
    merchants::{
        key,
        members::{as_person, call, invite},
        sign_up, with_key,
    },
    support::{TestApp, orders::order},
};

#[tokio::test]
async fn a_shop_and_the_desk_talk_about_an_order() {
    let app = TestApp::start().await;
    app.leave_jobs();
    sign_up(&app, "owner@example.com").await;
    let shop = as_person(&app, "owner@example.com").await;
    let desk = app.admin(Role::Operator).await;
    let id = shop.create(&order("A-1")).await;
    let empty = thread(&shop, &id).await;
    assert_eq!((&empty["data"], &empty["hasMore"]), (&json!([]), &json!(false)));
    assert_eq!(empty["thread"], json!({ "messages": 0, "unread": 0, "readTo": 0, "readToBySupport": 0 }));

    let first = write(&shop, &id, "  Where is it?\nIt is late. ").await;
    assert_eq!(
        (&first["text"], &first["author"]),
        (&json!("Where is it?\nIt is late."), &json!("Asha Example"))
    );
    app.advance(Duration::from_secs(1));
    answer(&desk, &id, "We ask the courier.").await;
    app.advance(Duration::from_secs(1));
    let third = answer(&desk, &id, "It comes tomorrow.").await;
    assert_eq!((&third["author"], &third["number"]), (&json!("operator"), &json!(3)));

    // The shop sees one desk, and nothing of who writes there.
    let seen = thread(&shop, &id).await;
    let all = seen["data"].as_array().unwrap();
    let told: Vec<_> =
        all.iter().map(|m| (m["number"].as_i64().unwrap(), m["author"].as_str().unwrap())).collect();
    assert_eq!(told, [(1, "Asha Example"), (2, "Support"), (3, "Support")]);
    assert!(!seen.to_string().contains("operator"), "{seen}");
    assert_eq!(seen["thread"]["unread"], 2);
    let marked = read(&shop, &id, &all[1]).await;
    assert_eq!((marked.status.as_u16(), &marked.json()["data"]["unread"]), (200, &json!(1)));
    assert_eq!(read(&shop, &id, &all[2]).await.json()["data"]["unread"], 0);
    // A mark never goes back.
    let again = read(&shop, &id, &all[0]).await.json();
    assert_eq!((&again["data"]["readTo"], &again["data"]["unread"]), (&json!(3), &json!(0)));

    // The desk sees who of the shop wrote, by id alone.
    let listed = desk.get(&desk_path(&id)).await.json();
    let of_desk = listed["data"].as_array().unwrap();
    assert!(of_desk[0]["author"].as_str().unwrap().starts_with("usr_"), "{listed}");
    assert!(!listed.to_string().contains("Asha"), "{listed}");
    assert_eq!((&listed["thread"]["unread"], &listed["thread"]["readToByShop"]), (&json!(1), &json!(3)));
    assert_eq!(desk_read(&desk, &id, &of_desk[0]).await.json()["data"]["unread"], 0);
    assert_eq!(thread(&shop, &id).await["thread"]["readToBySupport"], 1);
}

#[tokio::test]
async fn systems_and_former_members_are_named_as_such() {
    let app = TestApp::start().await;
    app.leave_jobs();
    sign_up(&app, "owner@example.com").await;
    let owner = as_person(&app, "owner@example.com").await;
    let ravi = invite(&app, &owner, "ravi@example.com", "staff").await;
    let staff = as_person(&app, "ravi@example.com").await;
    let id = owner.create(&order("A-1")).await;
    let system = with_key(&app, &key(&owner, &["orders:write", "orders:read"]).await.0);
    assert_eq!(write(&system, &id, "From a system").await["author"], "API");
    assert_eq!(write(&staff, &id, "From Ravi").await["author"], "Ravi Example");
    let member = format!("/v1/members/{}", ravi["id"].as_str().unwrap());
    assert_eq!(call(&owner, Method::DELETE, &member, json!({})).await.status, 204);
    let seen = thread(&owner, &id).await;
    assert_eq!(seen["data"][1]["author"], "A former member");
    assert!(!seen.to_string().contains("Ravi Example"), "{seen}");

    // Who may only look reads, and neither writes nor takes a message from those who answer.
    invite(&app, &owner, "mina@example.com", "viewer").await;
    // Mails are sent by a run of all jobs.
    app.assert_calls(&[("create", 1)]);
    let viewer = as_person(&app, "mina@example.com").await;
    let reading = with_key(&app, &key(&owner, &["orders:read"]).await.0);
    for who in [&viewer, &reading] {
        assert_eq!(thread(who, &id).await["data"].as_array().unwrap().len(), 2);
        who.post(&path(&id), &json!({ "text": "x" })).await.problem(403, "insufficient-scope");
        read(who, &id, &seen["data"][0]).await.problem(403, "insufficient-scope");
        let typing = format!("{}/typing", path(&id));
        call(who, Method::POST, &typing, json!({})).await.problem(403, "insufficient-scope");
    }
}

#[tokio::test]
async fn a_page_goes_on_behind_a_message() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let shop = app.merchant("shop");
    let (id, other) = (shop.create(&order("A-1")).await, shop.create(&order("A-2")).await);
    for n in 1..=7 {
        write(&shop, &id, &format!("message {n}")).await;
    }
    let foreign = write(&shop, &other, "of another order").await;
    let (mut cursor, mut texts) = (String::new(), Vec::new());
    for (expected, more) in [(3, true), (3, true), (1, false), (0, false)] {
        let page = shop.get(&format!("{}?limit=3{cursor}", path(&id))).await.json();
        let data = page["data"].as_array().unwrap();
        assert_eq!((data.len(), &page["hasMore"]), (expected, &json!(more)), "{page}");
        texts.extend(data.iter().map(|message| message["text"].as_str().unwrap().to_owned()));
        cursor = format!("&cursor={}", page["nextCursor"].as_str().unwrap());
    }
    assert_eq!(texts, (1..=7).map(|n| format!("message {n}")).collect::<Vec<_>>());
    // The same place gives what has come since.
    write(&shop, &id, "one more").await;
    let since = shop.get(&format!("{}?limit=3{cursor}", path(&id))).await.json();
    assert_eq!(since["data"][0]["text"], "one more");
    for bad in ["x", foreign["id"].as_str().unwrap(), "msg_none"] {
        shop.get(&format!("{}?cursor={bad}", path(&id))).await.problem(400, "invalid-cursor");
    }
    shop.get(&format!("{}?limit=0", path(&id))).await.problem(400, "invalid-query");
    shop.get(&format!("{}?limit=201", path(&id))).await.problem(400, "invalid-query");
    read(&shop, &id, &foreign).await.problem(422, "validation-failed");
}

#[tokio::test]
async fn another_shops_thread_is_none() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let (one, two) = (app.merchant("one"), app.merchant("two"));
    let id = one.create(&order("A-1")).await;
    let message = write(&one, &id, "Mine").await;
    two.get(&path(&id)).await.problem(404, "not-found");
    two.post(&path(&id), &json!({ "text": "x" })).await.problem(404, "not-found");
    read(&two, &id, &message).await.problem(404, "not-found");
    let typing = format!("{}/typing", path(&id));
    call(&two, Method::POST, &typing, json!({})).await.problem(404, "not-found");
    // Nor can a mark or a place of the own order be one of it.
    let own = two.create(&order("B-1")).await;
    write(&two, &own, "Mine").await;
    read(&two, &own, &message).await.problem(422, "validation-failed");
    let place = format!("{}?cursor={}", path(&own), message["id"].as_str().unwrap());
    two.get(&place).await.problem(400, "invalid-cursor");
    for who in [app.anybody(), app.merchant("three")] {
        assert!(who.get(&path(&id)).await.status.is_client_error());
    }
}

#[tokio::test]
async fn the_desk_sees_who_waits_and_its_answers_are_on_record() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let (one, two) = (app.merchant("one"), app.merchant("two"));
    let (desk, viewer) = (app.admin(Role::Operator).await, app.admin(Role::Viewer).await);
    let (first, second) = (one.create(&order("A-1")).await, two.create(&order("B-1")).await);
    let mine = write(&one, &first, "one").await;
    app.advance(Duration::from_secs(60));
    write(&two, &second, "two").await;
    write(&one, &first, "three").await;
    let waiting = viewer.get("/messages").await.json();
    let ids: Vec<_> = waiting["data"].as_array().unwrap().iter().map(|t| t["orderId"].clone()).collect();
    assert_eq!(ids, [json!(first), json!(second)]);
    assert_eq!((&waiting["data"][0]["unread"], &waiting["data"][0]["userId"]), (&json!(2), &json!("one")));
    let page = viewer.get("/messages?limit=1").await.json();
    let next = format!("/messages?limit=1&cursor={}", page["nextCursor"].as_str().unwrap());
    assert_eq!(viewer.get(&next).await.json()["data"][0]["orderId"], json!(second));
    viewer.get("/messages?cursor=x").await.problem(400, "invalid-cursor");

    viewer.post(&desk_path(&first), &json!({ "text": "x" })).await.problem(403, "forbidden");
    desk_read(&viewer, &first, &mine).await.problem(403, "forbidden");
    let body = json!({ "text": "An answer", "clientMessageId": "d-1" });
    assert_eq!(desk.post(&desk_path(&first), &body).await.status, 201);
    assert_eq!(desk.post(&desk_path(&first), &body).await.status, 200);
    let differs = json!({ "text": "Another answer", "clientMessageId": "d-1" });
    desk.post(&desk_path(&first), &differs).await.problem(422, "idempotency-payload-mismatch");
    desk.post("/orders/ord_none/messages", &body).await.problem(404, "not-found");
    let all = viewer.get(&desk_path(&first)).await.json();
    let last = &all["data"].as_array().unwrap()[2];
    assert_eq!(desk_read(&desk, &first, last).await.json()["data"]["unread"], 0);
    assert_eq!(desk_read(&desk, &first, &mine).await.json()["data"]["readTo"], 3);
    let left = viewer.get("/messages").await.json();
    assert_eq!(left["data"].as_array().unwrap().len(), 1);
    assert_eq!(left["data"][0]["orderId"], json!(second));

    let admin = app.admin(Role::Admin).await;
    let lines = admin.get(&format!("/audit?target={first}")).await.json();
    let told = lines["data"].as_array().unwrap().iter().rev();
    let told: Vec<_> =
        told.map(|line| (line["action"].as_str().unwrap(), line["outcome"].as_str().unwrap())).collect();
    assert_eq!(
        told,
        [
            ("order.message", "done"),
            ("order.message", "done"),
            ("order.message", "refused"),
            ("order.message-read", "done")
        ]
    );
    assert!(!lines.to_string().contains("nswer"), "never what was written: {lines}");
}
