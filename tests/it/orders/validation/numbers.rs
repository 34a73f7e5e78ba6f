//! The rules of what is counted, paid and measured, at their bounds.

use serde_json::{Value, json};

use super::super::{assert_same, faults};
use super::{accept, app, refuse};
use crate::support::orders::{order, with};

const AMOUNTS: [&str; 5] = [
    "/items/0/unitPrice",
    "/charges/orderAmount",
    "/charges/codAmount",
    "/charges/taxAmount",
    "/charges/extraCharges",
];

#[tokio::test]
async fn amounts_are_numbers_or_decimal_texts_and_what_is_collected_is_never_rounded() {
    let (_app, merchant) = app().await;
    for pointer in AMOUNTS {
        for (given, reads) in [
            (json!(0.01), "0.01"),
            (json!(749), "749.00"),
            (json!(299.99), "299.99"),
            (json!(1e3), "1000.00"),
            (json!(4.35), "4.35"),
            (json!("749"), "749.00"),
            (json!("749.5"), "749.50"),
            (json!(" 749.50 "), "749.50"),
            (json!(10_000_000), "10000000.00"),
            (json!("10000000.00"), "10000000.00"),
            (json!(9_999_999.99), "9999999.99"),
        ] {
            let seen =
                accept(&merchant, with(order("t"), pointer, given.clone()), &format!("{pointer} {given}"))
                    .await;
            assert_eq!(seen.pointer(pointer), Some(&json!(reads)), "{pointer} {given}");
        }
        for bad in [
            json!(-0.01),
            json!(-5),
            json!("-5"),
            json!(10_000_000.01),
            json!("10000000.01"),
            json!(1e300),
            json!(u64::MAX),
            json!(""),
            json!("1,499"),
            json!("₹5"),
            json!("1e3"),
            json!("+5"),
            json!("1."),
            json!(".5"),
            json!("१"),
            json!("NaN"),
        ] {
            refuse(
                &merchant,
                &with(order("t"), pointer, bad.clone()),
                &[(pointer, "invalid")],
                &bad.to_string(),
            )
            .await;
        }
        for finer in [json!(1.005), json!("1.005"), json!(0.001), json!(6.666_666_666_666_667)] {
            let body = with(order("t"), pointer, finer.clone());
            if pointer == "/items/0/unitPrice" {
                accept(&merchant, body, &finer.to_string()).await;
            } else {
                refuse(&merchant, &body, &[(pointer, "invalid")], &finer.to_string()).await;
            }
        }
        for bad in [json!(true), json!([1]), json!({ "amount": 1 })] {
            refuse(
                &merchant,
                &with(order("t"), pointer, bad.clone()),
                &[(pointer, "type")],
                &bad.to_string(),
            )
            .await;
        }
    }
    for pointer in
        ["/items/0/unitPrice", "/charges/orderAmount", "/charges/taxAmount", "/charges/extraCharges"]
    {
        for zero in [json!(0), json!(-0.0), json!("0.00")] {
            assert_eq!(
                accept(&merchant, with(order("t"), pointer, zero), pointer).await.pointer(pointer),
                Some(&json!("0.00"))
            );
        }
    }
    let mut most = order("t");
    most["charges"] = json!({ "orderAmount": 1e7, "codAmount": 1e7, "taxAmount": 1e7, "extraCharges": 1e7 });
    assert_eq!(accept(&merchant, most, "all at their most").await["charges"]["totalAmount"], "40000000.00");
}

#[tokio::test]
async fn cod_collects_something_and_prepaid_nothing() {
    let (_app, merchant) = app().await;
    let charged = |method: &str, cod: Option<Value>| {
        let mut body = with(order("t"), "/paymentMethod", json!(method));
        body["charges"] = json!({ "orderAmount": 749 });
        if let Some(cod) = cod {
            body["charges"]["codAmount"] = cod;
        }
        body
    };
    for cod in [None, Some(json!(null)), Some(json!(0)), Some(json!("0.00"))] {
        refuse(
            &merchant,
            &charged("COD", cod.clone()),
            &[("/charges/codAmount", "cod")],
            &format!("{cod:?}"),
        )
        .await;
        accept(&merchant, charged("PREPAID", cod.clone()), &format!("{cod:?}")).await;
    }
    for cod in [json!(0.01), json!("0.01"), json!(749)] {
        refuse(
            &merchant,
            &charged("prepaid", Some(cod.clone())),
            &[("/charges/codAmount", "prepaid")],
            &cod.to_string(),
        )
        .await;
        accept(&merchant, charged("cod", Some(cod.clone())), &cod.to_string()).await;
    }
    // Beside other broken rules it is told too.
    let mut body = with(charged("COD", None), "/consignee/mobile", json!("1"));
    body["shipment"]["weight"] = json!([0]);
    let expected =
        [("/charges/codAmount", "cod"), ("/consignee/mobile", "digits"), ("/shipment/weight/0", "range")];
    refuse(&merchant, &body, &expected, "three rules").await;
}

