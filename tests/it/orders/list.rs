//! Lists: newest first, page by page, filtered; and cursors that nobody can bend.

use std::{collections::BTreeSet, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use waybill::provider::simulator::Rule;

use crate::support::{Client, TestApp, orders::order};

fn ids(page: &Value) -> Vec<String> {
    page["data"].as_array().unwrap().iter().map(|o| o["id"].as_str().unwrap().to_owned()).collect()
}

async fn page(client: &Client, query: &str) -> Value {
    let answer = client.get(&format!("/v1/orders{query}")).await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.text());
    let body = answer.json();
    assert_eq!(
        (&body["success"], body["hasMore"].as_bool()),
        (&json!(true), Some(body["nextCursor"].is_string())),
        "{query}"
    );
    assert_eq!(answer.headers.contains_key("link"), body["nextCursor"].is_string(), "{query}");
    body
}

/// Where the `Link` header leads, taken as it is.
async fn next_of(client: &Client, path: &str) -> (Vec<String>, Option<String>) {
    let answer = client.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    let next = answer.header("link").map(|link| {
        let (target, rest) = link.strip_prefix('<').unwrap().split_once('>').unwrap();
        assert_eq!(rest, "; rel=\"next\"");
        assert!(
            target.contains(&format!("cursor={}", answer.json()["nextCursor"].as_str().unwrap())),
            "{link}"
        );
        target.to_owned()
    });
    (ids(&answer.json()), next)
}

#[tokio::test]
async fn the_newest_come_first_and_only_ones_own() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let (merchant, other) = (app.merchant("u1"), app.merchant("u2"));
    assert_eq!(
        page(&merchant, "").await,
        json!({ "success": true, "data": [], "hasMore": false, "nextCursor": null })
    );
    let mut made = Vec::new();
    for i in 0..25 {
        made.push(merchant.create(&order(&format!("A-{i}"))).await);
        other.create(&order(&format!("A-{i}"))).await;
        app.advance(Duration::from_millis(1));
    }
    made.reverse();
    let first = page(&merchant, "").await;
    assert_eq!(ids(&first), made[..20], "20 when nothing is asked for");
    assert_eq!(first["data"][0], merchant.order(&made[0]).await, "each as the order itself reads");
    let second = page(&merchant, &format!("?cursor={}", first["nextCursor"].as_str().unwrap())).await;
    assert_eq!(ids(&second), made[20..]);
    assert_eq!((&second["hasMore"], &second["nextCursor"]), (&json!(false), &json!(null)));
    let exactly = page(&merchant, "?limit=25").await;
    assert_eq!(
        (ids(&exactly), &exactly["hasMore"]),
        (made.clone(), &json!(false)),
        "a full page may be the last"
    );
    assert_eq!(ids(&page(&merchant, "?limit=1").await), made[..1]);
    assert_eq!(ids(&page(&merchant, "?limit=100").await), made);
    // A page size is free to change on the way.
    let rest = page(&merchant, &format!("?limit=3&cursor={}", first["nextCursor"].as_str().unwrap())).await;
    assert_eq!(ids(&rest), made[20..23]);
}

/// The pages together give each order that was there at the start once, whatever is added meanwhile, also
/// within one millisecond.
#[tokio::test]
async fn pages_give_every_order_once_while_orders_are_added() {
    for limit in [1, 2, 7, 29, 30] {
        let app = TestApp::start().await;
        app.leave_jobs();
        let merchant = app.merchant("u1");
        let mut there = BTreeSet::new();
        for i in 0..30 {
            there.insert(merchant.create(&order(&format!("A-{i}"))).await);
            if i % 10 == 9 {
                app.advance(Duration::from_millis(1));
            }
        }
        let (mut seen, mut next, mut added) = (Vec::new(), Some(format!("/v1/orders?limit={limit}")), 0);
        while let Some(path) = next {
            let (found, link) = next_of(&merchant, &path).await;
            assert!(found.len() <= limit);
            seen.extend(found);
            next = link;
            // One in the same millisecond as the newest, one later.
            merchant.create(&order(&format!("B-{added}"))).await;
            app.advance(Duration::from_millis(1));
            merchant.create(&order(&format!("C-{added}"))).await;
            added += 1;
        }
        let distinct: BTreeSet<_> = seen.iter().cloned().collect();
        assert_eq!(distinct.len(), seen.len(), "limit {limit}: an order came twice");
        assert!(there.is_subset(&distinct), "limit {limit}: an order was left out");
    }
}

