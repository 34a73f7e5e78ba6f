//! Limits that several processes share: one budget on a real server.

use std::time::Duration;

use waybill::{
    base::timestamp::Timestamp,
    platform::{
        http::limits::{Limiter, Quotas, Rule},
        queue::{Keep, Queue},
    },
};

use super::Keys;
use crate::{
    queue::contract::{Lab, clock},
    support::redis::Server,
};

const MINUTE: i64 = 60_000_000;

#[tokio::test]
async fn three_processes_have_one_budget() {
    let (lab, clock) = (Keys::new(), clock());
    let mut processes = Vec::new();
    for _ in 0..3 {
        let limiter = Limiter::new(Quotas { sign_in: 6, merchant: 6, ..Quotas::default() }, clock.clone());
        limiter.collect();
        processes.push((limiter, lab.open(&clock).await.marks.unwrap()));
    }
    for (limiter, marks) in &processes {
        for _ in 0..2 {
            limiter.take(Rule::SignIn, "10.0.0.1").unwrap();
        }
        limiter.exchange(&**marks).await.unwrap();
    }
    // The last one knows of all, the others with what they take next.
    let [(first, marks), _, (last, _)] = &*processes else { panic!("three") };
    let over = last.take(Rule::SignIn, "10.0.0.1").unwrap_err();
    assert_eq!((over.left.remaining, over.wait), (0, Duration::from_secs(10)));
    first.take(Rule::SignIn, "10.0.0.1").unwrap();
    first.exchange(&**marks).await.unwrap();
    assert!(first.take(Rule::SignIn, "10.0.0.1").is_err());
    for (limiter, _) in &processes {
        assert!(limiter.take(Rule::SignIn, "10.0.0.2").is_ok() && limiter.take(Rule::Merchant, "m").is_ok());
    }
    clock.advance(Duration::from_secs(10));
    assert!(last.take(Rule::SignIn, "10.0.0.1").is_ok() && last.take(Rule::SignIn, "10.0.0.1").is_err());
}

#[tokio::test]
async fn a_mark_goes_on_from_where_it_stands_and_is_forgotten_when_its_time_has_passed() {
    let lab = Keys::new();
    let marks = lab.open(&clock()).await.marks.unwrap();
    let now = Timestamp::from_millis(1_763_687_100_000).as_millis() * 1000;
    let push = async |now: i64, name: &str, by: i64| {
        marks.push(now, MINUTE, &[(name.to_owned(), by)]).await.unwrap()[0] - now
    };
    assert_eq!(push(now, "a", 250_001).await, 250_001);
    assert_eq!(push(now, "a", 250_000).await, 500_001);
    assert_eq!(push(now + 100_000, "a", 1).await, 400_002);
    assert_eq!(push(now + 5_000_000, "a", 1).await, 1, "it had passed");
    assert_eq!(push(now, "a", 2 * MINUTE).await, MINUTE, "no further than the window");
    let both = [("b".to_owned(), 3), ("a".to_owned(), 1)];
    assert_eq!(marks.push(now, MINUTE, &both).await.unwrap(), [now + 3, now + MINUTE], "in order");
    let life = lab.raw().cmd(&["PTTL", &format!("{}:x:marks:a", lab.prefix)]).int();
    assert!((1..=60_000).contains(&life), "{life}");
}

#[tokio::test]
async fn a_server_that_is_away_is_an_error_and_no_wait() {
    let server = Server::start();
    let url = Keys::on(server.addr).url();
    let marks = Queue::open(&url, clock(), Keep::default()).await.unwrap().marks.unwrap();
    drop(server);
    let begun = std::time::Instant::now();
    while marks.push(0, MINUTE, &[("a".to_owned(), 1)]).await.is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(10), "the server is gone");
    }
    assert!(marks.push(0, MINUTE, &[("a".to_owned(), 1)]).await.is_err());
}
