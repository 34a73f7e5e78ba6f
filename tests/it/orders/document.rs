//! The OpenAPI document against the service: what it promises of a request is what is enforced, and its
//! examples work.

use serde_json::{Value, json};

use super::full;
use crate::support::{Client, TestApp, orders::with};

pub(super) fn document() -> Value {
    serde_json::to_value(waybill::app::document()).unwrap()
}

/// One place of a request that has a value of its own, with its schema.
struct Place {
    pointer: String,
    schema: Value,
    required: bool,
    nullable: bool,
}

/// `schema` without references and without the choice of `null`.
fn plain(doc: &Value, schema: &Value) -> (Value, bool) {
    if let Some(target) = schema["$ref"].as_str() {
        return plain(doc, doc.pointer(target.strip_prefix('#').unwrap()).unwrap());
    }
    if let Some(choices) = schema["oneOf"].as_array().filter(|c| c.iter().any(|s| s["type"] == "null")) {
        let rest: Vec<_> = choices.iter().filter(|s| s["type"] != "null").collect();
        assert_eq!(rest.len(), 1, "{schema}");
        return (plain(doc, rest[0]).0, true);
    }
    if let Some(types) = schema["type"].as_array().filter(|t| t.contains(&json!("null"))) {
        let rest: Vec<_> = types.iter().filter(|t| *t != "null").cloned().collect();
        let mut schema = schema.clone();
        schema["type"] = if let [one] = &rest[..] { one.clone() } else { json!(rest) };
        return (schema, true);
    }
    (schema.clone(), false)
}

/// Every place below `schema`; of lists the first entry.
fn places(doc: &Value, schema: &Value, at: &str, required: bool, out: &mut Vec<Place>) {
    let (schema, nullable) = plain(doc, schema);
    match schema["type"].as_str() {
        Some("object") => {
            assert_eq!(schema["additionalProperties"], false, "{at}: unknown fields are refused");
            let needed = schema["required"].as_array().unwrap();
            for (name, property) in schema["properties"].as_object().unwrap() {
                places(doc, property, &format!("{at}/{name}"), needed.contains(&json!(name)), out);
            }
        }
        Some("array") => places(doc, &schema["items"], &format!("{at}/0"), true, out),
        _ => {}
    }
    if !at.is_empty() {
        out.push(Place { pointer: at.to_owned(), schema, required, nullable });
    }
}

fn request_places() -> Vec<Place> {
    let doc = document();
    let mut out = Vec::new();
    let body = &doc["paths"]["/orders/create"]["post"]["requestBody"];
    assert_eq!(body["required"], true);
    places(&doc, &body["content"]["application/json"]["schema"], "", true, &mut out);
    out
}

/// `(value, whether the document allows it)`: on and just beyond each bound.
fn probes(schema: &Value) -> Vec<(Value, bool)> {
    if let Some(words) = schema["enum"].as_array() {
        let mut probes: Vec<_> = words.iter().map(|w| (w.clone(), true)).collect();
        probes.extend([(json!("no such word"), false), (json!(""), words.contains(&json!("")))]);
        return probes;
    }
    let mut probes = Vec::new();
    for kind in types_of(schema) {
        match kind {
            "string" => probes.extend(texts(schema)),
            "number" | "integer" => probes.extend(numbers(schema)),
            "array" => {
                let (least, most) =
                    (schema["minItems"].as_u64().unwrap(), schema["maxItems"].as_u64().unwrap());
                let of = |n: u64| json!({ "entries": n });
                probes.extend([
                    (of(least), true),
                    (of(most), true),
                    (of(least - 1), false),
                    (of(most + 1), false),
                ]);
            }
            _ => {}
        }
    }
    let wrong = [
        ("string", json!("1")),
        ("number", json!(1.5)),
        ("array", json!([])),
        ("object", json!({})),
        ("boolean", json!(true)),
    ];
    probes.extend(
        wrong
            .into_iter()
            .filter(|(kind, _)| !types_of(schema).contains(kind))
            .map(|(_, value)| (value, false)),
    );
    probes
}

fn types_of(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::Array(list) => list.iter().map(|t| t.as_str().unwrap()).collect(),
        one => vec![one.as_str().unwrap()],
    }
}

