//! The switches: for each unknown behaviour of `ParcelX` there is one, and network failures can be requested.
//!
//! The choices marked *tests* are the worse ones, so that the simulator is not easier than the real service.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    answer::Answer,
    operation::Operation,
    webhooks::settings::{WebhookForm, WebhookUrl},
};

/// The defaults of [`Faults`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// The better choice for every unknown behaviour (`cargo run`).
    #[default]
    Friendly,
    /// The worse choice for every unknown behaviour (tests).
    Unpleasant,
}

/// All switches. In JSON with camelCase names; an unknown name is refused; a missing one keeps its default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Faults {
    /// The wait before the call is executed (milliseconds). It is executed even if the client disconnects.
    pub latency_ms: u64,
    /// The wait between the effect and the answer (milliseconds).
    pub latency_after_ms: u64,
    /// What a second create with a known `client_order_id` does.
    pub duplicate: Duplicate,
    /// HTTP code of a refusal: 200, 400, 406 or 422.
    pub failure_status: FailureStatus,
    /// Where the message of a refusal is.
    pub failure_shape: FailureShape,
    /// HTTP code for a missing or wrong `access-token`: 401 or 200.
    pub bad_token: BadToken,
    pub second_cancel: SecondCancel,
    /// When an accepted cancel shows as 227, if ever.
    pub cancel_effect: TakesEffect,
    /// Refuses every cancel with this message.
    pub refuse_cancel: Option<String>,
    /// Whether a cancel refunds the charge to the wallet.
    pub cancel_refunds: bool,
    /// JSON type of warehouse ids and of `status_code`.
    pub ids: Ids,
    pub track_order: TrackOrder,
    /// What a look-up by `channel_order_no` finds.
    pub lookup: Lookup,
    /// `{awb}` is replaced by the number; `null`: the address of a small PDF served here.
    pub label_url: Option<String>,
    /// The current balance of the prepaid wallet, in paise. Each booking lowers it.
    pub wallet_paise: i64,
    /// Refuses creates with this message.
    pub refuse: Option<String>,
    /// Only every n-th create is refused; 0 and 1: every one.
    pub refuse_every: u64,
    /// The priority list of the account is empty: `courier_type` 0 cannot book.
    pub no_priority_list: bool,
    /// Consignee pincodes with these prefixes are not serviceable.
    pub unserviceable: Vec<String>,
    /// How calls are answered without a matching rule.
    pub answer: Answer,
    /// Overrides whether the call is executed before `answer`; `null`: see [`Answer::acts`].
    pub answer_acts: Option<bool>,
    /// The operations that `answer` applies to.
    pub answer_for: BTreeSet<Operation>,
    /// Only every n-th call of these operations gets `answer`; 0 and 1: every one.
    pub answer_every: u64,
    /// The address for changes of status (`POST`). `null`: none.
    pub webhook_url: Option<WebhookUrl>,
    pub webhook_form: WebhookForm,
    /// The wait between the change and its webhook (milliseconds).
    pub webhook_delay_ms: u64,
    /// The number of attempts for each webhook until it gets a 2xx: after a second, then four, sixteen and so
    /// on. 0 and 1: one; at most 10.
    pub webhook_attempts: u32,
    /// The number of extra copies of each webhook, one second apart; at most 10.
    pub webhook_duplicates: u32,
    /// Delays a shipment's first, third, fifth … change by this time (milliseconds), so that the next one
    /// overtakes it.
    pub webhook_swap_ms: u64,
    /// Every n-th change is not sent at all; 0: none.
    pub webhook_lose_every: u64,
    /// The seed of the pseudo-random choices. Changing it restarts their sequence.
    pub seed: u64,
}

/// Ten crore rupees.
const FULL_WALLET: i64 = 100_000_000_000;

