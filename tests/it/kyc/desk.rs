//! What the desk sees and decides.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use waybill::{
    admin::rights::{Right, Role},
    features::audit::{Audit, AuditLine},
};

use super::{ACCOUNT, KINDS, PAN, details, hand_in, pdf, tell};
use crate::{
    admin::people::Browser,
    merchants::{PASSWORD, mail, send, sign_in, sign_up},
    support::{Client, TestApp},
};

async fn lines(app: &TestApp, merchant: &str) -> Vec<AuditLine> {
    let audit = Audit::new(app.app.store.clone(), app.clock.clone());
    audit.list(Some(merchant), None, 50).await.unwrap()
}

fn body(version: &Value) -> Value {
    json!({ "version": version, "reason": "looked at" })
}

#[tokio::test]
async fn what_was_handed_in_first_is_first_in_the_list() {
    let app = TestApp::start().await;
    let desk = app.admin(Role::Viewer).await;
    for n in 0..5 {
        hand_in(&app.merchant(&format!("shop {n}/x"))).await;
        app.advance(Duration::from_secs(60));
    }
    tell(&app.merchant("draft"), &details()).await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = desk.get(&format!("/kyc?limit=2{cursor}")).await.json();
        let merchants = page["data"].as_array().unwrap().iter().map(|kyc| kyc["merchantId"].clone());
        seen.extend(merchants);
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, (0..5).map(|n| json!(format!("shop {n}/x"))).collect::<Vec<_>>());
    let of = async |query: &str| desk.get(&format!("/kyc?{query}")).await;
    assert_eq!(of("state=draft").await.json()["data"][0]["merchantId"], "draft");
    let missing = desk.get("/kyc/draft").await.json()["data"]["missing"].clone();
    assert_eq!(missing, json!(KINDS.map(|kind| format!("documents/{kind}"))));
    assert_eq!(of("state=approved").await.json()["data"], json!([]));
    of("state=lost").await.problem(400, "invalid-query");
    of("limit=0").await.problem(422, "validation-failed");
    let next = of("limit=1").await.json()["nextCursor"].as_str().unwrap().to_owned();
    of(&format!("state=draft&cursor={next}")).await.problem(400, "invalid-cursor");
    // Ids of the old system may be anything.
    assert_eq!(desk.get("/kyc/shop%201%2Fx").await.json()["data"]["merchantId"], "shop 1/x");
    desk.get("/kyc/nobody").await.problem(404, "not-found");
    desk.get("/kyc/%ff").await.problem(404, "not-found");
}

#[tokio::test]
async fn numbers_and_documents_are_shown_to_those_who_may_and_say_why() {
    let app = TestApp::start().await;
    hand_in(&app.merchant("shop")).await;
    let (admin, boss) = (app.admin(Role::Admin).await, app.admin(Role::SuperAdmin).await);
    let masked = admin.get("/kyc/shop").await;
    let shown = masked.json()["data"].clone();
    assert_eq!((&shown["pan"], &shown["accountNumber"]), (&json!("XXXXXX939F"), &json!("XXXXXXXXXX1234")));
    assert_eq!(
        (&shown["legalName"], &shown["address"]),
        (&json!("Asha Crafts Private Limited"), &Value::Null)
    );
    for secret in [PAN, ACCOUNT, "Sample Street"] {
        assert!(!masked.text().contains(secret), "{}", masked.text());
    }
    let why = json!({ "reason": "the bank asks" });
    for path in ["/kyc/shop/reveal", "/kyc/shop/documents/pan_card/reveal"] {
        assert_eq!(admin.post(path, &why).await.problem(403, "forbidden")["right"], "reveal");
        boss.post(path, &json!({})).await.problem(422, "validation-failed");
        boss.post(path, &json!({ "reason": " " })).await.problem(422, "validation-failed");
    }
    assert_eq!(lines(&app, "shop").await.len(), 1, "nothing was seen: only that it was handed in");

    let seen = boss.post("/kyc/shop/reveal", &why).await.json()["data"].clone();
    assert_eq!((&seen["pan"], &seen["accountNumber"]), (&json!(PAN), &json!(ACCOUNT)));
    assert_eq!(seen["address"]["line1"], "12 Sample Street");
    let file = boss.post("/kyc/shop/documents/pan_card/reveal", &why).await;
    assert_eq!((file.status.as_u16(), file.body == pdf("pan_card")), (200, true));
    assert_eq!(file.header("content-disposition"), Some("attachment; filename=\"pan_card.pdf\""));
    assert!(file.header("content-security-policy").unwrap().contains("sandbox"));
    boss.post("/kyc/shop/documents/passport/reveal", &why).await.problem(404, "not-found");
    boss.post("/kyc/other/documents/pan_card/reveal", &why).await.problem(404, "not-found");
    let told: Vec<_> = lines(&app, "shop")
        .await
        .into_iter()
        .map(|line| (line.action, line.actor.name, line.reason, line.outcome.as_str()))
        .collect();
    let by = |action: &str| (action.to_owned(), "super_admin".to_owned(), "the bank asks".to_owned(), "done");
    assert_eq!(told[..2], [by("kyc.view.pan_card"), by("kyc.reveal")]);
}

