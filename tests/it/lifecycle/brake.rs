//! Refusals that are not about their order: told by known words, or by the same one coming for one merchant
//! after the other. Nothing fails that would be booked a little later.

use std::time::Duration;

use serde_json::{Value, json};
use waybill::{
    features::provider_accounts::{Account, Hold},
    provider::{
        carrier::AccountProblem,
        simulator::{Answer, Lookup, Operation, Rule},
    },
};

use crate::support::{
    Client, TestApp,
    orders::{order, with},
};

const MINUTE: Duration = Duration::from_secs(60);
const NO_PLAN: &str = "Your plan has ended";

async fn hold(app: &TestApp) -> Option<Hold> {
    app.app.store.get::<Account>("parcelx-simulator").await.unwrap().unwrap().hold
}

fn refuse(app: &TestApp, words: Option<&str>) {
    app.simulator.change_faults(|f| {
        f.lookup = Lookup::Works;
        f.refuse = words.map(str::to_owned);
    });
}

/// An order of each merchant, run one after the other: where each stands.
async fn in_turn(app: &TestApp, merchants: &[&str]) -> Vec<String> {
    let mut stands = Vec::new();
    for (n, name) in merchants.iter().enumerate() {
        let merchant = app.merchant(name);
        let id = merchant.create(&order(&format!("T-{n}-{}", app.clock.now()))).await;
        app.run_pending_jobs().await;
        stands.push(standing(&merchant, &id).await);
    }
    stands
}

async fn standing(merchant: &Client, id: &str) -> String {
    merchant.order(id).await["providerSyncStatus"].as_str().unwrap().to_owned()
}

/// Takes the calls so far as they are.
fn calls(app: &TestApp) -> (usize, usize) {
    let ledger = app.simulator.ledger();
    let count = |operation| ledger.iter().filter(|entry| entry.operation == operation).count();
    (count(Operation::Create), count(Operation::Track))
}

#[tokio::test]
async fn the_words_of_a_refusal_say_whether_it_is_about_the_order() {
    for (words, kind) in [
        ("Please recharge your wallet to ship this order", Some(AccountProblem::Wallet)),
        ("Low wallet amount, kindly top up", Some(AccountProblem::Wallet)),
        ("Credit limit exhausted", Some(AccountProblem::Wallet)),
        ("Your account is inactive", Some(AccountProblem::Account)),
        ("KYC verification is pending", Some(AccountProblem::Account)),
        ("Invalid token", Some(AccountProblem::Credentials)),
        ("Invalid access token", Some(AccountProblem::Credentials)),
        ("Authentication failed", Some(AccountProblem::Credentials)),
        ("Something went wrong, try again later", None),
        ("Server is busy", None),
        ("Rate limit exceeded", None),
        ("Courier API is down", None),
        ("Unable to connect to courier server", None),
        ("Internal server error", None),
    ] {
        let app = TestApp::start().await;
        refuse(&app, Some(words));
        let merchant = app.merchant("u1");
        let id = merchant.create(&order("A-1")).await;
        app.run_pending_jobs().await;
        assert_eq!(standing(&merchant, &id).await, "retrying", "{words}");
        assert_eq!(hold(&app).await.map(|hold| hold.kind), kind, "{words}");
        app.assert_calls(&[("create", 1), ("track", usize::from(kind != Some(AccountProblem::Credentials)))]);
        refuse(&app, None);
        app.advance(MINUTE);
        app.run_pending_jobs().await;
        let looked = matches!(kind, Some(AccountProblem::Account | AccountProblem::Credentials));
        app.assert_calls(&[("create", 1), ("track", usize::from(looked))]);
        assert_eq!(standing(&merchant, &id).await, "success", "{words}");
    }
}

