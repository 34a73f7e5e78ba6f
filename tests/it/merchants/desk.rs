//! What the desk sees of merchants, takes on and stops.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use waybill::{
    admin::rights::Role,
    features::audit::{Audit, AuditLine},
};

use super::{PASSWORD, key, mail, members::as_person, send, sign_up, token, with_key};
use crate::{
    admin::people::Browser,
    support::{Answer, TestApp},
};

async fn lines(app: &TestApp, merchant: &str) -> Vec<AuditLine> {
    let audit = Audit::new(app.app.store.clone(), app.clock.clone());
    let mut all = audit.list(None, None, 50).await.unwrap();
    all.retain(|line| line.user_id.as_deref() == Some(merchant));
    all
}

async fn add(desk: &Browser, body: Value) -> Answer {
    desk.post("/merchants", &body).await
}

/// Each of a list, over pages of two.
async fn listed(desk: &Browser, filter: &str) -> Vec<String> {
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = desk.get(&format!("/merchants?limit=2{filter}{cursor}")).await.json();
        seen.extend(
            page["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()),
        );
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return seen,
        }
    }
}

/// From the desk's one call to the shop's first: nobody types an id or a token.
#[tokio::test]
async fn a_shop_is_taken_on_and_its_owner_makes_the_account() {
    let app = TestApp::start().await;
    let desk = app.admin(Role::Admin).await;
    let body = json!({ "name": "Asha Crafts", "ownerEmail": "Asha@Example.com", "reason": "signed today" });
    let added = add(&desk, body).await;
    assert_eq!(added.status, 201, "{}", added.text());
    let merchant = added.json()["data"]["id"].as_str().unwrap().to_owned();
    assert!(merchant.starts_with("mer_"), "{merchant}");
    let waits = desk.get(&format!("/merchants/{merchant}")).await.json()["data"].clone();
    assert_eq!((&waits["members"], &waits["invitations"][0]["role"]), (&json!([]), &json!("owner")));
    assert!(!waits.to_string().contains("example.com"), "people are not shown: {waits}");

    send(&app).await;
    assert!(mail(&app).contains("asha@example.com"));
    let accept = json!({ "token": token(&app), "name": "Asha Example", "password": PASSWORD });
    assert_eq!(app.anybody().post("/auth/accept", &accept).await.status, 201);
    let owner = as_person(&app, "asha@example.com").await;
    assert_eq!(owner.get("/v1/me").await.json()["data"]["merchantId"], merchant.as_str());
    let (secret, _) = key(&owner, &["orders:read"]).await;
    assert_eq!(with_key(&app, &secret).get("/v1/orders").await.status, 200);

    let seen = desk.get(&format!("/merchants/{merchant}")).await.json()["data"].clone();
    assert_eq!((&seen["members"][0]["role"], &seen["invitations"]), (&json!("owner"), &json!([])));
    assert_eq!(seen["keys"][0]["name"], "a server");
    let told = seen.to_string();
    assert!(!told.contains("Example") && !told.contains(&secret), "{told}");
    let actions: Vec<_> = lines(&app, &merchant).await.into_iter().map(|line| line.action).collect();
    assert!(actions.ends_with(&["member.invite".to_owned(), "merchant.add".to_owned()]), "{actions:?}");
}

#[tokio::test]
async fn what_cannot_be_taken_on_is_refused_as_a_whole() {
    let app = TestApp::start().await;
    let desk = app.admin(Role::Admin).await;
    let with = |field: &str, value: Value| {
        let mut body = json!({ "name": "Old shop", "id": "42", "reason": "moved in" });
        body[field] = value;
        body
    };
    for (field, value) in [
        ("name", json!(" ")),
        ("name", json!("x".repeat(101))),
        ("name", json!("two\nlines")),
        ("id", json!("")),
        ("id", json!("x".repeat(129))),
        ("ownerEmail", json!("asha")),
        ("ownerEmail", json!("asha@example.com, ravi@example.com")),
        ("reason", json!("")),
        ("state", json!("active")),
    ] {
        let refused = add(&desk, with(field, value.clone())).await;
        let problem = refused.problem(422, "validation-failed");
        assert_eq!(problem["errors"][0]["pointer"], format!("/{field}"), "{field}: {value}");
    }
    assert_eq!(listed(&desk, "").await, Vec::<String>::new(), "none of them is half there");
    assert_eq!(add(&desk, with("name", json!("Old shop"))).await.status, 201);
    add(&desk, with("name", json!("Another"))).await.problem(409, "merchant-exists");
    send(&app).await;
    assert!(!app.folder.path().join("mails.txt").exists(), "nobody was written to");
}

