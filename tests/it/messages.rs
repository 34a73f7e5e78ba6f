//! Messages between a shop and the desk about one order.

mod bounds;
mod live;
mod talking;

use http::Method;
use serde_json::{Value, json};

use crate::{
    admin::people::Browser,
    merchants::members::call,
    support::{Answer, Client},
};

fn path(order: &str) -> String {
    format!("/v1/orders/{order}/messages")
}

fn desk_path(order: &str) -> String {
    format!("/orders/{order}/messages")
}

/// A message of the shop, as it then sees it.
async fn write(shop: &Client, order: &str, text: &str) -> Value {
    let kept = shop.post(&path(order), &json!({ "text": text })).await;
    assert_eq!(kept.status, 201, "{}", kept.text());
    kept.json()["data"].clone()
}

/// The same of the desk.
async fn answer(desk: &Browser, order: &str, text: &str) -> Value {
    let kept = desk.post(&desk_path(order), &json!({ "text": text })).await;
    assert_eq!(kept.status, 201, "{}", kept.text());
    kept.json()["data"].clone()
}

async fn thread(shop: &Client, order: &str) -> Value {
    let listed = shop.get(&format!("{}?limit=200", path(order))).await;
    assert_eq!(listed.status, 200, "{}", listed.text());
    listed.json()
}

async fn read(shop: &Client, order: &str, message: &Value) -> Answer {
    let body = json!({ "messageId": message["id"] });
    call(shop, Method::PUT, &format!("{}/read", path(order)), body).await
}

async fn desk_read(desk: &Browser, order: &str, message: &Value) -> Answer {
    let body = json!({ "messageId": message["id"] });
    desk.call(Method::PUT, &format!("{}/read", desk_path(order)), Some(&body)).await
}
