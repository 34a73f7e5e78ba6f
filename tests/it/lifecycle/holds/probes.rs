//! The one job that tries whether a held account works again: when it comes, what its call proves, and what
//! becomes of a probe that proves nothing or vanishes.

use std::time::Duration;

use waybill::{
    features::provider_accounts::{ProbeResult, Taken},
    provider::{
        carrier::AccountProblem,
        simulator::{Answer, Operation, Rule},
    },
};

use super::{MINUTE, another_process, answer, hold, resolve_all, status, well_again, with_orders};

#[tokio::test]
async fn probes_come_ever_later_while_they_are_held_again_and_each_is_one_call() {
    let (app, merchant, ids) = with_orders(8).await;
    answer(&app, status(401));
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    let since = app.clock.now();
    for (nth, minutes) in [1, 2, 4, 8, 15, 15].into_iter().enumerate() {
        app.advance(MINUTE * minutes - Duration::from_millis(1));
        assert_eq!(app.run_pending_jobs().await, 0, "probe {nth} is too early");
        app.advance(Duration::from_millis(1));
        assert_eq!(app.run_pending_jobs().await, 1);
        app.assert_calls(&[("create", 1)]);
        let held = hold(&app).await.unwrap();
        assert_eq!((held.since, held.probes, held.probe), (since, u32::try_from(nth).unwrap() + 1, None));
    }
    well_again(&app);
    app.advance(MINUTE * 15);
    resolve_all(&app, &merchant, &ids).await;
    app.assert_calls(&[("create", 8), ("track", 7)]);
}

/// An order that must be looked up before it is sent again tries no more than that, as long as ParcelX gives
/// it nothing to go by.
#[tokio::test]
async fn a_probe_whose_look_up_says_nothing_is_held_again() {
    for (code, kind) in [(405, AccountProblem::Configuration), (401, AccountProblem::Credentials)] {
        let (app, merchant, ids) = with_orders(1).await;
        app.simulator.change_faults(|f| {
            f.answer = status(code);
            f.answer_for = [Operation::Create, Operation::Track].into();
        });
        app.run_pending_jobs().await;
        app.assert_calls(&[("create", 1)]);
        app.advance(MINUTE);
        assert_eq!(app.run_pending_jobs().await, 1);
        app.assert_calls(&[("track", 1)]);
        let held = hold(&app).await.unwrap();
        assert_eq!(
            (held.kind, held.reason, held.probes, held.next_probe_at),
            (kind, format!("HTTP {code}"), 1, app.clock.now() + MINUTE * 2)
        );
        well_again(&app);
        app.advance(MINUTE * 2);
        resolve_all(&app, &merchant, &ids).await;
        app.assert_calls(&[("create", 1), ("track", 1)]);
        assert_eq!(hold(&app).await, None);
    }
}

#[tokio::test]
async fn a_worker_that_vanishes_with_the_probe_does_not_keep_it_for_ever() {
    let (app, merchant, ids) = with_orders(3).await;
    answer(&app, status(401));
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    well_again(&app);
    app.advance(MINUTE);
    let (other, _) = another_process(&app).await;
    let life = MINUTE * 2;
    assert_eq!(other.accounts.begin_probe("vanished", life).await.unwrap(), Taken::Yes);
    assert_eq!(app.app.accounts.begin_probe("second", life).await.unwrap(), Taken::No);
    app.advance(life - Duration::from_millis(1));
    assert_eq!(app.run_pending_jobs().await, 0, "it may still be trying");
    app.advance(Duration::from_millis(1));
    resolve_all(&app, &merchant, &ids).await;
    app.assert_calls(&[("create", 3), ("track", 1)]);
    // It was only slow: what it has to say is no longer asked.
    other
        .accounts
        .end_probe(
            "vanished",
            &ProbeResult::Held { kind: AccountProblem::Credentials, reason: "late".into() },
        )
        .await
        .unwrap();
    assert_eq!(hold(&app).await, None);
}

#[tokio::test]
async fn a_refusal_proves_that_the_keys_are_good_but_not_that_there_is_money() {
    for (kind, lifted) in [(AccountProblem::Credentials, true), (AccountProblem::Wallet, false)] {
        let (app, merchant, ids) = with_orders(3).await;
        match kind {
            AccountProblem::Wallet => app.simulator.script(Rule::refuse("Insuffiecient Balance")),
            _ => app.simulator.script(Rule::create(status(401))),
        }
        app.run_pending_jobs().await;
        app.assert_calls(&[("create", 1), ("track", usize::from(!lifted))]);
        app.simulator.script(Rule::refuse("Pincode not serviceable"));
        app.advance(MINUTE);
        let runs = app.run_pending_jobs().await;
        assert_eq!(merchant.order(&ids[1]).await["status"], "failed", "an order that is refused is refused");
        assert_eq!(hold(&app).await.is_none(), lifted, "{kind}");
        assert_eq!(runs, if lifted { 3 } else { 1 });
        if !lifted {
            app.advance(Duration::from_secs(5));
            assert_eq!(app.run_pending_jobs().await, 2, "the next one tries soon");
        }
        app.assert_calls(&[("create", 3), ("track", 1 + usize::from(lifted))]);
        assert_eq!(hold(&app).await, None);
    }
}

#[tokio::test]
async fn a_probe_without_an_answer_settles_nothing_and_the_next_follows_soon() {
    let (app, merchant, ids) = with_orders(4).await;
    answer(&app, status(401));
    app.run_pending_jobs().await;
    well_again(&app);
    app.simulator.script(Rule::create(Answer::LostAfterBooking));
    app.simulator.script(Rule::create(status(429)));
    app.advance(MINUTE);
    for _ in 0..2 {
        assert_eq!(app.run_pending_jobs().await, 1);
        let held = hold(&app).await.unwrap();
        assert_eq!(
            (held.probes, held.probe, held.next_probe_at),
            (0, None, app.clock.now() + Duration::from_secs(5))
        );
        app.advance(Duration::from_secs(5));
    }
    app.assert_calls(&[("create", 3)]);
    resolve_all(&app, &merchant, &ids).await;
    let calls = app.simulator.ledger();
    let count = |op| calls.iter().filter(|e| e.operation == op).count();
    // The first (401), the lost one, the busy one, and each that was not booked by then.
    assert_eq!(count(Operation::Create), 3 + 3);
    app.assert_calls(&[("create", 3), ("track", count(Operation::Track))]);
}

#[tokio::test]
async fn a_job_that_has_nothing_to_ask_is_no_probe() {
    let (app, merchant, ids) = with_orders(2).await;
    answer(&app, status(401));
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    well_again(&app);
    // The next job's order is with a person by now.
    app.app.state.orders.review(&ids[1], "by hand").await.unwrap();
    app.advance(MINUTE);
    assert_eq!(app.run_pending_jobs().await, 2, "the one after it tries at once");
    app.assert_calls(&[("create", 1), ("track", 1)]);
    assert_eq!((hold(&app).await, merchant.order(&ids[0]).await["status"].as_str()), (None, Some("booked")));
}