impl Faults {
    /// The defaults for `profile`.
    #[must_use]
    pub fn new(profile: Profile) -> Self {
        let friendly = Self {
            latency_ms: 0,
            latency_after_ms: 0,
            duplicate: Duplicate::SameAwb,
            failure_status: FailureStatus(200),
            failure_shape: FailureShape::String,
            bad_token: BadToken(401),
            second_cancel: SecondCancel::Succeed,
            cancel_effect: TakesEffect::AtOnce,
            refuse_cancel: None,
            cancel_refunds: true,
            ids: Ids::Strings,
            track_order: TrackOrder::OldestFirst,
            lookup: Lookup::Works,
            label_url: None,
            wallet_paise: FULL_WALLET,
            refuse: None,
            refuse_every: 1,
            no_priority_list: false,
            unserviceable: Vec::new(),
            answer: Answer::Normal,
            answer_acts: None,
            answer_for: BTreeSet::from([Operation::Create]),
            answer_every: 1,
            webhook_url: None,
            webhook_form: WebhookForm::Flat,
            webhook_delay_ms: 0,
            webhook_attempts: 5,
            webhook_duplicates: 0,
            webhook_swap_ms: 0,
            webhook_lose_every: 0,
            seed: 1,
        };
        match profile {
            Profile::Friendly => friendly,
            Profile::Unpleasant => Self {
                duplicate: Duplicate::NewAwb,
                failure_shape: FailureShape::Random,
                second_cancel: SecondCancel::Refuse,
                cancel_effect: TakesEffect::After(1_500),
                cancel_refunds: false,
                ids: Ids::Numbers,
                track_order: TrackOrder::NewestFirst,
                lookup: Lookup::After(1_000),
                label_url: Some("https://files.example.test/label/{awb}.pdf".to_owned()),
                webhook_form: WebhookForm::Alternating,
                webhook_delay_ms: 1_000,
                webhook_attempts: 1,
                webhook_duplicates: 1,
                webhook_swap_ms: 3_000,
                webhook_lose_every: 5,
                ..friendly
            },
        }
    }
}

impl Default for Faults {
    fn default() -> Self {
        Self::new(Profile::Friendly)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Duplicate {
    /// A second shipment, charged (*tests*).
    NewAwb,
    Refuse,
    /// The earlier answer again, without a charge.
    SameAwb,
    /// The earlier answer again, with a second charge.
    AnswerSameAwbButCharge,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FailureShape {
    /// `"responsemsg": "text"`.
    String,
    /// `"responsemsg": ["text", …]`.
    List,
    /// `"responsemsg": {"response": "text"}`.
    Object,
    /// `"errors": ["text", …]`, no `responsemsg`.
    Errors,
    /// `"message": "text"`, no `responsemsg`.
    Message,
    /// String, list or object, chosen by the seeded sequence (*tests*).
    Random,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SecondCancel {
    /// A refusal with "already" in its message (*tests*).
    Refuse,
    Succeed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TakesEffect {
    AtOnce,
    /// This many milliseconds later (*tests*).
    After(u64),
    /// The cancel is accepted, and the parcel is shipped anyway.
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ids {
    /// *tests*
    Numbers,
    Strings,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TrackOrder {
    OldestFirst,
    /// *tests*
    NewestFirst,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Lookup {
    Works,
    /// A shipment is found this many milliseconds after its booking (*tests*).
    After(u64),
    Never,
    /// Found, but the status object has no `awb`.
    WithoutAwb,
}

/// An HTTP code from a short list.
macro_rules! codes {
    ($(#[$doc:meta])* $name:ident: $($code:literal),+) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(try_from = "u16", into = "u16")]
        pub struct $name(u16);

        impl TryFrom<u16> for $name {
            type Error = String;
            fn try_from(code: u16) -> Result<Self, String> {
                let allowed = [$($code),+];
                let refusal = || format!("{code} is not one of {allowed:?}");
                allowed.contains(&code).then_some(Self(code)).ok_or_else(refusal)
            }
        }

        impl From<$name> for u16 {
            fn from(code: $name) -> u16 {
                code.0
            }
        }
    };
}

codes!(
    /// See [`Faults::failure_status`].
    FailureStatus: 200, 400, 406, 422
);
codes!(
    /// See [`Faults::bad_token`].
    BadToken: 401, 200
);
