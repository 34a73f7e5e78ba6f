//! A received call, and the effect that an operation has.

use http::{HeaderMap, Method, header};
use serde_json::{Map, Value, value::RawValue};

use super::{
    answer::Answer,
    faults::FailureShape,
    ledger::{Booking, Entry, What},
    operation::Operation,
    state::State,
    warehouse::Warehouse,
};
use crate::base::timestamp::Timestamp;

#[derive(Debug)]
pub(super) struct Call {
    pub(super) operation: Operation,
    pub(super) path: String,
    /// Path and query.
    pub(super) target: String,
    pub(super) query: Vec<(String, String)>,
    /// Empty unless the body is a JSON object sent as JSON: the real service reads nothing else.
    pub(super) body: Map<String, Value>,
    pub(super) raw: Option<Box<RawValue>>,
    /// The `http://host[/prefix]` under which the client called the simulator.
    pub(super) base: Option<String>,
    pub(super) received_at: Timestamp,
}

impl Call {
    /// A string or number of the body as text, trimmed; `None` if it is missing, blank or of another type.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.body.get(name).and_then(text)
    }

    /// A query parameter; `None` if it is missing or blank.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(n, v)| n == name && !v.trim().is_empty()).map(|(_, v)| v.trim())
    }

    /// The reference of the call's order, if it is known before the call is executed.
    pub(super) fn reference(&self, state: &State) -> Option<String> {
        let of_awb = |awb: &str| state.shipments().get(awb).map(|s| s.reference.clone());
        match self.operation {
            Operation::Create => self.text("client_order_id"),
            Operation::Cancel => self.text("awb").and_then(|awb| of_awb(&awb)),
            Operation::Track | Operation::Label => match self.parameter("awb") {
                Some(awb) => of_awb(awb),
                None => self.parameter("channel_order_no").map(str::to_owned),
            },
            _ => None,
        }
    }
}

/// See [`Call::text`].
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(s) => Some(s.trim()).filter(|s| !s.is_empty()).map(str::to_owned),
        Value::Number(n) => Some(n.to_string()),
        _ => None,
    }
}

/// The operation of a path and a method. Both versions have the same calls, except two warehouse calls that
/// were seen only on version 3.
pub(super) fn operation(method: &Method, path: &str) -> Operation {
    let Some((version, name)) = path.strip_prefix("/api/").and_then(|rest| rest.split_once('/')) else {
        return Operation::Unknown;
    };
    match (method, version, name) {
        (&Method::POST, "v1" | "v3", "order/create_order") => Operation::Create,
        (&Method::POST, "v1" | "v3", "order/cancel_order") => Operation::Cancel,
        (&Method::GET, "v1" | "v3", "track_order") => Operation::Track,
        (&Method::GET, "v1" | "v3", "label") => Operation::Label,
        (&Method::POST, "v1" | "v3", "create_warehouse") => Operation::WarehouseCreate,
        (&Method::GET, "v3", "warehouse-list") => Operation::WarehouseList,
        (&Method::POST, "v3", "remove-warehouse") => Operation::WarehouseRemove,
        _ => Operation::Unknown,
    }
}

/// The body as a JSON object and as received. Without `Content-Type: application/json` there is none.
pub(super) fn body(headers: &HeaderMap, bytes: &[u8]) -> (Map<String, Value>, Option<Box<RawValue>>) {
    let declared = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let essence = declared.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return (Map::new(), None);
    }
    // The ledger has one line per entry. In JSON, a bare line break is always whitespace.
    let one_line: Vec<u8> =
        bytes.iter().map(|b| if matches!(b, b'\n' | b'\r') { b' ' } else { *b }).collect();
    let raw = serde_json::from_slice(&one_line).ok();
    (serde_json::from_slice(bytes).unwrap_or_default(), raw)
}

/// An HTTP code and JSON text.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: String,
}

impl Reply {
    pub(super) fn ok<T: serde::Serialize>(body: &T) -> Self {
        Self { status: 200, body: serde_json::to_string(body).unwrap_or_default() }
    }

