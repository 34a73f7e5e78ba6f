#!/usr/bin/env bash
# The amount of an invoice or of cash on delivery in words, which Indian invoices carry.
#
# One would guess: 1500 rupees are "one thousand, five hundred rupees", as an int, a float or a Decimal.
# What happens: num2words takes an int for paise when it is asked for a currency, and anything else for
# rupees. Whole amounts that lost their type on the way (a JSON 1500 is an int, a JSON 1500.0 is a float) come
# out as a hundredth: "fifteen rupees". The figure beside it is right, so only a reader notices. to-words for
# JavaScript, which has one kind of number, has rupees in both.
# Seen since: num2words 0.5.14 (PyPI); to-words 5.7.0 (npm).
# For us: an amount leaves as text or with its unit in the field's name, never as 1500 here and 1500.0 there
# for the same kind of sum. Whoever prints words from our JSON passes a Decimal.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
install() { "$@" >install.log 2>&1 || { cat install.log >&2 && exit 2; }; }
install python3 -m pip install --disable-pip-version-check --root-user-action=ignore --target py \
    num2words==0.5.14
echo '{}' >package.json
install npm install --no-audit --no-fund --ignore-scripts to-words@5.7.0

cat >words.py <<'PY'
import json
from decimal import Decimal
from num2words import num2words

for text in ["1500", "1500.0", "1499.50"]:
    amount = json.loads(text)
    for value in (amount, Decimal(text)):
        words = num2words(value, lang="en_IN", to="currency", currency="INR")
        print(text, type(value).__name__, words, sep="|")
PY
cat >words.cjs <<'JS'
const { ToWords } = require("to-words");
const words = new ToWords({ localeCode: "en-IN", converterOptions: { currency: true } });
console.log("num2words 0.5.14 (PyPI), to-words 5.7.0 (npm); observed 2026-11-29");
console.log("expected: the same rupees from an int, a float and a Decimal");
let still = true;
for (const line of require("fs").readFileSync(0, "utf8").trim().split("\n")) {
  const [text, type, told] = line.split("|");
  console.log(`seen: ${text} as ${type}: ${told}`);
  const wanted = type === "int" ? /^fifteen rupees/ : text === "1499.50" ? /ninety-nine rupees, fifty paise/
    : /^one thousand, five hundred rupees/;
  if (!wanted.test(told)) still = false;
}
for (const text of ["1500", "1500.0"]) {
  const told = words.convert(JSON.parse(text));
  console.log(`seen: ${text} in JavaScript: ${told}`);
  if (!/^One Thousand Five Hundred Rupees/.test(told)) still = false;
}
console.log(still ? "the behaviour is still there" : "the behaviour is no longer there");
process.exit(still ? 0 : 1);
JS
PYTHONPATH=py python3 words.py | node words.cjs
