//! How many keys, and how many people and invitations, a merchant has at most: also where requests come side
//! by side, each of which finds a place free, and however many were removed.

use std::time::Duration;

use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};
use waybill::{
    features::merchants::{
        key::{ApiKey, Mode},
        link::{Link, Purpose},
        scope::Role,
        user::User,
    },
    platform::store::Document,
};

use super::{
    PASSWORD,
    members::{as_person, call},
    send, sign_up, token,
};
use crate::support::{Client, TestApp};

const DAY: Duration = Duration::from_secs(86_400);
const MEMBERS: &str = "/v1/members";

/// Sends all of it at once, and gives how many were made. The others found no place.
async fn made_at_once(by: &Client, requests: Vec<(String, Value)>) -> usize {
    let all = requests.into_iter().map(|(path, body)| {
        let by = by.clone();
        tokio::spawn(async move { by.post(&path, &body).await })
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
    made_at_once(shop, vec![("/v1/api-keys".to_owned(), body); count]).await
}

/// Each goes on for a day.
async fn rotated_at_once(shop: &Client, keys: &[ApiKey]) -> usize {
    let rotate = |key: &ApiKey| {
        let path = format!("/v1/api-keys/{}/rotate", key.id);
        (path, json!({ "overlapSeconds": DAY.as_secs() }))
    };
    made_at_once(shop, keys.iter().map(rotate).collect()).await
}

async fn invitations_at_once(owner: &Client, count: usize) -> usize {
    let invite = |n: usize| {
        let body = json!({ "email": format!("new{n}@example.com"), "role": "staff" });
        ("/v1/members/invitations".to_owned(), body)
    };
    made_at_once(owner, (0..count).map(invite).collect()).await
}

async fn listed(by: &Client, path: &str) -> Vec<Value> {
    by.get(path).await.json()["data"].as_array().unwrap().clone()
}

async fn active_keys(shop: &Client) -> usize {
    listed(shop, "/v1/api-keys").await.iter().filter(|key| key["active"] == true).count()
}

async fn put_in<D: Document>(app: &TestApp, docs: &[D]) {
    assert!(app.app.store.insert_all(docs).await.into_iter().all(|done| done.is_ok()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_keys_that_are_made_at_once_there_are_not_too_many() {
    let app = TestApp::start().await;
    let (shop, now) = (app.merchant("shop"), app.clock.now());
    // As an earlier release has stored them; the last two count no more.
    let mut old: Vec<_> = (0..98).map(|_| ApiKey::new("shop", "old", Mode::Test, "token", now).0).collect();
    (old[96].removed_at, old[97].expires_at) = (Some(now), Some(now));
    put_in(&app, &old).await;

    assert_eq!(keys_at_once(&shop, 12).await, 4);
    assert_eq!(active_keys(&shop).await, 100);
    assert_eq!(keys_at_once(&app.merchant("other"), 3).await, 3, "each merchant has its own");

    for key in &old[..2] {
        let path = format!("/v1/api-keys/{}", key.id);
        assert_eq!(call(&shop, Method::DELETE, &path, json!({})).await.status, 204);
    }
    assert_eq!(keys_at_once(&shop, 4).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_merchant_rotates_each_of_its_keys_once_and_no_more() {
    let app = TestApp::start().await;
    let (shop, now) = (app.merchant("shop"), app.clock.now());
    let make = |_: usize| ApiKey::new("shop", "old", Mode::Test, "token", now).0;
    let mut old: Vec<_> = (0..100).map(make).collect();
    let new: Vec<_> = (0..90).map(make).collect();
    // They go on for a day beside those that came in their place.
    for (old, new) in old.iter_mut().zip(&new) {
        (old.expires_at, old.replaced_by) = (Some(now + DAY), Some(new.id.clone()));
    }
    put_in(&app, &old).await;
    put_in(&app, &new).await;

    let again = [&old[90..], &new[..4]].concat();
    assert_eq!(rotated_at_once(&shop, &again).await, 10);
    assert_eq!((active_keys(&shop).await, keys_at_once(&shop, 1).await), (200, 0));

    app.advance(DAY);
    assert_eq!((active_keys(&shop).await, keys_at_once(&shop, 1).await), (100, 0));
    assert_eq!(rotated_at_once(&shop, &new[10..11]).await, 1);
}

#[tokio::test]
async fn old_keys_are_counted_and_listed_however_many_were_removed_since() {
    let app = TestApp::start().await;
    let (shop, now) = (app.merchant("shop"), app.clock.now());
    let made_at = |at| ApiKey::new("shop", "old", Mode::Test, "token", at).0;
    let old: Vec<_> = (0..100).map(|_| made_at(now - DAY)).collect();
    let later = |n: u64| now - DAY + Duration::from_secs(1 + n);
    let removed: Vec<_> = (0..1001).map(|n| ApiKey { removed_at: Some(now), ..made_at(later(n)) }).collect();
    put_in(&app, &old).await;
    put_in(&app, &removed).await;

    assert_eq!(keys_at_once(&shop, 1).await, 0);
    // The newest thousand, and of older ones those that count.
    let all = listed(&shop, "/v1/api-keys").await;
    assert_eq!((all.len(), active_keys(&shop).await), (1100, 100));
    assert_eq!((&all[0]["id"], &all[999]["id"]), (&json!(removed[1000].id), &json!(removed[1].id)));
    assert!(all[1000..].iter().all(|key| key["active"] == true));

    let path = format!("/v1/api-keys/{}", old[0].id);
    assert_eq!(call(&shop, Method::DELETE, &path, json!({})).await.status, 204);
    assert_eq!(keys_at_once(&shop, 2).await, 1);
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
    put_in(&app, &people).await;
    put_in(&app, &links).await;

    assert_eq!(invitations_at_once(&owner, 12).await, 5);
    let (members, invitations) = (MEMBERS, "/v1/members/invitations");
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

#[tokio::test]
async fn people_are_counted_and_listed_however_many_were_removed_before() {
    let app = TestApp::start().await;
    let me = sign_up(&app, "owner@example.com").await;
    let owner = as_person(&app, "owner@example.com").await;
    let now = app.clock.now();
    let somebody = app.app.store.get::<User>(me["id"].as_str().unwrap()).await.unwrap().unwrap();
    let (created_at, removed_at) = (now - DAY, Some(now));
    let gone =
        |n| User { id: format!("usr_gone{n}"), email: None, created_at, removed_at, ..somebody.clone() };
    put_in(&app, &(0..1000).map(gone).collect::<Vec<_>>()).await;
    // Later ones come before in the order of their addresses.
    let person = |n: u64| User {
        id: format!("usr_{n}"),
        email: Some(format!("{:03}@example.com", 999 - n)),
        created_at: now + Duration::from_millis(1 + n),
        ..somebody.clone()
    };

    // Two owners: one may go.
    put_in(&app, &[person(0)]).await;
    assert_eq!(listed(&owner, MEMBERS).await.len(), 2);
    let path = format!("{MEMBERS}/usr_0");
    assert_eq!(call(&owner, Method::DELETE, &path, json!({})).await.status, 204);

    put_in(&app, &(1..200).map(person).collect::<Vec<_>>()).await;
    assert_eq!(invitations_at_once(&owner, 1).await, 0);
    // More than there may be by now: an earlier release has let them in.
    put_in(&app, &(200..250).map(person).collect::<Vec<_>>()).await;
    let all: Vec<_> = listed(&owner, MEMBERS).await.iter().map(|one| one["id"].clone()).collect();
    let expected: Vec<_> = (1..250).map(|n| json!(format!("usr_{n}"))).collect();
    assert_eq!(all[0], me["id"]);
    assert_eq!(all[1..], expected);
}
