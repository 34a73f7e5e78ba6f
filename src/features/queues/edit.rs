//! What a job carries, changed by a person who sees only what may be shown of it.
//!
//! Guards against hidden data that is lost: what comes back as it was shown stays what it is, and what stands
//! for hidden data is never taken for data.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::{Value, value::RawValue};

use super::{ActionError, Queues, ended, shown};
use crate::{
    features::audit::{AuditContext, AuditedAction},
    platform::queue::JobView,
};

/// Longest text that the audit log keeps of what was changed, in characters.
const LONGEST: usize = 500;

/// Why a text cannot be a job's data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DataError {
    #[error("must be JSON")]
    NotJson,
    /// Where, as `/name/0/name`, cut at 100 characters.
    #[error("has at {0:?} what stands for hidden data, and none can be kept there: write all of that place")]
    Hidden(String),
}

impl Queues {
    /// Has a job of another program carry `data`, a JSON text, which is kept as it is. Parts that are as
    /// [`shown::data`] shows them stay what they are. `seen`: as it showed the job to whoever edits it; a job
    /// that it shows otherwise by now is left alone.
    ///
    /// # Errors
    /// [`ActionError`]; then nothing was changed, unless it is [`ActionError::Queue`]: then that is not
    /// known.
    pub async fn edit(
        &self,
        queue: &str,
        id: &str,
        (data, seen): (&str, Option<&str>),
        by: &AuditContext,
    ) -> Result<(), ActionError> {
        let job = self.job(queue, id).await?.ok_or_else(|| ActionError::NoSuchJob(id.to_owned()))?;
        let ours = self.needs(queue).is_some();
        if !ours && seen.is_some_and(|seen| !shows(&job.data, seen)) {
            return Err(ActionError::Changed);
        }
        let data = if ours { String::new() } else { merged(&job.data, data)? };
        let (before, after) = if ours { (None, None) } else { differences(&job.data, &data) };
        let subject = format!("{queue}/{id}");
        let act = AuditedAction {
            action: "job.edit",
            collection: "jobs",
            id: &subject,
            user_id: None,
            before: before.as_deref(),
        };
        let line = self.audit.begin(by, &act).await?;
        let done = if ours { Err(ActionError::Ours) } else { self.set_data(queue, &job, &data).await };
        self.audit.close(&line, ended(&done, after)).await;
        done
    }

    async fn set_data(&self, queue: &str, job: &JobView, data: &str) -> Result<(), ActionError> {
        // Nothing of what cannot be shown was kept: whatever it is by now, it is replaced.
        let was = shown::data(&job.data).is_some().then_some(job.data.as_str());
        super::told(self.queue.manage.set_data(queue, &job.id, data, was).await?, &job.id)
    }
}

/// Whether `seen` is what [`shown::data`] shows of `old`.
fn shows(old: &str, seen: &str) -> bool {
    let (shown, seen) = (shown::data(old), serde_json::from_str::<Value>(seen));
    shown.is_some_and(|shown| seen.is_ok_and(|seen| same(&seen, &shown)))
}

/// Whether somebody left `new` as it was shown. Browsers give 1.0 back as 1, and of long numbers the first
/// digits.
fn same(new: &Value, shown: &Value) -> bool {
    match (new, shown) {
        (Value::Number(new), Value::Number(shown)) => new == shown || new.as_f64() == shown.as_f64(),
        (Value::Array(new), Value::Array(shown)) => {
            new.len() == shown.len() && new.iter().zip(shown).all(|(new, shown)| same(new, shown))
        }
        (Value::Object(new), Value::Object(shown)) => {
            let left = |(name, new): (&String, &Value)| shown.get(name).is_some_and(|shown| same(new, shown));
            new.len() == shown.len() && new.iter().all(left)
        }
        _ => new == shown,
    }
}

/// `new`, with what `old` has in the place of all that is as it was shown.
fn merged(old: &str, new: &str) -> Result<String, DataError> {
    let new: &RawValue = serde_json::from_str(new).map_err(|_| DataError::NotJson)?;
    let text = match (shown::data(old), serde_json::from_str::<&RawValue>(old)) {
        (Some(shown), Ok(old)) => merge(new, &shown, old, "")?,
        _ => literal(new, "")?,
    };
    Ok(text.into_owned())
}

