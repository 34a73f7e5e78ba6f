//! The one audit: what must be true of orders, logs, queue and ledger whatever died on the way.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::time::sleep;
use waybill::base::timestamp::Timestamp;

use super::{
    process::Process,
    rig::Rig,
    simulator::{Entry, Ledger},
};

/// How long everything may take to settle after the last process has died: a take-over, a leader's lease and
/// the look-ups, several times over, on a machine that has other things to do.
const SETTLE: Duration = Duration::from_secs(90);

/// The orders that the audit makes. A look-up that finds nothing needs a booking that is newer than the doubt
/// to be believed, and a call of a dead worker is only unresolved_since once it has had its time: the
/// merchant goes on ordering, as merchants do.
const CONTROL: &str = "control-";
/// How often it does.
const NEXT_CONTROL: Duration = Duration::from_secs(5);

/// How long a lease is taken for, in milliseconds.
const LEASE_LIFE: i64 = 10_000;

/// What a run came to, but for the controls.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) orders: usize,
    pub(crate) states: BTreeMap<String, usize>,
    pub(crate) creates: usize,
    /// Creates that booked and whose answer nobody heard.
    pub(crate) unheard: usize,
    /// Outcome logs with an answer that came after somebody else had closed the attempt.
    pub(crate) late: usize,
    /// Look-ups that died with their worker. They book nothing, and another one follows; nobody writes their
    /// end down.
    pub(crate) open_lookups: usize,
}

/// What the parts have on record.
struct Records {
    orders: Vec<Value>,
    requests: Vec<Value>,
    outcomes: Vec<Value>,
    ledger: Ledger,
    /// How far the clocks of service and provider may be apart.
    clocks: Duration,
}

/// Waits until nothing moves any more, stops the processes in order, and looks at everything. `workers` must
/// hold at least one.
pub(crate) async fn audit(rig: &Rig, workers: Vec<Process>, apis: Vec<Process>) -> Findings {
    settled(rig, &workers).await;
    let mut wrong = Vec::new();
    listed_once(rig, &mut wrong).await;
    // One after the other: each next leader takes the lease and must give it back too.
    for worker in workers {
        worker.stop().await;
    }
    for api in apis {
        api.stop().await;
    }
    let records = Records {
        orders: rig.documents("orders"),
        requests: rig.documents("parcelx_request_logs"),
        outcomes: rig.documents("parcelx_response_logs"),
        ledger: rig.simulator.ledger().await,
        clocks: rig.clocks(),
    };
    exists_once(rig, &records, &mut wrong);
    for order in &records.orders {
        stands_as_the_ledger_says(order, &records.ledger, &mut wrong);
        wish_is_granted(order, &rig.merchant.cancelled(), &mut wrong);
        every_call_is_on_record(order, &records, &mut wrong);
    }
    for job in rig.open_jobs() {
        wrong.push(format!("the queue still has: {job}"));
    }
    for lease in rig.documents("leases").iter().filter(|lease| !lease["holder"].is_null()) {
        // What was taken before the last kill may be a dead worker's, and runs out by itself.
        let until: Timestamp = serde_json::from_value(lease["until"].clone()).unwrap();
        if until.as_millis() - LEASE_LIFE <= rig.last_kill.load(Ordering::Relaxed) {
            continue;
        }
        wrong.push(format!("a lease was not given back: {lease}"));
    }
    let findings = findings(&records);
    if findings.open_lookups > 0 {
        wrong.push(format!("{} look-ups have no outcome", findings.open_lookups));
    }
    say(rig, &findings);
    assert!(wrong.is_empty(), "{}: the audit found\n  {}", rig.scenario, wrong.join("\n  "));
    findings
}

/// Waits until every order is final or with a person, every job done and every outbox empty.
async fn settled(rig: &Rig, workers: &[Process]) {
    let until = Instant::now() + SETTLE;
    let lease = rig.documents("leases");
    let (mut controls, mut next_control) = (0, Instant::now());
    loop {
        let orders = rig.documents("orders");
        let mut open: Vec<String> = orders.iter().filter(|o| !is_settled(o)).map(stand).collect();
        let unresolved_since = orders.iter().any(|o| matches!(state(o), "processing" | "reconciling"));
        if controls == 0 || (unresolved_since && Instant::now() >= next_control) {
            controls += 1;
            next_control = Instant::now() + NEXT_CONTROL;
            rig.merchant.create(&format!("{CONTROL}{controls}")).await;
            continue;
        }
        open.extend(rig.open_jobs());
        // A leader that was killed keeps its lease until it runs out; the audit is about what the living do.
        let led = lease.is_empty()
            || rig.documents("leases") != lease
            || lease.iter().all(|l| l["holder"].is_null());
        if open.is_empty() && led {
            return;
        }
        if Instant::now() >= until {
            let tails: Vec<_> = workers.iter().map(|w| format!("{}:\n{}", w.name, w.tail())).collect();
            panic!(
                "{}: stranded:\n{}\n{} after {SETTLE:?}:\n  {}",
                rig.scenario,
                tails.join("\n"),
                rig.scenario,
                open.join("\n  ")
            );
        }
        sleep(Duration::from_millis(100)).await;
    }
}

