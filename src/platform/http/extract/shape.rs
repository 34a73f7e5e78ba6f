//! Collects *every* fault of a JSON body, each with its JSON Pointer. Guards against one error per round
//! trip, against a pointer to the parent where a field is missing, and against unknown fields that slip
//! through.
//!
//! A good body takes the fast path: serde, straight from the text. Only when that fails is the body read as a
//! [`Value`] and walked by [`Node`], a deserializer that knows where it is. After each error its place is
//! remembered and answered with a *stand-in* of the asked-for type, so that the next pass gets past it. When
//! a pass gets through, the rules are checked, leaving out those that would judge a stand-in.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde_json::Value;
use validator::Validate;

use super::{
    ctx::{Ctx, MAX_FAULTS},
    node::Node,
    rules,
    strict::Strict,
    value,
};
use crate::platform::http::FieldError;

/// A pass finds one fault (or, in untyped places, tries another stand-in).
const MAX_PASSES: usize = 160;

pub(super) enum BodyError {
    /// No JSON at all. Says why and where, and nothing of the body.
    Malformed(String),
    Faults(Faults),
}

#[derive(Default)]
pub(super) struct Faults {
    /// Sorted by pointer.
    pub(super) list: Vec<FieldError>,
    /// The search was ended early: there may be others.
    pub(super) more: bool,
}

pub(super) fn parse<T: DeserializeOwned + Validate>(text: &str) -> Result<T, BodyError> {
    match directly::<T>(text) {
        Ok(body) => match body.validate() {
            Ok(()) => Ok(body),
            Err(e) => Err(BodyError::Faults(cut(rules::errors(&e, &BTreeSet::new()), false))),
        },
        Err(first) => {
            let ctx = Ctx::default();
            // Whether it is JSON at all is judged here and not by `first`: serde_json calls a `null` in an
            // enum's place a syntax error. The texts are fixed ones with a line and a column, since nothing
            // is asked of the values.
            let value = value::read(text, &ctx).map_err(|e| BodyError::Malformed(e.to_string()))?;
            let mut faults = match collect(&value, ctx) {
                Ok(body) => return Ok(body),
                Err(faults) => faults,
            };
            if faults.list.is_empty() {
                let detail = format!(
                    "does not have the expected form (line {}, column {})",
                    first.line(),
                    first.column()
                );
                faults.list.push(FieldError::pointer("", "invalid", detail));
            }
            Err(BodyError::Faults(faults))
        }
    }
}

/// Straight from the text. Fails for some good bodies, those with an enum that holds something.
fn directly<T: DeserializeOwned>(text: &str) -> serde_json::Result<T> {
    let mut de = serde_json::Deserializer::from_str(text);
    let body = T::deserialize(Strict(&mut de))?;
    de.end()?;
    Ok(body)
}

/// Reads `value` as a `T`.
///
/// # Errors
/// All faults that could be found.
pub(super) fn collect<T: DeserializeOwned + Validate>(value: &Value, ctx: Ctx) -> Result<T, Faults> {
    let mut whole = None;
    for _ in 0..MAX_PASSES {
        match T::deserialize(Node::root(value, &ctx)) {
            Ok(body) => {
                whole = Some(body);
                break;
            }
            Err(e) => {
                let (pointer, code, detail) = e.into_parts();
                if !ctx.remember(pointer, code, detail) || ctx.spent() {
                    break;
                }
            }
        }
    }
    let (stand_ins, mut list, more) = ctx.into_parts();
    let more = more || whole.is_none();
    let Some(body) = whole else { return Err(cut(list, more)) };
    if let Err(e) = body.validate() {
        list.extend(rules::errors(&e, &stand_ins));
    }
    if list.is_empty() { Ok(body) } else { Err(cut(list, more)) }
}

fn cut(mut list: Vec<FieldError>, more: bool) -> Faults {
    list.sort();
    list.dedup();
    let more = more || list.len() > MAX_FAULTS;
    list.truncate(MAX_FAULTS);
    Faults { list, more }
}
