//! `waybill token`: prints a bearer token and nothing else, so that it can be used in `$(…)`.

use std::time::Duration;

use anyhow::{anyhow, bail};

use crate::{
    base::clock::Clock,
    platform::{
        auth::{Role, Tokens},
        config::{Config, duration},
    },
};

/// Longest life of a token.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The merchant's user id; its orders belong to it.
    #[arg(long, value_name = "ID")]
    user: String,
    /// Only `merchant`: admin roles get no tokens here.
    #[arg(long, default_value = "merchant")]
    role: String,
    /// How long it is good for: 15m, 1h, 30d.
    #[arg(long, default_value = "1h", value_name = "DURATION")]
    ttl: String,
}

pub(super) fn run(args: &Args, config: &Config) -> anyhow::Result<()> {
    if args.role != "merchant" {
        bail!(
            "--role {}: only merchant tokens are made here",
            args.role.chars().filter(|c| !c.is_control()).take(20).collect::<String>()
        );
    }
    let ttl = duration::parse_up_to(&args.ttl, LONGEST)
        .ok()
        .filter(|ttl| ttl.as_secs() >= 1)
        .ok_or_else(|| anyhow!("--ttl: must be a duration from 1s to 366d, such as 15m, 1h or 30d"))?;
    let tokens = Tokens::new(&config.jwt_secret()?, Clock::system());
    let token = tokens.issue(&args.user, Role::Merchant, ttl).map_err(|_| {
        anyhow!("--user: must be an id of 1 to 128 characters, not blank and without control characters")
    })?;
    super::say(&token)?;
    Ok(())
}