fn state(order: &Value) -> &str {
    order["providerSyncStatus"].as_str().unwrap()
}

fn is_settled(order: &Value) -> bool {
    matches!(state(order), "success" | "failed" | "cancelled" | "needs_review")
        && order["outbox"].is_null()
        && order["overdueAt"].is_null()
}

/// How an order stands, in a line.
fn stand(order: &Value) -> String {
    let [id, reason, next, overdue, outbox, attempt, generation] = [
        "/id",
        "/syncReason",
        "/nextCheckAt",
        "/overdueAt",
        "/outbox",
        "/booking/attempt",
        "/dispatch/generation",
    ]
    .map(|place| order.pointer(place).unwrap_or_default().to_string());
    format!(
        "order {id} is {} ({reason}), generation {generation}, next {next}, overdue {overdue}, \
         outbox {outbox}, attempt {attempt}",
        state(order)
    )
}

/// Through the API: each accepted number is one order, the one that was promised.
async fn listed_once(rig: &Rig, wrong: &mut Vec<String>) {
    for (number, id) in rig.merchant.accepted() {
        let listed = rig.merchant.listed(&number).await;
        if listed.len() != 1 || listed[0]["id"] != id.as_str() {
            wrong.push(format!(
                "the API lists {} orders as {number}, which was accepted as {id}",
                listed.len()
            ));
        }
    }
}

/// In the file: the same, and nothing that no merchant was told of.
fn exists_once(rig: &Rig, records: &Records, wrong: &mut Vec<String>) {
    let accepted = rig.merchant.accepted();
    let mut stored: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for order in &records.orders {
        stored
            .entry(order["clientOrderId"].as_str().unwrap())
            .or_default()
            .push(order["id"].as_str().unwrap());
    }
    for (number, id) in &accepted {
        if stored.get(number.as_str()).is_none_or(|ids| *ids != [id.as_str()]) {
            wrong.push(format!(
                "{number} was accepted as {id} and is stored as {:?}",
                stored.get(number.as_str())
            ));
        }
    }
    for number in stored.keys().filter(|n| !accepted.contains_key(**n)) {
        wrong.push(format!("{number} is stored, though its merchant gave up on it"));
    }
}

fn stands_as_the_ledger_says(order: &Value, ledger: &Ledger, wrong: &mut Vec<String>) {
    let reference = order["orderNumber"].as_str().unwrap();
    let live: Vec<_> = ledger
        .shipments
        .iter()
        .filter(|s| s.reference == reference && s.live)
        .map(|s| s.awb.as_str())
        .collect();
    let mut say =
        |what: &str| wrong.push(format!("{what}: {}; live at the provider: {live:?}", stand(order)));
    if live.len() > 1 {
        say("booked more than once");
    }
    match state(order) {
        "success" if order["status"] == "cancelled" && live.is_empty() => {}
        "success" if live.is_empty() || order["awb"].as_str() != live.first().copied() => {
            say("success with another AWB than the provider's");
        }
        "success" => {}
        "failed" | "cancelled" if !live.is_empty() => say("shown as failed, and booked"),
        "failed" | "cancelled" => {}
        // The look-up works here, so what was booked must be found. What was not may end with a person.
        "needs_review" if !live.is_empty() => say("given to a person though the provider has it"),
        "needs_review" if order["syncReason"].as_str().is_none_or(str::is_empty) => {
            say("needs review without a reason");
        }
        "needs_review" => {}
        _ if order["nextCheckAt"].is_null() => say("waits for nothing"),
        _ => say("not settled"),
    }
}

/// A cancel that was heard is carried out: nothing stands in its way here.
fn wish_is_granted(order: &Value, cancelled: &BTreeSet<String>, wrong: &mut Vec<String>) {
    let requested = cancelled.contains(order["id"].as_str().unwrap());
    let done = order["cancellation"]["request"]["state"] == "done";
    let open = state(order) == "needs_review"; // a person has it, with the request
    if requested && !done && !open || !requested && !order["cancellation"]["request"]["requestedAt"].is_null()
    {
        wrong.push(format!(
            "cancel heard: {requested}, and it stands at {}: {}",
            order["cancellation"]["request"],
            stand(order)
        ));
    }
    let confirmed = !order["cancellation"]["request"]["confirmedAt"].is_null();
    if order["status"] == "cancelled" && state(order) == "success" && !confirmed {
        wrong.push(format!("cancelled, and never confirmed: {}", stand(order)));
    }
}

