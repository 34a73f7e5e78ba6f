//! Whether a value is one of a schema, as far as the document's schemas go.

use serde_json::Value;
use waybill::base::timestamp::Timestamp;

/// Adds what of the value at `at` is not as `schema` says.
pub(super) fn faults(doc: &Value, schema: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
    check(doc, schema, value, at, true, wrong);
}

/// `alone`: no other schema may name further fields of it.
fn check(doc: &Value, schema: &Value, value: &Value, at: &str, alone: bool, wrong: &mut Vec<String>) {
    for unknown in ["anyOf", "not", "if", "prefixItems"] {
        assert!(schema.get(unknown).is_none(), "{at}: teach this test {unknown}: {schema}");
    }
    if let Some(target) = schema["$ref"].as_str() {
        let named = doc.pointer(target.strip_prefix('#').unwrap());
        return check(doc, named.unwrap_or_else(|| panic!("{target}")), value, at, alone, wrong);
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        check(doc, part, value, at, false, wrong);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let fits = |choice: &&Value| {
            let mut own = Vec::new();
            check(doc, choice, value, at, alone, &mut own);
            own.is_empty()
        };
        let fitting = choices.iter().filter(fits).count();
        if fitting != 1 {
            wrong.push(format!("{at}: {value} is {fitting} of the choices {choices:?}"));
        }
    }
    let types: Vec<_> = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    if !types.is_empty() && !types.iter().any(|name| is_a(name, value)) {
        wrong.push(format!("{at}: {value} is none of {types:?}"));
    }
    if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
        wrong.push(format!("{at}: {value} is none of {}", schema["enum"]));
    }
    if schema["format"] == "date-time" && value.as_str().is_some_and(|text| Timestamp::parse(text).is_err()) {
        wrong.push(format!("{at}: {value} is no time"));
    }
    let bound = |name: &str| schema[name].as_f64().zip(value.as_f64());
    if bound("minimum").is_some_and(|(least, is)| is < least)
        || bound("maximum").is_some_and(|(most, is)| is > most)
    {
        wrong.push(format!("{at}: {value} is beyond a bound"));
    }
    if let Some(fields) = value.as_object() {
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                wrong.push(format!("{at}/{name} is missing"));
            }
        }
        let further = &schema["additionalProperties"];
        for (name, field) in fields {
            let at = format!("{at}/{name}");
            match (&schema["properties"][name], schema["properties"].is_object()) {
                (Value::Null, true) if alone && !further.is_object() && further != true => {
                    wrong.push(format!("{at} is no field"));
                }
                (Value::Null, _) if further.is_object() => check(doc, further, field, &at, true, wrong),
                (Value::Null, _) => {}
                (property, _) => check(doc, property, field, &at, true, wrong),
            }
        }
    }
    for (n, entry) in value.as_array().into_iter().flatten().enumerate() {
        check(doc, &schema["items"], entry, &format!("{at}/{n}"), true, wrong);
    }
}

fn is_a(name: &str, value: &Value) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("teach this test the type {other}"),
    }
}
