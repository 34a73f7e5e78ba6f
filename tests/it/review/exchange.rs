//! Two orders of which one has the other's shipment.

use waybill::{
    features::orders::review::Refusal,
    provider::simulator::{Answer, Lookup, Operation, Rule},
};

use super::{lines, refusal, reviewer, stored};
use crate::support::{TestApp, orders::order};

/// AA-1 is booked and not answered, AA-2 is answered with AA-1's AWB; then AA-1 is looked for.
async fn one_robs_the_other(app: &TestApp) -> (String, String) {
    app.leave_jobs();
    app.simulator.change_faults(|f| f.lookup = Lookup::Works);
    let merchant = app.merchant("u1");
    app.simulator.script(Rule::create(Answer::LostAfterBooking));
    let robbed = merchant.create(&order("AA-1")).await;
    app.run_pending_jobs().await;
    app.simulator.script(Rule::create(Answer::AwbOfAnother));
    let wrong = merchant.create(&order("AA-2")).await;
    app.run_pending_jobs().await;
    (robbed, wrong)
}

/// The shipment that ParcelX has under the order's reference.
async fn own(app: &TestApp, id: &str) -> String {
    let number = stored(app, id).await.order_number().to_owned();
    let of = app.simulator.shipments().into_iter().find(|s| s.reference == number);
    of.map(|s| s.awb).unwrap_or_else(|| panic!("no shipment of {id}"))
}

#[tokio::test]
async fn who_was_answered_with_anothers_shipment_gets_its_own_when_the_other_is_found() {
    let app = TestApp::start().await;
    let (robbed, wrong) = one_robs_the_other(&app).await;
    app.advance(std::time::Duration::from_secs(5));
    app.run_pending_jobs().await;
    for id in [&robbed, &wrong] {
        let stored = stored(&app, id).await;
        assert_eq!(stored.awb(), Some(own(&app, id).await.as_str()));
        assert_eq!(stored.provider_sync_status().as_str(), "success");
    }
    let history = stored(&app, &wrong).await.history().last().unwrap().reason.clone();
    assert_eq!(history.as_deref(), Some("it was booked as another order's shipment"));
    // One look for each of the two, and nothing is sent or cancelled.
    app.assert_calls(&[("create", 2), ("track", 2)]);
}

#[tokio::test]
async fn each_gets_its_own_shipment_and_nobody_keeps_anothers() {
    let app = TestApp::start().await;
    let (robbed, wrong) = one_robs_the_other(&app).await;
    // What ParcelX shows for the one that robbed cannot be asked for just now.
    let number = stored(&app, &wrong).await.order_number().to_owned();
    let unreadable = Rule::on(Operation::Track, Answer::Html200);
    app.simulator.script(Rule { client_order_id: Some(number), ..unreadable });
    app.advance(std::time::Duration::from_secs(5));
    app.run_pending_jobs().await;
    assert_eq!(stored(&app, &robbed).await.sync_reason(), Some("awb-of-another-order"));
    let (of_robbed, of_wrong) = (own(&app, &robbed).await, own(&app, &wrong).await);
    assert_eq!(stored(&app, &wrong).await.awb(), Some(of_robbed.as_str()), "it was believed");

    let reviews = reviewer(&app);
    // What a preview promises the run does: neither can be done.
    let filter = waybill::features::orders::service::review::ReviewFilter::default();
    let action = waybill::features::orders::service::review::Action::AdoptFound;
    let preview = reviews.all(action, &filter, true, |_| {}).await.unwrap();
    let run = reviews.all(action, &filter, false, |_| {}).await.unwrap();
    assert_eq!(((preview.done, preview.refused), preview.reasons), ((0, 1), run.reasons));

    let (one, other) = Box::pin(reviews.exchange(&robbed, &wrong)).await.unwrap();
    assert_eq!((one.awb(), other.awb()), (Some(of_robbed.as_str()), Some(of_wrong.as_str())));
    for id in [&robbed, &wrong] {
        assert_eq!(stored(&app, id).await.provider_sync_status().as_str(), "success");
        assert_eq!(lines(&app, id).await.last().unwrap().action, "order.exchange");
    }
    let again = Box::pin(reviews.exchange(&wrong, &robbed)).await.map(|(one, _)| one);
    assert_eq!(refusal(again), Refusal::NothingToExchange);
    let itself = Box::pin(reviews.exchange(&wrong, &wrong)).await.map(|(one, _)| one);
    assert_eq!(refusal(itself), Refusal::SameOrder);
    let calls = app.simulator.ledger().len() - 2;
    app.assert_calls(&[("create", 2), ("track", calls)]);
    assert_eq!(app.simulator.shipments().len(), 2);
}