/// Each call has its request log before it, each request log one outcome, and what was shut out was never
/// sent.
fn every_call_is_on_record(order: &Value, records: &Records, wrong: &mut Vec<String>) {
    calls_are_on_record(order, records, ("create_order", "create"), wrong);
    calls_are_on_record(order, records, ("cancel_order", "cancel"), wrong);
}

fn calls_are_on_record(
    order: &Value,
    records: &Records,
    (ours, theirs): (&str, &str),
    wrong: &mut Vec<String>,
) {
    let of_order = |log: &&Value| log["orderId"] == order["id"] && log["operation"] == ours;
    let (shut_out, sent): (Vec<&Value>, Vec<&Value>) =
        records.requests.iter().filter(of_order).partition(|log| log["neverSent"].as_bool().unwrap_or(false));
    let of_reference =
        |e: &&Entry| e.operation == theirs && e.reference.as_deref() == order["orderNumber"].as_str();
    let calls: Vec<&Entry> = records.ledger.entries.iter().filter(of_reference).collect();
    let time = |text: &str| Timestamp::parse(text).unwrap();
    let mut sent_at: Vec<_> = sent.iter().map(|log| time(log["sentAt"].as_str().unwrap())).collect();
    sent_at.sort_unstable();
    let mut received_at: Vec<_> = calls.iter().map(|e| time(&e.received_at)).collect();
    received_at.sort_unstable();
    let mut say = |what: &str| {
        wrong.push(format!("{ours}: {what}: order {}, logs {sent_at:?}, calls {received_at:?}", order["id"]));
    };
    if received_at.len() > sent_at.len()
        || received_at.iter().zip(&sent_at).any(|(received, sent)| *received + records.clocks < *sent)
    {
        say("a call without a request log before it");
    }
    let outcomes = |log: &Value| records.outcomes.iter().filter(|o| o["requestRefId"] == log["id"]).count();
    if sent.iter().any(|log| outcomes(log) != 1) {
        say("a request log without exactly one outcome");
    }
    if shut_out.iter().any(|log| outcomes(log) != 0) {
        say("an outcome of an attempt that was shut out");
    }
}

fn findings(records: &Records) -> Findings {
    let mut findings = Findings::default();
    let is_control =
        |o: &&Value| o["clientOrderId"].as_str().is_some_and(|number| number.starts_with(CONTROL));
    let controls: BTreeSet<_> =
        records.orders.iter().filter(is_control).filter_map(|o| o["orderNumber"].as_str()).collect();
    for order in records.orders.iter().filter(|o| !is_control(o)) {
        findings.orders += 1;
        *findings.states.entry(state(order).to_owned()).or_default() += 1;
    }
    let of_control =
        |e: &&Entry| e.reference.as_deref().is_some_and(|reference| controls.contains(reference));
    let creates = || records.ledger.entries.iter().filter(|e| e.is_create() && !of_control(e));
    findings.creates = creates().count();
    findings.unheard = creates().filter(|e| e.booked() && e.answered == "unheard").count();
    findings.late = records.outcomes.iter().filter(|o| !o["late"].is_null()).count();
    let ended: BTreeSet<_> = records.outcomes.iter().filter_map(|o| o["requestRefId"].as_str()).collect();
    let open = |log: &&Value| {
        log["operation"] == "track_order" && log["id"].as_str().is_none_or(|id| !ended.contains(id))
    };
    findings.open_lookups = records.requests.iter().filter(open).count();
    findings
}

/// The line that `scripts/faults` gathers.
#[expect(clippy::print_stderr, reason = "a test speaks to who runs it")]
fn say(rig: &Rig, findings: &Findings) {
    let Findings { orders, states, creates, unheard, late, open_lookups } = findings;
    eprintln!(
        "faults: {:<16} {:>4} kills ({} between booking and answer), {unheard:>3} bookings unheard, \
         {orders:>4} orders {states:?}, {creates} creates, {late} late answers, \
         {open_lookups} open look-ups, {:.0} s",
        rig.scenario,
        rig.kills.load(Ordering::Relaxed),
        rig.kills_unheard.load(Ordering::Relaxed),
        rig.started.elapsed().as_secs_f64()
    );
}
