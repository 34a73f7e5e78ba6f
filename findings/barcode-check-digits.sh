#!/usr/bin/env bash
# One AWB, printed as a barcode by four libraries, read back by a scanner.
#
# One would guess: the scanner returns the AWB, whichever symbology the label uses.
# What happens, with default settings: Code 128 does. Code 39 by python-barcode and by reportlab has a check
# character behind the AWB that no scanner takes off unless it is told to ("14345678901234E"); bwip-js adds
# none. Interleaved 2 of 5 needs an even number of digits: for 13 digits python-barcode and bwip-js put a 0 in
# front, reportlab a check digit at the end, so that two labels of one AWB scan as two numbers of 14 digits;
# for 14 digits reportlab makes 16 of it, one more at each end.
# Seen since: python-barcode 0.16.1, reportlab 5.1.0 (PyPI), bwip-js 4.11.4 (npm), read by zxing-cpp 3.1.1.
# For us: a scanned number is not yet an AWB. A look-up by scan takes the text as it is, and says so when
# nothing is found: it must not cut characters off, since a shorter AWB may be another parcel's. A label of
# one's own is best in Code 128.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
install() { "$@" >install.log 2>&1 || { cat install.log >&2 && exit 2; }; }
install python3 -m pip install --disable-pip-version-check --root-user-action=ignore --target py \
    python-barcode==0.16.1 reportlab==5.1.0 zxing-cpp==3.1.1 pillow==13.0.0 pymupdf==2.0
echo '{}' >package.json
install npm install --no-audit --no-fund --ignore-scripts bwip-js@4.11.4

cat >draw.mjs <<'JS'
import bwip from "bwip-js/node";
import { writeFileSync } from "node:fs";
for (const [bcid, text] of [["code128", "1434567890123"], ["code39", "14345678901234"],
  ["interleaved2of5", "1434567890123"], ["interleaved2of5", "14345678901234"]]) {
  const look = { scale: 3, paddingwidth: 10, paddingheight: 10, backgroundcolor: "FFFFFF" };
  writeFileSync(`${bcid}-${text}.png`, await bwip.toBuffer({ bcid, text, ...look }));
}
JS
node draw.mjs

cat >read.py <<'PY'
import io
import sys
import barcode
import pymupdf
import zxingcpp
from barcode.writer import ImageWriter
from PIL import Image, ImageOps
from reportlab.graphics.barcode import createBarcodeDrawing

def scan(image):
    image = ImageOps.expand(image.convert("RGB"), 60, "white")
    return [found.text for found in zxingcpp.read_barcodes(image)]

def by_python_barcode(kind, text):
    file = io.BytesIO()
    options = {"write_text": False, "module_width": 0.4}
    getattr(barcode.codex, kind, barcode.itf.ITF)(text, writer=ImageWriter()).write(file, options)
    return scan(Image.open(file))

def by_reportlab(kind, text):
    pdf = createBarcodeDrawing(kind, value=text, barWidth=1.2, barHeight=60).asString("pdf")
    pixels = pymupdf.open(stream=pdf, filetype="pdf")[0].get_pixmap(dpi=200)
    return scan(Image.frombytes("RGB", (pixels.width, pixels.height), pixels.samples))

def by_bwip(kind, text):
    return scan(Image.open(f"{kind}-{text}.png"))

short, long = "1434567890123", "14345678901234"
cases = [  # symbology, AWB, library, its reader, its name for the symbology, what the scanner says
    ("Code 128", short, "python-barcode", by_python_barcode, "Code128", short),
    ("Code 128", short, "reportlab", by_reportlab, "Code128", short),
    ("Code 128", short, "bwip-js", by_bwip, "code128", short),
    ("Code 39", long, "python-barcode", by_python_barcode, "Code39", long + "E"),
    ("Code 39", long, "reportlab", by_reportlab, "Standard39", long + "E"),
    ("Code 39", long, "bwip-js", by_bwip, "code39", long),
    ("2 of 5", short, "python-barcode", by_python_barcode, "ITF", "0" + short),
    ("2 of 5", short, "bwip-js", by_bwip, "interleaved2of5", "0" + short),
    ("2 of 5", short, "reportlab", by_reportlab, "I2of5", short + "9"),
    ("2 of 5", long, "python-barcode", by_python_barcode, "ITF", long),
    ("2 of 5", long, "bwip-js", by_bwip, "interleaved2of5", long),
    ("2 of 5", long, "reportlab", by_reportlab, "I2of5", "0" + long + "7"),
]
print("python-barcode 0.16.1, reportlab 5.1.0, bwip-js 4.11.4, zxing-cpp 3.1.1; observed 2026-11-29")
print("expected: the scanner says what was printed")
still = True
for symbology, text, library, draw, kind, expected in cases:
    got = draw(kind, text)
    print(f"seen: {symbology:8} {text:14} by {library:14} scans as {', '.join(got)}")
    still &= got == [expected]
print("the behaviour is still there" if still else "the behaviour is no longer there")
sys.exit(not still)
PY
PYTHONPATH=py python3 read.py
