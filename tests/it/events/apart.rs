//! Two shops never see each other's events, by any path.

use axum::body::Body;
use http::Request;

use super::{another, bearer, booked, list, ticket};
use crate::support::{TestApp, sse::Stream};

#[tokio::test]
async fn two_shops_never_see_each_others_events() {
    let app = TestApp::start().await;
    let (one, two) = (app.merchant("one"), app.merchant("two"));
    let (address, _stop) = another(&app).await;
    let first = booked(&app, &one, "A-1").await;
    let begin = list(&one, "/v1/events").await[0]["id"].as_str().unwrap().to_owned();
    let tokens = (bearer(&one), bearer(&two));

    // Every way to open a stream, each with and without a place.
    let mut streams = Vec::new();
    for (client, token) in [(&one, &tokens.0), (&two, &tokens.1)] {
        let accept = ("Accept", "text/event-stream");
        let authorization = ("Authorization", token.as_str());
        let mut of_shop = vec![
            Stream::open(address, "/v1/events/stream", &[authorization]).await,
            Stream::open(address, "/v1/events", &[authorization, accept]).await,
            Stream::open(address, &format!("/v1/events/stream?ticket={}", ticket(client).await), &[]).await,
            Stream::open(address, "/v1/events/stream", &[authorization, ("Last-Event-ID", &begin)]).await,
            Stream::open(address, &format!("/v1/events?cursor={begin}"), &[authorization, accept]).await,
        ];
        streams.append(&mut of_shop);
    }
    let second = booked(&app, &two, "B-1").await;
    booked(&app, &one, "A-2").await;
    booked(&app, &two, "B-2").await;
    for (n, mut stream) in streams.into_iter().enumerate() {
        let (mine, others) = if n < 5 { ("A-", "B-") } else { ("B-", "A-") };
        let last = if n < 5 { "A-2" } else { "B-2" };
        loop {
            let sent = stream.next().await;
            let told = sent.data["data"]["clientOrderId"].as_str().unwrap().to_owned();
            assert!(told.starts_with(mine) && !told.starts_with(others), "stream {n}: {sent:?}");
            if told == last && sent.data["data"]["sequence"] == 3 {
                break;
            }
        }
    }

    // Lists.
    for (client, mine) in [(&one, "A-"), (&two, "B-")] {
        for path in ["/v1/events".to_owned(), format!("/v1/events?cursor={begin}")] {
            let all = list(client, &path).await;
            assert!(
                all.iter().all(|e| e["data"]["clientOrderId"].as_str().unwrap().starts_with(mine)),
                "{all:?}"
            );
            assert!(all.len() >= 5);
        }
    }
    // The other shop's order, on every path that names one.
    for (client, id) in [(&one, &second), (&two, &first)] {
        for path in [format!("/v1/orders/{id}/events"), format!("/ws/orders/{id}")] {
            client.get(&path).await.problem(404, "not-found");
            let stream =
                Request::get(&path).header("accept", "text/event-stream").body(Body::empty()).unwrap();
            client.send(stream).await.problem(404, "not-found");
            let by_ticket = format!("{path}?ticket={}", ticket(client).await);
            app.anybody().get(&by_ticket).await.problem(404, "not-found");
        }
    }
}
