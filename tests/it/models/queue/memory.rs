//! A queue in memory, written for its clearness: what the port and the adapter's own words promise, and
//! nothing for speed.

use std::{collections::BTreeMap, time::Duration};

use proptest::{prop_assert_eq, test_runner::TestCaseError};
use waybill::{
    base::timestamp::Timestamp,
    platform::queue::{
        ActiveJob, Added, JobState, JobView, Keep, LeaseState, Managed, NewJob, retry::Backoff,
    },
};

use crate::support::Count;

#[derive(Debug, Clone)]
struct Job {
    /// Its place in the order of adding.
    seq: usize,
    state: JobState,
    data: String,
    token: String,
    due: Option<Timestamp>,
    attempts_made: u32,
    attempts: u32,
    backoff: Backoff,
    stalled: u32,
    doomed: bool,
    added_at: Timestamp,
    return_value: Option<String>,
    reason: Option<String>,
}

pub(super) struct Memory {
    jobs: BTreeMap<String, Job>,
    /// In the order they will be claimed.
    waiting: Vec<String>,
    /// Oldest first, with the step that finished them: within one step the order is nobody's business.
    completed: Vec<(usize, String)>,
    failed: Vec<(usize, String)>,
    keep: Keep,
    paused: bool,
    adds: usize,
    steps: usize,
}

/// What a claim tells of a job: id, data, attempts made and allowed, backoff, stalls and doom, time of
/// adding.
pub(super) type Facts = (String, String, u32, u32, Backoff, (u32, bool), Timestamp);

pub(super) fn facts(job: &ActiveJob) -> Facts {
    (
        job.id.clone(),
        job.data.clone(),
        job.attempts_made,
        job.attempts,
        job.backoff.clone(),
        (job.stalled, job.doomed.is_some()),
        job.added_at,
    )
}

/// What a look tells of a job. Why a completed one was once delayed is nobody's business.
pub(super) type View =
    (String, JobState, String, (u32, u32), Timestamp, Option<Timestamp>, Option<String>, Option<String>);

pub(super) fn view(job: &JobView) -> View {
    let reason = job.reason.clone().filter(|_| job.state != JobState::Completed);
    let counts = (job.attempts_made, job.stalled);
    (
        job.id.clone(),
        job.state,
        job.data.clone(),
        counts,
        job.added_at,
        job.due_at,
        job.return_value.clone(),
        reason,
    )
}

impl Memory {
    pub(super) fn new(keep: Keep) -> Self {
        Self {
            jobs: BTreeMap::new(),
            waiting: Vec::new(),
            completed: Vec::new(),
            failed: Vec::new(),
            keep,
            paused: false,
            adds: 0,
            steps: 0,
        }
    }

    pub(super) fn add(&mut self, jobs: &[NewJob], now: Timestamp) -> Vec<Added> {
        jobs.iter().map(|job| self.add_one(job, now)).collect()
    }

    fn add_one(&mut self, job: &NewJob, now: Timestamp) -> Added {
        if self.jobs.contains_key(&job.id) {
            return Added::Known;
        }
        self.adds += 1;
        let due = (!job.delay.is_zero()).then(|| now + job.delay);
        if due.is_none() {
            self.waiting.push(job.id.clone());
        }
        let kept = Job {
            seq: self.adds,
            state: if due.is_some() { JobState::Delayed } else { JobState::Waiting },
            data: job.data.clone(),
            token: String::new(),
            due,
            attempts_made: 0,
            attempts: job.attempts,
            backoff: job.backoff.clone(),
            stalled: 0,
            doomed: false,
            added_at: now,
            return_value: None,
            reason: None,
        };
        self.jobs.insert(job.id.clone(), kept);
        Added::New
    }

