//! `waybill listen`: the events of a running instance, posted to a developer's machine as webhooks are.
//!
//! Guards against events that are lost with a line: the stream goes on behind the last event that was posted.
//! And against keys that others read: they are never arguments.

mod given;
mod source;
mod sse;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, anyhow, bail};
use reqwest::Response;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::Url;

use self::{
    source::{Source, Trouble, cause},
    sse::{Block, Blocks},
};
use crate::{
    base::{clock::Clock, ids, timestamp::Timestamp},
    features::{
        events::shown::MerchantEvent,
        webhooks::{message, model::wants, secret::Secret},
    },
    platform::{
        config::secret_variable,
        outbound::{Outbound, Rules},
    },
};

const KEY: &str = "WAYBILL_KEY";
const SECRET: &str = "WAYBILL_WEBHOOK_SECRET";
/// After which a lost line is opened again, unless the instance says otherwise; each time in vain doubles it.
const RETRY: Duration = Duration::from_secs(2);
const LEAST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

const EXAMPLES: &str = "\
Examples:
  waybill listen --forward-to http://127.0.0.1:4000/hook
  waybill listen --url https://waybill.example --key-file key.txt \\
                 --forward-to http://127.0.0.1:4000/hook --types order.created

WAYBILL_KEY or the file has a key with the scope `events`, or a token. What is
posted is signed with a secret that is made at the start and shown, or with
that of WAYBILL_WEBHOOK_SECRET (whsec_…).";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Where the API of the instance is.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:3000")]
    url: String,
    /// Where each event is posted.
    #[arg(long, value_name = "URL")]
    forward_to: String,
    /// Only events of these types, separated by commas; by default those that webhooks get.
    #[arg(long, value_name = "TYPES", value_delimiter = ',')]
    types: Vec<String>,
    /// A file with the key or token; also WAYBILL_KEY.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

/// From where, to where, and how it is signed.
struct Forwarder {
    source: Source,
    outbound: Outbound,
    to: Url,
    types: Vec<String>,
    secret: Secret,
    clock: Clock,
    stop: CancellationToken,
}

/// How far it is, and how it comes again.
struct Line {
    /// The id of the last event that was posted, or was there at the start.
    after: String,
    retry: Duration,
    /// How often it was opened in vain since something came.
    in_vain: u32,
}

/// An event as streams tell it.
#[derive(Deserialize)]
struct Told {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    timestamp: Timestamp,
    data: Map<String, Value>,
}

pub(super) async fn run(args: &Args) -> anyhow::Result<()> {
    let stop = super::signals::stop_on_signals()?;
    let given = secret_variable(SECRET);
    let forwarder = Forwarder::new(args, given.as_ref(), stop.clone())?;
    // What does not answer now is a wrong address; later it is a line that was lost.
    let Some(newest) = stop.run_until_cancelled(forwarder.source.newest()).await.transpose()? else {
        return Ok(());
    };
    let (url, to, secret) = (forwarder.source.url(), &forwarder.to, forwarder.secret.reveal());
    super::say(&format!("Events of {url} are posted to {to}. Ctrl-C ends it."))?;
    if given.is_none() {
        super::say(&format!("Signed with {secret} (made for this run; {SECRET} sets another)"))?;
    }
    let line = Line { after: ids::event(newest), retry: RETRY, in_vain: 0 };
    Box::pin(forwarder.follow(line)).await
}

/// The key or token: from the file that is named, or from the environment.
fn key(file: Option<&Path>) -> anyhow::Result<SecretString> {
    let Some(file) = file else {
        return secret_variable(KEY).ok_or_else(|| {
            anyhow!("{KEY}: set it to a key with the scope `events` or a token, or name a file (--key-file)")
        });
    };
    let text = std::fs::read_to_string(file).with_context(|| format!("--key-file: {}", file.display()))?;
    Ok(SecretString::from(text))
}

impl Forwarder {
    fn new(args: &Args, secret: Option<&SecretString>, stop: CancellationToken) -> anyhow::Result<Self> {
        let url = source::address(&args.url).ok_or_else(|| {
            anyhow!("--url: must be an address such as http://127.0.0.1:3000, and https for another machine")
        })?;
        let rules = Rules { allow_private: true };
        let to = given::target(rules, &args.forward_to)?;
        let types = given::types(&args.types)?;
        let secret = match secret {
            None => Secret::generate(),
            Some(given) => Secret::read(given.expose_secret())
                .ok_or_else(|| anyhow!("{SECRET}: must be `whsec_` and a key in base64"))?,
        };
        let key = key(args.key_file.as_deref())?;
        let authorization = source::authorization(&key).ok_or_else(|| {
            anyhow!("{}: holds no key and no token", if args.key_file.is_some() { "--key-file" } else { KEY })
        })?;
        Ok(Self {
            source: Source::new(url, authorization)?,
            outbound: Outbound::new(rules)?,
            to,
            types,
            secret,
            clock: Clock::system(),
            stop,
        })
    }

