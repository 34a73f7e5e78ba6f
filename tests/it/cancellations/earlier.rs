//! A refused cancel that an earlier release took in, on its way through the job. Whether ParcelX said that it
//! was done already is read from the record of its call; that release read it from the order each time.

use serde_json::{Value, json};
use waybill::{
    features::orders::model::{Order, ShipmentCancellationState},
    provider::simulator::{Answer, Operation, Rule},
};

use crate::support::{
    TestApp,
    orders::{order, rewritten},
};

async fn stored(app: &TestApp, id: &str) -> Order {
    app.app.store.get(id).await.unwrap().unwrap()
}

fn tracks(app: &TestApp) -> usize {
    app.simulator.ledger().iter().filter(|entry| entry.operation == Operation::Track).count()
}

#[tokio::test]
async fn a_refusal_that_an_earlier_release_took_in_means_what_it_meant() {
    for (words, said_done, ends) in
        [("Order already picked", false, "refused"), ("Order is already cancelled", true, "review")]
    {
        let app = TestApp::start().await;
        let merchant = app.merchant("u1");
        let id = merchant.create(&order("A-1")).await;
        app.run_pending_jobs().await;
        app.simulator.script(Rule { operation: Some(Operation::Cancel), ..Rule::refuse(words) });
        // So that it waits for a look.
        app.simulator.script(Rule::on(Operation::Track, Answer::Html502).times(3));
        assert_eq!(merchant.post(&format!("/v1/orders/{id}/cancel"), &json!({})).await.status, 202);
        app.run_pending_jobs().await;
        app.assert_calls(&[("create", 1), ("cancel", 1), ("track", 3)]);

        let refused = stored(&app, &id).await;
        let cancel = &refused.cancellation().shipments()[0];
        assert_eq!(
            (cancel.state, cancel.detail.as_deref(), cancel.said_done),
            (ShipmentCancellationState::Unclear, Some(words), Some(said_done))
        );
        let earlier = rewritten(&refused, &[("/cancellation/shipments/0/saidDone", Value::Null)]);
        assert!(app.app.store.replace(&earlier).await.unwrap());
        let steps = refused.history().len();

        for _ in 0..20 {
            let Some(due) = stored(&app, &id).await.overdue_at() else { break };
            app.advance(due.since(app.clock.now()));
            app.run_pending_jobs().await;
        }
        let looks = tracks(&app) - 3;
        app.assert_calls(&[("track", looks)]);
        assert_eq!(looks == 1, !said_done, "{words}: {looks} looks");
        assert_eq!(merchant.order(&id).await["cancellation"]["state"], ends, "{words}");
        let ended = stored(&app, &id).await;
        assert_eq!(ended.cancellation().shipments()[0].said_done, Some(said_done));
        assert_eq!(ended.history().len(), steps + 1, "that it was refused is told once");
    }
}
