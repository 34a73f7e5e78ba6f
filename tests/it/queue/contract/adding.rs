use std::collections::BTreeSet;

use waybill::platform::queue::{Added, JobState, LeaseState, NewJob, QueueError};

use super::{Lab, Q, add, claim, claim_one, clock, counts, delayed, ids, job, secs, view};
use crate::support::{ADD, Count, Ending};

pub(in crate::queue) async fn jobs_come_out_in_the_order_they_went_in(lab: &impl Lab) {
    let queue = lab.open(&clock()).await;
    add(&queue, &["c", "a"]).await;
    add(&queue, &["b"]).await;
    assert_eq!(ids(&claim(&queue, 2).await), ["c", "a"]);
    add(&queue, &["0a"]).await;
    assert_eq!(ids(&claim(&queue, 9).await), ["b", "0a"]);
}

pub(in crate::queue) async fn a_known_id_changes_nothing_in_any_state(lab: &impl Lab) {
    let queue = lab.open(&clock()).await;
    for state in JobState::ALL {
        let id = &format!("job-{}", state.as_str());
        queue.broker.add(&[job(id)], ADD).await.unwrap();
        let held =
            if state == JobState::Waiting { None } else { Some(claim(&queue, 9).await.pop().unwrap()) };
        match (state, &held) {
            (JobState::Delayed, Some(j)) => {
                let put_off = queue.broker.delay(j, secs(9), Count::Nothing, "later").await.unwrap();
                assert_eq!(put_off, LeaseState::Owned);
            }
            (JobState::Completed, Some(j)) => drop(queue.broker.complete(j, "1").await.unwrap()),
            (JobState::Failed, Some(j)) => drop(queue.broker.fail(j, "no").await.unwrap()),
            _ => {}
        }
        let before = format!("{:?}", view(&queue, id).await);
        let other = NewJob {
            data: "\"other\"".to_owned(),
            name: "other".into(),
            attempts: 9,
            delay: secs(1),
            ..job(id)
        };
        assert_eq!(
            queue.broker.add(&[other, job(id)], ADD).await.unwrap(),
            [Added::Known, Added::Known],
            "{id}"
        );
        assert_eq!(format!("{:?}", view(&queue, id).await), before);
        assert_eq!(view(&queue, id).await.state, state);
    }
    assert_eq!(counts(&queue).await.completed, 1);
}

pub(in crate::queue) async fn a_bulk_is_answered_in_order(lab: &impl Lab) {
    let queue = lab.open(&clock()).await;
    add(&queue, &["b"]).await;
    let bulk = [job("a"), job("b"), delayed("c", secs(1)), job("a"), job("d")];
    use Added::{Known, New};
    assert_eq!(queue.broker.add(&bulk, ADD).await.unwrap(), [New, Known, New, Known, New]);
    assert_eq!(queue.broker.add(&[], ADD).await.unwrap(), []);
    assert_eq!(ids(&claim(&queue, 9).await), ["b", "a", "d"]);
}

pub(in crate::queue) async fn text_comes_back_as_it_was(lab: &impl Lab) {
    let queue = lab.open(&clock()).await;
    let long = "नमस्ते 🚚 \"quoted\" 'single' \\ ".repeat(6_000);
    assert!(long.len() > 200_000);
    let texts =
        ["", "'; DROP TABLE jobs; --", "a\nb\tc\r", "nul\0inside", "%_*?[]{}", "\u{feff}é\u{301}", &long];
    for (n, text) in texts.iter().enumerate() {
        // Raw text of JSON: spaces, the order of keys and numbers beyond 2^53 stay as they are.
        let json = format!(" {{\"z\" : {},\t\"a\":12345678901234567890.10 }} ", serde_json::json!(text));
        let id = format!("job-{n}");
        let new = NewJob { data: json.clone(), ..job(&id) };
        assert_eq!(queue.broker.add(&[new], ADD).await.unwrap(), [Added::New]);
        let held = claim_one(&queue).await;
        assert_eq!((&held.id, &held.data), (&id, &json));
        if n % 2 == 0 {
            let _done = queue.broker.complete(&held, &json).await.unwrap();
            assert_eq!(view(&queue, &id).await.return_value.as_ref(), Some(&json));
        } else {
            let _done = queue.broker.fail(&held, text).await.unwrap();
            assert_eq!(view(&queue, &id).await.reason.as_deref(), Some(*text));
        }
        assert_eq!(view(&queue, &id).await.data, json);
    }
}

/// In BullMQ's layout an id is a part of a key, a number is given by the queue itself, and readers stop at
/// data that is no JSON.
pub(in crate::queue) async fn what_no_queue_could_hold_is_refused_and_nothing_is_added(lab: &impl Lab) {
    let queue = lab.open(&clock()).await;
    let ids = ["", "7", "00042", "active", "wait", "meta", "a:b", "a b", "é", "nul\0", &"x".repeat(300)];
    let bad_ids = ids.iter().map(|id| job(*id));
    let bad_data = ["", "not { json", "{\"a\":1} x"].map(|data| NewJob { data: data.to_owned(), ..job("a") });
    let bad_queues = ["", "a:b"].map(|queue| NewJob { queue: queue.into(), ..job("a") });
    for bad in bad_ids.chain(bad_data).chain(bad_queues) {
        let told = queue.broker.add(&[job("good"), bad.clone()], ADD).await.unwrap_err();
        assert!(matches!(told, QueueError::Fault(_)), "{bad:?}: {told}");
    }
    assert_eq!(counts(&queue).await.waiting, 0);
    let good = ["ord_01J-x", "9a", "Active", "create-order-ord_1-1"];
    add(&queue, &good).await;
    assert_eq!(super::ids(&claim(&queue, 9).await), good);
}

pub(in crate::queue) async fn queues_do_not_see_each_other(lab: &impl Lab) {
    let clock = clock();
    let queue = lab.open(&clock).await;
    let names = [Q, "Orders", "orders ", "ord%rs", "o'rders\"", "आदेश-queue"];
    for name in names {
        let data = serde_json::json!(name).to_string();
        let new = NewJob { queue: name.into(), data, ..job("same") };
        let later = NewJob { queue: name.into(), ..delayed("later", secs(1)) };
        assert_eq!(queue.broker.add(&[new, later], ADD).await.unwrap(), [Added::New, Added::New], "{name}");
    }
    lab.advance(&clock, secs(2)).await;
    let mut tokens = BTreeSet::new();
    for name in names {
        let held = queue.broker.claim_from(name, 9, secs(60)).await.unwrap();
        assert_eq!(ids(&held), ["same", "later"], "{name}");
        assert_eq!(
            (held[0].queue.as_str(), held[0].data.as_str()),
            (name, serde_json::json!(name).to_string().as_str())
        );
        tokens.extend(held.iter().map(|j| j.token.clone()));
        let _done = queue.broker.complete(&held[0], "1").await.unwrap();
        let counts = queue.inspect.counts(name).await.unwrap();
        assert_eq!((counts.completed, counts.active, counts.open()), (1, 1, 1));
    }
    assert_eq!(tokens.len(), 2 * names.len(), "each claim has a token of its own");
}
