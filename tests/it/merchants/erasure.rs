//! What tells who people and shops are goes when they ask for it, wherever it is kept; orders stay as they
//! are.

use std::time::Duration;

use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value, json};
use waybill::{
    admin::rights::Role,
    features::{
        audit::{Audit, AuditLine, Outcome},
        merchants::user::User,
    },
};

use super::{
    PASSWORD, key, mail,
    members::{as_person, call, invite},
    phones, send, sign_up, token, with_key,
};
use crate::{
    admin::people::Browser,
    kyc::{self, ACCOUNT, KINDS, PAN, kept, pdf},
    support::{Answer, Client, TestApp, orders::order},
};

const OWNER: &str = "mira@vane.example";
const NUMBER: &str = "+919876512340";
/// What the desk has written about a document.
const BLURRED: &str = "the kiln on the photo is blurred";
/// What tells who the shop and its people are; none of it is in an order.
const WORDS: [&str; 9] = [
    "Mira Vane",
    "Vane Pots",
    "vane.example",
    "Ravi Example",
    NUMBER,
    "Mira's till",
    PAN,
    ACCOUNT,
    "Asha Crafts Private Limited",
];

/// Signs up twice, so that a code is left that nobody used, and gives the owner.
async fn found(app: &TestApp) -> Value {
    let body = json!({ "email": OWNER, "password": PASSWORD, "name": "Mira Vane", "shop": "Vane Pots" });
    for _ in 0..2 {
        assert_eq!(app.anybody().post("/auth/register", &body).await.status, 202);
    }
    send(app).await;
    let verified = app.anybody().post("/auth/verify", &json!({ "token": token(app) })).await;
    assert_eq!(verified.status, 201, "{}", verified.text());
    verified.json()["data"].clone()
}

