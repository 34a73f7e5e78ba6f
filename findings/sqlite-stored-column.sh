#!/usr/bin/env bash
# Orders as JSON in one column of SQLite, with two indexes over fields of that JSON. An order is booked: its
# JSON changes, and no field of it that is in an index does.
#
# One would guess: a STORED generated column is the dear one when rows are added and the cheap one from then
# on, since its value is there; an index over an expression or a VIRTUAL column is worked out again.
# What happens: SQLite 3.54 compares old and new values of expressions and VIRTUAL columns, and leaves such an
# index alone where they are the same. With a STORED column it takes the row out of every index and puts it
# back with the same value: three pages of the log for each update in the place of one. SQLite 3.51 does so
# with all three; a plain column that the UPDATE does not name costs nothing in either.
# Seen since: SQLite 3.54.1 of apsw 3.54.1.0, SQLite 3.51.1 of pysqlite3-binary 0.5.4.post2 (both PyPI).
# For us: indexed fields are columns that are no generated ones, and an update names those that have changed.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
install() { "$@" >install.log 2>&1 || { cat install.log >&2 && exit 2; }; }
install python3 -m pip install --disable-pip-version-check --root-user-action=ignore --target py \
    apsw==3.54.1.0 pysqlite3-binary==0.5.4.post2

cat >pages.py <<'PY'
import json
import sys

import apsw
from pysqlite3 import dbapi2

FIELDS = ("awb", "shop", "at")
KINDS = ("expression", "virtual", "stored", "columns")


def order(n, note):
    return json.dumps({"awb": f"A{n * 7919 % 100_000}", "shop": f"s{n % 50}", "at": n, "note": note * 200})


def columns(kind):
    if kind == "expression":
        return ""
    of = "" if kind == "columns" else " AS (doc ->> '{0}') " + kind.upper()
    return "".join(f", {field}" + of.format(field) for field in FIELDS)


def pages(open_, kind):
    db = open_(f"{open_.__module__}-{kind}.db")
    db.execute("PRAGMA journal_mode = WAL").fetchall()
    db.execute("PRAGMA wal_autocheckpoint = 0").fetchall()
    db.execute(f"CREATE TABLE orders (id TEXT PRIMARY KEY, doc TEXT{columns(kind)})")
    value = "(doc ->> '{0}')" if kind == "expression" else "{0}"
    awb, shop, at = (value.format(field) for field in FIELDS)
    db.execute(f"CREATE INDEX by_awb ON orders ({awb})")
    db.execute(f"CREATE INDEX by_shop ON orders ({shop}, {at})")
    own = "".join(f", ?2 ->> '{field}'" for field in FIELDS) if kind == "columns" else ""
    db.execute("BEGIN")
    for n in range(5000):
        db.execute(f"INSERT INTO orders VALUES (?1, ?2{own})", (f"o{n:05}", order(n, "n")))
    db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    for n in range(0, 5000, 10):
        db.execute("UPDATE orders SET doc = ? WHERE id = ?", (order(n, "b"), f"o{n:05}"))
    return db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()[0][1] / 500


def autocommitting(path):
    return dbapi2.connect(path, isolation_level=None)


print("apsw 3.54.1.0, pysqlite3-binary 0.5.4.post2 (PyPI); observed 2026-11-30")
print("expected: pages in the log per update: as many with a stored column as with the others, or fewer")
seen = []
for name, open_ in ((apsw.sqlite_lib_version(), apsw.Connection), (dbapi2.sqlite_version, autocommitting)):
    told = {kind: pages(open_, kind) for kind in KINDS}
    print(f"seen: SQLite {name}:", ", ".join(f"{kind} {n:.1f}" for kind, n in told.items()))
    seen.append({kind: n > 2 for kind, n in told.items()})
newer, older = dict.fromkeys(KINDS, False), dict.fromkeys(KINDS, True)
still = seen == [newer | {"stored": True}, older | {"columns": False}]
print("the behaviour is still there" if still else "the behaviour is no longer there")
sys.exit(not still)
PY
PYTHONPATH=py python3 pages.py
