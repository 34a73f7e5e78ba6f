//! The command line. Each command has its own file; this one reads the arguments and prints errors.

mod account;
mod admin;
mod audit;
mod banner;
mod by;
mod config;
mod copy;
mod demo;
mod doctor;
mod import_legacy;
mod listen;
mod merchant;
mod migrate;
mod open;
mod operation;
mod order;
mod probe;
mod queue;
mod restored;
mod review;
mod serve;
mod signals;
mod simulator;
mod token;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use tokio::runtime::Builder;

use crate::{
    base::visible::harmless,
    platform::{
        config::{Config, ConfigError},
        telemetry,
    },
};

const EXAMPLES: &str = "\
Examples:
  waybill                                     all in one on 127.0.0.1:3000
  waybill demo                                send 22 orders, check the results
  waybill token --user u1 --ttl 1h            a token for merchant u1
  WAYBILL_HTTP__BIND=127.0.0.1:3100 waybill   on another port
  waybill --config waybill.toml api           only the API; add `worker`s

Every setting is described in config/default.toml.";

/// Accepts shipping orders and books each of them exactly once with ParcelX.
#[derive(Debug, Parser)]
#[command(name = "waybill", version, after_help = EXAMPLES)]
struct Waybill {
    /// A TOML file with settings; also WAYBILL_CONFIG.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Without a command: API and worker in one process, and the simulator if no ParcelX credentials are set.
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve only the API.
    Api,
    /// Run only the ParcelX simulator, on a loopback address.
    Simulator(simulator::Args),
    /// Send 22 different orders to the running instance, or to a temporary one, and check how each ends.
    Demo,
    /// Run the outbox relay and the sweeper once and print what they did.
    Sweep,
    /// Check settings, database and queue, and print how many orders are in each state. Exit code 0: all is
    /// well, 2: something waits for an operator, 1: something is broken or cannot be checked.
    Doctor(doctor::Args),
    /// Print one order, found by its id, order number or AWB: its state, history and calls.
    Order(order::Args),
    /// Print the settings that are in force and where each comes from. Secrets are not shown.
    Config(config::Args),
    /// Bring the database to the form that this version needs. Stop all other processes first.
    Migrate,
    /// Copy all documents into another, empty database, and compare both.
    Copy(copy::Args),
    /// Settle open orders after the database was restored from a backup, before any worker starts.
    Restored(restored::Args),
    /// Bring the orders of the Node system, so that creates that are repeated are replays.
    ImportLegacy(import_legacy::Args),
    /// Show whether the ParcelX account is held, or lift its hold.
    Account(account::Args),
    /// Show the queues, pause and resume them, retry, promote or remove a job.
    Queue(queue::Args),
    /// Make a few calls to the real ParcelX, and print a redacted record.
    Probe(probe::Args),
    /// Orders that wait for a person: list, adopt, book again, fail, cancellation.
    #[command(subcommand)]
    Review(review::Command),
    /// People who may use the dashboard: list, add, passwd, disable, enable, reset-totp.
    Admin(admin::Args),
    /// Merchants: add, list, suspend, resume and erase them; their KYC.
    Merchant(merchant::Args),
    /// Bulk work of the dashboard: list, show, pause, resume, cancel.
    Operation(operation::Args),
    /// Print the audit log of manual actions, newest first.
    Audit(audit::Args),
    /// Print a merchant's bearer token.
    Token(token::Args),
    /// Post the events of a running instance to an address of this machine, as webhooks.
    Listen(listen::Args),
    /// Print the OpenAPI document.
    Openapi {
        /// That of the admin API.
        #[arg(long)]
        admin: bool,
    },
}

const WORKER_EXAMPLES: &str = "\
Examples:
  worker                                 book orders until Ctrl-C or SIGTERM
  WAYBILL_QUEUE__CONCURRENCY=20 worker   more calls at the same time
  worker --config waybill.toml           settings from a file

Every setting is described in config/default.toml.";

