//! Takes serde's messages apart. Guards against serde's own texts, which quote what was sent: nothing of a
//! message is kept but names that stand in our source, and what a type of ours says itself, which begins with
//! `must`.

use serde_json::{Value, json};

pub(super) struct Fault<'m> {
    pub(super) code: &'static str,
    /// Empty when serde would say more of another value.
    pub(super) detail: String,
    /// The missing field, or the known ones.
    pub(super) names: Vec<&'m str>,
    /// What serde would take instead.
    pub(super) placeholder: Option<Value>,
}

pub(super) fn explain(message: &str) -> Fault<'_> {
    let fault =
        |code, detail: &str, names| Fault { code, detail: detail.to_owned(), names, placeholder: None };
    let expected = message.rsplit_once(", expected ").map_or("", |(_, expected)| expected);
    let mut words = message.split(' ');
    match (words.next().unwrap_or_default(), words.next().unwrap_or_default()) {
        ("missing", "field") => fault("missing", "is required", names(message)),
        ("duplicate", "field") => fault("duplicate", "is given more than once", names(message)),
        ("unknown", "field") => fault("unknown", "is not a known field", names(expected)),
        ("unknown", "variant") => one_of(names(expected)),
        ("invalid", "type:") => must_be("type", expected),
        ("invalid", "value:") => must_be("invalid", expected),
        ("invalid", "length") => must_be("length", expected),
        ("must", "be") if message == super::strict::WORD_ALONE => fault("enum", message, Vec::new()),
        ("must", _) => fault("invalid", message, Vec::new()),
        _ => fault("invalid", "does not have the expected form", Vec::new()),
    }
}

/// What stands between back ticks.
fn names(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// Of names that differ only in letter case one is shown.
fn one_of(names: Vec<&str>) -> Fault<'_> {
    let mut shown: Vec<&str> = Vec::new();
    for name in &names {
        if !shown.iter().any(|s| s.eq_ignore_ascii_case(name)) {
            shown.push(name);
        }
    }
    let placeholder = names.first().map(|name| json!(name));
    Fault { code: "enum", detail: format!("must be one of {}", shown.join(", ")), names, placeholder }
}

/// serde's name of what it wants, for people who write JSON.
fn must_be<'m>(code: &'static str, expected: &str) -> Fault<'m> {
    let bits = expected
        .strip_prefix(['u', 'i'])
        .and_then(|bits| bits.parse::<u32>().ok())
        .filter(|b| (1..64).contains(b));
    let range = bits.map(|bits| match (expected.starts_with('i'), 1_i64 << (bits - 1)) {
        (true, beyond) => format!("a whole number from -{beyond} to {}", beyond - 1),
        (false, half) => format!("a whole number from 0 to {}", half - 1 + half),
    });
    let entries = expected.strip_prefix("a tuple of size ").and_then(|n| n.parse::<usize>().ok());
    let (plain, placeholder) = match expected {
        "f32" | "f64" => ("a number", json!(1)),
        "u64" | "usize" => ("a whole number, 0 or more", json!(1)),
        "i64" | "isize" => ("a whole number", json!(1)),
        "a boolean" => ("true or false", json!(false)),
        "a character" => ("a single character", json!("x")),
        "a string" => (expected, json!("")),
        "a sequence" => ("a list", json!([])),
        "a map" => ("an object", json!({})),
        _ if expected.ends_with(" variant") => ("an object that holds this variant's value", Value::Null),
        _ if expected.starts_with("struct ") => ("an object", json!({})),
        _ if expected.contains("tuple") || expected == "fewer elements in array" => {
            ("a list of the expected length", json!(vec![Value::Null; entries.unwrap_or(0)]))
        }
        _ => (range.as_deref().unwrap_or(expected), bits.map_or(Value::Null, |_| json!(1))),
    };
    let fault =
        Fault { code, detail: format!("must be {plain}"), names: Vec::new(), placeholder: Some(placeholder) };
    if expected.starts_with("enum ") {
        return Fault { code: "enum", detail: String::new(), placeholder: Some(json!("")), ..fault };
    }
    // What a type of ours wants that reads one of several words.
    match expected.strip_prefix("one of ").and_then(|words| words.split(", ").next()) {
        Some(word) => Fault { code: "enum", placeholder: Some(json!(word)), ..fault },
        None => Fault { placeholder: fault.placeholder.filter(|p| !p.is_null()), ..fault },
    }
}
