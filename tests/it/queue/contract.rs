//! What every queue adapter must do, told through [`Queue`] alone. An adapter joins with a [`Lab`] and one
//! line, [`contract!`].
//!
//! Time that matters is moved by hand; waits are generous and only bound how long a broken adapter may hang.

pub(super) mod adding;
pub(super) mod claiming;
pub(super) mod history;
pub(super) mod holding;
pub(super) mod inspecting;
pub(super) mod losing;
pub(super) mod managing;
pub(super) mod sharing;
pub(super) mod stalling;
pub(super) mod waiting;

use std::time::Duration;

use crate::support::{ADD, Ending};
use waybill::{
    base::{clock::Clock, timestamp::Timestamp},
    platform::queue::{ActiveJob, Counts, JobState, JobView, Keep, NewJob, Options, Queue, QueueError},
};

/// A queue server, or its like, that belongs to one test and is empty at first.
pub(super) trait Lab: Send + Sync {
    fn new() -> Self;
    /// A new handle; all handles of a lab see the same jobs.
    fn try_open(
        &self,
        clock: &Clock,
        options: Options,
    ) -> impl Future<Output = Result<Queue, QueueError>> + Send;
    fn open_with(&self, clock: &Clock, keep: Keep) -> impl Future<Output = Queue> + Send {
        async move { self.try_open(clock, keep.into()).await.unwrap() }
    }
    /// Moves time, the queue server's own included.
    fn advance(&self, clock: &Clock, time: Duration) -> impl Future<Output = ()> + Send {
        clock.advance(time);
        std::future::ready(())
    }
    /// Everything that the server has is gone.
    fn lose(&self) -> impl Future<Output = ()> + Send;
    fn open(&self, clock: &Clock) -> impl Future<Output = Queue> + Send {
        self.open_with(clock, Keep::default())
    }
}

/// Makes a test of each entry of the contract for one lab.
macro_rules! contract {
    ($lab:ty) => {
        contract! { @each $lab;
            adding::jobs_come_out_in_the_order_they_went_in
            adding::a_known_id_changes_nothing_in_any_state
            adding::a_bulk_is_answered_in_order
            adding::text_comes_back_as_it_was
            adding::queues_do_not_see_each_other
            adding::what_no_queue_could_hold_is_refused_and_nothing_is_added
            claiming::each_job_goes_to_one_of_many_claimers
            claiming::a_claim_takes_no_more_than_it_asked_for
            claiming::an_empty_queue_gives_nothing
            waiting::a_wait_ends_in_time
            waiting::a_wait_for_what_is_there_ends_at_once
            waiting::a_wait_ends_when_a_job_is_added
            waiting::a_wait_ends_when_another_handle_adds
            waiting::a_wait_ends_when_a_delayed_job_is_due
            waiting::a_wait_learns_of_an_earlier_due_time
            waiting::a_wait_ends_when_a_job_is_put_back
            waiting::dropped_waits_start_no_job_late
            claiming::a_delayed_job_is_not_seen_before_its_time
            claiming::due_jobs_come_by_due_time_and_behind_those_that_wait
            holding::what_was_claimed_says_all_about_the_job
            holding::a_lost_lease_changes_nothing
            holding::a_finished_job_is_gone_for_its_holder
            holding::an_extended_lease_lasts
            holding::an_extension_answers_each_job
            holding::a_counted_delay_uses_up_an_attempt
            holding::an_uncounted_delay_does_not
            holding::a_zero_delay_puts_the_job_behind_the_others
            holding::a_job_keeps_its_count_over_many_rounds
            holding::several_jobs_end_in_one_call_and_the_next_come_with_it
            holding::released_jobs_are_the_next_and_uncounted
            holding::a_job_of_another_producer_keeps_its_backoff
            stalling::a_living_lease_is_left_alone
            stalling::stalled_jobs_wait_ahead_of_the_others
            stalling::a_job_that_stalls_too_often_comes_out_doomed
            stalling::only_the_named_queue_is_swept
            inspecting::a_job_is_seen_in_every_state
            inspecting::lists_are_in_order_and_in_pages
            inspecting::pages_stand_while_all_that_was_on_them_goes
            inspecting::finished_jobs_beyond_the_limit_go_oldest_first
            inspecting::keeping_nothing_keeps_nothing
            inspecting::an_unknown_queue_is_empty
            inspecting::presence_tells_of_each_what_became_of_it
            inspecting::workers_are_told_until_they_end_or_vanish
            managing::a_paused_queue_gives_nothing_until_it_is_resumed
            managing::pauses_are_remembered
            managing::a_failed_job_can_be_retried
            managing::a_delayed_job_can_be_promoted
            managing::a_promoted_job_no_longer_says_why_it_was_delayed
            managing::a_job_that_does_not_run_can_be_removed
            managing::what_a_job_carries_is_changed_unless_it_runs
            managing::log_lines_are_kept_with_their_job
            managing::every_queue_is_listed
            losing::a_queue_belongs_to_one_installation
            losing::a_queue_that_lost_everything_begins_a_new_epoch
            sharing::many_jobs_of_one_share_delay_no_other_by_more_than_a_few
            sharing::shares_take_turns
            sharing::jobs_of_one_share_keep_their_order
            sharing::what_comes_back_takes_its_turn
            history::any_history_agrees_with_a_model
        }
    };
    (@each $lab:ty; $($part:ident :: $test:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let lab = <$lab as crate::queue::contract::Lab>::new();
                crate::queue::contract::$part::$test(&lab).await;
            }
        )*
    };
}
pub(super) use contract;

