//! What a refusal comes to: by what the carrier tells of it, whatever its words are.

use serde_json::json;

use super::*;

/// Words that this folder does not read.
const WORDS: &str = "Order is already cancelled";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_769_851_800_000 + 1000 * seconds)
}

fn schedule() -> PollSchedule {
    PollSchedule { unclear: vec![Duration::from_secs(10)], confirm: vec![Duration::from_secs(10)] }
}

fn plain() -> CallOutcome<()> {
    CallOutcome::Refused(WORDS.to_owned())
}

fn as_done() -> CallOutcome<()> {
    CallOutcome::RefusedAsDone(WORDS.to_owned())
}

/// A cancel whose call ended so in the first second.
fn answered(outcome: &CallOutcome<()>) -> ShipmentCancellation {
    let mut cancel = ShipmentCancellation::new("17".to_owned(), at(0));
    cancel.begin("plog_1", Duration::from_secs(25).into(), at(0));
    assert!(cancel.call_ended(outcome, &schedule(), at(1)));
    cancel
}

/// One that was refused, as an earlier release stored it.
fn stored_before() -> ShipmentCancellation {
    let mut document = json!(answered(&plain()));
    assert_eq!(document.as_object_mut().unwrap().remove("saidDone"), Some(json!(false)));
    serde_json::from_value(document).unwrap()
}

fn seen_live(cancel: &mut ShipmentCancellation, now: Timestamp) {
    let live = CallOutcome::Done(Tracking::Live { awb: None });
    assert!(cancel.tracking_seen(&live, &schedule(), now));
}

#[test]
fn what_is_live_was_refused_unless_it_is_said_to_be_cancelled_already() {
    let mut cancel = answered(&plain());
    seen_live(&mut cancel, at(1));
    assert_eq!((cancel.state, cancel.detail.as_deref()), (ShipmentCancellationState::Refused, Some(WORDS)));

    let mut cancel = answered(&as_done());
    seen_live(&mut cancel, at(1));
    assert_eq!((cancel.state, cancel.next_check_at), (ShipmentCancellationState::Unclear, Some(at(11))));
    seen_live(&mut cancel, at(11));
    assert_eq!((cancel.state, cancel.refusal.as_deref()), (ShipmentCancellationState::Review, Some(WORDS)));
}

#[test]
fn a_new_call_forgets_what_the_refusal_before_it_said() {
    let mut cancel = answered(&as_done());
    assert_eq!(json!(cancel)["saidDone"], true);
    cancel.again(at(2));
    cancel.begin("plog_2", Duration::from_secs(25).into(), at(2));
    assert_eq!(cancel.said_done, None);
    assert!(cancel.call_ended(&CallOutcome::unanswered("unknown"), &schedule(), at(3)));
    assert_eq!(cancel.next(), NextCancelAction::Look("17".to_owned()), "nothing is read again");
}

#[test]
fn a_refusal_of_an_earlier_release_is_read_again_before_tracking_is_asked() {
    for (on_record, said_done, ends) in [
        (plain(), false, ShipmentCancellationState::Refused),
        (as_done(), true, ShipmentCancellationState::Unclear),
        // What that release read as a no is read otherwise now, or its record is gone.
        (CallOutcome::unanswered("unknown"), true, ShipmentCancellationState::Unclear),
        (CallOutcome::NotSent, true, ShipmentCancellationState::Unclear),
    ] {
        let before = stored_before();
        let attempt = before.attempt.clone().unwrap();
        assert_eq!(before.next(), NextCancelAction::Close("17".to_owned(), attempt));
        let mut cancel = before.clone();
        assert!(cancel.refusal_read(&on_record));
        assert_eq!(cancel, ShipmentCancellation { said_done: Some(said_done), ..before });
        assert!(!cancel.refusal_read(&on_record), "once");
        assert_eq!(cancel.next(), NextCancelAction::Look("17".to_owned()));
        seen_live(&mut cancel, at(1));
        assert_eq!(cancel.state, ends, "{on_record:?}");
    }
}

#[test]
fn a_refusal_that_was_not_read_is_no_plain_one_and_a_late_yes_is_one() {
    let mut cancel = stored_before();
    seen_live(&mut cancel, at(1));
    assert_eq!(cancel.state, ShipmentCancellationState::Unclear);

    let yes = CallOutcome::Done(());
    assert!(!cancel.refusal_read(&yes) && cancel.call_ended(&yes, &schedule(), at(2)));
    assert_eq!(cancel.state, ShipmentCancellationState::Accepted);
}
