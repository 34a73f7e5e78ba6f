use std::collections::BTreeMap;

use bson::{Bson, doc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::*;
use crate::{
    base::timestamp::Timestamp,
    platform::store::{Index, id_and_version},
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Parcel {
    id: String,
    version: i64,
    at: Timestamp,
    paise: i64,
    awb: Option<String>,
    lines: Vec<Line>,
    by_name: BTreeMap<String, u32>,
    payload: Value,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Line {
    grams: i64,
}

impl Document for Parcel {
    const COLLECTION: &'static str = "parcels";
    const INDEXES: &'static [Index] = &[];
    id_and_version!();
}

fn decoded(raw: &RawDocument) -> Result<Parcel, String> {
    decode::<Parcel>(raw).map(|doc| *doc.downcast().unwrap())
}

fn parcel() -> Parcel {
    Parcel {
        id: "p1".to_owned(),
        version: 7,
        at: Timestamp::from_millis(1_763_687_100_123),
        paise: 3_000_000_006,
        awb: None,
        lines: vec![Line { grams: 1 }, Line { grams: 2 }],
        by_name: BTreeMap::from([("a.b".to_owned(), 5)]),
        payload: json!({ "x": 2.0, "none": null, "list": [null, { "y": 1 }] }),
        extra: Map::new(),
    }
}

/// As a tool sees it, without bson's own reading of extended JSON.
fn seen(raw: &RawDocument) -> bson::Document {
    bson::Document::try_from(raw).unwrap()
}

#[test]
fn what_is_stored_has_the_id_first_dates_integers_and_no_nulls() {
    let raw = encode(&parcel(), 8).unwrap();
    let expected = doc! {
        "_id": "p1", "version": 8_i64, "at": bson::DateTime::from_millis(1_763_687_100_123),
        "paise": 3_000_000_006_i64, "lines": [{ "grams": 1_i64 }, { "grams": 2_i64 }],
        "by_name": { "a.b": 5_i64 },
        "payload": { "list": [Bson::Null, { "y": 1_i64 }], "none": Bson::Null, "x": 2.0 },
    };
    assert_eq!(seen(&raw), expected);
    assert_eq!(decoded(&raw).unwrap(), Parcel { version: 8, ..parcel() });
}

#[test]
fn types_that_an_older_binary_does_not_know_survive_it() {
    let mut stored = seen(&encode(&parcel(), 7).unwrap());
    let (date, id) = (bson::DateTime::from_millis(5), ObjectId::from_bytes([7; 12]));
    let newer = doc! { "when": date, "ref": id, "steps": [{ "at": date }, [date]], "n": i64::MAX, "b": true };
    stored.extend(newer.clone());
    let raw = RawDocumentBuf::try_from(&stored).unwrap();
    let again = seen(&encode(&decoded(&raw).unwrap(), 8).unwrap());
    for (name, value) in newer {
        assert_eq!(again.get(&name), Some(&value), "{name}");
    }
}

#[test]
fn data_that_only_looks_like_a_type_stays_data() {
    let quoted = json!([{ "$date": "tomorrow" }, { "$oid": "zz" }, { "$oid": "x", "by": 1 },
        { "$date": { "$numberLong": "x" } }, { "$date": { "$numberLong": "5" }, "by": "shop" }]);
    let parcel = Parcel { payload: quoted, ..parcel() };
    let raw = encode(&parcel, 7).unwrap();
    assert_eq!(decoded(&raw).unwrap(), parcel);
    let kept = seen(&raw);
    assert!(kept.get_array("payload").unwrap().iter().all(|v| v.as_document().is_some()), "{kept}");
}

/// mongoose writes a number back as a double.
#[test]
fn whole_doubles_are_read_where_integers_are_kept() {
    let mut stored = seen(&encode(&parcel(), 7).unwrap());
    stored.insert("version", 8.0);
    stored.insert("paise", 3_000_000_006.0);
    stored.insert("lines", vec![doc! { "grams": 1.0 }, doc! { "grams": 2_i64 }]);
    stored.insert("by_name", doc! { "a.b": 5.0 });
    let read = decoded(&RawDocumentBuf::try_from(&stored).unwrap()).unwrap();
    assert_eq!(read, Parcel { version: 8, ..parcel() });
    assert_eq!(read.payload["x"], json!(2.0), "what is no integer of ours stays");
    for other in [1.5, 1e300, f64::NAN, f64::INFINITY] {
        stored.insert("lines", vec![doc! { "grams": 1_i64 }, doc! { "grams": other }]);
        let told = decoded(&RawDocumentBuf::try_from(&stored).unwrap()).unwrap_err();
        assert_eq!(told, "data error at lines[1].grams");
    }
}

#[test]
fn an_error_names_the_place_and_no_value() {
    let mut stored = seen(&encode(&parcel(), 7).unwrap());
    stored.insert("paise", "9876543210");
    let told = decoded(&RawDocumentBuf::try_from(&stored).unwrap()).unwrap_err();
    assert_eq!(told, "data error at paise");
}

#[test]
fn what_bson_cannot_hold_is_a_fault() {
    for payload in [json!(u64::MAX), json!({ "a\u{0}b": 1 })] {
        let told = encode(&Parcel { payload, ..parcel() }, 1).unwrap_err();
        assert!(matches!(&told, StoreError::Fault(why) if why.contains("parcels p1")), "{told}");
    }
}
