//! Turns validator's errors into faults with pointers and words. Guards against submitted values in answers:
//! validator keeps the value of each broken rule in its parameters, and only this file reads them.

use std::borrow::Cow;

use serde_json::Value;
use validator::{ValidationError, ValidationErrors, ValidationErrorsKind};

use super::faults::{Search, below};
use crate::platform::http::FieldError;

/// validator's name for a rule over the whole value.
const WHOLE: &str = "__all__";

/// A broken rule of a value that checks itself.
#[must_use]
pub fn here(code: &'static str, message: impl Into<Cow<'static, str>>) -> ValidationErrors {
    let mut errors = ValidationErrors::new();
    errors.add(WHOLE, ValidationError::new(code).with_message(message.into()));
    errors
}

/// Adds all broken rules to the faults of `search`, except those that would judge a placeholder.
pub(super) fn walk(e: &ValidationErrors, at: &str, search: &mut Search) {
    for (name, kind) in e.errors() {
        let here = if name == WHOLE { at.to_owned() } else { format!("{at}/{}", camel(name)) };
        match kind {
            ValidationErrorsKind::Struct(inner) => walk(inner, &here, search),
            ValidationErrorsKind::List(list) => {
                list.iter().for_each(|(i, inner)| walk(inner, &format!("{here}/{i}"), search));
            }
            ValidationErrorsKind::Field(rules) => {
                for rule in rules {
                    let relative = rule.params.get("at").and_then(Value::as_str);
                    let pointer = relative.map_or_else(|| here.clone(), |relative| format!("{at}{relative}"));
                    // A rule over several fields says nothing while one of them is a placeholder.
                    let moot =
                        |p: &String| pointer == *p || below(&pointer, p) || (name == WHOLE && below(p, at));
                    if !search.placeholders.keys().any(moot) {
                        search.faults.insert(FieldError::pointer(pointer, rule.code.clone(), words(rule)));
                    }
                }
            }
        }
    }
}

/// The text of a broken rule, to follow the name of its field: its own, or one made of its code and bounds.
fn words(rule: &ValidationError) -> String {
    // As people write it: 50, not 50.0.
    let bound = |name: &str| {
        let text = rule.params.get(name)?.as_number()?.to_string();
        Some(text.strip_suffix(".0").map(str::to_owned).unwrap_or(text))
    };
    let unit = match (rule.code.as_ref(), rule.params.get("value")) {
        ("range", _) => "",
        (_, Some(Value::String(_))) => " characters",
        _ => " entries",
    };
    let must = if rule.code == "length" { "must have" } else { "must be" };
    match (
        rule.code.as_ref(),
        &rule.message,
        bound("equal").as_deref(),
        bound("min").as_deref(),
        bound("max").as_deref(),
    ) {
        (_, Some(own), ..) => own.clone().into_owned(),
        ("email", ..) => "must be an e-mail address".to_owned(),
        ("length", _, Some(n), ..) => format!("must have exactly {n}{unit}"),
        ("length", _, _, Some("1"), None) => "must not be empty".to_owned(),
        ("length", _, _, Some(min), Some(max)) => format!("must have {min} to {max}{unit}"),
        ("range", _, _, Some(min), Some(max)) => format!("must be from {min} to {max}"),
        ("length" | "range", _, _, Some(min), None) => format!("{must} at least {min}{unit}"),
        ("length" | "range", _, _, None, Some(max)) => format!("{must} at most {max}{unit}"),
        ("range", ..) => "is out of range".to_owned(),
        (code, ..) => format!("breaks the rule \"{code}\""),
    }
}

/// The JSON name of a Rust field.
fn camel(name: &str) -> String {
    let mut words = name.trim_start_matches("r#").split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |camel, word| {
        let mut letters = word.chars();
        camel
            + &letters.next().map_or(String::new(), |c| c.to_ascii_uppercase().to_string())
            + letters.as_str()
    })
}