    /// Reads and posts until it is stopped, over as many lines as it takes.
    async fn follow(&self, mut line: Line) -> anyhow::Result<()> {
        while let Some(opened) = self.stop.run_until_cancelled(self.source.open(&line.after)).await {
            let (why, wait) = match opened {
                Ok(stream) => match self.forward_all(stream, &mut line).await? {
                    Some(why) => (why, None),
                    None => break,
                },
                Err(Trouble::Passing { words, wait }) => (words, wait),
                Err(error @ Trouble::Lasting(_)) => return Err(error.into()),
            };
            let pause = line.pause(ids::fraction()).max(wait.unwrap_or_default().min(LONGEST));
            super::complain(&format!(
                "waybill: the line is lost ({why}); it is opened again in {} s",
                pause.as_secs_f64().ceil()
            ));
            if self.stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// Posts what comes on one line, and tells why that has ended; nothing: it was stopped.
    async fn forward_all(&self, mut stream: Response, line: &mut Line) -> anyhow::Result<Option<String>> {
        let mut blocks = Blocks::default();
        loop {
            let Some(came) = self.stop.run_until_cancelled(stream.chunk()).await else { return Ok(None) };
            let bytes = match came {
                Ok(Some(bytes)) => bytes,
                Ok(None) => return Ok(Some("the other side has ended it".to_owned())),
                Err(error) => return Ok(Some(cause(&error))),
            };
            line.in_vain = 0;
            let whole = blocks.take(&bytes).context("--url: what comes there are no events")?;
            for block in whole {
                if self.stop.is_cancelled() {
                    return Ok(None);
                }
                if let Some(why) = self.take(&block, line).await? {
                    return Ok(Some(why));
                }
            }
        }
    }

    /// Does what one block of a stream asks for. Why the line ends, if it says so.
    async fn take(&self, block: &Block, line: &mut Line) -> anyhow::Result<Option<String>> {
        line.retry = block.retry.map_or(line.retry, |retry| retry.clamp(LEAST, LONGEST));
        match (block.event.as_str(), &block.id) {
            ("bye", _) if block.data.contains("unauthorized") => {
                bail!("{} takes the key no more", self.source.url())
            }
            ("bye", _) => return Ok(Some("it restarts".to_owned())),
            ("reset", id) => {
                // Of a start without any event nothing can have been missed.
                if line.after != ids::event(0) {
                    super::complain(&format!(
                        "waybill: events behind {} are kept no more, or it was never given: read the orders",
                        line.after
                    ));
                }
                // Where it goes on.
                if let Some(id) = id {
                    line.after.clone_from(id);
                }
            }
            // Without an id it is told and not kept: no webhook either.
            (_, Some(id)) => {
                match serde_json::from_str::<Told>(&block.data) {
                    Ok(told) if wants(&self.types, &told.kind) => self.post(told).await?,
                    Ok(_) => {}
                    Err(_) => super::complain(&format!("waybill: {id} does not read as an event")),
                }
                line.after.clone_from(id);
            }
            _ => {}
        }
        Ok(None)
    }

    /// Posts one event as a webhook, once, and prints what came of it.
    async fn post(&self, told: Told) -> anyhow::Result<()> {
        let Told { id, kind, timestamp, data } = told;
        let event = MerchantEvent { id, kind, timestamp, data };
        let (at, started, body) = (self.clock.now(), Instant::now(), event.body());
        let signed = self.secret.sign(&event.id, message::seconds(at), &body).unwrap_or_default();
        let headers = message::headers(&event.id, at, &signed);
        let answer = self.outbound.post(&self.to, headers, body.into(), at);
        // A program that stands at a breakpoint must not keep this one from ending.
        let Some(answered) = self.stop.run_until_cancelled(answer).await else { return Ok(()) };
        let status = answered.map_or_else(|error| error.to_string(), |answer| answer.status.to_string());
        let took = started.elapsed().as_millis();
        super::say(&format!("{at}  {:<27}  {}  {status}  {took} ms", event.kind, event.id))?;
        Ok(())
    }
}

impl Line {
    /// How long to wait before it is opened again: up to a quarter less by chance, so that all who lost it at
    /// once do not come back at once.
    fn pause(&mut self, random: f64) -> Duration {
        let doubled = self.retry.saturating_mul(1 << self.in_vain.min(5)).min(LONGEST);
        self.in_vain = self.in_vain.saturating_add(1);
        doubled.mul_f64(1.0 - random / 4.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_opened_again_ever_later_until_something_comes() {
        let mut line = Line { after: String::new(), retry: RETRY, in_vain: 0 };
        let seconds: Vec<_> = (0..7).map(|_| line.pause(0.0).as_secs()).collect();
        assert_eq!(seconds, [2, 4, 8, 16, 30, 30, 30]);
        line.in_vain = 0;
        assert_eq!(line.pause(1.0), Duration::from_millis(1500));
    }
}
