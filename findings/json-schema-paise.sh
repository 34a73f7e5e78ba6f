#!/usr/bin/env bash
# `"multipleOf": 0.01` for an amount in rupees: whole paise, in JSON Schema's own words.
#
# One would guess: each amount with two decimals is valid and 749.505 is not, for every validator.
# What happens: Ajv and Python's jsonschema divide doubles and look for a rest. Of the 99,999 amounts from
# 0.01 to 999.99 they refuse 11,426, the same ones, among them 0.07, 0.14, 0.28, 0.29 and 0.47.
# fastjsonschema, pydantic and the Rust library jsonschema (here by its Python package) take all of them, and
# none of the wrong ones. So one published document is two contracts: a test that validates with one library
# is green, and a gateway or a merchant's generated client with another one refuses one price in nine.
# Seen since: ajv 8.20.0 (npm), jsonschema 4.26.0; fastjsonschema 2.22.3, pydantic 2.14.4, jsonschema-rs
# 0.61.2.
# For us: no `multipleOf` in what we publish, for an amount in rupees. Decimals are checked by our own code
# and told in the description, or the amount is an integer of paise.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
install() { "$@" >install.log 2>&1 || { cat install.log >&2 && exit 2; }; }
install python3 -m pip install --disable-pip-version-check --root-user-action=ignore --target py \
    jsonschema==4.26.0 jsonschema-rs==0.61.2 fastjsonschema==2.22.3 pydantic==2.14.4
echo '{}' >package.json
install npm install --no-audit --no-fund --ignore-scripts ajv@8.20.0

cat >amounts.cjs <<'JS'
const Ajv = require("ajv/dist/2020").default;
const valid = new Ajv().compile({ type: "number", multipleOf: 0.01 });
const text = (paise) => `${Math.floor(paise / 100)}.${String(paise % 100).padStart(2, "0")}`;
const refused = [];
for (let paise = 1; paise < 100000; paise++) if (!valid(Number(text(paise)))) refused.push(text(paise));
console.log(refused.join("\n"));
JS
node amounts.cjs >ajv.txt

cat >amounts.py <<'PY'
import sys
import fastjsonschema
import jsonschema
import jsonschema_rs
from pydantic import Field, TypeAdapter
from typing import Annotated

schema = {"type": "number", "multipleOf": 0.01}
fast = fastjsonschema.compile(schema)
model = TypeAdapter(Annotated[float, Field(multiple_of=0.01)])

def passes(call, amount):
    try:
        call(amount)
        return True
    except ValueError:
        return False

validators = {
    "jsonschema": jsonschema.Draft202012Validator(schema).is_valid,
    "jsonschema-rs": jsonschema_rs.validator_for(schema).is_valid,
    "fastjsonschema": lambda amount: passes(fast, amount),
    "pydantic": lambda amount: passes(model.validate_python, amount),
}
amounts = [f"{paise // 100}.{paise % 100:02}" for paise in range(1, 100_000)]
refused = {"ajv": open("ajv.txt").read().split()}
for name, valid in validators.items():
    refused[name] = [amount for amount in amounts if not valid(float(amount))]
    assert not valid(749.505) and not valid(0.001), f"{name} takes parts of a paisa"
print("ajv 8.20.0, jsonschema 4.26.0, jsonschema-rs 0.61.2, fastjsonschema 2.22.3, pydantic 2.14.4")
print(f"observed 2026-11-29; expected: none of {len(amounts)} amounts with two decimals is refused")
for name, which in refused.items():
    print(f"seen: {name} refuses {len(which)} {' '.join(which[:6])}")
still = refused["ajv"] == refused["jsonschema"] and len(refused["ajv"]) == 11426
still &= not any(refused[name] for name in ("jsonschema-rs", "fastjsonschema", "pydantic"))
print("the behaviour is still there" if still else "the behaviour is no longer there")
sys.exit(not still)
PY
PYTHONPATH=py python3 amounts.py
