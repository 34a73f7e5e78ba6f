//! Random histories beside a model in memory.
//!
//! Where the port promises no order (jobs that are due, or finished, in the same millisecond) the model
//! avoids the question.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use waybill::{
    base::{clock::Clock, timestamp::Timestamp},
    platform::queue::{ActiveJob, Added, JobState, LeaseState, Queue},
};

use super::{LEASE, Lab, NONE, Q, all, claim, clock, counts, delayed, ids, secs};
use crate::support::{ADD, Count, Ending};

#[derive(Debug, Clone)]
enum Act {
    Add { id: u8, delay: u64 },
    Claim { max: usize },
    Complete { pick: usize },
    Fail { pick: usize },
    Delay { pick: usize, delay: u64, counted: bool },
    Extend { pick: usize },
    Advance { secs: u64 },
    Recover { max: u32 },
}

fn act() -> impl Strategy<Value = Act> {
    let delay = prop_oneof![Just(0), 1_u64..60];
    let pick = 0_usize..64;
    prop_oneof![
        5 => (0_u8..24, delay.clone()).prop_map(|(id, delay)| Act::Add { id, delay }),
        5 => (0_usize..5).prop_map(|max| Act::Claim { max }),
        2 => pick.clone().prop_map(|pick| Act::Complete { pick }),
        1 => pick.clone().prop_map(|pick| Act::Fail { pick }),
        2 => (pick.clone(), delay, any::<bool>()).prop_map(|(pick, delay, counted)| Act::Delay { pick, delay,
            counted }),
        1 => pick.prop_map(|pick| Act::Extend { pick }),
        2 => (1_u64..50).prop_map(|secs| Act::Advance { secs }),
        1 => (0_u32..3).prop_map(|max| Act::Recover { max }),
    ]
}

#[derive(Default)]
struct Model {
    waiting: VecDeque<String>,
    delayed: BTreeMap<Timestamp, String>,
    /// Those whose lease has not been lost, with its end.
    active: Vec<(ActiveJob, Timestamp)>,
    completed: BTreeSet<String>,
    failed: BTreeSet<String>,
    /// Stalled too often, and to be failed by whoever claims them.
    doomed: BTreeSet<String>,
    /// Tries that ended, and stalls.
    tallies: BTreeMap<String, (u32, u32)>,
}

impl Model {
    fn tally(&mut self, id: &str) -> &mut (u32, u32) {
        self.tallies.entry(id.to_owned()).or_default()
    }

    fn promote(&mut self, now: Timestamp) {
        let later = self.delayed.split_off(&(now + std::time::Duration::from_millis(1)));
        self.waiting.extend(std::mem::replace(&mut self.delayed, later).into_values());
    }

    /// A delay near the one wanted that makes no two jobs due at once.
    fn free_delay(&self, now: Timestamp, wanted: u64) -> std::time::Duration {
        let mut delay = secs(wanted);
        while self.delayed.contains_key(&(now + delay)) {
            delay += std::time::Duration::from_millis(1);
        }
        delay
    }

    /// One of the active jobs, out of the model's hands.
    fn pick(&mut self, n: usize) -> Option<ActiveJob> {
        let len = self.active.len();
        (len > 0).then(|| self.active.remove(n % len).0)
    }
}

