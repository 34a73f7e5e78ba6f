//! `waybill probe`: a few calls to the real ParcelX by hand, to learn what its documentation does not tell.
//!
//! Guards against a parcel that nobody meant to book (what books or cancels wants a typed text that names the
//! amount or AWB and the account) and against a record that cannot be shown around: only redacted views of
//! the calls are printed. It uses the same client and mapping as the worker; its logs lie in a folder of
//! their own, which is removed at the end.

mod confirm;
mod record;

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, anyhow, bail};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use self::{confirm::Confirmer, record::Recorder};
use crate::{
    app::by_hand::CallsByHand,
    base::{clock::Clock, ids},
    features::orders::{model::Order, payload::NewOrder, request::CreateOrder},
    platform::{
        config::{Account, Config, Provider, Role},
        http::extract::read_value,
    },
    provider::carrier::{Attempt, By, Call, CallTimes, ProviderEnv},
};

const EXAMPLES: &str = "\
Examples:
  waybill probe lookup --reference ORD-8WPR1M0A6Q2XN
  waybill probe create order.json
  waybill probe create order.json --twice > record.jsonl
  waybill probe cancel --awb 10000000000017 --twice

Credentials come from WAYBILL_PARCELX__ACCESS_KEY and
WAYBILL_PARCELX__SECRET_KEY. Live calls book real parcels and spend
real money.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
    /// Another address than parcelx.base_url.
    #[arg(long, global = true, value_name = "URL")]
    base_url: Option<String>,
    /// A confirmation, word for word, instead of typing it; once for each.
    #[arg(long, global = true, value_name = "TEXT")]
    confirm: Vec<String>,
    /// When to look, in seconds after the call.
    #[arg(long, global = true, value_name = "SECONDS", value_delimiter = ',', default_value = "0,2,5,15,60",
        value_parser = clap::value_parser!(u64).range(..=86_400))]
    poll_after: Vec<u64>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Look a shipment up. Changes nothing.
    #[command(group = clap::ArgGroup::new("by").required(true))]
    Lookup {
        /// By the reference it was booked under.
        #[arg(long, group = "by")]
        reference: Option<String>,
        /// By its AWB.
        #[arg(long, group = "by")]
        awb: Option<String>,
    },
    /// Book one parcel, and look it up by its reference afterwards.
    Create {
        /// A JSON file: the body of `POST /orders/create`.
        file: PathBuf,
        /// Then send the same again, under the same reference: it may book, and charge, a second parcel.
        #[arg(long)]
        twice: bool,
    },
    /// Cancel a shipment, and look at its tracking afterwards.
    Cancel {
        #[arg(long)]
        awb: String,
        /// Then cancel it again.
        #[arg(long)]
        twice: bool,
    },
}

/// A folder that is gone when this is.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            super::complain(&format!(
                "waybill: {} holds what was sent and could not be removed: {error}",
                self.0.display()
            ));
        }
    }
}

/// What the calls of one run share.
struct Probe {
    calls: CallsByHand,
    recorder: Recorder,
    clock: Clock,
    times: CallTimes,
    poll_after: Vec<u64>,
    /// Ends the waits, so that what was sent is removed also when nobody wants to see the end; a call under
    /// way is waited for.
    stop: CancellationToken,
    /// Where what was sent is until the end.
    scratch: PathBuf,
}

pub(super) async fn run(args: Args, mut config: Config) -> anyhow::Result<()> {
    if let Some(url) = args.base_url {
        config.parcelx.base_url = url;
    }
    let Provider::Live(account) = config.provider(Role::Worker)? else {
        bail!("parcelx.access_key: credentials are missing")
    };
    let at = name_of(&account);
    let order = match &args.what {
        What::Create { file, .. } => Some(read(file)?),
        _ => None,
    };
    let texts = confirmations(&args.what, order.as_ref(), &at);
    let mut confirmer = Confirmer::new(args.confirm, &texts)?;
    confirmer.ask(texts.first())?;

    let (clock, stop) = (Clock::system(), super::signals::stop_on_signals()?);
    let scratch = Scratch(config.data_folder().join(format!("probe-{}", ids::lease_token())));
    let url = format!("sqlite:{}", scratch.0.join("probe.db").display());
    let how = (config.call_timeout(), config.proxy(), config.parcelx.words.clone());
    let calls = CallsByHand::open(account, how, &url, clock.clone()).await?;
    let recorder = Recorder::new(order.as_ref());
    super::say(
        &json!({ "probe": env!("CARGO_PKG_VERSION"), "account": at, "startedAt": clock.now() }).to_string(),
    )?;
    let times = CallTimes::from(config.call_timeout());
    let mut probe = Probe {
        calls,
        recorder,
        clock,
        times,
        poll_after: args.poll_after,
        stop,
        scratch: scratch.0.clone(),
    };
    match (args.what, order) {
        (What::Lookup { reference, awb }, _) => {
            let by = reference
                .map(By::Reference)
                .or(awb.map(By::Awb))
                .ok_or_else(|| anyhow!("--reference or --awb"))?;
            probe.look_up(&by, "probe", "lookup").await
        }
        (What::Create { .. }, Some(order)) => {
            probe.create(&order, 1).await?;
            if let Some(text) = texts.get(1) {
                probe.ask(&mut confirmer, text)?;
                probe.create(&order, 2).await?;
            }
            Ok(())
        }
        (What::Create { .. }, None) => bail!("no order was read"),
        (What::Cancel { awb, .. }, _) => {
            probe.cancel(&awb, 1).await?;
            if let Some(text) = texts.get(1) {
                probe.ask(&mut confirmer, text)?;
                probe.cancel(&awb, 2).await?;
            }
            Ok(())
        }
    }
}

