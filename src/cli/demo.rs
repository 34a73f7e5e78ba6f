//! `waybill demo`: sends 22 different orders and checks how each one ends.

mod client;
mod screen;

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, anyhow, bail};
use serde::Deserialize;
use serde_json::Value;

use self::client::{Booked, Client, Instance, Reply};
use self::screen::Screen;
use super::serve::AllInOne;
use crate::{
    base::{clock::Clock, ids},
    platform::{auth::Tokens, config::Config, telemetry},
};

const ORDERS: &str = include_str!("../../config/demo-orders.jsonl");

/// The time limit for all orders to end. A simulator that is set to be slow needs a while.
const WAIT_LIMIT: Duration = Duration::from_secs(60);
const BETWEEN_POLLS: Duration = Duration::from_millis(100);
const TOKEN_LIFE: Duration = Duration::from_secs(600);

/// How an order should end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Expect {
    Booked,
    /// The same order as on an earlier line.
    Replay,
    /// An earlier line's `clientOrderId` with another payload.
    Mismatch,
    Refused,
    /// The simulator books it and loses the answer: the order is looked up, found, and not booked twice.
    Lost,
    /// Booked, then cancelled.
    Cancelled,
}

#[derive(Debug, Deserialize)]
struct Line {
    expect: Expect,
    order: Value,
}

/// The state of one line, as the screen shows it.
#[derive(Debug, Clone)]
struct Row {
    client_order_id: String,
    expect: Expect,
    id: Option<String>,
    state: String,
    awb: Option<String>,
    courier: Option<String>,
    /// Why it ended as it did.
    reason: Option<String>,
    was_reconciling: bool,
    cancel_sent: bool,
    /// `None` until the order has ended.
    passed: Option<bool>,
}

pub(super) async fn run(config: Config) -> anyhow::Result<()> {
    telemetry::init("warn", config.log.format)?;
    let secret = config.jwt_secret()?;
    let merchant = format!("demo-{}", &ids::order_number().to_lowercase());
    let token = Tokens::new(&secret, Clock::system()).issue(&merchant, TOKEN_LIFE)?;
    let running = Client::new(&format!("http://{}", config.http.bind), &token)?;
    match running.instance().await {
        Instance::Simulator => {
            super::say(&format!("Sending orders to the instance on http://{}\n", config.http.bind))?;
            send_all(&running).await
        }
        Instance::Live => bail!(
            "the instance on {} uses the real ParcelX: the demo runs only against a simulator",
            config.http.bind
        ),
        Instance::Foreign => {
            bail!("http.bind: {} is in use by a program that is not Waybill", config.http.bind)
        }
        Instance::Absent => own(config, &token).await,
    }
}

/// Starts an instance for the demo and stops it afterwards.
async fn own(config: Config, token: &str) -> anyhow::Result<()> {
    let program = AllInOne::build(config).await?;
    if program.app.env != crate::provider::carrier::ProviderEnv::Simulator {
        bail!("ParcelX credentials are set: the demo runs only against a simulator");
    }
    let client = Client::new(&format!("http://{}", program.address), token)?;
    let stop = super::serve::stop_on_signals()?;
    super::say(&format!(
        "No instance is running. Starting one for the demo on http://{}\n",
        program.address
    ))?;
    let running = tokio::spawn(program.run(stop.clone()));
    let result = stop
        .run_until_cancelled(send_all(&client))
        .await
        .unwrap_or_else(|| Err(anyhow!("stopped before the end")));
    stop.cancel();
    running.await.context("the demo's own instance stopped")??;
    result
}

async fn send_all(client: &Client) -> anyhow::Result<()> {
    let lines = ORDERS
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<Vec<Line>, _>>()
        .context("config/demo-orders.jsonl")?;
    let before = client.booked().await?;
    let mut screen = Screen::new();
    let mut rows: Vec<Row> = Vec::new();
    for line in lines {
        let client_order_id =
            line.order.get("clientOrderId").and_then(Value::as_str).unwrap_or_default().to_owned();
        if line.expect == Expect::Lost {
            client.lose_answer(line.order.get("invoiceNumber")).await?;
        }
        let reply = client.create(&line.order).await?;
        rows.push(row(&rows, client_order_id, line.expect, reply));
        screen.show(&rows)?;
    }
    watch(client, &mut rows, &mut screen).await?;
    let shipments = client.booked().await?;
    check_ledger(&mut rows, &before, &shipments);
    screen.table(&rows)?;
    let wrong = rows.iter().filter(|r| r.passed != Some(true)).count();
    if wrong > 0 {
        bail!("{wrong} of {} orders did not end as they should", rows.len());
    }
    Ok(())
}