async fn apply(lab: &impl Lab, queue: &Queue, clock: &Clock, model: &mut Model, act: Act) {
    let now = clock.now();
    match act {
        Act::Add { id, delay } => {
            let id = format!("job-{id}");
            let delay = if delay == 0 { NONE } else { model.free_delay(now, delay) };
            let known = model.tallies.contains_key(&id);
            let expected = if known { Added::Known } else { Added::New };
            assert_eq!(queue.broker.add(&[delayed(&id, delay)], ADD).await.unwrap(), [expected]);
            model.tally(&id);
            match (known, delay.is_zero()) {
                (true, _) => {}
                (false, true) => model.waiting.push_back(id),
                (false, false) => drop(model.delayed.insert(now + delay, id)),
            }
        }
        Act::Claim { max } => {
            let got = claim(queue, max).await;
            if max > 0 {
                model.promote(now);
            }
            let expected: Vec<_> = model.waiting.drain(..max.min(model.waiting.len())).collect();
            assert_eq!(ids(&got), expected);
            for job in got {
                assert_eq!((job.attempts_made, job.stalled), *model.tally(&job.id));
                assert_eq!(job.doomed.is_some(), model.doomed.contains(&job.id));
                model.active.push((job, now + LEASE));
            }
        }
        Act::Complete { pick } => {
            let Some(job) = model.pick(pick) else { return };
            assert_eq!(queue.broker.complete(&job, "1").await.unwrap(), LeaseState::Owned);
            model.tally(&job.id).0 += 1;
            model.completed.insert(job.id);
        }
        Act::Fail { pick } => {
            let Some(job) = model.pick(pick) else { return };
            assert_eq!(queue.broker.fail(&job, "no").await.unwrap(), LeaseState::Owned);
            model.tally(&job.id).0 += u32::from(!model.doomed.contains(&job.id));
            model.failed.insert(job.id);
        }
        Act::Delay { pick, delay, counted } => {
            let Some(job) = model.pick(pick) else { return };
            let delay = if delay == 0 { NONE } else { model.free_delay(now, delay) };
            let count = if counted { Count::Attempt } else { Count::Nothing };
            assert_eq!(queue.broker.delay(&job, delay, count, "later").await.unwrap(), LeaseState::Owned);
            model.tally(&job.id).0 += u32::from(counted);
            if delay.is_zero() {
                model.waiting.push_back(job.id);
            } else {
                model.delayed.insert(now + delay, job.id);
            }
        }
        Act::Extend { pick } => {
            let Some(job) = model.pick(pick) else { return };
            assert_eq!(
                queue.broker.extend(std::slice::from_ref(&job), LEASE).await.unwrap(),
                [LeaseState::Owned]
            );
            model.active.push((job, now + LEASE));
        }
        Act::Advance { secs: n } => {
            lab.advance(clock, secs(n)).await;
            // What a holder may do between the end of its lease and its recovery is the adapter's to say:
            // leave no such time.
            recover(queue, clock, model, 2).await;
        }
        Act::Recover { max } => recover(queue, clock, model, max).await,
    }
}

async fn recover(queue: &Queue, clock: &Clock, model: &mut Model, max: u32) {
    let now = clock.now();
    let (lost, kept): (Vec<_>, Vec<_>) =
        std::mem::take(&mut model.active).into_iter().partition(|(_, end)| *end < now);
    model.active = kept;
    let stalled = queue.broker.recover(Q, max).await;
    let mut expected = BTreeSet::new();
    for (job, _) in lost {
        let tally = model.tally(&job.id);
        tally.1 += 1;
        if tally.1 > max {
            model.doomed.insert(job.id.clone());
        }
        expected.insert(job.id);
    }
    assert_eq!(stalled.iter().cloned().collect::<BTreeSet<_>>(), expected);
    // They are ahead of the others; among themselves as the queue says.
    let ahead = all(queue, JobState::Waiting).await.into_iter().map(|job| job.id).take(stalled.len());
    for id in ahead.collect::<Vec<_>>().into_iter().rev() {
        model.waiting.push_front(id);
    }
}

/// Counts, lists and single looks all tell what the model says.
async fn compare(queue: &Queue, model: &Model) {
    let counts = counts(queue).await;
    for state in JobState::ALL {
        let seen = all(queue, state).await;
        for job in &seen {
            assert_eq!(job.state, state);
            assert_eq!((job.attempts_made, job.stalled), model.tallies[&job.id], "{}", job.id);
            assert_eq!(queue.inspect.get(Q, &job.id).await.unwrap().unwrap().state, state);
        }
        let ids: Vec<_> = seen.into_iter().map(|j| j.id).collect();
        let unordered: BTreeSet<_> = ids.iter().cloned().collect();
        let count = match state {
            JobState::Waiting => {
                assert_eq!(ids, Vec::from(model.waiting.clone()));
                counts.waiting
            }
            JobState::Delayed => {
                assert_eq!(ids, model.delayed.values().cloned().collect::<Vec<_>>());
                counts.delayed
            }
            JobState::Active => {
                assert_eq!(unordered, model.active.iter().map(|(j, _)| j.id.clone()).collect());
                counts.active
            }
            JobState::Completed => {
                assert_eq!(unordered, model.completed);
                counts.completed
            }
            JobState::Failed => {
                assert_eq!(unordered, model.failed);
                counts.failed
            }
        };
        assert_eq!(count, u64::try_from(ids.len()).unwrap());
    }
}

pub(in crate::queue) async fn any_history_agrees_with_a_model<L: Lab>(_: &L) {
    let runtime = tokio::runtime::Handle::current();
    let mut runner = TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
    let histories = prop::collection::vec(act(), 1..120);
    let outcome = tokio::task::block_in_place(|| {
        runner.run(&histories, |history| {
            runtime.block_on(async {
                let (lab, clock, mut model) = (L::new(), clock(), Model::default());
                let queue = lab.open(&clock).await;
                for act in history {
                    apply(&lab, &queue, &clock, &mut model, act).await;
                    lab.advance(&clock, std::time::Duration::from_millis(1)).await;
                }
                compare(&queue, &model).await;
            });
            Ok(())
        })
    });
    outcome.unwrap_or_else(|e| panic!("{e}"));
}