/// The courier may have booked it.
#[tokio::test]
async fn a_courier_that_did_not_answer_is_unknown_and_what_was_to_be_tried_again_may_be_booked() {
    for (words, found) in
        [("Request timeout from courier partner", "reconciling"), ("Server is busy", "success")]
    {
        let app = TestApp::start().await;
        app.leave_jobs();
        app.simulator.change_faults(|f| f.lookup = Lookup::Works);
        let rule = Rule::create(Answer::Status { code: 422, retry_after: None }).acting(true);
        app.simulator.script(Rule { refuse: Some(words.to_owned()), ..rule });
        let merchant = app.merchant("u1");
        let id = merchant.create(&order("A-1")).await;
        app.run_pending_jobs().await;
        assert_eq!(standing(&merchant, &id).await, found, "{words}");
        let (creates, tracks) = calls(&app);
        assert_eq!(creates, 1);
        app.assert_calls(&[("create", creates), ("track", tracks)]);
    }
}

#[tokio::test]
async fn an_operator_adds_words_to_the_list() {
    let app = TestApp::builder().setting("WAYBILL_PARCELX__WORDS__WALLET", "+, plan ended").start().await;
    refuse(&app, Some(NO_PLAN));
    assert_eq!(in_turn(&app, &["u1"]).await, ["retrying"]);
    assert_eq!(hold(&app).await.map(|hold| hold.kind), Some(AccountProblem::Wallet));
    refuse(&app, Some("Insuffiecient Balance"));
    app.advance(MINUTE);
    app.run_pending_jobs().await;
    assert!(hold(&app).await.is_some(), "the words of before still count");
    app.assert_calls(&[("create", 2), ("track", 2)]);
    app.leave_jobs();
}

/// 404, 403 and 415 in ParcelX's own envelope: it has read the call, and speaks of the order.
#[tokio::test]
async fn one_merchants_wrong_pick_address_stops_nobody_else() {
    for code in [403, 404, 415] {
        let app = TestApp::start().await;
        app.simulator.change_faults(|f| f.lookup = Lookup::Works);
        let (one, two) = (app.merchant("shop-1"), app.merchant("shop-2"));
        let mut bad = Vec::new();
        for n in 0..4 {
            let rule = Rule::create(Answer::Status { code, retry_after: None });
            app.simulator.script(Rule { refuse: Some("Pick address not found".to_owned()), ..rule });
            let body = with(order(&format!("B-{n}")), "/pickAddressId", json!("99999"));
            bad.push(one.create(&body).await);
            app.run_pending_jobs().await;
        }
        let good = two.create(&order("G-1")).await;
        app.run_pending_jobs().await;
        assert_eq!(hold(&app).await, None, "{code}");
        for id in &bad {
            let seen = one.order(id).await;
            assert_eq!(
                (&seen["status"], &seen["syncReason"]),
                (&json!("failed"), &json!("Pick address not found"))
            );
        }
        assert_eq!(standing(&two, &good).await, "success");
        app.assert_calls(&[("create", 5), ("track", 4)]);
    }
}

/// Words that nobody has foreseen: 20 orders meet them.
#[tokio::test]
async fn the_same_refusal_for_merchants_in_a_row_holds_the_account_and_nothing_fails_from_then_on() {
    let app = TestApp::start().await;
    refuse(&app, Some(NO_PLAN));
    let mut orders = Vec::new();
    for n in 0..20 {
        let merchant = app.merchant(&format!("u{n}"));
        let id = merchant.create(&order("A-1")).await;
        orders.push((merchant, id));
    }
    app.run_pending_jobs().await;
    let stands = async || {
        let mut all = Vec::new();
        for (merchant, id) in &orders {
            all.push(standing(merchant, id).await);
        }
        all
    };
    let of = |all: &[String], what: &str| all.iter().filter(|s| *s == what).count();
    let now = stands().await;
    assert_eq!((of(&now, "failed"), of(&now, "retrying"), of(&now, "queued")), (2, 1, 17), "{now:?}");
    let held = hold(&app).await.unwrap();
    assert_eq!((held.kind, held.reason.as_str()), (AccountProblem::Refusals, NO_PLAN));
    assert_eq!(held.next_probe_at, app.clock.now() + MINUTE);
    app.assert_calls(&[("create", 3), ("track", 3)]);
    // One is tried after a minute, and before the wait doubles another merchant's.
    app.advance(MINUTE);
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 2), ("track", 2)]);
    let held = hold(&app).await.unwrap();
    assert_eq!((held.probes, held.next_probe_at), (1, app.clock.now() + 2 * MINUTE));
    let now = stands().await;
    assert_eq!((of(&now, "failed"), of(&now, "retrying")), (2, 3), "none of them fails: {now:?}");
    // It is over when something is booked.
    refuse(&app, None);
    app.advance(2 * MINUTE);
    for _ in 0..4 {
        app.run_pending_jobs().await;
        app.advance(MINUTE);
    }
    let now = stands().await;
    assert_eq!((of(&now, "failed"), of(&now, "success")), (2, 18), "{now:?}");
    assert_eq!(hold(&app).await, None);
    app.assert_calls(&[("create", 18)]);
}

