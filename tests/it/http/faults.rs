//! What keeps serde from going on must not keep the other faults from being told.

use axum::{Router, routing::post};
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Value, json};
use validator::Validate;
use waybill::{
    base::{money::Rupees, timestamp::Timestamp},
    platform::http::{Kind, ValidJson},
};

use super::{Answer, edge, post as send_json};

#[derive(Deserialize, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Pickup {
    from_time: Timestamp,
    count: u16,
    fragile: bool,
    price: Rupees,
    place: Place,
    grid: Vec<Vec<i8>>,
    speed: Speed,
    token: Option<Token>,
    extra: Option<Extra>,
    #[validate(length(min = 2))]
    zone: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Place {
    city: String,
    street: Option<String>,
    pair: (u8, u8),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Speed {
    Air,
    Surface,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Extra {
    Crate { side: u8 },
    Note(String),
}

/// Reads itself, and says more than it should.
struct Token;

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        if text == "good" { Ok(Self) } else { Err(de::Error::custom(format!("{text} is no token"))) }
    }
}

fn good() -> Value {
    json!({
        "fromTime": "2026-01-31T09:30:00Z", "count": 1, "fragile": true, "price": "5", "zone": "north",
        "place": { "city": "Pune", "pair": [1, 2] }, "grid": [[1], [2, -3]], "speed": "air", "token": "good",
        "extra": { "crate": { "side": 3 } }
    })
}

async fn ask(body: impl ToString) -> Answer {
    let handler = post(async |ValidJson(p): ValidJson<Pickup>| {
        let speed = matches!(p.speed, Speed::Air | Speed::Surface);
        let place = (p.place.city, p.place.street, p.place.pair);
        let more = (p.grid, p.token.is_some(), json!(p.extra));
        format!("{} {} {} {place:?} {speed} {more:?}", p.count, p.fragile, p.price.0)
            + &p.from_time.to_string()
            + &p.zone
    });
    send_json(&edge(Router::new().route("/pickups", handler)), "/pickups", body.to_string()).await
}

/// A good body with other values, as `(pointer, code)` of its faults.
async fn faults_with(changes: &[(&str, Value)]) -> Vec<(String, String)> {
    let mut body = good();
    for (pointer, value) in changes {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        match body.pointer_mut(pointer) {
            Some(place) => *place = value.clone(),
            None => body.pointer_mut(parent).unwrap()[key] = value.clone(),
        }
    }
    let answer = ask(&body).await;
    assert!(!answer.text().contains("SECRET") && !answer.text().contains("may be more"), "{}", answer.text());
    answer.faults(Kind::ValidationFailed)
}

fn listed(faults: &[(&str, &str)]) -> Vec<(String, String)> {
    faults.iter().map(|(p, c)| ((*p).to_owned(), (*c).to_owned())).collect()
}

