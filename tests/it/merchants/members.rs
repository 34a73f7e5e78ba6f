//! Who works for a merchant, and what each may do.

use std::time::Duration;

use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value, json};
use waybill::{
    app::scopes::SCOPES,
    features::{
        audit::{Audit, AuditLine, Outcome},
        merchants::{
            scope::{Needs, Role},
            user::User,
        },
    },
    platform::store::{Order, Query},
};

use super::{PASSWORD, send, sign_in, sign_up, token};
use crate::support::{Answer, Client, TestApp};

pub(crate) async fn call(by: &Client, method: Method, path: &str, body: Value) -> Answer {
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    by.send(request.body(Body::from(body.to_string())).unwrap()).await
}

pub(crate) async fn as_person(app: &TestApp, email: &str) -> Client {
    let session = sign_in(app, email, PASSWORD).await;
    Client { router: app.router(), token: Some(session["accessToken"].as_str().unwrap().to_owned()) }
}

pub(crate) async fn invite(app: &TestApp, owner: &Client, email: &str, role: &str) -> Value {
    let invited = owner.post("/v1/members/invitations", &json!({ "email": email, "role": role })).await;
    assert_eq!(invited.status, 201, "{}", invited.text());
    send(app).await;
    let body = json!({ "token": token(app), "name": "Ravi Example", "password": PASSWORD });
    let accepted = app.anybody().post("/auth/accept", &body).await;
    assert_eq!(accepted.status, 201, "{}", accepted.text());
    accepted.json()["data"].clone()
}

/// The one line of this action on this person or invitation.
async fn line(app: &TestApp, id: &str, action: &str) -> AuditLine {
    let audit = Audit::new(app.app.store.clone(), app.clock.clone());
    let mut all = audit.list(Some(id), None, 50).await.unwrap();
    all.retain(|line| line.action == action);
    assert_eq!(all.len(), 1, "{action}: {all:?}");
    let line = all.remove(0);
    let text = serde_json::to_string(&line).unwrap();
    assert!(!text.contains("example.com") && !text.contains("Example"), "{text}");
    line
}

