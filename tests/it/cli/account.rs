//! `waybill account`.

use waybill::{
    base::clock::Clock,
    features::provider_accounts::Accounts,
    platform::store::Store,
    provider::carrier::{AccountProblem, ProviderEnv},
};

use super::process::{Ended, Run};

fn account(folder: &std::path::Path, args: &[&str]) -> Ended {
    Run::waybill(folder).args(&[&["account"], args].concat()).end()
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_listed_and_lifted_and_what_cannot_be_is_said() {
    let folder = tempfile::TempDir::new().unwrap();
    account(folder.path(), &["list"]).refused(&[&["store.url: there is no database at /", "--config FILE"]]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is made by looking");
    assert!(Run::waybill(folder.path()).args(&["migrate"]).end().status.success());
    let ended = account(folder.path(), &["list"]);
    assert!(ended.status.success() && ended.out.contains("no account yet"), "{ended:?}");
    let ended = account(folder.path(), &["lift", "--reason", "topped up"]);
    assert!(!ended.status.success());
    assert_eq!(
        ended.err.lines().last(),
        Some("waybill: there is no account `parcelx-simulator`; there are: none yet")
    );

    let url = format!("sqlite:{}", folder.path().join("data/waybill.db").display());
    let store = Store::open(&url).await.unwrap();
    let held = Accounts::new(store, Clock::system(), ProviderEnv::Simulator);
    held.report(AccountProblem::Wallet, "No balance").await.unwrap();
    let ended = account(folder.path(), &["list"]);
    assert!(ended.out.starts_with("parcelx-simulator: held: wallet since 2"), "{}", ended.out);
    assert!(ended.out.contains(": No balance (tried again 0 times, next at 2"), "{}", ended.out);
    let doctor = Run::waybill(folder.path()).args(&["doctor"]).end();
    assert!(doctor.out.contains("account    parcelx-simulator: held: wallet"), "{}", doctor.out);

    let ended = account(folder.path(), &["lift", "nobody", "--reason", "x"]);
    assert!(
        ended.err.contains("there is no account `nobody`; there are: parcelx-simulator"),
        "{}",
        ended.err
    );
    let ended =
        account(folder.path(), &["lift", "parcelx-simulator", "--actor", "asha", "--reason", "topped up"]);
    assert!(ended.status.success(), "{}", ended.err);
    assert!(ended.out.starts_with("parcelx-simulator: the hold (wallet, since 2"), "{}", ended.out);
    assert_eq!(held.refresh().await.unwrap(), None);
    let ended = account(folder.path(), &["lift", "--reason", "topped up"]);
    assert!(!ended.status.success());
    assert_eq!(ended.err.lines().last(), Some("waybill: the account parcelx-simulator is not held"));
    assert!(account(folder.path(), &["list"]).out.starts_with("parcelx-simulator: ok"));

    // Words that were stored as they came: a terminal must not obey them.
    held.report(AccountProblem::Wallet, "\u{1b}[31mNo\u{1b}[0m \u{9b}2Jbalance\u{7}").await.unwrap();
    for args in [&["account", "list"][..], &["doctor"]] {
        let out = Run::waybill(folder.path()).args(args).end().out;
        assert!(out.contains(": No balance"), "{out:?}");
        assert!(out.chars().all(|c| c == '\n' || !c.is_control()), "{out:?}");
    }
}
