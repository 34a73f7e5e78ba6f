//! Log lines: readable text on a terminal, otherwise one JSON object per line. They go to standard error,
//! which nobody waits for ([`super::lines`]); standard output is for the results of commands.
//!
//! A typo in a level is refused (`inof` would otherwise be a target's name, and nothing would be logged), and
//! a panic's text is logged only if it cannot contain data.

use std::io::{self, IsTerminal};

use serde::Deserialize;
use tracing_subscriber::{EnvFilter, Layer, Registry, layer::SubscriberExt, util::SubscriberInitExt};

use super::lines::{self, Lines};

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LogError {
    #[error(
        "`{0}` is not a log level: use off, error, warn, info, debug or trace, or `target=level`, separated \
         by commas"
    )]
    Level(String),
}

/// The format of the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Pretty on a terminal, else JSON.
    Auto,
    Pretty,
    Json,
}

/// The target of our own lines.
const OURS: &str = "waybill";
/// Levels that apply only to our own targets unless another target is named.
const FINE: [&str; 2] = ["debug", "trace"];
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Starts logging. `level` is a level (`info`), or levels by target (`info,waybill::http=debug`). Without a
/// general level, all other targets log at `warn`. Libraries log at `info` at most unless they are named
/// (`hyper=trace`). Later calls only check `level`: the first call applies.
///
/// # Errors
/// Fails if `level` is not valid.
pub fn init(level: &str, format: LogFormat) -> Result<(), LogError> {
    let filter = filter(level)?;
    let pretty = match format {
        LogFormat::Auto => io::stderr().is_terminal(),
        LogFormat::Pretty => true,
        LogFormat::Json => false,
    };
    let lines: Box<dyn Layer<Registry> + Send + Sync> = if pretty {
        Box::new(
            tracing_subscriber::fmt::layer()
                .with_writer(Lines)
                .with_target(false)
                .compact()
                .with_filter(filter),
        )
    } else {
        // All spans, not only the innermost: a line inside an order's span also needs the request's id.
        let json = tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(true);
        Box::new(json.with_writer(Lines).with_filter(filter))
    };
    if tracing_subscriber::registry().with(lines).try_init().is_ok() {
        std::panic::set_hook(Box::new(log_panic));
    }
    Ok(())
}

/// Checks `level` as [`init`] does.
///
/// # Errors
/// Fails if `level` is not valid.
pub fn check_level(level: &str) -> Result<(), LogError> {
    filter(level).map(drop)
}

fn filter(level: &str) -> Result<EnvFilter, LogError> {
    let bad = || LogError::Level(level.chars().take(100).collect());
    let parts: Vec<_> = level.split(',').map(str::trim).filter(|p| !p.is_empty()).collect();
    if parts.is_empty() {
        return Err(bad());
    }
    let (mut general, mut targets) = ("warn".to_owned(), String::new());
    for part in parts {
        let (target, word) =
            part.rsplit_once('=').map_or((None, part), |(target, word)| (Some(target.trim()), word.trim()));
        if target == Some("") || !LEVELS.iter().any(|l| l.eq_ignore_ascii_case(word)) {
            return Err(bad());
        }
        match target {
            Some(target) => targets.push_str(&format!(",{target}={word}")),
            // The last general level counts. A library's debug lines may contain any data that it was given,
            // so they are logged only if the library is named.
            None => {
                let fine = FINE.iter().any(|l| l.eq_ignore_ascii_case(word));
                general = format!("{},{OURS}={word}", if fine { "info" } else { word });
            }
        }
    }
    EnvFilter::try_new(general + &targets).map_err(|_| bad())
}

/// A formatted panic message may contain any data, such as a password in a URL: only messages that are string
/// literals in the source are logged.
fn log_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let at = panic.location().map(ToString::to_string).unwrap_or_default();
    let text = panic
        .payload()
        .downcast_ref::<&'static str>()
        .copied()
        .unwrap_or("(message not logged: it may contain data)");
    let thread = std::thread::current();
    tracing::error!(at, text, thread = thread.name().unwrap_or(""), "panic");
    // The process ends with its main future, and before the line is written. A task there, as a worker's jobs
    // are, ends alone, and whoever does not read the log must not keep the others.
    if thread.name() == Some("main") && tokio::task::try_id().is_none() {
        lines::flush();
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, exit};

    use super::*;

    /// Not a test by itself: a process that ends by a panic of its main thread, and at once.
    #[test]
    #[ignore = "started by the test below"]
    fn process_that_panics() {
        fn panics() {
            panic!("on purpose")
        }
        init("error", LogFormat::Json).unwrap();
        tracing::error!("before");
        lines::flush(); // after which the writer sleeps
        let main = std::thread::Builder::new().name("main".to_owned());
        assert!(main.spawn(panics).unwrap().join().is_err());
        exit(3);
    }

    #[test]
    fn the_line_of_the_panic_that_ends_the_process_is_written() {
        let name = "platform::telemetry::logs::tests::process_that_panics";
        let mut process = Command::new(std::env::current_exe().unwrap());
        let ended = process.args(["--exact", name, "--ignored", "--nocapture"]).output().unwrap();
        let told = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(3), "{told}");
        assert!(told.contains("\"text\":\"on purpose\"") && told.contains("\"thread\":\"main\""), "{told}");
    }

    #[test]
    fn levels_are_read_and_typos_refused() {
        for good in
            ["info", "INFO", "off", "waybill=debug", "info,waybill::http=trace", " warn , waybill = debug "]
        {
            assert!(filter(good).is_ok(), "{good}");
        }
        for bad in ["", " , ", "inof", "waybill=debgu", "waybill", "info,loud", "=info", "5"] {
            assert_eq!(filter(bad).err(), Some(LogError::Level(bad.to_owned())), "{bad}");
        }
    }

    #[test]
    fn libraries_log_no_finer_than_info_unless_they_are_named() {
        for (level, expected) in [
            ("trace", ["info", "waybill=trace"].as_slice()),
            ("waybill::http=warn,DEBUG", &["info", "waybill=debug", "waybill::http=warn"]),
            ("debug,waybill=error", &["info", "waybill=error"]),
            ("error", &["error", "waybill=error"]),
            ("info,hyper=trace", &["info", "waybill=info", "hyper=trace"]),
        ] {
            let text = filter(level).unwrap().to_string();
            let mut found: Vec<_> = text.split(',').collect();
            let mut expected = expected.to_vec();
            found.sort_unstable();
            expected.sort_unstable();
            assert_eq!(found, expected, "{level}");
        }
    }

    #[test]
    fn parts_without_a_general_level_keep_the_warnings_of_others() {
        let text = filter("waybill=debug").unwrap().to_string();
        assert!(text.contains("warn") && text.contains("waybill=debug"), "{text}");
    }
}
