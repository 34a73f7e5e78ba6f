//! A gate that shuts the queue: nothing is claimed, one probe is let through, and what was claimed a moment
//! too late goes back.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use waybill::platform::queue::{
    ActiveJob, JobState,
    runner::gate::{Admission, Gate, Probe},
};

use super::{
    double::{Double, Op},
    kit::{Act, QUEUE, Rig, start, until},
};

/// What the gate says now, and what was said to it.
#[derive(Clone, Default)]
struct Scripted(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    says: Says,
    asked: usize,
    refreshed: usize,
    begun: Vec<String>,
    ended: usize,
}

#[derive(Default, Clone, Copy)]
enum Says {
    #[default]
    Open,
    Closed,
    /// One probe, and whether it may begin.
    Probe(bool),
}

impl Scripted {
    fn say(&self, says: Says) {
        self.0.lock().unwrap().says = says;
    }

    fn asked(&self) -> usize {
        self.0.lock().unwrap().asked
    }
}

#[async_trait]
impl Gate for Scripted {
    async fn refresh(&self) {
        self.0.lock().unwrap().refreshed += 1;
    }

    fn admit(&self, queue: &str) -> Admission {
        assert_eq!(queue, QUEUE);
        let mut state = self.0.lock().unwrap();
        state.asked += 1;
        match state.says {
            Says::Open => Admission::Open,
            Says::Closed => Admission::Closed { look_again: std::time::Duration::from_millis(2) },
            Says::Probe(_) => Admission::Probe(Box::new(self.clone())),
        }
    }
}

#[async_trait]
impl Probe for Scripted {
    async fn begin(&mut self, job: &ActiveJob) -> bool {
        let mut state = self.0.lock().unwrap();
        let Says::Probe(may) = state.says else { panic!("no probe was let through") };
        if may {
            state.begun.push(job.id.clone());
            state.says = Says::Closed;
        }
        may
    }

    async fn end(self: Box<Self>) {
        self.0.lock().unwrap().ended += 1;
    }
}

async fn rig(jobs: usize, says: Says) -> (Rig, Scripted) {
    let (rig, gate) = (Rig::new().await, Scripted::default());
    for n in 0..jobs {
        rig.add(&format!("j{n}"), &[Act::Done]).await;
    }
    gate.say(says);
    (rig, gate)
}

#[tokio::test]
async fn what_waits_stays_untouched_while_the_gate_is_shut() {
    let (rig, gate) = rig(3, Says::Closed).await;
    let (double, queue) = Double::over(&rig.queue);
    let runner = rig.gated(queue, 2, Arc::new(gate.clone()));
    assert_eq!(runner.run_pending().await.unwrap(), 0);
    assert_eq!((double.calls(Op::Claim), rig.counts().await.waiting), (0, 3));
    assert!(gate.0.lock().unwrap().refreshed > 0, "it goes by what others know");

    let work = start(&runner);
    let asked = gate.asked();
    until("it looked again and again", async || gate.asked() > asked + 5).await;
    assert_eq!((double.calls(Op::Claim), rig.counts().await.waiting), (0, 3));
    gate.say(Says::Open);
    until("all are done", async || rig.counts().await.completed == 3).await;
    work.end().await;
}

#[tokio::test]
async fn a_probe_is_one_job_and_its_end_is_told() {
    for at_work in [false, true] {
        let (rig, gate) = rig(5, Says::Probe(true)).await;
        let runner = rig.gated(rig.queue.clone(), 4, Arc::new(gate.clone()));
        if at_work {
            let work = start(&runner);
            until("the probe ended", async || gate.0.lock().unwrap().ended == 1).await;
            let asked = gate.asked();
            until("it looked again", async || gate.asked() > asked + 5).await;
            work.end().await;
        } else {
            assert_eq!(runner.run_pending().await.unwrap(), 1);
        }
        let counts = rig.counts().await;
        assert_eq!((counts.completed, counts.waiting), (1, 4), "{at_work}");
        let state = gate.0.lock().unwrap();
        assert_eq!((state.begun.as_slice(), state.ended), (["j0".to_owned()].as_slice(), 1));
    }
}

