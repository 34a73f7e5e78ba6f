//! Query parameters: known and right, or refused by name.

use axum::{Router, routing::get};
use serde::Deserialize;
use validator::Validate;
use waybill::{
    base::timestamp::Timestamp,
    platform::http::{Kind, ValidQuery},
};

use super::{Answer, edge, get as fetch};

#[derive(Deserialize, Validate, Debug)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct List {
    #[validate(range(min = 1, max = 100))]
    limit: Option<u32>,
    client_order_id: Option<String>,
    status: Option<Status>,
    created_after: Option<Timestamp>,
    newest: Option<bool>,
    ratio: Option<f64>,
}

#[derive(Deserialize, Debug)]
#[serde(rename_all = "lowercase")]
enum Status {
    Pending,
    Booked,
}

async fn ask(query: &str) -> Answer {
    let router = Router::new().route(
        "/orders",
        get(async |ValidQuery(q): ValidQuery<List>| {
            let status = match q.status {
                Some(Status::Pending) => "p",
                Some(Status::Booked) => "b",
                None => "-",
            };
            format!(
                "{:?} {:?} {status} {:?} {:?} {:?}",
                q.limit,
                q.client_order_id,
                q.created_after.map(|t| t.as_millis()),
                q.newest,
                q.ratio
            )
        }),
    );
    fetch(&edge(router), &format!("/orders?{query}")).await
}

#[tokio::test]
async fn good_queries_arrive_typed() {
    assert_eq!(ask("").await.text(), "None None - None None None");
    assert_eq!(
        ask("limit=20&clientOrderId=a%20b%2Bc+d&status=booked&createdAfter=1970-01-01T00:00:01Z\
             &newest=true&ratio=2")
        .await
        .text(),
        "Some(20) Some(\"a b+c d\") b Some(1000) Some(true) Some(2.0)"
    );
    assert_eq!(
        ask("clientOrderId=20").await.text(),
        "None Some(\"20\") - None None None",
        "a text of digits stays a text"
    );
}

#[tokio::test]
async fn every_bad_parameter_is_named_and_none_repeated() {
    let a = ask("limit=ten&limt=5&status=SECRET&createdAfter=SECRET&newest=yes&ratio=\
                 &clientOrderId=1&clientOrderId=2")
    .await;
    let expected = [
        ("clientOrderId", "duplicate"),
        ("createdAfter", "invalid"),
        ("limit", "type"),
        ("limt", "unknown"),
        ("newest", "type"),
        ("ratio", "type"),
        ("status", "enum"),
    ];
    assert_eq!(a.faults(Kind::InvalidQuery), expected.map(|(p, c)| (p.to_owned(), c.to_owned())));
    assert!(!a.text().contains("SECRET") && !a.text().contains("pointer"), "{}", a.text());
    assert!(a.text().contains("must be one of pending, booked"), "{}", a.text());
}

#[tokio::test]
async fn bounds_are_kept() {
    for query in ["limit=0", "limit=101", "limit=-1", "limit=1.5", "limit=4294967296", "limit=", "limit"] {
        let faults = ask(query).await.faults(Kind::InvalidQuery);
        assert_eq!((faults.len(), faults[0].0.as_str()), (1, "limit"), "{query}");
    }
    let a = ask("limit=101").await;
    assert_eq!(a.json()["detail"], "The parameter limit must be from 1 to 100.");
    assert_eq!(ask("clientOrderId=%ff").await.faults(Kind::InvalidQuery)[0].0, "clientOrderId");
}
