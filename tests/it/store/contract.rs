//! What every adapter of the store promises, written against [`Store`] alone.
//!
//! `contract_suite!(name, open)` runs all of it; `open` is an expression (it may await) that gives a store on
//! an empty database and whatever keeps that alive until the test's end.

pub(crate) mod changing;
pub(crate) mod declaring;
pub(crate) mod finding;
pub(crate) mod pages;
pub(crate) mod together;
pub(crate) mod writing;

use serde::{Deserialize, Serialize};
use waybill::{
    base::timestamp::Timestamp,
    platform::store::{Document, Field, Index, Store, StoreError},
};

macro_rules! contract_suite {
    ($adapter:ident, $open:expr) => {
        mod $adapter {
            contract_suite!(@ $open, writing: a_document_comes_back_as_it_was_put_in,
                what_is_not_there_is_none, prepare_may_be_repeated,
                a_newer_declaration_adds_its_index, the_stored_version_is_one_whatever_the_document_says,
                    a_taken_id_is_a_conflict,
                a_unique_index_is_a_conflict_under_its_name, absent_values_never_conflict,
                    one_of_many_inserts_of_a_key_wins,
                inserts_at_once_are_all_kept, a_caller_that_goes_away_breaks_nothing, odd_texts_are_kept,
                    the_database_answers);
            contract_suite!(@ $open, changing: replace_saves_over_its_own_version_only,
                replace_of_a_missing_document_is_false,
                replace_keeps_the_unique_indexes, update_tells_what_it_saved,
                    update_of_a_missing_document_does_not_decide,
                a_decision_to_leave_writes_nothing, an_error_in_the_decision_leaves_the_document,
                    racing_updates_all_land,
                update_decides_again_and_gives_up_after_five, unknown_fields_survive_an_older_binary,
                    a_key_that_was_freed_may_be_taken,
                old_documents_go_oldest_first, documents_without_the_time_stay,
                    retention_without_an_index_is_a_fault);
            contract_suite!(@ $open, finding: equal_fields_narrow, a_range_is_half_open,
                both_orders_are_total, ties_are_paged_by_id,
                pages_behind_a_cursor_are_complete_while_others_insert, the_limit_holds,
                    a_nested_field_is_found,
                documents_without_the_sort_field_are_left_out, times_sort, booleans_and_integers_are_keys,
                a_unique_key_finds_its_document, a_unique_key_beside_other_fields_is_compared,
                    equal_fields_beside_the_index_are_compared, counts_per_value,
                    what_no_index_serves_is_a_fault,
                values_are_never_read_as_code);
            contract_suite!(@ $open, declaring: a_changed_declaration_is_refused_and_named,
                a_changed_index_is_made_anew_when_that_is_asked_for,
                a_unique_index_stays_until_its_successor_is_built,
                a_look_tells_how_indexes_stand_and_makes_none);
            contract_suite!(@ $open, pages: an_unreadable_document_is_a_fault_that_tells_no_value,
                unreadable_documents_are_left_out_and_named, many_come_in_the_order_they_are_asked_for,
                a_page_tells_where_the_next_one_begins, all_documents_by_id, one_of_a_few_values,
                heads_are_pages_without_their_documents,
                a_filtered_page_stops_at_its_limit_and_goes_on, counts_go_to_their_cap);
            contract_suite!(@ $open, together: an_existing_document_comes_instead,
                a_conflict_of_another_index_stays_one, only_a_unique_index_can_be_named,
                of_many_inserts_of_a_key_the_others_get_the_winner, each_of_many_has_its_own_outcome,
                    restored_documents_keep_their_versions,
                a_batch_is_done_as_a_whole, a_conflict_undoes_the_batch_and_is_named,
                a_lost_version_undoes_the_batch_and_is_named, racing_batches_lose_nothing);
        }
    };
    (@ $open:expr, $part:ident: $($test:ident),+) => {
        mod $part {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    let (store, _keep) = $open;
                    crate::store::contract::$part::$test(store).await;
                }
            )+
        }
    };
}