#[tokio::test]
async fn each_type_has_a_placeholder_when_it_is_wrong_null_or_missing() {
    assert_eq!(ask(good()).await.status.as_u16(), 200, "{}", ask(good()).await.text());
    let zone = ("/zone", json!("x"));
    for (field, wrong, code) in [
        ("/fromTime", json!("yesterday SECRET"), "invalid"),
        ("/count", json!(70_000), "invalid"),
        ("/fragile", json!("SECRET"), "type"),
        ("/price", json!("1.005"), "invalid"),
        ("/place", json!("SECRET"), "type"),
        ("/place/pair", json!([1]), "length"),
        ("/grid", json!({}), "type"),
        ("/grid/1/1", json!("SECRET"), "type"),
        ("/speed", json!("SECRET"), "enum"),
        ("/speed", json!(["air"]), "enum"),
        ("/speed", json!({ "air": null }), "enum"),
        ("/speed", json!({ "air": 1, "surface": 2 }), "enum"),
        ("/token", json!("SECRET"), "invalid"),
        ("/place/pair", json!([1, 2, 3]), "length"),
        ("/extra", json!("crate"), "type"),
        ("/extra", json!("SECRET"), "enum"),
        ("/extra", json!({ "crate": { "side": 1 }, "note": "SECRET" }), "enum"),
        ("/extra/crate", json!("SECRET"), "type"),
        ("/extra/crate/side", json!("SECRET"), "type"),
        ("/extra/note", json!(["SECRET"]), "type"),
    ] {
        let note = ("/extra", json!({ "note": "" }));
        let before = if field == "/extra/note" { vec![note] } else { Vec::new() };
        let found = faults_with(&[before, vec![(field, wrong.clone()), zone.clone()]].concat()).await;
        assert_eq!(found, listed(&[(field, code), ("/zone", "length")]), "{wrong}");
    }
    let fields = ["/count", "/fragile", "/fromTime", "/grid", "/place", "/price", "/speed"];
    for field in fields {
        let found = faults_with(&[(field, json!(null)), zone.clone()]).await;
        assert_eq!(found.iter().map(|(p, _)| p.as_str()).collect::<Vec<_>>(), [field, "/zone"]);
    }
    let mut missing = fields.map(|field| (field, "missing")).to_vec();
    missing.push(("/zone", "missing"));
    let answer = ask("{}").await;
    assert_eq!(answer.faults(Kind::ValidationFailed), listed(&missing));
    assert!(!answer.text().contains("may be more"), "{}", answer.text());
}

#[tokio::test]
async fn unknown_missing_and_wrong_stand_side_by_side() {
    let place = json!({ "street": 7, "pair": [1, 300], "a, expected `x`": 1, "town": { "x": [] } });
    let found =
        faults_with(&[("/place", place), ("/grid", json!([[1], 2, [true, 1000]])), ("/more", json!(1))])
            .await;
    let expected = [
        ("/grid/1", "type"),
        ("/grid/2/0", "type"),
        ("/grid/2/1", "invalid"),
        ("/more", "unknown"),
        ("/place/a, expected `x`", "unknown"),
        ("/place/city", "missing"),
        ("/place/pair/1", "invalid"),
        ("/place/street", "type"),
        ("/place/town", "unknown"),
    ];
    assert_eq!(found, listed(&expected));
}

#[tokio::test]
async fn what_was_sent_never_passes_for_words_of_ours() {
    for value in ["a, expected SECRET", "`SECRET`", "x, expected one of `SECRET`"] {
        let wrong =
            json!({ "count": value, "speed": value, "token": value, "fromTime": value, "place": value });
        let answer = ask(&wrong).await;
        answer.problem(Kind::ValidationFailed);
        assert!(!answer.text().contains("SECRET"), "{value}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_list_is_no_object_and_a_repeated_key_is_told_wherever_it_stands() {
    let listed_place = faults_with(&[("/place", json!(["Pune", null, [1, 2]]))]).await;
    assert_eq!(listed_place, listed(&[("/place", "type")]));
    let text = good().to_string();
    let twice =
        text.replacen("\"city\":", "\"city\":1,\"city\":", 1).replacen('{', "{\"u\":[{\"a\":1,\"a\":2}],", 1);
    let found = ask(twice).await.faults(Kind::ValidationFailed);
    assert_eq!(found, listed(&[("/place/city", "duplicate"), ("/u", "unknown"), ("/u/0/a", "duplicate")]));
}

/// serde_json lets a key of its own stand for a text that holds another document.
#[tokio::test]
async fn a_document_inside_a_document_is_refused() {
    for inner in [good().to_string(), "{}".to_owned(), "SECRET".to_owned()] {
        let body = json!({ "$serde_json::private::RawValue": inner });
        let answer = ask(&body).await;
        answer.problem(Kind::ValidationFailed);
        assert!(!answer.text().contains("SECRET"), "{}", answer.text());
    }
    ask(json!({ "$serde_json::private::RawValue": 1 })).await.problem(Kind::ValidationFailed);
}
