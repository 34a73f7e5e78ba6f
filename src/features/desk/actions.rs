//! What may be done with an order, and what each action would do.
//!
//! Guards against buttons that know better than the order: whether an action is allowed is asked of
//! [`Order::allows`], which decides again when it is taken.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    base::timestamp::Timestamp,
    features::{
        orders::{
            model::{CancelDecision, OperatorAction, Order},
            review::Refusal,
            service::review::as_it_is,
            status::SyncStatus,
        },
        provider_accounts::model::Hold,
    },
    provider::carrier::{AccountProblem, ProviderEnv},
};

/// One action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActionView {
    /// As its route is called.
    #[schema(value_type = String, example = "rebook")]
    pub name: &'static str,
    /// What it needs of whoever takes it.
    #[schema(value_type = String, example = "order.resolve")]
    pub right: &'static str,
    pub allowed: bool,
    /// Why not.
    pub why: Option<String>,
    /// What it will do.
    pub effect: String,
    /// It may book a shipment, which is paid for.
    pub costs: bool,
    /// It should be confirmed by typing.
    pub typed: bool,
}

const RESOLVE: &str = "order.resolve";

/// All actions, allowed or not.
#[must_use]
pub fn actions(order: &Order, env: ProviderEnv, hold: Option<&Hold>, now: Timestamp) -> Vec<ActionView> {
    let ours = if order.provider_env() == env {
        Ok(())
    } else {
        Err(Refusal::OtherEnvironment(order.provider_env()))
    };
    let ours_too = ours.clone();
    let allows = |action| order.allows(action, now);
    let cancel = order.ended_cancellation(None, now).map(|cancel| cancel.awb.clone());
    let same = as_it_is(order);
    let words = "";
    // A wallet's hold does not keep cancels from being sent.
    let open = order.provider_sync_status().is_open();
    let hold = hold.filter(|hold| open || hold.kind != AccountProblem::Wallet);
    let try_now =
        allows(OperatorAction::TryNow).map_err(|refusal| refusal.to_string()).and_then(|()| match hold {
            Some(hold) => {
                Err(format!("the account is held ({}): try the account, or lift its hold", hold.kind))
            }
            None => Ok(()),
        });
    vec![
        view("adopt", RESOLVE, ours.clone().and(allows(OperatorAction::Adopt { awb: "" })), adopt()),
        view(
            "rebook",
            RESOLVE,
            ours.clone().and(allows(OperatorAction::Rebook { may_be_booked: false, force: false })),
            rebook(order),
        )
        .costs()
        .typed(),
        view("fail", RESOLVE, allows(OperatorAction::Fail { words }), fail()).typed(),
        view("cancel-shipment", RESOLVE, ours.and(cancel.clone().map(drop)), cancel_shipment(&cancel)),
        view("close-shipment", RESOLVE, cancel.map(drop), close_shipment()),
        view("cancel", "order.cancel", allows(OperatorAction::RequestCancel { words }), cancel_order(order))
            .typed(),
        view("amend", RESOLVE, allows(OperatorAction::Amend { draft: &same, words }), amend()).costs(),
        view("resend", RESOLVE, ours_too.and(allows(OperatorAction::Resend)), resend()).costs(),
        view("try-now", RESOLVE, try_now, try_it(order)),
        view("reveal", "reveal", Ok::<(), String>(()), reveal()),
        view("erase", "reveal", allows(OperatorAction::Erase), erase()).typed(),
    ]
}

fn view<E: ToString>(
    name: &'static str,
    right: &'static str,
    allowed: Result<(), E>,
    effect: String,
) -> ActionView {
    let why = allowed.err().map(|refusal| refusal.to_string());
    ActionView { name, right, allowed: why.is_none(), why, effect, costs: false, typed: false }
}

impl ActionView {
    fn costs(self) -> Self {
        Self { costs: true, ..self }
    }

    fn typed(self) -> Self {
        Self { typed: true, ..self }
    }
}

fn adopt() -> String {
    "The order gets the AWB that you name, or the one that ParcelX shows for its reference. ParcelX is asked \
     first; nothing is sent."
        .to_owned()
}

fn rebook(order: &Order) -> String {
    if order.booking().unresolved().is_some() {
        "An earlier call may have booked it, so ParcelX is asked for its reference first. If no shipment \
         shows, it is booked again: that may ship twice."
    } else {
        "It is booked again under the same reference. As far as is known no earlier call has booked it; one \
         that did is found first."
    }
    .to_owned()
}

fn fail() -> String {
    "It is given up, and its merchant reads your reason. A shipment of it that comes to light later is \
     cancelled."
        .to_owned()
}

fn cancel_shipment(awb: &Result<String, Refusal>) -> String {
    match awb {
        Ok(awb) => format!("The cancel of the shipment {awb} is sent to ParcelX again."),
        Err(_) => "The cancel of a shipment that waits for a person is sent again.".to_owned(),
    }
}

fn close_shipment() -> String {
    "What you found out about the shipment is written down: cancelled, or live. Nothing is sent.".to_owned()
}

fn cancel_order(order: &Order) -> String {
    match order.provider_sync_status() {
        _ if order.cancel_decision() == CancelDecision::Cancelled => {
            "It is not booked: it is cancelled here and now, and never sent."
        }
        SyncStatus::Success => {
            "Its shipment is cancelled at ParcelX by a job; its merchant reads your reason."
        }
        SyncStatus::Failed => "The request that was left open ends, since the order has failed.",
        _ => "The request is noted, and carried out as soon as it is known whether it is booked.",
    }
    .to_owned()
}

fn amend() -> String {
    "It gets the payload that you send in place of its own, and is sent to ParcelX: that may book a shipment."
        .to_owned()
}

fn resend() -> String {
    "ParcelX is asked whether it has it already; if not, it is sent again as it is: that may book a \
     shipment. What ParcelX has is cancelled instead, since its merchant was told that it failed."
        .to_owned()
}

fn try_it(order: &Order) -> String {
    match order.provider_sync_status() {
        SyncStatus::Reconciling => {
            "ParcelX is asked for its reference now instead of later. Nothing is booked."
        }
        SyncStatus::Retrying if order.is_called_off_in_doubt() => {
            "ParcelX is asked now instead of later whether it has it. Nothing is sent."
        }
        SyncStatus::Retrying => "It is sent to ParcelX now instead of later.",
        _ => "What is due later of its cancellation is done now.",
    }
    .to_owned()
}

fn erase() -> String {
    "Name, phones, e-mail and address lines of its consignee are taken out, for good. Number, AWB, pincode, \
     city and what was shipped stay. ParcelX and backups keep what they have."
        .to_owned()
}

fn reveal() -> String {
    "Its personal data is shown to you. The audit log keeps that, and your reason.".to_owned()
}
