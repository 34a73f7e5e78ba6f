//! Every interleaving of two workers, their calls, the provider, a merchant who cancels and the clock, over
//! the real decisions of [`waybill::features::orders::model`]: what a step decides is decided by the code
//! that runs in production; what a step does to the store and the provider is modelled here, one atomic
//! effect at a time.
//!
//! **Who, the step**: its effect. *Then* what may come between it and the next one.
//!
//! - **worker, load**: reads the order. *Then* anything: the copy may be stale from here on
//! - **worker, decide**: `next_action` on the copy, and the clock as it is now: take, close, look up, or
//!   nothing to do. *Then* anything
//! - **worker, take**: compare-and-set of `Event::Take`; won: the call begins, lost: loads again. *Then* its
//!   job may be dropped, the call goes on
//! - **call, log request**: inserts the request log; the id is taken: it was shut out and ends. *Then* a
//!   close, settleAfter, death
//! - **call, check sendBy**: too late: its outcome is *not sent*. *Then* the clock may pass sendBy and
//!   settleAfter before the send
//! - **call, send**: the create leaves, or the connection is refused. *Then* death: the create is under way
//!   without anybody
//! - **provider, act**: books, refuses, is busy, at any time after the send. *Then* whatever the caller does
//!   meanwhile
//! - **call, answer**: the answer, or *unknown*: lost, cut, too late. *Then* close, look-ups, a new job
//! - **call, log outcome**: inserts the outcome log; the id is taken: goes into `late`. *Then* death: known,
//!   but the order does not know
//! - **call, settle**: load and `Event::CallEnded`, then compare-and-set, again until it is first. *Then*
//!   anybody else's settle, take, cancel
//! - **worker, close: tombstone**: inserts the dead attempt's request-log id: inserted, it never sent; taken,
//!   its log is there. *Then* its call may wake up
//! - **worker, close: read, write *unknown*, read again**: the outcome, or one that says there is none.
//!   *Then* the answer may come right now
//! - **worker, look up**: finds the booking, or none (there may be one), or fails. *Then* the booking may
//!   come right now
//! - **worker, look up for the last time, with a control**: as above, or proves that there is none. *Then* a
//!   newer attempt, if another worker proved it first
//! - **worker, settle, absent, review, look again**: as above. *Then* as above
//! - **merchant, cancel**: `Event::RequestCancel`; one step, since nothing comes between a decision and its
//!   compare-and-set if that is first. *Then* a take, a settle
//! - **a job's death, review, one step likewise**: hands the order to a person, whoever works on it. *Then*
//!   all of the above
//! - **sweeper, dispatch again, one step likewise**: the next generation; jobs of the one before find nothing
//!   to do. *Then* all of the above
//! - **person, load, check**: what the order alone says of adopt, rebook or fail, with one who knows the
//!   ledger or does not; see `reviewers.rs`. *Then* anything
//! - **person, close: as a worker**: the last call is shut out, or its outcome read or written. *Then* its
//!   call may wake up
//! - **person, look**: the provider shows the shipment, or nothing although it is there. *Then* the booking,
//!   a late answer
//! - **person, decide, one step likewise**: what the order makes of `Event::Operator`, if no call was made
//!   since the load. *Then* all of the above
//! - **merchant, amend, one step likewise**: of an order that a person or the provider failed. *Then* a late
//!   answer, a dead attempt
//! - **cancel job, begin, end**: a shipment that is not wanted is cancelled. *Then* a person who adopts it
//! - **clock, jump**: to the next of sendBy, settleAfter, the next check. *Then* any step that is under way
//! - **anybody, die**: what it knew is gone; a job may begin anew at any time
//!
//! A worker may begin a job at any time, so lost leases, jobs that run twice and jobs that are dropped are
//! all among the histories; the queue need not be right for the order to be. Calls are actors of their own,
//! as they are in production.
//!
//! One thing is taken for granted, and N2 cannot be had without it: a create that is under way, and a call
//! between its look at the clock and its send, do not outlast the last look-up, which comes ten minutes after
//! the call's end. `Break::Lingers` shows what they could do.
//!
//! What the model leaves out: a store that fails (the same as to die), look-ups' own logs, held accounts,
//! what may go wrong with a cancel (that is `cancellations.rs`), and answers that name the AWB of another
//! order.
//!
//! In every state the rules of `rules.rs` hold, and from every state in which all is quiet one worker alone
//! brings the order to its end. The search is broad, not deep: what breaks a rule is told with a shortest
//! history. That it can tell is shown with steps done wrongly.

mod explore;
mod key;
mod reviewers;
mod rules;
mod steps;
mod world;
mod writing;

use self::{
    explore::{Found, explore},
    world::{Break, Scenario},
};

const PLAIN: Scenario = Scenario {
    takes: 2,
    cancels: 0,
    deaths: 0,
    sweeps: 0,
    workers: 2,
    reviewers: 0,
    ops: 0,
    careful: false,
    amends: 0,
    polls: 2,
    trusted: false,
    broken: Break::Nothing,
};

/// What the last look-up does not find is not there, and the order is booked again.
const TRUSTED: Scenario = Scenario { polls: 1, trusted: true, ..PLAIN };

/// One worker, one look, and a person at the reviewer who knows the provider's ledger.
const PERSON: Scenario = Scenario { workers: 1, polls: 1, reviewers: 1, ops: 1, careful: true, ..PLAIN };

