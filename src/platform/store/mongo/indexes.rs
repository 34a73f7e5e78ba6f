//! Declared indexes and those that are there.
//!
//! Guards against an index of an older release that goes on under its name with other keys, or without being
//! unique: the server takes a second one beside it and says nothing.

use bson::{Bson, Document, RawDocumentBuf, doc};
use mongodb::{Collection, IndexModel, error::ErrorKind, options::IndexOptions};

use super::{
    failure::{Failure, NEXT, meaning},
    filter::floor,
};
use crate::platform::store::{IndexReport, StoreError, document::Index};

const NAMESPACE_EXISTS: i32 = 48;
const NAMESPACE_NOT_FOUND: i32 = 26;
/// The server's own, which every collection has.
const OF_THE_ID: &str = "_id_";

/// What an index is, but for its name.
#[derive(Debug, Clone, PartialEq)]
struct Form {
    /// Fields in their order, all ascending.
    keys: Vec<String>,
    unique: bool,
    partial: Option<Document>,
}

/// One that is there. `form`: nothing where it has an option of no declared one.
struct Stored {
    name: String,
    unique: bool,
    form: Option<Form>,
}

impl Stored {
    fn is(&self, index: &Index, form: &Form) -> bool {
        self.name == index.name && self.form.as_ref() == Some(form)
    }
}

/// The stored one that stands in a declared one's place: that of its name, or one of the same form under
/// another name, beside which the server refuses it.
fn in_place_of<'a>(there: &'a [Stored], index: &Index, form: &Form) -> Option<&'a Stored> {
    let same = |stored: &&Stored| stored.form.as_ref() == Some(form) && stored.name != next(index);
    there.iter().find(|stored| stored.name == index.name).or_else(|| there.iter().find(same))
}

fn declared(index: &Index) -> Form {
    let mut keys: Vec<_> = index.fields.iter().map(|field| field.path.to_owned()).collect();
    if !index.unique {
        keys.push("_id".to_owned()); // the page order is (sort field, id)
    }
    if index.has_version {
        keys.push("version".to_owned());
    }
    let partial = index
        .partial
        .then(|| index.fields.iter().map(|f| (f.path.to_owned(), floor(f.holds).into())).collect());
    Form { keys, unique: index.unique, partial }
}

fn model(form: &Form, name: &str) -> IndexModel {
    let keys: Document = form.keys.iter().map(|key| (key.clone(), Bson::Int32(1))).collect();
    let options = IndexOptions::builder()
        .name(name.to_owned())
        .unique(form.unique.then_some(true))
        .partial_filter_expression(form.partial.clone())
        .build();
    IndexModel::builder().keys(keys).options(options).build()
}

fn stored(model: &IndexModel) -> Stored {
    let options = model.options.clone().unwrap_or_default();
    let ascending = model.keys.values().all(|direction| match direction {
        Bson::Int32(n) => *n == 1,
        Bson::Int64(n) => *n == 1,
        Bson::Double(n) => (*n - 1.0).abs() < f64::EPSILON,
        _ => false,
    });
    let plain = ascending
        && options.sparse != Some(true)
        && options.hidden != Some(true)
        && options.expire_after.is_none()
        && options.collation.is_none()
        && options.wildcard_projection.is_none();
    let unique = options.unique == Some(true);
    let form = Form {
        keys: model.keys.keys().cloned().collect(),
        unique,
        partial: options.partial_filter_expression,
    };
    Stored { name: options.name.unwrap_or_default(), unique, form: plain.then_some(form) }
}

/// One collection's work.
pub(super) struct Indexes {
    pub(super) collection: Collection<RawDocumentBuf>,
    pub(super) place: String,
}

impl Indexes {
    /// Makes what is missing. Gives the names of those that are not as they are declared; with `remake` they
    /// then are.
    pub(super) async fn prepare(&self, indexes: &[Index], remake: bool) -> Result<Vec<String>, StoreError> {
        let there = self.list().await?;
        let (mut changed, mut missing) = (Vec::new(), Vec::new());
        for index in indexes {
            let form = declared(index);
            let Some(old) = in_place_of(&there, index, &form) else {
                missing.push(model(&form, index.name));
                continue;
            };
            if old.is(index, &form) {
                continue;
            }
            changed.push(format!("{}.{}", self.collection.name(), index.name));
            if remake {
                self.replace(index, &form, &old.name).await?;
            }
        }
        if !missing.is_empty() {
            self.create(missing).await?;
        }
        if remake {
            for left in there.iter().filter(|stored| stored.name.ends_with(NEXT)) {
                self.drop(&left.name).await?;
            }
        }
        Ok(changed)
    }

