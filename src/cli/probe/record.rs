//! What is printed of each call: one JSON line that can be pasted where others read it.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::{
    app::by_hand::{CallsByHand, Said},
    features::orders::model::Order,
    provider::carrier::redact,
};

/// Shortest word of an order's personal fields that is masked in the provider's words.
const SHORTEST: usize = 3;

/// Prints each wire attempt once.
pub(super) struct Recorder {
    printed: BTreeSet<String>,
    /// Words of the order that is sent, in lower case, which the provider may quote.
    personal: BTreeSet<String>,
}

impl Recorder {
    pub(super) fn new(order: Option<&Order>) -> Self {
        Self { printed: BTreeSet::new(), personal: order.map(personal).unwrap_or_default() }
    }

    /// Prints the calls made for `order_id` since the last time.
    pub(super) async fn print(
        &mut self,
        calls: &CallsByHand,
        order_id: &str,
        step: &str,
    ) -> anyhow::Result<()> {
        for (call, said) in calls.of_order(order_id).await? {
            if self.printed.insert(call.id.clone()) {
                let said = said.map(|said| self.said(&said));
                crate::cli::say(&json!({ "step": step, "call": call, "said": said }).to_string())?;
            }
        }
        Ok(())
    }

    /// The provider's words, masked, and of what types its answer was made.
    fn said(&self, said: &Said) -> Value {
        let types = said.body.as_ref().map_or_else(|| "no JSON".into(), types);
        json!({ "words": self.masked(&said.words), "types": types })
    }

    fn masked(&self, words: &str) -> String {
        let mask = |word: &str| {
            if pieces(word).any(|piece| self.personal.contains(&piece)) {
                "[…]".to_owned()
            } else {
                word.to_owned()
            }
        };
        redact::words(words).split(' ').map(mask).collect::<Vec<_>>().join(" ")
    }
}

fn personal(order: &Order) -> BTreeSet<String> {
    let to = &order.payload().consignee;
    let optional = [&to.email, &to.phone, &to.address2].into_iter().flatten();
    let descriptions = order.payload().items.iter().filter_map(|item| item.description.as_ref());
    [&to.name, &to.mobile, &to.pincode, &to.address1, &to.city, &to.state]
        .into_iter()
        .chain(optional)
        .chain(descriptions)
        .flat_map(|text| pieces(text).collect::<Vec<_>>())
        .filter(|piece| piece.chars().count() >= SHORTEST)
        .collect()
}

/// Its runs of letters and digits, in lower case.
fn pieces(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|piece| !piece.is_empty()).map(str::to_lowercase)
}

/// The types of what stands at the top of an answer, and in its `data`.
fn types(value: &Value) -> Value {
    let Value::Object(map) = value else { return name(value).into() };
    let of = |(key, value): (&String, &Value)| {
        let kind = if key == "data" && value.is_object() { types(value) } else { name(value).into() };
        (key.clone(), kind)
    };
    Value::Object(map.iter().map(of).collect::<Map<_, _>>())
}

fn name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}