/// Books with ParcelX the orders that `waybill api` has accepted.
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
    let result = run(Builder::new_multi_thread(), async {
        if let Some(Command::Openapi { admin }) = args.command {
            return openapi(admin); // needs no settings
        }
        if let Some(Command::Config(own)) = &args.command {
            return config::run(own, args.config.as_deref(), &queues());
        }
        if let Some(Command::Listen(own)) = &args.command {
            return Box::pin(listen::run(own)).await; // nor does this
        }
        let config = settings(args.config.as_deref())?;
        match args.command {
            None => Box::pin(serve::all_in_one(config)).await,
            Some(Command::Api) => serve::api(config).await,
            Some(Command::Simulator(own)) => simulator::run(own, &config).await,
            Some(Command::Demo) => Box::pin(demo::run(config)).await,
            Some(Command::Sweep) => doctor::sweep(config).await,
            Some(Command::Doctor(own)) => doctor::run(own, config).await,
            Some(Command::Order(own)) => order::run(own, config).await,
            Some(Command::Migrate) => migrate::run(config).await,
            Some(Command::Copy(own)) => copy::run(own, &config).await,
            Some(Command::Restored(own)) => Box::pin(restored::run(own, config)).await,
            Some(Command::ImportLegacy(own)) => Box::pin(import_legacy::run(own, config)).await,
            Some(Command::Account(own)) => account::run(own, config).await,
            Some(Command::Queue(own)) => queue::run(own, config).await,
            Some(Command::Probe(own)) => probe::run(own, config).await,
            Some(Command::Review(own)) => Box::pin(review::run(own, config)).await,
            Some(Command::Admin(own)) => admin::run(own, config).await,
            Some(Command::Merchant(own)) => merchant::run(own, config).await,
            Some(Command::Operation(own)) => operation::run(own, config).await,
            Some(Command::Audit(own)) => audit::run(own, config).await,
            Some(Command::Token(own)) => token::run(&own, &config),
            Some(Command::Openapi { admin }) => openapi(admin),
            Some(Command::Config(_) | Command::Listen(_)) => Ok(()), // above: they need no settings
        }
    });
    finish("waybill", result)
}

/// `worker`.
#[must_use]
pub fn worker() -> ExitCode {
    let args = WorkerArgs::parse();
    // Most of a job is waiting: one thread that hands nothing to another books thousands of orders a second.
    let runtime = Builder::new_current_thread();
    finish("worker", run(runtime, async { serve::worker(settings(args.config.as_deref())?).await }))
}

fn settings(file: Option<&Path>) -> Result<Config, ConfigError> {
    Config::from_process(file, &queues())
}

/// Those that may have settings of their own.
fn queues() -> Vec<&'static str> {
    crate::app::queues().into_iter().map(|(name, _)| name).collect()
}

fn run(mut runtime: Builder, command: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = runtime.enable_all().build()?;
    let result = runtime.block_on(async {
        let result = command.await;
        open::close().await;
        result
    });
    // A blocking read of the database must not delay the exit.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    result
}

fn finish(program: &str, result: anyhow::Result<()>) -> ExitCode {
    let code = exit_code(program, result);
    telemetry::flush();
    code
}

/// The exit code. Why the program ended badly is told.
fn exit_code(program: &str, result: anyhow::Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    // A closed pipe, as after `| head`, is not a failure.
    if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) {
        return ExitCode::SUCCESS;
    }
    if let Some(doctor::Attention) = error.downcast_ref::<doctor::Attention>() {
        return ExitCode::from(2);
    }
    let lines: Vec<_> = explain(&error).lines().map(|line| format!("{program}: {line}")).collect();
    complain(&lines.join("\n"));
    ExitCode::FAILURE
}

/// The error and its causes, without those that an outer text already contains.
fn explain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !text.contains(&cause) {
            text = if text.is_empty() { cause } else { format!("{text}: {cause}") };
        }
    }
    text
}

/// Prints a line to standard error, after the log lines so far. Never waits for whoever reads it.
fn complain(line: &str) {
    telemetry::flush(); // it must not be the one that finds no room
    telemetry::write_line(format!("{}\n", shown(line)).into_bytes());
    telemetry::flush();
}

/// Prints a line to standard output.
///
/// # Errors
/// Fails if it is closed, as after `| head`.
fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{}", shown(line))
}

/// A text of lines as a terminal may have it: some of it was written by others, and long ago.
fn shown(text: &str) -> String {
    text.split('\n').map(harmless).collect::<Vec<_>>().join("\n")
}

/// Prints what has happened. The program goes on even if that fails.
fn announce(text: &str) {
    let _closed = say(text);
}

fn openapi(admin: bool) -> anyhow::Result<()> {
    let document = if admin { crate::admin::document()? } else { crate::app::document() };
    say(&document.to_pretty_json()?)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Not a test by itself: a process whose last line is not yet written when it finds its pipe closed.
    #[test]
    #[ignore = "started by the test below"]
    fn process_before_a_closed_pipe() {
        telemetry::write_line(b"a line\n".to_vec());
        telemetry::flush(); // after which the writer sleeps
        telemetry::write_line(b"the last line\n".to_vec());
        let _code = finish("waybill", Err(io::Error::from(io::ErrorKind::BrokenPipe).into()));
        std::process::exit(3);
    }

    #[test]
    fn a_closed_pipe_does_not_cost_the_last_lines() {
        let mut process = std::process::Command::new(std::env::current_exe().unwrap());
        let name = "cli::tests::process_before_a_closed_pipe";
        let ended = process.args(["--exact", name, "--ignored", "--nocapture"]).output().unwrap();
        let told = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(3), "{told}");
        assert!(told.contains("the last line\n"), "{told}");
    }
}
