use serde_json::json;

use super::*;
use crate::{
    features::orders::{payload::NewOrder, request},
    provider::{
        carrier::{AccountProblem, Cause, Told},
        parcelx::answer::Body,
    },
};

fn payload(body: Value) -> Value {
    let request: request::CreateOrder = serde_json::from_value(body).unwrap();
    CreateOrder { reference: "ORD-TEST", order: &NewOrder::from(request).payload }.payload()
}

fn cod() -> Value {
    json!({
        "clientOrderId": "shop-7", "invoiceNumber": "INV/1/0", "paymentMethod": "cod",
            "expressType": "SURFACE", "pickAddressId": "10003",
        "returnAddressId": "10002",
        "consignee": { "name": "Asha Ansari", "mobile": "0143881027", "pincode": "056001",
            "address1": "822, Sector 18",
                       "address2": "Behind the tree,\nring twice", "city": "New Delhi", "state": "Delhi",
                           "email": "a@example.test",
                       "phone": "02463349907", "addressType": "home" },
        "items": [{ "sku": "SKU-1", "name": "USB-C cable 1 m", "quantity": 2, "unitPrice": 299,
            "hsn": "65480012", "taxPercent": 12.5,
                    "category": "Electronics", "description": "Fragile" },
                  { "sku": "SKU-2", "name": "Diya", "quantity": 10, "unitPrice": "0.50" }],
        "charges": { "orderAmount": 598, "codAmount": 657.5, "extraCharges": 59.5, "taxAmount": 0.03 },
        "shipment": { "width": [10, 20], "height": [60, 5.25], "length": [33, 10], "weight": [12, 0.4],
            "mps": 1 }
    })
}

fn read_fixture(status: u16, text: &str) -> CallOutcome<Shipment> {
    CreateOrder::read(
        &CallResult::Answer(Answer { status, retry_after: None, body: Body::read(text.as_bytes()) }),
        Asked::with("ORD-TEST", &Value::Null),
    )
}

#[test]
fn every_field_is_mapped() {
    assert_eq!(
        payload(cod()),
        json!({
            "client_order_id": "ORD-TEST", "consignee_name": "Asha Ansari", "consignee_mobile": "0143881027",
                "consignee_phone": "02463349907",
            "consignee_emailid": "a@example.test", "consignee_address1": "822, Sector 18",
                "consignee_address2": "Behind the tree,\nring twice",
            "consignee_pincode": "056001", "address_type": "Home", "invoice_number": "INV/1/0",
                "express_type": "surface",
            "pick_address_id": "10003", "return_address_id": "10002", "payment_mode": "Cod",
                "cod_amount": "657.50", "order_amount": "598.00",
            "tax_amount": "0.03", "extra_charges": "59.50", "mps": "1", "courier_type": 0, "courier_code": "",
            "products": [
                { "product_sku": "SKU-1", "product_name": "USB-C cable 1 m", "product_value": "299.00",
                    "product_quantity": "2",
                  "product_hsnsac": "65480012", "product_taxper": 12.5, "product_category": "Electronics",
                      "product_description": "Fragile" },
                { "product_sku": "SKU-2", "product_name": "Diya", "product_value": "0.50",
                    "product_quantity": "10",
                  "product_hsnsac": "", "product_taxper": 0, "product_category": "",
                      "product_description": "" }
            ],
            "shipment_width": ["10", "20"], "shipment_height": ["60", "5.25"], "shipment_length": ["33",
                "10"], "shipment_weight": ["12", "0.4"]
        })
    );
}

#[test]
fn prepaid_collects_nothing_and_absent_fields_are_empty() {
    let payload = payload(json!({
        "invoiceNumber": "I", "paymentMethod": "PREPAID", "expressType": "air", "pickAddressId": "1",
        "consignee": { "name": "As", "mobile": "9000000001", "pincode": "560001", "address1": "12 Street",
            "city": "Be", "state": "Ka" },
        "items": [{ "sku": "S", "name": "N", "quantity": 1, "unitPrice": 0 }],
        "charges": { "orderAmount": 0 }, "shipment": { "width": [1], "height": [1], "length": [1],
            "weight": [0.001] }
    }));
    for (key, value) in [
        ("payment_mode", json!("Prepaid")),
        ("cod_amount", json!("0")),
        ("order_amount", json!("0")),
        ("express_type", json!("air")),
        ("consignee_phone", json!("")),
        ("consignee_emailid", json!("")),
        ("consignee_address2", json!("")),
        ("return_address_id", json!("")),
        ("address_type", json!("Other")),
        ("mps", json!("0")),
        ("shipment_weight", json!(["0.001"])),
    ] {
        assert_eq!(payload[key], value, "{key}");
    }
}

