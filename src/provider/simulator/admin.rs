//! The routes that control the simulator: switches, scripts, ledger. They are not part of the `ParcelX` API.
//!
//! Refuses peers that are known to be on another machine, and web pages of other sites.

use std::net::SocketAddr;

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Path, Query, Request, State as Extracted, rejection::QueryRejection},
    middleware::{self, Next},
    response::Response,
    routing::{get, post},
};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri, header};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    Simulator,
    answer::{Answer, Rule},
    faults::Faults,
    label,
    ledger::{Answered, Entry, What},
    operation::Operation,
    state::State,
    status, view, webhooks,
    wire::response,
};

pub(super) fn router(simulator: Simulator) -> Router<Simulator> {
    let guarded = Router::new()
        .route("/_sim", get(index))
        .route("/_sim/faults", get(faults).put(put_faults).patch(patch_faults))
        .route("/_sim/script", post(script))
        .route("/_sim/ledger", get(ledger))
        .route("/_sim/status", post(set_status))
        .route("/_sim/reset", post(reset))
        .method_not_allowed_fallback(wrong_method)
        .route_layer(middleware::from_fn(only_local))
        .with_state(simulator);
    Router::new().merge(guarded).route("/_sim/label/{file}", get(label_pdf))
}

/// The status and the message of a refusal.
type Refused = (StatusCode, String);

fn render(result: Result<Value, Refused>) -> Response {
    let (status, body) = match result {
        Ok(value) => (StatusCode::OK, value),
        Err((status, text)) => (status, json!({ "error": text })),
    };
    response(status.as_u16(), "application/json", Body::from(format!("{body}\n")))
}

async fn wrong_method(method: Method, uri: Uri) -> Response {
    let text = format!("{method} {} does nothing: GET /_sim says what there is", uri.path());
    render(Err((StatusCode::METHOD_NOT_ALLOWED, text)))
}

async fn only_local(request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical());
    if peer.is_some_and(|ip| !ip.is_loopback()) || other_site(request.headers()) {
        return render(Err((StatusCode::FORBIDDEN, "only for clients on this machine".to_owned())));
    }
    next.run(request).await
}

/// A browser sends the origin of the page that made the request; other programs send none.
fn other_site(headers: &HeaderMap) -> bool {
    headers.get(header::ORIGIN).is_some_and(|origin| {
        let url = origin.to_str().ok().and_then(|o| url::Url::parse(o).ok());
        !url.is_some_and(|u| matches!(u.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")))
    })
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err((StatusCode::BAD_REQUEST, "needs a JSON body: GET /_sim shows one".to_owned()));
    }
    serde_json::from_slice(body).map_err(|e| {
        let status = if e.is_data() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::BAD_REQUEST };
        (status, e.to_string())
    })
}

fn unprocessable(text: impl Into<String>) -> Refused {
    (StatusCode::UNPROCESSABLE_ENTITY, text.into())
}

async fn index(Extracted(simulator): Extracted<Simulator>) -> Response {
    let state = simulator.lock();
    render(Ok(json!({
        "about": "A simulator of ParcelX. Its API is under /api; nothing here ships anything.",
        "entries": state.entries.len(),
        "entriesDropped": state.dropped,
        "shipments": state.shipments().len(),
        "shipmentsForgotten": state.shipments().forgotten(),
        "rulesWaiting": state.rules.len(),
        "walletPaise": state.faults().wallet_paise,
        "webhooks": state.webhooks.counts(),
        "endpoints": {
            "GET /_sim/faults": "all switches",
            "PATCH /_sim/faults": "changes the named switches, such as {\"latencyMs\":200,\
                \"answer\":\"lostAfterBooking\"}; webhooks go to webhookUrl, an http address on this machine",
            "PUT /_sim/faults": "sets the named switches and resets all others",
            "POST /_sim/script": "one rule or a list of rules: {\"operation\":\"create\",\
                \"clientOrderId\":\"ORD-1\",\"times\":1,\"skip\":0,\"answer\":{\"status\":{\"code\":503}},\
                \"acts\":true,\"refuse\":null,\"latencyMs\":0,\"latencyAfterMs\":0}",
            "GET /_sim/ledger": "what was really done (friendly: older calls and shipments are dropped from \
                memory, not from the file); ?reference= for one order, ?since= for entries after a number",
            "POST /_sim/status": "moves a shipment: {\"awb\":\"…\",\"code\":226}",
            "POST /_sim/reset": "deletes everything except the counters",
        },
    })))
}

async fn faults(Extracted(simulator): Extracted<Simulator>) -> Response {
    render(Ok(json!(simulator.faults())))
}

async fn put_faults(Extracted(simulator): Extracted<Simulator>, body: Bytes) -> Response {
    let mut state = simulator.lock();
    let base = state.default_faults();
    render(merge(&mut state, &base, &body))
}

