//! What may be taken out of a queue as a whole, and why not. It is done as bulk work, job by job.

use super::Overview;
use crate::platform::queue::JobState;

/// One way to clear a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClearAction {
    pub name: &'static str,
    /// What is taken out.
    pub states: &'static [JobState],
    pub allowed: bool,
    /// Why not.
    pub why: Option<&'static str>,
    /// What that would do.
    pub effect: &'static str,
}

/// All of them, allowed or not.
#[must_use]
pub fn clear_actions(queue: &Overview) -> [ClearAction; 2] {
    let counts = &queue.counts;
    let drain = match (queue.ours, counts.waiting + counts.delayed) {
        (true, _) => Some(
            "its jobs stand for orders and mails, which would get new ones: cancel or resolve the orders",
        ),
        (false, 0) => Some("no job waits, and none is delayed"),
        (false, _) => None,
    };
    let clean = (counts.completed + counts.failed == 0).then_some("no finished job is kept");
    [
        ClearAction {
            name: "drain",
            states: &[JobState::Waiting, JobState::Delayed],
            allowed: drain.is_none(),
            why: drain,
            effect: if queue.ours {
                "Nothing."
            } else {
                "The jobs go and never run. What runs goes on, and what is added later stays."
            },
        },
        ClearAction {
            name: "clean",
            states: &[JobState::Completed, JobState::Failed],
            allowed: clean.is_none(),
            why: clean,
            effect: if queue.ours {
                "What finished jobs returned and why they failed is lost. Orders and mails stay as they are."
            } else {
                "Finished jobs are lost, with what they returned and why they failed. Their ids may be added \
                 again."
            },
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::queue::Counts;

    fn allowed(ours: bool, counts: Counts) -> [bool; 2] {
        let queue = Overview { name: "q".to_owned(), ours, counts, workers: Vec::new() };
        clear_actions(&queue).map(|action| {
            assert_eq!(action.allowed, action.why.is_none());
            action.allowed
        })
    }

    #[test]
    fn only_queues_of_others_are_drained_and_only_finished_jobs_cleaned() {
        let none = Counts::default();
        let some = Counts { delayed: 1, failed: 1, ..none };
        assert_eq!(allowed(false, Counts { active: 9, ..none }), [false, false]);
        assert_eq!(allowed(false, some), [true, true]);
        assert_eq!(allowed(true, some), [false, true]);
        assert_eq!(allowed(false, Counts { waiting: 1, ..none }), [true, false]);
        assert_eq!(allowed(false, Counts { completed: 1, ..none }), [false, true]);
    }
}