fn merge<'a>(
    new: &'a RawValue,
    shown: &Value,
    old: &'a RawValue,
    at: &str,
) -> Result<Cow<'a, str>, DataError> {
    if same(&value(new)?, shown) {
        return Ok(Cow::Borrowed(old.get()));
    }
    match shown {
        Value::Object(shown) => {
            let (Some(fields), Some(known)) = (fields(new), fields(old)) else { return literal(new, at) };
            // Some were not shown by their whole names: which of them is meant cannot be told.
            if shown.len() != known.len() || known.keys().any(|name| !shown.contains_key(name)) {
                return Err(hidden(at));
            }
            let mut parts = Vec::with_capacity(fields.len());
            for (name, new) in fields {
                let at = format!("{at}/{name}");
                let part = match (shown.get(&name), known.get(&name)) {
                    (Some(shown), Some(old)) => merge(new, shown, old, &at)?,
                    _ => literal(new, &at)?,
                };
                parts.push(format!("{}:{part}", Value::from(name)));
            }
            Ok(Cow::Owned(format!("{{{}}}", parts.join(","))))
        }
        // Its items are known by their places alone: one that was changed must be whole.
        Value::Array(shown) => {
            let (Some(items), Some(known)) = (items(new), items(old)) else { return literal(new, at) };
            if items.len() != shown.len() || shown.len() != known.len() {
                return literal(new, at);
            }
            let mut parts = Vec::with_capacity(items.len());
            for (n, ((new, shown), old)) in items.into_iter().zip(shown).zip(known).enumerate() {
                let left = same(&value(new)?, shown);
                parts.push(if left { Cow::Borrowed(old.get()) } else { literal(new, &format!("{at}/{n}"))? });
            }
            Ok(Cow::Owned(format!("[{}]", parts.join(","))))
        }
        _ => literal(new, at),
    }
}

fn value(raw: &RawValue) -> Result<Value, DataError> {
    serde_json::from_str(raw.get()).map_err(|_| DataError::NotJson)
}

fn fields(raw: &RawValue) -> Option<BTreeMap<String, &RawValue>> {
    serde_json::from_str(raw.get()).ok()
}

fn items(raw: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(raw.get()).ok()
}

/// The text as it is, in which nothing stands for hidden data.
fn literal<'a>(new: &'a RawValue, at: &str) -> Result<Cow<'a, str>, DataError> {
    match marked(&value(new)?, at) {
        Some(at) => Err(hidden(&at)),
        None => Ok(Cow::Borrowed(new.get())),
    }
}

fn hidden(at: &str) -> DataError {
    DataError::Hidden(at.chars().take(100).collect())
}

