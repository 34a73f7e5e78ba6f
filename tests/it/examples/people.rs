//! A shop that signs up, its people and its keys.

use http::Method;
use serde_json::{Value, json};

use super::{Came, note};
use crate::{
    merchants::{PASSWORD, members::call, send, token},
    support::{Client, TestApp},
};

const OWNER: &str = "asha@example.com";
const MEMBER: &str = "ravi@example.com";

/// Gives the owner, who has signed in.
pub(super) async fn sign_up(app: &TestApp, came: &mut Came) -> Client {
    let anybody = app.anybody();
    let post = async |came: &mut Came, path: &str, body: Value| {
        let answer = anybody.post(path, &body).await;
        note(came, "post", path, &answer);
        answer.json()["data"].clone()
    };
    let shop = json!({ "email": OWNER, "password": PASSWORD, "name": "Asha Example", "shop": "Asha Crafts" });
    post(came, "/auth/register", shop).await;
    send(app).await;
    post(came, "/auth/verify", json!({ "token": token(app) })).await;
    let signed_in = post(came, "/auth/login", json!({ "email": OWNER, "password": PASSWORD })).await;
    let body = json!({ "refreshToken": signed_in["refreshToken"] });
    let refreshed = post(came, "/auth/refresh", body).await;
    post(came, "/auth/forgot", json!({ "email": OWNER })).await;
    send(app).await;
    Client { router: app.router(), token: Some(refreshed["accessToken"].as_str().unwrap().to_owned()) }
}

/// What she does about herself.
pub(super) async fn of_the_owner(app: &TestApp, came: &mut Came, owner: &Client) {
    note(came, "get", "/v1/me", &owner.get("/v1/me").await);
    let renamed = call(owner, Method::PATCH, "/v1/me", json!({ "name": "Asha E. Example" })).await;
    note(came, "patch", "/v1/me", &renamed);
    let totp = owner.post("/v1/me/totp", &json!({ "password": PASSWORD })).await;
    note(came, "post", "/v1/me/totp", &totp);
    let number = json!({ "phone": "+919812345678", "password": PASSWORD });
    note(came, "put", "/v1/me/phone", &call(owner, Method::PUT, "/v1/me/phone", number).await);
    send(app).await;
}

/// Whom she invites, and what becomes of that.
pub(super) async fn of_the_shop(app: &TestApp, came: &mut Came, owner: &Client) {
    let path = "/v1/members/invitations";
    let invited = owner.post(path, &json!({ "email": MEMBER, "role": "staff" })).await;
    note(came, "post", path, &invited);
    note(came, "get", path, &owner.get(path).await);
    send(app).await;
    let accept = json!({ "token": token(app), "name": "Ravi Example", "password": PASSWORD });
    let accepted = app.anybody().post("/auth/accept", &accept).await;
    note(came, "post", "/auth/accept", &accepted);
    note(came, "get", "/v1/members", &owner.get("/v1/members").await);
    let path = format!("/v1/members/{}", accepted.json()["data"]["id"].as_str().unwrap());
    let changed = call(owner, Method::PATCH, &path, json!({ "role": "viewer" })).await;
    note(came, "patch", "/v1/members/{id}", &changed);
}

pub(super) async fn keys(came: &mut Came, owner: &Client) {
    let wanted = json!({ "name": "the shop's server", "scopes": ["orders:read", "orders:write"] });
    let made = owner.post("/v1/api-keys", &wanted).await;
    note(came, "post", "/v1/api-keys", &made);
    note(came, "get", "/v1/api-keys", &owner.get("/v1/api-keys").await);
    let path = format!("/v1/api-keys/{}/rotate", made.json()["data"]["id"].as_str().unwrap());
    note(came, "post", "/v1/api-keys/{id}/rotate", &owner.post(&path, &json!({})).await);
}