/// A document with every kind of key that a field may hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Parcel {
    pub(crate) id: String,
    pub(crate) version: i64,
    pub(crate) user_id: String,
    pub(crate) status: String,
    pub(crate) created_at: Timestamp,
    pub(crate) weight: i64,
    pub(crate) express: bool,
    pub(crate) count: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_order_id: Option<String>,
    /// Written as `null` when it is absent, which must count as absent.
    pub(crate) awb: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) outbox: Option<Outbox>,
    #[serde(flatten)]
    pub(crate) extra: serde_json::Map<String, serde_json::Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outbox {
    pub(crate) at: Timestamp,
}

const INDEXES: [Index; 8] = [
    Index::on("created", &[Field::time("createdAt")]),
    Index::on("user", &[Field::text("userId"), Field::time("createdAt")]),
    Index::on("status", &[Field::text("status"), Field::text("userId"), Field::time("createdAt")]),
    Index::on("client_order", &[Field::text("userId"), Field::text("clientOrderId")]).unique().partial(),
    Index::on("awb", &[Field::text("awb")]).unique().partial(),
    Index::on("outbox", &[Field::time("outbox.at")]).partial(),
    Index::on("express", &[Field::bool("express"), Field::int("weight")]),
    Index::on("weight", &[Field::int("weight")]),
];

impl Document for Parcel {
    const COLLECTION: &'static str = "parcels";
    const INDEXES: &'static [Index] = &INDEXES;

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

/// The same collection as a newer binary knows it: a field more, and an index on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewParcel {
    #[serde(flatten)]
    pub(crate) parcel: Parcel,
    pub(crate) colour: String,
}

impl Document for NewParcel {
    const COLLECTION: &'static str = "parcels";
    const INDEXES: &'static [Index] = &{
        let [a, b, c, d, e, f, g, h] = INDEXES;
        [a, b, c, d, e, f, g, h, Index::on("colour", &[Field::text("colour")])]
    };

    fn id(&self) -> &str {
        &self.parcel.id
    }

    fn version(&self) -> i64 {
        self.parcel.version
    }

    fn set_version(&mut self, version: i64) {
        self.parcel.version = version;
    }
}

/// Number `n`: made at second `n`, of user `u`, not unique in anything but its id.
pub(crate) fn parcel(n: i64) -> Parcel {
    Parcel {
        id: id(n),
        version: 1,
        user_id: "u".to_owned(),
        status: "queued".to_owned(),
        created_at: second(n),
        weight: n,
        express: n % 2 == 0,
        count: 0,
        client_order_id: None,
        awb: None,
        outbox: None,
        extra: serde_json::Map::new(),
    }
}

pub(crate) fn id(n: i64) -> String {
    format!("par_{n:05}")
}

pub(crate) fn second(n: i64) -> Timestamp {
    Timestamp::from_millis(1_763_687_100_000 + n * 1000)
}

pub(crate) async fn prepared(store: Store) -> Store {
    store.prepare::<Parcel>().await.unwrap();
    store
}

/// Puts in what `of` makes of each of `numbers`.
pub(crate) async fn fill(
    store: &Store,
    numbers: impl IntoIterator<Item = i64>,
    of: impl Fn(&mut Parcel, i64),
) {
    let docs = numbers.into_iter().map(|n| {
        let mut doc = parcel(n);
        of(&mut doc, n);
        doc
    });
    let docs: Vec<_> = docs.collect();
    futures_util::future::try_join_all(docs.iter().map(|d| store.insert(d))).await.unwrap();
}

pub(crate) fn conflict(result: Result<impl Sized, StoreError>) -> String {
    match result {
        Err(StoreError::Conflict { index }) => index,
        Err(e) => panic!("{e:?} instead of a conflict"),
        Ok(_) => panic!("no conflict"),
    }
}
