#!/usr/bin/env bash
# A courier's label (a PDF page) placed on a sheet beside others, by four libraries.
#
# One would guess: what is placed is what a viewer shows of the page.
# What happens: a page that is turned by its /Rotate entry is placed as a viewer shows it only by pikepdf;
# pdf-lib, pypdf and PyMuPDF lay it on its side without a word, and with it the barcode. A page that is cut to
# the label by its /CropBox is cut by the three Python libraries; pdf-lib takes the whole sheet behind it, so
# that the invoice, which no viewer showed, is printed below the label.
# Seen since: pdf-lib 1.17.1 (npm), pypdf 7.1.1, pikepdf 10.18.0, pymupdf 2.0 (PyPI).
# For us: a label that we hand on is handed on as it came. Whoever puts several on a sheet first draws each
# page's rotation into it, and takes the visible box as the size; a cut is no way to remove what is personal.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
install() { "$@" >install.log 2>&1 || { cat install.log >&2 && exit 2; }; }
install python3 -m pip install --disable-pip-version-check --root-user-action=ignore --target py \
    pypdf==7.1.1 pikepdf==10.18.0 pymupdf==2.0
echo '{}' >package.json
install npm install --no-audit --no-fund --ignore-scripts pdf-lib@1.17.1

cat >place.cjs <<'JS'
const fs = require("fs");
const { PDFDocument } = require("pdf-lib");
(async () => {
  for (const name of ["turned", "cut"]) {
    const sheet = await PDFDocument.create();
    const [label] = await sheet.embedPdf(fs.readFileSync(`${name}.pdf`), [0]);
    sheet.addPage([842, 842]).drawPage(label, { x: 0, y: 0 });
    fs.writeFileSync(`${name}-pdf-lib.pdf`, await sheet.save());
  }
})();
JS
cat >place.py <<'PY'
import subprocess
import sys
import pikepdf
import pymupdf
import pypdf

def draw(name, width, height, texts, change):
    document = pymupdf.open()
    page = document.new_page(width=width, height=height)
    for y, text in texts:
        page.insert_text((40, y), text, fontsize=30)
    change(page)
    document.save(f"{name}.pdf")

draw("turned", 432, 288, [(100, "LABEL")], lambda page: page.set_rotation(90))
draw("cut", 595, 842, [(100, "LABEL"), (700, "INVOICE")],
     lambda page: page.set_cropbox(pymupdf.Rect(0, 0, 288, 432)))

for name in ("turned", "cut"):
    sheet = pymupdf.open()
    place = pymupdf.Rect(0, 0, 432, 432)
    sheet.new_page(width=842, height=842).show_pdf_page(place, pymupdf.open(f"{name}.pdf"), 0)
    sheet.save(f"{name}-PyMuPDF.pdf")
    sheet = pypdf.PdfWriter()
    sheet.add_blank_page(842, 842).merge_page(pypdf.PdfReader(f"{name}.pdf").pages[0])
    sheet.write(f"{name}-pypdf.pdf")
    sheet = pikepdf.new()
    sheet.add_blank_page(page_size=(842, 842))
    label = pikepdf.open(f"{name}.pdf")
    sheet.pages[0].add_overlay(label.pages[0], pikepdf.Rectangle(0, 0, 432, 432))
    sheet.save(f"{name}-pikepdf.pdf")
subprocess.run(["node", "place.cjs"], check=True)

def ink(file):
    """The box of what is dark on the page, as one sees it: width and height."""
    pixels = pymupdf.open(file)[0].get_pixmap(colorspace="gray")
    dark = [divmod(at, pixels.width) for at, value in enumerate(pixels.samples) if value < 128]
    rows, columns = zip(*dark)
    return max(columns) - min(columns), max(rows) - min(rows)

def way(file):
    width, height = ink(file)
    return "upright" if width > height else "turned by 90°"

print("pdf-lib 1.17.1, pypdf 7.1.1, pikepdf 10.18.0, pymupdf 2.0; observed 2026-11-29")
alone = way("turned.pdf")
print(f"expected: the page, which a viewer shows {alone}, is so on the sheet; no invoice from the cut page")
still = alone == "turned by 90°"
for name in ("PyMuPDF", "pypdf", "pikepdf", "pdf-lib"):
    turned = way(f"turned-{name}.pdf")
    invoice = ink(f"cut-{name}.pdf")[1] > 100
    print(f"seen: {name}: {turned} on the sheet; {'an' if invoice else 'no'} invoice below the label")
    still &= (turned == alone) == (name == "pikepdf") and invoice == (name == "pdf-lib")
print("the behaviour is still there" if still else "the behaviour is no longer there")
sys.exit(not still)
PY
PYTHONPATH=py python3 place.py
