//! What is in force, as people may see it.

use serde_json::{Map, Value};
use url::Url;

use super::{layers::Places, shown};
use crate::platform::queue;

/// One setting that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InForce {
    pub key: String,
    /// Of a secret and of a URL with a password what may be shown.
    pub value: Value,
    /// The file or the variable that sets it; `None`: it is the default.
    pub place: Option<String>,
}

impl InForce {
    /// The value as it would be written in a file.
    #[must_use]
    pub fn text(&self) -> String {
        if self.value == HIDDEN { HIDDEN.to_owned() } else { self.value.to_string() }
    }
}

/// In the place of a secret.
const HIDDEN: &str = "(set, not shown)";
const PREFIX_KEY: &str = "queue.prefix";

/// Keys whose values are never shown.
const SECRET: [&str; 10] = [
    "parcelx.access_key",
    "parcelx.secret_key",
    "parcelx.proxy",
    "auth.jwt_secret",
    "mail.url",
    "texts.url",
    "texts.header",
    "texts.body",
    "files.access_key",
    "files.secret_key",
];

/// Those of `settings`, by their keys.
pub(super) fn list(settings: &Map<String, Value>, places: &Places) -> Vec<InForce> {
    let mut all = Vec::new();
    walk(settings, "", &mut |key, value| {
        let value = match value.as_str() {
            Some("") => value.clone(),
            Some(_) if SECRET.contains(&key.as_str()) => HIDDEN.into(),
            Some(url) if key.ends_with(".url") => shown(url).into(),
            _ => value.clone(),
        };
        let place = places.get(&key).cloned();
        all.push(InForce { key, value, place });
    });
    if let Some(prefix) = all.iter_mut().find(|setting| setting.key == PREFIX_KEY) {
        complete(prefix, settings, places);
    }
    all.sort_by(|a, b| a.key.cmp(&b.key));
    all
}

/// The prefix may be named by the queue's URL, of which that part is not shown, or be BullMQ's own.
fn complete(prefix: &mut InForce, settings: &Map<String, Value>, places: &Places) {
    let url = settings.get("queue").and_then(|queue| queue.get("url")).and_then(Value::as_str);
    let (url, own) = (url.unwrap_or_default(), prefix.value.as_str().unwrap_or_default());
    if let Some(in_force) = queue::prefix_in_force(url, own).filter(|in_force| in_force != own) {
        let in_url = Url::parse(url).is_ok_and(|url| url.query_pairs().any(|(key, _)| key == "prefix"));
        prefix.place = places.get("queue.url").filter(|_| in_url).cloned();
        prefix.value = in_force.into();
    }
}

fn walk(table: &Map<String, Value>, above: &str, tell: &mut impl FnMut(String, &Value)) {
    for (key, value) in table {
        let key = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
        match value {
            Value::Object(below) => walk(below, &key, tell),
            value => tell(key, value),
        }
    }
}
