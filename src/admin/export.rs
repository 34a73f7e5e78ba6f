//! Lists as files: rows of CSV, or JSON.
//!
//! Guards against a table calculation that runs what somebody wrote into a reason: a field that begins like a
//! formula gets an apostrophe, as spreadsheets do for text.

use serde_json::Value;

/// One row of CSV (RFC 4180), with its line break.
#[must_use]
pub fn row<'a>(fields: impl IntoIterator<Item = &'a str>) -> String {
    let fields: Vec<_> = fields.into_iter().map(field).collect();
    format!("{}\r\n", fields.join(","))
}

fn field(text: &str) -> String {
    let formula =
        text.trim_start().starts_with(['=', '+', '-', '@', '\t', '\r']) || text.starts_with(['\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r', '\'']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

/// The fields of a JSON object in the order of `columns`; what is absent or null is empty.
#[must_use]
pub fn cells(object: &Value, columns: &[&str]) -> Vec<String> {
    let cell = |path: &&str| match object.pointer(path) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    columns.iter().map(cell).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn formulas_are_text_and_fields_keep_their_bounds() {
        let row = row(["a", "", "=1+1", " +cmd|x", "-2", "@SUM(A1)", "\tx", "a,b", "say \"hi\"", "a\nb"]);
        let formulas = "\"'=1+1\",\"' +cmd|x\",\"'-2\",\"'@SUM(A1)\",\"'\tx\"";
        let rest = "\"a,b\",\"say \"\"hi\"\"\",\"a\nb\"\r\n";
        let expected = format!("a,,{formulas},{rest}");
        assert_eq!(row, expected);
    }

    #[test]
    fn cells_come_in_the_order_of_their_columns() {
        let line = json!({ "b": { "c": "x" }, "a": 7, "n": null });
        assert_eq!(cells(&line, &["/a", "/b/c", "/n", "/z"]), ["7", "x", "", ""]);
    }
}