#[tokio::test]
async fn a_decision_is_on_what_was_seen_and_has_a_line() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    let desk = app.admin(Role::Admin).await;
    let post = async |desk: &Browser, verdict: &str, body: &Value| {
        desk.call(Method::POST, &format!("/kyc/shop/{verdict}"), Some(body)).await
    };
    post(&desk, "approve", &body(&json!(1))).await.problem(404, "not-found");
    tell(&shop, &details()).await;
    let problem = post(&desk, "approve", &body(&json!(1))).await.problem(409, "conflict-state");
    assert_eq!(problem["state"], "draft");
    let version = hand_in(&shop).await["version"].clone();
    let stale = post(&desk, "approve", &body(&json!(1))).await.problem(409, "version-conflict");
    assert_eq!(stale["version"], version);
    for bad in
        [json!({ "version": version }), json!({ "reason": "x" }), json!({ "version": 0, "reason": "x" })]
    {
        post(&desk, "approve", &bad).await.problem(422, "validation-failed");
    }
    let operator = app.admin(Role::Operator).await;
    assert_eq!(
        post(&operator, "approve", &body(&version)).await.problem(403, "forbidden")["right"],
        "kyc.decide"
    );
    assert!(!Role::Operator.grants(Right::KycDecide));

    let approved = post(&desk, "approve", &body(&version)).await.json()["data"].clone();
    assert_eq!((&approved["state"], approved["history"].as_array().unwrap().len()), (&json!("approved"), 8));
    post(&desk, "approve", &body(&approved["version"])).await.problem(409, "conflict-state");
    let rejected = post(&desk, "reject", &body(&approved["version"])).await.json()["data"].clone();
    assert_eq!((&rejected["state"], &rejected["reason"]), (&json!("rejected"), &json!("looked at")));
    let last = &rejected["history"][8];
    assert_eq!((&last["by"], &last["reason"]), (&json!("admin"), &json!("looked at")));
    let told: Vec<_> = lines(&app, "shop")
        .await
        .into_iter()
        .map(|line| (line.action, line.outcome.as_str(), line.before.unwrap_or_default()))
        .collect();
    let line =
        |action: &str, outcome: &'static str, before: &str| (action.to_owned(), outcome, before.to_owned());
    assert_eq!(
        told,
        [
            line("kyc.reject", "done", "approved"),
            line("kyc.approve", "refused", "approved"),
            line("kyc.approve", "done", "submitted"),
            line("kyc.approve", "refused", "submitted"),
            line("kyc.submit", "done", ""),
            line("kyc.approve", "refused", "draft"),
        ]
    );
}

/// Two of the desk decide at once: one of them does.
#[tokio::test]
async fn of_two_decisions_at_once_one_counts() {
    let app = TestApp::start().await;
    let version = hand_in(&app.merchant("shop")).await["version"].clone();
    let desk = app.admin(Role::Admin).await;
    let body = body(&version);
    let (one, two) =
        tokio::join!(desk.post("/kyc/shop/approve", &body), desk.post("/kyc/shop/reject", &body));
    let statuses = [one.status.as_u16(), two.status.as_u16()];
    assert!(statuses.contains(&200) && statuses.contains(&409), "{statuses:?}");
    let history = desk.get("/kyc/shop").await.json()["data"]["history"].clone();
    assert_eq!(history.as_array().unwrap().len(), 7, "{history}");
}

#[tokio::test]
async fn the_owners_get_a_mail_that_says_nothing_of_the_reason() {
    let app = TestApp::start().await;
    let owner = sign_up(&app, "asha@example.com").await;
    let session = sign_in(&app, "asha@example.com", PASSWORD).await;
    let client = Client { router: app.router(), token: session["accessToken"].as_str().map(str::to_owned) };
    let version = hand_in(&client).await["version"].clone();
    let (merchant, desk) = (owner["merchantId"].as_str().unwrap(), app.admin(Role::Admin).await);
    let reject = json!({ "version": version, "reason": "the cheque is another's" });
    assert_eq!(desk.post(&format!("/kyc/{merchant}/reject"), &reject).await.status, 200);
    send(&app).await;
    assert!(mail(&app).contains("to asha@example.com: Your KYC needs a change"), "{}", mail(&app));
    assert!(!mail(&app).contains("cheque"));
    let version = client.post("/v1/kyc/submit", &json!({})).await.json()["data"]["version"].clone();
    assert_eq!(desk.post(&format!("/kyc/{merchant}/approve"), &body(&version)).await.status, 200);
    send(&app).await;
    assert!(mail(&app).contains("to asha@example.com: Your KYC is approved"), "{}", mail(&app));
    // A merchant without people gets none, and is decided on all the same.
    let version = hand_in(&app.merchant("old")).await["version"].clone();
    assert_eq!(desk.post("/kyc/old/approve", &body(&version)).await.status, 200);
    assert!(app.app.state.merchants.get("old").await.unwrap().unwrap().kyc_approved_at.is_some());
}
