//! Merchants, their keys and their people.

mod desk;
mod erasure;
mod keys;
mod limits;
mod mails;
pub(crate) mod members;
mod pages;
mod people;
pub(crate) mod phones;
mod places;
mod suspended;
mod uncounted;
mod under_load;

use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use serde_json::{Value, json};
use waybill::platform::auth::Hashed;

use crate::support::{Client, TestApp};

/// The password of every person of these tests.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// A hash of [`PASSWORD`] that costs less than any that is made now.
pub(crate) fn cheap_hash() -> Hashed {
    let params = Params::new(8 * 1024, 1, 1, None).unwrap();
    let cheap = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = cheap.hash_password(PASSWORD.as_bytes()).unwrap();
    serde_json::from_value(hash.to_string().into()).unwrap()
}

/// A system with this key.
pub(crate) fn with_key(app: &TestApp, key: &str) -> Client {
    Client { router: app.router(), token: Some(key.to_owned()) }
}

/// A new key of a merchant: its text, and what is shown of it.
pub(crate) async fn key(by: &Client, scopes: &[&str]) -> (String, Value) {
    let made = by.post("/v1/api-keys", &json!({ "name": "a server", "scopes": scopes })).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    (made["key"].as_str().unwrap().to_owned(), made["data"].clone())
}

/// Sends all mails that wait: those of a local installation go to a file.
pub(crate) async fn send(app: &TestApp) {
    app.run_pending_jobs().await;
}

/// All mails that were sent.
pub(crate) fn mail(app: &TestApp) -> String {
    std::fs::read_to_string(app.folder.path().join("mails.txt")).unwrap()
}

/// The code of the last mail that has one.
pub(crate) fn token(app: &TestApp) -> String {
    let mails = mail(app);
    let (_, rest) = mails.rsplit_once("#token=").unwrap();
    rest.lines().next().unwrap().to_owned()
}

/// A shop that has confirmed its address, and its owner as people see it.
pub(crate) async fn sign_up(app: &TestApp, email: &str) -> Value {
    let body = json!({ "email": email, "password": PASSWORD, "name": "Asha Example", "shop": "Asha Crafts" });
    let asked = app.anybody().post("/auth/register", &body).await;
    assert_eq!(asked.status, 202, "{}", asked.text());
    send(app).await;
    let verified = app.anybody().post("/auth/verify", &json!({ "token": token(app) })).await;
    assert_eq!(verified.status, 201, "{}", verified.text());
    verified.json()["data"].clone()
}

/// A session.
pub(crate) async fn sign_in(app: &TestApp, email: &str, password: &str) -> Value {
    let signed_in = app.anybody().post("/auth/login", &json!({ "email": email, "password": password })).await;
    assert_eq!(signed_in.status, 200, "{}", signed_in.text());
    signed_in.json()["data"].clone()
}
