//! Documents: what is taken, what is given back, and that what is erased is gone.

use std::{os::unix::fs::PermissionsExt, time::Duration};

use http::{Method, Request};
use serde_json::{Value, json};
use waybill::features::kyc::model::Dossier;

use super::{call, kept, pdf, png, upload};
use crate::support::{Answer, TestApp};

const LARGEST: usize = 5 * 1024 * 1024;

fn document(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["data"]["documents"][0].clone()
}

/// A PDF of so many bytes.
fn large(size: usize) -> Vec<u8> {
    let mut bytes = pdf("");
    let end = bytes.split_off(9);
    bytes.resize(size - end.len(), b' ');
    bytes.extend(end);
    assert_eq!(bytes.len(), size);
    bytes
}

#[tokio::test]
async fn a_document_comes_back_as_it_was_to_be_kept_and_never_shown() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    let bytes = png(640, 480);
    let named = "/v1/kyc/documents/pan_card?name=..%2F..%2Fetc%2FPAN%20of%20Asha.pdf";
    let told = document(&call(&shop, Method::PUT, named, bytes.clone()).await);
    // What it is, it says itself; its name is a label.
    assert_eq!((&told["fileType"], &told["name"]), (&json!("png"), &json!("PAN of Asha.pdf")));
    assert_eq!((&told["size"], &told["kind"]), (&json!(bytes.len()), &json!("pan_card")));
    assert_eq!(told["sha256"].as_str().unwrap().len(), 64);

    let read = shop.get("/v1/kyc/documents/pan_card").await;
    assert_eq!((read.status.as_u16(), read.body == bytes), (200, true));
    for (name, value) in [
        ("content-type", "image/png"),
        ("content-disposition", "attachment; filename=\"pan_card.png\""),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; sandbox; frame-ancestors 'none'"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(read.header(name), Some(value));
    }
    // Under a name that is ours, in a folder that is nobody else's.
    let files = kept(&app);
    assert!(files.len() == 1 && files[0].starts_with("fil_"), "{files:?}");
    let folder = std::fs::metadata(app.folder.path().join("files")).unwrap();
    assert_eq!(folder.permissions().mode() & 0o777, 0o700);
    for path in ["/files", "/files/kyc", "/data/files", "/v1/files", &format!("/files/kyc/{}", files[0])] {
        shop.get(path).await.problem(404, "not-found");
    }
}

#[tokio::test]
async fn what_is_in_a_file_counts_and_not_what_it_is_called() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    let polyglot = [png(9, 9), b"<script>alert(1)</script>".to_vec()].concat();
    for (bytes, code) in [
        (b"<html><script>alert(1)</script>".to_vec(), "file-type"),
        (b"GIF89a".to_vec(), "file-type"),
        (b"<?xml version=\"1.0\"?><svg/>".to_vec(), "file-type"),
        (Vec::new(), "empty"),
        (polyglot, "damaged"),
        (png(9, 9)[..40].to_vec(), "damaged"),
        (b"%PDF-1.7 and no end".to_vec(), "damaged"),
        (png(60_000, 60_000), "pixels"),
        (png(u32::MAX, 1), "pixels"),
    ] {
        let request =
            Request::put("/v1/kyc/documents/pan_card?name=pan.png").header("content-type", "image/png");
        let refused = shop.send(request.body(bytes.into()).unwrap()).await;
        let problem = refused.problem(422, "unfit-document");
        assert_eq!(problem["errors"][0]["code"], code, "{problem}");
    }
    // And the other way round.
    let request = Request::put("/v1/kyc/documents/pan_card?name=x.exe").header("content-type", "text/html");
    assert_eq!(document(&shop.send(request.body(png(9, 9).into()).unwrap()).await)["fileType"], "png");
    assert_eq!(kept(&app).len(), 1);
}

#[tokio::test]
async fn a_document_has_five_mebibytes_at_most() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    assert_eq!(document(&upload(&shop, "pan_card", large(LARGEST)).await)["size"], LARGEST);
    upload(&shop, "pan_card", large(LARGEST + 1)).await.problem(413, "payload-too-large");
    // Of a body that does not say how long it is, no more is read.
    let chunks = (0..9).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1024 * 1024]));
    let stream = axum::body::Body::from_stream(futures_util::stream::iter(chunks));
    upload(&shop, "pan_card", stream).await.problem(413, "payload-too-large");
    let request = Request::put("/v1/kyc/documents/pan_card").header("content-encoding", "gzip");
    let zipped = shop.send(request.body(pdf("x").into()).unwrap()).await;
    zipped.problem(415, "unsupported-media-type");
    let unknown = call(&shop, Method::PUT, "/v1/kyc/documents/pan_card?path=x", pdf("x")).await;
    unknown.problem(400, "invalid-query");
    assert_eq!(shop.get("/v1/kyc/documents/pan_card").await.body.len(), LARGEST);
    // The limit of other bodies is as it was.
    let long = "x".repeat(300 * 1024);
    shop.post("/orders/create", &json!({ "x": long })).await.problem(413, "payload-too-large");
}

