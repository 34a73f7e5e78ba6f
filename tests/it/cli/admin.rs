//! `waybill admin`.

use std::{io::Write, path::Path, process::Stdio};

use super::process::{Ended, Run};

/// With this as its standard input.
fn admin(folder: &Path, args: &[&str], input: &str) -> Ended {
    let file = folder.join("input");
    let mut written = std::fs::File::create(&file).unwrap();
    written.write_all(input.as_bytes()).unwrap();
    let run = Run::waybill(folder).user("asha").args(&[&["admin"], args].concat());
    run.reading(Stdio::from(std::fs::File::open(file).unwrap())).end()
}

#[test]
fn users_are_added_changed_and_listed() {
    let folder = tempfile::tempdir().unwrap();
    let ok = |args: &[&str], input: &str| {
        let ended = admin(folder.path(), args, input);
        assert!(ended.status.success(), "{args:?}: {ended:?}");
        ended.out
    };
    let nowhere = admin(folder.path(), &["list"], "");
    assert!(!nowhere.status.success() && nowhere.err.contains("there is no database"), "{nowhere:?}");
    let add = |name: &str| ok(&["add", name, "--role", "super_admin"], "correct horse battery\n");
    assert_eq!(add("ravi"), "ravi is added, super_admin\n");
    add("asha");
    assert_eq!(ok(&["list"], "").lines().count(), 2);
    assert!(ok(&["disable", "ravi"], "").contains("DISABLED"));
    assert!(!ok(&["enable", "ravi"], "").contains("DISABLED"));
    ok(&["passwd", "ravi"], "another horse battery\r\n");
    ok(&["reset-totp", "ravi"], "");
    let audit = Run::waybill(folder.path()).args(&["audit"]).end().out;
    for action in ["user.add", "user.disable", "user.enable", "user.passwd", "user.reset-totp"] {
        assert!(audit.contains(action), "{action}: {audit}");
    }
    assert!(audit.contains("asha: on the command line") && !audit.contains("horse"), "{audit}");
}

#[test]
fn what_cannot_be_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |args: &[&str], input: &str, words: &[&str]| {
        let ended = admin(folder.path(), args, input);
        assert!(!ended.status.success(), "{args:?}");
        assert!(words.iter().all(|word| ended.err.contains(word)), "{args:?}: {}", ended.err);
    };
    refused(&["add", "ravi", "--role", "boss"], "", &["viewer, operator, admin or super_admin"]);
    refused(&["add", "ravi", "--role", "viewer"], "short\n", &["password must have 12 to 256 characters"]);
    refused(&["add", "Ravi K", "--role", "viewer"], "correct horse battery\n", &["2 to 64"]);
    assert!(!folder.path().join("data").exists(), "nothing was made for that");
    let one = admin(folder.path(), &["add", "ravi", "--role", "super_admin"], "correct horse battery\n");
    assert!(one.status.success());
    refused(&["passwd", "nobody"], "correct horse battery\n", &["no user \"nobody\""]);
    refused(&["disable", "ravi"], "", &["last super_admin"]);
}
