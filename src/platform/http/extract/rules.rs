//! Turns validator's errors into faults with pointers and words.
//!
//! Guards against submitted values in answers: validator keeps the value of each broken rule in its
//! parameters, and only this file reads them.

use std::{borrow::Cow, collections::BTreeSet};

use serde_json::Value;
use validator::{ValidationError, ValidationErrors, ValidationErrorsKind};

use super::ctx::below;
use crate::platform::http::FieldError;

/// validator's name for a rule over the whole struct.
const WHOLE: &str = "__all__";

/// All broken rules, except those that would judge a stand-in.
pub(super) fn errors(e: &ValidationErrors, stand_ins: &BTreeSet<String>) -> Vec<FieldError> {
    let mut out = Vec::new();
    walk(e, "", stand_ins, &mut out);
    out
}

fn walk(e: &ValidationErrors, at: &str, stand_ins: &BTreeSet<String>, out: &mut Vec<FieldError>) {
    for (name, kind) in e.errors() {
        let here = if name == WHOLE { at.to_owned() } else { format!("{at}/{}", camel(name)) };
        match kind {
            ValidationErrorsKind::Struct(inner) => walk(inner, &here, stand_ins, out),
            ValidationErrorsKind::List(list) => {
                list.iter().for_each(|(i, inner)| walk(inner, &format!("{here}/{i}"), stand_ins, out))
            }
            ValidationErrorsKind::Field(list) => {
                for rule in list {
                    let pointer = match rule.params.get("at").and_then(Value::as_str) {
                        Some(relative) => format!("{at}{relative}"),
                        None => here.clone(),
                    };
                    // A rule over several fields says nothing while one of them is a stand-in.
                    let moot =
                        |s: &String| pointer == *s || below(&pointer, s) || (name == WHOLE && below(s, at));
                    if !stand_ins.iter().any(moot) {
                        out.push(FieldError::pointer(pointer, rule.code.clone(), words(rule)));
                    }
                }
            }
        }
    }
}

/// The text of a broken rule, to follow the name of its field: its own, or one made of its code and bounds.
fn words(rule: &ValidationError) -> String {
    if let Some(own) = &rule.message {
        return own.clone().into_owned();
    }
    let bound = |name: &str| rule.params.get(name).and_then(number);
    match rule.code.as_ref() {
        "length" => {
            let unit =
                if rule.params.get("value").is_some_and(Value::is_string) { "character" } else { "entry" };
            length(bound("equal"), bound("min"), bound("max"), unit)
        }
        "range" => match (bound("min"), bound("max"), bound("exclusive_min"), bound("exclusive_max")) {
            (Some(min), Some(max), ..) => format!("must be from {min} to {max}"),
            (Some(min), _, _, Some(below)) => format!("must be at least {min} and less than {below}"),
            (Some(min), ..) => format!("must be at least {min}"),
            (_, Some(max), Some(above), _) => format!("must be more than {above} and at most {max}"),
            (_, _, Some(above), Some(below)) => format!("must be more than {above} and less than {below}"),
            (_, _, Some(above), _) => format!("must be more than {above}"),
            (_, Some(max), ..) => format!("must be at most {max}"),
            (.., Some(below)) => format!("must be less than {below}"),
            _ => "is out of range".to_owned(),
        },
        "email" => "must be an e-mail address".to_owned(),
        "url" => "must be a URL".to_owned(),
        "required" => "is required".to_owned(),
        "regex" => "does not have the expected form".to_owned(),
        "non_control_character" => "must not have control characters".to_owned(),
        "must_match" => "must be the same as the field it repeats".to_owned(),
        code => format!("breaks the rule \"{code}\""),
    }
}

fn length(equal: Option<String>, min: Option<String>, max: Option<String>, unit: &str) -> String {
    let counted = |n: &str| match (n, unit) {
        ("1", _) => format!("1 {unit}"),
        (_, "entry") => format!("{n} entries"),
        _ => format!("{n} {unit}s"),
    };
    match (equal, min, max) {
        (Some(n), ..) => format!("must have exactly {}", counted(&n)),
        (_, Some(min), Some(max)) => format!("must have {min} to {}", counted(&max)),
        (_, Some(min), None) if min == "1" => "must not be empty".to_owned(),
        (_, Some(min), None) => format!("must have at least {}", counted(&min)),
        (_, None, Some(max)) => format!("must have at most {}", counted(&max)),
        _ => "does not have the expected length".to_owned(),
    }
}

/// A bound as people write it: 50, not 50.0.
fn number(bound: &Value) -> Option<String> {
    let text = bound.as_number()?.to_string();
    Some(text.strip_suffix(".0").map(str::to_owned).unwrap_or(text))
}

/// The JSON name of a Rust field.
fn camel(name: &str) -> Cow<'_, str> {
    let name = name.strip_prefix("r#").unwrap_or(name);
    if !name.contains('_') {
        return name.into();
    }
    let mut up = false;
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '_' => up = true,
            c if std::mem::take(&mut up) => out.push(c.to_ascii_uppercase()),
            c => out.push(c),
        }
    }
    out.into()
}
