//! Documents of another program in a MongoDB of its own: only read.
//!
//! Guards against one document that cannot be read ending the reading of all, and against types that only
//! that program knows: what comes out is plain JSON, with ids and times as texts.

use bson::{Bson, Document, RawBsonRef, RawDocument, RawDocumentBuf, doc, oid::ObjectId};
use mongodb::{Client, Cursor, Database, options::ClientOptions};
use serde_json::{Map, Number, Value};

use super::{document, failure::meaning};
use crate::{base::timestamp::Timestamp, platform::store::StoreError};

/// One of its documents.
#[derive(Debug, Clone)]
pub struct ForeignDocument {
    /// `_id` as text.
    pub id: String,
    /// All fields; nothing if it cannot be read.
    pub fields: Option<Map<String, Value>>,
}

/// Another program's database.
#[derive(Clone, Debug)]
pub struct Foreign {
    database: Database,
    place: String,
}

/// A walk over a collection, in the order of the ids.
#[derive(Debug)]
pub struct ForeignRows {
    rows: Cursor<RawDocumentBuf>,
    place: String,
}

impl Foreign {
    /// # Errors
    /// [`StoreError::Unavailable`], with the host and what to do about it.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let bad = || StoreError::Unavailable("the URL must be as mongodb://HOST:PORT/DATABASE".to_owned());
        let options = ClientOptions::parse(url).await.map_err(|_| bad())?;
        let name = options.default_database.clone().ok_or_else(bad)?;
        let hosts: Vec<_> = options.hosts.iter().map(ToString::to_string).collect();
        let place = format!("{}/{name}", hosts.join(","));
        let told = |error: &mongodb::error::Error| StoreError::from(meaning(&place, error));
        let database = Client::with_options(options).map_err(|e| told(&e))?.database(&name);
        database.run_command(doc! { "ping": 1 }).await.map_err(|e| told(&e))?;
        Ok(Self { database, place })
    }

    /// # Errors
    /// When the server fails.
    pub async fn all(&self, collection: &str) -> Result<ForeignRows, StoreError> {
        let collection = self.database.collection::<RawDocumentBuf>(collection);
        let rows = collection.find(doc! {}).sort(doc! { "_id": 1 }).await;
        let rows = rows.map_err(|e| StoreError::from(meaning(&self.place, &e)))?;
        Ok(ForeignRows { rows, place: self.place.clone() })
    }

    /// Those of a collection whose `field` is one of these ids, as texts or as object ids.
    ///
    /// # Errors
    /// When the server fails.
    pub async fn with(
        &self,
        collection: &str,
        field: &'static str,
        ids: &[String],
    ) -> Result<Vec<ForeignDocument>, StoreError> {
        let forms = ids.iter().flat_map(|id| {
            let object = ObjectId::parse_str(id).ok().map(Bson::ObjectId);
            [Some(Bson::String(id.clone())), object].into_iter().flatten()
        });
        let filter = doc! { field: { "$in": forms.collect::<Vec<_>>() } };
        let collection = self.database.collection::<RawDocumentBuf>(collection);
        let rows = collection.find(filter).sort(doc! { "_id": 1 }).await;
        let rows = rows.map_err(|e| StoreError::from(meaning(&self.place, &e)))?;
        ForeignRows { rows, place: self.place.clone() }.next(usize::MAX).await
    }

    /// Closes the connections.
    pub async fn close(self) {
        self.database.client().clone().shutdown().immediate(true).await;
    }
}

impl ForeignRows {
    /// The next documents, `most` at most; none at the end.
    ///
    /// # Errors
    /// When the server fails.
    pub async fn next(&mut self, most: usize) -> Result<Vec<ForeignDocument>, StoreError> {
        let mut found = Vec::new();
        while found.len() < most {
            let more = self.rows.advance().await;
            if !more.map_err(|e| StoreError::from(meaning(&self.place, &e)))? {
                break;
            }
            found.push(read(self.rows.current()));
        }
        Ok(found)
    }
}

fn read(raw: &RawDocument) -> ForeignDocument {
    let id = match raw.get("_id") {
        Ok(Some(RawBsonRef::Int32(id))) => id.to_string(),
        Ok(Some(RawBsonRef::Int64(id))) => id.to_string(),
        _ => document::id(raw),
    };
    let fields = Document::try_from(raw).ok().map(plain_map);
    ForeignDocument { id, fields }
}

fn plain_map(fields: Document) -> Map<String, Value> {
    fields.into_iter().map(|(name, value)| (name, plain(value))).collect()
}

/// Whole doubles are integers here: its program knows only one kind of number.
fn plain(value: Bson) -> Value {
    match value {
        Bson::Double(number) => match document::whole(number) {
            Some(whole) => whole.into(),
            None => Number::from_f64(number).map_or(Value::Null, Value::Number),
        },
        Bson::Int32(number) => number.into(),
        Bson::Int64(number) => number.into(),
        Bson::String(text) | Bson::Symbol(text) => text.into(),
        Bson::Boolean(yes) => yes.into(),
        Bson::DateTime(at) => Timestamp::from_millis(at.timestamp_millis()).to_string().into(),
        Bson::ObjectId(id) => id.to_hex().into(),
        Bson::Decimal128(number) => number.to_string().into(),
        Bson::Array(list) => list.into_iter().map(plain).collect(),
        Bson::Document(fields) => Value::Object(plain_map(fields)),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use bson::rawdoc;
    use serde_json::json;

    use super::*;

    #[test]
    fn types_of_another_program_become_plain_json() {
        let raw = rawdoc! { "_id": ObjectId::from_bytes([1; 12]), "amount": 749.0, "tax": 12.5, "n": 5_i32,
        "at": bson::DateTime::from_millis(0), "by": { "user": ObjectId::from_bytes([2; 12]) },
        "list": [1.0, "x", bson::RawBson::Null] };
        let read = read(&raw);
        assert_eq!(read.id, "01".repeat(12));
        let expected = json!({ "_id": "01".repeat(12), "amount": 749, "tax": 12.5, "n": 5,
            "at": "1970-01-01T00:00:00.000Z", "by": { "user": "02".repeat(12) }, "list": [1, "x", null] });
        assert_eq!(Value::Object(read.fields.unwrap()), expected);
        // What only looks like a type is data.
        let odd = rawdoc! { "_id": 7_i32, "x": { "$oid": "zz" } };
        let read = super::read(&odd);
        assert_eq!((read.id.as_str(), read.fields.unwrap()["x"]["$oid"].as_str()), ("7", Some("zz")));
    }
}
