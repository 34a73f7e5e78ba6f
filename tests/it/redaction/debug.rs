//! `{:?}` ends up in log lines and panics: what holds a secret or a person's data does not print it.

use secrecy::SecretString;
use url::Url;
use waybill::{
    features::orders::{model::Order, payload::NewOrder, request::CreateOrder},
    platform::config::{Account, Config},
    provider::{
        parcelx::answer::{Answer, Body},
        simulator::Rule,
    },
};

use super::canaries::{self, assert_clean};
use crate::support::TestApp;

#[test]
fn settings_and_accounts_print_no_secret() {
    let settings = [
        ("WAYBILL_PARCELX__ACCESS_KEY", canaries::ACCESS_KEY),
        ("WAYBILL_PARCELX__SECRET_KEY", canaries::SECRET_KEY),
        ("WAYBILL_AUTH__JWT_SECRET", canaries::JWT_SECRET),
        ("WAYBILL_PARCELX__BASE_URL", "https://app.parcelx.in"),
    ];
    let config = Config::load(None, settings.map(|(k, v)| (k.to_owned(), v.to_owned()))).unwrap();
    assert_clean(&format!("{config:?} {config:#?}"), "Config");
    let key = |text: &str| SecretString::from(text);
    let base_url = Url::parse("https://app.parcelx.in").unwrap();
    let account =
        Account { base_url, access_key: key(canaries::ACCESS_KEY), secret_key: key(canaries::SECRET_KEY) };
    assert_clean(&format!("{account:?}"), "Account");
}

#[test]
fn urls_with_passwords_are_not_printed() {
    let mut config = Config::load(None, Vec::new()).unwrap();
    config.store.url = "mongodb://zuquser:zuqpass@db.example.test/waybill".to_owned();
    config.queue.url = "redis://:zuqpass@queue.example.test:6379".to_owned();
    assert_clean(&format!("{config:?}"), "Config");
    // Credentials in the provider's address are refused, and not by quoting them.
    let settings =
        vec![("WAYBILL_PARCELX__BASE_URL".to_owned(), "https://zuquser:zuqpass@app.parcelx.in".to_owned())];
    let refused = Config::load(None, settings).unwrap_err();
    assert_clean(&format!("{refused} {refused:?}"), "a refusal of settings");
}

#[test]
fn orders_in_every_form_print_nobody() {
    let request: CreateOrder = serde_json::from_value(canaries::body("A-1")).unwrap();
    assert_clean(&format!("{request:?}"), "a request");
    let draft = NewOrder::from(request);
    assert_clean(&format!("{draft:?}"), "a draft");
    let body = Body::read(canaries::body("A-1").to_string().as_bytes());
    let text = Body::read(b"<html>Zuqname</html>");
    assert_clean(
        &format!("{body:?} {text:?} {:?}", Answer { status: 200, retry_after: None, body: body.clone() }),
        "an answer",
    );
}

#[tokio::test]
async fn what_a_service_gives_prints_nobody() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    app.simulator.script(Rule::refuse("Zuqname is not known"));
    let id = merchant.create(&canaries::body("A-1")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1), ("track", 1)]);
    let order: Order = app.app.store.get(&id).await.unwrap().unwrap();
    assert_eq!(order.payload().consignee.mobile, canaries::MOBILE);
    assert_clean(
        &format!("{order:?} {:?} {:?} {:#?}", order.payload().consignee, order.payload().items, Some(&order)),
        "an order",
    );
    assert!(format!("{order:?}").contains(&id));
}
