//! Each rule of the contract at its bounds. The numbers stand here as the contract has them, not as the code
//! does.

mod numbers;

use serde_json::{Value, json};

use super::{faults, full, listed};
use crate::support::{
    Client, TestApp,
    orders::{order, with},
};

/// Accepts `body` as a new order, whatever its `clientOrderId` was.
async fn accept(client: &Client, mut body: Value, about: &str) -> Value {
    body.as_object_mut().unwrap().remove("clientOrderId");
    let answer = client.post("/orders/create", &body).await;
    assert_eq!(answer.status, 201, "{about}: {}", answer.text());
    client.order(answer.json()["data"]["id"].as_str().unwrap()).await
}

async fn refuse(client: &Client, body: &Value, expected: &[(&str, &str)], about: &str) {
    assert_eq!(faults(client, body).await, listed(expected), "{about}");
}

async fn app() -> (TestApp, Client) {
    let app = TestApp::start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    (app, merchant)
}

/// `(pointer, fewest, most)` characters of every text; 0: it may be blank, which means absent.
const TEXTS: [(&str, usize, usize); 16] = [
    ("/clientOrderId", 1, 255),
    ("/invoiceNumber", 1, 100),
    ("/pickAddressId", 1, 50),
    ("/returnAddressId", 0, 50),
    ("/consignee/name", 2, 100),
    ("/consignee/phone", 0, 20),
    ("/consignee/address1", 5, 250),
    ("/consignee/address2", 0, 250),
    ("/consignee/city", 2, 100),
    ("/consignee/state", 2, 100),
    ("/consignee/country", 0, 60),
    ("/items/0/sku", 1, 100),
    ("/items/0/name", 1, 250),
    ("/items/0/category", 0, 100),
    ("/items/0/description", 0, 1000),
    ("/items/0/hsn", 0, 20),
];

