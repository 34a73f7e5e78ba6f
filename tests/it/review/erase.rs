//! The personal data of a consignee is taken out of an order that has ended.

use waybill::{
    features::{audit::Outcome, orders::review::Refusal},
    provider::simulator::Rule,
};

use super::{line, lines, refusal, reviewer, stored};
use crate::support::{
    TestApp,
    orders::{order, with},
};

/// What tells who the consignee is.
const PERSONAL: [&str; 5] =
    ["Asha Example", "9000000001", "12 Sample Street", "asha@example.com", "Second floor"];

fn full(id: &str) -> serde_json::Value {
    let order = with(order(id), "/consignee/email", "asha@example.com".into());
    with(order, "/consignee/address2", "Second floor".into())
}

#[tokio::test]
async fn an_order_that_has_ended_forgets_who_it_went_to_and_nothing_else() {
    let app = TestApp::start().await;
    let (merchant, reviews) = (app.merchant("u1"), reviewer(&app));
    let id = merchant.create(&full("E-1")).await;
    assert_eq!(refusal(reviews.erase(&id).await), Refusal::NotEnded);
    app.run_pending_jobs().await;
    let before = stored(&app, &id).await;

    let erased = reviews.erase(&id).await.unwrap();
    assert_eq!(erased.erased_at(), Some(app.clock.now()));
    let document = serde_json::to_string(&stored(&app, &id).await).unwrap();
    for word in PERSONAL {
        assert!(!document.contains(word), "{word}: {document}");
    }
    let shown = merchant.order(&id).await;
    assert_eq!(shown["consignee"]["name"], "erased");
    assert_eq!(
        (&shown["consignee"]["pincode"], &shown["consignee"]["city"]),
        (&"560001".into(), &"Bengaluru".into())
    );
    assert_eq!((erased.awb(), erased.status()), (before.awb(), before.status()));
    for call in app.app.state.records.of_order(&id).await.unwrap() {
        let full = app.app.state.records.call(&id, &call.id, true).await.unwrap().unwrap();
        let text = format!("{} {:?}", full.request_payload, full.outcome.map(|end| end.response_payload));
        assert!(PERSONAL.iter().all(|word| !text.contains(word)), "{text}");
        assert!(text.contains("ORD-"), "what is nobody's stays: {text}");
    }
    for answer in
        [format!("/v1/orders/{id}"), format!("/v1/orders/{id}/provider-logs"), "/v1/orders".to_owned()]
    {
        let text = merchant.get(&answer).await.json().to_string();
        assert!(PERSONAL.iter().all(|word| !text.contains(word)), "{answer}: {text}");
    }
    let last = lines(&app, &id).await.pop().unwrap();
    assert_eq!((last.action.as_str(), last.outcome), ("order.erase", Outcome::Done));
    assert_eq!(refusal(reviews.erase(&id).await), Refusal::Erased);
    // A merchant that asks again gets the same order, and no second one.
    let again = merchant.post("/orders/create", &full("E-1")).await;
    assert_eq!((again.status.as_u16(), again.json()["data"]["id"].as_str()), (200, Some(id.as_str())));
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
}

#[tokio::test]
async fn what_was_erased_is_not_sent_again_unless_its_merchant_gives_it_anew() {
    let app = TestApp::start().await;
    let (merchant, reviews) = (app.merchant("u1"), reviewer(&app));
    app.simulator.script(Rule::refuse("Pincode is not serviceable"));
    let id = merchant.create(&full("E-2")).await;
    app.run_pending_jobs().await;
    reviews.erase(&id).await.unwrap();
    let (action, outcome, _) = line(&app, &id).await;
    assert_eq!((action.as_str(), outcome), ("order.erase", Outcome::Done));
    assert_eq!(refusal(reviews.resend(&id).await), Refusal::Erased);
    app.assert_calls(&[("create", 1), ("track", 1)]);

    let amended = merchant.post(&format!("/v1/orders/{id}/amend"), &full("E-2")).await;
    assert_eq!(amended.status, 202, "{}", amended.json());
    app.run_pending_jobs().await;
    let order = stored(&app, &id).await;
    assert_eq!((order.payload().consignee.name.as_str(), order.erased_at()), ("Asha Example", None));
    app.assert_calls(&[("create", 1), ("track", 1)]);
}
