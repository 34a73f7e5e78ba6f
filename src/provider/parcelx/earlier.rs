//! Logs of an earlier form, for `waybill migrate`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::records::OutcomeLog;
use crate::{
    base::payload::PayloadIs,
    platform::store::{Document, Index, Store, StoreError, id_and_version, migrations},
};

/// Outcomes of an earlier form said `payloadIsText` where the answer was no JSON.
///
/// # Errors
/// When the store fails, or an outcome is no object.
pub async fn name_payloads(store: &Store) -> Result<u64, StoreError> {
    migrations::rewrite::<EarlierOutcome>(store, |outcome| {
        let late = outcome.rest.get_mut("late").and_then(Value::as_object_mut);
        let late = late.is_some_and(name_payload);
        name_payload(&mut outcome.rest) || late
    })
    .await
}

fn name_payload(end: &mut Map<String, Value>) -> bool {
    let Some(was) = end.remove("payloadIsText") else { return false };
    if was == true {
        end.insert("payloadIs".to_owned(), json!(PayloadIs::Raw));
    }
    true
}

/// An outcome, whatever its form.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct EarlierOutcome {
    id: String,
    version: i64,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl Document for EarlierOutcome {
    const COLLECTION: &'static str = OutcomeLog::COLLECTION;
    const INDEXES: &'static [Index] = OutcomeLog::INDEXES;

    id_and_version!();
}
