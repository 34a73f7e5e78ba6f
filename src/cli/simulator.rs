//! `waybill simulator`: the ParcelX simulator as a separate process.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::{anyhow, bail};
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
    let _alone = args.ledger.as_deref().map(lock_ledger).transpose()?;
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

/// Keeps the ledger's file for this process alone, for as long as the answer lives: two that write it would
/// destroy it.
pub(super) fn lock_ledger(path: &Path) -> anyhow::Result<File> {
    let unusable =
        |error: io::Error| anyhow!("the simulator's ledger {} cannot be used: {error}", path.display());
    let opened = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    let file = opened.map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!(
            "the simulator's ledger {} is in use by another process: stop that, or give this one a ledger of \
             its own (start it in another folder; `waybill simulator`: name another --ledger)",
            path.display()
        ),
        Err(TryLockError::Error(error)) => Err(unusable(error)),
    }
}
