//! How lanes share the places, and how an address that fails is tried.

use super::*;

const NOW: i64 = 1_769_851_800_000;

fn now() -> Timestamp {
    Timestamp::from_millis(NOW)
}

fn lane(lanes: &mut Lanes, name: &str, deliveries: usize) -> String {
    let mut endpoint = Endpoint::new(name, format!("https://{name}.example/"), Vec::new(), now());
    endpoint.id = format!("whe_{name}");
    let id = endpoint.id.clone();
    lanes.know(endpoint.clone(), false, now());
    let made = (0..deliveries).map(|_| Delivery::test(&endpoint, now())).collect();
    lanes.push(&id, made);
    id
}

fn outcome(arrived: bool, took: Duration, began: Began) -> Outcome {
    Outcome { arrived, took, due_at: None, kept: true, began }
}

/// All that may start does, side by side, and ends so. How many those were.
fn run(lanes: &mut Lanes, id: &str, arrived: bool, at: Timestamp) -> usize {
    let started = lanes.start(at);
    for (_, delivery, began) in &started {
        lanes.ended(id, &delivery.id, outcome(arrived, Duration::ZERO, *began), at);
    }
    started.len()
}

#[test]
fn places_go_round() {
    let mut lanes = Lanes::default();
    lane(&mut lanes, "a", 100);
    lane(&mut lanes, "b", 3);
    let started = lanes.start(now());
    assert_eq!(started.len(), OF_ONE + 3);
    let first: Vec<_> = started.iter().take(6).map(|(endpoint, ..)| endpoint.merchant.as_str()).collect();
    assert_eq!(first, ["a", "b", "a", "b", "a", "b"]);
    assert!(lanes.start(now()).is_empty(), "no address gets more places than its own");
}

#[test]
fn slow_addresses_share_half_of_the_places() {
    let mut lanes = Lanes::default();
    for n in 0..100 {
        let id = lane(&mut lanes, &format!("slow{n:03}"), 1);
        let started = lanes.start(now());
        assert_eq!(started.len(), 1);
        let slow = outcome(true, Duration::from_secs(14), started[0].2);
        lanes.ended(&id, &started[0].1.id, slow, now());
    }
    for n in 0..100 {
        lane(&mut lanes, &format!("slow{n:03}"), 50);
    }
    let started = lanes.start(now());
    assert_eq!(started.len(), MOST_SLOW);
    assert!(started.iter().all(|(.., began)| began.slow));
    lane(&mut lanes, "quick", 50);
    let started = lanes.start(now());
    assert_eq!(started.len(), OF_ONE);
    assert!(started.iter().all(|(endpoint, ..)| endpoint.merchant == "quick"));
}

#[test]
fn an_address_that_fails_is_tried_once_in_a_while() {
    let mut lanes = Lanes::default();
    let id = lane(&mut lanes, "dead", 100);
    let mut at = now();
    let sizes: Vec<_> = (0..5).map(|_| run(&mut lanes, &id, false, at)).collect();
    assert_eq!(sizes, [OF_ONE, 1, 1, 1, 1]);
    let mut pauses = Vec::new();
    for _ in 0..8 {
        assert!(lanes.start(at).is_empty());
        let before = at;
        while lanes.lanes[&id].paused_until.is_some_and(|until| until > at) {
            at = at + Duration::from_secs(1);
        }
        pauses.push(at.since(before).as_secs());
        assert_eq!(run(&mut lanes, &id, false, at), 1, "one at a time");
    }
    assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300]);
    at = at + LONGEST_PAUSE;
    assert_eq!(run(&mut lanes, &id, true, at), 1);
    assert_eq!(lanes.start(at).len(), OF_ONE, "it is well again");
}

#[test]
fn tries_that_ran_side_by_side_are_one_failure() {
    let mut lanes = Lanes::default();
    let id = lane(&mut lanes, "blip", 100);
    assert_eq!(run(&mut lanes, &id, false, now()), OF_ONE);
    assert_eq!((lanes.lanes[&id].failures, lanes.lanes[&id].paused_until), (1, None));
    assert_eq!(run(&mut lanes, &id, true, now()), 1, "at once, to see whether it is over");
    assert_eq!(run(&mut lanes, &id, true, now()), OF_ONE);
}