/// Three orders, a second apart: `(booked, failed, queued)`.
async fn of_each_kind(app: &TestApp, merchant: &Client) -> [String; 3] {
    let booked = merchant.create(&order("booked")).await;
    app.run_pending_jobs().await;
    app.advance(Duration::from_secs(1));
    app.simulator.script(Rule::refuse("Pincode is not serviceable"));
    let failed = merchant.create(&order("failed & so on")).await;
    app.run_pending_jobs().await;
    app.advance(Duration::from_secs(1));
    app.assert_calls(&[("create", 2), ("track", 1)]);
    [booked, failed, merchant.create(&order("queued")).await]
}

#[tokio::test]
async fn filters_narrow_alone_and_together() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    let [booked, failed, queued] = of_each_kind(&app, &merchant).await;
    let (b, f, q) = (booked.as_str(), failed.as_str(), queued.as_str());
    for (query, expected) in [
        ("", &[q, f, b][..]),
        ("clientOrderId=booked", &[b]),
        ("clientOrderId=failed+%26%20so%20on", &[f]),
        ("clientOrderId=%20booked%20", &[b]), // as a create cuts it
        ("clientOrderId=BOOKED", &[]),
        ("clientOrderId=book", &[]),
        ("clientOrderId=", &[]),
        ("status=booked", &[b]),
        ("status=failed", &[f]),
        ("status=pending", &[q]),
        ("status=cancelled", &[]),
        ("providerSyncStatus=success", &[b]),
        ("providerSyncStatus=failed", &[f]),
        ("providerSyncStatus=queued", &[q]),
        ("providerSyncStatus=needs_review", &[]),
        ("status=pending&providerSyncStatus=queued", &[q]),
        ("status=pending&providerSyncStatus=success", &[]),
        ("clientOrderId=booked&status=booked&providerSyncStatus=success", &[b]),
        ("clientOrderId=booked&status=failed", &[]),
        // The three were made at 09:30:00, :01 and :02. From is included, before is not.
        ("createdAfter=2026-01-31T09:30:01Z", &[q, f]),
        ("createdAfter=2026-01-31T09:30:01.001Z", &[q]),
        ("createdAfter=2026-01-31T15:00:01%2B05:30", &[q, f]),
        ("createdBefore=2026-01-31T09:30:01Z", &[b]),
        ("createdBefore=2026-01-31T09:30:01.001Z", &[f, b]),
        ("createdAfter=2026-01-31T09:30:00Z&createdBefore=2026-01-31T09:30:02Z", &[f, b]),
        ("createdAfter=2026-01-31T09:30:01Z&createdBefore=2026-01-31T09:30:01Z", &[]),
        ("createdAfter=2026-01-31T09:30:02Z&createdBefore=2026-01-31T09:30:00Z", &[]),
        ("createdAfter=1970-01-01T00:00:00Z&createdBefore=9999-01-01T00:00:00Z", &[q, f, b]),
        ("status=failed&createdAfter=2026-01-31T09:30:01Z", &[f]),
        ("status=failed&createdBefore=2026-01-31T09:30:01Z", &[]),
        ("clientOrderId=booked&createdAfter=2026-01-31T09:30:00Z", &[b]),
        ("clientOrderId=booked&createdAfter=2026-01-31T09:30:01Z", &[]),
        ("clientOrderId=booked&createdBefore=2026-01-31T09:30:00Z", &[]),
        ("clientOrderId=booked&status=booked&createdBefore=2026-01-31T09:30:01Z&limit=1", &[b]),
    ] {
        assert_eq!(ids(&page(&merchant, &format!("?{query}")).await), expected, "{query}");
    }
    assert!(ids(&page(&app.merchant("u2"), "?clientOrderId=booked").await).is_empty());
}

