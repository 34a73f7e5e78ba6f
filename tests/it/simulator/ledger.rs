//! The ledger's file: exact payloads, a restart, a process that died while it wrote.

use std::{fmt::Write as _, fs, io::Write as _, path::Path};

use serde_json::{Value, json};
use waybill::{
    base::clock::Clock,
    provider::simulator::{
        Answer, Answered, Duplicate, Profile, Rule, Settings, Simulator, SimulatorError, What,
    },
};

use super::{Double, order, said, words};

fn kept_in(path: &Path) -> Settings {
    Settings { ledger_file: Some(path.to_owned()), ..Settings::default() }
}

#[tokio::test]
async fn a_restarted_double_knows_its_shipments() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.jsonl");
    let double = Double::with(kept_in(&path)).await;
    let (first, second) = (double.booked("ORD-1").await, double.booked("ORD-2").await);
    double.cancel(&first).await;
    assert!(double.simulator.move_to(&second, 223));
    let body = json!({
        "address_title": "N", "sender_name": "E", "full_address": "5 Demo Road", "phone": "9000000002",
        "pincode": "400001"
    });
    double.post("/api/v3/create_warehouse", &body).send().await.unwrap();
    double.simulator.script(Rule::create(Answer::LostAfterBooking));
    double.create_call("ORD-3").send().await.unwrap_err();
    let before =
        (double.simulator.shipments(), double.simulator.ledger(), double.simulator.faults().wallet_paise);
    drop(double);

    let again = Double::with(kept_in(&path)).await;
    assert_eq!(again.simulator.shipments(), before.0);
    assert_eq!(json!(again.simulator.ledger()), json!(before.1));
    assert_eq!(again.simulator.faults().wallet_paise, before.2);
    assert_eq!(again.look_up("ORD-3").await["status"], true);
    let new = again.booked("ORD-4").await;
    assert!(before.0.iter().all(|s| s.awb != new));
    assert_eq!(again.last_entry(|_| true).await.seq, before.1.last().unwrap().seq + 2);
    assert_eq!(
        again.send(&super::order_with("ORD-5", json!({ "pick_address_id": "10004" }))).await.1["status"],
        true
    );
}

#[tokio::test]
async fn the_booking_is_written_before_its_answer_and_the_payload_as_it_came() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.jsonl");
    let double = Double::with(kept_in(&path)).await;
    let pretty = serde_json::to_string_pretty(&order("ORD-1")).unwrap().replace("\"0.5\"", "0.50");
    let call = double.get("/").build().unwrap();
    let url = call.url().join("/api/v3/order/create_order").unwrap();
    let call = double
        .client
        .post(url)
        .header("access-token", "x")
        .header("content-type", "application/json; charset=utf-8");
    assert_eq!(
        call.body(pretty.clone()).send().await.unwrap().json::<Value>().await.unwrap()["status"],
        true
    );

    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(
        (&lines[0]["entry"]["what"], &lines[0]["entry"]["answered"]),
        (&json!("booked"), &json!("pending"))
    );
    assert_eq!(
        (&lines[1]["answer"]["seq"], &lines[1]["answer"]["answered"]),
        (&lines[0]["entry"]["seq"], &json!("answered"))
    );
    let kept = double.simulator.ledger()[0].request.as_ref().unwrap().get().to_owned();
    assert_eq!(kept, pretty.replace('\n', " "));
    assert!(kept.contains("0.50"));
}

#[tokio::test]
async fn a_line_cut_by_the_death_of_the_process_is_dropped_and_a_pending_answer_was_unheard() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.jsonl");
    let double = Double::with(kept_in(&path)).await;
    let awb = double.booked("ORD-1").await;
    drop(double);
    let text = fs::read_to_string(&path).unwrap();
    let (entry, answer) = text.split_once('\n').unwrap();
    fs::write(&path, format!("{entry}\n{}", answer.split_at(20).0)).unwrap();

    let double = Double::with(kept_in(&path)).await;
    let entry = double.last_entry(|_| true).await;
    assert_eq!(
        (entry.awb.as_deref(), entry.answered, entry.what),
        (Some(awb.as_str()), Answered::Unheard, What::Booked)
    );
    double.booked("ORD-2").await;
    drop(double);
    assert_eq!(Double::with(kept_in(&path)).await.simulator.shipments().len(), 2);
}

#[test]
fn a_file_that_is_no_ledger_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    fs::File::create(&path).unwrap().write_all(b"{}\nsomething else\n").unwrap();
    let error = Simulator::new(kept_in(&path), Clock::system()).unwrap_err();
    assert!(matches!(error, SimulatorError::Line { line: 1, .. }), "{error}");
    assert!(error.to_string().contains("move the file away to go on without it"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"{}\nsomething else\n");
    let error = Simulator::new(kept_in(folder.path()), Clock::system()).unwrap_err();
    assert!(matches!(error, SimulatorError::Ledger { .. }), "{error}");
}

#[tokio::test]
async fn a_reset_forgets_all_but_the_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.jsonl");
    let double = Double::with(kept_in(&path)).await;
    let awb = double.booked("ORD-1").await;
    double.faults(|f| f.refuse = Some("no".to_owned()));
    double.client.post(format!("{}/_sim/reset", double.base)).send().await.unwrap();
    assert!(double.simulator.ledger().is_empty() && double.simulator.shipments().is_empty());
    words(&double.track(&awb).await);
    assert_ne!(double.booked("ORD-1").await, awb);
    drop(double);
    let again = Double::with(kept_in(&path)).await;
    assert_eq!(again.simulator.ledger().iter().map(|e| e.seq).collect::<Vec<_>>(), [2, 3]);
}

