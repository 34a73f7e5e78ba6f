//! Who a merchant is: what it tells and uploads, what the desk decides, and what waits for that.

mod desk;
mod documents;
mod gate;
mod merchant;
pub(crate) mod server;

use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value, json};

use crate::support::{Answer, Client, TestApp};

pub(crate) const KINDS: [&str; 4] = ["pan_card", "gst_certificate", "cancelled_cheque", "address_proof"];
/// What must be in no answer, log or page but for those who may see it.
pub(crate) const PAN: &str = "AAPFU0939F";
pub(crate) const ACCOUNT: &str = "50100123451234";

/// All that can be told.
pub(crate) fn details() -> Value {
    json!({
        "legalName": "Asha Crafts Private Limited",
        "businessKind": "private_limited",
        "pan": PAN,
        "gstin": "27AAPFU0939F1ZV",
        "bank": { "ifsc": "HDFC0000001", "accountNumber": ACCOUNT },
        "address": {
            "line1": "12 Sample Street", "city": "Pune", "state": "Maharashtra", "pincode": "411001",
        },
    })
}

/// A small PDF that says this.
pub(crate) fn pdf(text: &str) -> Vec<u8> {
    format!("%PDF-1.7\n{text}\n%%EOF\n").into_bytes()
}

/// The header of a picture of this size, and nothing to be seen.
pub(crate) fn png(width: u32, height: u32) -> Vec<u8> {
    let chunk = |kind: &[u8], data: &[u8]| {
        [&u32::try_from(data.len()).unwrap().to_be_bytes()[..], kind, data, &[0; 4]].concat()
    };
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 6, 0, 0, 0]].concat();
    [&b"\x89PNG\r\n\x1a\n"[..], &chunk(b"IHDR", &header), &chunk(b"IDAT", &[0]), &chunk(b"IEND", &[])]
        .concat()
}

pub(crate) async fn call(client: &Client, method: Method, path: &str, body: impl Into<Body>) -> Answer {
    client.send(Request::builder().method(method).uri(path).body(body.into()).unwrap()).await
}

pub(crate) async fn upload(client: &Client, kind: &str, bytes: impl Into<Body>) -> Answer {
    call(client, Method::PUT, &format!("/v1/kyc/documents/{kind}"), bytes).await
}

pub(crate) async fn tell(client: &Client, details: &Value) -> Answer {
    let request = Request::put("/v1/kyc").header("content-type", "application/json");
    client.send(request.body(Body::from(details.to_string())).unwrap()).await
}

/// Tells and uploads all that is needed, and hands it in. Gives the KYC as it then stands.
pub(crate) async fn hand_in(client: &Client) -> Value {
    let told = tell(client, &details()).await;
    assert_eq!(told.status, 200, "{}", told.text());
    for kind in KINDS {
        let kept = upload(client, kind, pdf(kind)).await;
        assert_eq!(kept.status, 200, "{}", kept.text());
    }
    let submitted = call(client, Method::POST, "/v1/kyc/submit", "").await;
    assert_eq!(submitted.status, 200, "{}", submitted.text());
    submitted.json()["data"].clone()
}

/// The files that are kept, by their names.
pub(crate) fn kept(app: &TestApp) -> Vec<String> {
    let folder = app.folder.path().join("files/kyc");
    let Ok(files) = std::fs::read_dir(folder) else { return Vec::new() };
    files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}
