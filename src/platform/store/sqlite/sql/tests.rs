//! What SQLite does with the SQL: every query must seek in its index and come out of it in order.

use rusqlite::{Connection, params_from_iter};

use super::*;
use crate::{
    base::timestamp::Timestamp,
    platform::store::{
        query::{Cursor, Order, Query},
        sqlite::{
            indexes,
            table::{Row, Tables},
        },
    },
};

const INDEXES: &[Index] = &[
    Index::on("created", &[Field::time("createdAt")]),
    Index::on("user", &[Field::text("userId"), Field::time("createdAt")]),
    Index::on("status_user", &[Field::text("status"), Field::text("userId"), Field::time("createdAt")]),
    Index::on("client", &[Field::text("userId"), Field::int("clientOrderId")]).unique().partial(),
    Index::on("awb", &[Field::int("awb")]).unique().partial(),
    Index::on("number", &[Field::int("number")]).unique(),
    Index::on("due", &[Field::time("outbox.at")]).partial(),
    Index::on("changed", &[Field::time("changedAt")]).with_version(),
    Index::on("kind_due", &[Field::int("kind"), Field::time("outbox.at")]).partial(),
];

fn database() -> Connection {
    let conn = Connection::open_in_memory().unwrap();
    let schema = schema("orders", INDEXES).unwrap();
    assert!(indexes::prepare(&conn, &schema, false).unwrap().is_empty());
    let mut tables = Tables::default();
    let table = tables.of(&conn, "orders").unwrap();
    for n in 0..500_i64 {
        let at = Timestamp::from_millis(n / 3 * 1000).to_string();
        let outbox = (n % 5 == 0).then(|| serde_json::json!({ "at": at }));
        let json = serde_json::json!({ "createdAt": at, "changedAt": at, "userId": format!("u{}", n % 7),
            "status": format!("s{}", n % 3), "awb": (n % 2 == 0).then_some(n),
            "clientOrderId": n, "number": n, "outbox": outbox, "kind": n % 2 });
        table.insert(&conn, &Row { id: format!("o{n:04}"), version: 1, json: json.to_string() }).unwrap();
    }
    conn
}

fn plan(conn: &Connection, statement: &Statement) -> Vec<String> {
    let mut explain = conn.prepare(&format!("EXPLAIN QUERY PLAN {}", statement.sql)).unwrap();
    let lines =
        explain.query_map(params_from_iter(&statement.values), |row| row.get::<_, String>(3)).unwrap();
    lines.map(|line| seeks_only(&line.unwrap())).collect()
}

/// With `<field>` for whichever indexed field a seek names.
fn seeks_only(line: &str) -> String {
    let Some((what, seek)) = line.split_once('(') else { return line.to_owned() };
    let fields = INDEXES.iter().flat_map(|index| index.fields).map(|field| field.path);
    let seek = fields.fold(seek.to_owned(), |seek, field| {
        seek.replace(&format!("{field}="), "<field>=")
            .replace(&format!("{field}>"), "<field>>")
            .replace(&format!("{field}<"), "<field><")
    });
    format!("{what}({seek}")
}

/// Seeks in `index` with each of `seeks`, reads nothing else and sorts nothing.
fn assert_seeks(conn: &Connection, statement: &Statement, index: &str, seeks: &[&str]) {
    let lines = plan(conn, statement);
    let (sql, text) = (&statement.sql, lines.join("\n"));
    assert!(!text.contains("TEMP B-TREE") && !text.contains("SCAN orders"), "{text}\n{sql}");
    let made: Vec<_> = lines
        .iter()
        .filter_map(|l| l.split_once(&format!("INDEX orders_{index} ")))
        .map(|(_, seek)| seek)
        .collect();
    assert_eq!(made, seeks, "{text}\n{sql}");
}

fn page(query: &Query) -> Statement {
    find("orders", INDEXES, query).unwrap().unwrap().statement
}