#[tokio::test]
async fn links_keep_their_filters() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    let mut pending = Vec::new();
    for i in 0..6 {
        if i == 3 {
            app.run_pending_jobs().await;
            app.assert_calls(&[("create", 3)]);
        }
        pending.push(merchant.create(&order(&format!("A-{i}"))).await);
        app.advance(Duration::from_secs(1));
    }
    // 09:30:03 to 09:30:05 are the pending ones; the last is filtered out.
    let query = "status=pending&providerSyncStatus=queued&createdAfter=2026-01-31T09:30:00Z\
                 &createdBefore=2026-01-31T15:00:05%2B05:30&limit=1";
    let (mut seen, mut next) = (Vec::new(), Some(format!("/v1/orders?{query}")));
    while let Some(path) = next {
        let (found, link) = next_of(&merchant, &path).await;
        seen.extend(found);
        next = link;
    }
    assert_eq!(seen, [pending[4].clone(), pending[3].clone()]);
}

#[tokio::test]
async fn what_is_no_known_parameter_or_value_is_refused_by_name() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    for (query, parameter, code) in [
        ("limit=0", "limit", "range"),
        ("limit=101", "limit", "range"),
        ("limit=-1", "limit", "range"),
        ("limit=abc", "limit", "type"),
        ("limit=", "limit", "type"),
        ("limit=1.5", "limit", "type"),
        ("limit=99999999999999999999", "limit", "range"),
        ("limit=5&limit=6", "limit", "duplicate"),
        ("page=2", "page", "unknown"),
        ("offset=20", "offset", "unknown"),
        ("Limit=5", "Limit", "unknown"),
        ("userId=u2", "userId", "unknown"),
        ("client_order_id=A-1", "client_order_id", "unknown"),
        ("status=Booked", "status", "enum"),
        ("status=", "status", "enum"),
        ("status=booked,failed", "status", "enum"),
        ("status=booked&status=failed", "status", "duplicate"),
        ("status[$ne]=x", "status[$ne]", "unknown"),
        ("providerSyncStatus=sent", "providerSyncStatus", "enum"),
        ("createdAfter=yesterday", "createdAfter", "invalid"),
        ("createdAfter=2026-01-31", "createdAfter", "invalid"),
        ("createdAfter=2026-01-31T09:30:00", "createdAfter", "invalid"),
        ("createdBefore=1769851800000", "createdBefore", "invalid"),
        ("createdBefore=2026-02-30T00:00:00Z", "createdBefore", "invalid"),
        ("clientOrderId=%ff", "clientOrderId", "invalid"),
    ] {
        let answer = merchant.get(&format!("/v1/orders?{query}")).await;
        let problem = answer.problem(400, "invalid-query");
        let found: Vec<_> = problem["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| (e["parameter"].as_str().unwrap(), e["code"].as_str().unwrap()))
            .collect();
        assert_eq!(found, [(parameter, code)], "{query}: {}", answer.text());
    }
    let both = merchant.get("/v1/orders?limit=0&page=2&status=x").await.problem(400, "invalid-query");
    assert_eq!(both["errors"].as_array().unwrap().len(), 3, "all at once: {both}");
}

/// Cursors that must be refused, each made of a good one.
fn bent(good: &str) -> Vec<String> {
    let mut all = Vec::new();
    for (i, c) in good.char_indices() {
        let (head, rest) = good.split_at(i);
        let (other, tail) = (if c == 'A' { 'B' } else { 'A' }, rest.strip_prefix(c).unwrap());
        all.extend([head.to_owned(), format!("{head}{other}{tail}")]);
    }
    all.retain(|cursor| !cursor.is_empty()); // that is the first page
    all.extend([
        format!("{good}A"),
        format!("{good}%3D"),
        format!("{good}%20"),
        format!("+{good}"),
        good.to_lowercase(),
        good.repeat(2),
    ]);
    all.extend(["0", "null", "%00", "..", "%E0%A4%85", "eyJpZCI6MX0", "-1"].map(str::to_owned));
    all.push("A".repeat(10 * 1024));
    all
}