/// The first place at which something stands for hidden data.
fn marked(value: &Value, at: &str) -> Option<String> {
    match value {
        Value::String(text) => shown::is_mark(text).then(|| at.to_owned()),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(n, item)| marked(item, &format!("{at}/{n}")))
        }
        Value::Object(fields) => {
            fields.iter().find_map(|(name, field)| marked(field, &format!("{at}/{name}")))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// What was changed, before and after, as people may see it: of objects the fields that differ. Nothing of a
/// text that is no JSON: the audit log keeps it for longer than the job.
fn differences(old: &str, new: &str) -> (Option<String>, Option<String>) {
    let (mut before, mut after) = (read(old), read(new));
    if let (Some(Value::Object(before)), Some(Value::Object(after))) = (&mut before, &mut after) {
        let same = |(name, value): (&String, &Value)| (after.get(name) == Some(value)).then(|| name.clone());
        for name in before.iter().filter_map(same).collect::<Vec<_>>() {
            before.remove(&name);
            after.remove(&name);
        }
    }
    (Some(small(before.as_ref())), Some(small(after.as_ref())))
}

fn read(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

fn small(value: Option<&Value>) -> String {
    let Some(value) = value else { return "no JSON".to_owned() };
    let text = shown::value(&value.to_string()).to_string();
    match text.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("{}…", text.get(..cut).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = r#"{"orderId":"ord_1", "big":12345678901234567890123,"attempt":1.50,
        "consignee":{"name":"Asha","status":"new"},
        "list":[{"status":"a","name":"x"},{"status":"b","name":"y"}]}"#;

    fn shown_of(old: &str) -> Value {
        shown::data(old).unwrap()
    }

    #[test]
    fn what_is_as_it_was_shown_stays_what_it_is() {
        let shown = shown_of(OLD);
        assert_eq!(merged(OLD, &shown.to_string()).unwrap(), OLD, "to the letter");
        let mut new = shown;
        new["consignee"]["status"] = "old".into();
        new["more"] = 7.into();
        new["list"][1] = serde_json::json!({ "status": "c", "name": "z" });
        new.as_object_mut().unwrap().remove("orderId");
        let expected = [
            r#"{"attempt":1.50,"big":12345678901234567890123,"consignee":{"name":"Asha","status":"old"},"#,
            r#""list":[{"status":"a","name":"x"},{"name":"z","status":"c"}],"more":7}"#,
        ];
        assert_eq!(merged(OLD, &new.to_string()).unwrap(), expected.concat());
    }

    /// JavaScript has no integers, and only 53 bits of digits.
    #[test]
    fn numbers_that_a_browser_writes_in_its_own_way_are_left_as_they_are() {
        let old = r#"{"code":1.0,"orderId":9007199254740993,"status":"a","type":[9007199254740993,2]}"#;
        let new = r#"{"code":1,"orderId":9007199254740992,"status":"b","type":[9007199254740992,3]}"#;
        let expected = r#"{"code":1.0,"orderId":9007199254740993,"status":"b","type":[9007199254740993,3]}"#;
        assert_eq!(merged(old, new).unwrap(), expected);
        assert_eq!(merged(old, r#"{"code":2}"#).unwrap(), r#"{"code":2}"#);
        assert!(shows(old, &new.replace("\"b\"", "\"a\"").replace(",3]", ",2]")));
    }

    #[test]
    fn what_was_seen_is_compared_as_far_as_it_is_shown() {
        let seen = r#"{"name":"******","status":"a"}"#;
        assert!(
            shows(r#"{"status":"a","name":"Asha"}"#, seen) && shows(r#"{"name":"Ravi","status":"a"}"#, seen)
        );
        for other in [
            r#"{"status":"b","name":"Asha"}"#,
            r#"{"status":"a"}"#,
            r#"{"status":"a","name":"Asha","x":1}"#,
            "[1]",
            "{",
        ] {
            assert!(!shows(other, seen), "{other}");
        }
        assert!(!shows(r#"{"status":"a"}"#, "{"));
    }

    #[test]
    fn what_holds_nothing_hidden_is_kept_as_it_is_written() {
        for (old, new) in [
            ("[1, 2]", r#"{ "b": 1.0, "a": 18446744073709551616 }"#),
            ("not json", "[ 1,2 ]"),
            (r#"{"a":"x"}"#, "null"),
            (r#"{"a":"x"}"#, r#""a \" text""#),
        ] {
            assert_eq!(merged(old, new).unwrap(), new, "{old}");
        }
    }

    #[test]
    fn what_stands_for_hidden_data_is_no_data() {
        let refused = |old: &str, new: &str| match merged(old, new).unwrap_err() {
            DataError::Hidden(at) => at,
            other => panic!("{new}: {other}"),
        };
        for (new, at) in [
            (r#"{"mobile":"******"}"#, "/mobile"),
            (r#"{"consignee":{"name":"******","other":"******"}}"#, "/consignee/other"),
            // Swapped, or one less: whose name is whose cannot be told.
            (r#"{"list":[{"status":"b","name":"******"},{"status":"a","name":"******"}]}"#, "/list/0/name"),
            (r#"{"list":[{"status":"b","name":"******"}]}"#, "/list/0/name"),
            (r#""******""#, ""),
        ] {
            assert_eq!(refused(OLD, new), at);
        }
        let long = serde_json::json!({ "status": "x".repeat(300), "reason": "call 9000000001" }).to_string();
        let mut new = shown_of(&long);
        assert_eq!(merged(&long, &new.to_string()).unwrap(), long);
        new["status"] = format!("y{}", new["status"].as_str().unwrap()).into();
        assert_eq!(refused(&long, &new.to_string()), "/status");
        assert_eq!(refused(&long, r#"{"reason":"do not call […]"}"#), "/reason");
        let names = serde_json::json!({ "n".repeat(70): "Asha" }).to_string();
        let mut new = shown_of(&names);
        assert_eq!(merged(&names, &new.to_string()).unwrap(), names);
        new["more"] = 1.into();
        assert_eq!(refused(&names, &new.to_string()), "");
        assert_eq!(merged(OLD, "{"), Err(DataError::NotJson));
    }

    #[test]
    fn of_what_was_changed_only_that_is_told_and_nothing_hidden() {
        let (before, after) = differences(
            r#"{"orderId":"ord_1","status":"a","name":"Asha","same":"Asha"}"#,
            r#"{"orderId":"ord_2","status":"a","name":"Ravi","same":"Asha"}"#,
        );
        assert_eq!(before.unwrap(), r#"{"name":"******","orderId":"ord_1"}"#);
        assert_eq!(after.unwrap(), r#"{"name":"******","orderId":"ord_2"}"#);
        let (before, after) = differences("call 9000000001", r#"{"mobile":9000000001}"#);
        assert_eq!(
            (before.unwrap().as_str(), after.unwrap().as_str()),
            ("no JSON", r#"{"mobile":"******"}"#)
        );
        let (before, after) = differences(r#"["Asha Rao"]"#, r#""Ravi""#);
        assert_eq!((before.unwrap().as_str(), after.unwrap().as_str()), (r#"["******"]"#, r#""******""#));
        let many: BTreeMap<String, i32> = (0..200).map(|n| (format!("field-{n}"), n)).collect();
        let (_, after) = differences("{}", &serde_json::to_string(&many).unwrap());
        assert_eq!(after.unwrap().chars().count(), LONGEST + 1);
    }
}
