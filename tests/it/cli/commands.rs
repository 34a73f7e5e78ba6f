//! The commands that print something and end.

use waybill::app;

use super::{
    process::{Run, WAYBILL, WORKER},
    web::Web,
};
use crate::support::orders;

#[test]
fn help_shows_examples_in_eighty_columns_and_the_version_is_that_of_the_package() {
    let folder = tempfile::tempdir().unwrap();
    for (program, own) in [(WAYBILL, "waybill demo"), (WORKER, "WAYBILL_QUEUE__CONCURRENCY=20 worker")] {
        let help = Run::new(program, folder.path()).args(&["--help"]).end();
        assert_eq!(help.status.code(), Some(0));
        let examples = help.out.split("Examples:").nth(1).unwrap();
        assert!(examples.contains(own), "{}", help.out);
        assert!(examples.lines().all(|line| line.chars().count() <= 80), "{examples}");
        let name = program.rsplit('/').next().unwrap();
        let version = Run::new(program, folder.path()).args(&["--version"]).end();
        assert_eq!(version.out, format!("{name} {}\n", env!("CARGO_PKG_VERSION")));
    }
    for command in ["api", "simulator", "demo", "token", "openapi"] {
        let help = Run::new(WAYBILL, folder.path()).args(&[command, "--help"]).end();
        assert!(help.status.success() && help.out.contains("Usage: waybill"), "{help:?}");
    }
    let unknown = Run::new(WAYBILL, folder.path()).args(&["lunch"]).end();
    assert_eq!((unknown.status.code(), unknown.out.as_str()), (Some(2), ""));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is made by asking");
}

#[tokio::test]
async fn a_token_is_printed_alone_and_speaks_for_its_user() {
    let folder = tempfile::tempdir().unwrap();
    // Before the first start: the key is made, and the instance takes it.
    let token = |args: &[&str]| Run::waybill(folder.path()).args(&[&["token"], args].concat()).end();
    let first = token(&["--user", "u1", "--ttl", "1h"]);
    assert_eq!(first.status.code(), Some(0));
    assert!(first.err.contains("a new key was made in /"), "{}", first.err);
    assert_eq!(first.out.trim().split('.').count(), 3, "{}", first.out);
    assert_eq!(first.out, format!("{}\n", first.out.trim()));
    let second = token(&["--user", "u2"]);
    assert_eq!(second.err, "", "it was there");

    let mut waybill = Run::waybill(folder.path()).start();
    let url = waybill.url();
    let (u1, u2) = (Web::new(&url).token(&first.out), Web::new(&url).token(&second.out));
    let id = u1.create(&orders::order("T-1")).await;
    u1.order_becomes(&id, "success").await;
    assert_eq!(u2.get(&format!("/v1/orders/{id}")).await.0, 404);
    // The same number of another merchant is another order.
    assert_ne!(u2.create(&orders::order("T-1")).await, id);
    waybill.stop();

    // A key that is set is used, and no file is made.
    let other = tempfile::tempdir().unwrap();
    let set = Run::waybill(other.path())
        .set("AUTH__JWT_SECRET", "0123456789abcdef0123456789abcdef")
        .args(&["token", "--user", "u1"])
        .end();
    assert!(set.status.success());
    assert_eq!(std::fs::read_dir(other.path()).unwrap().count(), 0);
}

#[test]
fn tokens_that_must_not_be_are_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let token = |args: &[&str]| Run::waybill(folder.path()).args(&[&["token"], args].concat()).end();
    // Operators have no tokens.
    let role = token(&["--user", "u1", "--role", "admin"]);
    assert!(!role.status.success() && role.out.is_empty(), "{role:?}");
    for ttl in ["", "1", "0s", "-1h", "1ms", "367d", "soon", "99999999999999999999d"] {
        token(&["--user", "u1", &format!("--ttl={ttl}")]).refused(&[&["--ttl", "15m, 1h or 30d"]]);
    }
    for user in ["", "  ", "a\nb", &"x".repeat(129), " shop-1 ", "shop-1\u{200b}", "\u{feff}shop-1"] {
        token(&["--user", user]).refused(&[&["--user", "1 to 128 characters", "cannot be seen"]]);
    }
    let nobody = token(&[]);
    assert_eq!((nobody.status.code(), nobody.out.as_str()), (Some(2), ""));
}

#[test]
fn the_openapi_document_needs_no_settings_and_makes_no_files() {
    let folder = tempfile::tempdir().unwrap();
    let printed = Run::new(WAYBILL, folder.path()).args(&["openapi"]).set("HTTP__BIND", "nonsense").end();
    assert_eq!((printed.status.code(), printed.err.as_str()), (Some(0), ""));
    let document: serde_json::Value = serde_json::from_str(&printed.out).unwrap();
    assert_eq!(document, serde_json::to_value(app::document()).unwrap());
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert!(document["paths"]["/orders/create"]["post"].is_object());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// In the wrong folder each says so in a line, and a folder that looks like an instance's is made by none.
#[test]
fn no_command_but_a_start_makes_a_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    let run = |command: &str| {
        let ended = Run::waybill(folder.path()).args(&command.split(' ').collect::<Vec<_>>()).end();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{command}: {ended:?}");
        ended
    };
    for command in [
        "account list",
        "account lift --reason x",
        "admin list",
        "admin disable asha",
        "audit",
        "copy --to sqlite:data/copy.db",
        "doctor",
        "doctor --json",
        "merchant list",
        "merchant suspend mer_1 --reason x",
        "operation list",
        "operation pause opn_1 --reason x",
        "order ord_1",
        "queue list",
        "queue pause parcelx-orders-queue --reason x",
        "review list",
        "review list --json",
        "review adopt --all-found --yes --reason x",
        "review fail ord_1 --reason x",
        "review rebook --all --dry-run --reason x",
        "review resend --reason-text words --since 2026-01-31T09:30:00Z --yes --reason x",
        "sweep",
    ] {
        run(command).refused(&[&["there is no "]]);
    }
    for command in ["config", "config --json", "openapi", "--help", "--version"] {
        assert!(run(command).status.success(), "{command}");
    }
}

/// In the wrong folder it is another one than was meant.
#[test]
fn what_makes_a_database_says_where() {
    for command in [&["migrate"][..], &["merchant", "add", "Asha Crafts"]] {
        let folder = tempfile::tempdir().unwrap();
        let run = || Run::waybill(folder.path()).args(command).end();
        let made = run();
        let file = folder.path().canonicalize().unwrap().join("data/waybill.db");
        let says = format!("waybill: a new database was made at {}\n", file.display());
        assert_eq!((made.status.code(), made.err.as_str()), (Some(0), says.as_str()), "{made:?}");
        assert_eq!(run().err, "", "{command:?}");
    }
}
