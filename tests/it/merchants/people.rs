//! Signing up, in and out.

mod login;

use std::time::Duration;

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use super::{PASSWORD, mail, send, sign_in, sign_up, token};
use crate::support::{Client, TestApp};

fn as_person(app: &TestApp, session: &Value) -> Client {
    Client { router: app.router(), token: Some(session["accessToken"].as_str().unwrap().to_owned()) }
}

async fn refresh(app: &TestApp, session: &Value) -> crate::support::Answer {
    app.anybody().post("/auth/refresh", &json!({ "refreshToken": session["refreshToken"] })).await
}

#[tokio::test]
async fn a_shop_signs_up_confirms_its_address_and_signs_in() {
    let app = TestApp::start().await;
    let me = sign_up(&app, "Asha@Example.com").await;
    assert_eq!((&me["email"], &me["role"]), (&json!("asha@example.com"), &json!("owner")));
    let merchant = me["merchantId"].as_str().unwrap();
    assert!(merchant.starts_with("mer_"), "{merchant}");
    let session = sign_in(&app, "asha@example.com", PASSWORD).await;
    assert_eq!(session["expiresIn"], 900);
    let asha = as_person(&app, &session);
    let seen = asha.get("/v1/me").await.json()["data"].clone();
    assert_eq!((&seen["id"], &seen["merchantId"]), (&me["id"], &me["merchantId"]));
    assert!(seen["lastLoginAt"].is_string());
    let shop = app.app.state.merchants.get(merchant).await.unwrap().unwrap();
    assert_eq!(shop.name, "Asha Crafts");
    // The access token counts for a quarter of an hour.
    app.advance(Duration::from_secs(15 * 60 + 30));
    asha.get("/v1/me").await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn nobody_learns_who_has_an_account() {
    let app = TestApp::start().await;
    sign_up(&app, "asha@example.com").await;
    let anybody = app.anybody();
    let body =
        |email: &str| json!({ "email": email, "password": PASSWORD, "name": "Ravi", "shop": "Ravi's" });
    let (known, new) = (
        anybody.post("/auth/register", &body("asha@example.com")).await,
        anybody.post("/auth/register", &body("ravi@example.com")).await,
    );
    assert_eq!((known.status, known.text()), (new.status, new.text()));
    let forgot = |email: &str| json!({ "email": email });
    let (known, new) = (
        anybody.post("/auth/forgot", &forgot("asha@example.com")).await,
        anybody.post("/auth/forgot", &forgot("nobody@example.com")).await,
    );
    assert_eq!((known.status.as_u16(), known.text()), (202, new.text()));
    let login = |email: &str, password: &str| json!({ "email": email, "password": password });
    let mut told = Vec::new();
    for body in [
        login("asha@example.com", "not the password at all"),
        login("nobody@example.com", "not the password at all"),
        login("no address", "not the password at all"),
    ] {
        told.push(anybody.post("/auth/login", &body).await.problem(401, "login-failed")["detail"].clone());
    }
    assert!(told.iter().all(|detail| *detail == told[0]), "{told:?}");
    send(&app).await;
    let mails = mail(&app);
    assert!(mails.contains("to asha@example.com: You have an account already"), "{mails}");
    assert!(mails.contains("to ravi@example.com: Confirm your address"), "{mails}");
    assert!(mails.contains("to asha@example.com: Set a new password"), "{mails}");
    assert!(!mails.contains("nobody@example.com"), "{mails}");
}

/// The same work, too: as many documents, whoever is asked about.
#[tokio::test]
async fn an_unknown_address_costs_the_same_writes() {
    let app = TestApp::start().await;
    sign_up(&app, "asha@example.com").await;
    let count = async || {
        use waybill::platform::store::{Order, Query};
        let all = Query::by_id(Order::Ascending);
        let mails = app.app.store.count::<waybill::features::mail::model::Email>(&all, 99).await.unwrap().n;
        let links =
            app.app.store.count::<waybill::features::merchants::link::Link>(&all, 99).await.unwrap().n;
        (mails, links)
    };
    let before = count().await;
    app.anybody().post("/auth/forgot", &json!({ "email": "asha@example.com" })).await;
    let known = count().await;
    app.anybody().post("/auth/forgot", &json!({ "email": "nobody@example.com" })).await;
    let unknown = count().await;
    assert_eq!((known.0 - before.0, known.1 - before.1), (unknown.0 - known.0, unknown.1 - known.1));
    assert_eq!(known.0 - before.0, 1);
    send(&app).await;
}

#[tokio::test]
async fn a_code_counts_once_for_its_time_and_for_what_it_is_for() {
    let app = TestApp::start().await;
    let anybody = app.anybody();
    let body = json!({ "email": "asha@example.com", "password": PASSWORD, "name": "Asha", "shop": "Crafts" });
    assert_eq!(anybody.post("/auth/register", &body).await.status, 202);
    assert_eq!(anybody.post("/auth/register", &body).await.status, 202);
    send(&app).await;
    let (text, mails) = (token(&app), mail(&app));
    let first = mails.split("\"token\":\n\n").nth(1).unwrap().get(..64).unwrap().to_owned();
    assert_ne!(first, text);
    let verify = async |token: &str| anybody.post("/auth/verify", &json!({ "token": token })).await;
    for wrong in ["", "x", &"0".repeat(64), text.get(..63).unwrap()] {
        verify(wrong).await.problem(422, "validation-failed");
    }
    // For another purpose it is none.
    let reset = json!({ "token": text, "password": "another long sentence" });
    anybody.post("/auth/reset", &reset).await.problem(422, "validation-failed");
    let accept = json!({ "token": text, "password": "another long sentence", "name": "x" });
    anybody.post("/auth/accept", &accept).await.problem(422, "validation-failed");
    assert_eq!(verify(&text).await.status, 201);
    verify(&text).await.problem(422, "validation-failed");
    verify(&first).await.problem(422, "validation-failed");

    let late = json!({ "email": "late@example.com", "password": PASSWORD, "name": "L", "shop": "L" });
    anybody.post("/auth/register", &late).await;
    send(&app).await;
    let text = token(&app);
    app.advance(Duration::from_secs(24 * 3600));
    verify(&text).await.problem(422, "validation-failed");
    // What was mailed is stored nowhere any more, and never was where codes are looked for.
    for (place, bytes) in app.backend.stored().await {
        if place.contains("waybill.db") && !place.ends_with("-wal") {
            let stored = String::from_utf8_lossy(&bytes);
            assert!(!stored.contains("another long sentence"), "{place}");
        }
    }
}

/// Whoever reads the database later cannot use what was mailed.
#[tokio::test]
async fn a_mailed_code_is_kept_until_it_was_sent_and_its_hash_alone_afterwards() {
    let app = TestApp::start().await;
    let body = json!({ "email": "asha@example.com", "password": PASSWORD, "name": "Asha", "shop": "Crafts" });
    assert_eq!(app.anybody().post("/auth/register", &body).await.status, 202);
    let waiting = app.backend.documents().await;
    send(&app).await;
    let code = token(&app);
    let with = |all: &[(String, String)]| {
        let with = all.iter().filter(|(_, doc)| doc.contains(&code));
        with.map(|(place, _)| place.clone()).collect::<Vec<_>>()
    };
    assert_eq!(with(&waiting), ["emails"], "else it is looked for in vain");
    assert_eq!(with(&app.backend.documents().await), Vec::<String>::new());
    // And by its hash it counts.
    assert_eq!(app.anybody().post("/auth/verify", &json!({ "token": code })).await.status, 201);
}

#[tokio::test]
async fn a_new_password_is_set_by_a_mailed_code_and_ends_all_sessions() {
    let app = TestApp::start().await;
    sign_up(&app, "asha@example.com").await;
    let session = sign_in(&app, "asha@example.com", PASSWORD).await;
    let asha = as_person(&app, &session);
    let anybody = app.anybody();
    // Whatever the request says of the host, links lead where the settings say.
    let poisoned = Request::post("/auth/forgot")
        .header("content-type", "application/json")
        .header("host", "evil.example")
        .header("x-forwarded-host", "evil.example");
    let body = Body::from(json!({ "email": "asha@example.com" }).to_string());
    assert_eq!(anybody.send(poisoned.body(body).unwrap()).await.status, 202);
    send(&app).await;
    let mails = mail(&app);
    assert!(mails.contains("http://127.0.0.1:3000/auth/reset#token=") && !mails.contains("evil"), "{mails}");

    let code = token(&app);
    let reset = async |password: &str| {
        anybody.post("/auth/reset", &json!({ "token": code, "password": password })).await
    };
    for weak in ["short", "Password-2026", "asha@example.com", "aaaaaaaaaaaaaaa"] {
        let problem = reset(weak).await.problem(422, "validation-failed");
        assert_eq!(problem["errors"][0]["pointer"], "/password", "{weak}");
        assert!(!problem.to_string().contains(weak), "{problem}");
    }
    assert_eq!(reset("another long sentence").await.status, 204);
    reset("yet another long sentence").await.problem(422, "validation-failed");
    app.advance(Duration::from_secs(1));
    asha.get("/v1/me").await.problem(401, "unauthenticated");
    refresh(&app, &session).await.problem(401, "session-over");
    let old = json!({ "email": "asha@example.com", "password": PASSWORD });
    anybody.post("/auth/login", &old).await.problem(401, "login-failed");
    sign_in(&app, "asha@example.com", "another long sentence").await;
    send(&app).await;
    assert!(mail(&app).contains("to asha@example.com: Your password was changed"));
}

#[tokio::test]
async fn refresh_tokens_count_once_and_a_reused_one_ends_the_session() {
    let app = TestApp::start().await;
    sign_up(&app, "asha@example.com").await;
    let first = sign_in(&app, "asha@example.com", PASSWORD).await;
    let second = refresh(&app, &first).await.json()["data"].clone();
    assert_ne!(first["refreshToken"], second["refreshToken"]);
    // Two tabs at once.
    app.advance(Duration::from_secs(9));
    let again = refresh(&app, &first).await.json()["data"].clone();
    assert_eq!(again["refreshToken"], second["refreshToken"]);
    app.advance(Duration::from_secs(1));
    let asha = as_person(&app, &second);
    assert_eq!(asha.get("/v1/me").await.status, 200);
    refresh(&app, &first).await.problem(401, "refresh-reused");
    // The whole family, and its access tokens, here at once.
    refresh(&app, &second).await.problem(401, "session-over");
    asha.get("/v1/me").await.problem(401, "unauthenticated");
    for wrong in ["", "wbr_x.1.00", "Bearer"] {
        let body = json!({ "refreshToken": wrong });
        app.anybody().post("/auth/refresh", &body).await.problem(401, "session-over");
    }
}

/// Many at the same moment, none of which may end the family.
#[tokio::test]
async fn a_race_of_refreshes_has_one_successor() {
    let app = TestApp::start().await;
    sign_up(&app, "asha@example.com").await;
    let session = sign_in(&app, "asha@example.com", PASSWORD).await;
    let all = futures_util::future::join_all((0..4).map(|_| refresh(&app, &session))).await;
    let tokens: Vec<_> = all.iter().map(|a| a.json()["data"]["refreshToken"].clone()).collect();
    assert!(tokens.iter().all(|token| token.is_string() && *token == tokens[0]), "{tokens:?}");
}

#[tokio::test]
async fn a_logout_ends_one_session_or_all() {
    let app = TestApp::start().await;
    sign_up(&app, "asha@example.com").await;
    let (one, two) = (
        sign_in(&app, "asha@example.com", PASSWORD).await,
        sign_in(&app, "asha@example.com", PASSWORD).await,
    );
    let (here, there) = (as_person(&app, &one), as_person(&app, &two));
    assert_eq!(here.post("/auth/logout", &json!({})).await.status, 204);
    here.get("/v1/me").await.problem(401, "unauthenticated");
    refresh(&app, &one).await.problem(401, "session-over");
    assert_eq!(there.get("/v1/me").await.status, 200);
    let three = as_person(&app, &sign_in(&app, "asha@example.com", PASSWORD).await);
    assert_eq!(three.get("/v1/me").await.status, 200);
    assert_eq!(there.post("/auth/logout-all", &json!({})).await.status, 204);
    there.get("/v1/me").await.problem(401, "unauthenticated");
    app.advance(Duration::from_secs(1));
    three.get("/v1/me").await.problem(401, "unauthenticated");
    refresh(&app, &two).await.problem(401, "session-over");
}

#[tokio::test]
async fn a_changed_password_keeps_this_session_alone() {
    let app = TestApp::start().await;
    sign_up(&app, "asha@example.com").await;
    let (one, two) = (
        sign_in(&app, "asha@example.com", PASSWORD).await,
        sign_in(&app, "asha@example.com", PASSWORD).await,
    );
    let (here, there) = (as_person(&app, &one), as_person(&app, &two));
    let change = async |current: &str, new: &str| {
        here.post("/auth/change-password", &json!({ "currentPassword": current, "newPassword": new })).await
    };
    let wrong = change("not the password", "another long sentence").await.problem(422, "validation-failed");
    assert_eq!(wrong["errors"][0]["pointer"], "/currentPassword");
    let weak = change(PASSWORD, "password1234").await.problem(422, "validation-failed");
    assert_eq!(weak["errors"][0]["pointer"], "/newPassword");
    assert_eq!(change(PASSWORD, "another long sentence").await.status, 204);
    app.advance(Duration::from_secs(1));
    assert_eq!(here.get("/v1/me").await.status, 200);
    there.get("/v1/me").await.problem(401, "unauthenticated");
    // Nor do the others go on by their refresh tokens.
    refresh(&app, &two).await.problem(401, "session-over");
    assert_eq!(refresh(&app, &one).await.status, 200);
    send(&app).await;
}

#[tokio::test]
async fn nobody_makes_themselves_more_than_they_are() {
    let app = TestApp::start().await;
    let register = json!({ "email": "a@example.com", "password": PASSWORD, "name": "A", "shop": "A" });
    for (field, value) in [
        ("role", json!("owner")),
        ("merchantId", json!("shop")),
        ("id", json!("usr_1")),
        ("verified", json!(true)),
        ("era", json!(7)),
    ] {
        let mut body = register.clone();
        body[field] = value.clone();
        app.anybody().post("/auth/register", &body).await.problem(422, "validation-failed");
    }
    sign_up(&app, "asha@example.com").await;
    let asha = as_person(&app, &sign_in(&app, "asha@example.com", PASSWORD).await);
    for field in ["role", "merchantId", "email", "era", "password", "totp", "id"] {
        let body = json!({ "name": "Asha", field: "x" }).to_string();
        let patch = Request::patch("/v1/me").header("content-type", "application/json");
        asha.send(patch.body(Body::from(body)).unwrap()).await.problem(422, "validation-failed");
    }
    // What is theirs they change.
    let body = Body::from(json!({ "name": "Asha Rao" }).to_string());
    let patch = Request::patch("/v1/me").header("content-type", "application/json");
    let changed = asha.send(patch.body(body).unwrap()).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    for me in [changed, asha.get("/v1/me").await] {
        let me = me.json()["data"].clone();
        assert_eq!((&me["name"], &me["email"]), (&json!("Asha Rao"), &json!("asha@example.com")));
        assert_eq!((&me["role"], me["merchantId"].is_string()), (&json!("owner"), true));
    }
    // A key or a token of the installation is no person.
    let shop = app.merchant("shop");
    shop.get("/v1/me").await.problem(403, "person-required");
    shop.post("/auth/logout", &json!({})).await.problem(403, "person-required");
}
