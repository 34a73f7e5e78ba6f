//! Webhooks that were not taken are tried again: when, how often, and what waits meanwhile.

use std::time::Duration;

use waybill::provider::simulator::{Faults, Profile};

use super::{Double, HOUR, Receiver, WebhookCounts, friendly, said, to, until};

/// How the counts stand when a try has ended.
type Ended = fn(WebhookCounts) -> bool;

/// What comes next is about an order that was booked just now: nothing else was sent before it.
async fn nothing_before(double: &Double, receiver: &mut Receiver, marker: &str) {
    double.booked(marker).await;
    assert_eq!(receiver.next().await["client_order_id"], marker);
}

#[tokio::test]
async fn what_fails_is_tried_again_after_growing_pauses_and_its_shipment_alone_waits_behind_it() {
    let (double, mut receiver) = friendly().await;
    receiver.refuse("ORD-1", 3);
    let awb = double.booked("ORD-1").await;
    assert_eq!(receiver.next_code().await, (awb.clone(), 221));
    for code in [222, 223] {
        assert!(double.simulator.move_to(&awb, code));
    }
    nothing_before(&double, &mut receiver, "ORD-2").await;
    for (tries, pause_ms) in [(1, 1_000), (2, 4_000), (3, 16_000)] {
        // Delivered so far: the markers. The failed one waits again.
        until(&double, |c| c.waiting == 3 && c.retried == tries - 1 && c.delivered == 2 * tries - 1).await;
        double.clock.advance(Duration::from_millis(pause_ms - 1));
        nothing_before(&double, &mut receiver, &format!("EARLY-{tries}")).await;
        double.clock.advance(Duration::from_millis(1));
        assert_eq!(receiver.next_code().await, (awb.clone(), 221));
        if tries < 3 {
            nothing_before(&double, &mut receiver, &format!("AFTER-{tries}")).await;
        }
    }
    for code in [222, 223] {
        assert_eq!(receiver.next_code().await, (awb.clone(), code));
    }
    until(&double, |c| c.waiting == 0 && c.delivered == 9).await;
    assert_eq!(
        double.simulator.webhooks(),
        WebhookCounts { delivered: 9, retried: 3, ..WebhookCounts::default() }
    );
    // Nothing is left behind that later changes would wait for.
    assert!(double.simulator.move_to(&awb, 226));
    assert_eq!(receiver.next_code().await, (awb, 226));
}

#[tokio::test]
async fn what_fails_every_time_is_given_up_and_the_next_one_of_its_shipment_is_told() {
    let (double, mut receiver) = friendly().await;
    double.faults(|f| f.webhook_attempts = 2);
    receiver.refuse("ORD-1", 3);
    let awb = double.booked("ORD-1").await;
    assert!(double.simulator.move_to(&awb, 222));
    // What comes, and how things stand when that try has ended.
    let told: [(u64, Ended); 4] = [
        (221, |c| c.waiting == 2),
        (221, |c| c.failed == 1),
        (222, |c| c.failed == 1 && c.waiting == 1),
        (222, |c| c.delivered == 1),
    ];
    for (code, ended) in told {
        assert_eq!(receiver.next_code().await, (awb.clone(), code));
        until(&double, ended).await;
        double.clock.advance(Duration::from_secs(1));
    }
    let expected = WebhookCounts { delivered: 1, retried: 2, failed: 1, ..WebhookCounts::default() };
    assert_eq!(double.simulator.webhooks(), expected);
}

#[tokio::test]
async fn whoever_does_not_count_on_it_is_told_once() {
    assert_eq!(Faults::new(Profile::Unpleasant).webhook_attempts, 1);
    let (double, mut receiver) = friendly().await;
    double.faults(|f| f.webhook_attempts = 1);
    receiver.refuse("ORD-1", 1);
    double.booked("ORD-1").await;
    receiver.next().await;
    until(&double, |c| c.failed == 1).await;
    double.clock.advance(HOUR);
    nothing_before(&double, &mut receiver, "ORD-2").await;
    assert_eq!(double.simulator.webhooks().waiting, 0);
}

#[tokio::test]
async fn what_waits_behind_another_is_bounded_and_goes_with_the_address() {
    let (double, mut receiver) = friendly().await;
    receiver.refuse("ORD-1", u32::MAX);
    let awb = double.booked("ORD-1").await;
    receiver.next().await;
    until(&double, |c| c.waiting == 1).await;
    for _ in 0..10_004 {
        assert!(double.simulator.move_to(&awb, 223));
    }
    let full = WebhookCounts { waiting: 10_000, dropped: 5, ..WebhookCounts::default() };
    assert_eq!(double.simulator.webhooks(), full);
    double.clock.advance(Duration::from_secs(1));
    receiver.next().await;
    until(&double, |c| c.waiting == 10_000 && c.retried == 1).await;
    double.faults(|f| f.webhook_url = None);
    until(&double, |c| c.waiting == 0).await;
    assert_eq!(
        double.simulator.webhooks(),
        WebhookCounts { dropped: 10_005, retried: 1, ..WebhookCounts::default() }
    );
}

#[tokio::test]
async fn a_try_that_ends_after_a_reset_is_not_repeated() {
    let (double, mut receiver) = (Double::friendly().await, Receiver::with_permits(0).await);
    to(&double, &receiver);
    receiver.refuse("ORD-1", u32::MAX);
    double.booked("ORD-1").await;
    receiver.next().await;
    said(double.client.post(format!("{}/_sim/reset", double.base))).await;
    to(&double, &receiver);
    receiver.may_answer.add_permits(100);
    nothing_before(&double, &mut receiver, "ORD-2").await;
    until(&double, |c| c.delivered == 1).await;
    assert_eq!(double.simulator.webhooks(), WebhookCounts { delivered: 1, ..WebhookCounts::default() });
}
