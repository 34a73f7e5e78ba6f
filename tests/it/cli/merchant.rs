//! `waybill merchant`.

use super::process::{Ended, Run};

#[test]
fn merchants_are_added_suspended_resumed_and_listed() {
    let folder = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| -> Ended {
        Run::waybill(folder.path()).user("asha").args(&[&["merchant"], args].concat()).end()
    };
    let ok = |args: &[&str]| {
        let ended = run(args);
        assert!(ended.status.success(), "{args:?}: {ended:?}");
        ended.out
    };
    let nowhere = run(&["list"]);
    assert!(!nowhere.status.success() && nowhere.err.contains("there is no database"), "{nowhere:?}");

    let added = ok(&["add", "Asha Crafts"]);
    assert!(added.starts_with("mer_") && added.contains(": Asha Crafts, active, since 2"), "{added}");
    ok(&["add", "The old shop", "--id", "42"]);
    // One of the old system, of which there is no document.
    let suspended = ok(&["suspend", "43", "--reason", "unpaid"]);
    assert!(suspended.starts_with("43: 43, suspended"), "{suspended}");
    ok(&["suspend", "42"]);
    assert_eq!(ok(&["list"]).lines().count(), 3);
    assert_eq!(ok(&["list", "--suspended"]).lines().count(), 2);
    assert!(ok(&["resume", "42"]).contains("The old shop, active"));
    assert_eq!(ok(&["list", "--suspended"]).lines().count(), 1);

    for (args, words) in [
        (&["add", "Another", "--id", "42"][..], "there is a merchant \"42\" already"),
        (&["add", "  "], "a name has 1 to 100 characters"),
        (&["add", "x", "--id", "a\nb"], "an id has 1 to 128 characters"),
        (&["resume", "42"], "the merchant \"42\" is active already"),
        (&["resume", "nobody"], "the merchant \"nobody\" is active already"),
        (&["suspend", "43"], "the merchant \"43\" is suspended already"),
        (&["suspend", ""], "an id has 1 to 128 characters"),
    ] {
        let ended = run(args);
        assert!(!ended.status.success() && ended.err.contains(words), "{args:?}: {}", ended.err);
    }
    let audit = Run::waybill(folder.path()).args(&["audit"]).end().out;
    for words in ["merchant.add", "merchant.suspend", "merchant.resume", "asha: unpaid"] {
        assert!(audit.contains(words), "{words}: {audit}");
    }
}
