#!/usr/bin/env bash
# `integer` and `number` of an OpenAPI document in two generated Python clients.
#
# One would guess: an attribute that is generated as `amount: float` holds a float, and `quantity: int` an
# int.
# What happens: with openapi-python-client they hold what the JSON text looked like. 749 makes the amount an
# int, which num2words then takes for paise (amount-in-words.sh). And 2.0, which is a valid integer by JSON
# Schema and what a server with floats sends, makes the quantity a float: `range(order.quantity)` fails, and
# `f"{order.quantity}"` is "2.0". A type checker sees nothing, since it believes the annotations. The models
# of datamodel-code-generator (pydantic) convert both.
# Seen since: openapi-python-client 0.29.1, datamodel-code-generator 0.89.0 with pydantic 2.14.4 (PyPI).
# For us: one spelling for each field in every answer, whole numbers without a point and amounts always the
# same way, so that a client which was tried with one order does not meet another type in the next.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
install() { "$@" >install.log 2>&1 || { cat install.log >&2 && exit 2; }; }
install python3 -m pip install --disable-pip-version-check --root-user-action=ignore --target py \
    openapi-python-client==0.29.1 datamodel-code-generator==0.89.0 pydantic==2.14.4
export PYTHONPATH=py

cat >openapi.json <<'JSON'
{
  "openapi": "3.1.0",
  "info": { "title": "shop", "version": "1" },
  "paths": {
    "/order": {
      "get": {
        "operationId": "getOrder",
        "responses": {
          "200": {
            "description": "An order.",
            "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Order" } } }
          }
        }
      }
    }
  },
  "components": {
    "schemas": {
      "Order": {
        "type": "object",
        "required": ["quantity", "amount"],
        "properties": { "quantity": { "type": "integer" }, "amount": { "type": "number" } }
      }
    }
  }
}
JSON
printf 'post_hooks: []\n' >config.yml # leave out the formatter, which is a tool of its own
install python3 -m openapi_python_client generate --path openapi.json --output-path client --config config.yml
install python3 -m datamodel_code_generator --input openapi.json --input-file-type openapi \
    --output-model-type pydantic_v2.BaseModel --output model.py

cat >read.py <<'PY'
import json
import sys

sys.path[:0] = ["client"]
from model import Order as Model
from shop_client.models.order import Order as Client

print("openapi-python-client 0.29.1, datamodel-code-generator 0.89.0, pydantic 2.14.4; observed 2026-11-29")
print("expected: quantity int, amount float, however they are written")
still = True
for text in ['{"quantity":2,"amount":749.5}', '{"quantity":2.0,"amount":749}']:
    got = {}
    for name, order in {
        "openapi-python-client": Client.from_dict(json.loads(text)),
        "datamodel-code-generator": Model.model_validate_json(text),
    }.items():
        got[name] = (type(order.quantity).__name__, type(order.amount).__name__)
        print(f"seen: {text} by {name}: quantity {got[name][0]}, amount {got[name][1]}")
    other = ("float", "int") if "2.0" in text else ("int", "float")
    still &= got["openapi-python-client"] == other and got["datamodel-code-generator"] == ("int", "float")
notes = Client.__annotations__
print(f"seen: annotations of openapi-python-client: quantity {notes['quantity']}, amount {notes['amount']}")
still &= (notes["quantity"], notes["amount"]) == ("int", "float")
print("the behaviour is still there" if still else "the behaviour is no longer there")
sys.exit(not still)
PY
python3 read.py
