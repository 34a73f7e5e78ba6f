//! Many who ask at once: so many may wait for a worker, and whoever comes then is answered at once.

use std::time::Duration;

use futures_util::future::select;
use waybill::features::orders::service::{LabelResult, Labels};

use crate::support::{TestApp, orders::order};

/// Each that waits reads its order again and again. Over HTTP the answer is 202 with `Retry-After`.
#[tokio::test]
async fn a_request_for_a_label_beyond_the_bound_is_told_to_come_again() {
    let app = TestApp::start().await;
    app.simulator.change_faults(|f| f.label_url = None);
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);

    // One of them waits for an hour. So the one that ends is the one that had no room.
    let hour = Duration::from_secs(3600);
    let labels = Labels::new(app.app.state.orders.clone(), hour, hour).with_room_for(1);
    let (one, two) = (Box::pin(labels.get("u1", &id)), Box::pin(labels.get("u1", &id)));
    let (answered, waiting) = select(one, two).await.factor_first();
    let answered = answered.unwrap();
    assert!(matches!(answered, Some(LabelResult::Pending { .. })), "{answered:?}");

    let (waited, runs) = tokio::join!(waiting, app.run_pending_jobs());
    let waited = waited.unwrap();
    assert!(runs == 1 && matches!(waited, Some(LabelResult::Ready { .. })), "{runs}: {waited:?}");
    let third = labels.get("u1", &id).await.unwrap();
    assert!(matches!(third, Some(LabelResult::Ready { .. })), "{third:?}");
    app.assert_calls(&[("label", 1)]);
}
