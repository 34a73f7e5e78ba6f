//! The SQLite queue against a queue in memory: any history, on two handles of one file that take turns and
//! are reopened at random.
//!
//! After every step both are compared: answers, states, order, counts, attempts, stalls, times, what is kept.
//! Histories share a file, each under a queue name of its own, since opening files would be most of the work.

mod history;
mod memory;

use std::time::Duration;

use proptest::{
    prop_assert, prop_assert_eq,
    test_runner::{TestCaseError, TestRunner},
};
use tempfile::TempDir;
use waybill::{
    base::{clock::Clock, timestamp::Timestamp},
    platform::queue::{ActiveJob, Counts, JobState, Keep, NewJob, Queue},
};

use self::{
    history::{Op, Step, histories},
    memory::Memory,
};
use crate::support::{ADD, Ending};

const CASES: u32 = 1000;
const KEEP: Keep = Keep { completed: 3, failed: 2 };

/// The file, its handles, and what is the same for all histories.
struct Bed {
    url: String,
    clock: Clock,
    handles: [Queue; 2],
    histories: usize,
    _folder: TempDir,
}

impl Bed {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let url = format!("sqlite:{}", folder.path().join("queue.db").display());
        let clock = Clock::manual(Timestamp::from_millis(1_769_851_800_000));
        let handles = [Self::open(&url, &clock).await, Self::open(&url, &clock).await];
        Self { url, clock, handles, histories: 0, _folder: folder }
    }

    async fn open(url: &str, clock: &Clock) -> Queue {
        Queue::open(url, clock.clone(), KEEP).await.unwrap()
    }
}

