//! Documents that do not read as their type: each is told once, and counted whenever one is left out.
//!
//! Guards against a log that repeats one line with every pass.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use super::query::Unreadable;
use crate::platform::telemetry::Counter;

static LEFT_OUT: Counter = Counter::new(
    "waybill_store_unreadable_total",
    "Times that a stored document was left out because it does not read as its type.",
);

/// Most documents that are remembered.
const MOST: usize = 1000;

/// Clones share what was told.
#[derive(Clone, Debug, Default)]
pub(super) struct Told(Arc<Mutex<HashSet<String>>>);

impl Told {
    pub(super) fn tell(&self, collection: &str, unreadable: &[Unreadable]) {
        for Unreadable { id, why } in unreadable {
            LEFT_OUT.increment(&[("collection", collection)]);
            if self.is_new(collection, id) {
                tracing::error!(
                    collection,
                    document.id = id,
                    why,
                    "{collection} {id} does not read as its type ({why}): it is left out until it is mended"
                );
            }
        }
    }

    fn is_new(&self, collection: &str, id: &str) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= MOST {
            told.clear();
        }
        told.insert(format!("{collection} {id}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_once_and_few_are_remembered() {
        let told = Told::default();
        assert!(told.is_new("orders", "a") && !told.is_new("orders", "a"));
        assert!(told.is_new("orders", "b") && told.is_new("logs", "a"));
        (0..MOST).for_each(|n| assert!(told.is_new("orders", &n.to_string())));
        assert!(told.0.lock().unwrap().len() <= MOST);
    }
}
