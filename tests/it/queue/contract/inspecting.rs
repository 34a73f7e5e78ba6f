use waybill::platform::queue::{
    Added, Counts, JobState, JobView, Keep, LeaseState, Managed, Mark, Presence, Queue, WorkerView,
};

use super::{LEASE, Lab, Q, add, claim, claim_one, clock, counts, delayed, job, secs, view};
use crate::support::{ADD, Count, Ending};

async fn list(queue: &Queue, state: JobState, limit: usize) -> Vec<String> {
    queue.inspect.list(Q, state, None, limit).await.unwrap().jobs.into_iter().map(|j| j.id).collect()
}

pub(in crate::queue) async fn a_job_is_seen_in_every_state(lab: &impl Lab) {
    let clock = clock();
    let queue = lab.open(&clock).await;
    let added_at = clock.now();
    add(&queue, &["done", "dead", "held", "waits"]).await;
    queue.broker.add(&[delayed("later", secs(99))], ADD).await.unwrap();
    lab.advance(&clock, secs(1)).await;
    let held = claim(&queue, 3).await;
    assert_eq!(
        queue.broker.delay(&held[0], super::NONE, Count::Attempt, "first").await.unwrap(),
        LeaseState::Owned
    );
    let [done] =
        <[_; 1]>::try_from(claim(&queue, 9).await.into_iter().filter(|j| j.id == "done").collect::<Vec<_>>())
            .unwrap();
    assert_eq!(queue.broker.complete(&done, "{\"awb\":1}").await.unwrap(), LeaseState::Owned);
    assert_eq!(queue.broker.fail(&held[1], "pincode not served").await.unwrap(), LeaseState::Owned);
    add(&queue, &["waits2"]).await;

    let seen: Vec<JobView> =
        [view(&queue, "done").await, view(&queue, "dead").await, view(&queue, "held").await].into();
    assert_eq!(
        seen.iter().map(|j| j.state).collect::<Vec<_>>(),
        [JobState::Completed, JobState::Failed, JobState::Active]
    );
    // Tries that ended: a counted delay and the completion; the failure; none.
    assert_eq!(seen.iter().map(|j| j.attempts_made).collect::<Vec<_>>(), [2, 1, 0]);
    assert_eq!((seen[0].return_value.as_deref(), seen[0].reason.as_deref()), (Some("{\"awb\":1}"), None));
    assert_eq!(
        (seen[1].return_value.as_deref(), seen[1].reason.as_deref()),
        (None, Some("pincode not served"))
    );
    assert_eq!(seen.iter().map(|j| j.due_at).collect::<Vec<_>>(), [None, None, Some(clock.now() + LEASE)]);
    assert_eq!(
        (seen[2].name.as_str(), seen[2].data.as_str(), seen[2].added_at),
        ("create-order", "{\"of\":\"held\"}", added_at)
    );
    assert_eq!(view(&queue, "later").await.due_at, Some(added_at + secs(99)));
    assert_eq!(
        counts(&queue).await,
        Counts { waiting: 1, active: 2, delayed: 1, completed: 1, failed: 1, paused: false }
    );
    queue.inspect.ping().await.unwrap();
}

