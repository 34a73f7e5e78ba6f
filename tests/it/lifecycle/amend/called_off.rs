//! Calling an amended order off before it is sent.

use serde_json::json;
use waybill::provider::simulator::{Lookup, TakesEffect};

use super::{amend_path, corrected, refused, refused_but_booked, stored};
use crate::support::TestApp;

/// What was refused may be booked all the same: that the look-up after it showed nothing proves nothing, and
/// whoever calls the order off wants no parcel.
#[tokio::test]
async fn an_amended_order_is_not_called_cancelled_before_a_look_up_finds_nothing() {
    for booked in [true, false] {
        let app = TestApp::start().await;
        let (merchant, id, awb) = if booked {
            let (merchant, id, awb) = refused_but_booked(&app).await;
            (merchant, id, Some(awb))
        } else {
            let (merchant, id) = refused(&app).await;
            (merchant, id, None)
        };
        app.simulator.change_faults(|f| (f.lookup, f.cancel_effect) = (Lookup::Works, TakesEffect::AtOnce));
        assert_eq!(merchant.post(&amend_path(&id), &corrected()).await.status, 202);

        let path = format!("/v1/orders/{id}/cancel");
        for _ in 0..2 {
            let answer = merchant.post(&path, &json!({})).await;
            assert_eq!(answer.status, 202, "{}", answer.text());
            let data = answer.json()["data"].clone();
            assert_eq!(
                (&data["status"], &data["providerSyncStatus"], &data["cancellation"]["state"]),
                (&json!("pending"), &json!("queued"), &json!("requested")),
                "{booked}"
            );
        }

        for _ in 0..20 {
            app.run_pending_jobs().await;
            let Some(due) = stored(&app, &id).await.overdue_at() else { break };
            app.advance(due.since(app.clock.now()));
        }
        app.assert_calls(if booked { &[("cancel", 1), ("track", 2)] } else { &[("track", 1)] });
        let seen = merchant.order(&id).await;
        let stands = if booked { "success" } else { "cancelled" };
        assert_eq!(
            (&seen["status"], &seen["providerSyncStatus"], &seen["cancellation"]["state"], &seen["awb"]),
            (&json!("cancelled"), &json!(stands), &json!("done"), &json!(awb)),
            "{booked}"
        );
        assert!(app.simulator.shipments().iter().all(|shipment| !shipment.live), "{booked}");
        assert_eq!(merchant.post(&path, &json!({})).await.status, 200, "a repeat is no error");
    }
}
