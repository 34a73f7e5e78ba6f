#!/usr/bin/env bash
# A delivery date in an XLSX workbook that counts its days from 1904 (a switch of the workbook, which old
# Excel for the Mac set by itself, and which stays on in every copy of such a template).
#
# One would guess: the reader heeds the switch, or says that it does not know it.
# What happens: SheetJS knows it, and heeds it for the text of the cell only. `sheet_to_csv` has the right
# day; `sheet_to_json`, from the same sheet, with `cellDates: true` has a Date four years and a day too early,
# and without it a day number that means another day to everybody who does not ask for the switch. exceljs,
# read-excel-file, openpyxl and calamine give the right day.
# Seen since: xlsx 0.18.5 (npm); exceljs 4.4.0, read-excel-file 9.3.17 (npm), openpyxl 3.1.5, python-calamine
# 0.9.1 (PyPI); the file is written by xlsxwriter 3.3.1.
# For us: a date of delivery or of a payment that lies before the order was made is refused row by row, with
# the day that was read. Four years and one day is worth a line of its own in the answer.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
install() { "$@" >install.log 2>&1 || { cat install.log >&2 && exit 2; }; }
install python3 -m pip install --disable-pip-version-check --root-user-action=ignore --target py \
    xlsxwriter==3.3.1 openpyxl==3.1.5 python-calamine==0.9.1
echo '{}' >package.json
install npm install --no-audit --no-fund --ignore-scripts xlsx@0.18.5 exceljs@4.4.0 read-excel-file@9.3.17

cat >write.py <<'PY'
import datetime
import openpyxl
import python_calamine
import xlsxwriter

book = xlsxwriter.Workbook("courier.xlsx", {"date_1904": True})
look = book.add_format({"num_format": "yyyy-mm-dd"})
book.add_worksheet().write_datetime(0, 0, datetime.datetime(2026, 11, 28), look)
book.close()
print("openpyxl", openpyxl.load_workbook("courier.xlsx").active["A1"].value.date())
sheet = python_calamine.CalamineWorkbook.from_path("courier.xlsx").get_sheet_by_index(0)
print("python-calamine", sheet.to_python()[0][0])
PY
cat >read.cjs <<'JS'
const XLSX = require("xlsx");
const ExcelJS = require("exceljs");
const { readSheet } = require("read-excel-file/node");
const day = (value) => (value instanceof Date ? value.toISOString().slice(0, 10) : String(value));
(async () => {
  const told = Object.fromEntries(require("fs").readFileSync(0, "utf8").trim().split("\n")
    .map((line) => line.split(" ")));
  const first = (options) => {
    const book = XLSX.readFile("courier.xlsx", options);
    return book.Sheets[book.SheetNames[0]];
  };
  told["SheetJS, sheet_to_csv"] = XLSX.utils.sheet_to_csv(first({})).trim();
  told["SheetJS, sheet_to_json"] = day(XLSX.utils.sheet_to_json(first({}), { header: 1 })[0][0]);
  const dates = XLSX.utils.sheet_to_json(first({ cellDates: true }), { header: 1 });
  told["SheetJS, sheet_to_json, cellDates"] = day(dates[0][0]);
  const book = new ExcelJS.Workbook();
  await book.xlsx.readFile("courier.xlsx");
  told.exceljs = day(book.worksheets[0].getCell("A1").value);
  told["read-excel-file"] = day((await readSheet("courier.xlsx"))[0][0]);
  console.log("xlsx 0.18.5, exceljs 4.4.0, read-excel-file 9.3.17, openpyxl 3.1.5, python-calamine 0.9.1");
  console.log("observed 2026-11-29; expected: 2026-11-28 from each");
  let still = true;
  for (const [name, value] of Object.entries(told)) {
    console.log(`seen: ${name}: ${value}`);
    const wrong = { "SheetJS, sheet_to_json": "44892", "SheetJS, sheet_to_json, cellDates": "2022-11-27" };
    if (value !== (wrong[name] ?? "2026-11-28")) still = false;
  }
  console.log(still ? "the behaviour is still there" : "the behaviour is no longer there");
  process.exit(still ? 0 : 1);
})();
JS
export TZ=UTC PYTHONPATH=py
python3 write.py | node read.cjs
