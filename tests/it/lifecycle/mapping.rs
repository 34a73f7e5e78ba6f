use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{TestApp, orders::valid};

/// A decimal as the sample writes it, as an exact number of thousandths.
fn thousandths(value: &Value) -> i64 {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let (whole, rest) = text.split_once('.').unwrap_or((&text, "0"));
    whole.parse::<i64>().unwrap() * 1000 + format!("{rest:0<3}").parse::<i64>().unwrap()
}

fn same_number(order: &str, sent: &Value, given: &Value) {
    assert!(sent.is_string(), "{order}: {sent} is no text");
    assert_eq!(thousandths(sent), thousandths(given), "{order}: {sent} for {given}");
}

/// Every order of the sample is booked once, and the double got every field as the merchant gave it.
#[tokio::test]
async fn three_hundred_orders_arrive_field_by_field() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let mut given = BTreeMap::new();
    for body in valid() {
        let id = merchant.create(&body).await;
        given.insert(merchant.order(&id).await["orderNumber"].as_str().unwrap().to_owned(), body);
    }
    assert_eq!(app.run_pending_jobs().await, 300);
    app.assert_calls(&[("create", 300)]);
    let ledger = app.simulator.ledger();
    assert_eq!(app.simulator.shipments().len(), 300);
    for entry in ledger {
        let sent: Value =
            serde_json::from_str(entry.request.expect("a create keeps its body").get()).unwrap();
        let body = given.remove(sent["client_order_id"].as_str().unwrap()).expect("each reference once");
        check(&sent, &body);
    }
    assert!(given.is_empty());
}

fn check(sent: &Value, body: &Value) {
    let order = body["clientOrderId"].as_str().unwrap();
    let to = &body["consignee"];
    let empty = json!("");
    let or_empty = |v: &Value| if v.is_null() { empty.clone() } else { v.clone() };
    for (field, value) in [
        ("consignee_name", to["name"].clone()),
        ("consignee_mobile", to["mobile"].clone()),
        ("consignee_phone", or_empty(&to["phone"])),
        ("consignee_emailid", or_empty(&to["email"])),
        ("consignee_pincode", to["pincode"].clone()),
        ("consignee_address1", to["address1"].clone()),
        ("consignee_address2", or_empty(&to["address2"])),
        ("invoice_number", body["invoiceNumber"].clone()),
        ("express_type", body["expressType"].clone()),
        ("pick_address_id", body["pickAddressId"].clone()),
        ("return_address_id", or_empty(&body["returnAddressId"])),
        ("courier_type", json!(0)),
        ("courier_code", json!("")),
    ] {
        assert_eq!(sent[field], value, "{order}: {field}");
    }
    let cod = body["paymentMethod"] == "COD";
    assert_eq!(sent["payment_mode"], if cod { "Cod" } else { "Prepaid" }, "{order}");
    let zero = json!(0);
    let or_zero = |v: &Value| if v.is_null() { zero.clone() } else { v.clone() };
    for (field, value) in [
        ("cod_amount", "codAmount"),
        ("order_amount", "orderAmount"),
        ("tax_amount", "taxAmount"),
        ("extra_charges", "extraCharges"),
    ] {
        same_number(order, &sent[field], &or_zero(&body["charges"][value]));
    }
    same_number(order, &sent["mps"], &or_zero(&body["shipment"]["mps"]));
    for side in ["width", "height", "length", "weight"] {
        let (sent, given) = (
            sent[format!("shipment_{side}")].as_array().unwrap(),
            body["shipment"][side].as_array().unwrap(),
        );
        assert_eq!(sent.len(), given.len(), "{order}: {side}");
        sent.iter().zip(given).for_each(|(s, g)| same_number(order, s, g));
    }
    let (products, items) = (sent["products"].as_array().unwrap(), body["items"].as_array().unwrap());
    assert_eq!(products.len(), items.len(), "{order}");
    for (product, item) in products.iter().zip(items) {
        for (field, value) in [
            ("product_sku", "sku"),
            ("product_name", "name"),
            ("product_category", "category"),
            ("product_description", "description"),
            ("product_hsnsac", "hsn"),
        ] {
            assert_eq!(product[field], or_empty(&item[value]), "{order}: {field}");
        }
        same_number(order, &product["product_value"], &item["unitPrice"]);
        same_number(order, &product["product_quantity"], &item["quantity"]);
        assert_eq!(product["product_taxper"].as_f64(), or_zero(&item["taxPercent"]).as_f64(), "{order}");
    }
}