pub(in crate::queue) async fn lists_are_in_order_and_in_pages(lab: &impl Lab) {
    let clock = clock();
    let queue = lab.open(&clock).await;
    for id in ["f1", "f2", "f3", "c1", "c2", "c3"] {
        add(&queue, &[id]).await;
        let held = claim_one(&queue).await;
        lab.advance(&clock, secs(1)).await;
        let ended = if id.starts_with('f') {
            queue.broker.fail(&held, "no").await
        } else {
            queue.broker.complete(&held, "1").await
        };
        assert_eq!(ended.unwrap(), LeaseState::Owned);
    }
    add(&queue, &["a1", "a2", "w1", "w2", "w3"]).await;
    for _ in 0..2 {
        claim_one(&queue).await;
        lab.advance(&clock, secs(1)).await;
    }
    queue
        .broker
        .add(&[delayed("d2", secs(20)), delayed("d3", secs(30)), delayed("d1", secs(10))], ADD)
        .await
        .unwrap();
    for (state, all) in [
        (JobState::Waiting, vec!["w1", "w2", "w3"]),
        (JobState::Active, vec!["a1", "a2"]),
        (JobState::Delayed, vec!["d1", "d2", "d3"]),
        (JobState::Completed, vec!["c3", "c2", "c1"]),
        (JobState::Failed, vec!["f3", "f2", "f1"]),
    ] {
        assert_eq!(list(&queue, state, usize::MAX).await, all);
        assert_eq!(list(&queue, state, 0).await.len(), 0);
        // In pages of two, while what was on the first one goes away.
        let page = queue.inspect.list(Q, state, None, 2).await.unwrap();
        assert_eq!(page.jobs.iter().map(|j| j.id.as_str()).collect::<Vec<_>>(), all[..2]);
        if state != JobState::Active {
            assert_eq!(queue.manage.remove(Q, all[0]).await.unwrap(), Managed::Done);
        }
        let Some(mark) = page.next else {
            assert_eq!(all.len(), 2);
            continue;
        };
        let rest = queue.inspect.list(Q, state, Some(&mark), 2).await.unwrap();
        assert_eq!(rest.jobs.iter().map(|j| j.id.as_str()).collect::<Vec<_>>(), all[2..]);
        assert_eq!(rest.next, None);
    }
}

/// As whoever removes each job that it is shown sees them.
pub(in crate::queue) async fn pages_stand_while_all_that_was_on_them_goes(lab: &impl Lab) {
    let queue = lab.open(&clock()).await;
    // More than wait in one line.
    let names: Vec<_> = (0..20).map(|n| format!("w{n:02}")).collect();
    let all: Vec<_> = names.iter().map(job).collect();
    queue.broker.add(&all, ADD).await.unwrap();
    let page = async |mark: Option<&Mark>| {
        let page = queue.inspect.list(Q, JobState::Waiting, mark, 3).await.unwrap();
        let ids: Vec<_> = page.jobs.into_iter().map(|job| job.id).collect();
        (ids, page.next)
    };
    let remove = async |id: &str| assert_eq!(queue.manage.remove(Q, id).await.unwrap(), Managed::Done);
    let (mut seen, mut mark) = (Vec::new(), None);
    loop {
        let (ids, next) = page(mark.as_ref()).await;
        for id in &ids {
            remove(id.as_str()).await;
        }
        seen.extend(ids);
        mark = next;
        if mark.is_none() {
            break;
        }
    }
    assert_eq!(seen, names);

    // And the first one of the next page, too.
    queue.broker.add(&all, ADD).await.unwrap();
    let (ids, mark) = page(None).await;
    for id in ids.iter().chain(&names[3..4]) {
        remove(id.as_str()).await;
    }
    assert_eq!(page(mark.as_ref()).await.0, names[4..7]);
}

pub(in crate::queue) async fn finished_jobs_beyond_the_limit_go_oldest_first(lab: &impl Lab) {
    let clock = clock();
    let queue = lab.open_with(&clock, Keep { completed: 3, failed: 2 }).await;
    for n in 0..8_u64 {
        let id = format!("job-{n}");
        add(&queue, &[&id]).await;
        lab.advance(&clock, secs(1)).await;
        let held = claim_one(&queue).await;
        let ended = if n % 2 == 0 {
            queue.broker.complete(&held, "1").await
        } else {
            queue.broker.fail(&held, "no").await
        };
        assert_eq!(ended.unwrap(), LeaseState::Owned);
        let counts = counts(&queue).await;
        assert_eq!((counts.completed, counts.failed), ((n / 2 + 1).min(3), n.div_ceil(2).min(2)));
    }
    assert_eq!(list(&queue, JobState::Completed, 9).await, ["job-6", "job-4", "job-2"]);
    assert_eq!(list(&queue, JobState::Failed, 9).await, ["job-7", "job-5"]);
    assert!(queue.inspect.get(Q, "job-0").await.unwrap().is_none());
    assert_eq!(
        queue.broker.add(&[job("job-0"), job("job-2")], ADD).await.unwrap(),
        [Added::New, Added::Known]
    );

    // Those that stalled to death count as well.
    claim_one(&queue).await;
    lab.advance(&clock, LEASE * 2).await;
    queue.broker.recover(Q, 0).await;
    let doomed = claim_one(&queue).await;
    assert_eq!(queue.broker.fail(&doomed, "vanished").await.unwrap(), LeaseState::Owned);
    assert_eq!(list(&queue, JobState::Failed, 9).await, ["job-0", "job-7"]);
}