/// Bookings and then many moves, without a socket.
fn many_calls(simulator: &Simulator, awb: &str, calls: usize) {
    for _ in 0..calls {
        assert!(simulator.move_to(awb, 222));
    }
}

#[tokio::test]
async fn friendly_profile_forgets_old_calls_and_not_what_they_did() {
    let folder = tempfile::tempdir().unwrap();
    let settings =
        || Settings { ledger_file: Some(folder.path().join("ledger.jsonl")), ..Settings::default() };
    let double = Double::with(settings()).await;
    let awb = double.booked("ORD-1").await;
    many_calls(&double.simulator, &awb, 20_000);
    let ledger = double.simulator.ledger();
    assert_eq!((ledger.len(), ledger[0].seq, ledger.last().unwrap().seq), (10_001, 10_001, 20_001));
    let index = said(double.client.get(format!("{}/_sim", double.base))).await.1;
    assert_eq!((&index["entries"], &index["entriesDropped"]), (&json!(10_001), &json!(10_000)));
    // The first call is forgotten, what it did is not: here and after a restart, which reads the whole file.
    let again = Double::with(settings()).await;
    assert_eq!(again.simulator.ledger().len(), 10_001);
    for double in [&double, &again] {
        assert_eq!(double.create("ORD-1").await["data"]["awb_number"], json!(awb));
        assert_eq!(double.simulator.shipments().len(), 1);
    }
}

/// A ledger file with so many bookings, all like the one of a real call: the n-th has the reference `ORD-n`
/// and the AWB `n`.
async fn many_bookings(path: &Path, bookings: u64) {
    let double = Double::with(kept_in(path)).await;
    double.booked("ORD-0").await;
    drop(double);
    let text = fs::read_to_string(path).unwrap();
    let mut line: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    line["entry"].as_object_mut().unwrap().remove("request");
    let mut text = String::new();
    for n in 1..=bookings {
        let entry = &mut line["entry"];
        (entry["seq"], entry["reference"], entry["awb"]) =
            (json!(n), json!(format!("ORD-{n}")), json!(n.to_string()));
        writeln!(text, "{line}").unwrap();
    }
    fs::write(path, text).unwrap();
}

#[tokio::test]
async fn friendly_profile_knows_the_latest_50_000_shipments_and_answer_as_if_no_other_had_been() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.jsonl");
    many_bookings(&path, 50_000).await;
    let double = Double::with(kept_in(&path)).await;
    let known = async || {
        let index = said(double.client.get(format!("{}/_sim", double.base))).await.1;
        (index["shipments"].clone(), index["shipmentsForgotten"].clone())
    };
    assert_eq!(known().await, (json!(50_000), json!(0)));
    assert_eq!(double.booked("ORD-1").await, "1", "the oldest is still known, and not booked a second time");
    // The second shipment of the third order: only the first one's AWB goes with it.
    double.faults(|f| f.duplicate = Duplicate::NewAwb);
    let again = double.booked("ORD-3").await;
    double.faults(|f| f.duplicate = Duplicate::SameAwb);
    for reference in ["NEW-1", "NEW-2"] {
        double.booked(reference).await;
    }
    assert_eq!(known().await, (json!(50_000), json!(3)));
    assert_eq!(double.look_up("ORD-3").await["current_status"]["awb"], json!(again));
    assert_eq!(double.track("4").await["status"], true);

    for gone in ["1", "2", "3"] {
        assert!(words(&double.track(gone).await).contains("No shipment found"));
        assert!(words(&double.cancel(gone).await).contains("AWB not found"));
        let label = said(double.get(&format!("/api/v1/label?awb={gone}&label_type=label"))).await.1;
        assert!(words(&label).contains("AWB not found"));
        assert!(!double.simulator.move_to(gone, 222));
    }
    words(&double.look_up("ORD-1").await);
    assert_ne!(double.booked("ORD-1").await, "1", "with its shipment the reference is forgotten");

    // The file has all of them. Read back, it makes the same double; with the other profile one that knows
    // everything.
    let lines =
        fs::read_to_string(&path).unwrap().lines().filter(|l| l.contains(r#""what":"booked""#)).count();
    assert_eq!(lines, 50_004);
    let restarted = Simulator::new(kept_in(&path), Clock::system()).unwrap();
    assert_eq!(restarted.shipments().len(), 50_000);
    let shipments = double.simulator.shipments();
    assert!(restarted.shipments().iter().map(|s| &s.awb).eq(shipments.iter().map(|s| &s.awb)));
    let whole =
        Simulator::new(Settings { profile: Profile::Unpleasant, ..kept_in(&path) }, Clock::system()).unwrap();
    assert_eq!(
        (whole.shipments().len(), &*whole.shipments()[0].awb, whole.ledger().len() > 50_004),
        (50_004, "1", true)
    );
}

#[tokio::test]
async fn unpleasant_profile_forgets_nothing() {
    let double = Double::unpleasant().await;
    let awb = double.booked("ORD-1").await;
    many_calls(&double.simulator, &awb, 20_000);
    assert_eq!(double.simulator.ledger().len(), 20_001);
}
