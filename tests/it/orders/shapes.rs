//! Orders of the wrong shape: what is told, and that all of it is.

use serde_json::{Value, json};

use super::{faults, faults_of, full, listed, orders_of, post_text};
use crate::support::{
    TestApp,
    orders::{order, with},
};

fn without(mut body: Value, pointer: &str) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(key);
    body
}

const REQUIRED: [&str; 22] = [
    "/invoiceNumber",
    "/paymentMethod",
    "/expressType",
    "/pickAddressId",
    "/consignee",
    "/consignee/name",
    "/consignee/mobile",
    "/consignee/pincode",
    "/consignee/address1",
    "/consignee/city",
    "/consignee/state",
    "/items",
    "/items/0/sku",
    "/items/0/name",
    "/items/0/quantity",
    "/items/0/unitPrice",
    "/charges",
    "/charges/orderAmount",
    "/shipment",
    "/shipment/width",
    "/shipment/height",
    "/shipment/weight",
];

const OPTIONAL: [&str; 14] = [
    "/clientOrderId",
    "/returnAddressId",
    "/consignee/email",
    "/consignee/phone",
    "/consignee/address2",
    "/consignee/country",
    "/consignee/addressType",
    "/items/0/category",
    "/items/0/description",
    "/items/0/hsn",
    "/items/0/taxPercent",
    "/charges/taxAmount",
    "/charges/extraCharges",
    "/shipment/mps",
];

#[tokio::test]
async fn a_required_field_must_be_there_and_an_optional_one_may_be_null() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    for pointer in REQUIRED.into_iter().chain(["/shipment/length"]) {
        assert_eq!(faults(&merchant, &without(full("A-1"), pointer)).await, listed(&[(pointer, "missing")]));
        let found = faults(&merchant, &with(full("A-1"), pointer, json!(null))).await;
        assert_eq!((found.len(), found[0].0.as_str()), (1, pointer), "null: {found:?}");
    }
    for (i, pointer) in OPTIONAL.into_iter().enumerate() {
        for (how, body) in [
            ("absent", without(full(&format!("A-{i}")), pointer)),
            ("null", with(full(&format!("N-{i}")), pointer, json!(null))),
        ] {
            let answer = merchant.post("/orders/create", &body).await;
            assert_eq!(answer.status, 201, "{pointer} {how}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn all_faults_of_an_order_are_told_at_once() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let body = json!({
        "clientOrderId": "  ", "paymentMethod": "CRYPTO", "expressType": 7, "pickAddressId": "x".repeat(51),
            "couponCode": "FREE",
        "consignee": { "name": "A", "mobile": 9000000001_u64, "pincode": "56000", "address1": "12",
            "state": null, "role": "admin",
                       "email": "not-an-address", "addressType": "MOON" },
        "items": [{ "sku": "", "name": "Mug", "quantity": 0, "unitPrice": "1,005", "taxPercent": 101 },
            "a mug", { "sku": "S" }],
        "charges": { "orderAmount": -1, "codAmount": "many", "totalAmount": 5 },
        "shipment": { "width": [10, 0], "height": [10], "weight": ["0.5"], "mps": -1 }
    });
    let answer = merchant.post("/orders/create", &body).await;
    let expected = listed(&[
        ("/charges/codAmount", "invalid"),
        ("/charges/orderAmount", "invalid"),
        ("/charges/totalAmount", "unknown"),
        ("/clientOrderId", "blank"),
        ("/consignee/address1", "length"),
        ("/consignee/addressType", "enum"),
        ("/consignee/city", "missing"),
        ("/consignee/email", "email"),
        ("/consignee/mobile", "type"),
        ("/consignee/name", "length"),
        ("/consignee/pincode", "digits"),
        ("/consignee/role", "unknown"),
        ("/consignee/state", "type"),
        ("/couponCode", "unknown"),
        ("/expressType", "enum"),
        ("/invoiceNumber", "missing"),
        ("/items/0/quantity", "range"),
        ("/items/0/sku", "blank"),
        ("/items/0/taxPercent", "range"),
        ("/items/0/unitPrice", "invalid"),
        ("/items/1", "type"),
        ("/items/2/name", "missing"),
        ("/items/2/quantity", "missing"),
        ("/items/2/unitPrice", "missing"),
        ("/paymentMethod", "enum"),
        ("/pickAddressId", "length"),
        ("/shipment/length", "missing"),
        ("/shipment/mps", "range"),
        ("/shipment/weight/0", "type"),
        ("/shipment/width/1", "range"),
    ]);
    assert_eq!(faults_of(&answer), expected);
    assert_eq!(
        answer.json()["detail"],
        format!("The body has {} faults; `errors` lists them.", expected.len())
    );
    for sent in ["CRYPTO", "9000000001", "not-an-address", "MOON", "many"] {
        assert!(!answer.text().contains(sent), "{sent} is repeated: {}", answer.text());
    }
    assert_eq!(orders_of(&merchant).await, 0);
}