#[tokio::test]
async fn each_role_may_do_what_it_may_on_every_route() {
    let app = TestApp::start().await;
    sign_up(&app, "owner@example.com").await;
    let owner = as_person(&app, "owner@example.com").await;
    for role in [Role::Viewer, Role::Staff] {
        let email = format!("{role}@example.com");
        let made = invite(&app, &owner, &email, role.as_str()).await;
        assert_eq!(made["role"], role.as_str());
        let person = as_person(&app, &email).await;
        assert_eq!(person.get("/v1/me").await.json()["data"]["merchantId"], made["merchantId"]);
        // A stream does not end, and a socket begins otherwise: `events::{streams,sockets}`.
        for row in
            SCOPES.iter().filter(|row| row.path != "/v1/events/stream" && !row.path.starts_with("/ws/"))
        {
            let Needs::Scope(scope) = row.needs else { continue };
            let path = row.path.replace("{id}", "none");
            let answer = call(&person, row.method.parse().unwrap(), &path, json!([])).await;
            let refused = answer.status == 403;
            assert_eq!(refused, !role.grants(scope), "{role} {} {path}: {}", row.method, answer.text());
        }
    }
    assert_eq!(owner.get("/v1/members").await.json()["data"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_new_role_counts_within_a_second_and_ends_sessions() {
    let app = TestApp::start().await;
    let me = sign_up(&app, "owner@example.com").await;
    let owner = as_person(&app, "owner@example.com").await;
    let ravi = invite(&app, &owner, "ravi@example.com", "staff").await;
    let person = as_person(&app, "ravi@example.com").await;
    assert_eq!(person.get("/v1/orders").await.status, 200);
    let id = ravi["id"].as_str().unwrap();
    let path = format!("/v1/members/{id}");
    assert_eq!(call(&owner, Method::PATCH, &path, json!({ "role": "viewer" })).await.status, 200);
    let changed = line(&app, id, "member.role").await;
    assert_eq!((changed.actor.name.as_str(), changed.outcome), (me["id"].as_str().unwrap(), Outcome::Done));
    assert_eq!((changed.before.as_deref(), changed.after.as_deref()), (Some("staff"), Some("viewer")));
    app.advance(Duration::from_secs(1));
    person.get("/v1/orders").await.problem(401, "unauthenticated");
    let person = as_person(&app, "ravi@example.com").await;
    assert_eq!(person.get("/v1/me").await.json()["data"]["role"], "viewer");
    // Removed: nothing personal stays, and the address is free.
    let kept = async || {
        let user = app.app.store.get::<User>(id).await.unwrap().unwrap();
        serde_json::to_string(&user).unwrap()
    };
    let before = kept().await;
    assert!(before.contains("ravi@example.com") && before.contains("Ravi Example"), "{before}");
    assert_eq!(call(&owner, Method::DELETE, &path, json!({})).await.status, 204);
    let after = kept().await;
    assert!(!after.contains("ravi") && !after.contains("Ravi") && after.contains("\"removed\""), "{after}");
    let removed = line(&app, id, "member.remove").await;
    assert_eq!((removed.outcome, removed.before.as_deref()), (Outcome::Done, Some("viewer")));
    assert_eq!(removed.user_id.as_deref(), me["merchantId"].as_str());
    app.advance(Duration::from_secs(1));
    person.get("/v1/me").await.problem(401, "unauthenticated");
    call(&owner, Method::DELETE, &path, json!({})).await.problem(404, "not-found");
    let login = json!({ "email": "ravi@example.com", "password": PASSWORD });
    app.anybody().post("/auth/login", &login).await.problem(401, "login-failed");
    invite(&app, &owner, "ravi@example.com", "owner").await;
}

#[tokio::test]
async fn the_last_owner_stays() {
    let app = TestApp::start().await;
    let me = sign_up(&app, "owner@example.com").await;
    let owner = as_person(&app, "owner@example.com").await;
    let path = format!("/v1/members/{}", me["id"].as_str().unwrap());
    call(&owner, Method::PATCH, &path, json!({ "role": "staff" })).await.problem(409, "conflict-state");
    call(&owner, Method::DELETE, &path, json!({})).await.problem(409, "conflict-state");
    invite(&app, &owner, "second@example.com", "owner").await;
    assert_eq!(call(&owner, Method::DELETE, &path, json!({})).await.status, 204);
}

/// Each looks whether the other one is there, and both are.
#[tokio::test(flavor = "multi_thread")]
async fn two_owners_who_remove_each_other_at_once_leave_one() {
    for round in 0..3 {
        let app = TestApp::start().await;
        let first = sign_up(&app, "owner@example.com").await;
        let owner = as_person(&app, "owner@example.com").await;
        let second = invite(&app, &owner, "ravi@example.com", "owner").await;
        let other = as_person(&app, "ravi@example.com").await;
        let path = |who: &Value| format!("/v1/members/{}", who["id"].as_str().unwrap());
        let (one, two) = (path(&second), path(&first));
        let (one, two) = tokio::join!(
            call(&owner, Method::DELETE, &one, json!({})),
            call(&other, Method::PATCH, &two, json!({ "role": "viewer" })),
        );
        let owners = app.app.store.find::<User>(&Query::by_id(Order::Ascending)).await.unwrap().docs;
        let owners = owners.iter().filter(|user| user.is_member() && user.role == Role::Owner).count();
        assert_eq!(owners, 1, "round {round}: {} and {}", one.status, two.status);
    }
}

#[tokio::test]
async fn an_invitation_is_taken_back_and_gives_no_second_account() {
    let app = TestApp::start().await;
    sign_up(&app, "owner@example.com").await;
    let owner = as_person(&app, "owner@example.com").await;
    let body = json!({ "email": "ravi@example.com", "role": "staff" });
    let invited = owner.post("/v1/members/invitations", &body).await.json()["data"].clone();
    send(&app).await;
    let accept = json!({ "token": token(&app), "name": "Ravi", "password": PASSWORD });
    let path = format!("/v1/members/invitations/{}", invited["id"].as_str().unwrap());
    let listed = owner.get("/v1/members/invitations").await.json()["data"].clone();
    assert_eq!(listed, json!([invited]));
    assert_eq!(call(&owner, Method::DELETE, &path, json!({})).await.status, 204);
    call(&owner, Method::DELETE, &path, json!({})).await.problem(404, "not-found");
    let withdrawn = line(&app, invited["id"].as_str().unwrap(), "member.withdraw").await;
    assert_eq!((withdrawn.outcome, withdrawn.actor.name.starts_with("usr_")), (Outcome::Done, true));
    app.anybody().post("/auth/accept", &accept).await.problem(422, "validation-failed");
    assert_eq!(owner.get("/v1/members/invitations").await.json()["data"], json!([]));

    // An address that has an account elsewhere: the same answer to who invites.
    sign_up(&app, "other@example.com").await;
    let body = json!({ "email": "other@example.com", "role": "owner" });
    assert_eq!(owner.post("/v1/members/invitations", &body).await.status, 201);
    send(&app).await;
    let accept = json!({ "token": token(&app), "name": "Other", "password": PASSWORD });
    app.anybody().post("/auth/accept", &accept).await.problem(422, "validation-failed");
}

/// Two merchants: what is the other's is as absent as what is not there, on every route with an id.
#[tokio::test]
async fn nothing_of_another_merchant_can_be_told_from_nothing() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let other = sign_up(&app, "other@example.com").await;
    let theirs = as_person(&app, "other@example.com").await;
    sign_up(&app, "owner@example.com").await;
    let mine = as_person(&app, "owner@example.com").await;
    let order = theirs.create(&crate::support::orders::order("A-1")).await;
    let key = super::key(&theirs, &["orders:read"]).await.1;
    let body = json!({ "email": "third@example.com", "role": "staff" });
    let invitation = theirs.post("/v1/members/invitations", &body).await.json()["data"]["id"].clone();
    let merchant = other["merchantId"].as_str().unwrap();
    let notification = crate::notifications::inbox::many(&app, merchant, 1).await;
    let ids = [
        ("orders/", order.as_str(), "ord_019ab3c45f6d7a8b9c0d1e2f3a4b5c6d"),
        ("api-keys/", key["id"].as_str().unwrap(), "key_none"),
        ("invitations/", invitation.as_str().unwrap(), "inv_none"),
        ("members/", other["id"].as_str().unwrap(), "usr_none"),
        ("notifications/", notification.id.as_str(), "ntf_none"),
    ];
    let mut asked = 0;
    // Those of webhooks and the socket are tried in `webhooks::others` and `events::{apart,sockets}`.
    let elsewhere = |path: &str| path.starts_with("/v1/webhook-") || path.starts_with("/ws/");
    for row in SCOPES.iter().filter(|row| row.path.contains("{id}") && !elsewhere(row.path)) {
        let (_, foreign, absent) = ids.iter().find(|(part, ..)| row.path.contains(part)).unwrap();
        let mut told = Vec::new();
        for id in [foreign, absent] {
            let path = row.path.replace("{id}", id);
            let body = match row.path {
                "/v1/orders/{id}/amend" => crate::support::orders::order("A-1"),
                "/v1/members/{id}" => json!({ "role": "viewer" }),
                "/v1/orders/{id}/messages" => json!({ "text": "Hello" }),
                "/v1/orders/{id}/messages/read" => json!({ "messageId": "msg_none" }),
                _ => json!({}),
            };
            let answer = call(&mine, row.method.parse().unwrap(), &path, body).await;
            let mut problem = answer.problem(404, "not-found");
            for own in ["requestId", "instance"] {
                problem.as_object_mut().unwrap().remove(own);
            }
            told.push(problem);
        }
        assert_eq!(told[0], told[1], "{} {}", row.method, row.path);
        asked += 1;
    }
    assert!(asked >= 10, "{asked}");
    // Lists, cursors and the key of a create.
    for path in ["/v1/orders", "/v1/api-keys", "/v1/members/invitations"] {
        assert_eq!(mine.get(path).await.json()["data"], json!([]), "{path}");
    }
    assert_eq!(mine.get("/v1/members").await.json()["data"].as_array().unwrap().len(), 1);
    theirs.create(&crate::support::orders::order("A-2")).await;
    let cursor = theirs.get("/v1/orders?limit=1").await.json()["nextCursor"].clone();
    let path = format!("/v1/orders?limit=1&cursor={}", cursor.as_str().unwrap());
    mine.get(&path).await.problem(400, "invalid-cursor");
    assert_ne!(mine.create(&crate::support::orders::order("A-1")).await, order, "each its own numbers");
}