#[tokio::test]
async fn a_new_document_takes_the_place_of_the_old_one_whose_file_is_gone() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    upload(&shop, "pan_card", pdf("first")).await;
    let first = kept(&app);
    upload(&shop, "pan_card", pdf("second")).await;
    let second = kept(&app);
    assert!(second.len() == 1 && second != first, "{first:?} {second:?}");
    assert_eq!(shop.get("/v1/kyc/documents/pan_card").await.body, pdf("second"));
    let dossier = app.app.store.get::<Dossier>("shop").await.unwrap().unwrap();
    assert_eq!((dossier.leftovers, dossier.leftover_at), (Vec::new(), None));
}

#[tokio::test]
async fn an_erased_document_is_looked_for_and_is_not_there() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    let erase = async || call(&shop, Method::DELETE, "/v1/kyc/documents/pan_card", "").await;
    upload(&shop, "pan_card", pdf("mine")).await;
    assert_eq!(erase().await.status, 204);
    assert_eq!(kept(&app), Vec::<String>::new());
    shop.get("/v1/kyc/documents/pan_card").await.problem(404, "not-found");
    assert_eq!(erase().await.status, 204, "again is no error");

    // One that cannot be erased is not called erased; the same call tries again.
    upload(&shop, "pan_card", pdf("mine")).await;
    let file = app.folder.path().join("files/kyc").join(&kept(&app)[0]);
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir_all(file.join("inside")).unwrap();
    let refused = erase().await;
    assert_eq!(refused.problem(503, "temporarily-unavailable")["retryable"], true);
    assert!(refused.header("retry-after").is_some());
    erase().await.problem(503, "temporarily-unavailable");
    std::fs::remove_dir_all(&file).unwrap();
    std::fs::write(&file, "mine").unwrap();
    assert_eq!(erase().await.status, 204);
    assert!(!file.exists());
}

/// A process died between the file and its dossier, or the store of files was away.
#[tokio::test]
async fn abandoned_files_are_erased_by_a_sweep() {
    let app = TestApp::start().await;
    let (shop, kyc) = (app.merchant("shop"), &app.app.state.kyc);
    upload(&shop, "pan_card", pdf("kept")).await;
    let begun = app.app.store.update::<Dossier, _, waybill::platform::store::StoreError>("shop", |dossier| {
        dossier
            .begin_upload(waybill::features::kyc::model::DocumentKind::PanCard, "kyc/fil_x", app.clock.now())
            .unwrap();
        Ok(waybill::platform::store::Decision::Save(()))
    });
    drop(begun.await.unwrap());
    kyc.files().put("kyc/fil_x", pdf("abandoned").into()).await.unwrap();
    assert_eq!((kyc.sweep().await.unwrap(), kept(&app).len()), (0, 2), "it may be on its way");
    app.advance(Duration::from_secs(15 * 60));
    assert_eq!((kyc.sweep().await.unwrap(), kept(&app).len()), (1, 1));
    assert_eq!(kyc.sweep().await.unwrap(), 0);
    assert_eq!(shop.get("/v1/kyc/documents/pan_card").await.body, pdf("kept"));
}

#[tokio::test]
async fn a_file_that_was_changed_is_given_to_nobody() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    upload(&shop, "pan_card", pdf("mine")).await;
    let file = app.folder.path().join("files/kyc").join(&kept(&app)[0]);
    std::fs::write(&file, pdf("evil")).unwrap();
    let refused = shop.get("/v1/kyc/documents/pan_card").await;
    assert!(!refused.problem(500, "internal").to_string().contains("evil"));
}

/// Each upload holds a whole document: more than a few at once are asked to come again.
#[tokio::test]
async fn memory_for_documents_is_bounded() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    let mut slots = Vec::new();
    while let Ok(slot) = app.app.state.kyc.slot() {
        slots.push(slot);
    }
    assert_eq!(slots.len(), 12);
    let busy = upload(&shop, "pan_card", pdf("x")).await;
    busy.problem(503, "temporarily-unavailable");
    assert_eq!(busy.header("retry-after"), Some("1"));
    slots.pop();
    for _ in 0..3 {
        assert_eq!(upload(&shop, "pan_card", pdf("x")).await.status, 200, "a slot is given back");
        assert_eq!(shop.get("/v1/kyc/documents/pan_card").await.status, 200);
    }
}