fn numbers(schema: &Value) -> Vec<(Value, bool)> {
    let whole = types_of(schema).contains(&"integer");
    let step = if whole { 1.0 } else { 0.0001 };
    // Written as people do: 10, not 10.0.
    let number = |n: f64| serde_json::from_str::<Value>(&n.to_string()).unwrap();
    let (least, most) = (schema["minimum"].as_f64().unwrap(), schema["maximum"].as_f64().unwrap());
    let mut probes = vec![
        (number(least), true),
        (number(most), true),
        (number(least - step), false),
        (number(most + step), false),
    ];
    if let Some(parts) = schema["multipleOf"].as_f64() {
        probes.extend([(number(least + parts), true), (number(least + parts / 10.0), false)]);
    }
    if whole {
        probes.extend([(json!(least + 0.5), false), (json!(least + 1.0), true)]);
    }
    probes
}

fn texts(schema: &Value) -> Vec<(Value, bool)> {
    let allowed = |list: &[&str], ok: bool| list.iter().map(|t| (json!(t), ok)).collect::<Vec<_>>();
    match schema["pattern"].as_str() {
        Some("^[0-9]{10}$") => {
            return [
                allowed(&["0123456789"], true),
                allowed(&["012345678", "01234567890", "x123456789"], false),
            ]
            .concat();
        }
        Some("^[0-9]{6}$") => {
            return [allowed(&["012345"], true), allowed(&["01234", "0123456", "x12345"], false)].concat();
        }
        Some(r"^(\d{1,7}(\.\d{1,2})?|10000000(\.0{1,2})?)$") => {
            let good = ["0", "0.0", "0.01", "9999999.99", "10000000", "10000000.00", "0000001"];
            let bad = ["-1", "", "1.", ".5", "1.005", "10000000.01", "10000001", "1e3", "1,499"];
            return [allowed(&good, true), allowed(&bad, false)].concat();
        }
        Some(r"^(\d{1,7}(\.\d+)?|10000000(\.0+)?)$") => {
            let good = ["0", "0.0", "0.01", "1.005", "9999999.999", "10000000", "10000000.00", "0000001"];
            let bad = ["-1", "", "1.", ".5", "10000000.01", "10000001", "1e3", "1,499"];
            return [allowed(&good, true), allowed(&bad, false)].concat();
        }
        // Of texts: no control characters, and blanks only inside.
        Some(form) => assert!(form.contains(r"\x7f-\x9f"), "teach this test the pattern {form}"),
        None => assert_eq!(schema["format"], "email", "{schema}"),
    }
    let (least, most) = (schema["minLength"].as_u64().unwrap_or(0), schema["maxLength"].as_u64().unwrap());
    let least = usize::try_from(least).unwrap();
    let most = usize::try_from(most).unwrap();
    let of = |n: usize| match schema["format"].as_str() {
        Some("email") if n > 5 => json!(format!("{}@{}.in", "a".repeat(3), dotted(n - 7))),
        Some("email") => json!("a".repeat(n)),
        _ => json!("x".repeat(n)),
    };
    let mut probes = vec![(of(most), true), (of(most + 1), false), (json!("a\u{0}bcdef"), false)];
    if schema["format"] != "email" {
        probes.push((of(least), true));
    }
    if least > 0 {
        probes.push((of(least - 1), false));
    }
    probes
}

/// Labels of a domain, together so many characters.
fn dotted(n: usize) -> String {
    (0..n).map(|i| if i % 60 == 59 && i + 1 < n { '.' } else { 'd' }).collect()
}

/// The full order with `value` at `pointer`, and the rest such that no rule over several fields speaks.
fn body_with(pointer: &str, value: &Value) -> Value {
    let mut body = full("D-1");
    body.as_object_mut().unwrap().remove("clientOrderId");
    let zero = |v: &Value| v.as_f64().or_else(|| v.as_str()?.parse().ok()) == Some(0.0);
    if (pointer == "/charges/codAmount" && (zero(value) || value.is_null()))
        || (pointer == "/paymentMethod" && value == "PREPAID")
    {
        body["paymentMethod"] = json!("PREPAID");
        body["charges"]["codAmount"] = json!(0);
    }
    match value["entries"].as_u64() {
        Some(n) if pointer.starts_with("/shipment/") => {
            for list in ["width", "height", "length", "weight"] {
                body["shipment"][list] = vec![json!(1); usize::try_from(n).unwrap()].into();
            }
            body
        }
        Some(n) => {
            let entry = body.pointer(&format!("{pointer}/0")).unwrap().clone();
            with(body, pointer, vec![entry; usize::try_from(n).unwrap()].into())
        }
        None => with(body, pointer, value.clone()),
    }
}