/// Everything that a shop can have: also mails, texts and codes that are on their way.
async fn whole_shop(app: &TestApp, desk: &Browser) -> (String, Client) {
    let merchant = found(app).await["merchantId"].as_str().unwrap().to_owned();
    let owner = as_person(app, OWNER).await;
    invite(app, &owner, "ravi@vane.example", "staff").await;
    let order_id = owner.create(&order("A-1")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    let message = json!({ "text": "Where is it?" });
    assert_eq!(owner.post(&format!("/v1/orders/{order_id}/messages"), &message).await.status, 201);
    let made = json!({ "name": "Mira's till", "scopes": ["orders:read"] });
    assert_eq!(owner.post("/v1/api-keys", &made).await.status, 201);
    for path in ["hooks", "old"] {
        let made = json!({ "url": format!("https://vane.example/{path}"), "description": "Mira's till" });
        let made = owner.post("/v1/webhook-endpoints", &made).await;
        assert_eq!(made.status, 201, "{}", made.text());
        if path == "old" {
            let id = made.json()["data"]["id"].as_str().unwrap().to_owned();
            let deleted =
                call(&owner, Method::DELETE, &format!("/v1/webhook-endpoints/{id}"), json!({})).await;
            assert_eq!(deleted.status, 204);
        }
    }
    assert_eq!(kyc::tell(&owner, &kyc::details()).await.status, 200);
    for kind in KINDS {
        let path = format!("/v1/kyc/documents/{kind}?name=PAN%20of%20Mira%20Vane.pdf");
        assert_eq!(kyc::call(&owner, Method::PUT, &path, pdf(kind)).await.status, 200);
    }
    for (verdict, reason) in [("reject", BLURRED), ("approve", "looked at")] {
        let submitted = kyc::call(&owner, Method::POST, "/v1/kyc/submit", "").await.json()["data"].clone();
        let decision = json!({ "version": submitted["version"], "reason": reason });
        let decided = desk.post(&format!("/kyc/{merchant}/{verdict}"), &decision).await;
        assert_eq!(decided.status, 200, "{}", decided.text());
    }
    let late = json!({ "email": "late@vane.example", "role": "viewer" });
    assert_eq!(owner.post("/v1/members/invitations", &late).await.status, 201);
    assert_eq!(phones::set(&owner, NUMBER).await.status, 202);
    (merchant, owner)
}

async fn erase(desk: &Browser, merchant: &str, person: Option<&str>) -> Answer {
    let mut body = json!({ "reason": "request 4711" });
    if let Some(person) = person {
        body["personId"] = json!(person);
    }
    desk.post(&format!("/merchants/{merchant}/erase"), &body).await
}

async fn suspend(desk: &Browser, merchant: &str) {
    let path = format!("/merchants/{merchant}/suspend");
    let suspended = desk.post(&path, &json!({ "reason": "it ends" })).await;
    assert_eq!(suspended.status, 200);
}

/// Those of these words that are kept, each with its place.
async fn still_there(app: &TestApp, words: &[&str]) -> Vec<String> {
    let all = app.backend.documents().await;
    let places = words.iter().flat_map(|word| {
        let with = all.iter().filter(|(_, doc)| doc.contains(word));
        with.map(|(place, _)| format!("{word} in {place}")).collect::<Vec<_>>()
    });
    places.collect()
}

/// The documents of these collections.
async fn of(app: &TestApp, places: &[&str]) -> Vec<(String, String)> {
    let mut all = app.backend.documents().await;
    all.retain(|(place, _)| places.contains(&place.as_str()));
    all
}

async fn lines(app: &TestApp, id: &str, action: &str) -> Vec<AuditLine> {
    let audit = Audit::new(app.app.store.clone(), app.clock.clone());
    let mut all = audit.list(Some(id), None, 50).await.unwrap();
    all.retain(|line| line.action == action);
    all
}

#[tokio::test]
async fn nothing_of_a_suspended_merchant_tells_who_it_was_and_its_orders_stay() {
    let app = TestApp::builder().on_files().start().await;
    let desk = app.admin(Role::SuperAdmin).await;
    let (merchant, owner) = whole_shop(&app, &desk).await;
    let words = still_there(&app, &WORDS).await;
    for word in WORDS {
        assert!(words.iter().any(|found| found.starts_with(word)), "{word} is looked for in vain: {words:?}");
    }
    let written = still_there(&app, &[BLURRED]).await;
    for place in ["audit_log", "kyc", "notifications"] {
        assert!(written.contains(&format!("{BLURRED} in {place}")), "{place}: {written:?}");
    }

    // Not while it goes on: what is erased would come anew.
    let before = app.backend.documents().await.len();
    erase(&desk, &merchant, None).await.problem(409, "merchant-active");
    assert_eq!(still_there(&app, &WORDS).await, words);
    assert_eq!(app.backend.documents().await.len(), before + 1, "a line of the audit log");
    let refused = lines(&app, &merchant, "merchant.erase").await.remove(0);
    assert_eq!((refused.outcome, refused.before.as_deref()), (Outcome::Refused, Some("active")));

    suspend(&desk, &merchant).await;
    let stays = ["orders", "threads", "messages", "parcelx_request_logs", "parcelx_response_logs"];
    let (orders, mailed) = (of(&app, &stays).await, mail(&app));
    assert!(orders.len() > 4, "{orders:?}");
    // What a process that was killed left beside a document.
    let left = app.folder.path().join(format!("files/kyc/{}#1", kept(&app)[0]));
    std::fs::write(&left, pdf("PAN of Mira Vane")).unwrap();
    let erased = erase(&desk, &merchant, None).await;
    assert_eq!(erased.status, 200, "{}", erased.text());
    let counts = json!({ "people": 2, "codes": 2, "mails": 4, "keys": 1, "endpoints": 2, "kyc": true,
        "documents": 4, "name": true });
    assert_eq!(erased.json()["data"], counts);

    assert_eq!(still_there(&app, &WORDS).await, Vec::<String>::new());
    // The audit log keeps each reason as it was written.
    assert_eq!(still_there(&app, &[BLURRED]).await, [format!("{BLURRED} in audit_log")]);
    assert_eq!(kept(&app), Vec::<String>::new());
    assert_eq!(of(&app, &stays).await, orders, "orders answer as before");
    let shown = desk.get(&format!("/merchants/{merchant}")).await.json()["data"].clone();
    assert_eq!((&shown["name"], &shown["state"]), (&json!("erased"), &json!("suspended")));
    for none in ["members", "invitations", "keys"] {
        assert_eq!(shown[none], json!([]), "{none}");
    }
    assert_eq!((&shown["kycApprovedAt"], shown["changedAt"].is_string()), (&Value::Null, true));
    let kyc = desk.get(&format!("/kyc/{merchant}")).await.json()["data"].clone();
    assert_eq!((&kyc["state"], &kyc["documents"]), (&json!("draft"), &json!([])));
    let line = lines(&app, &merchant, "merchant.erase").await.remove(0);
    assert_eq!((line.outcome, line.count), (Outcome::Done, Some(17)));
    assert_eq!((line.before.as_deref(), line.after.as_deref()), (Some("suspended"), Some("erased")));

    // What was on its way is sent to nobody, and nobody gets in.
    send(&app).await;
    assert_eq!(mail(&app), mailed);
    let login = json!({ "email": OWNER, "password": PASSWORD });
    app.anybody().post("/auth/login", &login).await.problem(401, "login-failed");
    app.advance(Duration::from_secs(1));
    owner.get("/v1/me").await.problem(401, "unauthenticated");
    // Once more is no error.
    let again = erase(&desk, &merchant, None).await;
    let nothing = json!({ "people": 0, "codes": 0, "mails": 0, "keys": 0, "endpoints": 0, "kyc": false,
        "documents": 0, "name": false });
    assert_eq!((again.status.as_u16(), &again.json()["data"]), (200, &nothing));
    assert_eq!(lines(&app, &merchant, "merchant.erase").await[0].count, Some(0));
    // The address is free.
    assert_ne!(sign_up(&app, OWNER).await["merchantId"], merchant.as_str());
}

/// The store of files was away: the people are gone, and the same request goes on.
#[tokio::test]
async fn an_erasure_that_was_cut_off_is_finished_by_the_next_one() {
    let app = TestApp::builder().on_files().start().await;
    let desk = app.admin(Role::SuperAdmin).await;
    let (merchant, _) = whole_shop(&app, &desk).await;
    suspend(&desk, &merchant).await;
    let file = app.folder.path().join("files/kyc").join(&kept(&app)[0]);
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir_all(file.join("inside")).unwrap();
    erase(&desk, &merchant, None).await.problem(503, "temporarily-unavailable");
    let line = lines(&app, &merchant, "merchant.erase").await.remove(0);
    assert_eq!((line.outcome, line.count), (Outcome::Failed, None));
    assert!(!kept(&app).is_empty());
    assert_eq!(desk.get(&format!("/merchants/{merchant}")).await.json()["data"]["name"], "Vane Pots");

    std::fs::remove_dir_all(&file).unwrap();
    let rest = erase(&desk, &merchant, None).await;
    assert_eq!(rest.status, 200, "{}", rest.text());
    let rest = rest.json()["data"].clone();
    assert_eq!((&rest["people"], &rest["name"]), (&json!(0), &json!(true)));
    assert_eq!(kept(&app), Vec::<String>::new());
    assert_eq!(still_there(&app, &WORDS).await, Vec::<String>::new());
    send(&app).await;
}

/// A process died before the person's row: by that the rest is found.
#[tokio::test]
async fn what_is_on_its_way_is_found_as_long_as_the_person_is_there() {
    let app = TestApp::builder().on_files().start().await;
    let desk = app.admin(Role::SuperAdmin).await;
    let me = found(&app).await;
    let (merchant, id) = (me["merchantId"].as_str().unwrap(), me["id"].as_str().unwrap());
    let owner = as_person(&app, OWNER).await;
    assert_eq!(phones::set(&owner, NUMBER).await.status, 202);
    let user = app.app.store.get::<User>(id).await.unwrap().unwrap();
    let half = User { removed_at: Some(app.clock.now()), ..user };
    assert!(app.app.store.replace(&half).await.unwrap());
    let rest = erase(&desk, merchant, Some(id)).await.json()["data"].clone();
    assert_eq!((&rest["people"], &rest["codes"], &rest["mails"]), (&json!(1), &json!(1), &json!(1)));
    assert_eq!(still_there(&app, &["Mira Vane", OWNER, NUMBER]).await, Vec::<String>::new());
    send(&app).await;
    assert!(!mail(&app).contains(NUMBER));
}

#[tokio::test]
async fn a_sole_owner_is_erased_by_the_desk_and_the_shop_goes_on() {
    let app = TestApp::builder().on_files().start().await;
    let desk = app.admin(Role::SuperAdmin).await;
    let me = found(&app).await;
    let (merchant, id) = (me["merchantId"].as_str().unwrap(), me["id"].as_str().unwrap());
    let owner = as_person(&app, OWNER).await;
    let (secret, _) = key(&owner, &["orders:read"]).await;
    call(&owner, Method::DELETE, &format!("/v1/members/{id}"), json!({}))
        .await
        .problem(409, "conflict-state");
    // Another shop has invited the same address.
    let other = sign_up(&app, "other@example.com").await;
    let neighbour = as_person(&app, "other@example.com").await;
    let body = json!({ "email": OWNER, "role": "staff" });
    assert_eq!(neighbour.post("/v1/members/invitations", &body).await.status, 201);

    for (shop, person) in [(other["merchantId"].as_str().unwrap(), id), (merchant, "usr_none")] {
        erase(&desk, shop, Some(person)).await.problem(404, "not-found");
    }
    erase(&desk, "nobody", None).await.problem(404, "not-found");
    let refused = app.admin(Role::Admin).await;
    assert_eq!(erase(&refused, merchant, Some(id)).await.problem(403, "forbidden")["right"], "reveal");

    let erased = erase(&desk, merchant, Some(id)).await;
    assert_eq!(erased.status, 200, "{}", erased.text());
    let erased = erased.json()["data"].clone();
    assert_eq!((&erased["people"], &erased["codes"], &erased["mails"]), (&json!(1), &json!(2), &json!(1)));
    assert_eq!((&erased["keys"], &erased["kyc"], &erased["name"]), (&json!(0), &json!(false), &json!(false)));
    assert_eq!(still_there(&app, &["Mira Vane", OWNER]).await, Vec::<String>::new());
    let user = app.app.store.get::<User>(id).await.unwrap().unwrap();
    assert_eq!((user.name.as_str(), user.email.as_deref(), user.is_member()), ("erased", None, false));
    assert!(user.phone.is_nothing() && user.totp.is_none());
    assert_eq!(serde_json::to_value(&user.password).unwrap(), "!", "no password is ever right");
    let line = lines(&app, id, "member.erase").await.remove(0);
    assert_eq!((line.outcome, line.count, line.user_id.as_deref()), (Outcome::Done, Some(4), Some(merchant)));
    assert_eq!((line.before.as_deref(), line.after.as_deref()), (Some("owner"), Some("erased")));

    app.advance(Duration::from_secs(1));
    owner.get("/v1/me").await.problem(401, "unauthenticated");
    let login = json!({ "email": OWNER, "password": PASSWORD });
    app.anybody().post("/auth/login", &login).await.problem(401, "login-failed");
    assert_eq!(neighbour.get("/v1/members/invitations").await.json()["data"], json!([]));
    assert_eq!(with_key(&app, &secret).get("/v1/orders").await.status, 200, "systems go on");
    assert_eq!(app.app.state.merchants.get(merchant).await.unwrap().unwrap().name, "Vane Pots");
    assert_eq!(erase(&desk, merchant, Some(id)).await.json()["data"]["people"], 0);
    // The desk gives it another owner.
    let new = json!({ "email": "new@example.com", "reason": "called us" });
    assert_eq!(desk.post(&format!("/merchants/{merchant}/owners"), &new).await.status, 202);
    send(&app).await;
    let accept = json!({ "token": token(&app), "name": "Asha Example", "password": PASSWORD });
    assert_eq!(app.anybody().post("/auth/accept", &accept).await.status, 201);
}

/// A reason is needed, and nothing else is taken.
#[tokio::test]
async fn an_erasure_has_a_reason() {
    let app = TestApp::start().await;
    let desk = app.admin(Role::SuperAdmin).await;
    for (body, pointer) in [
        (json!({}), "/reason"),
        (json!({ "reason": "" }), "/reason"),
        (json!({ "reason": "x", "person": "usr_1" }), "/person"),
    ] {
        let request =
            Request::post("/admin/api/merchants/shop/erase").header("content-type", "application/json");
        let refused = desk.send(request.body(Body::from(body.to_string())).unwrap()).await;
        assert_eq!(refused.problem(422, "validation-failed")["errors"][0]["pointer"], pointer, "{body}");
    }
}