    /// `tokens` are the ones that the real queue gave.
    pub(super) fn claim(
        &mut self,
        max: usize,
        lease: Duration,
        now: Timestamp,
        tokens: Vec<String>,
    ) -> Vec<Facts> {
        if self.paused {
            return Vec::new();
        }
        for id in self.by_due(JobState::Delayed) {
            let job = self.jobs.get_mut(&id).unwrap();
            if job.due.unwrap() <= now {
                (job.state, job.due) = (JobState::Waiting, None);
                self.waiting.push(id);
            }
        }
        let taken: Vec<String> = self.waiting.drain(..max.min(self.waiting.len())).collect();
        let mut tokens = tokens.into_iter();
        let claimed = taken.iter().map(|id| {
            let job = self.jobs.get_mut(id).unwrap();
            (job.state, job.due, job.token) =
                (JobState::Active, Some(now + lease), tokens.next().unwrap_or_default());
            told(id, job)
        });
        claimed.collect()
    }

    pub(super) fn extend(&mut self, jobs: &[ActiveJob], lease: Duration, now: Timestamp) -> Vec<LeaseState> {
        let extend = |job: &ActiveJob| {
            self.held(job).map_or(LeaseState::Lost, |held| {
                held.due = Some(now + lease);
                LeaseState::Owned
            })
        };
        jobs.iter().map(extend).collect()
    }

    pub(super) fn complete(&mut self, job: &ActiveJob, value: &str) -> LeaseState {
        let Some(held) = self.held(job) else { return LeaseState::Lost };
        (held.state, held.due, held.return_value) = (JobState::Completed, None, Some(value.to_owned()));
        held.attempts_made += 1;
        self.steps += 1;
        self.completed.push((self.steps, job.id.clone()));
        LeaseState::Owned
    }

    pub(super) fn fail(&mut self, job: &ActiveJob, reason: &str) -> LeaseState {
        let Some(held) = self.held(job) else { return LeaseState::Lost };
        (held.state, held.due, held.reason) = (JobState::Failed, None, Some(reason.to_owned()));
        held.attempts_made += u32::from(!held.doomed);
        self.steps += 1;
        self.failed.push((self.steps, job.id.clone()));
        LeaseState::Owned
    }

    pub(super) fn delay(
        &mut self,
        job: &ActiveJob,
        delay: Duration,
        count: Count,
        reason: &str,
        now: Timestamp,
    ) -> LeaseState {
        let Some(held) = self.held(job) else { return LeaseState::Lost };
        held.attempts_made += u32::from(count == Count::Attempt);
        held.reason = Some(reason.to_owned());
        if delay.is_zero() {
            (held.state, held.due) = (JobState::Waiting, None);
            self.waiting.push(job.id.clone());
        } else {
            (held.state, held.due) = (JobState::Delayed, Some(now + delay));
        }
        LeaseState::Owned
    }

    /// Ids that wait again.
    pub(super) fn sweep(&mut self, max_stalled: u32, now: Timestamp) -> Vec<String> {
        let mut stalled = Vec::new();
        for id in self.by_due(JobState::Active) {
            let job = self.jobs.get_mut(&id).unwrap();
            if job.due.unwrap() >= now {
                continue;
            }
            job.stalled += 1;
            job.doomed |= job.stalled > max_stalled;
            (job.state, job.due) = (JobState::Waiting, None);
            stalled.push(id);
        }
        self.waiting.splice(0..0, stalled.iter().cloned());
        stalled
    }

    pub(super) fn release(&mut self, jobs: &[ActiveJob]) -> Vec<LeaseState> {
        let mut released = Vec::new();
        let release = |job: &ActiveJob| {
            let Some(held) = self.held(job) else { return LeaseState::Lost };
            (held.state, held.due) = (JobState::Waiting, None);
            released.push(job.id.clone());
            LeaseState::Owned
        };
        let states = jobs.iter().map(release).collect();
        self.waiting.splice(0..0, released);
        states
    }

    /// Whether that changed anything.
    pub(super) fn pause(&mut self, paused: bool) -> bool {
        std::mem::replace(&mut self.paused, paused) != paused
    }

    pub(super) fn paused(&self) -> bool {
        self.paused
    }

    pub(super) fn retry(&mut self, id: &str) -> Managed {
        let told = self.wait_again(id, JobState::Failed);
        if told == Managed::Done {
            self.failed.retain(|(_, failed)| failed != id);
            let job = self.jobs.get_mut(id).unwrap();
            (job.attempts_made, job.stalled, job.doomed) = (0, 0, false);
        }
        told
    }

