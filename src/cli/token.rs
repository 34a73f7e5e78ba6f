//! `waybill token`: prints only the bearer token, so that it can be used in `$(…)`.

use std::time::Duration;

use anyhow::anyhow;

use crate::{
    base::clock::Clock,
    platform::{
        auth::Tokens,
        config::{Config, duration},
    },
};

const MAX_TTL: Duration = Duration::from_secs(366 * 24 * 3600);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The merchant's user id, which owns the orders.
    #[arg(long, value_name = "ID")]
    user: String,
    /// How long it is valid: 15m, 1h, 30d.
    #[arg(long, default_value = "1h", value_name = "DURATION")]
    ttl: String,
}

pub(super) fn run(args: &Args, config: &Config) -> anyhow::Result<()> {
    let ttl = duration::parse_up_to(&args.ttl, MAX_TTL)
        .ok()
        .filter(|ttl| ttl.as_secs() >= 1)
        .ok_or_else(|| anyhow!("--ttl: must be a duration from 1s to 366d, such as 15m, 1h or 30d"))?;
    let made = config.secret_file().filter(|file| !file.exists());
    let tokens = Tokens::new(&config.jwt_secret()?, Clock::system());
    let token = tokens.issue(&args.user, ttl).map_err(|_| {
        anyhow!(
            "--user: must be an id of 1 to 128 characters, without blanks around it, control characters and \
             characters that cannot be seen"
        )
    })?;
    super::say(&token)?;
    if let Some(file) = made {
        let file = std::path::absolute(&file).unwrap_or(file);
        super::complain(&format!(
            "waybill: a new key was made in {}: only an instance that runs on this folder accepts the token",
            file.display()
        ));
    }
    Ok(())
}
