//! What serde has to say about a place, in words for clients. Guards against serde's own texts, which quote
//! the submitted value.

use std::{collections::BTreeMap, fmt};

use serde::de;

use super::child_pointer;

#[derive(Debug)]
pub(in crate::platform::http::extract) struct ShapeError {
    /// Unknown until the error has come up to the node where it arose.
    pointer: Option<String>,
    /// The field it is about, when it is a field of that node.
    child: Option<String>,
    code: &'static str,
    detail: String,
}

impl ShapeError {
    pub(super) fn new(code: &'static str, detail: String) -> Self {
        Self { pointer: None, child: None, code, detail }
    }

    fn of_child(child: &str, code: &'static str, detail: &str) -> Self {
        Self { child: Some(child.to_owned()), ..Self::new(code, detail.to_owned()) }
    }

    /// Gives the error its place, unless it has one.
    pub(super) fn at(mut self, at: &str) -> Self {
        if self.pointer.is_none() {
            self.pointer = Some(match self.child.take() {
                Some(child) => child_pointer(at, &child),
                None => at.to_owned(),
            });
        }
        self
    }

    /// An unknown variant: says which there are.
    pub(super) fn or_choice(mut self, choice: String) -> Self {
        if self.pointer.is_none() && self.code == "enum" {
            self.detail = choice;
        }
        self
    }

    pub(in crate::platform::http::extract) fn into_parts(self) -> (String, &'static str, String) {
        (self.pointer.unwrap_or_default(), self.code, self.detail)
    }
}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for ShapeError {}

impl de::Error for ShapeError {
    /// The text of a type of ours, kept as it is.
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::new("invalid", text.to_string())
    }

    fn invalid_type(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new("type", must_be(&expected.to_string()))
    }

    fn invalid_value(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new("invalid", must_be(&expected.to_string()))
    }

    fn invalid_length(_: usize, expected: &dyn de::Expected) -> Self {
        Self::new("length", must_be(&expected.to_string()))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::of_child(field, "missing", "is required")
    }

    fn unknown_field(field: &str, _: &'static [&'static str]) -> Self {
        Self::of_child(field, "unknown", "is not a known field")
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::of_child(field, "duplicate", "is given more than once")
    }

    fn unknown_variant(_: &str, names: &'static [&'static str]) -> Self {
        Self::new("enum", choice("", names))
    }
}

/// serde's name of what it wants, for people who write JSON.
fn must_be(expected: &str) -> String {
    let plain = match expected {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" => "a whole number, 0 or more",
        "i8" => "a whole number from -128 to 127",
        "i16" => "a whole number from -32768 to 32767",
        "i32" => "a whole number from -2147483648 to 2147483647",
        "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "an object",
        "a character" => "a single character",
        "unit" => "null",
        other if other.starts_with("struct ") => "an object",
        other if other.starts_with("tuple struct ") || other.starts_with("a tuple") => {
            "a list of the expected length"
        }
        other => other,
    };
    format!("must be {plain}")
}

/// The choices of an enum: its own text (`#[serde(expecting = "…")]`), or its names. Of names that differ
/// only in letter case one is shown.
pub(super) fn choice(expected: &str, names: &[&str]) -> String {
    if !expected.is_empty() && !expected.starts_with("enum ") {
        return format!("must be {expected}");
    }
    let mut shown = BTreeMap::new();
    for (i, name) in names.iter().enumerate() {
        shown.entry(name.to_ascii_lowercase()).or_insert((i, *name));
    }
    let mut shown: Vec<_> = shown.into_values().collect();
    shown.sort_unstable();
    let names: Vec<_> = shown.into_iter().map(|(_, name)| name).collect();
    format!("must be one of {}", names.join(", "))
}
