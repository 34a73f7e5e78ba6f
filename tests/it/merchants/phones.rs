//! A person's phone number, and texts to it: through a gateway over a real socket, whatever that does.

use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use waybill::{
    features::{
        mail::{
            job::SendText,
            model::{Email, State},
        },
        merchants::user::User,
    },
    platform::{
        queue::{JobState, job::Payload},
        store::{Order, Query},
    },
};

use super::{
    PASSWORD, mail,
    members::{as_person, call, invite},
    send, sign_up,
};
use crate::{
    notifications::on_mongodb,
    support::{Client, TestApp, mongodb::Lab},
    webhooks::receiver::{Arrived, Receiver},
};

const OWNER: &str = "asha@example.com";
const NUMBER: &str = "+919812345678";

/// A service that sends texts by this gateway.
pub(crate) async fn with_gateway(gateway: &Receiver) -> TestApp {
    TestApp::builder()
        .setting("WAYBILL_TEXTS__URL", &format!("{}?key=s3cret", gateway.url))
        .setting("WAYBILL_TEXTS__HEADER", "X-Gateway-Key: s3cret")
        .setting("WAYBILL_TEXTS__BODY", r#"{"to":"{digits}","text":"{text}","as":"{kind}","ref":"{id}"}"#)
        .start()
        .await
}

pub(crate) async fn set(person: &Client, number: &str) -> crate::support::Answer {
    call(person, Method::PUT, "/v1/me/phone", json!({ "phone": number, "password": PASSWORD })).await
}

pub(crate) async fn tell(person: &Client, code: &str) -> crate::support::Answer {
    call(person, Method::POST, "/v1/me/phone/confirm", json!({ "code": code })).await
}

/// The code that a gateway was given.
pub(crate) fn code_in(text: &Arrived) -> String {
    let body = text.body();
    body["text"].as_str().unwrap().split(' ').next().unwrap().to_owned()
}

/// A confirmed number.
pub(crate) async fn confirm(app: &TestApp, gateway: &Receiver, person: &Client, number: &str) {
    assert_eq!(set(person, number).await.status, 202);
    send(app).await;
    assert_eq!(tell(person, &code_in(&gateway.take().remove(0))).await.status, 204);
}

async fn me(person: &Client) -> Value {
    person.get("/v1/me").await.json()["data"].clone()
}

async fn stored(app: &TestApp) -> Email {
    let newest = Query::sorted_by("createdAt", Order::Descending).limit(1);
    app.app.store.find::<Email>(&newest).await.unwrap().docs.remove(0)
}

#[tokio::test]
async fn a_number_counts_once_its_code_was_told() {
    let gateway = Receiver::start().await;
    let app = with_gateway(&gateway).await;
    sign_up(&app, OWNER).await;
    let owner = as_person(&app, OWNER).await;
    assert_eq!(
        (&me(&owner).await["phone"], &me(&owner).await["phoneConfirmed"]),
        (&Value::Null, &json!(false))
    );
    assert_eq!(set(&owner, NUMBER).await.status, 202);
    // The board shows which text, neither to whom nor what.
    let jobs = app.app.queue.inspect.list(SendText::QUEUE, JobState::Waiting, None, 9).await.unwrap();
    let data = &jobs.jobs[0].data;
    assert!(data.contains("eml_") && !data.contains("98123"), "{data}");
    send(&app).await;

    let arrived = gateway.take();
    let text = arrived[0].body();
    assert_eq!((arrived.len(), &text["to"], &text["as"]), (1, &json!("919812345678"), &json!("code")));
    let (code, rest) = text["text"].as_str().unwrap().split_once(' ').unwrap();
    assert!(code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit()), "{text}");
    assert_eq!(rest, "is your code for Waybill. It counts for ten minutes; tell it to nobody.");
    assert_eq!(arrived[0].header("x-gateway-key"), "s3cret");
    assert_eq!(arrived[0].header("content-type"), "application/json");
    let sent = stored(&app).await;
    assert_eq!((arrived[0].header("idempotency-key"), &text["ref"]), (sent.id.as_str(), &json!(sent.id)));
    assert_eq!((sent.state, sent.to, sent.token), (State::Sent, None, None));

    // Not before it is confirmed.
    assert_eq!(
        (&me(&owner).await["phone"], &me(&owner).await["phoneConfirmed"]),
        (&json!(NUMBER), &json!(false))
    );
    let wrong = if code == "000000" { "000001" } else { "000000" };
    tell(&owner, wrong).await.problem(422, "validation-failed");
    assert_eq!(tell(&owner, code).await.status, 204);
    assert_eq!(me(&owner).await["phoneConfirmed"], true);
    tell(&owner, code).await.problem(422, "validation-failed");

    // Another number begins anew, and one that is removed is gone.
    assert_eq!(set(&owner, "+919800000000").await.status, 202);
    assert_eq!(me(&owner).await["phoneConfirmed"], false);
    for _ in 0..2 {
        assert_eq!(call(&owner, Method::DELETE, "/v1/me/phone", json!({})).await.status, 204);
    }
    assert_eq!(me(&owner).await["phone"], Value::Null);
    tell(&owner, code).await.problem(422, "validation-failed");
    // Nor is its code sent that was still on the way.
    send(&app).await;
    assert_eq!(gateway.take().len(), 0);
    assert_eq!(stored(&app).await.reason.as_deref(), Some("the number is not that person's any more"));
}