#[tokio::test]
async fn a_probe_that_may_not_begin_goes_back_unrun_and_uncounted() {
    let (rig, gate) = rig(1, Says::Probe(false)).await;
    let runner = rig.gated(rig.queue.clone(), 4, Arc::new(gate.clone()));
    assert_eq!(runner.run_pending().await.unwrap(), 0);
    let job = rig.job("j0").await;
    assert_eq!((job.state, job.attempts_made, rig.bench.began("j0")), (JobState::Waiting, 0, 0));
    assert_eq!(job.reason, None);
    gate.say(Says::Open);
    assert_eq!(runner.run_pending().await.unwrap(), 1);
    assert_eq!(gate.0.lock().unwrap().ended, 0);
}

#[tokio::test]
async fn a_probe_that_finds_no_job_is_no_probe() {
    let (rig, gate) = rig(0, Says::Probe(true)).await;
    assert_eq!(rig.gated(rig.queue.clone(), 1, Arc::new(gate.clone())).run_pending().await.unwrap(), 0);
    let state = gate.0.lock().unwrap();
    assert_eq!((state.begun.len(), state.ended), (0, 0));
}

#[tokio::test]
async fn a_gate_that_shuts_while_there_is_nothing_to_do_is_asked_before_the_next_claim() {
    let (rig, gate) = rig(0, Says::Open).await;
    let (double, queue) = Double::over(&rig.queue);
    let work = start(&rig.gated(queue, 2, Arc::new(gate.clone())));
    until("it waits for jobs", async || double.calls(Op::Wait) == 1).await;
    gate.say(Says::Closed);
    let (claims, asked) = (double.calls(Op::Claim), gate.asked());
    rig.add("late", &[Act::Done]).await;
    until("it has asked", async || gate.asked() > asked + 2).await;
    assert_eq!((double.calls(Op::Claim), rig.job("late").await.state), (claims, JobState::Waiting));
    gate.say(Says::Open);
    until("it is done", async || rig.counts().await.completed == 1).await;
    work.end().await;
}

/// A gate that shuts with the claim: it is open when asked before, and shut when asked after.
struct ShutsMeanwhile(Scripted);

#[async_trait]
impl Gate for ShutsMeanwhile {
    async fn refresh(&self) {
        self.0.refresh().await;
    }

    fn admit(&self, queue: &str) -> Admission {
        let told = self.0.admit(queue);
        self.0.say(Says::Closed);
        told
    }
}

#[tokio::test]
async fn what_was_claimed_a_moment_too_late_goes_back_unrun_and_uncounted() {
    let (rig, gate) = rig(2, Says::Open).await;
    let (double, queue) = Double::over(&rig.queue);
    let runner = rig.gated(queue, 2, Arc::new(ShutsMeanwhile(gate)));
    assert_eq!(runner.run_pending().await.unwrap(), 0);
    let job = rig.job("j0").await;
    assert_eq!((job.state, job.attempts_made, rig.bench.began("j0")), (JobState::Waiting, 0, 0));
    assert_eq!((double.calls(Op::Claim), double.calls(Op::Release)), (1, 1));
    assert_eq!(rig.claim(9, super::kit::LONG).await[0].id, "j0", "it is still the next");
}

#[tokio::test]
async fn a_probe_that_panics_has_ended_too() {
    let (rig, gate) = (Rig::new().await, Scripted::default());
    rig.add("j", &[Act::Panic(None)]).await;
    gate.say(Says::Probe(true));
    assert_eq!(rig.gated(rig.queue.clone(), 1, Arc::new(gate.clone())).run_pending().await.unwrap(), 1);
    assert_eq!(gate.0.lock().unwrap().ended, 1);
}
