//! The command line. Each command is a file; this one reads the arguments and turns an error into one clear line.

mod banner;
mod demo;
mod doctor;
mod serve;
mod simulator;
mod token;

use std::{io::Write, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::config::Config;

const EXAMPLES: &str = "\
Examples:
  waybill                                       API, worker and simulator in one process on 127.0.0.1:3000
  waybill demo                                  send 20 orders and watch them being booked
  waybill token --user u1 --role merchant --ttl 1h
  WAYBILL_HTTP__BIND=127.0.0.1:3100 waybill     another port
  waybill --config /etc/waybill.toml api        the API alone; workers run as `worker`

Every setting is described in config/default.toml.";

/// Takes shipping orders and books them with ParcelX, once and only once.
#[derive(Debug, Parser)]
#[command(name = "waybill", version, after_help = EXAMPLES)]
struct Waybill {
    /// A TOML file with settings; also WAYBILL_CONFIG.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Without a command: API and worker in one process, and the simulator when no ParcelX credentials are set.
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API alone.
    Api,
    /// Run the ParcelX simulator alone, on a loopback address.
    Simulator(simulator::Args),
    /// Send 20 varied orders to the running instance, or to one of its own, and check how each ends.
    Demo,
    /// Make one pass of relay and sweeper and print what it did.
    Sweep,
    /// Check settings, database and queue, and print how the orders stand.
    Doctor,
    /// Print a merchant's bearer token.
    Token(token::Args),
    /// Print the OpenAPI document.
    Openapi,
}

const WORKER_EXAMPLES: &str = "\
Examples:
  worker                                        books orders; stop it with Ctrl-C or SIGTERM
  WAYBILL_QUEUE__CONCURRENCY=20 worker          more calls at the same time

Every setting is described in config/default.toml.";

/// Books the orders that `waybill api` has accepted with ParcelX.
#[derive(Debug, Parser)]
#[command(name = "worker", version, after_help = WORKER_EXAMPLES)]
struct WorkerArgs {
    /// A TOML file with settings; also WAYBILL_CONFIG.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// `waybill`.
#[must_use]
pub fn waybill() -> ExitCode {
    let args = Waybill::parse();
    finish(run(async {
        if let Some(Command::Openapi) = args.command {
            return openapi(); // needs no settings
        }
        let config = Config::from_process(args.config.as_deref())?;
        match args.command {
            None => serve::all_in_one(config).await,
            Some(Command::Api) => serve::api(config).await,
            Some(Command::Simulator(own)) => simulator::run(own, &config).await,
            Some(Command::Demo) => demo::run(config).await,
            Some(Command::Sweep) => doctor::sweep(config).await,
            Some(Command::Doctor) => doctor::run(config).await,
            Some(Command::Token(own)) => token::run(&own, &config),
            Some(Command::Openapi) => openapi(),
        }
    }))
}

/// `worker`.
#[must_use]
pub fn worker() -> ExitCode {
    let args = WorkerArgs::parse();
    finish(run(async { serve::worker(Config::from_process(args.config.as_deref())?).await }))
}

fn run(command: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(command);
    // A blocking read of the database must not hold the exit up.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    result
}

fn finish(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let text = format!("{error:#}");
            for line in text.lines() {
                complain(&format!("waybill: {line}"));
            }
            ExitCode::FAILURE
        }
    }
}

/// A line to standard error. When even that is closed there is nobody left to tell.
fn complain(line: &str) {
    let _closed = writeln!(std::io::stderr(), "{line}");
}

/// A line to standard output.
///
/// # Errors
/// When it is closed, as behind `| head`.
fn say(line: &str) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{line}")
}

fn openapi() -> anyhow::Result<()> {
    say(&crate::app::document().to_pretty_json()?)?;
    Ok(())
}
