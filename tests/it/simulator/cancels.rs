//! What a canceller must survive: answers that are lost on either side of the effect, words that are not
//! true, parcels that go on.

use std::time::Duration;

use serde_json::json;
use waybill::provider::simulator::{
    Answer, Answered, Operation, Rule, SecondCancel, TakesEffect, Then, What,
};

use super::{Double, words};

/// Sends a cancel and does not care what becomes of the answer.
async fn cancel_blindly(double: &Double, awb: &str) {
    if let Ok(answer) = double.post("/api/v1/order/cancel_order", &json!({ "awb": awb })).send().await {
        drop(answer.bytes().await);
    }
}

#[tokio::test]
async fn the_ledger_tells_what_was_done_from_what_was_heard() {
    use Answered::{Answered as Heard, Unheard};
    let then = |then| Answer::HangAfterBooking { ms: 1, then };
    let status = |code| Answer::Status { code, retry_after: None };
    for (answer, acts, what, answered) in [
        (Answer::Normal, None, What::Cancelled, Heard),
        (Answer::LostAfterBooking, None, What::Cancelled, Unheard),
        (Answer::LostBeforeBooking, None, What::None, Unheard),
        (then(Then::Close), None, What::Cancelled, Unheard),
        (then(Then::Close), Some(false), What::None, Unheard),
        (then(Then::Answer), None, What::Cancelled, Heard),
        (Answer::CutBody, None, What::Cancelled, Unheard),
        (Answer::CutBody, Some(false), What::None, Unheard),
        (Answer::Html502, None, What::Cancelled, Heard),
        (Answer::Html502, Some(false), What::None, Heard),
        (status(503), None, What::None, Heard),
        (status(503), Some(true), What::Cancelled, Heard),
        (Answer::Empty200, None, What::Cancelled, Heard),
    ] {
        let double = Double::unpleasant().await;
        let awb = double.booked("ORD-1").await;
        double.simulator.script(Rule { acts, ..Rule::on(Operation::Cancel, answer.clone()) });
        cancel_blindly(&double, &awb).await;
        let entry = double.last_entry(|e| e.answered != Answered::Pending).await;
        assert_eq!(
            (entry.operation, entry.what, entry.answered),
            (Operation::Cancel, what, answered),
            "{answer:?} {acts:?}"
        );
        assert_eq!(double.simulator.shipments()[0].live, what == What::None, "{answer:?} {acts:?}");
        // Whatever was heard, a second one tells: it is refused if the first one acted, and acts if it did
        // not.
        let second = double.cancel(&awb).await;
        assert_eq!(second["status"], what == What::None, "{answer:?} {acts:?}: {second}");
    }
}

#[tokio::test]
async fn a_second_cancel_says_already_and_tracking_agrees_only_later() {
    let double = Double::unpleasant().await;
    let awb = double.booked("ORD-1").await;
    double.simulator.script(Rule::on(Operation::Cancel, Answer::LostAfterBooking));
    cancel_blindly(&double, &awb).await;
    assert!(words(&double.cancel(&awb).await).contains("already"));
    assert_eq!(double.track(&awb).await["current_status"]["status_code"], 221);
    double.clock.advance(Duration::from_secs(2));
    assert_eq!(double.track(&awb).await["current_status"]["status_code"], 227);
    assert!(words(&double.cancel(&awb).await).contains("already"));
}

#[tokio::test]
async fn a_cancel_that_never_happens_is_called_done_all_the_same() {
    let double = Double::unpleasant().await;
    double.faults(|f| f.cancel_effect = TakesEffect::Never);
    let awb = double.booked("ORD-1").await;
    assert_eq!(double.cancel(&awb).await["status"], true);
    assert!(words(&double.cancel(&awb).await).contains("already"));
    double.faults(|f| f.second_cancel = SecondCancel::Succeed);
    assert_eq!(double.cancel(&awb).await["status"], true);
    double.clock.advance(Duration::from_secs(86_400));
    assert_eq!(double.track(&awb).await["current_status"]["status_code"], 221);
    assert!(double.simulator.shipments()[0].live);
}

#[tokio::test]
async fn a_parcel_that_is_picked_up_is_refused_in_words_that_say_cancelled() {
    for code in [223, 226, 228, 230, 233] {
        let double = Double::unpleasant().await;
        let awb = double.booked("ORD-1").await;
        assert!(double.simulator.move_to(&awb, code));
        let refusal = words(&double.cancel(&awb).await);
        assert!(refusal.contains("cancelled") && !refusal.contains("already"), "{refusal}");
        assert!(double.simulator.shipments()[0].live);
    }
}

#[tokio::test]
async fn a_cancelled_parcel_that_is_carried_on_is_live() {
    let double = Double::friendly().await;
    let awb = double.booked("ORD-1").await;
    double.cancel(&awb).await;
    assert!(!double.simulator.shipments()[0].live);
    double.clock.advance(Duration::from_secs(60));
    assert!(double.simulator.move_to(&awb, 223));
    assert_eq!(double.track(&awb).await["current_status"]["status_code"], "223");
    assert!(double.simulator.shipments()[0].live);
}