#[tokio::test]
async fn a_cursor_is_good_for_its_query_alone_and_a_bad_one_never_reaches_the_store() {
    let app = TestApp::builder().on_files().start().await;
    app.leave_jobs();
    let (merchant, other) = (app.merchant("u1"), app.merchant("u2"));
    for i in 0..3 {
        merchant.create(&order(&format!("A-{i}"))).await;
        other.create(&order(&format!("A-{i}"))).await;
    }
    let good = page(&merchant, "?limit=1&status=pending").await["nextCursor"].as_str().unwrap().to_owned();
    assert_eq!(ids(&page(&merchant, &format!("?limit=1&status=pending&cursor={good}")).await).len(), 1);

    // From here on every query of the store fails, so whatever is answered 400 has not made one.
    let file = rusqlite::Connection::open(app.folder.path().join("waybill.db")).unwrap();
    file.execute_batch("ALTER TABLE orders RENAME TO elsewhere").unwrap();
    let queried = merchant.get(&format!("/v1/orders?limit=1&status=pending&cursor={good}")).await;
    queried.problem(500, "internal");
    assert!(!queried.text().contains("orders ") && !queried.text().contains("table"), "{}", queried.text());

    for query in [
        "",
        "&status=failed",
        "&status=pending&providerSyncStatus=queued",
        "&status=pending&clientOrderId=A-1",
        "&status=pending&createdAfter=1970-01-01T00:00:00Z",
        "&status=pending&createdBefore=2100-01-01T00:00:00Z",
    ] {
        merchant
            .get(&format!("/v1/orders?limit=1&cursor={good}{query}"))
            .await
            .problem(400, "invalid-cursor");
    }
    other
        .get(&format!("/v1/orders?limit=1&status=pending&cursor={good}"))
        .await
        .problem(400, "invalid-cursor");
    for cursor in bent(&good) {
        let answer = merchant.get(&format!("/v1/orders?limit=1&status=pending&cursor={cursor}")).await;
        assert_eq!(answer.status, 400, "{cursor}: {}", answer.text());
        answer.problem(400, "invalid-cursor");
    }
}

/// Anybody can hash, but only the service has its key.
#[tokio::test]
async fn a_cursor_that_a_client_has_made_is_refused() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    for i in 0..3 {
        merchant.create(&order(&format!("A-{i}"))).await;
    }
    let place = "1769851800000.ord_z";
    // As the service itself made them before it had a key for them.
    let none = None::<&str>;
    let bound = format!("{:?}", ("u1", none, (none, none), none, none, none, none, place));
    let seal: String = Sha256::digest(bound).iter().take(8).map(|b| format!("{b:02x}")).collect();
    let mut forged = vec![URL_SAFE_NO_PAD.encode(format!("{place}.{seal}"))];
    // With the seal of another place, and with none.
    let good = page(&merchant, "?limit=1").await["nextCursor"].as_str().unwrap().to_owned();
    let sealed = URL_SAFE_NO_PAD.decode(good.strip_prefix("1.").unwrap()).unwrap();
    for seal in [&sealed[..16], &[0; 16]] {
        forged.push(format!("1.{}", URL_SAFE_NO_PAD.encode([seal, place.as_bytes()].concat())));
    }
    for cursor in forged {
        merchant.get(&format!("/v1/orders?cursor={cursor}")).await.problem(400, "invalid-cursor");
    }
}

#[tokio::test]
async fn an_order_that_moves_on_while_its_list_is_read_is_not_lost_from_it() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let mut made = Vec::new();
    for i in 0..4 {
        made.push(merchant.create(&order(&format!("A-{i}"))).await);
        app.advance(Duration::from_millis(1));
    }
    made.reverse();
    let (first, next) = next_of(&merchant, "/v1/orders?limit=2").await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 4)]);
    let (second, end) = next_of(&merchant, &next.unwrap()).await;
    assert_eq!(([first, second].concat(), end), (made, None));
    assert_eq!(page(&merchant, "").await["data"][3]["status"], "booked");
}
