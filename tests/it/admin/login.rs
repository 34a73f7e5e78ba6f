//! Signing in, and what ends a session.

use std::time::{Duration, Instant};

use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value, json};
use waybill::{admin::rights::Role, features::audit::Audit, platform::auth::Totp};

use super::people::{Browser, PASSWORD};
use crate::{
    merchants::cheap_hash,
    support::{Answer, TestApp},
};

async fn login(app: &TestApp, name: &str, password: &str) -> Answer {
    app.browser().post("/login", &json!({ "username": name, "password": password })).await
}

/// The browser after a login.
fn signed_in(app: &TestApp, answer: &Answer) -> Browser {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    Browser { cookie: Some(cookie), ..app.browser() }
}

async fn is_in(browser: &Browser) -> bool {
    browser.get("/me").await.status == 200
}

#[tokio::test]
async fn a_login_gives_a_cookie_that_scripts_cannot_read_and_a_logout_ends_it() {
    let app = TestApp::start().await;
    app.user("asha", Role::Operator).await;
    let answer = login(&app, "asha", PASSWORD).await;
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-waybill="), "{cookie}");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200; Secure"), "{cookie}");
    let me = &answer.json()["data"]["user"];
    assert_eq!(me["username"], "asha");
    assert_eq!(me["rights"], json!(["read", "job.manage", "order.resolve", "order.cancel", "order.message"]));
    assert_eq!(me["providerEnv"], "simulator");

    let (asha, again) = (signed_in(&app, &answer), signed_in(&app, &login(&app, "asha", PASSWORD).await));
    assert_eq!(asha.get("/me").await.json()["data"], *me);
    let sessions = asha.get("/sessions").await.json()["data"].clone();
    assert_eq!(sessions.as_array().unwrap().len(), 2, "{sessions}");
    // The token, or what the store has of it, is in no answer.
    let token = asha.cookie.as_ref().unwrap().split_once('=').unwrap().1;
    assert!(!sessions.to_string().contains(token) && token.len() == 64);

    assert_eq!(asha.call(Method::POST, "/logout", None).await.status, 204);
    assert!(!is_in(&asha).await && is_in(&again).await);
    let audit = Audit::new(app.app.store.clone(), app.clock.clone());
    let lines = audit.list(Some(sessions[0]["id"].as_str().unwrap()), None, 9).await.unwrap();
    assert_eq!((lines[0].action.as_str(), lines[0].actor.name.as_str()), ("session.begin", "asha"));
    assert_eq!(lines[0].origin.role.as_deref(), Some("operator"));
}

/// In words; and in time as far as that can be told: the same hash is computed.
#[tokio::test]
async fn whoever_guesses_learns_nothing() {
    let app = TestApp::start().await;
    app.user("asha", Role::Viewer).await;
    app.user("ravi", Role::Viewer).await;
    let admin = app.admin(Role::SuperAdmin).await;
    let off = json!({ "disabled": true, "reason": "left" });
    assert_eq!(admin.call(Method::PATCH, "/users/ravi", Some(&off)).await.status, 200);
    let mut answers = Vec::new();
    for (name, password) in
        [("asha", "wrong horse battery"), ("nobody", PASSWORD), ("ravi", PASSWORD), ("Asha\n", "x")]
    {
        let started = Instant::now();
        let mut problem = login(&app, name, password).await.problem(401, "login-failed");
        let took = started.elapsed();
        problem["requestId"] = Value::Null;
        answers.push((problem, took));
    }
    for (problem, took) in &answers {
        assert_eq!(problem, &answers[0].0);
        assert!(*took > answers[0].1 / 8, "{answers:?}");
    }
}

