use super::*;

fn at(secs: u64) -> Timestamp {
    Timestamp::from_millis(1_763_687_100_000) + Duration::from_secs(secs)
}

fn held(kind: AccountProblem) -> Account {
    let mut account = Account::new("a", at(0));
    assert!(account.report(kind, "first", None, at(0)));
    account
}

fn hold(account: &Account) -> &Hold {
    account.hold.as_ref().unwrap()
}

fn again() -> ProbeResult {
    ProbeResult::Held { kind: AccountProblem::Wallet, reason: "still".into() }
}

#[test]
fn the_same_report_changes_nothing_and_only_a_graver_one_takes_its_place() {
    let mut account = held(AccountProblem::Configuration);
    assert!(!account.report(AccountProblem::Configuration, "second", None, at(9)));
    assert!(!account.report(AccountProblem::Wallet, "second", None, at(9)));
    assert_eq!((hold(&account).since, hold(&account).reason.as_str()), (at(0), "first"));
    assert!(account.report(AccountProblem::Credentials, "worse", None, at(9)));
    assert_eq!((hold(&account).since, hold(&account).kind), (at(9), AccountProblem::Credentials));
}

#[test]
fn probes_come_after_a_minute_and_then_ever_later() {
    let mut account = held(AccountProblem::Wallet);
    assert!(!account.begin_probe("t", None, at(59), at(59)));
    let mut now = 0;
    for pause in [60, 120, 240, 480, 900, 900] {
        assert_eq!(hold(&account).next_probe_at, at(now + pause));
        now += pause;
        assert!(account.begin_probe("t", Some(&trier("a")), at(now + 60), at(now)));
        assert!(account.end_probe("t", &again(), Some(&trier("a")), at(now)));
        assert!(hold(&account).wants_other && !hold(&account).due_for_any(at(now)));
        assert!(!account.begin_probe("t", Some(&trier("a")), at(now + 60), at(now + 1)));
    }
    assert_eq!((hold(&account).since, hold(&account).reason.as_str()), (at(0), "still"));
}

fn trier(merchant: &str) -> Trier {
    Trier { merchant: merchant.to_owned(), pick_address: None }
}

#[test]
fn before_the_wait_doubles_somebody_elses_order_is_tried_at_once() {
    let mut account = held(AccountProblem::Configuration);
    assert!(account.begin_probe("one", Some(&trier("a")), at(120), at(60)));
    assert!(account.end_probe("one", &again_for(AccountProblem::Configuration), Some(&trier("a")), at(61)));
    assert!(hold(&account).probe_due(at(61)) && hold(&account).wants_other);
    assert!(!hold(&account).is_other(&trier("a")) && hold(&account).is_other(&trier("b")));
    assert!(!account.begin_probe("two", Some(&trier("a")), at(120), at(61)));
    assert!(account.begin_probe("two", Some(&trier("b")), at(120), at(61)));
    assert!(account.end_probe("two", &again_for(AccountProblem::Configuration), Some(&trier("b")), at(62)));
    assert_eq!((hold(&account).wants_other, hold(&account).next_probe_at), (false, at(62 + 120)));
    assert!(!account.begin_probe("three", Some(&trier("c")), at(999), at(63)), "it is about all");
    assert!(account.begin_probe("three", Some(&trier("a")), at(999), at(62 + 120)), "anybody's will do");
}

/// However long it takes until there is one.
#[test]
fn what_is_read_from_words_is_tried_with_the_first_order_of_somebody_else() {
    for kind in [AccountProblem::Wallet, AccountProblem::Account, AccountProblem::Credentials] {
        let mut account = Account::new("a", at(0));
        assert!(account.report(kind, "r", Some(&trier("a")), at(5)));
        assert_eq!(hold(&account).next_probe_at, at(65), "{kind}: for anybody");
        assert!(!account.begin_probe("one", Some(&trier("a")), at(99), at(6)), "{kind}");
        assert!(!account.begin_probe("one", None, at(99), at(6)), "{kind}");
        assert!(hold(&account).probe_due(at(40)), "{kind}");
        assert!(account.begin_probe("one", Some(&trier("b")), at(99), at(40)), "{kind}");
        assert!(account.end_probe("one", &again_for(kind), Some(&trier("b")), at(41)));
        assert_eq!(hold(&account).next_probe_at, at(41 + 60), "{kind}");
        assert!(!hold(&account).probe_due(at(42)), "{kind}: two of two");
    }
    let mut account = Account::new("a", at(0));
    assert!(account.report(AccountProblem::Credentials, "HTTP 401", None, at(5)));
    assert!(!account.begin_probe("one", Some(&trier("b")), at(99), at(40)), "told by its status");
}

/// A cancel tells no address: it may be of the order that was tried.
#[test]
fn another_address_is_somebody_else_and_a_cancel_of_the_same_merchant_is_not() {
    let from = |address: &str| Trier { pick_address: Some(address.to_owned()), ..trier("a") };
    let mut account = Account::new("a", at(0));
    assert!(account.report(AccountProblem::Wallet, "r", Some(&from("1")), at(5)));
    let others = |account: &Account| {
        [from("1"), from("2"), trier("a"), trier("b")].map(|trier| hold(account).is_other(&trier))
    };
    assert_eq!(others(&account), [false, true, false, true]);
    let mut account = Account::new("a", at(0));
    assert!(account.report(AccountProblem::Wallet, "r", Some(&trier("a")), at(5)));
    assert_eq!(others(&account), [false, false, false, true]);
}

