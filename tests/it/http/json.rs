//! Bodies of the wrong shape: every fault and its place.

use axum::{Router, routing::post};
use serde::{Deserialize, Serialize};
use serde_json::json;
use validator::{Validate, ValidationError, ValidationErrors};
use waybill::{
    base::money::Rupees,
    platform::http::{Kind, ValidJson},
};

use super::{edge, post as send_json};

#[derive(Deserialize, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[validate(schema(function = "cod_needs_amount", skip_on_field_errors = false))]
struct Order {
    #[validate(length(min = 1, max = 20))]
    invoice_number: String,
    payment_method: Payment,
    #[serde(default)]
    speed: Option<Speed>,
    #[validate(nested)]
    consignee: Consignee,
    #[validate(length(min = 1, max = 200), nested)]
    items: Vec<Item>,
    #[validate(length(min = 1), nested)]
    box_weights: Vec<Kg>,
    charges: Charges,
    #[serde(default)]
    extra: Option<Extra>,
    #[serde(default)]
    size: Option<(u8, u8)>,
}

#[derive(Deserialize, PartialEq, Clone, Copy)]
enum Payment {
    #[serde(rename = "COD", alias = "cod", alias = "Cod")]
    Cod,
    #[serde(rename = "PREPAID", alias = "prepaid")]
    Prepaid,
}

#[derive(Deserialize)]
enum Speed {
    #[serde(rename = "surface", alias = "Surface")]
    Surface,
    #[serde(rename = "air", alias = "Air")]
    Air,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
enum Extra {
    Fragile { height_limit: u32 },
    Note(String),
}

#[derive(Deserialize, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Consignee {
    #[validate(length(min = 2))]
    name: String,
    #[validate(email)]
    email: Option<String>,
    #[validate(custom(function = "mobile"))]
    mobile: String,
}

#[derive(Deserialize, Serialize, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Item {
    #[validate(length(equal = 3))]
    sku: String,
    #[validate(range(min = 1, max = 50))]
    quantity: u32,
    #[validate(range(exclusive_min = 0.0))]
    unit_weight: Option<f64>,
}

#[derive(Deserialize, Serialize)]
struct Kg(f64);

impl Validate for Kg {
    fn validate(&self) -> Result<(), ValidationErrors> {
        if (0.001..=50.0).contains(&self.0) {
            return Ok(());
        }
        let mut errors = ValidationErrors::new();
        errors.add(
            "__all__",
            ValidationError::new("weight").with_message("must be from 0.001 to 50 kg".into()),
        );
        Err(errors)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Charges {
    #[serde(rename = "orderAmount")]
    _order_amount: Rupees,
    #[serde(default)]
    cod_amount: Rupees,
}

fn mobile(text: &str) -> Result<(), ValidationError> {
    if text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit()) {
        Ok(())
    } else {
        Err(ValidationError::new("mobile").with_message("must be exactly 10 digits".into()))
    }
}

fn cod_needs_amount(order: &Order) -> Result<(), ValidationError> {
    if (order.payment_method == Payment::Cod) == (order.charges.cod_amount > Rupees::default()) {
        return Ok(());
    }
    let mut e = ValidationError::new("cod-amount")
        .with_message("must be more than 0 for COD, and 0 otherwise".into());
    e.add_param("at".into(), &"/charges/codAmount");
    Err(e)
}

pub(super) fn good() -> serde_json::Value {
    json!({
        "invoiceNumber": "INV-1", "paymentMethod": "COD", "speed": "Air",
        "consignee": { "name": "Asha", "email": "asha@example.com", "mobile": "9876543210" },
        "items": [{ "sku": "abc", "quantity": 2 }, { "sku": "def", "quantity": 1, "unitWeight": 0.25 }],
        "boxWeights": [0.4, 2], "charges": { "orderAmount": 299.99, "codAmount": "100" },
        "extra": { "fragile": { "heightLimit": 3 } }, "size": [1, 2]
    })
}

pub(super) fn router() -> Router {
    edge(Router::new().route(
        "/orders",
        post(async |ValidJson(order): ValidJson<Order>| {
            let speed = matches!(order.speed, Some(Speed::Air | Speed::Surface));
            let extra = match order.extra {
                Some(Extra::Fragile { height_limit }) => height_limit.to_string(),
                Some(Extra::Note(n)) => n,
                None => String::new(),
            };
            format!("{} {} {speed} {extra} {:?}", order.invoice_number, order.items.len(), order.size)
        }),
    ))
}

async fn faults(body: impl ToString) -> Vec<(String, String)> {
    send_json(&router(), "/orders", body.to_string()).await.faults(Kind::ValidationFailed)
}

fn listed(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(p, c)| ((*p).to_owned(), (*c).to_owned())).collect()
}