impl Probe {
    async fn create(&mut self, order: &Order, no: i64) -> anyhow::Result<()> {
        let attempt = self.attempt(no);
        let call = Call { reference: order.order_number().to_owned(), ..self.call(order.id(), no) };
        let turn = (&attempt, self.calls.carrier.permit().await?);
        let outcome = self.calls.carrier.create(&call, order.payload(), turn).await?;
        self.recorder.print(&self.calls, order.id(), if no == 1 { "create" } else { "create again" }).await?;
        super::complain(&format!("create {no}: {}", outcome.as_str("booked")));
        self.looks(&By::Reference(order.order_number().to_owned()), order.id()).await
    }

    async fn cancel(&mut self, awb: &str, no: i64) -> anyhow::Result<()> {
        let attempt = self.attempt(no);
        let turn = (&attempt, self.calls.carrier.permit().await?);
        let outcome = self.calls.carrier.cancel(&self.call("probe", no), awb, turn).await?;
        self.recorder.print(&self.calls, "probe", if no == 1 { "cancel" } else { "cancel again" }).await?;
        super::complain(&format!("cancel {no}: {}", outcome.as_str("accepted")));
        self.looks(&By::Awb(awb.to_owned()), "probe").await
    }

    /// Somebody who interrupts a question does not mean yes. Nothing else ends the read that waits for the
    /// answer.
    fn ask(&self, confirmer: &mut Confirmer, text: &String) -> anyhow::Result<()> {
        let (stop, scratch) = (self.stop.clone(), self.scratch.clone());
        let leaving = tokio::spawn(async move {
            stop.cancelled().await;
            drop(Scratch(scratch));
            super::complain("waybill: interrupted: the call was not made");
            std::process::exit(1);
        });
        let answer = confirmer.ask(Some(text));
        leaving.abort();
        answer
    }

    async fn looks(&mut self, by: &By, order_id: &str) -> anyhow::Result<()> {
        let begun = tokio::time::Instant::now();
        for seconds in self.poll_after.clone() {
            let pause = tokio::time::sleep_until(begun + Duration::from_secs(seconds));
            self.stop.run_until_cancelled(pause).await.context("interrupted")?;
            self.look_up(by, order_id, &format!("lookup after {seconds} s")).await?;
        }
        Ok(())
    }

    async fn look_up(&mut self, by: &By, order_id: &str, step: &str) -> anyhow::Result<()> {
        self.calls.carrier.track(&self.call(order_id, 1), by).await?;
        self.recorder.print(&self.calls, order_id, step).await
    }

    fn call(&self, order_id: &str, attempt: i64) -> Call {
        Call {
            order_id: order_id.to_owned(),
            reference: "probe".to_owned(),
            attempt,
            queued_at: self.clock.now(),
            job: None,
        }
    }

    fn attempt(&self, no: i64) -> Attempt {
        let now = self.clock.now();
        let send_by = now + self.times.send_within;
        let settle_after = send_by + self.times.call + self.times.settle_within;
        Attempt { no, request_log_id: ids::provider_log(now), send_by, settle_after }
    }
}

/// What tells one account from another without telling its key.
fn name_of(account: &Account) -> String {
    use secrecy::ExposeSecret;
    let digest = Sha256::digest(account.access_key.expose_secret().as_bytes());
    let mark: String = digest.iter().take(3).map(|byte| format!("{byte:02x}")).collect();
    format!("{mark}@{}", account.base_url.host_str().unwrap_or_default())
}

/// The texts to be typed, in the order of the calls.
fn confirmations(what: &What, order: Option<&Order>, at: &str) -> Vec<String> {
    let (twice, first, second) = match (what, order) {
        (What::Create { twice, .. }, Some(order)) => {
            let amount = &order.payload().charges.order_amount;
            (*twice, format!("book {amount} on {at}"), format!("book {amount} again on {at}"))
        }
        (What::Cancel { awb, twice }, _) => {
            (*twice, format!("cancel {awb} on {at}"), format!("cancel {awb} again on {at}"))
        }
        _ => return Vec::new(),
    };
    if twice { vec![first, second] } else { vec![first] }
}

/// The order in a file, with every fault of it at once.
fn read(file: &std::path::Path) -> anyhow::Result<Order> {
    let name = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("{name} cannot be read"))?;
    // The parser's own message may quote the text.
    let value =
        serde_json::from_str(&text).map_err(|e| anyhow!("{name} is not JSON: see line {}", e.line()))?;
    let body = read_value::<CreateOrder>(&value).map_err(|faults| {
        let lines: Vec<_> = faults
            .iter()
            .map(|f| format!("{name}: {} {}", f.pointer.as_deref().unwrap_or_default(), f.detail))
            .collect();
        anyhow!(lines.join("\n"))
    })?;
    Ok(Order::new("probe", NewOrder::from(body), ProviderEnv::Live, Clock::system().now()))
}
