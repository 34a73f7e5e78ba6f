//! `waybill merchant erase`: what would go is told first, and goes with `--yes`.

use std::path::Path;

use serde_json::json;
use waybill::{
    base::timestamp::Timestamp,
    features::{
        kyc::model::Dossier,
        merchants::{model::MerchantDocument, user::User},
    },
    platform::store::Store,
};

use super::{
    merchant_kyc::handed_in,
    process::{Ended, Run},
};

const WHY: [&str; 2] = ["--reason", "request 4711"];

fn merchant(folder: &Path, args: &[&str]) -> Ended {
    Run::waybill(folder).user("asha").args(&[&["merchant"], args].concat()).end()
}

fn user(id: &str, merchant: &str) -> User {
    let user = json!({ "id": id, "version": 1, "merchantId": merchant, "email": format!("{id}@vane.example"),
        "name": "Mira Vane", "role": "owner", "password": "x", "phone": { "number": "+919876512340" },
        "era": 1, "createdAt": Timestamp::from_millis(1_769_851_800_000) });
    serde_json::from_value(user).unwrap()
}

async fn store(folder: &Path) -> Store {
    Store::open(&format!("sqlite:{}", folder.join("data/waybill.db").display())).await.unwrap()
}

#[tokio::test]
async fn all_of_a_suspended_merchant_is_erased_once_that_was_confirmed() {
    let folder = tempfile::tempdir().unwrap();
    let erase = |more: &[&str]| merchant(folder.path(), &[&["erase", "42"], &WHY[..], more].concat());
    assert!(merchant(folder.path(), &["add", "Vane Pots", "--id", "42"]).status.success());
    let store = store(folder.path()).await;
    store.insert(&user("usr_1", "42")).await.unwrap();
    store.insert(&handed_in(Timestamp::from_millis(1_769_851_800_000))).await.unwrap();
    let file = folder.path().join("data/files/kyc/fil_1");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "the PAN card").unwrap();

    for more in [&[][..], &["--yes"]] {
        let refused = erase(more);
        refused.refused(&[&["the merchant \"42\" is active", "suspend it first"]]);
    }
    assert!(merchant(folder.path(), &["suspend", "42"]).status.success());
    let told = erase(&[]);
    assert_eq!(told.status.code(), Some(0), "{told:?}");
    for line in [
        "people     1 (names, addresses",
        "kyc        1 (details",
        "documents  4 (files",
        "name       1 (of the shop)",
        "kept       orders (`waybill review erase`",
        "what was written about\n",
        "nothing was erased: --yes erases it",
    ] {
        assert!(told.out.contains(line), "{line}: {}", told.out);
    }
    assert!(
        !told.out.contains("keys") && !told.out.contains("Mira") && !told.out.contains("vane"),
        "{told:?}"
    );
    assert_eq!(store.get::<User>("usr_1").await.unwrap().unwrap().name, "Mira Vane");
    assert!(file.exists());

    let erased = erase(&["--yes"]);
    assert!(erased.status.success() && erased.out.trim_end().ends_with("\nerased"), "{erased:?}");
    assert!(!file.exists());
    let user = store.get::<User>("usr_1").await.unwrap().unwrap();
    assert_eq!((user.name.as_str(), user.email, user.phone.is_nothing()), ("erased", None, true));
    assert_eq!(store.get::<MerchantDocument>("42").await.unwrap().unwrap().name, "erased");
    let dossier = store.get::<Dossier>("42").await.unwrap().unwrap();
    assert!(!dossier.holds_something() && dossier.leftovers.is_empty());
    assert!(erase(&["--yes"]).out.trim_end().ends_with("nothing is left to be erased"));
    merchant(folder.path(), &["resume", "42"])
        .refused(&[&["the merchant \"42\" was erased", "add a new one"]]);
    assert!(merchant(folder.path(), &["list"]).out.contains("42: erased, suspended"));
    let audit = Run::waybill(folder.path()).args(&["audit"]).end().out;
    assert!(audit.contains("merchant.erase") && audit.contains("asha: request 4711"), "{audit}");
    assert!(!audit.contains("Mira") && !audit.contains("vane"), "{audit}");
}

#[tokio::test]
async fn a_person_is_erased_also_of_a_merchant_that_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let erase = |args: &[&str]| merchant(folder.path(), &[&["erase"], args, &WHY[..]].concat());
    assert!(merchant(folder.path(), &["add", "Vane Pots", "--id", "42"]).status.success());
    let store = store(folder.path()).await;
    for (id, shop) in [("usr_1", "42"), ("usr_2", "42"), ("usr_3", "43")] {
        store.insert(&user(id, shop)).await.unwrap();
    }
    let told = erase(&["42", "--person", "usr_1"]);
    assert!(told.status.success() && told.out.contains("people     1 (") && !told.out.contains("name "));
    let erased = erase(&["42", "--person", "usr_1", "--yes"]);
    assert!(erased.status.success() && erased.out.trim_end().ends_with("\nerased"), "{erased:?}");
    for (id, name) in [("usr_1", "erased"), ("usr_2", "Mira Vane"), ("usr_3", "Mira Vane")] {
        assert_eq!(store.get::<User>(id).await.unwrap().unwrap().name, name, "{id}");
    }
    assert_eq!(store.get::<MerchantDocument>("42").await.unwrap().unwrap().name, "Vane Pots");
    for (args, words) in [
        (&["42", "--person", "usr_3", "--yes"][..], "nobody of this merchant has the id \"usr_3\""),
        (&["42", "--person", "usr_9"], "nobody of this merchant has the id \"usr_9\""),
        (&["43"], "no merchant \"43\" has signed up"),
    ] {
        erase(args).refused(&[&[words]]);
    }
    let unexplained = merchant(folder.path(), &["erase", "42", "--person", "usr_2", "--yes"]);
    assert_eq!(unexplained.status.code(), Some(2), "a reason is needed");
    assert_eq!(store.get::<User>("usr_2").await.unwrap().unwrap().name, "Mira Vane");
}