#[tokio::test]
async fn merchants_are_listed_by_state_in_the_order_they_came() {
    let app = TestApp::start().await;
    let desk = app.admin(Role::Admin).await;
    for n in 0..5 {
        let added = json!({ "name": format!("shop {n}"), "id": format!("s/{n}"), "reason": "moved in" });
        assert_eq!(add(&desk, added).await.status, 201);
        app.advance(Duration::from_secs(60));
    }
    for id in ["s%2F1", "s%2F3"] {
        let path = format!("/merchants/{id}/suspend");
        assert_eq!(desk.post(&path, &json!({ "reason": "unpaid" })).await.status, 200);
    }
    let viewer = app.admin(Role::Viewer).await;
    assert_eq!(listed(&viewer, "").await, ["s/0", "s/1", "s/2", "s/3", "s/4"]);
    assert_eq!(listed(&viewer, "&state=suspended").await, ["s/1", "s/3"]);
    assert_eq!(listed(&viewer, "&state=active").await, ["s/0", "s/2", "s/4"]);
    viewer.get("/merchants?state=lost").await.problem(400, "invalid-query");
    viewer.get("/merchants?limit=0").await.problem(422, "validation-failed");
    let next = viewer.get("/merchants?limit=1").await.json()["nextCursor"].as_str().unwrap().to_owned();
    viewer.get(&format!("/merchants?state=active&cursor={next}")).await.problem(400, "invalid-cursor");
    viewer.get("/merchants/nobody").await.problem(404, "not-found");
    viewer.get("/merchants/%ff").await.problem(404, "not-found");
}

/// Also one of the old system, of whom nothing is kept.
#[tokio::test]
async fn a_merchant_is_suspended_and_comes_back() {
    let app = TestApp::start().await;
    let (desk, shop) = (app.admin(Role::Admin).await, app.merchant("old"));
    assert_eq!(shop.get("/v1/orders").await.status, 200);
    let why = json!({ "reason": "unpaid since May" });
    desk.post("/merchants/old/resume", &why).await.problem(409, "conflict-state");
    let suspended = desk.post("/merchants/old/suspend", &why).await.json()["data"].clone();
    assert_eq!((&suspended["id"], &suspended["state"]), (&json!("old"), &json!("suspended")));
    shop.get("/v1/orders").await.problem(403, "merchant-suspended");
    desk.post("/merchants/old/suspend", &why).await.problem(409, "conflict-state");
    assert_eq!(desk.post("/merchants/old/resume", &why).await.json()["data"]["state"], "active");
    assert_eq!(shop.get("/v1/orders").await.status, 200);

    let told: Vec<_> = lines(&app, "old").await;
    let told: Vec<_> =
        told.iter().map(|line| (line.action.as_str(), line.outcome.as_str(), line.reason.as_str())).collect();
    let line = |action, outcome| (action, outcome, "unpaid since May");
    assert_eq!(
        told,
        [
            line("merchant.resume", "done"),
            line("merchant.suspend", "refused"),
            line("merchant.suspend", "done"),
            line("merchant.resume", "refused"),
        ]
    );
}

/// Its only owner has lost the mailbox.
#[tokio::test]
async fn an_owner_is_invited_to_a_merchant_that_is_there() {
    let app = TestApp::start().await;
    let desk = app.admin(Role::Admin).await;
    let made = sign_up(&app, "asha@example.com").await;
    let merchant = made["merchantId"].as_str().unwrap();
    let invite = |email: &str| json!({ "email": email, "reason": "called us" });
    let path = format!("/merchants/{merchant}/owners");
    desk.post(&path, &invite("ravi")).await.problem(422, "validation-failed");
    desk.post("/merchants/nobody/owners", &invite("ravi@example.com")).await.problem(404, "not-found");
    assert_eq!(desk.post(&path, &invite("ravi@example.com")).await.status, 202);
    send(&app).await;
    let accept = json!({ "token": token(&app), "name": "Ravi Example", "password": PASSWORD });
    assert_eq!(app.anybody().post("/auth/accept", &accept).await.status, 201);
    let ravi = as_person(&app, "ravi@example.com").await;
    let me = ravi.get("/v1/me").await.json()["data"].clone();
    assert_eq!((&me["merchantId"], &me["role"]), (&json!(merchant), &json!("owner")));
    let by = lines(&app, merchant).await.into_iter().find(|line| line.action == "member.invite").unwrap();
    assert_eq!((by.actor.name.as_str(), by.reason.as_str()), ("admin", "called us"));
    let operator = app.admin(Role::Operator).await;
    let refused = operator.call(Method::POST, &path, Some(&invite("x@example.com"))).await;
    assert_eq!(refused.problem(403, "forbidden")["right"], "merchant.manage");
}