#[test]
fn the_queue_does_what_a_queue_in_memory_does() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bed = std::cell::RefCell::new(runtime.block_on(Bed::new()));
    let outcome = TestRunner::new(super::config(CASES)).run(&histories(), |steps| {
        let mut bed = bed.borrow_mut();
        runtime.block_on(play(&mut bed, &steps))
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

async fn play(bed: &mut Bed, steps: &[Step]) -> Result<(), TestCaseError> {
    bed.histories += 1;
    // Names of queues are part of the program elsewhere; these few bytes stay until the test ends.
    let name: &'static str = Box::leak(format!("q{}", bed.histories).into_boxed_str());
    let mut memory = Memory::new(KEEP);
    let mut claimed: Vec<ActiveJob> = Vec::new();
    let mut before = JobState::ALL.map(|state| memory.list(state));
    for (n, Step { handle, op }) in steps.iter().enumerate() {
        match op {
            Op::Advance(ms) => {
                bed.clock.advance(Duration::from_millis(*ms));
                continue;
            }
            Op::Reopen => bed.handles[*handle] = Bed::open(&bed.url, &bed.clock).await,
            _ => act(bed, &bed.handles[*handle], name, op, &mut memory, &mut claimed).await?,
        }
        // What should not have changed is counted at every step, and looked at now and then.
        let all = n % 16 == 0 || matches!(op, Op::Reopen);
        let after = JobState::ALL.map(|state| memory.list(state));
        let pairs = JobState::ALL.into_iter().zip(before.iter().zip(&after));
        let look: Vec<JobState> =
            pairs.filter(|(_, (before, after))| all || before != after).map(|(state, _)| state).collect();
        compare(&bed.handles[*handle], name, &look, &mut memory).await?;
        before = after;
    }
    for handle in &bed.handles {
        compare(handle, name, &JobState::ALL, &mut memory).await?;
    }
    Ok(())
}

/// One operation on both, and their answers compared.
async fn act(
    bed: &Bed,
    queue: &Queue,
    name: &'static str,
    op: &Op,
    memory: &mut Memory,
    claimed: &mut Vec<ActiveJob>,
) -> Result<(), TestCaseError> {
    let now = bed.clock.now();
    let broker = &queue.broker;
    match op {
        Op::Add(jobs) => {
            let jobs: Vec<NewJob> = jobs.iter().map(|job| job.of(name)).collect();
            prop_assert_eq!(broker.add(&jobs, ADD).await.unwrap(), memory.add(&jobs, now));
        }
        Op::Claim { max, lease } => {
            let jobs = broker.claim_from(name, *max, *lease).await.unwrap();
            let expected =
                memory.claim(*max, *lease, now, jobs.iter().map(|job| job.token.clone()).collect());
            prop_assert_eq!(jobs.iter().map(memory::facts).collect::<Vec<_>>(), expected);
            for job in &jobs {
                prop_assert!(
                    !job.token.is_empty() && claimed.iter().all(|c| c.token != job.token),
                    "a token came twice"
                );
            }
            claimed.extend(jobs);
        }
        Op::Extend { which, lease } => {
            let jobs: Vec<ActiveJob> = which.iter().filter_map(|i| i.of(claimed)).cloned().collect();
            prop_assert_eq!(broker.extend(&jobs, *lease).await.unwrap(), memory.extend(&jobs, *lease, now));
        }
        Op::Complete(which) => {
            let Some(job) = which.of(claimed) else { return Ok(()) };
            prop_assert_eq!(
                broker.complete(job, "\"well\"").await.unwrap(),
                memory.complete(job, "\"well\"")
            );
        }
        Op::Delay { which, delay, count } => {
            let Some(job) = which.of(claimed) else { return Ok(()) };
            let held = broker.delay(job, *delay, *count, "later").await.unwrap();
            prop_assert_eq!(held, memory.delay(job, *delay, *count, "later", now));
        }
        Op::Fail(which) => {
            let Some(job) = which.of(claimed) else { return Ok(()) };
            prop_assert_eq!(broker.fail(job, "no").await.unwrap(), memory.fail(job, "no"));
        }
        Op::Recover { max_stalled } => {
            let stalled = broker.sweep_stalled(name, *max_stalled, Duration::ZERO).await.unwrap();
            prop_assert_eq!(stalled, memory.sweep(*max_stalled, now));
        }
        Op::Release(which) => {
            // Each job once, as whoever has them in hand has them.
            let mut jobs: Vec<ActiveJob> = which.iter().filter_map(|i| i.of(claimed)).cloned().collect();
            jobs.sort_by(|a, b| a.token.cmp(&b.token));
            jobs.dedup_by(|a, b| a.token == b.token);
            prop_assert_eq!(broker.release(&jobs).await.unwrap(), memory.release(&jobs));
        }
        Op::Pause => prop_assert_eq!(queue.manage.pause(name).await.unwrap(), memory.pause(true)),
        Op::Resume => prop_assert_eq!(queue.manage.resume(name).await.unwrap(), memory.pause(false)),
        Op::Retry(id) => {
            prop_assert_eq!(queue.manage.retry(name, &id.name()).await.unwrap(), memory.retry(&id.name()));
        }
        Op::Promote(id) => {
            prop_assert_eq!(
                queue.manage.promote(name, &id.name()).await.unwrap(),
                memory.promote(&id.name())
            );
        }
        Op::Remove(id) => {
            prop_assert_eq!(queue.manage.remove(name, &id.name()).await.unwrap(), memory.remove(&id.name()));
        }
        Op::Reopen | Op::Advance(_) => {}
    }
    Ok(())
}

/// The jobs of these states, one by one, and how many there are of each.
async fn compare(
    queue: &Queue,
    name: &str,
    look: &[JobState],
    memory: &mut Memory,
) -> Result<(), TestCaseError> {
    for state in look {
        let seen = queue.inspect.list(name, *state, None, 100).await.unwrap().jobs;
        memory.trimmed(*state, &seen)?;
        prop_assert_eq!(seen.iter().map(memory::view).collect::<Vec<_>>(), memory.list(*state));
    }
    let count = |state| u64::try_from(memory.list(state).len()).unwrap();
    let expected = Counts {
        waiting: count(JobState::Waiting),
        active: count(JobState::Active),
        delayed: count(JobState::Delayed),
        completed: count(JobState::Completed),
        failed: count(JobState::Failed),
        paused: memory.paused(),
    };
    prop_assert_eq!(queue.inspect.counts(name).await.unwrap(), expected);
    Ok(())
}