#[tokio::test]
async fn objects_lists_and_values_are_told_apart() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    for pointer in ["/consignee", "/charges", "/shipment", "/items/0"] {
        for wrong in [json!([]), json!("text"), json!(7), json!(true), json!([{}])] {
            assert_eq!(
                faults(&merchant, &with(order("A-1"), pointer, wrong.clone())).await,
                listed(&[(pointer, "type")]),
                "{wrong}"
            );
        }
    }
    for pointer in ["/items", "/shipment/width", "/shipment/weight"] {
        for wrong in [json!({}), json!({ "0": 1 }), json!("text"), json!(7), json!(null)] {
            assert_eq!(
                faults(&merchant, &with(order("A-1"), pointer, wrong.clone())).await,
                listed(&[(pointer, "type")]),
                "{wrong}"
            );
        }
    }
    for pointer in
        ["/clientOrderId", "/invoiceNumber", "/consignee/name", "/consignee/email", "/items/0/description"]
    {
        for wrong in [json!(7), json!(true), json!([]), json!({ "$ne": null }), json!(["a"])] {
            assert_eq!(
                faults(&merchant, &with(order("A-1"), pointer, wrong.clone())).await,
                listed(&[(pointer, "type")]),
                "{wrong}"
            );
        }
    }
    for body in ["[]", "null", "7", "true", "\"text\""] {
        assert_eq!(
            faults_of(&post_text(&merchant, "/orders/create", body).await),
            listed(&[("", "type")]),
            "{body}"
        );
    }
}

/// The values of an object in the order of its fields, as a list: nobody wrote that this is an order.
#[tokio::test]
async fn a_list_never_stands_for_an_object() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    for (pointer, list) in [
        ("/charges", json!([749, 749, 0, 0])),
        ("/items/0", json!(["MUG-7", "Blue mug", null, null, null, 2, 374.5, 0])),
        ("/shipment", json!([[10], [10], [15], [0.5], 0])),
        (
            "/consignee",
            json!([
                "Asha Example",
                null,
                "9000000001",
                null,
                "560001",
                "12 Sample Street",
                null,
                "Bengaluru",
                "Karnataka",
                null,
                null
            ]),
        ),
    ] {
        assert_eq!(faults(&merchant, &with(order("A-1"), pointer, list)).await, listed(&[(pointer, "type")]));
    }
    let o = order("A-1");
    let whole = json!([
        "A-1",
        "INV-1",
        "COD",
        "surface",
        "10001",
        null,
        o["consignee"],
        o["items"],
        o["charges"],
        o["shipment"]
    ]);
    assert_eq!(faults(&merchant, &whole).await, listed(&[("", "type")]));
}

#[tokio::test]
async fn unknown_fields_are_refused_wherever_they_stand() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    for pointer in [
        "/x",
        "/consignee/x",
        "/items/0/x",
        "/charges/x",
        "/shipment/x",
        "/InvoiceNumber",
        "/client_order_id",
        "/__proto__",
        "/consignee/",
    ] {
        for value in [json!(null), json!(1), json!({ "deep": [1, { "er": 2 }] })] {
            assert_eq!(
                faults(&merchant, &with(order("A-1"), pointer, value)).await,
                listed(&[(pointer, "unknown")])
            );
        }
    }
    let mut odd = order("A-1");
    odd["a/b~c"] = json!(1);
    assert_eq!(faults(&merchant, &odd).await, listed(&[("/a~1b~0c", "unknown")]));
    let mut renamed = without(order("A-1"), "/invoiceNumber");
    renamed["invoicenumber"] = json!("INV-1");
    assert_eq!(
        faults(&merchant, &renamed).await,
        listed(&[("/invoiceNumber", "missing"), ("/invoicenumber", "unknown")])
    );
}

