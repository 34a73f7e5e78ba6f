//! Documents of a collection, whatever their form: as an earlier release has written them, or damaged.

use std::marker::PhantomData;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use waybill::{
    base::timestamp::Timestamp,
    platform::store::{Document, Index},
};

/// One of `D`'s collection.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(bound = "")]
pub(crate) struct Raw<D> {
    pub(crate) id: String,
    pub(crate) version: i64,
    /// A time among the rest would be a text on MongoDB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<Timestamp>,
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
    #[serde(skip)]
    pub(crate) of: PhantomData<D>,
}

impl<D: Document> Document for Raw<D> {
    const COLLECTION: &'static str = D::COLLECTION;
    const INDEXES: &'static [Index] = D::INDEXES;

    fn id(&self) -> &str {
        &self.id
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn set_version(&mut self, version: i64) {
        self.version = version;
    }
}
