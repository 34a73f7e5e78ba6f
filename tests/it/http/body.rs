//! Bodies that are not read at all, or no further: what they are, how large they are, whether they are JSON.

use axum::body::Body;
use http::{Request, header};
use waybill::platform::http::Kind;

use super::{
    Answer,
    json::{good, router},
    post as send_json, send,
};

#[tokio::test]
async fn what_is_no_json_is_malformed_and_not_repeated() {
    let router = router();
    let send = async |body: &'static [u8]| send_json(&router, "/orders", body).await;
    for (body, says) in [
        (&b"{\"invoiceNumber\": SECRET}"[..], "line 1 column 19"),
        (b"{\"a\":\n  \"SECRET", "line 2 column"),
        (b"{} SECRET", "trailing characters at line 1 column 4"),
        (b"", "empty"),
        (b" \n ", "empty"),
        (b"{\"invoiceNumber\":\"\xff\xfe\"}", "not UTF-8: byte 19"),
    ] {
        let a = send(body).await;
        let problem = a.problem(Kind::MalformedBody);
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(says) && !a.text().contains("SECRET"), "{detail}");
    }
    for shape in ["[", "{\"items\":"] {
        let a = send_json(&router, "/orders", shape.repeat(400)).await;
        assert!(
            a.problem(Kind::MalformedBody)["detail"].as_str().unwrap().contains("recursion"),
            "{}",
            a.text()
        );
    }
}

#[tokio::test]
async fn only_json_in_utf_8_is_taken() {
    let router = router();
    let with = async |name: &'static str, value: &'static str| -> Answer {
        send(&router, Request::post("/orders").header(name, value).body(good().to_string().into()).unwrap())
            .await
    };
    for good in ["application/json", "Application/JSON; Charset=\"UTF-8\"", "application/vnd.waybill+json"] {
        assert_eq!(with("content-type", good).await.status.as_u16(), 200, "{good}");
    }
    for bad in [
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
        "application/json; charset=utf-16",
        "text/json",
        "",
        "application/jsonp",
    ] {
        with("content-type", bad).await.problem(Kind::UnsupportedMediaType);
    }
    with("x-other", "y").await.problem(Kind::UnsupportedMediaType);
    let zipped = Request::post("/orders")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONTENT_ENCODING, "gzip");
    send(&router, zipped.body(Body::from("x")).unwrap()).await.problem(Kind::UnsupportedMediaType);
}

#[tokio::test]
async fn the_limit_counts_what_arrives_not_what_is_announced() {
    let router = router();
    let fill = |size: usize| {
        let text = good().to_string();
        format!("{text}{}", " ".repeat(size - text.len()))
    };
    assert_eq!(send_json(&router, "/orders", fill(4096)).await.status.as_u16(), 200);
    send_json(&router, "/orders", fill(4097)).await.problem(Kind::PayloadTooLarge);
    let chunks = futures_util::stream::iter(
        (0..50)
            .map(|_| Ok::<_, std::io::Error>(hyper::body::Frame::data(bytes::Bytes::from(vec![b' '; 100])))),
    );
    let lying = Request::post("/orders")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONTENT_LENGTH, "10");
    let lying = lying.body(Body::new(http_body_util::StreamBody::new(chunks))).unwrap();
    send(&router, lying).await.problem(Kind::PayloadTooLarge);
}