async fn is_taken(client: &Client, pointer: &str, body: &Value) -> bool {
    let answer = client.post("/orders/create", body).await;
    match answer.status.as_u16() {
        201 => true,
        422 => {
            let problem = answer.json();
            let told = problem["errors"]
                .as_array()
                .unwrap()
                .iter()
                .map(|e| e["pointer"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>();
            assert!(told.iter().any(|p| p == pointer), "{pointer} is refused elsewhere: {problem}");
            false
        }
        other => panic!("{other}: {}", answer.text()),
    }
}

#[tokio::test]
async fn every_bound_in_the_document_is_the_one_that_is_enforced() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    let places = request_places();
    assert_eq!(
        places.len(),
        8 + 2 + 11 + 8 + 1 + 4 + 5 + 4,
        "{:?}",
        places.iter().map(|p| &p.pointer).collect::<Vec<_>>()
    );
    for Place { pointer, schema, required, nullable } in &places {
        for (value, ok) in probes(schema) {
            let body = body_with(pointer, &value);
            assert_eq!(is_taken(&merchant, pointer, &body).await, ok, "{pointer} {value} of {schema}");
        }
        let null = body_with(pointer, &json!(null));
        assert_eq!(is_taken(&merchant, pointer, &null).await, *nullable, "{pointer}: null");
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        if key == "0" {
            continue;
        }
        let mut absent = null;
        absent.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(key);
        assert_eq!(is_taken(&merchant, pointer, &absent).await, !required, "{pointer}: absent");
    }
}

#[tokio::test]
async fn every_example_of_a_request_is_accepted() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    let doc = document();
    let mut found = 0;
    for path in ["/orders/create", "/v1/orders"] {
        let content = &doc["paths"][path]["post"]["requestBody"]["content"]["application/json"];
        let schema =
            doc.pointer(content["schema"]["$ref"].as_str().unwrap().strip_prefix('#').unwrap()).unwrap();
        let mut examples: Vec<_> =
            [&schema["example"], &content["example"]].into_iter().filter(|e| !e.is_null()).cloned().collect();
        examples.extend(schema["examples"].as_array().cloned().unwrap_or_default());
        examples.extend(
            content["examples"].as_object().into_iter().flat_map(|o| o.values().map(|e| e["value"].clone())),
        );
        for example in examples {
            found += 1;
            let first = merchant.post(path, &example).await;
            assert!(matches!(first.status.as_u16(), 200 | 201), "{example}: {}", first.text());
            let again = merchant.post(path, &example).await;
            assert_eq!(
                again.status, 200,
                "an example has a clientOrderId, so that trying it twice makes one order"
            );
        }
    }
    assert!(found >= 2);
}

/// A text that must be an object too can never be sent.
#[test]
fn no_schema_asks_for_two_types_at_once() {
    fn walk(schema: &Value, at: &str) {
        match schema {
            Value::Object(members) => {
                let all = members.get("allOf").and_then(Value::as_array).into_iter().flatten();
                let types: std::collections::BTreeSet<_> = all.filter_map(|s| s["type"].as_str()).collect();
                assert!(types.len() < 2, "{at}: {types:?}");
                members.iter().for_each(|(key, value)| walk(value, &format!("{at}/{key}")));
            }
            Value::Array(list) => list.iter().enumerate().for_each(|(i, v)| walk(v, &format!("{at}/{i}"))),
            _ => {}
        }
    }
    walk(&document(), "");
}

/// What order routes answer in these tests stands in the document.
#[test]
fn every_status_of_an_order_route_is_documented() {
    let doc = document();
    for (path, method, statuses) in [
        (
            "/orders/create",
            "post",
            &["200", "201", "400", "401", "403", "413", "415", "422", "500", "503"][..],
        ),
        ("/v1/orders", "post", &["200", "201", "400", "401", "403", "413", "415", "422", "500", "503"]),
        ("/v1/orders", "get", &["200", "400", "401", "403", "500", "503"]),
        ("/v1/orders/{id}", "get", &["200", "401", "403", "404", "500", "503"]),
        ("/v1/orders/{id}/provider-logs", "get", &["200", "401", "403", "404", "500", "503"]),
    ] {
        let responses = doc["paths"][path][method]["responses"].as_object().unwrap();
        for status in statuses {
            let answer = responses.get(*status).unwrap_or_else(|| panic!("{method} {path}: {status}"));
            let kind = if status.starts_with('2') { "application/json" } else { "application/problem+json" };
            assert!(answer["content"].get(kind).is_some(), "{method} {path}: {status} is no {kind}");
        }
    }
}
