//! Events that do not read, amid many: whoever goes through them is given all others, each once.

use std::{marker::PhantomData, time::Duration};

use serde_json::{Value, json};
use tokio::{net::TcpListener, time::timeout};
use tokio_util::sync::CancellationToken;
use waybill::{
    admin::rights::Role,
    base::ids,
    features::events::{Event, Events, seq_of},
    platform::http::serve::serve,
};

use super::{bearer, put_aside::put};
use crate::{
    support::{Client, TestApp, orders::order, raw::Raw, sse::Stream},
    webhooks::behind::happen,
};

/// More than two pages of what streams read at once.
const MANY: usize = 450;
/// More than one page.
const DAMAGED: i64 = 210;

/// The first events of all: none of them has ever been one that reads.
async fn damage(app: &TestApp, merchant: &str) {
    // Without their type.
    let damaged = |seq| -> Raw<Event> {
        let public = json!({ "merchant": merchant, "type": "order.updated" });
        let rest = json!({ "seq": seq, "subject": "ord_damaged", "no": seq, "public": public });
        let Value::Object(rest) = rest else { panic!("not an object") };
        Raw { id: ids::event(seq), version: 1, at: Some(app.clock.now()), rest, of: PhantomData }
    };
    let all: Vec<_> = (1..=DAMAGED).map(damaged).collect();
    for inserted in app.app.store.insert_all(&all).await {
        inserted.unwrap();
    }
    Events::new(app.app.store.clone()).skip(DAMAGED).await.unwrap();
}

/// A stream of this merchant and one of the dashboard, behind this event or from now on.
async fn open(app: &TestApp, shop: &Client, after: Option<i64>) -> [Stream; 2] {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, app.router(), CancellationToken::new(), Duration::from_secs(5)));
    let (token, viewer) = (bearer(shop), app.admin(Role::Viewer).await);
    let (id, number) = (after.map(ids::event), after.map(|seq| seq.to_string()));
    let mut of_shop = vec![("Authorization", token.as_str())];
    of_shop.extend(id.as_deref().map(|id| ("Last-Event-ID", id)));
    let mut of_desk = vec![("Cookie", viewer.cookie.as_deref().unwrap())];
    of_desk.extend(number.as_deref().map(|number| ("Last-Event-ID", number)));
    [
        Stream::open(address, "/v1/events/stream", &of_shop).await,
        Stream::open(address, "/admin/api/events", &of_desk).await,
    ]
}

/// The number of the next event. A beat of the line is none.
async fn next(stream: &mut Stream) -> i64 {
    let sent = timeout(Duration::from_secs(10), stream.next()).await.expect("no event came");
    let id = sent.id.unwrap();
    seq_of(&id).unwrap_or_else(|| id.parse().unwrap())
}

/// The numbers of all events in lists of so many.
async fn listed(merchant: &Client, limit: usize) -> Vec<i64> {
    let (mut numbers, mut path) = (Vec::new(), format!("/v1/events?limit={limit}"));
    loop {
        let answer = merchant.get(&path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let page = answer.json();
        let ids = page["data"].as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap());
        numbers.extend(ids.map(|id| seq_of(id).unwrap()));
        if page["hasMore"] == false {
            return numbers;
        }
        path = format!("/v1/events?limit={limit}&cursor={}", page["nextCursor"].as_str().unwrap());
    }
}

#[tokio::test]
async fn whoever_is_far_behind_is_given_all_others() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    happen(&app, "shop", 0..MANY).await;
    // Amid a page, at its end, and where the next one begins.
    let damaged = [20, 200, 201];
    for seq in damaged {
        put(&app, None, ("events", &ids::event(seq)), "type", &json!(7)).await;
    }
    let streams = open(&app, &shop, Some(0)).await;
    // What comes now must not come before what is still to follow.
    happen(&app, "shop", MANY..MANY + 1).await;
    let last = Events::new(app.app.store.clone()).last().await.unwrap();
    let all: Vec<i64> = (1..=last).filter(|seq| !damaged.contains(seq)).collect();
    assert_eq!(all.len(), MANY + 1 - damaged.len());
    for mut stream in streams {
        let mut told = Vec::new();
        while told.last() != Some(&last) {
            told.push(next(&mut stream).await);
        }
        assert_eq!(told, all);
    }
    for limit in [50, 200] {
        assert_eq!(listed(&shop, limit).await, all, "{limit} a page");
    }
}

/// By who listens when they come, by who comes later, and by who asks for a time.
#[tokio::test]
async fn a_page_of_them_alone_is_stepped_over() {
    let app = TestApp::start().await;
    let (shop, since) = (app.merchant("shop"), app.clock.now());
    let live = open(&app, &shop, None).await;
    damage(&app, "shop").await;
    let late = open(&app, &shop, Some(0)).await;
    let mut streams: Vec<_> = live.into_iter().chain(late).collect();
    // The first one out of the store or as it comes; the second one, once they are that far, as it comes.
    for (order, seq) in [(0, DAMAGED + 1), (1, DAMAGED + 2)] {
        happen(&app, "shop", order..order + 1).await;
        for stream in &mut streams {
            assert_eq!(next(stream).await, seq);
        }
    }
    assert_eq!(listed(&shop, 200).await, [DAMAGED + 1, DAMAGED + 2]);
    let place = Events::new(app.app.store.clone()).before_time(since).await.unwrap();
    assert_eq!(place, 0, "an event of that time or later is not behind it");
}

/// Else each of its steps would be offered again, and the pass end at the first few that are events already.
#[tokio::test]
async fn a_last_step_that_does_not_read_is_one_all_the_same() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let shop = app.merchant("shop");
    let order = shop.create(&order("A-1")).await;
    let say = async |text: String| {
        let said = shop.post(&format!("/v1/orders/{order}/messages"), &json!({ "text": text })).await;
        assert_eq!(said.status, 201, "{}", said.text());
    };
    for n in 1..=12 {
        say(format!("message {n}")).await;
    }
    app.worker.publisher().pass().await.unwrap();
    let events = Events::new(app.app.store.clone());
    let of_messages = |all: Vec<Event>| all.into_iter().filter(|event| event.subject.ends_with("/messages"));
    let last = of_messages(events.after(0, 100).await.unwrap()).next_back().unwrap();
    assert_eq!(last.no, 12);
    put(&app, None, ("events", &last.id), "type", &json!(7)).await;
    say("message 13".to_owned()).await;
    app.worker.publisher().pass().await.unwrap();
    let told: Vec<_> =
        of_messages(events.after(last.seq, 100).await.unwrap()).map(|event| event.no).collect();
    assert_eq!(told, [13]);
}