#[test]
fn a_try_with_somebody_elses_order_that_settles_nothing_is_followed_by_another_soon() {
    let mut account = Account::new("a", at(0));
    assert!(account.report(AccountProblem::Wallet, "r", Some(&trier("a")), at(5)));
    assert!(account.begin_probe("one", Some(&trier("b")), at(99), at(6)));
    assert!(account.end_probe("one", &ProbeResult::Settled, Some(&trier("b")), at(7)));
    assert!(!account.begin_probe("two", Some(&trier("b")), at(99), at(11)));
    assert!(!account.begin_probe("two", Some(&trier("a")), at(99), at(12)));
    assert!(account.begin_probe("two", Some(&trier("b")), at(99), at(12)));
    assert!(account.end_probe("two", &ProbeResult::Proved, Some(&trier("b")), at(12)));
    assert_eq!(account.hold, None);
}

/// Also where anybody's would be due by now.
#[test]
fn whoever_settles_nothing_there_is_a_pause_before_the_next() {
    let mut account = Account::new("a", at(0));
    assert!(account.report(AccountProblem::Wallet, "r", Some(&trier("a")), at(5)));
    assert!(account.begin_probe("one", Some(&trier("b")), at(199), at(64)));
    assert!(account.end_probe("one", &ProbeResult::Settled, Some(&trier("b")), at(64)));
    assert_eq!((hold(&account).next_probe_at, hold(&account).other_after), (at(69), Some(at(69))));
    for who in ["a", "b", "c"] {
        assert!(!account.begin_probe("two", Some(&trier(who)), at(199), at(68)), "{who}");
    }
    assert!(account.begin_probe("two", Some(&trier("c")), at(199), at(69)));
}

#[test]
fn a_probe_that_was_held_back_leaves_the_hold_as_it_was_and_waits_longer() {
    let mut account = held(AccountProblem::Configuration);
    assert!(account.begin_probe("one", Some(&trier("a")), at(120), at(60)));
    assert!(account.end_probe("one", &ProbeResult::HeldBack, Some(&trier("a")), at(60)));
    let hold = hold(&account);
    assert_eq!((hold.kind, hold.reason.as_str()), (AccountProblem::Configuration, "first"));
    assert_eq!((hold.probes, hold.next_probe_at, hold.wants_other), (1, at(60 + 120), true));
}

/// A person who says "try now" may have the only order that waits.
#[test]
fn what_a_person_has_tried_is_tried_with_anybodys_order() {
    let mut account = Account::new("a", at(0));
    assert!(account.report(AccountProblem::Wallet, "r", Some(&trier("a")), at(5)));
    assert!(account.probe_now(at(7)));
    assert!(hold(&account).due_for_any(at(7)) && !hold(&account).wants_other);
    assert!(account.begin_probe("one", Some(&trier("a")), at(99), at(8)), "the same merchant's will do");
}

fn again_for(kind: AccountProblem) -> ProbeResult {
    ProbeResult::Held { kind, reason: "still".into() }
}

#[test]
fn there_is_one_probe_at_a_time_and_a_vanished_worker_does_not_keep_it() {
    let mut account = held(AccountProblem::Wallet);
    assert!(account.begin_probe("one", None, at(120), at(60)));
    assert!(!account.begin_probe("two", None, at(179), at(119)), "there is one");
    assert!(account.begin_probe("two", None, at(180), at(120)), "its worker is gone");
    assert!(!account.end_probe("one", &ProbeResult::Proved, None, at(121)), "a dead one says nothing");
    assert!(account.hold.is_some());
    assert!(account.end_probe("two", &ProbeResult::Proved, None, at(121)));
    assert_eq!(account.hold, None);
    assert!(!account.begin_probe("three", None, at(999), at(900)));
}

#[test]
fn a_clock_that_was_set_back_does_not_keep_it_shut() {
    let day = 24 * 3600;
    let mut account = Account::new("a", at(0));
    assert!(account.report(AccountProblem::Wallet, "first", None, at(day)));
    assert!(
        account.begin_probe("one", None, at(0) + Duration::from_secs(60), at(0)),
        "a day before it began"
    );
    let mut account = held(AccountProblem::Wallet);
    assert!(account.begin_probe("one", None, at(day + 60), at(day)));
    assert!(account.begin_probe("two", None, at(120), at(60)), "nor does a probe that ends tomorrow");
}

#[test]
fn a_probe_that_settles_nothing_is_followed_soon_and_the_schedule_does_not_grow() {
    let mut account = held(AccountProblem::Credentials);
    assert!(account.begin_probe("t", None, at(120), at(60)));
    assert!(account.end_probe("t", &ProbeResult::Unused, None, at(61)));
    assert!(account.begin_probe("t", None, at(120), at(61)), "at once: nobody was asked");
    assert!(account.end_probe("t", &ProbeResult::Settled, None, at(61)));
    assert!(!account.begin_probe("t", None, at(120), at(65)));
    assert!(account.begin_probe("t", None, at(120), at(66)));
    assert_eq!(hold(&account).probes, 0);
}

#[test]
fn an_empty_wallet_proves_that_the_keys_are_good() {
    let mut account = held(AccountProblem::Credentials);
    assert!(account.begin_probe("t", None, at(120), at(60)));
    assert!(account.end_probe("t", &again(), None, at(60)));
    assert_eq!(
        (hold(&account).kind, hold(&account).since, hold(&account).probes),
        (AccountProblem::Wallet, at(60), 0)
    );
}

#[test]
fn what_a_newer_binary_wrote_survives() {
    let text = serde_json::json!({"id": "a", "version": 3, "createdAt": at(0), "colour": "red",
        "hold": {"kind": "wallet", "reason": "r", "since": at(0), "nextProbeAt": at(60), "probes": 0,
            "shade": 1}});
    let account: Account = serde_json::from_value(text.clone()).unwrap();
    assert_eq!(serde_json::to_value(&account).unwrap(), text);
}
