//! The settings: from where they come, what is refused and in which words, and what never stands in them.

mod alerts;
mod layers;
mod protection;
mod provider;
mod refused;
mod secrets;

use waybill::platform::config::{Config, ConfigError};

const DEFAULTS: &str = include_str!("../../config/default.toml");

/// Must never be seen.
const CANARY: &str = "c4n4ry-c4n4ry-c4n4ry-c4n4ry-c4n4ry";

fn load(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::load(None, variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
}

fn load_file(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("waybill.toml");
    std::fs::write(&path, text).unwrap();
    Config::load(Some(&path), variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
}

/// The lines of the error, which must be one.
#[track_caller]
fn refused<T>(result: Result<T, ConfigError>) -> Vec<String> {
    let error = result.err().expect("must be refused");
    let text = error.to_string();
    assert!(!text.contains(CANARY) && !format!("{error:?}").contains(CANARY), "{text}");
    text.lines().map(str::to_owned).collect()
}

/// Asserts that the error has exactly these lines, each given by some words of it.
#[track_caller]
fn assert_lines(lines: &[String], expected: &[&[&str]]) {
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for words in expected {
        assert!(
            lines.iter().any(|line| words.iter().all(|word| line.contains(word))),
            "{words:?} in {lines:#?}"
        );
    }
}