    /// How they stand beside their declarations. A collection that is not there is not made.
    pub(super) async fn look(&self, indexes: &[Index]) -> Result<IndexReport, StoreError> {
        let there = self.there().await?.unwrap_or_default();
        let told = |name: &str| format!("{}.{name}", self.collection.name());
        let mut report = IndexReport { declared: indexes.len(), ..IndexReport::default() };
        let mut ours = vec![OF_THE_ID];
        for index in indexes {
            let form = declared(index);
            let Some(old) = in_place_of(&there, index, &form) else {
                report.missing.push(told(index.name));
                continue;
            };
            ours.push(&old.name);
            if !old.is(index, &form) {
                report.changed.push(told(index.name));
            }
        }
        for foreign in there.iter().filter(|stored| !ours.contains(&stored.name.as_str())) {
            let list = if foreign.unique { &mut report.foreign_unique } else { &mut report.foreign };
            list.push(told(&foreign.name));
        }
        Ok(report)
    }

    async fn list(&self) -> Result<Vec<Stored>, StoreError> {
        match self.there().await? {
            Some(there) => Ok(there),
            None => self.make().await,
        }
    }

    /// Nothing where there is no such collection.
    async fn there(&self) -> Result<Option<Vec<Stored>>, StoreError> {
        let mut there = Vec::new();
        let mut cursor = match self.collection.list_indexes().await {
            Ok(cursor) => cursor,
            Err(error) if code(&error) == Some(NAMESPACE_NOT_FOUND) => return Ok(None),
            Err(error) => return Err(self.told(&error)),
        };
        while cursor.advance().await.map_err(|e| self.told(&e))? {
            there.push(stored(&cursor.deserialize_current().map_err(|e| self.told(&e))?));
        }
        Ok(Some(there))
    }

    async fn make(&self) -> Result<Vec<Stored>, StoreError> {
        let namespace = self.collection.namespace();
        let database = self.collection.client().database(&namespace.db);
        match database.create_collection(&namespace.coll).await {
            Err(error) if code(&error) != Some(NAMESPACE_EXISTS) => Err(self.told(&error)),
            _ => Ok(Vec::new()),
        }
    }

    /// All of them, or none.
    async fn create(&self, models: Vec<IndexModel>) -> Result<(), StoreError> {
        match self.collection.create_indexes(models).await {
            Ok(_) => Ok(()),
            Err(error) => match meaning(&self.place, &error) {
                Failure::Duplicate(index) => Err(StoreError::Fault(format!(
                    "{}: stored documents break the unique index {index}",
                    self.collection.name()
                ))),
                other => Err(other.into()),
            },
        }
    }

    /// A unique index stays until its successor is built, under another name for a while: the server cannot
    /// rename one, and holds two of the same form for one, so that this one says in addition that there is an
    /// id.
    async fn replace(&self, index: &Index, form: &Form, old: &str) -> Result<(), StoreError> {
        if !form.unique {
            self.drop(old).await?;
            return self.create(vec![model(form, index.name)]).await;
        }
        let mut guard = form.clone();
        guard.partial.get_or_insert_default().insert("_id", doc! { "$gte": "" });
        let name = next(index);
        self.create(vec![model(&guard, &name)]).await?;
        self.drop(old).await?;
        self.create(vec![model(form, index.name)]).await?;
        self.drop(&name).await
    }

    async fn drop(&self, name: &str) -> Result<(), StoreError> {
        const INDEX_NOT_FOUND: i32 = 27;
        match self.collection.drop_index(name).await {
            Err(error) if code(&error) != Some(INDEX_NOT_FOUND) => Err(self.told(&error)),
            _ => Ok(()),
        }
    }

    fn told(&self, error: &mongodb::error::Error) -> StoreError {
        meaning(&self.place, error).into()
    }
}

fn next(index: &Index) -> String {
    format!("{}{NEXT}", index.name)
}

fn code(error: &mongodb::error::Error) -> Option<i32> {
    match error.kind.as_ref() {
        ErrorKind::Command(command) => Some(command.code),
        _ => None,
    }
}
