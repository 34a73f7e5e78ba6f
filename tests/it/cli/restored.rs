//! `waybill restored`, as a whole drill with programs: a backup, bookings after it, the restore, and a worker
//! that finds nothing to send twice.

use std::path::Path;

use super::{
    process::{Ended, Run, WORKER},
    web::{Web, until},
};
use crate::support::orders::order;

/// One installation: where its files are, and its ParcelX.
struct Place<'a> {
    folder: &'a Path,
    data: &'a str,
    parcelx: &'a str,
}

impl Place<'_> {
    fn run(&self, program: &str, args: &[&str]) -> Run {
        let run = if program == WORKER { Run::new(WORKER, self.folder) } else { Run::waybill(self.folder) };
        run.args(args)
            .set("STORE__URL", &format!("sqlite:{}/waybill.db", self.data))
            .set("QUEUE__URL", &format!("sqlite:{}/queue.db", self.data))
            .set("AUTH__JWT_SECRET", "a-key-of-this-test-and-of-nothing-else")
            .set("PARCELX__ACCESS_KEY", "the-key")
            .set("PARCELX__SECRET_KEY", "the-secret")
            .set("PARCELX__BASE_URL", self.parcelx)
    }

    fn end(&self, args: &[&str]) -> Ended {
        self.run("waybill", args).end()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_booked_after_the_backup_is_found_and_never_booked_again() {
    let folder = tempfile::tempdir().unwrap();
    let simulator = Run::waybill(folder.path()).args(&["simulator", "--bind", "127.0.0.1:0"]);
    let simulator = simulator.set("PARCELX__ACCESS_KEY", "the-key").set("PARCELX__SECRET_KEY", "the-secret");
    let mut simulator = simulator.start();
    let (parcelx, folder) = (simulator.url(), folder.path());
    let old = Place { folder, data: "old", parcelx: &parcelx };
    let mut api = old.run("waybill", &["api"]).start();
    let token = old.end(&["token", "--user", "u1"]).out;
    let web = Web::new(&api.url()).token(&token);
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(web.create(&order(&format!("A-{n}"))).await);
    }
    api.stop();
    let copied = old.end(&["copy", "--to", "sqlite:new/waybill.db"]);
    assert!(copied.status.success(), "{copied:?}");
    let mut worker = old.run(WORKER, &[]).start();
    worker.line(": worker on /");
    let booked = async |count: usize| {
        let ledger = Web::new(&parcelx);
        until(&format!("{count} are booked"), async || {
            let shipments = ledger.shipments().await;
            (shipments.len() == count).then_some(shipments)
        })
        .await
    };
    let before = booked(3).await;
    worker.stop();

    let new = Place { data: "new", ..old };
    let told = new.end(&["restored", "--reason", "look"]);
    assert!(told.status.success(), "{told:?}");
    assert!(told.out.starts_with("3 orders would be sent by a worker. Nothing was changed"), "{told:?}");
    let by = ["restored", "--yes", "--actor", "asha", "--reason", "the backup of noon"];
    let away = Place { parcelx: "http://127.0.0.1:1", ..new }.end(&by);
    assert_eq!(away.status.code(), Some(1), "{away:?}");
    assert!(away.err.contains("cannot be asked about all of them: run it again"), "{away:?}");
    let done = new.end(&by);
    assert!(done.status.success(), "{done:?}");
    let sum = "0 orders would have been sent; 3 adopted, 0 wait for a person: `waybill review list`";
    assert_eq!(done.out.lines().last(), Some(sum), "{done:?}");
    assert_eq!(done.out.lines().filter(|line| line.ends_with("  adopted")).count(), 3, "{done:?}");

    let mut api = new.run("waybill", &["api"]).start();
    let mut worker = new.run(WORKER, &[]).start();
    worker.line(": worker on /");
    let web = Web::new(&api.url()).token(&token);
    ids.push(web.create(&order("B-1")).await);
    web.order_becomes(&ids[3], "success").await;
    let after = booked(4).await;
    assert!(before.iter().all(|shipment| after.contains(shipment)), "{before:?} {after:?}");
    let mut ours = Vec::new();
    for id in &ids {
        let order = web.order(id).await;
        let text = |name: &str| order[name].as_str().unwrap().to_owned();
        ours.push((text("orderNumber"), text("awb")));
    }
    ours.sort();
    let mut theirs = after;
    theirs.sort();
    assert_eq!(ours, theirs, "each order has its shipment, and there is none besides");

    until("a worker leads", async || {
        let refused = new.end(&by);
        refused.err.contains("a worker is running").then_some(())
    })
    .await;
    worker.stop();
    api.stop();
    simulator.stop();
    let audit = new.end(&["audit"]).out;
    assert!(audit.contains("orders.restored") && audit.contains("the backup of noon"), "{audit}");
}

#[test]
fn in_the_wrong_folder_nothing_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place { folder: folder.path(), data: "data", parcelx: "http://127.0.0.1:1" };
    for args in [&["restored", "--reason", "x"][..], &["restored", "--yes", "--reason", "x"]] {
        place.end(args).refused(&[&["there is no database at"]]);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
