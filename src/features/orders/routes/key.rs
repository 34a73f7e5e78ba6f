//! The header `Idempotency-Key`. Guards against a client that sends it, trusts it, and gets a second order.

use axum::extract::FromRequestParts;
use http::{HeaderName, request::Parts};
use utoipa::{
    IntoParams,
    openapi::{
        ObjectBuilder, Required, Type,
        path::{Parameter, ParameterBuilder, ParameterIn},
    },
};

use crate::{
    features::orders::{payload::NewOrder, views::Warning},
    platform::http::{Kind, Problem},
};

const NAME: HeaderName = HeaderName::from_static("idempotency-key");

/// In characters; as a `clientOrderId`, which it becomes.
const LONGEST: usize = 255;

const FORM: &str = "Idempotency-Key must be given once, with 1 to 255 visible ASCII characters, in quotes or \
                    without quotes, backslashes and commas.";

/// What the header says, if it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IdempotencyKey(Option<String>);

impl IdempotencyKey {
    /// It stands for a `clientOrderId` that is absent. Told, when both are there and differ: then the
    /// `clientOrderId` decides.
    pub(super) fn used_for(self, draft: &mut NewOrder) -> Option<Warning> {
        let key = self.0?;
        match &draft.client_order_id {
            None => draft.client_order_id = Some(key),
            Some(own) if *own == key => {}
            Some(_) => {
                return Some(Warning {
                    code: "idempotency-key-ignored",
                    detail:
                        "The header Idempotency-Key was not used: clientOrderId is the key of this order."
                            .to_owned(),
                });
            }
        }
        None
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let mut given = parts.headers.get_all(NAME).iter();
        match (given.next(), given.next()) {
            (None, _) => Ok(Self(None)),
            (Some(value), None) => {
                let key = value.to_str().ok().and_then(read);
                key.map(Some).map(Self).ok_or_else(|| Problem::new(Kind::BadRequest, FORM))
            }
            (Some(_), Some(_)) => Err(Problem::new(Kind::BadRequest, FORM)),
        }
    }
}

/// A string of structured fields (RFC 9651), or the key alone, which most clients send.
fn read(text: &str) -> Option<String> {
    let text = text.trim_matches([' ', '\t']);
    let key = match text.strip_prefix('"') {
        Some(quoted) => unquoted(quoted.strip_suffix('"')?)?,
        None if text.contains(['"', '\\', ',']) => return None,
        None => text.to_owned(),
    };
    let is_key = (1..=LONGEST).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    is_key.then_some(key)
}

/// What stands between the quotes: a quote and a backslash have a backslash before them, nothing else has.
fn unquoted(text: &str) -> Option<String> {
    let (mut key, mut chars) = (String::with_capacity(text.len()), text.chars());
    while let Some(c) = chars.next() {
        key.push(match c {
            '"' => return None,
            '\\' => chars.next().filter(|next| matches!(next, '"' | '\\'))?,
            c => c,
        });
    }
    Some(key)
}

impl IntoParams for IdempotencyKey {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(LONGEST))
            .pattern(Some("^[A-Za-z0-9._:-]+$"));
        let about = "Stands for a `clientOrderId` that the body does not have, and is shown as one: the same \
                     key again gives the same order. With both, `clientOrderId` decides, which `warnings` \
                     tells.";
        let parameter = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(about))
            .schema(Some(text));
        vec![parameter.build()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_with_and_without_quotes() {
        for (text, key) in [
            ("7a1c", "7a1c"),
            (" 7a1c\t", "7a1c"),
            ("\"7a1c\"", "7a1c"),
            (r#""a\"b\\c""#, r#"a"b\c"#),
            ("\"a,b\"", "a,b"),
            ("x", "x"),
        ] {
            assert_eq!(read(text).as_deref(), Some(key), "{text}");
        }
        assert!(read(&"k".repeat(LONGEST)).is_some());
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in
            ["", " ", "\"\"", "\"a", "a\"", "a\"b", "a b", "\"a b\"", "a, b", r"a\b", r#""\x""#, r#""a\""#]
        {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read(&"k".repeat(LONGEST + 1)), None);
    }
}