    /// `{"status":true,"responsemsg":…}`.
    pub(super) fn done(text: &str) -> Self {
        Self { status: 200, body: format!(r#"{{"status":true,"responsemsg":{}}}"#, Value::from(text)) }
    }

    pub(super) fn unknown_method() -> Self {
        Self { status: 405, body: r#"{"status":false,"error":"Unknown method"}"#.to_owned() }
    }

    /// A refusal with the shape and the code that the switches set.
    pub(super) fn failure(state: &mut State, texts: &[String]) -> Self {
        let status = state.faults().failure_status.into();
        Self { status, body: Self::shaped(state, texts) }
    }

    pub(super) fn shaped(state: &mut State, texts: &[String]) -> String {
        let shape = match state.faults().failure_shape {
            FailureShape::Random => match state.random(3) {
                0 => FailureShape::String,
                1 => FailureShape::List,
                _ => FailureShape::Object,
            },
            chosen => chosen,
        };
        let one = texts.join(" ");
        let (key, value) = match shape {
            FailureShape::List => ("responsemsg", Value::from(texts)),
            FailureShape::Object => ("responsemsg", serde_json::json!({ "response": one })),
            FailureShape::Errors => ("errors", Value::from(texts)),
            FailureShape::Message => ("message", Value::from(one)),
            FailureShape::String | FailureShape::Random => ("responsemsg", Value::from(one)),
        };
        format!(r#"{{"status":false,"{key}":{value}}}"#)
    }
}

/// What is wrong in a success answer, whatever was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Distortion {
    #[default]
    None,
    WithoutAwb,
    OtherReference,
    AwbOfAnother,
}

impl Distortion {
    pub(super) fn of(answer: &Answer) -> Self {
        match answer {
            Answer::StatusTrueWithoutAwb => Self::WithoutAwb,
            Answer::OtherReference => Self::OtherReference,
            Answer::AwbOfAnother => Self::AwbOfAnother,
            _ => Self::None,
        }
    }
}

/// What an operation does once it is committed, and its reply.
#[derive(Debug)]
pub(super) struct Effect {
    pub(super) what: What,
    pub(super) reply: Reply,
    pub(super) reference: Option<String>,
    pub(super) awb: Option<String>,
    pub(super) charged_paise: i64,
    pub(super) refusal: Option<String>,
    pub(super) booking: Option<Booking>,
    pub(super) effective_at: Option<Timestamp>,
    pub(super) warehouse: Option<Warehouse>,
}

impl Effect {
    pub(super) fn new(what: What, reply: Reply) -> Self {
        Self {
            what,
            reply,
            reference: None,
            awb: None,
            charged_paise: 0,
            refusal: None,
            booking: None,
            effective_at: None,
            warehouse: None,
        }
    }

    pub(super) fn refused(state: &mut State, texts: &[String]) -> Self {
        Self { refusal: Some(texts.join(" ")), ..Self::new(What::Refused, Reply::failure(state, texts)) }
    }

    pub(super) fn not_found(state: &mut State, text: &str) -> Self {
        let texts = [text.to_owned()];
        Self { refusal: Some(text.to_owned()), ..Self::new(What::NotFound, Reply::failure(state, &texts)) }
    }

    /// The ledger entry of this effect, which gets its number when it is committed, and the reply.
    pub(super) fn into_entry(self, call: &Call, answer: Answer, now: Timestamp) -> (Entry, Reply) {
        let entry = Entry {
            seq: 0,
            received_at: call.received_at,
            at: now,
            operation: call.operation,
            path: call.path.clone(),
            reference: self.reference,
            awb: self.awb,
            what: self.what,
            charged_paise: self.charged_paise,
            answer,
            answered: super::ledger::Answered::Pending,
            http_status: None,
            refusal: self.refusal,
            request: call.raw.clone(),
            booking: self.booking,
            effective_at: self.effective_at,
            code: None,
            warehouse: self.warehouse,
        };
        (entry, self.reply)
    }
}