pub(in crate::queue) async fn keeping_nothing_keeps_nothing(lab: &impl Lab) {
    let queue = lab.open_with(&clock(), Keep { completed: 0, failed: 0 }).await;
    add(&queue, &["a", "b", "c"]).await;
    let held = claim(&queue, 2).await;
    assert_eq!(queue.broker.complete(&held[0], "1").await.unwrap(), LeaseState::Owned);
    assert_eq!(queue.broker.fail(&held[1], "no").await.unwrap(), LeaseState::Owned);
    assert_eq!(counts(&queue).await, Counts { waiting: 1, ..Counts::default() });
}

pub(in crate::queue) async fn an_unknown_queue_is_empty(lab: &impl Lab) {
    let queue = lab.open(&clock()).await;
    assert_eq!(counts(&queue).await, Counts::default());
    assert!(queue.inspect.get(Q, "a").await.unwrap().is_none());
    assert_eq!(list(&queue, JobState::Failed, 9).await.len(), 0);
    assert_eq!(queue.broker.recover(Q, 3).await.len(), 0);
    let nowhere = queue.inspect.list(Q, JobState::Failed, Some(&Mark("nowhere".to_owned())), 9).await;
    assert!(nowhere.is_err(), "a place that no page gave");
}

pub(in crate::queue) async fn presence_tells_of_each_what_became_of_it(lab: &impl Lab) {
    let queue = lab.open(&clock()).await;
    let many: Vec<_> = (0..3000).map(|n| job(format!("many-{n}"))).collect();
    add(&queue, &["done", "dead", "runs"]).await;
    queue.broker.add(&many, ADD).await.unwrap();
    queue.broker.add(&[delayed("later", secs(9))], ADD).await.unwrap();
    let held = claim(&queue, 3).await;
    assert_eq!(queue.broker.complete(&held[0], "1").await.unwrap(), LeaseState::Owned);
    assert_eq!(queue.broker.fail(&held[1], "no").await.unwrap(), LeaseState::Owned);
    let ids = ["nobody", "done", "dead", "runs", "many-0", "many-2999", "later", "done"].map(str::to_owned);
    use Presence::{Absent, Finished, Open};
    assert_eq!(
        queue.inspect.presence(Q, &ids).await.unwrap(),
        [Absent, Finished, Finished, Open, Open, Open, Open, Finished]
    );
    assert_eq!(queue.inspect.presence(Q, &[]).await.unwrap(), []);
    assert_eq!(queue.inspect.presence("other", &ids[1..2]).await.unwrap(), [Absent]);
}

pub(in crate::queue) async fn workers_are_told_until_they_end_or_vanish(lab: &impl Lab) {
    let clock = clock();
    let queue = lab.open(&clock).await;
    let names = async |of: &str| -> Vec<String> {
        queue.inspect.workers(of).await.unwrap().into_iter().map(|w| w.name).collect()
    };
    let since = clock.now();
    queue.broker.announce("w1", &[Q.to_owned(), "other".to_owned()], secs(60)).await.unwrap();
    queue.broker.announce("w2", &[Q.to_owned()], secs(60)).await.unwrap();
    assert_eq!((names(Q).await, names("other").await), (vec!["w1".into(), "w2".into()], vec!["w1".into()]));
    lab.advance(&clock, secs(40)).await;
    queue.broker.announce("w1", &[Q.to_owned()], secs(60)).await.unwrap();
    let [first, _] = <[WorkerView; 2]>::try_from(queue.inspect.workers(Q).await.unwrap()).unwrap();
    assert_eq!(first, WorkerView { name: "w1".to_owned(), since, seen_at: since + secs(40), foreign: false });
    lab.advance(&clock, secs(40)).await;
    assert_eq!((names(Q).await, names("other").await), (vec!["w1".to_owned()], vec![]), "w2 vanished");
    queue.broker.withdraw("w1").await.unwrap();
    assert_eq!(names(Q).await.len(), 0);
}
