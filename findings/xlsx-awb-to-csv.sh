#!/usr/bin/env bash
# A courier's XLSX with AWBs in number cells, turned into CSV.
#
# One would guess: all digits survive, since a double holds fifteen of them.
# What happens: SheetJS writes what Excel would show in a "General" cell. An AWB of 11 digits is whole, from
# 12 digits on it is `1.43457E+11`, and the rest is gone: for every row of one courier's file, for no row of
# another's. `sheet_to_json` of the same file has all digits.
# Seen since: xlsx 0.18.5, the last version on npm; the file is written by openpyxl 3.1.5 (PyPI).
# For us: an import refuses an AWB that looks like `1.43457E+13`, says that the file lost its digits when it
# was made, and never tries to read it as a number. Two different AWBs of a file may look the same by then.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
install() { "$@" >install.log 2>&1 || { cat install.log >&2 && exit 2; }; }
install python3 -m pip install --disable-pip-version-check --root-user-action=ignore --target py \
    openpyxl==3.1.5
echo '{}' >package.json
install npm install --no-audit --no-fund --ignore-scripts xlsx@0.18.5

PYTHONPATH=py python3 - <<'PY'
import openpyxl

book = openpyxl.Workbook()
for row in [["awb"], [14345678901], [143456789012], [14345678901234], [14345678905678]]:
    book.active.append(row)
book.save("courier.xlsx")
PY
cat >read.cjs <<'JS'
const XLSX = require("xlsx");
const book = XLSX.readFile("courier.xlsx");
const sheet = book.Sheets[book.SheetNames[0]];
const json = XLSX.utils.sheet_to_json(sheet, { header: 1 }).flat().slice(1).map(String);
const csv = XLSX.utils.sheet_to_csv(sheet).trim().split("\n").slice(1);
console.log(`xlsx ${XLSX.version}, openpyxl 3.1.5; observed 2026-11-29`);
console.log("expected: the same digits in both");
json.forEach((awb, row) => console.log(`seen: sheet_to_json ${awb}, sheet_to_csv ${csv[row]}`));
const wanted = ["14345678901", "1.43457E+11", "1.43457E+13", "1.43457E+13"];
const still = csv.join() === wanted.join() && json[3] === "14345678905678";
console.log(still ? "the behaviour is still there" : "the behaviour is no longer there");
process.exit(still ? 0 : 1);
JS
node read.cjs
