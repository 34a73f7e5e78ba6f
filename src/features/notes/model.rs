//! A note.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    base::timestamp::Timestamp,
    platform::store::{Document, Index, id_and_version},
};

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Note {
    pub(super) id: String,
    pub(super) version: i64,
    pub(super) user_id: String,
    pub(super) text: String,
    pub(super) words: Option<usize>,
    pub(super) created_at: Timestamp,
}

impl Document for Note {
    const COLLECTION: &'static str = "notes";
    const INDEXES: &'static [Index] = &[Index::on("user_created", &["userId", "createdAt"])];

    id_and_version!();
}