#[tokio::test]
async fn quantities_and_tax_are_bounded() {
    let (_app, merchant) = app().await;
    for (pointer, good, bad) in [
        (
            "/items/0/quantity",
            vec![json!(1), json!(100_000)],
            vec![(json!(0), "range"), (json!(100_001), "range")],
        ),
        ("/shipment/mps", vec![json!(0), json!(1), json!(100)], vec![(json!(101), "range")]),
        (
            "/items/0/taxPercent",
            vec![json!(0), json!(0.01), json!(12.5), json!(100)],
            vec![
                (json!(100.01), "range"),
                (json!(-1), "range"),
                (json!(100.001), "invalid"),
                (json!(-0.001), "invalid"),
            ],
        ),
    ] {
        for value in good {
            let seen = accept(&merchant, with(order("t"), pointer, value.clone()), pointer).await;
            assert_same(seen.pointer(pointer).unwrap(), &value, pointer);
        }
        for (value, code) in bad {
            refuse(
                &merchant,
                &with(order("t"), pointer, value.clone()),
                &[(pointer, code)],
                &value.to_string(),
            )
            .await;
        }
        for value in [json!("1"), json!(true), json!([1]), json!({})] {
            refuse(
                &merchant,
                &with(order("t"), pointer, value.clone()),
                &[(pointer, "type")],
                &value.to_string(),
            )
            .await;
        }
    }
    for pointer in ["/items/0/quantity", "/shipment/mps"] {
        for value in [json!(1.5), json!(-1), json!(4_294_967_296_u64), json!(1e300)] {
            let found = faults(&merchant, &with(order("t"), pointer, value.clone())).await;
            assert_eq!((found.len(), found[0].0.as_str()), (1, pointer), "{value}");
        }
    }
}

#[tokio::test]
async fn boxes_have_weights_and_sides_within_bounds() {
    let (_app, merchant) = app().await;
    let weights = (
        "weight",
        vec![json!(0.001), json!(0.4), json!(50)],
        vec![0.0, -1.0, 50.001, 500.0, 0.0004, 0.0006, 0.0009, 50.0001, 1e300],
    );
    let side = || {
        (vec![json!(0.01), json!(12.5), json!(500)], vec![0.0, -1.0, 500.01, 0.004, 0.006, 500.001, 1e300])
    };
    let sides = ["width", "height", "length"].map(|name| (name, side().0, side().1));
    for (name, good, bad) in std::iter::once(weights).chain(sides) {
        let pointer = format!("/shipment/{name}/0");
        for value in good {
            let seen = accept(&merchant, with(order("t"), &pointer, value.clone()), &pointer).await;
            assert_same(seen.pointer(&pointer).unwrap(), &value, &pointer);
        }
        for value in bad {
            let found = faults(&merchant, &with(order("t"), &pointer, json!(value))).await;
            assert_eq!(found.len(), 1, "{pointer} {value}: {found:?}");
            assert_eq!(found[0].0, pointer, "{value}");
        }
        for value in [json!("1"), json!(null), json!(true), json!([1])] {
            refuse(
                &merchant,
                &with(order("t"), &pointer, value.clone()),
                &[(&pointer, "type")],
                &value.to_string(),
            )
            .await;
        }
    }
}

#[tokio::test]
async fn every_box_has_all_four_measures() {
    let (_app, merchant) = app().await;
    let boxes = |w: usize, h: usize, l: usize, kg: usize| {
        let mut body = order("t");
        body["shipment"] = json!({ "width": vec![10; w], "height": vec![10; h], "length": vec![10; l],
            "weight": vec![0.5; kg] });
        body
    };
    accept(&merchant, boxes(1, 1, 1, 1), "one").await;
    let seen = accept(&merchant, boxes(100, 100, 100, 100), "a hundred").await;
    assert_eq!(seen["shipment"]["weight"].as_array().unwrap().len(), 100);
    for (w, h, l, kg) in
        [(2, 1, 1, 1), (1, 2, 1, 1), (1, 1, 2, 1), (1, 1, 1, 2), (2, 2, 2, 1), (99, 100, 100, 100)]
    {
        refuse(&merchant, &boxes(w, h, l, kg), &[("/shipment", "boxes")], &format!("{w} {h} {l} {kg}")).await;
    }
    // An empty list is told at the list, and nothing is said of counts.
    refuse(&merchant, &boxes(1, 1, 1, 0), &[("/shipment/weight", "length")], "no weight").await;
    refuse(&merchant, &boxes(0, 1, 2, 1), &[("/shipment/width", "length")], "no width").await;
    let lists = ["/shipment/height", "/shipment/length", "/shipment/weight", "/shipment/width"];
    refuse(&merchant, &boxes(0, 0, 0, 0), &lists.map(|l| (l, "length")), "nothing").await;
    refuse(&merchant, &boxes(101, 101, 101, 101), &lists.map(|l| (l, "length")), "too many").await;
}

#[tokio::test]
async fn an_order_has_one_to_five_hundred_items() {
    let (_app, merchant) = app().await;
    let items = |n: usize| {
        let mut body = order("t");
        body["items"] = vec![body["items"][0].clone(); n].into();
        body
    };
    assert_eq!(accept(&merchant, items(500), "500").await["items"].as_array().unwrap().len(), 500);
    refuse(&merchant, &items(501), &[("/items", "length")], "501").await;
    refuse(&merchant, &items(0), &[("/items", "length")], "none").await;
}
