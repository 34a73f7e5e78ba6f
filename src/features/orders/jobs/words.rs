//! What a provider says of an order, as a queue board may show it.
//!
//! Guards against a provider that quotes the order it refuses: a board's readers need not know whom an order
//! is for.

use crate::{
    features::orders::model::Order,
    provider::carrier::{OrderPayload, redact},
};

/// `text` without numbers, addresses, secrets, or any word of the order's personal fields.
#[must_use]
pub fn words(order: &Order, text: &str) -> String {
    words_of(order.payload(), text)
}

/// The same for an order with this payload.
#[must_use]
pub fn words_of(payload: &OrderPayload, text: &str) -> String {
    let to = &payload.consignee;
    let fields = [
        Some(&to.name),
        to.email.as_ref(),
        Some(&to.address1),
        to.address2.as_ref(),
        Some(&to.city),
        Some(&to.state),
    ];
    let descriptions = payload.items.iter().filter_map(|item| item.description.as_ref());
    let personal = fields.into_iter().flatten().chain(descriptions).map(String::as_str);
    redact::words_without(text, personal)
}
