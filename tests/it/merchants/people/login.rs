//! What a login asks for: a password that cannot be guessed at leisure, its hash as it is made now, and the
//! code of an authenticator app.

use std::{net::SocketAddr, time::Duration};

use axum::{body::Body, extract::ConnectInfo};
use http::Request;
use serde_json::json;
use waybill::platform::auth::Totp;

use super::as_person;
use crate::{
    merchants::{PASSWORD, cheap_hash, sign_in, sign_up},
    support::TestApp,
};

#[tokio::test]
async fn guesses_are_slowed_down_whoever_has_the_account() {
    let app = TestApp::start().await;
    sign_up(&app, "asha@example.com").await;
    for email in ["asha@example.com", "nobody@example.com"] {
        let body = json!({ "email": email, "password": "a wrong sentence" });
        for _ in 0..5 {
            app.anybody().post("/auth/login", &body).await.problem(401, "login-failed");
        }
        let refused = app.anybody().post("/auth/login", &body).await;
        refused.problem(429, "too-many-logins");
        assert_eq!(refused.header("retry-after"), Some("1"));
    }
    // Who waits as told gets through.
    app.advance(Duration::from_secs(1));
    sign_in(&app, "asha@example.com", PASSWORD).await;
}

/// One machine that tries many accounts, each of them once.
#[tokio::test]
async fn guesses_from_one_address_are_slowed_down_whatever_accounts_they_are_at() {
    let app = TestApp::start().await;
    let guess = async |account: u8, address: [u8; 4]| {
        let body = json!({ "email": format!("user{account}@example.com"), "password": "a wrong sentence" });
        let request = Request::post("/auth/login").header("content-type", "application/json");
        let mut request = request.body(Body::from(body.to_string())).unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from((address, 5))));
        app.anybody().send(request).await
    };
    for account in 0..20 {
        guess(account, [10, 0, 0, 1]).await.problem(401, "login-failed");
    }
    let refused = guess(20, [10, 0, 0, 1]).await;
    refused.problem(429, "too-many-logins");
    assert_eq!(refused.header("retry-after"), Some("1"));
    guess(20, [10, 0, 0, 2]).await.problem(401, "login-failed");
}

/// It counts as before; from then on it costs what others cost.
#[tokio::test]
async fn a_cheap_hash_is_made_anew_by_the_next_login() {
    let app = TestApp::start().await;
    let me = sign_up(&app, "asha@example.com").await;
    let (id, people) = (me["id"].as_str().unwrap(), &app.app.state.people);
    let cheap = cheap_hash();
    let changed = people.update(id, |user| {
        user.password = cheap.clone();
        true
    });
    changed.await.unwrap();
    let stored = async || {
        let user = people.user(id).await.unwrap().unwrap();
        serde_json::to_value(&user.password).unwrap().as_str().unwrap().to_owned()
    };
    let wrong = json!({ "email": "asha@example.com", "password": "a wrong sentence" });
    app.anybody().post("/auth/login", &wrong).await.problem(401, "login-failed");
    let before = stored().await;
    assert!(before.starts_with("$argon2id$v=19$m=8192,t=1,p=1$"), "{before}");
    sign_in(&app, "asha@example.com", PASSWORD).await;
    let renewed = stored().await;
    assert!(renewed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{renewed}");
    sign_in(&app, "asha@example.com", PASSWORD).await;
    assert_eq!(stored().await, renewed);
}

#[tokio::test]
async fn an_authenticator_app_is_asked_once_it_was_confirmed() {
    let app = TestApp::start().await;
    sign_up(&app, "asha@example.com").await;
    let asha = as_person(&app, &sign_in(&app, "asha@example.com", PASSWORD).await);
    asha.post("/v1/me/totp", &json!({ "password": "wrong sentence" }))
        .await
        .problem(422, "validation-failed");
    let made = asha.post("/v1/me/totp", &json!({ "password": PASSWORD })).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let secret = made.json()["data"]["secret"].as_str().unwrap().to_owned();
    // Blocks of four for people, and none for apps.
    assert!(secret.len() == 39 && secret.split(' ').all(|block| block.len() == 4), "{secret}");
    let (uri, typed) = (made.json()["data"]["uri"].as_str().unwrap().to_owned(), secret.replace(' ', ""));
    assert!(uri.contains(&format!("?secret={typed}&")), "{uri}");
    // Not before it is confirmed.
    sign_in(&app, "asha@example.com", PASSWORD).await;
    let me = asha.get("/v1/me").await.json()["data"]["id"].as_str().unwrap().to_owned();
    let totp: Totp = app.app.state.people.user(&me).await.unwrap().unwrap().totp.unwrap();
    assert_eq!(totp.shown(), secret);
    asha.post("/v1/me/totp/confirm", &json!({ "code": "000000x" })).await.problem(422, "validation-failed");
    let code = totp.code_at(app.clock.now());
    assert_eq!(asha.post("/v1/me/totp/confirm", &json!({ "code": code })).await.status, 204);
    asha.post("/v1/me/totp", &json!({ "password": PASSWORD })).await.problem(409, "conflict-state");

    let login = async |code: Option<&str>| {
        let mut body = json!({ "email": "asha@example.com", "password": PASSWORD });
        if let Some(code) = code {
            body["code"] = json!(code);
        }
        app.anybody().post("/auth/login", &body).await
    };
    login(None).await.problem(401, "totp-required");
    login(Some(&code)).await.problem(401, "login-failed");
    app.advance(Duration::from_secs(30));
    let next = totp.code_at(app.clock.now());
    assert_eq!(login(Some(&next)).await.status, 200);
    let remove = Request::delete("/v1/me/totp").header("content-type", "application/json");
    let removed =
        asha.send(remove.body(Body::from(json!({ "password": PASSWORD }).to_string())).unwrap()).await;
    assert_eq!(removed.status, 204, "{}", removed.text());
    assert_eq!(login(None).await.status, 200);
}
