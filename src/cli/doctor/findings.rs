//! What the doctor found, and how it is told.

use anyhow::bail;
use serde_json::{Map, Value};

use super::Attention;
use crate::cli::{explain, say};

/// How many of several are named.
const NAMED: usize = 3;

/// What was found, as it is printed.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) lines: Vec<String>,
    pub(super) facts: Map<String, Value>,
    pub(super) attention: Vec<String>,
    pub(super) broken: Vec<String>,
}

impl Findings {
    pub(super) fn add(&mut self, name: &str, line: String, fact: impl Into<Value>) {
        self.lines.push(line);
        self.facts.insert(name.to_owned(), fact.into());
    }

    pub(super) fn told(self, json: bool) -> anyhow::Result<()> {
        let (broken, waits) = (self.broken.join("\n"), !self.attention.is_empty());
        self.print(json)?;
        if !broken.is_empty() {
            bail!(broken);
        }
        if waits { Err(Attention.into()) } else { Ok(()) }
    }

    /// Nothing more can be found out: tells what was, and why.
    pub(super) fn broken_off(mut self, why: anyhow::Error, json: bool) -> anyhow::Result<()> {
        self.broken.push(explain(&why));
        self.print(json)?;
        Err(why)
    }

    fn print(mut self, json: bool) -> std::io::Result<()> {
        if json {
            self.facts.insert("attention".to_owned(), self.attention.into());
            self.facts.insert("broken".to_owned(), self.broken.into());
            return say(&Value::Object(self.facts).to_string());
        }
        let attention = self.attention.iter().map(|line| format!("attention  {line}"));
        for line in self.lines.into_iter().chain(attention) {
            say(&line)?;
        }
        Ok(())
    }
}

/// The first of them, and how many more there are.
pub(super) fn first(names: &[String]) -> String {
    let named: Vec<_> = names.iter().take(NAMED).map(String::as_str).collect();
    match names.len() - named.len() {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}