fn ids(conn: &Connection, query: &Query) -> Vec<String> {
    let Statement { sql, values } = page(query);
    let mut prepared = conn.prepare(&sql).unwrap();
    prepared.query_map(params_from_iter(values), |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

fn cursor(at: i64, id: &str) -> Cursor {
    Cursor { key: Timestamp::from_millis(at).into(), id: id.to_owned() }
}

fn time(ms: i64) -> Key {
    Timestamp::from_millis(ms).into()
}

#[test]
fn every_kind_of_page_seeks_in_its_index_and_sorts_nothing() {
    let conn = database();
    for order in [Order::Ascending, Order::Descending] {
        let (behind, between) = match order {
            Order::Ascending => (
                ["(<field>=? AND id>?)", "(<field>>?)"],
                ["(<field>=? AND id>?)", "(<field>>? AND <field><?)"],
            ),
            Order::Descending => (
                ["(<field>=? AND id<?)", "(<field>>? AND <field><?)"],
                ["(<field>=? AND id<?)", "(<field>>? AND <field><?)"],
            ),
        };
        for (sort, index) in [("createdAt", "created"), ("outbox.at", "due")] {
            let all = || Query::sorted_by(sort, order);
            let check = |query: Query, seeks: &[&str]| {
                assert_seeks(&conn, &page(&query), index, seeks);
            };
            check(all(), &["(<field>>?)"]);
            check(all().from(time(5000)), &["(<field>>?)"]);
            check(all().before(time(5000)), &["(<field>>? AND <field><?)"]);
            check(all().from(time(5)).before(time(9000)), &["(<field>>? AND <field><?)"]);
            check(all().after(cursor(3000, "o")), &behind);
            check(all().from(time(0)).before(time(9000)).after(cursor(3000, "o")), &between);
        }
    }
}

#[test]
fn equal_fields_narrow_the_seek() {
    let conn = database();
    let check = |query: &Query, index: &str, seek: &str| {
        assert_seeks(&conn, &page(query), index, &[seek]);
    };
    for order in [Order::Ascending, Order::Descending] {
        let user = || Query::sorted_by("createdAt", order).equal("userId", "u1");
        check(&user(), "user", "(<field>=? AND <field>>?)");
        check(&user().equal("status", "s1"), "status_user", "(<field>=? AND <field>=? AND <field>>?)");
        check(&user().equal("number", 5), "number", "(<field>=?)");
        check(&user().equal("clientOrderId", 5), "client", "(<field>=? AND <field>=?)");
        check(&user().equal("kind", 1).filtered(10), "user", "(<field>=? AND <field>>?)");
        check(
            &Query::sorted_by("outbox.at", order).equal("kind", 1),
            "kind_due",
            "(<field>=? AND <field>>?)",
        );
        check(
            &Query::sorted_by("clientOrderId", order).equal("userId", "u1"),
            "client",
            "(<field>=? AND <field>>?)",
        );
        check(&Query::sorted_by("awb", order), "awb", "(<field>>?)");
        check(&Query::sorted_by("awb", order).equal("awb", 5), "awb", "(<field>=?)");
        check(&Query::sorted_by("createdAt", order).equal("createdAt", time(0)), "created", "(<field>=?)");
    }
    let behind =
        Query::sorted_by("createdAt", Order::Ascending).equal("userId", "u1").after(cursor(3000, "o"));
    let seeks = ["(<field>=? AND <field>=? AND id>?)", "(<field>=? AND <field>>?)"];
    assert_seeks(&conn, &page(&behind), "user", &seeks);
    for order in [Order::Ascending, Order::Descending] {
        let after = Query::sorted_by("awb", order).after(Cursor { key: 5.into(), id: "o".to_owned() });
        let lines = plan(&conn, &page(&after));
        assert!(lines.iter().any(|l| l.contains("INDEX orders_awb (<field>=?)")), "{lines:?}");
        assert!(!lines.iter().any(|l| l.contains("TEMP") || l.contains("SCAN orders")), "{lines:?}");
    }
    let behind =
        Query::sorted_by("createdAt", Order::Ascending).equal("createdAt", time(0)).after(cursor(0, "o"));
    check(&behind, "created", "(<field>=? AND id>?)");
}

#[test]
fn counting_and_retention_seek_too() {
    let conn = database();
    assert_seeks(&conn, &count_by("orders", INDEXES, "status").unwrap(), "status_user", &["(<field>>?)"]);
    let delete = delete_before("orders", INDEXES, "createdAt", time(5000), 10).unwrap();
    let lines = plan(&conn, &delete);
    assert!(lines.iter().all(|l| !l.starts_with("SCAN") && !l.contains("TEMP B-TREE")), "{lines:?}");
    assert!(lines.iter().any(|l| l.ends_with("INDEX orders_created (<field>>? AND <field><?)")), "{lines:?}");
    let get = plan(&conn, &get("orders", "o1"));
    assert_eq!(get, ["SEARCH orders USING INDEX sqlite_autoindex_orders_1 (id=?)"]);
}

#[test]
fn each_of_a_few_values_is_sought() {
    let conn = database();
    let query = Query::sorted_by("createdAt", Order::Descending).equal("userId", "u1");
    let query = query.one_of("status", ["s1", "s2"]);
    let lines = plan(&conn, &page(&query));
    let seeks = lines.iter().filter(|l| l.contains("INDEX orders_status_user (<field>=? AND <field>=? AND"));
    assert_eq!(seeks.count(), 2, "{lines:?}");
    assert!(!lines.iter().any(|l| l.contains("SCAN orders")), "{lines:?}");
    assert!(find("orders", INDEXES, &query.one_of("status", Vec::<Key>::new())).unwrap().is_none());
}

#[test]
fn ids_are_walked_in_their_own_index() {
    let conn = database();
    let all = Query::by_id(Order::Ascending).after(Cursor { key: "o0010".into(), id: "o0010".to_owned() });
    let lines = plan(&conn, &page(&all));
    assert_eq!(lines, ["SEARCH orders USING INDEX sqlite_autoindex_orders_1 (id>?)"]);
    assert_eq!(ids(&conn, &all.limit(1)), ["o0011", "o0012"], "and one more");
}

#[test]
fn a_count_reads_the_index_alone() {
    let conn = database();
    for query in [
        Query::sorted_by("outbox.at", Order::Ascending).before(time(5000)),
        Query::sorted_by("createdAt", Order::Ascending).equal("userId", "u1").one_of("status", ["s1", "s2"]),
    ] {
        let lines = plan(&conn, &count("orders", INDEXES, &query, 10).unwrap().unwrap());
        assert!(lines.iter().any(|l| l.contains("USING COVERING INDEX")), "{lines:?}");
        assert!(!lines.iter().any(|l| l.contains("USING INDEX") || l.contains("SCAN orders")), "{lines:?}");
    }
    let filtered = Query::sorted_by("createdAt", Order::Ascending).equal("kind", 1).filtered(10);
    assert!(matches!(count("orders", INDEXES, &filtered, 10), Err(StoreError::Fault(_))));
}

#[test]
fn heads_read_the_index_alone_where_it_has_the_version() {
    let conn = database();
    let changed = Query::sorted_by("changedAt", Order::Ascending).from(time(5000));
    for query in [changed.clone(), changed.after(cursor(9000, "o"))] {
        let lines = plan(&conn, &heads("orders", INDEXES, &query).unwrap().unwrap().statement);
        let seeks = lines.iter().filter(|l| l.contains("USING COVERING INDEX orders_changed (<field>"));
        assert!(seeks.count() > 0 && !lines.iter().any(|l| l.contains("USING INDEX")), "{lines:?}");
    }
}

#[test]
fn the_tighter_of_range_and_cursor_counts() {
    let conn = database();
    let seconds = |query: Query| -> Vec<i64> {
        ids(&conn, &query.limit(1000))
            .iter()
            .map(|id| id.trim_start_matches('o').parse::<i64>().unwrap() / 3)
            .collect()
    };
    let up = || Query::sorted_by("createdAt", Order::Ascending).before(time(20_000));
    assert_eq!(seconds(up().from(time(18_000)).after(cursor(5_000, "x"))), [18, 18, 18, 19, 19, 19]);
    assert_eq!(seconds(up().from(time(5_000)).after(cursor(18_000, "x"))), [19, 19, 19]);
    assert_eq!(seconds(up().from(time(19_000)).after(cursor(19_000, "o0057"))), [19, 19]);
    let down = || Query::sorted_by("createdAt", Order::Descending).from(time(18_000));
    assert_eq!(seconds(down().before(time(20_000)).after(cursor(90_000, "x"))), [19, 19, 19, 18, 18, 18]);
    assert_eq!(seconds(down().before(time(20_000)).after(cursor(20_000, "x"))), [19, 19, 19, 18, 18, 18]);
    assert_eq!(seconds(down().before(time(90_000)).after(cursor(19_000, "o0057"))), [18, 18, 18]);
}

#[test]
fn names_that_could_carry_sql_are_refused() {
    for name in ["a'b", "a\"", "a b", "", "a..b", ".a", "a.", "a$", "ä"] {
        assert!(matches!(schema(name, &[]), Err(StoreError::Fault(_))), "{name:?} as a collection");
    }
    const BAD: &[&[Index]] = &[
        &[Index::on("x", &[Field::text("a')")])],
        &[Index::on("x\"", &[Field::text("a")])],
        &[Index::on("x", &[])],
        &[Index::on("x", &[Field::text("json")])],
        &[Index::on("x", &[Field::text("rowid")])],
        &[Index::on("x", &[Field::text("userId"), Field::text("userid")])],
        &[Index::on("x", &[Field::text("a")]).unique().with_version()],
    ];
    for indexes in BAD {
        assert!(matches!(schema("orders", indexes), Err(StoreError::Fault(_))), "{indexes:?}");
    }
}

#[test]
fn what_no_index_serves_is_a_fault() {
    let q = Query::sorted_by("weight", Order::Ascending);
    assert!(matches!(find("orders", INDEXES, &q), Err(StoreError::Fault(_))));
    assert!(matches!(count_by("orders", INDEXES, "weight"), Err(StoreError::Fault(_))));
    assert!(
        matches!(count_by("orders", INDEXES, "kind"), Err(StoreError::Fault(_))),
        "its index leaves documents out"
    );
    assert!(matches!(delete_before("orders", INDEXES, "weight", time(0), 1), Err(StoreError::Fault(_))));
}