#[tokio::test]
async fn a_field_given_twice_is_refused_even_with_the_same_value() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let text = order("A-1").to_string();
    for (field, twice, pointer) in [
        ("\"invoiceNumber\":", "\"invoiceNumber\":\"INV-1\",", "/invoiceNumber"),
        ("\"clientOrderId\":", "\"clientOrderId\":\"A-2\",", "/clientOrderId"),
        ("\"mobile\":", "\"mobile\":\"9000000001\",", "/consignee/mobile"),
        ("\"codAmount\":", "\"codAmount\":749,", "/charges/codAmount"),
        ("\"quantity\":", "\"quantity\":2,", "/items/0/quantity"),
        ("\"weight\":", "\"weight\":[0.5],", "/shipment/weight"),
        ("\"consignee\":", "\"consignee\":{},", "/consignee"),
        ("\"invoiceNumber\":", "\"\\u0069nvoiceNumber\":\"INV-1\",", "/invoiceNumber"),
    ] {
        let body = text.replacen(field, &format!("{twice}{field}"), 1);
        assert_ne!(body, text);
        assert_eq!(
            faults_of(&post_text(&merchant, "/orders/create", body).await),
            listed(&[(pointer, "duplicate")]),
            "{twice}"
        );
    }
}

#[tokio::test]
async fn monstrous_bodies_are_answered_and_stay_out() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let text = order("A-1").to_string();
    let put = |value: &str| text.replacen("\"INV-1\"", value, 1);
    for (about, body, status) in [
        ("lists in lists", put(&format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))), 400),
        ("objects in objects", put(&format!("{}1{}", "{\"a\":".repeat(20_000), "}".repeat(20_000))), 400),
        ("never closed", "[".repeat(200_000), 400),
        (
            "a long unknown tree",
            put(&format!("{{{}}}", (0..20_000).map(|i| format!("\"k{i}\":0")).collect::<Vec<_>>().join(","))),
            422,
        ),
        ("a long list", text.replacen("[0.5]", &format!("[{}0.5]", "0.5,".repeat(60_000)), 1), 422),
        (
            "many unknown fields",
            text.replacen(
                '{',
                &format!("{{{}", (0..15_000).map(|i| format!("\"k{i}\":0,")).collect::<String>()),
                1,
            ),
            422,
        ),
        ("a number without end", put(&"9".repeat(200_000)), 400),
        ("a long exponent", put("1e999999999"), 400),
        ("a huge number", put(&format!("1{}", "0".repeat(300))), 422),
        ("not a number", put("NaN"), 400),
        ("a comment", put("/* */ \"INV-1\""), 400),
        ("single quotes", put("'INV-1'"), 400),
        ("a lone surrogate", put("\"\\ud800\""), 422),
        ("a raw line break", put("\"INV\n1\""), 400),
        ("a trailing comma", text.replacen("}}", "},}", 1), 400),
        ("two documents", format!("{text}{text}"), 400),
        ("cut off", text.strip_suffix('}').unwrap().to_owned(), 400),
    ] {
        let answer = post_text(&merchant, "/orders/create", body).await;
        assert_eq!(answer.status.as_u16(), status, "{about}: {}", answer.text());
        let problem =
            answer.problem(status, if status == 400 { "malformed-body" } else { "validation-failed" });
        assert!(problem["errors"].as_array().is_none_or(|e| e.len() <= 100), "{about}");
        assert!(answer.body.len() < 32 * 1024, "{about}: {} bytes", answer.body.len());
    }
    assert_eq!(orders_of(&merchant).await, 0);
}