#[tokio::test]
async fn a_good_body_arrives() {
    let a = send_json(&router(), "/orders", good().to_string()).await;
    assert_eq!(a.text(), "INV-1 2 true 3 Some((1, 2))");
}

#[tokio::test]
async fn every_fault_of_shape_and_rule_is_reported_at_once() {
    let mut body = good();
    body["invoiceNumber"] = json!("");
    body["paymentMethod"] = json!("barter");
    body["speed"] = json!(["air"]);
    body["surprise/~"] = json!(1);
    body["consignee"] = json!({ "email": "nobody", "mobile": "१२३४५६७८९०", "age": 5 });
    body["items"] = json!([
        { "sku": "ab", "quantity": 0 }, { "quantity": "2" }, 7,
        { "sku": "abc", "quantity": -1, "unitWeight": 0 }
    ]);
    body["boxWeights"] = json!([0.5, 0, "heavy", 51, null]);
    body["charges"] = json!({ "orderAmount": "1.005", "codAmount": -1 });
    body["extra"] = json!({ "fragile": { "heightLimit": "tall" } });
    body["size"] = json!([1, 2000]);
    assert_eq!(
        faults(&body).await,
        listed(&[
            ("/boxWeights/1", "weight"),
            ("/boxWeights/2", "type"),
            ("/boxWeights/3", "weight"),
            ("/boxWeights/4", "type"),
            ("/charges/codAmount", "invalid"),
            ("/charges/orderAmount", "invalid"),
            ("/consignee/age", "unknown"),
            ("/consignee/email", "email"),
            ("/consignee/mobile", "mobile"),
            ("/consignee/name", "missing"),
            ("/extra/fragile/heightLimit", "type"),
            ("/invoiceNumber", "length"),
            ("/items/0/quantity", "range"),
            ("/items/0/sku", "length"),
            ("/items/1/quantity", "type"),
            ("/items/1/sku", "missing"),
            ("/items/2", "type"),
            ("/items/3/quantity", "invalid"),
            ("/items/3/unitWeight", "range"),
            ("/paymentMethod", "enum"),
            ("/size/1", "invalid"),
            ("/speed", "enum"),
            ("/surprise~1~0", "unknown"),
        ])
    );
}

#[tokio::test]
async fn every_text_is_for_people_and_none_repeats_what_was_sent() {
    let mut body = good();
    body["invoiceNumber"] = json!("SECRET".repeat(9));
    body["paymentMethod"] = json!("SECRET");
    body["speed"] = json!("SECRET");
    body["consignee"] = json!({ "name": 5, "email": "SECRET", "mobile": "SECRET" });
    body["items"] =
        json!([{ "sku": "SECRET", "quantity": 99 }, { "sku": [], "quantity": 1.5, "unitWeight": "SECRET" }]);
    body["boxWeights"] = json!([]);
    body["charges"] = json!({ "orderAmount": "SECRET", "codAmount": {} });
    let a = send_json(&router(), "/orders", body.to_string()).await;
    assert!(!a.text().contains("SECRET"), "{}", a.text());
    let body = a.problem(Kind::ValidationFailed);
    let detail = |at: &str| {
        body["errors"]
            .as_array()
            .unwrap()
            .iter()
            .find(|e| e["pointer"] == at)
            .unwrap_or_else(|| panic!("{at}: {body}"))["detail"]
            .clone()
    };
    for (at, says) in [
        ("/invoiceNumber", "must have 1 to 20 characters"),
        ("/paymentMethod", "must be one of COD, PREPAID"),
        ("/speed", "must be one of Surface, Air"),
        ("/consignee/name", "must be a string"),
        ("/consignee/email", "must be an e-mail address"),
        ("/consignee/mobile", "must be exactly 10 digits"),
        ("/items/0/sku", "must have exactly 3 characters"),
        ("/items/0/quantity", "must be from 1 to 50"),
        ("/items/1/sku", "must be a string"),
        ("/items/1/quantity", "must be a whole number from 0 to 4294967295"),
        ("/items/1/unitWeight", "must be a number"),
        ("/boxWeights", "must not be empty"),
        ("/charges/orderAmount", "must be an amount in rupees such as 1499 or \"1499.50\""),
        ("/charges/codAmount", "must be an amount in rupees, as a number or a decimal string"),
    ] {
        assert_eq!(detail(at), says, "{at}");
    }
    assert_eq!(body["detail"], "The body has 14 faults; `errors` lists them.");
}