#[tokio::test]
async fn refusals_are_no_row_when_they_differ_or_are_one_merchants_or_something_is_booked_between() {
    // One merchant's.
    let app = TestApp::start().await;
    refuse(&app, Some(NO_PLAN));
    assert_eq!(in_turn(&app, &["u1"; 5]).await, ["failed"; 5]);
    assert_eq!(in_turn(&app, &["u2"]).await, ["failed"]);
    // Other words.
    refuse(&app, Some("Pincode not serviceable"));
    assert_eq!(in_turn(&app, &["u3"]).await, ["failed"]);
    refuse(&app, Some(NO_PLAN));
    assert_eq!(in_turn(&app, &["u4", "u5"]).await, ["failed"; 2]);
    // A booking between, in the same moment and later.
    for wait in [Duration::ZERO, MINUTE] {
        refuse(&app, None);
        app.advance(wait);
        assert_eq!(in_turn(&app, &["u6"]).await, ["success"]);
        app.advance(wait);
        refuse(&app, Some(NO_PLAN));
        assert_eq!(in_turn(&app, &["u7", "u8"]).await, ["failed"; 2]);
    }
    assert_eq!(in_turn(&app, &["u9"]).await, ["retrying"], "and then there is one");
    let (creates, tracks) = calls(&app);
    app.assert_calls(&[("create", creates), ("track", tracks)]);
    app.leave_jobs();
}

/// What each quotes of its own order does not make it another refusal.
#[tokio::test]
async fn refusals_that_quote_their_orders_are_the_same() {
    let app = TestApp::start().await;
    app.leave_jobs();
    app.simulator.change_faults(|f| f.lookup = Lookup::Works);
    let mut last = Value::Null;
    for (n, goods) in ["Blue mug", "Brass lamp with a shade", "Ink 5"].iter().enumerate() {
        app.simulator.script(Rule::refuse(&format!("{goods} ({n}7123) of \"Shop {n}\" is not in your plan")));
        let merchant = app.merchant(&format!("u{n}"));
        let id = merchant.create(&with(order("A-1"), "/items/0/name", json!(goods))).await;
        app.run_pending_jobs().await;
        last = merchant.order(&id).await["providerSyncStatus"].clone();
    }
    assert_eq!(last, "retrying");
    assert_eq!(hold(&app).await.map(|hold| hold.kind), Some(AccountProblem::Refusals));
    app.assert_calls(&[("create", 3), ("track", 3)]);
}

#[tokio::test]
async fn another_refusal_ends_the_hold_and_it_can_be_switched_off() {
    let app = TestApp::start().await;
    refuse(&app, Some(NO_PLAN));
    assert_eq!(in_turn(&app, &["u1", "u2", "u3"]).await, ["failed", "failed", "retrying"]);
    refuse(&app, Some("Pincode not serviceable"));
    app.advance(MINUTE);
    app.run_pending_jobs().await;
    assert_eq!(hold(&app).await, None);
    app.assert_calls(&[("create", 4), ("track", 4)]);

    let off = TestApp::builder().setting("WAYBILL_PARCELX__REFUSALS_IN_A_ROW", "0").start().await;
    refuse(&off, Some(NO_PLAN));
    assert_eq!(in_turn(&off, &["u1", "u2", "u3", "u4"]).await, ["failed"; 4]);
    off.assert_calls(&[("create", 4), ("track", 4)]);
}

