//! The ten calls of docs/merchants.md, as a reader would paste them.

use std::process::Command;

use super::process::Run;

const GUIDE: &str = include_str!("../../../docs/merchants.md");

/// The text between the fences of the first block of this kind.
fn block(kind: &str) -> &'static str {
    let (_, rest) = GUIDE.split_once(&format!("```{kind}\n")).unwrap();
    rest.split_once("\n```").unwrap().0
}

#[test]
fn a_shop_gets_from_sign_up_to_its_first_booked_order_in_ten_calls() {
    let script = block("sh");
    assert_eq!(script.lines().filter(|line| line.starts_with("# ")).count(), 10);
    let folder = tempfile::tempdir().unwrap();
    let mut waybill = Run::waybill(folder.path()).start();
    waybill.line("curl ");
    let url = waybill.url();
    let script = script.replace("http://localhost:3000", &url);
    let mut shell = Command::new("sh");
    let shell = shell.args(["-euc", &script]).current_dir(folder.path()).env("no_proxy", "*").output();
    let shell = shell.unwrap();
    let said = String::from_utf8(shell.stdout).unwrap();
    assert!(shell.status.success(), "{said}\n{}", String::from_utf8_lossy(&shell.stderr));
    let (_, rest) = said.split_once('\n').unwrap();
    assert_eq!(rest.trim_end(), block("text"), "{}", String::from_utf8_lossy(&shell.stderr));
    let ended = waybill.stop();
    // Neither the code nor the password nor the key is in what logs are made of.
    let code = std::fs::read_to_string(folder.path().join("data/mails.txt")).unwrap();
    let code = code.split("#token=").nth(1).unwrap().lines().next().unwrap().to_owned();
    for secret in [code.as_str(), "a long sentence of mine", "wbk_test_", "wbr_", "asha@example.com"] {
        assert!(!ended.err.contains(secret) && !ended.out.contains(secret), "{secret}: {}", ended.err);
    }
}
