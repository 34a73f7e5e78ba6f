//! Lists of countries, by how their phone numbers begin: `+91, +971`.

use serde::{Deserialize, Deserializer};

use super::list::list;

/// How the numbers begin that are taken; none: all are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Countries(Vec<String>);

impl Countries {
    #[must_use]
    pub fn take(&self, number: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|code| number.starts_with(code.as_str()))
    }
}

const FORM: &str = "must be how numbers of these countries begin, such as +91 or +971, separated by commas";

fn parse(text: &str) -> Result<String, &'static str> {
    let digits = text.trim().strip_prefix('+').ok_or(FORM)?;
    let good = (1..=7).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    if good && !digits.starts_with('0') { Ok(format!("+{digits}")) } else { Err(FORM) }
}

impl<'de> Deserialize<'de> for Countries {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        list(d, FORM, parse).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn numbers_are_taken_by_how_they_begin() {
        let read = |value: Value| serde_json::from_value::<Countries>(value);
        let two = read(json!("+91, +971")).unwrap();
        assert!(two.take("+919812345678") && two.take("+971501234567") && !two.take("+447700900123"));
        assert_eq!(read(json!(["+91", "+971"])).unwrap(), two);
        assert!(read(json!("")).unwrap().take("+447700900123"));
        for wrong in ["91", "+", "+0", "+9x", "+12345678"] {
            assert!(read(json!(wrong)).is_err(), "{wrong}");
        }
    }
}
