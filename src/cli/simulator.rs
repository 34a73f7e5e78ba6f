//! `waybill simulator`: the ParcelX simulator as a separate process.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::bail;
use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::ExposeSecret;

use super::{serve::listen, signals::stop_on_signals};
use crate::{
    base::clock::Clock,
    platform::{config::Config, telemetry},
    provider::simulator::{Profile, Settings, Simulator},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The address to listen on; a loopback address.
    #[arg(long, default_value = "127.0.0.1:4000")]
    bind: SocketAddr,
    /// Keep its ledger in this file, one JSON object per line.
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// How it behaves where ParcelX's behaviour is not known.
    #[arg(long, value_enum, default_value = "friendly")]
    profile: ProfileArg,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum ProfileArg {
    Friendly,
    Unpleasant,
}

/// Requires the configured credentials; accepts any if none are set.
pub(super) async fn run(args: Args, config: &Config) -> anyhow::Result<()> {
    let stop = stop_on_signals()?;
    telemetry::init(&config.log.level, config.log.format)?;
    if !args.bind.ip().is_loopback() {
        bail!("--bind {}: the simulator listens on loopback addresses only", args.bind);
    }
    let (access, secret) =
        (config.parcelx.access_key.expose_secret().trim(), config.parcelx.secret_key.expose_secret().trim());
    let access_token = match (access.is_empty(), secret.is_empty()) {
        (true, true) => None,
        (false, false) => Some(STANDARD.encode(format!("{access}:{secret}"))),
        _ => bail!("parcelx.access_key and parcelx.secret_key: set both or neither"),
    };
    let profile = match args.profile {
        ProfileArg::Friendly => Profile::Friendly,
        ProfileArg::Unpleasant => Profile::Unpleasant,
    };
    let simulator =
        Simulator::new(Settings { access_token, ledger_file: args.ledger, profile }, Clock::system())?;
    let listener = listen(args.bind, "--bind").await?;
    let address = listener.local_addr()?;
    super::announce(&format!(
        "ParcelX simulator on http://{address}, its switches and ledger on http://{address}/_sim"
    ));
    simulator.serve(listener, stop.cancelled_owned()).await;
    Ok(())
}