#[tokio::test]
async fn texts_are_trimmed_and_counted_in_characters() {
    let (_app, merchant) = app().await;
    for (pointer, fewest, most) in TEXTS {
        for letter in ["x", "é", "अ", "😀"] {
            for length in [fewest.max(1), most] {
                let text = letter.repeat(length);
                let body = with(full("t"), pointer, json!(format!(" \u{a0}{text}\t ")));
                if pointer == "/clientOrderId" {
                    let seen = merchant.order(&merchant.create(&body).await).await;
                    assert_eq!(seen["clientOrderId"], text);
                    continue;
                }
                let seen = accept(&merchant, body, &format!("{pointer} {length} {letter}")).await;
                assert_eq!(seen.pointer(pointer), Some(&json!(text)), "{pointer}");
            }
            let long = with(full("t"), pointer, json!(letter.repeat(most + 1)));
            refuse(&merchant, &long, &[(pointer, "length")], "one too many").await;
        }
        if fewest > 1 {
            refuse(
                &merchant,
                &with(full("t"), pointer, json!("x".repeat(fewest - 1))),
                &[(pointer, "length")],
                "one too few",
            )
            .await;
        }
        for blank in ["", "  ", "\t\u{a0}\u{3000}"] {
            let body = with(full("t"), pointer, json!(blank));
            if fewest > 0 {
                refuse(&merchant, &body, &[(pointer, "blank")], "blank").await;
            } else {
                let absent = if pointer == "/consignee/country" { json!("India") } else { json!(null) };
                assert_eq!(
                    accept(&merchant, body, pointer).await.pointer(pointer),
                    Some(&absent),
                    "{pointer} {blank:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn control_characters_are_refused_but_addresses_and_descriptions_may_have_lines() {
    let (_app, merchant) = app().await;
    let lines = ["/consignee/address1", "/consignee/address2", "/items/0/description"];
    for (pointer, ..) in TEXTS {
        for control in ['\u{0}', '\u{7}', '\u{8}', '\u{1b}', '\u{7f}', '\u{85}', '\u{9f}'] {
            let body = with(full("t"), pointer, json!(format!("abc{control}def")));
            refuse(&merchant, &body, &[(pointer, "control")], &format!("{control:?}")).await;
        }
        for control in ['\n', '\r', '\t'] {
            let text = format!("abc{control}def");
            let body = with(full("t"), pointer, json!(text));
            if lines.contains(&pointer) {
                assert_eq!(accept(&merchant, body, pointer).await.pointer(pointer), Some(&json!(text)));
            } else {
                refuse(&merchant, &body, &[(pointer, "control")], &format!("{control:?}")).await;
            }
        }
    }
    for pointer in ["/consignee/mobile", "/consignee/pincode"] {
        refuse(&merchant, &with(full("t"), pointer, json!("56000\u{0}")), &[(pointer, "digits")], "NUL")
            .await;
    }
    refuse(
        &merchant,
        &with(full("t"), "/consignee/email", json!("a\u{0}@example.test")),
        &[("/consignee/email", "control")],
        "NUL",
    )
    .await;
}

#[tokio::test]
async fn mobile_and_pincode_are_exactly_so_many_ascii_digits() {
    let (_app, merchant) = app().await;
    for (pointer, good) in [("/consignee/mobile", "0123456789"), ("/consignee/pincode", "056001")] {
        for text in [good.to_owned(), format!(" {good}\t")] {
            let seen = accept(&merchant, with(order("t"), pointer, json!(text)), pointer).await;
            assert_eq!(seen.pointer(pointer), Some(&json!(good)), "leading zeros stay");
        }
        let (head, last) = good.split_at(good.len() - 1);
        let bad = [
            head.to_owned(),
            format!("{good}0"),
            format!("{head} {last}"),
            format!("+{head}"),
            format!("-{head}"),
            format!("{head}x"),
            format!("{head}."),
            format!("{head}९"),
            format!("{head}\u{ff11}"),
            String::new(),
            "   ".to_owned(),
        ];
        for text in bad {
            refuse(&merchant, &with(order("t"), pointer, json!(text)), &[(pointer, "digits")], &text).await;
        }
        refuse(
            &merchant,
            &with(order("t"), pointer, json!(good.parse::<u64>().unwrap())),
            &[(pointer, "type")],
            "a number",
        )
        .await;
    }
}

#[tokio::test]
async fn e_mail_addresses_have_the_form_of_one() {
    let (_app, merchant) = app().await;
    let longest = format!("{}@{}.{}.{}", "a".repeat(64), "b".repeat(63), "c".repeat(63), "d".repeat(61));
    assert_eq!(longest.len(), 254);
    for good in
        ["a@b.in", "first.last+tag@sub.example.co.in", "UPPER@EXAMPLE.TEST", "o'neil@example.test", &longest]
    {
        let seen =
            accept(&merchant, with(order("t"), "/consignee/email", json!(format!(" {good} "))), good).await;
        assert_eq!(seen["consignee"]["email"], good);
    }
    for bad in [
        "not-an-address",
        "@example.test",
        "a@",
        "a@b@c.test",
        "a b@example.test",
        "a@exa mple.test",
        "a@-example.test",
        "a@.test",
        "<a@b.in>",
    ] {
        refuse(
            &merchant,
            &with(order("t"), "/consignee/email", json!(bad)),
            &[("/consignee/email", "email")],
            bad,
        )
        .await;
    }
    refuse(
        &merchant,
        &with(order("t"), "/consignee/email", json!(format!("a{longest}"))),
        &[("/consignee/email", "length")],
        "255",
    )
    .await;
    for blank in ["", " ", "\t\u{a0}"] {
        let seen = accept(&merchant, with(order("t"), "/consignee/email", json!(blank)), blank).await;
        assert_eq!(seen["consignee"]["email"], json!(null), "{blank:?}");
    }
}

#[tokio::test]
async fn words_are_read_in_any_letter_case_and_written_in_one() {
    let (_app, merchant) = app().await;
    let prepaid = |mut body: Value| {
        body["charges"]["codAmount"] = json!(0);
        body
    };
    for (pointer, words) in [
        ("/paymentMethod", &["COD", "PREPAID"][..]),
        ("/expressType", &["surface", "air"]),
        ("/consignee/addressType", &["HOME", "OFFICE", "OTHER"]),
    ] {
        for word in words {
            let (head, rest) = word.split_at(1);
            let mixed = format!("{}{}", head.to_uppercase(), rest.to_lowercase());
            for written in
                [(*word).to_owned(), word.to_lowercase(), word.to_uppercase(), mixed, format!(" {word} ")]
            {
                let body = with(order("t"), pointer, json!(written));
                let body = if *word == "PREPAID" { prepaid(body) } else { body };
                assert_eq!(
                    accept(&merchant, body, &written).await.pointer(pointer),
                    Some(&json!(word)),
                    "{written}"
                );
            }
        }
        let blank = with(order("t"), pointer, json!(" "));
        if pointer == "/consignee/addressType" {
            assert_eq!(accept(&merchant, blank, pointer).await.pointer(pointer), Some(&json!("OTHER")));
        } else {
            refuse(&merchant, &blank, &[(pointer, "enum")], "blank").await;
        }
        for other in [
            json!("CRYPTO"),
            json!("C O D"),
            json!("ſurface"),
            json!(1),
            json!(true),
            json!(["COD"]),
            json!({ "COD": null }),
        ] {
            refuse(
                &merchant,
                &with(order("t"), pointer, other.clone()),
                &[(pointer, "enum")],
                &other.to_string(),
            )
            .await;
        }
    }
}
