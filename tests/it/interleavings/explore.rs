//! The search: broad, over states that are the same when their futures are.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    fmt,
};

use waybill::features::orders::{model::NextAction, status::SyncStatus};

use super::{
    reviewers::person_moves_on,
    rules,
    steps::{Next, Who, steps},
    world::{Known, Log, Run, Scenario, World},
};

/// More than any scenario here has: what passes it does not end.
const MOST_STATES: usize = 3_000_000;

/// What a search saw.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) states: usize,
    pub(super) steps: usize,
    /// States in which all is quiet, by where the order stands.
    pub(super) quiet: BTreeMap<&'static str, usize>,
    /// Quiet and with a person, although an outcome log says booked; and a shortest way there.
    pub(super) unadopted: (usize, String),
    /// Quiet and closed, and a request log has no outcome; and a shortest way there.
    pub(super) unanswered: (usize, String),
    /// Quiet, and the order's own AWB counts as one too many; and a shortest way there.
    pub(super) own_duplicate: (usize, String),
    pub(super) violation: Option<String>,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} states, {} steps; quiet: {:?}", self.states, self.steps, self.quiet)?;
        write!(
            f,
            "; booked in a log but not adopted: {}, closed without an outcome: {}",
            self.unadopted.0, self.unanswered.0
        )?;
        write!(f, ", its own AWB one too many: {}", self.own_duplicate.0)
    }
}

/// Every state that can be reached; stops at the first that breaks a rule, and tells a shortest way there.
pub(super) fn explore(scenario: Scenario) -> Found {
    let mut found = Found::default();
    let start = World::new(scenario);
    let mut seen: HashSet<Vec<u8>> = HashSet::from([start.key()]);
    // For each state: where it was first reached from, and by which of that state's steps.
    let mut ways: Vec<(usize, usize)> = vec![(0, 0)];
    let mut open = VecDeque::from([(0_usize, start)]);
    while let Some((at, world)) = open.pop_front() {
        look(&world, &mut found, || history(scenario, &ways, at, None));
        if world.is_quiet() && !settles_alone(&world) {
            found.violation =
                Some(format!("nobody brings this order to an end{}", history(scenario, &ways, at, None)));
            break;
        }
        if let Some(rule) = stranded(&world) {
            found.violation = Some(format!("{rule}{}", history(scenario, &ways, at, None)));
            break;
        }
        let nexts = steps(&world);
        found.steps += nexts.len();
        for (n, next) in nexts.into_iter().enumerate() {
            if let Some(rule) = next.broke.or_else(|| rules::broken(&world, &next.world)) {
                found.violation = Some(format!("{rule}{}", history(scenario, &ways, at, Some(n))));
                open.clear();
                break;
            }
            if seen.insert(next.world.key()) {
                open.push_back((ways.len(), next.world));
                ways.push((at, n));
                assert!(ways.len() < MOST_STATES, "the search does not end");
            }
        }
    }
    found.states = ways.len();
    found
}

/// What must not be so when all is quiet.
fn stranded(world: &World) -> Option<String> {
    if !world.is_quiet() {
        return None;
    }
    let waits = world.scenario.ops > 0 && world.order.provider_sync_status() == SyncStatus::NeedsReview;
    let stuck = waits && !person_moves_on(world, |after| after.order.provider_sync_status().is_final());
    rules::at_rest(world).or_else(|| stuck.then(|| "nothing that a person may do moves it on".to_owned()))
}

fn look(world: &World, found: &mut Found, way: impl Fn() -> String) {
    if !world.is_quiet() {
        return;
    }
    let status = world.order.provider_sync_status();
    *found.quiet.entry(status.as_str()).or_default() += 1;
    let booked = |log: &Log| log.best() == Some(Known::Booked);
    let unanswered = |log: &Log| log.request && log.outcome.is_none();
    let mut count = |of: fn(&mut Found) -> &mut (usize, String), so: bool| {
        if so {
            let seen = of(found);
            seen.0 += 1;
            if seen.0 == 1 {
                seen.1 = way();
            }
        }
    };
    count(|f| &mut f.unadopted, status == SyncStatus::NeedsReview && world.logs.iter().any(booked));
    let order = &world.order;
    count(
        |f| &mut f.own_duplicate,
        order.awb().is_some_and(|awb| order.booking().duplicate_awbs().iter().any(|other| other == awb)),
    );
    count(|f| &mut f.unanswered, !status.is_open() && world.logs.iter().any(unanswered));
}

/// Whether one worker brings the order to its end from here, when nobody dies any more and the provider is
/// well.
fn settles_alone(world: &World) -> bool {
    let mut world = world.clone();
    world.scenario.takes = i64::MAX;
    for _ in 0..100 {
        if !world.order.provider_sync_status().is_open() {
            return true;
        }
        let usual =
            |next: &Next| next.usual && !matches!(next.who, Who::Worker(1) | Who::Merchant | Who::Operator);
        let mut nexts: Vec<Next> = steps(&world).into_iter().filter(usual).collect();
        // Whatever is under way first; then a job; and the clock when there was nothing to do.
        let idle = matches!(world.runs[0], Run::Idle) && world.calls.is_empty();
        let waits = idle
            && (world.order.overdue_at().is_none_or(|at| at > world.now)
                || matches!(world.order.next_action(None, world.now), NextAction::Wait(_)));
        nexts.retain(|next| (next.who == Who::Clock) == waits);
        match nexts.into_iter().min_by_key(|next| matches!(next.who, Who::Worker(_))) {
            Some(next) => world = next.world,
            None => return false,
        }
    }
    false
}

/// The way to a state, a line for each step.
fn history(scenario: Scenario, ways: &[(usize, usize)], mut at: usize, last: Option<usize>) -> String {
    let mut way: Vec<usize> = last.into_iter().collect();
    while at != 0 {
        way.push(ways[at].1);
        at = ways[at].0;
    }
    let mut world = World::new(scenario);
    let mut text = String::new();
    for n in way.into_iter().rev() {
        let next = steps(&world).swap_remove(n);
        world = next.world;
        let order = &world.order;
        let stands = format!("{} v{}", order.provider_sync_status().as_str(), order.version());
        text += &format!("\n  {:<10} {:<45} {stands}", format!("{:?}", next.who), next.what);
    }
    text
}