#[tokio::test]
async fn codes_are_few_and_only_for_whoever_knows_the_password() {
    let gateway = Receiver::start().await;
    let app = with_gateway(&gateway).await;
    sign_up(&app, OWNER).await;
    let owner = as_person(&app, OWNER).await;
    for (body, pointer, code) in [
        (json!({ "phone": "9812345678", "password": PASSWORD }), "/phone", "phone"),
        (json!({ "phone": "+447700900123", "password": PASSWORD }), "/phone", "country"),
        (json!({ "phone": NUMBER, "password": "another one of mine" }), "/password", "wrong"),
        (json!({ "phone": NUMBER }), "/password", "missing"),
    ] {
        let refused = call(&owner, Method::PUT, "/v1/me/phone", body.clone()).await;
        refused.problem(422, "validation-failed");
        let error = &refused.json()["errors"][0];
        assert_eq!((&error["pointer"], &error["code"]), (&json!(pointer), &json!(code)), "{body}");
    }
    for _ in 0..3 {
        assert_eq!(set(&owner, NUMBER).await.status, 202);
    }
    let refused = set(&owner, NUMBER).await;
    refused.problem(429, "too-many-requests");
    assert_eq!(refused.headers["retry-after"], "3600");
    send(&app).await;
    assert_eq!(gateway.take().len(), 3);
    call(&owner, Method::DELETE, "/v1/me/phone", json!({})).await;
    set(&owner, NUMBER).await.problem(429, "too-many-requests");
    app.advance(Duration::from_secs(3600));
    let owner = as_person(&app, OWNER).await;
    assert_eq!(set(&owner, NUMBER).await.status, 202);
    send(&app).await;
    // Systems have no phone.
    let system = app.merchant("shop");
    set(&system, NUMBER).await.problem(403, "person-required");
}

/// Somebody with many accounts must not have one phone fill with texts.
#[tokio::test]
async fn one_phone_gets_few_codes_whoever_asks_for_them() {
    let gateway = Receiver::start().await;
    let app = with_gateway(&gateway).await;
    let emails = ["one@example.com", "two@example.com", "three@example.com"];
    for email in emails {
        sign_up(&app, email).await;
    }
    let (one, two) = (as_person(&app, emails[0]).await, as_person(&app, emails[1]).await);
    // Those that are refused to one person take nothing from the number.
    for n in 0..6 {
        assert_eq!(set(&one, NUMBER).await.status, if n < 3 { 202 } else { 429 }, "{n}");
    }
    for n in 0..3 {
        assert_eq!(set(&two, NUMBER).await.status, 202, "{n}");
    }
    send(&app).await;
    assert_eq!(gateway.take().len(), 6);

    // Nobody else gets one to it, wherever they are from; and it costs them nothing.
    let three = as_person(&app, emails[2]).await;
    for _ in 0..3 {
        let refused = set(&three, NUMBER).await;
        refused.problem(429, "too-many-requests");
        assert_eq!(refused.headers["retry-after"], "14400");
    }
    assert_eq!(me(&three).await["phone"], Value::Null);
    confirm(&app, &gateway, &three, "+919800000000").await;

    // Four hours later there is one, for whoever asks first.
    app.advance(Duration::from_secs(4 * 3600));
    let (two, three) = (as_person(&app, emails[1]).await, as_person(&app, emails[2]).await);
    assert_eq!(set(&two, NUMBER).await.status, 202);
    set(&three, NUMBER).await.problem(429, "too-many-requests");
    assert_eq!(me(&three).await["phone"], "+919800000000", "what is refused changes nothing");
    send(&app).await;
    assert_eq!(gateway.take().len(), 1);
}

