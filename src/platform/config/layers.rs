//! Merges defaults, file and environment, and reports all problems of the result at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use serde_json::{Map, Value};

use super::{Config, ConfigError, InForce, Problem, Words, check, in_force};
use crate::platform::http::{FieldError, extract::read_value};

const DEFAULTS: &str = include_str!("../../../config/default.toml");
const PREFIX: &str = "WAYBILL_";
/// Below this are names of queues.
const PER_QUEUE: &str = "queue__per_queue__";
const NO_SETTING: &str = "is not a setting: look for its name in config/default.toml";

/// Where each key was set last: the name of a variable or a file.
pub(super) type Places = BTreeMap<String, String>;

/// The settings, and each with its place. With `queues` no others may have settings of their own.
pub(super) fn read_with_places(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    queues: Option<&[&str]>,
) -> Result<(Config, Vec<InForce>), ConfigError> {
    let mut problems = Vec::new();
    let mut settings = table("config/default.toml", DEFAULTS).unwrap_or_else(|p| {
        problems.push(p);
        Map::new()
    });
    let defaults = settings.clone();
    let mut places = Places::new();
    if let Some(path) = file {
        let name = path.display().to_string();
        let text =
            std::fs::read_to_string(path).map_err(|e| Problem::new(&name, format!("cannot be read: {e}")));
        match text.and_then(|text| table(&name, &text)) {
            Ok(own) => {
                leaves(&own, "", &mut |key| places.insert(key, name.clone()));
                merge(&mut settings, own);
            }
            Err(problem) => problems.push(problem),
        }
    }
    let mut variables: Vec<_> = environment.into_iter().collect();
    variables.sort();
    for (name, text) in variables {
        match variable(&name, &text, &defaults) {
            Ok(Some(own)) => {
                leaves(&own, "", &mut |key| places.insert(key, name.clone()));
                merge(&mut settings, own);
            }
            Ok(None) => {}
            Err(problem) => problems.push(problem),
        }
    }
    let all = in_force::list(&settings, &places);
    let config = shape(settings, &defaults, (&places, queues), &mut problems);
    match config {
        Some(mut config) if problems.is_empty() => {
            // Other programs write `sqlite://PATH`, which means the same.
            for url in [&mut config.store.url, &mut config.queue.url] {
                if let Some(path) = url.strip_prefix("sqlite://") {
                    *url = format!("sqlite:{path}");
                }
            }
            config.parcelx.words.complete(&default_words(&defaults));
            Ok((config, all))
        }
        _ => Err(ConfigError(problems)),
    }
}

fn default_words(defaults: &Map<String, Value>) -> Words {
    let words = defaults.get("parcelx").and_then(|section| section.get("words")).cloned();
    words.and_then(|words| serde_json::from_value(words).ok()).unwrap_or_default()
}

/// Reads the settings into a [`Config`] and adds what is wrong to `problems`.
fn shape(
    mut settings: Map<String, Value>,
    defaults: &Map<String, Value>,
    (places, queues): (&Places, Option<&[&str]>),
    problems: &mut Vec<Problem>,
) -> Option<Config> {
    let mut reported = BTreeSet::new();
    loop {
        match read_value::<Config>(&Value::Object(settings.clone())) {
            Ok(config) => {
                let unknown = queues.and_then(|queues| config.only_queues(queues).err());
                let unknown = unknown.map(|ConfigError(unknown)| unknown).unwrap_or_default();
                let pairs = check::pairs(&config).into_iter().chain(unknown);
                let pairs = pairs.filter(|p| !reported.contains(&p.key));
                problems.extend(pairs.map(|p| Problem::new(&with_place(&p.key, places), p.detail)));
                return Some(config);
            }
            Err(errors) => {
                // Replaces each invalid value by its default, so that the next attempt gets past it.
                let replaced = errors
                    .iter()
                    .filter(|e| reset(&mut settings, defaults, e.pointer.as_deref().unwrap_or_default()))
                    .count();
                for error in errors {
                    let key = dotted(&error);
                    let detail = if error.code == "unknown" { NO_SETTING.to_owned() } else { error.detail };
                    problems.push(Problem::new(&with_place(&key, places), detail));
                    reported.insert(key);
                }
                if replaced == 0 {
                    return None;
                }
            }
        }
    }
}

fn dotted(error: &FieldError) -> String {
    error.pointer.as_deref().unwrap_or_default().trim_start_matches('/').replace('/', ".")
}

/// The key and, unless it has its default, the variable or file that sets it.
fn with_place(key: &str, places: &Places) -> String {
    let below = format!("{key}.");
    let place = places.get(key).or_else(|| {
        places.range(below.clone()..).next().filter(|(k, _)| k.starts_with(&below)).map(|(_, v)| v)
    });
    place.map_or_else(|| key.to_owned(), |place| format!("{key} ({place})"))
}

