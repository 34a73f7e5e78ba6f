//! Counts the words of a note.

use serde::{Deserialize, Serialize};

use super::model::Note;
use crate::platform::{
    queue::{
        ActiveJob,
        job::{DeathCause, Job, JobError, Outcome, Payload},
    },
    store::{Decision, Store, StoreError},
};

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CountWords {
    pub(super) note_id: String,
}

impl Payload for CountWords {
    const NAME: &'static str = "count-words";
    const QUEUE: &'static str = "notes-queue";
}

impl Job for CountWords {
    type Context = Store;

    async fn run(&self, store: &Store, _: &ActiveJob) -> Result<Outcome, JobError> {
        let count = |note: &mut Note| {
            note.words = Some(note.text.split_whitespace().count());
            Ok::<_, StoreError>(Decision::Save(()))
        };
        store.update::<Note, _, _>(&self.note_id, count).await?;
        Ok(Outcome::Completed(serde_json::Value::Null))
    }

    async fn on_dead(&self, _: &Store, _: &ActiveJob, _: &DeathCause) -> Result<(), JobError> {
        Ok(())
    }
}
