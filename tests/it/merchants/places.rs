//! How many keys, and how many people and invitations, a merchant has at most: also where requests come side
//! by side, each of which finds a place free.

use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};
use waybill::features::merchants::{
    key::{ApiKey, Mode},
    link::{Link, Purpose},
    scope::Role,
    user::User,
};

use super::{
    PASSWORD,
    members::{as_person, call},
    send, sign_up, token,
};
use crate::support::{Client, TestApp};

/// Sends all of it at once, and gives how many were made. The others found no place.
async fn made_at_once(by: &Client, path: &'static str, bodies: Vec<Value>) -> usize {
    let all = bodies.into_iter().map(|body| {
        let by = by.clone();
        tokio::spawn(async move { by.post(path, &body).await })
    });
    let answers: Vec<_> = join_all(all).await.into_iter().map(Result::unwrap).collect();
    let (made, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    for answer in refused {
        answer.problem(409, "conflict-state");
    }
    made.len()
}

async fn keys_at_once(shop: &Client, count: usize) -> usize {
    let body = json!({ "name": "a server", "scopes": ["orders:read"] });
    made_at_once(shop, "/v1/api-keys", vec![body; count]).await
}

async fn invitations_at_once(owner: &Client, count: usize) -> usize {
    let body = |n: usize| json!({ "email": format!("new{n}@example.com"), "role": "staff" });
    made_at_once(owner, "/v1/members/invitations", (0..count).map(body).collect()).await
}

async fn listed(by: &Client, path: &str) -> Vec<Value> {
    by.get(path).await.json()["data"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_keys_that_are_made_at_once_there_are_not_too_many() {
    let app = TestApp::start().await;
    let (shop, now) = (app.merchant("shop"), app.clock.now());
    // As an earlier release has stored them; the last two count no more.
    let mut old: Vec<_> = (0..98).map(|_| ApiKey::new("shop", "old", Mode::Test, "token", now).0).collect();
    (old[96].removed_at, old[97].expires_at) = (Some(now), Some(now));
    assert!(app.app.store.insert_all(&old).await.into_iter().all(|done| done.is_ok()));

    assert_eq!(keys_at_once(&shop, 12).await, 4);
    let active = listed(&shop, "/v1/api-keys").await.iter().filter(|key| key["active"] == true).count();
    assert_eq!(active, 100);
    assert_eq!(keys_at_once(&app.merchant("other"), 3).await, 3, "each merchant has its own");

    for key in &old[..2] {
        let path = format!("/v1/api-keys/{}", key.id);
        assert_eq!(call(&shop, Method::DELETE, &path, json!({})).await.status, 204);
    }
    assert_eq!(keys_at_once(&shop, 4).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_are_invited_at_once_there_are_not_too_many() {
    let app = TestApp::start().await;
    let me = sign_up(&app, "owner@example.com").await;
    let owner = as_person(&app, "owner@example.com").await;
    let (store, now) = (&app.app.store, app.clock.now());
    // As an earlier release has stored them: 150 people with the owner, and 45 invitations. The last ones
    // count no more.
    let somebody = store.get::<User>(me["id"].as_str().unwrap()).await.unwrap().unwrap();
    let mut people: Vec<_> = (0..150)
        .map(|n| User { id: format!("usr_{n}"), email: Some(format!("{n}@example.com")), ..somebody.clone() })
        .collect();
    (people[149].email, people[149].removed_at) = (None, Some(now));
    let mut links: Vec<_> = (0..46)
        .map(|n| {
            let (email, by) = (format!("old{n}@example.com"), somebody.id.clone());
            let mut link = Link::new(Purpose::Invite { email, role: Role::Staff, by }, now).0;
            link.invitation = Some(format!("inv_{n}"));
            link.merchant_id = Some(somebody.merchant_id.clone());
            link
        })
        .collect();
    links[45] = links[45].clone().used(now);
    assert!(store.insert_all(&people).await.into_iter().all(|done| done.is_ok()));
    assert!(store.insert_all(&links).await.into_iter().all(|done| done.is_ok()));

    assert_eq!(invitations_at_once(&owner, 12).await, 5);
    let (members, invitations) = ("/v1/members", "/v1/members/invitations");
    assert_eq!((listed(&owner, members).await.len(), listed(&owner, invitations).await.len()), (150, 50));

    // Who accepts an invitation takes its place.
    send(&app).await;
    let body = json!({ "token": token(&app), "name": "Ravi Example", "password": PASSWORD });
    assert_eq!(app.anybody().post("/auth/accept", &body).await.status, 201);
    assert_eq!(invitations_at_once(&owner, 2).await, 0);

    for path in [format!("{members}/usr_7"), format!("{invitations}/inv_7")] {
        assert_eq!(call(&owner, Method::DELETE, &path, json!({})).await.status, 204);
    }
    assert_eq!(invitations_at_once(&owner, 4).await, 2);
    assert_eq!((listed(&owner, members).await.len(), listed(&owner, invitations).await.len()), (150, 50));
    send(&app).await;
}