#[tokio::test]
async fn rules_over_several_fields_name_their_place_and_never_judge_a_placeholder() {
    let mut body = good();
    body["paymentMethod"] = json!("prepaid");
    let a = send_json(&router(), "/orders", body.to_string()).await;
    assert_eq!(a.faults(Kind::ValidationFailed), listed(&[("/charges/codAmount", "cod-amount")]));
    assert_eq!(a.json()["message"], "/charges/codAmount must be more than 0 for COD, and 0 otherwise.");

    body["charges"]["codAmount"] = json!("many");
    assert_eq!(faults(&body).await, listed(&[("/charges/codAmount", "invalid")]));
    body["charges"] = json!(null);
    assert_eq!(faults(&body).await, listed(&[("/charges", "type")]));
}

#[tokio::test]
async fn missing_wrong_and_repeated_parts_point_to_themselves() {
    assert_eq!(faults("[]").await, listed(&[("", "type")]));
    assert_eq!(faults("7").await, listed(&[("", "type")]));
    let missing: Vec<_> = faults("{}").await.into_iter().map(|(p, _)| p).collect();
    assert_eq!(
        missing,
        ["/boxWeights", "/charges", "/consignee", "/invoiceNumber", "/items", "/paymentMethod"]
    );

    let text = good().to_string();
    let twice = text.replacen('{', r#"{"invoiceNumber":"A","#, 1);
    assert_eq!(faults(&twice).await, listed(&[("/invoiceNumber", "duplicate")]));
    let deep = text
        .replace(r#""sku":"def""#, r#""sku":"def","sku":"ghi""#)
        .replace(r#""name":"Asha""#, r#""name":"A""#);
    assert_eq!(faults(&deep).await, listed(&[("/consignee/name", "length"), ("/items/1/sku", "duplicate")]));
    for (part, value) in [
        ("/extra", json!("note")),
        ("/extra", json!({ "note": "a", "fragile": {} })),
        ("/extra", json!({ "other": 1 })),
        ("/size", json!([1])),
    ] {
        let mut body = good();
        *body.pointer_mut(part).unwrap() = value;
        assert_eq!(faults(&body).await.len(), 1, "{body}");
    }
}

#[tokio::test]
async fn the_list_of_faults_is_capped_and_says_so() {
    let mut body = good();
    body["items"] = (0..150).map(|_| json!({ "sku": 1, "quantity": 1 })).collect();
    let router = edge(Router::new().route("/orders", post(async |ValidJson(_): ValidJson<Order>| "")));
    let a = send_json(&router, "/orders", body.to_string().replace(' ', "")).await;
    assert_eq!(a.faults(Kind::ValidationFailed).len(), 100);
    assert!(a.json()["detail"].as_str().unwrap().contains("may be more"), "{}", a.text());

    let unknown = (0..150).map(|i| format!("\"u{i}\":0,")).collect::<String>();
    let a = send_json(&router, "/orders", good().to_string().replacen('{', &format!("{{{unknown}"), 1)).await;
    assert_eq!(a.faults(Kind::ValidationFailed).len(), 100);
    let long = format!("{{\"{}\":1}}", "k".repeat(2000));
    assert!(!send_json(&router, "/orders", long).await.text().contains("kkk"));
}

#[tokio::test]
async fn many_bad_bodies_at_once_are_told_apart() {
    let router = router();
    let all = futures_util::future::join_all((0..64).map(|i| {
        let router = router.clone();
        tokio::spawn(async move {
            let mut body = good();
            body[format!("u{i}")] = json!(i);
            let a = send_json(&router, "/orders", body.to_string()).await;
            assert_eq!(a.faults(Kind::ValidationFailed), [(format!("/u{i}"), "unknown".to_owned())]);
        })
    }));
    assert!(all.await.into_iter().all(|r| r.is_ok()));
}