/// One who does not.
const CARELESS: Scenario = Scenario { careful: false, ..PERSON };

/// Says what was searched, for whoever runs with `--nocapture`.
#[expect(clippy::print_stdout, reason = "the size of the search is part of what this test tells")]
fn say(text: &str) {
    println!("{text}");
}

/// Searches all of it, and asserts that no rule breaks anywhere and that every end was reached: a search that
/// ends early proves nothing.
fn holds(name: &str, scenario: Scenario) -> Found {
    let found = explore(scenario);
    say(&format!("{name}: {found}"));
    if let Some(violation) = &found.violation {
        panic!("{name}: {violation}");
    }
    let cancelled = (scenario.cancels > 0).then_some("cancelled");
    for end in ["success", "failed", "needs_review", "queued", "processing", "retrying", "reconciling"]
        .into_iter()
        .chain(cancelled)
    {
        assert!(found.quiet.contains_key(end), "{name}: no state in which all is quiet is {end}");
    }
    found
}

#[test]
fn two_workers_and_a_cancel_book_an_order_once_or_not_at_all() {
    let found = holds("two workers and a cancel", Scenario { cancels: 1, ..PLAIN });
    assert_eq!(found.unanswered.0, 0, "closed, and a request log has no outcome:{}", found.unanswered.1);
}

#[test]
fn two_workers_and_a_sweep_book_an_order_once() {
    let found = holds("two workers and a sweep", Scenario { takes: 1, sweeps: 1, ..PLAIN });
    assert_eq!(found.unanswered.0, 0, "closed, and a request log has no outcome:{}", found.unanswered.1);
}

#[test]
fn two_workers_and_the_death_of_a_job_book_an_order_once() {
    holds("two workers and the death of a job", Scenario { deaths: 1, ..PLAIN });
}

#[test]
fn two_workers_book_again_what_proved_absent_and_book_it_once() {
    let found = holds("two workers and look-ups that can be believed", TRUSTED);
    assert_eq!(
        found.own_duplicate.0, 0,
        "the order's own AWB counts as one too many:{}",
        found.own_duplicate.1
    );
    assert_eq!(found.unanswered.0, 0, "closed, and a request log has no outcome:{}", found.unanswered.1);
}

#[test]
fn a_person_who_knows_the_ledger_ends_every_order_well() {
    holds("a worker, a careful person and a cancel", Scenario { cancels: 1, ..PERSON });
}

#[test]
fn a_person_who_does_not_is_stopped_or_survived() {
    holds("a worker and a careless person", CARELESS);
}

#[test]
#[ignore = "takes half a minute: two people, dead jobs, amended orders"]
fn everything_at_once_with_people_ends_every_order_well() {
    holds("two careful people", Scenario { reviewers: 2, ops: 2, ..PERSON });
    holds("a careful person and the death of a job", Scenario { deaths: 1, ..PERSON });
    holds("a careful person, a cancel and an amended order", Scenario { cancels: 1, amends: 1, ..PERSON });
    holds("a careless person and the death of a job", Scenario { deaths: 1, ..CARELESS });
    holds("a careless person and an amended order", Scenario { amends: 1, ..CARELESS });
}

#[test]
#[ignore = "takes minutes: more attempts, and everything at once"]
fn everything_at_once_books_an_order_once() {
    holds("three attempts", Scenario { takes: 3, ..PLAIN });
    holds("everything at once", Scenario { cancels: 1, deaths: 1, sweeps: 1, ..PLAIN });
    holds("look-ups that can be believed, and a cancel", Scenario { polls: 2, cancels: 1, ..TRUSTED });
}

#[test]
fn steps_done_wrongly_are_seen() {
    let with = |cancels| Scenario { cancels, ..PLAIN };
    for (broken, scenario, says) in [
        (Break::TakeUnchecked, with(0), "is sent although nobody knows what became of"),
        (Break::TakeUnchecked, with(1), "Cancelled became Processing"),
        (Break::SettleUnchecked, with(0), "an attempt or a generation was undone"),
        (Break::SettleUnchecked, with(1), "a request to cancel was forgotten"),
        (Break::CancelUnchecked, with(1), "Processing became Cancelled"),
        (Break::NoTombstone, with(0), "is sent although nobody knows what became of"),
        (Break::UnansweredIsUnsent, with(0), "is sent although nobody knows what became of"),
        (Break::UnansweredIsUnsent, with(1), "Cancelled is told although"),
        (Break::SendBeforeLog, with(0), "is sent without a request log"),
        (Break::OutcomeReplaced, with(0), "the outcome of attempt 1 was"),
        (Break::NeverCloses, with(0), "nobody brings this order to an end"),
        (Break::SendByUnchecked, TRUSTED, "is sent although nobody knows what became of"),
        (Break::Lingers, TRUSTED, "may all be booked"),
        (Break::RecordUnread, Scenario { deaths: 1, ..PERSON }, "has no outcome log"),
        (Break::Unasked, CARELESS, "may all be booked"),
        (Break::IndexUnchecked, CARELESS, "two orders have one AWB"),
    ] {
        let found = explore(Scenario { broken, ..scenario });
        let violation =
            found.violation.unwrap_or_else(|| panic!("{broken:?} breaks no rule in {} states", found.states));
        say(&format!("{broken:?}, after {} states: {violation}", found.states));
        assert!(violation.contains(says), "{broken:?}: {violation}");
    }
}