pub(super) const Q: &str = "orders";
pub(super) const LEASE: Duration = Duration::from_secs(60);
/// Longer than anything here takes; running into it fails the test that waits.
pub(super) const LONG: Duration = Duration::from_secs(30);
pub(super) const NONE: Duration = Duration::ZERO;

pub(super) fn clock() -> Clock {
    Clock::manual(Timestamp::from_millis(1_763_687_100_000))
}

pub(super) fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(super) fn job(id: impl Into<String>) -> NewJob {
    let id = id.into();
    let data = format!("{{\"of\":\"{id}\"}}");
    NewJob {
        queue: Q.into(),
        id,
        name: "create-order".into(),
        data,
        share: None,
        attempts: 3,
        backoff: secs(5).into(),
        delay: NONE,
    }
}

pub(super) fn delayed(id: impl Into<String>, delay: Duration) -> NewJob {
    NewJob { delay, ..job(id) }
}

pub(super) async fn add(queue: &Queue, ids: &[&str]) {
    let jobs: Vec<_> = ids.iter().map(|id| job(*id)).collect();
    queue.broker.add(&jobs, ADD).await.unwrap();
}

/// All jobs of one state.
pub(super) async fn all(queue: &Queue, state: JobState) -> Vec<JobView> {
    queue.inspect.list(Q, state, None, 10_000).await.unwrap().jobs
}

/// Claims without waiting.
pub(super) async fn claim(queue: &Queue, max: usize) -> Vec<ActiveJob> {
    queue.broker.claim_from(Q, max, LEASE).await.unwrap()
}

/// Claims the one job that there must be.
pub(super) async fn claim_one(queue: &Queue) -> ActiveJob {
    let [job] = <[_; 1]>::try_from(claim(queue, 1).await).unwrap();
    job
}

pub(super) fn ids(jobs: &[ActiveJob]) -> Vec<&str> {
    jobs.iter().map(|j| j.id.as_str()).collect()
}

pub(super) async fn view(queue: &Queue, id: &str) -> JobView {
    queue.inspect.get(Q, id).await.unwrap().unwrap()
}

pub(super) async fn counts(queue: &Queue) -> Counts {
    queue.inspect.counts(Q).await.unwrap()
}