#[test]
fn what_somebody_asks_for_ends_the_pause_and_goes_first() {
    let mut lanes = Lanes::default();
    let id = lane(&mut lanes, "dead", 100);
    for _ in 0..4 {
        run(&mut lanes, &id, false, now());
    }
    let (_, last, began) = lanes.start(now()).remove(0);
    lanes.ended(&id, &last.id, outcome(false, Duration::ZERO, began), now());
    assert!(lanes.start(now()).is_empty() && lanes.woken().is_empty());

    let mut endpoint = lanes.lanes[&id].endpoint.clone();
    endpoint.version += 1;
    endpoint.wake(now());
    lanes.know(endpoint.clone(), true, now());
    assert_eq!(lanes.woken(), [(id.clone(), now())]);
    let (test, waits) = (Delivery::test(&endpoint, now()), lanes.lanes[&id].waiting[70].clone());
    let before = lanes.waiting;
    lanes.push_first(&id, vec![test.clone(), waits.clone()]);
    assert_eq!(lanes.waiting, before + 1, "what waited already was moved");
    let started = lanes.start(now());
    assert_eq!(started.len(), OF_ONE);
    assert_eq!((&started[0].1.id, &started[1].1.id), (&test.id, &waits.id));

    // It is asked for once, and what has begun since counts as ever.
    endpoint.version += 1;
    lanes.know(endpoint, true, now());
    assert!(lanes.woken().is_empty());
    for (_, delivery, began) in &started {
        lanes.ended(&id, &delivery.id, outcome(false, Duration::ZERO, *began), now());
    }
    assert_eq!(lanes.lanes[&id].failures, 1);
}

/// A try may hang for long beside the one that somebody has asked for.
#[test]
fn a_try_that_had_begun_before_says_nothing_of_what_was_mended_since() {
    let mut lanes = Lanes::default();
    let id = lane(&mut lanes, "mended", 100);
    let hung = lanes.start(now());
    let mut endpoint = lanes.lanes[&id].endpoint.clone();
    endpoint.version += 1;
    endpoint.wake(now());
    lanes.know(endpoint, true, now());
    for (_, delivery, began) in &hung {
        lanes.ended(&id, &delivery.id, outcome(false, Duration::ZERO, *began), now());
    }
    assert_eq!(lanes.lanes[&id].failures, 0);
}

#[test]
fn what_waits_is_bounded_and_the_store_is_asked_for_the_rest() {
    let mut lanes = Lanes::default();
    let id = lane(&mut lanes, "a", WAITING + 1);
    assert_eq!(lanes.waiting, WAITING);
    assert!(lanes.hungry(now()).is_empty(), "not before there is room");
    while lanes.waiting > 0 {
        run(&mut lanes, &id, true, now());
    }
    assert_eq!(lanes.hungry(now()), std::slice::from_ref(&id));
    lanes.fill(&id, Vec::new(), true, None);
    lanes.tidy();
    assert!(lanes.is_empty());
}

/// As many as this are asked for to this address.
fn tests(lanes: &Lanes, id: &str, many: usize) -> Vec<Delivery> {
    (0..many).map(|_| Delivery::test(&lanes.lanes[id].endpoint, now())).collect()
}

#[test]
fn what_somebody_asks_for_again_and_again_is_bounded_too() {
    let mut lanes = Lanes::default();
    let id = lane(&mut lanes, "hangs", WAITING);
    assert_eq!(lanes.start(now()).len(), OF_ONE);
    for _ in 0..20 {
        let asked = tests(&lanes, &id, OF_ONE);
        lanes.push_first(&id, asked.clone());
        assert_eq!(lanes.lanes[&id].waiting[0].id, asked[0].id);
    }
    let hangs = &lanes.lanes[&id];
    assert_eq!((hangs.waiting.len(), lanes.waiting), (WAITING, WAITING));
    assert_eq!(hangs.known.len(), WAITING + OF_ONE, "what was put aside can be read again");
    assert!(hangs.behind, "and will be");
}

