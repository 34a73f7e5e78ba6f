//! Limits towards the provider.

use super::{assert_lines, load, refused};

#[test]
fn nothing_is_limited_by_itself_and_the_breaker_is_on() {
    let parcelx = load(&[]).unwrap().parcelx;
    assert_eq!((parcelx.rate, parcelx.concurrency, parcelx.breaker_after), (0, 0, 5));
}

#[test]
fn absurd_limits_are_refused_all_at_once() {
    let lines = refused(load(&[
        ("WAYBILL_PARCELX__RATE", "10001"),
        ("WAYBILL_PARCELX__CONCURRENCY", "10001"),
        ("WAYBILL_PARCELX__BREAKER_AFTER", "10001"),
    ]));
    let says = "must be from 0 (none) to 10000";
    assert_lines(
        &lines,
        &[&["parcelx.rate", says], &["parcelx.concurrency", says], &["parcelx.breaker_after", says]],
    );
    let lines = refused(load(&[("WAYBILL_PARCELX__RATE", "-1"), ("WAYBILL_PARCELX__CONCURRENCY", "some")]));
    assert_lines(&lines, &[&["parcelx.rate", "whole number"], &["parcelx.concurrency", "whole number"]]);
}