fn leaves(table: &Map<String, Value>, above: &str, note: &mut impl FnMut(String) -> Option<String>) {
    for (key, value) in table {
        let key = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
        match value {
            Value::Object(below) => leaves(below, &key, note),
            _ => drop(note(key)),
        }
    }
}

/// Puts the default at `pointer`, or removes the key if it has none. Returns whether anything changed.
fn reset(settings: &mut Map<String, Value>, defaults: &Map<String, Value>, pointer: &str) -> bool {
    let mut parts: Vec<_> =
        pointer.split('/').skip(1).map(|p| p.replace("~1", "/").replace("~0", "~")).collect();
    let Some(last) = parts.pop() else { return false };
    let default =
        parts.iter().try_fold(defaults, |at, part| at.get(part)?.as_object()).and_then(|at| at.get(&last));
    let Some(at) = parts.iter().try_fold(settings, |at, part| at.get_mut(part)?.as_object_mut()) else {
        return false;
    };
    match default {
        Some(value) => at.insert(last, value.clone()).as_ref() != Some(value),
        None => at.remove(&last).is_some(),
    }
}

fn table(name: &str, text: &str) -> Result<Map<String, Value>, Problem> {
    // The parser's own message would show the line, which may hold a secret.
    toml::from_str(text).map_err(|e: toml::de::Error| {
        let line =
            e.span().and_then(|s| text.get(..s.start)).map_or(1, |before| before.matches('\n').count() + 1);
        Problem::new(name, format!("is not TOML: see line {line}"))
    })
}

fn merge(into: &mut Map<String, Value>, from: Map<String, Value>) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Object(below)), Value::Object(own)) => merge(below, own),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

/// `WAYBILL_HTTP__BIND=…` as the table `{"http": {"bind": …}}`. Ignores variables of other programs with the
/// same prefix (Kubernetes sets `WAYBILL_SERVICE_HOST`), but refuses a section followed by a single `_`: that
/// is a typo.
fn variable(
    name: &str,
    text: &str,
    defaults: &Map<String, Value>,
) -> Result<Option<Map<String, Value>>, Problem> {
    let Some(rest) = name.strip_prefix(PREFIX) else { return Ok(None) };
    let lower = with_hyphens(rest.to_ascii_lowercase());
    let parts: Vec<_> = lower.split("__").collect();
    if parts.len() == 1 {
        if set_by_kubernetes(&lower, text) {
            return Ok(None);
        }
        let section = defaults.keys().find(|s| lower == **s || lower.starts_with(&format!("{s}_")));
        return section.map_or(Ok(None), |s| {
            let s = s.to_ascii_uppercase();
            Err(Problem::new(
                name,
                format!("is not a setting: two underscores follow the section, as in {PREFIX}{s}__…"),
            ))
        });
    }
    if parts.contains(&"") {
        return Err(Problem::new(name, NO_SETTING));
    }
    let default = parts.iter().try_fold(defaults, |at, part| at.get(*part)?.as_object());
    if default.is_some() {
        return Err(Problem::new(name, "names a whole section, not a setting"));
    }
    let (last, path) = parts.split_last().ok_or_else(|| Problem::new(name, NO_SETTING))?;
    let known =
        path.iter().try_fold(defaults, |at, part| at.get(*part)?.as_object()).and_then(|at| at.get(*last));
    // A value is a string, except for the few settings that are numbers or switches.
    let value = match (known, text.trim().parse::<i64>(), text.trim().parse::<bool>()) {
        (Some(Value::Bool(_)), _, Ok(on)) => on.into(),
        (Some(Value::String(_)), ..) | (_, Err(_), _) => Value::String(text.to_owned()),
        (_, Ok(number), _) => number.into(),
    };
    let mut nested = Map::from_iter([((*last).to_owned(), value)]);
    for part in path.iter().rev() {
        nested = Map::from_iter([((*part).to_owned(), Value::Object(nested))]);
    }
    Ok(Some(nested))
}

/// Names of queues have hyphens, which no shell takes in a variable: there an underscore stands for one.
fn with_hyphens(lower: String) -> String {
    match lower.strip_prefix(PER_QUEUE).and_then(|rest| rest.split_once("__")) {
        Some((queue, setting)) => format!("{PER_QUEUE}{}__{setting}", queue.replace('_', "-")),
        None => lower,
    }
}

/// Kubernetes describes each service in every container's environment: `waybill-queue` becomes
/// `WAYBILL_QUEUE_SERVICE_HOST`, `WAYBILL_QUEUE_PORT=tcp://…` and `WAYBILL_QUEUE_PORT_6379_TCP`.
fn set_by_kubernetes(lower: &str, text: &str) -> bool {
    lower.ends_with("_service_host")
        || lower.contains("_service_port")
        || lower.contains("_port_")
        || (lower.ends_with("_port") && text.contains("://"))
}