#[tokio::test]
async fn guesses_are_slowed_down_before_anything_is_hashed() {
    let app = TestApp::start().await;
    app.user("asha", Role::Viewer).await;
    for _ in 0..5 {
        login(&app, "asha", "wrong horse battery").await.problem(401, "login-failed");
    }
    let started = Instant::now();
    for _ in 0..1000 {
        let answer = login(&app, "asha", PASSWORD).await;
        answer.problem(429, "too-many-logins");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    // A thousand hashes would take half a minute at the least.
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert_eq!(login(&app, "other", PASSWORD).await.status, 401, "others do not wait");
    app.advance(Duration::from_secs(1));
    assert!(is_in(&signed_in(&app, &login(&app, "asha", PASSWORD).await)).await);
}

/// It counts as before; from then on it costs what others cost.
#[tokio::test]
async fn a_cheap_hash_is_made_anew_by_the_next_login() {
    let app = TestApp::start().await;
    app.users().add("asha", Role::Viewer, false, cheap_hash()).await.unwrap();
    let stored = async || {
        let user = app.users().get("asha").await.unwrap().unwrap();
        serde_json::to_value(&user.password).unwrap().as_str().unwrap().to_owned()
    };
    login(&app, "asha", "wrong horse battery").await.problem(401, "login-failed");
    let before = stored().await;
    assert!(before.starts_with("$argon2id$v=19$m=8192,t=1,p=1$"), "{before}");
    assert!(is_in(&signed_in(&app, &login(&app, "asha", PASSWORD).await)).await);
    let renewed = stored().await;
    assert!(renewed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{renewed}");
    assert_eq!(login(&app, "asha", PASSWORD).await.status, 200);
    assert_eq!(stored().await, renewed);
}

#[tokio::test]
async fn a_session_ends_when_it_is_idle_and_at_the_latest_after_its_life() {
    let app = TestApp::start().await;
    let idle = app.admin(Role::Viewer).await;
    app.advance(Duration::from_secs(30 * 60 - 1));
    assert!(is_in(&idle).await);
    app.advance(Duration::from_secs(30 * 60));
    assert!(!is_in(&idle).await);

    let busy = app.admin(Role::Viewer).await;
    for _ in 0..(12 * 60 / 20) - 1 {
        app.advance(Duration::from_secs(20 * 60));
        assert!(is_in(&busy).await);
    }
    app.advance(Duration::from_secs(20 * 60));
    assert!(!is_in(&busy).await, "however busy");
}

#[tokio::test]
async fn whatever_takes_something_from_a_user_ends_all_sessions_at_once() {
    let app = TestApp::start().await;
    app.user("asha", Role::Admin).await;
    let boss = app.admin(Role::SuperAdmin).await;
    let changes = [
        json!({ "role": "viewer" }),
        json!({ "disabled": true }),
        json!({ "disabled": false }),
        json!({ "password": "another horse battery" }),
    ];
    for mut change in changes {
        let user = app.users().get("asha").await.unwrap().unwrap();
        let (token, _) = app.sessions().begin(&user, Default::default()).await.unwrap();
        let asha = Browser { cookie: Some(format!("__Host-waybill={token}")), ..app.browser() };
        assert_eq!(is_in(&asha).await, !user.disabled);
        change["reason"] = "a test".into();
        let changed = boss.call(Method::PATCH, "/users/asha", Some(&change)).await;
        assert_eq!(changed.status, 200, "{}", changed.text());
        assert!(!is_in(&asha).await, "{change}");
    }
    let ended = boss.call(Method::GET, "/sessions", None).await.json()["data"][0]["id"].clone();
    let path = format!("/sessions/{}", ended.as_str().unwrap());
    assert_eq!(boss.call(Method::DELETE, &path, None).await.status, 204);
    assert!(!is_in(&boss).await);
}

#[tokio::test]
async fn the_last_super_admin_stays_one_and_names_are_unique() {
    let app = TestApp::start().await;
    let boss = app.admin(Role::SuperAdmin).await;
    for change in [json!({ "role": "admin", "reason": "x" }), json!({ "disabled": true, "reason": "x" })] {
        let refused = boss.call(Method::PATCH, "/users/super_admin", Some(&change)).await;
        refused.problem(409, "last-super-admin");
    }
    let new = |name: &str, password: &str| {
        let role = "viewer";
        json!({ "username": name, "password": password, "role": role, "reason": "new here" })
    };
    assert_eq!(boss.post("/users", &new("ravi", PASSWORD)).await.status, 201);
    boss.post("/users", &new("ravi", PASSWORD)).await.problem(409, "user-exists");
    boss.post("/users", &new("Ravi K", PASSWORD)).await.problem(422, "validation-failed");
    let weak = boss.post("/users", &new("other", "short")).await.problem(422, "validation-failed");
    assert_eq!(weak["errors"][0]["pointer"], "/password");
    let blank = json!({ "role": "viewer", "reason": "  " });
    let blank = boss.call(Method::PATCH, "/users/ravi", Some(&blank)).await.problem(422, "validation-failed");
    assert_eq!(blank["errors"][0]["pointer"], "/reason");
    let gone = json!({ "role": "viewer", "reason": "x" });
    boss.call(Method::PATCH, "/users/nobody", Some(&gone)).await.problem(404, "not-found");
    let listed = boss.get("/users").await.json()["data"].clone();
    let names: Vec<_> = listed.as_array().unwrap().iter().map(|u| u["username"].clone()).collect();
    assert_eq!(names, ["ravi", "super_admin"]);
    assert!(!listed.to_string().contains("argon2"), "{listed}");
}

#[tokio::test]
async fn a_changed_password_ends_the_other_sessions_and_keeps_this_one() {
    let app = TestApp::start().await;
    let (one, other) = (app.admin(Role::Viewer).await, app.admin(Role::Viewer).await);
    let change = |current: &str, new: &str| json!({ "current": current, "new": new });
    let wrong = one.post("/me/password", &change("wrong", "another horse battery")).await;
    assert_eq!(wrong.problem(422, "validation-failed")["errors"][0]["pointer"], "/current");
    let weak = one.post("/me/password", &change(PASSWORD, "short")).await.problem(422, "validation-failed");
    assert_eq!(weak["errors"][0]["pointer"], "/new");
    assert_eq!(one.post("/me/password", &change(PASSWORD, "another horse battery")).await.status, 204);
    assert!(is_in(&one).await && !is_in(&other).await);
    login(&app, "viewer", PASSWORD).await.problem(401, "login-failed");
    assert_eq!(login(&app, "viewer", "another horse battery").await.status, 200);
}

#[tokio::test]
async fn with_an_app_a_login_needs_a_code_and_each_code_counts_once() {
    let app = TestApp::start().await;
    let viewer = app.admin(Role::Viewer).await;
    let password = json!({ "password": PASSWORD });
    let set = viewer.post("/me/totp", &password).await.json()["data"].clone();
    let blocks: Vec<_> = set["secret"].as_str().unwrap().split(' ').map(str::len).collect();
    assert_eq!(blocks, [4; 8]);
    assert!(!set["uri"].as_str().unwrap().contains([' ', '+']), "{set}");
    assert_eq!(login(&app, "viewer", PASSWORD).await.status, 200, "not before it is confirmed");
    let totp = || async { app.users().get("viewer").await.unwrap().unwrap().totp.unwrap() };
    let code = |totp: &Totp| totp.code_at(app.clock.now());
    viewer.post("/me/totp/confirm", &json!({ "code": "12345" })).await.problem(422, "validation-failed");
    let confirm = json!({ "code": code(&totp().await) });
    assert_eq!(viewer.post("/me/totp/confirm", &confirm).await.status, 204);

    app.advance(Duration::from_secs(30));
    login(&app, "viewer", PASSWORD).await.problem(401, "totp-required");
    let with = |code: &str| json!({ "username": "viewer", "password": PASSWORD, "totp": code });
    app.browser().post("/login", &with("000000")).await.problem(401, "login-failed");
    let good = with(&code(&totp().await));
    assert_eq!(app.browser().post("/login", &good).await.status, 200);
    app.browser().post("/login", &good).await.problem(401, "login-failed");

    // One who has lost the phone needs somebody else.
    let boss = app.admin(Role::SuperAdmin).await;
    let reset = json!({ "reason": "lost the phone" });
    assert_eq!(boss.call(Method::DELETE, "/users/viewer/totp", Some(&reset)).await.status, 204);
    assert_eq!(login(&app, "viewer", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn only_a_proxy_of_the_settings_may_name_a_user() {
    let start = |proxies: &'static str| async move {
        let app = TestApp::builder()
            .setting("WAYBILL_ADMIN__PROXIES", proxies)
            .setting("WAYBILL_ADMIN__USER_HEADER", "x-forwarded-user")
            .start()
            .await;
        app.user("asha", Role::Viewer).await;
        app
    };
    let ask = |app: &TestApp, user: &str, site: Option<&str>| {
        let mut request = Request::get("/admin/api/me").header("x-forwarded-user", user);
        if let Some(site) = site {
            request = request.header("sec-fetch-site", site);
        }
        let mut request = request.body(Body::empty()).unwrap();
        let peer: std::net::SocketAddr = "10.0.0.7:5000".parse().unwrap();
        request.extensions_mut().insert(axum::extract::ConnectInfo(peer));
        let browser = app.browser();
        async move { browser.send(request).await }
    };
    let app = start("10.0.0.0/8").await;
    let me = ask(&app, "asha", None).await;
    assert_eq!(me.json()["data"]["username"], "asha");
    assert_eq!(me.json()["data"]["sessionExpiresAt"], Value::Null);
    ask(&app, "nobody", None).await.problem(401, "no-session");
    ask(&app, "asha", Some("cross-site")).await.problem(403, "cross-site");
    let elsewhere = start("10.9.0.0/16").await;
    ask(&elsewhere, "asha", None).await.problem(401, "no-session");
}
