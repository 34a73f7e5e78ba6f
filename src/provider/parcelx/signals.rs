//! From an answer to what it says of the account: the whole way of the one value.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    answer::{Answer, Body, CallResult, Failure},
    endpoint::{Asked, Endpoint, told},
    endpoints::{cancel_order::CancelOrder, create_order::CreateOrder, track_order::TrackOrder},
};
use crate::provider::carrier::{
    AccountProblem, CallEnd, CallHealth, CallSignal,
    CallSignal::{Accepted, Booked, Down, Looked, Reached},
};

fn of<E: Endpoint>(wire: &CallResult, payload: &Value) -> CallSignal {
    let asked = Asked::with("ORD-1", payload);
    let (outcome, _) = told::<E>(E::read(wire, asked), asked);
    let took = Duration::ZERO;
    CallEnd { operation: E::OPERATION, order_id: "i", token: None, took, outcome: &outcome }.signal()
}

fn signal<E: Endpoint>(status: u16, body: Body) -> CallSignal {
    of::<E>(&CallResult::Answer(Answer { status, retry_after: None, body }), &Value::Null)
}

type Create = CreateOrder<'static>;
type Cancel = CancelOrder<'static>;
type Track = TrackOrder<'static>;

#[test]
fn every_end_says_what_it_can() {
    let html = || Body::Text("<html>".into());
    let no = || Body::Json(json!({"status": false, "responsemsg": "Not at this stage"}));
    let yes = || {
        let data = json!({"awb_number": "17000", "client_order_id": "ORD-1"});
        Body::Json(json!({"status": true, "data": data, "current_status": {"awb": "17000"}}))
    };
    let problem = |problem, status| CallSignal::AccountProblem(problem, format!("HTTP {status}"));
    let poor = Body::Json(json!({"status": false, "responsemsg": "Mobile 9000000001: no balance"}));
    assert_eq!(
        signal::<Create>(200, poor.clone()),
        CallSignal::AccountProblem(AccountProblem::Wallet, "Mobile […] no balance".into())
    );
    assert_eq!(signal::<Cancel>(200, poor), Looked, "it costs nothing");
    for signal in [signal::<Create>(401, html()), signal::<Cancel>(401, no()), signal::<Track>(401, html())] {
        assert_eq!(signal, problem(AccountProblem::Credentials, 401), "a look-up too");
    }
    assert_eq!(signal::<Create>(403, html()), problem(AccountProblem::Credentials, 403));
    assert_eq!(signal::<Create>(403, no()), Accepted, "in its envelope: about the order");
    for signal in [signal::<Cancel>(403, html()), signal::<Cancel>(403, no()), signal::<Track>(403, html())] {
        assert_eq!(signal, Reached, "may be about the parcel");
    }
    assert_eq!(signal::<Track>(405, html()), Reached, "a look-up that is not there says nothing of creates");
    assert_eq!(signal::<Create>(401, yes()), Reached, "it contradicts itself");
    assert_eq!(signal::<Create>(405, html()), problem(AccountProblem::Configuration, 405));
    assert_eq!(signal::<Cancel>(405, html()), Reached, "a cancel that is not there does not either");
    assert_eq!(signal::<Cancel>(404, html()), Reached);
    assert_eq!(signal::<Cancel>(422, no()), Looked, "nor one that is");
    let done = Body::Json(json!({"status": false, "responsemsg": "Order is already cancelled"}));
    assert_eq!(signal::<Cancel>(200, done), Looked, "a refusal like any other");
    assert_eq!(signal::<Create>(200, yes()), Booked);
    assert_eq!(signal::<Create>(422, no()), Accepted);
    assert_eq!(signal::<Create>(200, Body::Json(json!({"status": true}))), Accepted, "readable, if unknown");
    assert_eq!((signal::<Track>(200, yes()), signal::<Cancel>(200, yes())), (Looked, Looked));
    assert_eq!(signal::<Track>(404, no()), Looked);
    assert_eq!(signal::<Create>(200, html()), Reached);
    assert_eq!((signal::<Create>(429, no()), signal::<Track>(429, no())), (Reached, Reached));
    for status in [500, 502, 503, 504] {
        assert_eq!((signal::<Create>(status, no()), signal::<Track>(status, html())), (Down, Down));
    }
}

#[test]
fn what_goods_are_called_holds_no_account() {
    let asked = json!({"products": [{"product_name": "New Balance 574"}], "invoice_number": "Balance"});
    let of = |words: &str| {
        let body = Body::Json(json!({"status": false, "responsemsg": words}));
        of::<Create>(&CallResult::Answer(Answer { status: 200, retry_after: None, body }), &asked)
    };
    let held = |words| matches!(of(words), CallSignal::AccountProblem(AccountProblem::Wallet, _));
    assert_eq!(of("The product new balance 574 cannot go by air"), Accepted);
    assert!(held("Insuffiecient Balance") && held("Your balance does not cover New Balance 574"));
}

#[test]
fn only_what_was_not_there_or_broken_counts_against_the_provider() {
    let of = |class| {
        let wire = CallResult::Failure { class, detail: String::new() };
        let all = [of::<Create>(&wire, &Value::Null), of::<Track>(&wire, &Value::Null)];
        let [create, track] = all.map(|signal| signal.health());
        assert_eq!(create, track);
        create
    };
    assert_eq!(of(Failure::NotConnected), CallHealth::Bad);
    assert_eq!(of(Failure::TooLateToSend), CallHealth::NotTried, "our own slowness");
    for class in [Failure::TimedOut, Failure::Broken, Failure::TooLarge] {
        assert_eq!(of(class), CallHealth::Silent, "{class:?}");
    }
}