#[test]
fn what_dead_addresses_have_waiting_does_not_stop_the_others() {
    let mut lanes = Lanes::default();
    for n in 0..ALL_WAITING / WAITING {
        let id = lane(&mut lanes, &format!("dead{n:02}"), WAITING);
        lanes.lanes.get_mut(&id).unwrap().paused_until = Some(now() + LONGEST_PAUSE);
    }
    assert_eq!((lanes.waiting, lanes.start(now()).len()), (ALL_WAITING, 0));
    let id = lane(&mut lanes, "well", WAITING);
    assert_eq!(lanes.waiting, ALL_WAITING + OF_ONE);
    assert_eq!(run(&mut lanes, &id, true, now()), OF_ONE);
    assert_eq!(lanes.hungry(now()), std::slice::from_ref(&id));
    assert_eq!(lanes.reads(&id), OF_ONE, "no more than may wait");
    let due = tests(&lanes, &id, WAITING);
    lanes.fill(&id, due, true, None);
    assert_eq!((lanes.waiting, lanes.lanes[&id].behind), (ALL_WAITING + OF_ONE, true));
    let asked = tests(&lanes, &id, OF_ONE);
    lanes.push_first(&id, asked);
    assert_eq!(lanes.waiting, ALL_WAITING + OF_ONE);
    assert_eq!(run(&mut lanes, &id, true, now()), OF_ONE);
    assert_eq!(lanes.waiting, ALL_WAITING);
}

/// All its places are taken by tries that hang.
#[test]
fn what_somebody_asks_for_has_one_place_more() {
    let mut lanes = Lanes::default();
    let id = lane(&mut lanes, "hangs", 100);
    assert_eq!((lanes.start(now()).len(), lanes.start(now()).len()), (OF_ONE, 0));
    let asked = tests(&lanes, &id, 2);
    lanes.push_first(&id, asked.clone());
    for one in &asked {
        let started = lanes.start(now());
        assert_eq!(started.len(), 1);
        assert_eq!(started[0].1.id, one.id);
        lanes.ended(&id, &one.id, outcome(true, Duration::ZERO, started[0].2), now());
    }
    assert!(lanes.start(now()).is_empty(), "what was not asked for waits");

    // One that has failed since has one place, as ever, and nothing has more than there are.
    let asked = tests(&lanes, &id, 2);
    lanes.push_first(&id, asked.clone());
    let began = lanes.start(now())[0].2;
    lanes.ended(&id, &asked[0].id, outcome(false, Duration::ZERO, began), now());
    assert!(lanes.start(now()).is_empty());
    let mut full = Lanes::default();
    let ids: Vec<_> = (0..MOST / OF_ONE).map(|n| lane(&mut full, &format!("full{n:02}"), 20)).collect();
    assert_eq!(full.start(now()).len(), MOST);
    let asked = tests(&full, &ids[0], 1);
    full.push_first(&ids[0], asked);
    assert!(full.start(now()).is_empty());
}

#[test]
fn what_was_asked_for_just_before_this_process_began_goes_first_too() {
    let mut endpoint = Endpoint::new("shop", "https://shop.example/".to_owned(), Vec::new(), now());
    endpoint.wake(now());
    let (soon, mut lanes) = (now() + NEWS, Lanes::default());
    lanes.know(endpoint.clone(), true, soon);
    assert_eq!(lanes.woken(), [(endpoint.id.clone(), now())]);
    lanes.push_first(&endpoint.id, Vec::new());
    lanes.know(endpoint.clone(), true, soon);
    assert!(lanes.woken().is_empty(), "once");
    let mut later = Lanes::default();
    later.know(endpoint, true, soon + Duration::from_millis(1));
    assert!(later.woken().is_empty(), "long ago");
}