async fn patch_faults(Extracted(simulator): Extracted<Simulator>, body: Bytes) -> Response {
    let mut state = simulator.lock();
    let base = state.faults().clone();
    render(merge(&mut state, &base, &body))
}

fn merge(state: &mut State, base: &Faults, body: &[u8]) -> Result<Value, Refused> {
    let changes: serde_json::Map<String, Value> = read(body)?;
    let mut merged = json!(base);
    if let Value::Object(all) = &mut merged {
        all.extend(changes);
    }
    let faults: Faults = serde_json::from_value(merged).map_err(|e| unprocessable(e.to_string()))?;
    faults.answer.check().map_err(unprocessable)?;
    let shown = json!(faults);
    state.set_faults(faults);
    Ok(shown)
}

async fn script(Extracted(simulator): Extracted<Simulator>, body: Bytes) -> Response {
    let list = body.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'[');
    let rules = if list { read::<Vec<Rule>>(&body) } else { read::<Rule>(&body).map(|rule| vec![rule]) };
    render(rules.and_then(|rules| {
        for rule in &rules {
            rule.answer.check().map_err(unprocessable)?;
            if rule.times == 0 {
                return Err(unprocessable("times: must be 1 or more"));
            }
        }
        let mut state = simulator.lock();
        state.rules.extend(rules);
        Ok(json!({ "rulesWaiting": state.rules.len() }))
    }))
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Filter {
    reference: Option<String>,
    since: Option<u64>,
}

#[derive(Serialize)]
struct Listing<'a> {
    entries: Vec<&'a Entry>,
    shipments: Vec<super::ShipmentView>,
}

async fn ledger(
    Extracted(simulator): Extracted<Simulator>,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Response {
    let filter = match filter {
        Ok(Query(filter)) => filter,
        Err(error) => return render(Err((error.status(), error.body_text()))),
    };
    let now = simulator.now();
    let state = simulator.lock();
    let about =
        |reference: Option<&str>| filter.reference.as_deref().is_none_or(|wanted| Some(wanted) == reference);
    let after = |entry: &Entry| filter.since.is_none_or(|seq| entry.seq > seq);
    let listing = Listing {
        entries: state.entries.iter().filter(|e| about(e.reference.as_deref()) && after(e)).collect(),
        shipments: state
            .shipments()
            .iter()
            .filter(|s| about(Some(&s.reference)))
            .map(|s| view(s, now))
            .collect(),
    };
    // Serialised without a `Value`, which would change the recorded payloads.
    match serde_json::to_vec(&listing) {
        Ok(text) => response(200, "application/json", Body::from(text)),
        Err(error) => render(Err((StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))),
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    awb: String,
    code: u16,
}

async fn set_status(Extracted(simulator): Extracted<Simulator>, body: Bytes) -> Response {
    render(read::<Move>(&body).and_then(|m| move_to(&simulator, &m.awb, m.code)))
}

/// Moves a shipment and records the move in the ledger.
pub(super) fn move_to(simulator: &Simulator, awb: &str, code: u16) -> Result<Value, Refused> {
    if status::describe(code).is_none() {
        return Err(unprocessable(format!("code: {code} is not a status code")));
    }
    let now = simulator.now();
    let mut state = simulator.lock();
    let Some(shipment) = state.shipments().get(awb) else {
        return Err((StatusCode::NOT_FOUND, format!("awb: there is no shipment {awb}")));
    };
    let entry = Entry {
        seq: 0,
        received_at: now,
        at: now,
        operation: Operation::Status,
        path: "/_sim/status".to_owned(),
        reference: Some(shipment.reference.clone()),
        awb: Some(awb.to_owned()),
        what: What::Moved,
        charged_paise: 0,
        answer: Answer::Normal,
        answered: Answered::Answered,
        http_status: Some(200),
        refusal: None,
        request: None,
        booking: None,
        effective_at: None,
        code: Some(code),
        warehouse: None,
    };
    state.commit(entry);
    webhooks::start(simulator, &mut state);
    Ok(json!({ "awb": awb, "code": code }))
}

async fn reset(Extracted(simulator): Extracted<Simulator>) -> Response {
    let now = simulator.now();
    simulator.lock().reset(now);
    render(Ok(json!({ "reset": true })))
}

/// Public, as the real one seems to be: browsers open it.
async fn label_pdf(Extracted(simulator): Extracted<Simulator>, Path(file): Path<String>) -> Response {
    let awb = file.strip_suffix(".pdf").unwrap_or_default();
    if simulator.lock().shipments().get(awb).is_none() {
        return render(Err((StatusCode::NOT_FOUND, "there is no such label".to_owned())));
    }
    response(200, "application/pdf", Body::from(label::pdf(awb)))
}
