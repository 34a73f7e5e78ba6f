//! What failed by somebody else's fault is sent again, once, and what is live is not.

use std::time::Duration;

use waybill::{
    base::timestamp::Timestamp,
    features::orders::{review::Refusal, service::failures::FailedFilter},
    provider::simulator::{Lookup, Rule},
};

use super::{lines, refusal, reviewer};
use crate::support::{TestApp, orders::order};

fn filter(since: Timestamp) -> FailedFilter {
    FailedFilter { text: Some("no PLAN".to_owned()), from: Some(since), ..FailedFilter::default() }
}

#[tokio::test]
async fn orders_that_failed_for_a_reason_are_sent_again_after_a_preview() {
    let app = TestApp::start().await;
    app.simulator.change_faults(|f| f.lookup = Lookup::Works);
    let merchant = app.merchant("u1");
    let since = app.clock.now();
    let mut ids = Vec::new();
    for (n, words) in ["No plan", "Pincode not serviceable", "no plan left"].iter().enumerate() {
        app.simulator.script(Rule::refuse(words));
        ids.push(merchant.create(&order(&format!("A-{n}"))).await);
        app.run_pending_jobs().await;
        app.advance(Duration::from_secs(1));
    }
    app.assert_calls(&[("create", 3), ("track", 3)]);
    let reviews = reviewer(&app);
    let preview = reviews.resend_all(&filter(since), 100, true, |_| {}).await.unwrap();
    assert_eq!((preview.done, preview.refused), (2, 0));
    assert_eq!(merchant.order(&ids[0]).await["status"], "failed", "a preview changes nothing");
    let first = reviews.resend_all(&filter(since), 1, false, |_| {}).await.unwrap();
    assert_eq!((first.done, first.stopped.is_some()), (1, true));
    // Made again it goes on where it stopped.
    let second = reviews.resend_all(&filter(since), 100, false, |_| {}).await.unwrap();
    assert_eq!((second.done, second.stopped), (1, None));
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 2), ("track", 4)]);
    let stands = async |id: &str| merchant.order(id).await["providerSyncStatus"].as_str().unwrap().to_owned();
    assert_eq!(
        (stands(&ids[0]).await, stands(&ids[1]).await, stands(&ids[2]).await),
        ("success".into(), "failed".into(), "success".into())
    );
    let written = lines(&app, &ids[0]).await;
    assert_eq!((written.len(), written[0].action.as_str()), (1, "order.resend"));
    let again = reviews.resend(&ids[0]).await;
    assert!(matches!(refusal(again), Refusal::NotFailed(_)));
    assert_eq!(reviews.resend_all(&filter(app.clock.now()), 100, false, |_| {}).await.unwrap().done, 0);
}

#[tokio::test]
async fn nothing_is_sent_beside_what_is_live() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    app.simulator.change_faults(|f| f.lookup = Lookup::Never);
    app.simulator.script(Rule {
        refuse: Some("No plan".to_owned()),
        ..Rule::create(waybill::provider::simulator::Answer::Status { code: 422, retry_after: None })
            .acting(true)
    });
    let id = merchant.create(&order("A-1")).await;
    app.run_pending_jobs().await;
    assert_eq!(merchant.order(&id).await["status"], "failed");
    app.simulator.change_faults(|f| f.lookup = Lookup::Works);
    assert!(matches!(refusal(reviewer(&app).resend(&id).await), Refusal::FoundAs(_)));
    app.assert_calls(&[("create", 1), ("track", 2)]);
    assert_eq!(app.simulator.shipments().len(), 1);
}