    pub(super) fn promote(&mut self, id: &str) -> Managed {
        self.wait_again(id, JobState::Delayed)
    }

    fn wait_again(&mut self, id: &str, from: JobState) -> Managed {
        let Some(job) = self.jobs.get_mut(id) else { return Managed::Missing };
        if job.state != from {
            return Managed::NotIn(job.state);
        }
        (job.state, job.due, job.reason) = (JobState::Waiting, None, None);
        self.waiting.push(id.to_owned());
        Managed::Done
    }

    pub(super) fn remove(&mut self, id: &str) -> Managed {
        match self.jobs.get(id).map(|job| job.state) {
            None => Managed::Missing,
            Some(JobState::Active) => Managed::NotIn(JobState::Active),
            Some(_) => {
                self.jobs.remove(id);
                self.waiting.retain(|waiting| waiting != id);
                self.completed.retain(|(_, finished)| finished != id);
                self.failed.retain(|(_, finished)| finished != id);
                Managed::Done
            }
        }
    }

    /// Only the newest finished jobs are kept. Which of those that finished in the same step is taken from
    /// what was `seen`.
    pub(super) fn trimmed(&mut self, state: JobState, seen: &[JobView]) -> Result<(), TestCaseError> {
        let (finished, keep) = match state {
            JobState::Completed => (&mut self.completed, self.keep.completed),
            JobState::Failed => (&mut self.failed, self.keep.failed),
            _ => return Ok(()),
        };
        let of = |id: &str| finished.iter().position(|(_, known)| known == id);
        let order: Vec<Option<usize>> = seen.iter().map(|job| of(&job.id)).collect();
        let steps: Vec<Option<usize>> = order.iter().map(|at| at.map(|at| finished[at].0)).collect();
        let kept = finished.iter().rev().take(usize::try_from(keep).unwrap());
        prop_assert_eq!(
            &steps,
            &kept.map(|(step, _)| Some(*step)).collect::<Vec<_>>(),
            "{:?} is kept",
            state
        );
        let kept: Vec<_> = order.into_iter().flatten().rev().map(|at| finished[at].clone()).collect();
        for (_, id) in std::mem::replace(finished, kept) {
            if finished.iter().all(|(_, kept)| *kept != id) {
                self.jobs.remove(&id);
            }
        }
        Ok(())
    }

    /// Waiting jobs as they will be claimed, finished ones newest first, others by the time they are due.
    pub(super) fn list(&self, state: JobState) -> Vec<View> {
        let ids = match state {
            JobState::Waiting => self.waiting.clone(),
            JobState::Active | JobState::Delayed => self.by_due(state),
            JobState::Completed => self.completed.iter().rev().map(|(_, id)| id.clone()).collect(),
            JobState::Failed => self.failed.iter().rev().map(|(_, id)| id.clone()).collect(),
        };
        let look = |id: &String| {
            let job = &self.jobs[id];
            let reason = job.reason.clone().filter(|_| state != JobState::Completed);
            let counts = (job.attempts_made, job.stalled);
            (
                id.clone(),
                job.state,
                job.data.clone(),
                counts,
                job.added_at,
                job.due,
                job.return_value.clone(),
                reason,
            )
        };
        ids.iter().map(look).collect()
    }

    fn by_due(&self, state: JobState) -> Vec<String> {
        let mut found: Vec<_> = self.jobs.iter().filter(|(_, job)| job.state == state).collect();
        found.sort_by_key(|(_, job)| (job.due, job.seq));
        found.into_iter().map(|(id, _)| id.clone()).collect()
    }

    fn held(&mut self, claim: &ActiveJob) -> Option<&mut Job> {
        self.jobs.get_mut(&claim.id).filter(|job| job.state == JobState::Active && job.token == claim.token)
    }
}

fn told(id: &str, job: &Job) -> Facts {
    (
        id.to_owned(),
        job.data.clone(),
        job.attempts_made,
        job.attempts,
        job.backoff.clone(),
        (job.stalled, job.doomed),
        job.added_at,
    )
}
