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

/// People get one-time codes behind it.
#[test]
fn links_in_mails_lead_where_the_settings_say_and_nobody_reads_along() {
    for url in
        ["http://api.example.test", "https://u:p@api.example.test", "https://x.test/?a=b", "x", "ftp://x"]
    {
        let lines = refused(load(&[("WAYBILL_HTTP__PUBLIC_URL", url)]));
        assert!(lines.len() == 1 && lines[0].starts_with("http.public_url"), "{url}: {lines:?}");
    }
    for url in ["mail.example.test", "http://mail.example.test", "file:"] {
        let lines = refused(load(&[("WAYBILL_MAIL__URL", url)]));
        assert!(lines.len() == 1 && lines[0].starts_with("mail.url"), "{url}: {lines:?}");
    }
    let open = [("WAYBILL_HTTP__BIND", "0.0.0.0:3000"), ("WAYBILL_MAIL__URL", "smtps://mail.example.test")];
    assert!(refused(load(&open))[0].starts_with("http.public_url"));
    let named = [&open[..], &[("WAYBILL_HTTP__PUBLIC_URL", "https://api.example.test/")]].concat();
    assert_eq!(load(&named).unwrap().public_url(), "https://api.example.test");
    assert_eq!(load(&[]).unwrap().public_url(), "http://127.0.0.1:3000");
    let lines = refused(load(&[("WAYBILL_LIMITS__KEY", "60000001")]));
    assert!(lines[0].starts_with("limits.key"), "{lines:?}");
}