/// A refusal that quotes a shortened name reads like words about money: another merchant's order tells.
#[tokio::test]
async fn what_is_read_from_words_is_tried_at_once_with_another_merchants_order() {
    let app = TestApp::start().await;
    app.leave_jobs();
    app.simulator.change_faults(|f| f.lookup = Lookup::Works);
    app.simulator.script(Rule::refuse("New Balance 57… cannot go by air"));
    let one = app.merchant("u1");
    let quoted = one.create(&with(order("A-1"), "/items/0/name", json!("New Balance 574"))).await;
    let same = one.create(&order("A-2")).await;
    let two = app.merchant("u2");
    let other = two.create(&order("A-1")).await;
    app.run_pending_jobs().await;
    assert_eq!(standing(&one, &quoted).await, "retrying");
    assert_eq!(
        (standing(&two, &other).await, standing(&one, &same).await),
        ("success".into(), "success".into())
    );
    assert_eq!(hold(&app).await, None);
    app.assert_calls(&[("create", 3), ("track", 1)]);
}

/// One merchant's orders are refused in words that read like the account's, again and again: those of others
/// are tried within seconds, not when the minute is over.
#[tokio::test]
async fn orders_that_come_later_do_not_wait_for_one_merchants_refusals() {
    for words in [
        "Wallet balance is low for this order",
        "KYC of this pickup location is pending",
        "Invalid token for courier",
    ] {
        let app = TestApp::start().await;
        app.leave_jobs();
        app.simulator.change_faults(|f| f.lookup = Lookup::Works);
        let rule = Rule::refuse(words).times(100);
        app.simulator.script(Rule { invoice_number: Some("INV-BAD".to_owned()), ..rule });
        let (bad, good) = (app.merchant("bad"), app.merchant("good"));
        for n in 0..3 {
            let body = order(&format!("B-{n}"));
            bad.create(&with(body, "/invoiceNumber", json!("INV-BAD"))).await;
        }
        app.run_pending_jobs().await;
        for n in 0..3 {
            assert!(hold(&app).await.is_some(), "{words} {n}");
            app.advance(Duration::from_secs(5 + 7 * n));
            let id = good.create(&order(&format!("G-{n}"))).await;
            app.run_pending_jobs().await;
            assert_eq!(standing(&good, &id).await, "success", "{words} {n}");
        }
        let (creates, tracks) = calls(&app);
        app.assert_calls(&[("create", creates), ("track", tracks)]);
        assert!(creates <= 3 + 2 * 4, "and the bad ones are not sent again and again: {creates}");
    }
}

/// A trace of letters alone is another one each time.
#[tokio::test]
async fn refusals_that_differ_by_a_trace_are_the_same() {
    let app = TestApp::start().await;
    app.leave_jobs();
    app.simulator.change_faults(|f| f.lookup = Lookup::Works);
    let mut stands = Vec::new();
    for (merchant, trace) in [("u1", "kxvrsaknvwea"), ("u2", "qzpwmtbhcjlo"), ("u3", "wfgkdqxnzrtp")] {
        app.simulator.script(Rule::refuse(&format!("Seller off. trace {trace}")));
        stands.extend(in_turn(&app, &[merchant]).await);
    }
    assert_eq!(stands, ["failed", "failed", "retrying"]);
    assert_eq!(hold(&app).await.map(|hold| hold.kind), Some(AccountProblem::Refusals));
    app.assert_calls(&[("create", 3), ("track", 3)]);
}

/// Nobody answers 401 to one order alone.
#[tokio::test]
async fn refused_keys_are_not_tried_with_another_merchants_order_at_once() {
    let app = TestApp::start().await;
    app.leave_jobs();
    app.simulator.script(Rule::create(Answer::Status { code: 401, retry_after: None }));
    assert_eq!(in_turn(&app, &["u1", "u2"]).await, ["retrying", "queued"]);
    app.assert_calls(&[("create", 1)]);
}