/// The row of an order after its create.
fn row(earlier: &[Row], client_order_id: String, expect: Expect, reply: Reply) -> Row {
    let first = earlier.iter().find(|r| r.client_order_id == client_order_id);
    let (state, passed) = match (&reply, expect) {
        (Reply::Created { .. }, Expect::Booked | Expect::Refused | Expect::Lost | Expect::Cancelled) => {
            ("queued".to_owned(), None)
        }
        (Reply::Replayed { id }, Expect::Replay) if first.is_some_and(|f| f.id.as_ref() == Some(id)) => {
            ("same order again".to_owned(), Some(true))
        }
        (Reply::Refused { code, .. }, Expect::Mismatch) if code == "idempotency-payload-mismatch" => {
            ("422, nothing changed".to_owned(), Some(true))
        }
        (Reply::Created { .. }, _) => ("a new order".to_owned(), Some(false)),
        (Reply::Replayed { .. }, _) => ("a replay".to_owned(), Some(false)),
        (Reply::Refused { status, code }, _) => (format!("{status} {code}"), Some(false)),
    };
    let id = match reply {
        Reply::Created { id } | Reply::Replayed { id } => Some(id),
        Reply::Refused { .. } => None,
    };
    Row {
        client_order_id,
        expect,
        id,
        state,
        awb: None,
        courier: None,
        reason: None,
        was_reconciling: false,
        cancel_sent: false,
        passed,
    }
}

/// Polls until every order has ended.
async fn watch(client: &Client, rows: &mut [Row], screen: &mut Screen) -> anyhow::Result<()> {
    let limit = tokio::time::Instant::now() + WAIT_LIMIT;
    while rows.iter().any(|r| r.passed.is_none()) && tokio::time::Instant::now() < limit {
        for row in rows.iter_mut().filter(|r| r.passed.is_none()) {
            let Some(id) = row.id.clone() else { continue };
            let order = client.order(&id).await?;
            row.was_reconciling |= order.state == "reconciling";
            row.state = if order.cancelled { "cancelled".to_owned() } else { order.state };
            row.awb = order.awb;
            row.courier = order.courier;
            row.reason = order.reason;
            if row.expect == Expect::Cancelled && row.state == "success" {
                if !row.cancel_sent {
                    client.cancel(&id).await?;
                    row.cancel_sent = true;
                }
                continue;
            }
            row.passed = match (row.state.as_str(), row.expect) {
                ("success", Expect::Booked) => Some(row.awb.is_some()),
                ("success", Expect::Lost) => Some(row.awb.is_some() && row.was_reconciling),
                ("failed", Expect::Refused) => Some(true),
                ("cancelled", Expect::Cancelled) => Some(row.cancel_sent),
                ("success" | "failed" | "needs_review" | "cancelled", _) => Some(false),
                _ => None,
            };
        }
        screen.show(rows)?;
        tokio::time::sleep(BETWEEN_POLLS).await;
    }
    for row in rows.iter_mut().filter(|r| r.passed.is_none()) {
        row.state = format!("still {}", row.state);
        row.passed = Some(false);
    }
    Ok(())
}

/// The simulator's ledger must have one shipment for each booked order, live unless it was cancelled, and
/// none for the others.
fn check_ledger(rows: &mut [Row], before: &BTreeMap<String, Booked>, after: &BTreeMap<String, Booked>) {
    for row in rows.iter_mut() {
        let Some(awb) = &row.awb else { continue };
        let live = row.expect != Expect::Cancelled;
        if before.contains_key(awb) || after.get(awb) != Some(&Booked { times: 1, live }) {
            row.state = "differs from the simulator's ledger".to_owned();
            row.passed = Some(false);
        }
    }
    let booked = rows.iter().filter(|r| !matches!(r.expect, Expect::Replay) && r.awb.is_some()).count();
    let new = after.keys().filter(|awb| !before.contains_key(*awb)).count();
    // Other clients may use the same instance, so there may be more new shipments than orders, but not fewer.
    if new < booked
        && let Some(last) = rows.last_mut()
    {
        last.state = format!("{new} shipments for {booked} orders");
        last.passed = Some(false);
    }
}
