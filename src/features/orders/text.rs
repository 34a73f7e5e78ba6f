//! Text fields that know their own bounds: said once, used for reading, checking and the OpenAPI document.

use std::{fmt, ops::Deref};

use serde::{Deserialize, Deserializer, Serialize};
use validator::{Validate, ValidationErrors};

use crate::platform::http::extract::here;

/// One line of text without blanks around it, of `MIN` to `MAX` characters, without control characters.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Text<const MIN: usize, const MAX: usize>(String);

/// Like [`Text`], but line breaks and tabs may stand inside.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Lines<const MIN: usize, const MAX: usize>(String);

/// Exactly `N` ASCII digits, kept as text: leading zeros count.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Digits<const N: usize>(String);

/// Never the text itself: it may be a name, a phone number or an address.
macro_rules! debug_length {
    ($name:ident<$($bound:ident),+>) => {
        impl<$(const $bound: usize),+> fmt::Debug for $name<$($bound),+> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "[{} bytes]", self.0.len())
            }
        }
    };
}

debug_length!(Text<MIN, MAX>);
debug_length!(Lines<MIN, MAX>);
debug_length!(Digits<N>);

fn check(text: &str, min: usize, max: usize, allowed: fn(char) -> bool) -> Result<(), ValidationErrors> {
    let length = text.chars().count();
    if length == 0 && min > 0 {
        return Err(here("blank", "must not be blank"));
    }
    if length < min || length > max {
        return Err(here("length", format!("must have {min} to {max} characters")));
    }
    if text.chars().any(|c| c.is_control() && !allowed(c)) {
        return Err(here("control", "must not hold control characters"));
    }
    Ok(())
}

impl<const MIN: usize, const MAX: usize> Validate for Text<MIN, MAX> {
    fn validate(&self) -> Result<(), ValidationErrors> {
        check(&self.0, MIN, MAX, |_| false)
    }
}

impl<const MIN: usize, const MAX: usize> Validate for Lines<MIN, MAX> {
    fn validate(&self) -> Result<(), ValidationErrors> {
        check(&self.0, MIN, MAX, |c| matches!(c, '\n' | '\r' | '\t'))
    }
}

impl<const N: usize> Validate for Digits<N> {
    fn validate(&self) -> Result<(), ValidationErrors> {
        if self.0.len() == N && self.0.bytes().all(|b| b.is_ascii_digit()) {
            Ok(())
        } else {
            Err(here("digits", format!("must be exactly {N} digits")))
        }
    }
}

fn trimmed<'de, D: Deserializer<'de>>(d: D) -> Result<String, D::Error> {
    let text = String::deserialize(d)?;
    let trimmed = text.trim();
    Ok(if trimmed.len() == text.len() { text } else { trimmed.to_owned() })
}

/// What the three have in common. `$bounds` are the OpenAPI keywords of the bounds.
macro_rules! text_type {
    ($name:ident<$($n:ident),+>, $bounds:expr) => {
        impl<$(const $n: usize),+> $name<$($n),+> {
            /// The text, for keeping.
            #[must_use]
            pub fn into_inner(self) -> String {
                self.0
            }
        }

        impl<$(const $n: usize),+> Deref for $name<$($n),+> {
            type Target = str;
            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl<$(const $n: usize),+> fmt::Display for $name<$($n),+> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de, $(const $n: usize),+> Deserialize<'de> for $name<$($n),+> {
            fn deserialize<De: Deserializer<'de>>(d: De) -> Result<Self, De::Error> {
                trimmed(d).map(Self)
            }
        }

        impl<$(const $n: usize),+> utoipa::PartialSchema for $name<$($n),+> {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                let text = utoipa::openapi::ObjectBuilder::new().schema_type(utoipa::openapi::Type::String);
                let bounds: fn(utoipa::openapi::ObjectBuilder) -> utoipa::openapi::ObjectBuilder = $bounds;
                bounds(text).into()
            }
        }

        impl<$(const $n: usize),+> utoipa::ToSchema for $name<$($n),+> {}
    };
}

text_type!(Text<MIN, MAX>, |s| s.min_length(Some(MIN)).max_length(Some(MAX)));
text_type!(Lines<MIN, MAX>, |s| s.min_length(Some(MIN)).max_length(Some(MAX)));
text_type!(Digits<N>, |s| s.pattern(Some(format!("^[0-9]{{{N}}}$"))));

#[cfg(test)]
mod tests {
    use super::*;

    fn code<T: Validate>(value: &T) -> Option<String> {
        let errors = value.validate().err()?;
        errors.field_errors().get("__all__").map(|e| e[0].code.to_string())
    }

    fn text(s: &str) -> Text<2, 5> {
        serde_json::from_value(s.into()).unwrap()
    }

    #[test]
    fn text_is_trimmed_and_bounded_in_characters() {
        assert_eq!(&*text("  ab "), "ab");
        assert_eq!(code(&text("ab")), None);
        assert_eq!(code(&text("नमस्ते")).as_deref(), Some("length"));
        assert_eq!(code(&text("éééé")), None);
        assert_eq!(code(&text("a")).as_deref(), Some("length"));
        assert_eq!(code(&text("   ")).as_deref(), Some("blank"));
        assert_eq!(code(&text("a\u{0}b")).as_deref(), Some("control"));
        assert_eq!(code(&text("a\nb")).as_deref(), Some("control"));
        assert_eq!(
            code(&serde_json::from_value::<Lines<0, 9>>("a\nb\u{7}".into()).unwrap()).as_deref(),
            Some("control")
        );
        assert_eq!(code(&serde_json::from_value::<Lines<0, 9>>("a\nb".into()).unwrap()), None);
    }

    #[test]
    fn digits_are_ascii_and_exact() {
        let digits = |s: &str| code(&serde_json::from_value::<Digits<6>>(s.into()).unwrap()).is_none();
        assert!(digits("056001"));
        for bad in ["56001", "5600011", "560 01", "५६०००१", "-56001", ""] {
            assert!(!digits(bad), "{bad}");
        }
    }
}