#[tokio::test]
async fn a_gateway_that_fails_delays_a_text_or_ends_it() {
    let gateway = Receiver::start().await;
    let app = with_gateway(&gateway).await;
    sign_up(&app, OWNER).await;
    let owner = as_person(&app, OWNER).await;
    gateway.always(503);
    assert_eq!(set(&owner, NUMBER).await.status, 202);
    send(&app).await;
    assert_eq!(stored(&app).await.reason.as_deref(), Some("the gateway cannot take it now (503)"));
    gateway.always(202);
    app.advance(Duration::from_secs(30));
    send(&app).await;
    let (tries, sent) = (gateway.take(), stored(&app).await);
    assert_eq!((tries.len(), sent.state), (2, State::Sent));
    assert_eq!(tries[0].header("idempotency-key"), tries[1].header("idempotency-key"));

    // A code that counts no more is not sent any more.
    gateway.always(503);
    app.advance(Duration::from_secs(1));
    assert_eq!(set(&owner, NUMBER).await.status, 202);
    send(&app).await;
    let tries = gateway.take().len();
    gateway.always(202);
    app.advance(Duration::from_secs(600));
    send(&app).await;
    assert_eq!((tries, gateway.take().len()), (1, 0), "not when the gateway is back too late");
    assert_eq!((stored(&app).await.state, stored(&app).await.to), (State::Failed, None));
    gateway.take();

    // Neither is one that the gateway refuses.
    app.advance(Duration::from_secs(3600));
    let owner = as_person(&app, OWNER).await;
    gateway.answers(|_| Some(axum::response::IntoResponse::into_response(StatusCode::BAD_REQUEST)));
    assert_eq!(set(&owner, NUMBER).await.status, 202);
    send(&app).await;
    let refused = stored(&app).await;
    assert_eq!(
        (refused.state, refused.reason.as_deref()),
        (State::Failed, Some("the gateway refuses it (400)"))
    );
    assert_eq!(gateway.take().len(), 1);
}

/// On an installation of one machine texts go where mails go.
#[tokio::test]
async fn without_a_gateway_texts_are_in_the_file_of_mails() {
    let app = TestApp::builder().on_files().start().await;
    sign_up(&app, OWNER).await;
    let owner = as_person(&app, OWNER).await;
    assert_eq!(set(&owner, NUMBER).await.status, 202);
    send(&app).await;
    let file = mail(&app);
    let (_, text) = file.rsplit_once(&format!("to {NUMBER}: Confirm your phone number\n")).unwrap();
    assert_eq!(tell(&owner, text.split(' ').next().unwrap()).await.status, 204);
}

#[tokio::test]
async fn a_member_who_was_removed_leaves_no_number() {
    let gateway = Receiver::start().await;
    let app = with_gateway(&gateway).await;
    sign_up(&app, OWNER).await;
    let owner = as_person(&app, OWNER).await;
    let ravi = invite(&app, &owner, "ravi@example.com", "staff").await;
    let person = as_person(&app, "ravi@example.com").await;
    confirm(&app, &gateway, &person, NUMBER).await;
    let path = format!("/v1/members/{}", ravi["id"].as_str().unwrap());
    assert_eq!(call(&owner, Method::DELETE, &path, json!({})).await.status, 204);
    let users = app.app.store.find::<User>(&Query::by_id(Order::Ascending)).await.unwrap();
    let users = serde_json::to_string(&users.docs).unwrap();
    assert!(!users.contains("98123"), "{users}");
}

/// With its documents on a server nobody knows where that would be.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_can_send_no_texts_takes_no_number() {
    let lab = Lab::new().await;
    let folder = tempfile::tempdir().unwrap();
    let (_app, owner) = on_mongodb(&lab, folder.path()).await;
    set(&owner, NUMBER).await.problem(409, "conflict-state");
}
