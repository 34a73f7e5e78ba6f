//! Text fields that know their own bounds: said once, used for reading, checking and the OpenAPI document.

use std::{fmt, ops::Deref};

use serde::{Deserialize, Deserializer, Serialize};
use validator::{Validate, ValidationErrors};

use crate::{base::visible, platform::http::extract::here};

/// What machines compare: one line of text as [`Text`], without characters that cannot be seen.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Code<const MIN: usize, const MAX: usize>(String);

/// One line of text without blanks around it, of `MIN` to `MAX` characters, without control characters. Of
/// those that cannot be seen it has only what scripts need, and something to be seen.
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

debug_length!(Code<MIN, MAX>);
debug_length!(Text<MIN, MAX>);
debug_length!(Lines<MIN, MAX>);
debug_length!(Digits<N>);

/// Which control characters may stand in a text, and which characters that cannot be seen may not.
struct Rules {
    control: fn(char) -> bool,
    invisible: fn(char) -> bool,
}

const CODE: Rules = Rules { control: |_| false, invisible: visible::is_invisible };
const LINE: Rules = Rules { control: |_| false, invisible: visible::is_meaningless };
const LINES: Rules =
    Rules { control: |c| matches!(c, '\n' | '\r' | '\t'), invisible: visible::is_meaningless };

/// What cannot be seen is told before the length that it adds to.
fn check(text: &str, min: usize, max: usize, rules: &Rules) -> Result<(), ValidationErrors> {
    if text.is_empty() && min > 0 {
        return Err(here("blank", "must not be blank"));
    }
    if text.chars().any(rules.invisible) {
        return Err(here("invisible", INVISIBLE));
    }
    let length = text.chars().count();
    if length < min || length > max {
        return Err(here("length", format!("must have {min} to {max} characters")));
    }
    if text.chars().any(|c| c.is_control() && !(rules.control)(c)) {
        return Err(here("control", "must not hold control characters"));
    }
    if !text.is_empty() && !text.chars().any(visible::is_seen) {
        return Err(here("invisible", "must have a visible character"));
    }
    Ok(())
}

const INVISIBLE: &str = "holds an invisible character";

impl<const MIN: usize, const MAX: usize> Validate for Code<MIN, MAX> {
    fn validate(&self) -> Result<(), ValidationErrors> {
        check(&self.0, MIN, MAX, &CODE)
    }
}

impl<const MIN: usize, const MAX: usize> Validate for Text<MIN, MAX> {
    fn validate(&self) -> Result<(), ValidationErrors> {
        check(&self.0, MIN, MAX, &LINE)
    }
}

impl<const MIN: usize, const MAX: usize> Validate for Lines<MIN, MAX> {
    fn validate(&self) -> Result<(), ValidationErrors> {
        check(&self.0, MIN, MAX, &LINES)
    }
}

impl<const N: usize> Validate for Digits<N> {
    fn validate(&self) -> Result<(), ValidationErrors> {
        let is_right = |text: &str| text.len() == N && text.bytes().all(|b| b.is_ascii_digit());
        if is_right(&self.0) {
            return Ok(());
        }
        let seen: String = self.0.chars().filter(|c| !visible::is_invisible(*c)).collect();
        if is_right(&seen) {
            return Err(here("invisible", INVISIBLE));
        }
        Err(here("digits", format!("must be exactly {N} digits")))
    }
}

fn trimmed<'de, D: Deserializer<'de>>(d: D) -> Result<String, D::Error> {
    let text = String::deserialize(d)?;
    let trimmed = text.trim();
    Ok(if trimmed.len() == text.len() { text } else { trimmed.to_owned() })
}

/// What they have in common. `$bounds` are the OpenAPI keywords of the bounds.
macro_rules! text_type {
    ($name:ident<$($n:ident),+>, $bounds:expr) => {
        impl<$(const $n: usize),+> $name<$($n),+> {
            /// The text, for keeping.
            #[must_use]
            pub fn into_inner(self) -> String {
                self.0
            }
        }

        impl<$(const $n: usize),+> From<$name<$($n),+>> for String {
            fn from(text: $name<$($n),+>) -> Self {
                text.0
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

text_type!(Code<MIN, MAX>, |s| bounded::<MIN, MAX>(s, ONE_LINE));
text_type!(Text<MIN, MAX>, |s| bounded::<MIN, MAX>(s, ONE_LINE));
text_type!(Lines<MIN, MAX>, |s| bounded::<MIN, MAX>(s, SOME_LINES));
text_type!(Digits<N>, |s| s.pattern(Some(format!("^[0-9]{{{N}}}$"))));

/// One character, but none of these control characters, nor one of those that cannot be seen and are met at
/// all.
macro_rules! one_but {
    ($blank:literal, $low:literal) => {
        concat!(
            "[^",
            $blank,
            $low,
            r"\x7f-\x9f\xad\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufeff]"
        )
    };
}

/// Blanks only inside: those around a text are cut off before its length is taken.
const ONE_LINE: &str = concat!(
    one_but!(r"\s", r"\x00-\x1f"),
    "(",
    one_but!("", r"\x00-\x1f"),
    "*",
    one_but!(r"\s", r"\x00-\x1f"),
    ")?"
);
const SOME_LINES: &str = concat!(
    one_but!(r"\s", r"\x00-\x1f"),
    "(",
    one_but!("", r"\x00-\x08\x0b\x0c\x0e-\x1f"),
    "*",
    one_but!(r"\s", r"\x00-\x1f"),
    ")?"
);

fn bounded<const MIN: usize, const MAX: usize>(
    text: utoipa::openapi::ObjectBuilder,
    form: &str,
) -> utoipa::openapi::ObjectBuilder {
    let pattern = if MIN == 0 { format!("^({form})?$") } else { format!("^{form}$") };
    text.min_length(Some(MIN)).max_length(Some(MAX)).pattern(Some(pattern))
}

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
    fn what_cannot_be_seen_is_told_and_scripts_have_what_they_need() {
        let id = |s: &str| code(&serde_json::from_value::<Code<1, 9>>(s.into()).unwrap());
        let line = |s: &str| code(&serde_json::from_value::<Text<2, 9>>(s.into()).unwrap());
        for c in ['\u{200b}', '\u{feff}', '\u{200e}', '\u{202a}', '\u{2800}', '\u{3164}', '\u{ad}'] {
            for text in [format!("ab{c}"), format!("{c}ab"), c.to_string(), c.to_string().repeat(40)] {
                assert_eq!(id(&text).as_deref(), Some("invisible"), "{text:?}");
                assert_eq!(line(&text).as_deref(), Some("invisible"), "{text:?}");
            }
        }
        for c in ['\u{200c}', '\u{200d}', '\u{fe0f}'] {
            assert_eq!(id(&format!("ab{c}")).as_deref(), Some("invisible"), "{c:?}");
            assert_eq!(line(&format!("ab{c}cd")), None, "{c:?}");
            assert_eq!(line(&c.to_string().repeat(3)).as_deref(), Some("invisible"), "{c:?}");
        }
        assert_eq!(line("क्\u{200d}ष"), None);
        let digits = |s: &str| code(&serde_json::from_value::<Digits<3>>(s.into()).unwrap());
        assert_eq!(digits("\u{202a}123\u{202c}").as_deref(), Some("invisible"));
        assert_eq!(digits("\u{202a}12\u{202c}").as_deref(), Some("digits"), "not the only fault");
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
