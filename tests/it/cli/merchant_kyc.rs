//! `waybill merchant kyc`: looked at and decided on without the dashboard.

use serde_json::json;
use waybill::{
    base::timestamp::Timestamp,
    features::{
        kyc::model::{DocumentKind, Dossier, StoredFile},
        merchants::model::MerchantDocument,
    },
    platform::store::Store,
};

use super::process::{Ended, Run};
use crate::kyc::{ACCOUNT, PAN, details};

/// What a merchant has handed in.
pub(super) fn handed_in(now: Timestamp) -> Dossier {
    let mut dossier = Dossier::new("42", now);
    dossier.tell(serde_json::from_value(details()).unwrap(), "usr_1", now).unwrap();
    for kind in DocumentKind::ALL {
        let file = json!({ "kind": kind, "key": "kyc/fil_1", "fileType": "pdf", "size": 9, "sha256": "ab",
            "uploadedAt": now, "uploadedBy": "usr_1" });
        let file: StoredFile = serde_json::from_value(file).unwrap();
        dossier.begin_upload(kind, "kyc/fil_1", now).unwrap();
        dossier.end_upload(file, now).unwrap();
    }
    dossier.submit("usr_1", now).unwrap();
    dossier
}

#[tokio::test]
async fn a_kyc_is_looked_at_and_decided_on() {
    let folder = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| -> Ended {
        Run::waybill(folder.path()).user("asha").args(&[&["merchant"], args].concat()).end()
    };
    let ok = |args: &[&str]| {
        let ended = run(args);
        assert!(ended.status.success(), "{args:?}: {ended:?}");
        ended.out
    };
    ok(&["add", "The old shop", "--id", "42"]);
    assert_eq!(ok(&["kyc", "waiting"]).trim(), "none");
    let url = format!("sqlite:{}", folder.path().join("data/waybill.db").display());
    let store = Store::open(&url).await.unwrap();
    store.insert(&handed_in(Timestamp::from_millis(1_769_851_800_000))).await.unwrap();

    assert!(ok(&["kyc", "waiting"]).starts_with("42: submitted, version 1, since 2026-01-31"));
    let shown = ok(&["kyc", "show", "42"]);
    for words in ["XXXXXX939F", "XXXXXXXXXX1234", "pan_card, pdf, 9 bytes", "submitted by usr_1"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(!shown.contains(PAN) && !shown.contains(ACCOUNT), "{shown}");

    let reason = ["--reason", "the papers fit"];
    let decide = |verdict: &str, version: &str| {
        run(&[&["kyc", verdict, "42", "--version", version], &reason[..]].concat())
    };
    assert!(decide("approve", "2").err.contains("it has version 1"));
    let approved = decide("approve", "1");
    assert!(approved.out.starts_with("42: approved, version 2"), "{approved:?}");
    let merchant = store.get::<MerchantDocument>("42").await.unwrap().unwrap();
    assert!(merchant.kyc_approved_at.is_some() && merchant.name == "The old shop");
    assert!(decide("approve", "2").err.contains("cannot become approved"));
    assert!(decide("reject", "2").out.starts_with("42: rejected, version 3"));
    let merchant = store.get::<MerchantDocument>("42").await.unwrap().unwrap();
    assert!(merchant.kyc_approved_at.is_none());
    assert!(ok(&["kyc", "show", "42"]).contains("rejected by asha: the papers fit"));
    assert!(run(&["kyc", "show", "43"]).err.contains("No merchant with this id"));
    let audit = Run::waybill(folder.path()).args(&["audit"]).end().out;
    assert!(audit.contains("kyc.approve") && audit.contains("asha: the papers fit"), "{audit}");
}
