use std::collections::BTreeSet;

use waybill::platform::queue::{Added, Count, JobState, LeaseState, NewJob};

use super::{Lab, NONE, Q, add, claim, claim_one, clock, counts, delayed, ids, job, secs, view};

pub(in crate::queue) async fn jobs_come_out_in_the_order_they_went_in(lab: &impl Lab) {
    let queue = lab.open(&clock()).await;
    add(&queue, &["c", "a"]).await;
    add(&queue, &["b"]).await;
    assert_eq!(ids(&claim(&queue, 2).await), ["c", "a"]);
    add(&queue, &["0"]).await;
    assert_eq!(ids(&claim(&queue, 9).await), ["b", "0"]);
}

pub(in crate::queue) async fn a_known_id_changes_nothing_in_any_state(lab: &impl Lab) {
    let queue = lab.open(&clock()).await;
    for state in JobState::ALL {
        let id = state.as_str();
        queue.broker.add(&[job(id)]).await.unwrap();
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
        let other =
            NewJob { data: "other".to_owned(), name: "other", attempts: 9, delay: secs(1), ..job(id) };
        assert_eq!(queue.broker.add(&[other, job(id)]).await.unwrap(), [Added::Known, Added::Known], "{id}");
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
    assert_eq!(queue.broker.add(&bulk).await.unwrap(), [New, Known, New, Known, New]);
    assert_eq!(queue.broker.add(&[]).await.unwrap(), []);
    assert_eq!(ids(&claim(&queue, 9).await), ["b", "a", "d"]);
}

pub(in crate::queue) async fn text_comes_back_as_it_was(lab: &impl Lab) {
    let queue = lab.open(&clock()).await;
    let long = "नमस्ते 🚚 \"quoted\" 'single' \\ ".repeat(6_000);
    assert!(long.len() > 200_000);
    let texts = [
        "",
        "'; DROP TABLE jobs; --",
        "a\nb\tc\r",
        "nul\0inside",
        "%_*?[]{}",
        "\u{feff}é\u{301}",
        "not { json",
        &long,
    ];
    for (n, text) in texts.iter().enumerate() {
        let id = if n == 7 { "long".to_owned() } else { format!("id {text}") };
        let new = NewJob { data: (*text).to_owned(), ..job(&id) };
        assert_eq!(queue.broker.add(&[new]).await.unwrap(), [Added::New]);
        let held = claim_one(&queue).await;
        assert_eq!((&held.id, held.data.as_str()), (&id, *text));
        if n % 2 == 0 {
            let _done = queue.broker.complete(&held, text).await.unwrap();
            assert_eq!(view(&queue, &id).await.return_value.as_deref(), Some(*text));
        } else {
            let _done = queue.broker.fail(&held, text).await.unwrap();
            assert_eq!(view(&queue, &id).await.reason.as_deref(), Some(*text));
        }
        assert_eq!(view(&queue, &id).await.data, *text);
    }
}

pub(in crate::queue) async fn queues_do_not_see_each_other(lab: &impl Lab) {
    let clock = clock();
    let queue = lab.open(&clock).await;
    let names = [Q, "Orders", "orders ", "ord%rs", "o'rders\"", "आदेश-queue"];
    for name in names {
        let new = NewJob { queue: name, data: name.to_owned(), ..job("same") };
        let later = NewJob { queue: name, ..delayed("later", secs(1)) };
        assert_eq!(queue.broker.add(&[new, later]).await.unwrap(), [Added::New, Added::New], "{name}");
    }
    clock.advance(secs(2));
    let mut tokens = BTreeSet::new();
    for name in names {
        let held = queue.broker.claim(name, 9, secs(60), NONE).await.unwrap();
        assert_eq!(ids(&held), ["same", "later"], "{name}");
        assert_eq!((held[0].queue.as_str(), held[0].data.as_str()), (name, name));
        tokens.extend(held.iter().map(|j| j.token.clone()));
        let _done = queue.broker.complete(&held[0], "1").await.unwrap();
        let counts = queue.inspect.counts(name).await.unwrap();
        assert_eq!((counts.completed, counts.active, counts.open()), (1, 1, 1));
    }
    assert_eq!(tokens.len(), 2 * names.len(), "each claim has a token of its own");
}