#[test]
fn a_booking_is_read_with_its_awb_as_text() {
    let booked = |awb: &str, courier: &str, code: &str| {
        CallOutcome::Done(Shipment {
            awb: awb.into(),
            courier_name: Some(courier.into()),
            courier_code: Some(code.into()),
            order_number: Some("90000001".into()),
        })
    };
    let fixture = include_str!("../../../../../tests/fixtures/parcelx/create_order/booked.json");
    assert_eq!(read_fixture(200, fixture), booked("00000000000017", "Delhivery", "PXDEL01"));
    let fixture = include_str!("../../../../../tests/fixtures/parcelx/create_order/booked_with_numbers.json");
    assert_eq!(read_fixture(200, fixture), booked("10000000000017", "Blue Dart", "PXBDE01"));
}

#[test]
fn refusals_keep_the_providers_words() {
    let list = include_str!("../../../../../tests/fixtures/parcelx/create_order/refused_list.json");
    assert_eq!(
        read_fixture(200, list),
        CallOutcome::Refused("Pincode is not serviceable; Choose another courier".into())
    );
    let object = include_str!("../../../../../tests/fixtures/parcelx/create_order/refused_object.json");
    assert_eq!(read_fixture(422, object), CallOutcome::Refused("Invalid pickup address".into()));
    let wallet = include_str!("../../../../../tests/fixtures/parcelx/create_order/wallet.json");
    assert_eq!(
        read_fixture(200, wallet),
        CallOutcome::deferred(Cause::Account(
            AccountProblem::Wallet,
            Told::Words("Insuffiecient Balance".into())
        ))
    );
}

#[test]
fn a_refusal_that_names_a_parcel_is_unknown() {
    let read = |status: u16, awb: Value| {
        read_fixture(
            status,
            &json!({"status": false, "responsemsg": "No", "data": {"awb_number": awb}}).to_string(),
        )
    };
    for status in [200, 400, 406, 422] {
        assert_eq!(
            read(status, json!("12345678901234")),
            CallOutcome::Unknown { reason: "unknown: a refusal with an AWB".into(), heard: Heard::Readable },
            "{status}"
        );
    }
    for none in [json!(null), json!(""), json!({}), json!(0), json!("NA")] {
        assert_eq!(read(200, none), CallOutcome::Refused("No".into()));
    }
}

/// What waits would be sent again.
#[test]
fn nothing_that_names_a_parcel_waits_to_be_sent() {
    for (status, words) in [
        (200, "Insuffiecient Balance"),
        (200, "Your account is inactive"),
        (422, "Something went wrong, try again later"),
        (401, "No"),
        (405, "No"),
    ] {
        let read = |data: Value| {
            let body = json!({"status": false, "responsemsg": words, "data": data});
            read_fixture(status, &body.to_string())
        };
        assert!(matches!(read(json!({})), CallOutcome::Deferred { .. }), "{status} {words}");
        assert_eq!(
            read(json!({"awb_number": "12345678901234"})),
            CallOutcome::Unknown {
                reason: "unknown: a refusal with an AWB".into(),
                heard: Heard::Unreadable
            },
            "{status} {words}"
        );
    }
}

#[test]
fn a_success_that_proves_nothing_is_unknown() {
    let empty = include_str!("../../../../../tests/fixtures/parcelx/create_order/success_without_awb.json");
    assert_eq!(read_fixture(200, empty).as_str("booked"), "unknown");
    let other =
        include_str!("../../../../../tests/fixtures/parcelx/create_order/success_with_other_reference.json");
    assert_eq!(read_fixture(200, other).as_str("booked"), "unknown");
    for placeholder in [json!("0"), json!(0), json!("Pending"), json!("N/A")] {
        let data = json!({"awb_number": placeholder, "client_order_id": "ORD-TEST"});
        let body = json!({"status": true, "data": data}).to_string();
        assert_eq!(
            read_fixture(200, &body).reason().as_deref(),
            Some("unknown: a success without an AWB"),
            "{placeholder}"
        );
    }
}
