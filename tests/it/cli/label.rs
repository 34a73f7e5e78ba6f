//! The label of an order that the all-in-one program booked with its simulator.

use super::{
    process::Run,
    web::{Web, until},
};
use crate::support::orders::order;

#[tokio::test]
async fn the_label_of_a_booked_order_can_be_opened() {
    let folder = tempfile::tempdir().unwrap();
    let token = Run::waybill(folder.path()).args(&["token", "--user", "u1"]).end();
    let mut waybill = Run::waybill(folder.path()).start();
    let web = Web::new(&waybill.url()).token(&token.out);
    let id = web.create(&order("A-1")).await;
    let awb = web.order_becomes(&id, "success").await["awb"].as_str().unwrap().to_owned();
    let label = until("there is a label", async || {
        let (status, body) = web.get(&format!("/v1/orders/{id}/label")).await;
        assert!([200, 202].contains(&status.as_u16()), "{body}");
        (status == 200).then_some(body)
    });
    let url = label.await["data"]["labelUrl"].as_str().unwrap().to_owned();
    assert!(url.ends_with(&format!("/{awb}.pdf")), "{url}");
    assert_eq!(Web::new("").status(&url).await, Some(200), "{url}");
    let ended = waybill.stop();
    assert!(!ended.err.contains(&url), "{}", ended.err);
}
