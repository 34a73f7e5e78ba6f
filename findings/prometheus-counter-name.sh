#!/usr/bin/env bash
# A counter whose name does not end in `_total`, in Prometheus' text format, which does not ask for it.
#
# One would guess: a parser hands out the samples under the names they have in the text.
# What happens: prometheus_client's own parser renames them by OpenMetrics' rules: `orders_booked` in the text
# is `orders_booked_total` in its result, and a look-up of `orders_booked` finds nothing. A gauge keeps its
# name, so of two lines that differ in one word of the TYPE line one is found. The npm parser keeps both
# names. A rule or an alert that was tested with Python's parser asks for a series that nobody exposes.
# Seen since: prometheus_client 0.26.0 (PyPI), parse-prometheus-text-format 1.1.1 (npm).
# For us: every counter that is published ends in `_total`, then all agree; a test of the names reads the
# text.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
install() { "$@" >install.log 2>&1 || { cat install.log >&2 && exit 2; }; }
install python3 -m pip install --disable-pip-version-check --root-user-action=ignore --target py \
    prometheus_client==0.26.0
echo '{}' >package.json
install npm install --no-audit --no-fund --ignore-scripts parse-prometheus-text-format@1.1.1

cat >metrics.txt <<'TXT'
# HELP orders_booked Orders that the courier took.
# TYPE orders_booked counter
orders_booked{courier="surface"} 5
# HELP orders_waiting Orders that wait.
# TYPE orders_waiting gauge
orders_waiting{courier="surface"} 2
# HELP orders_failed_total Orders that failed.
# TYPE orders_failed_total counter
orders_failed_total{courier="surface"} 1
TXT
cat >parse.cjs <<'JS'
const parse = require("parse-prometheus-text-format");
console.log(parse(require("fs").readFileSync("metrics.txt", "utf8")).map((family) => family.name).join(" "));
JS
node parse.cjs >npm.txt
cat >parse.py <<'PY'
import sys
from prometheus_client.parser import text_string_to_metric_families

wanted = ["orders_booked", "orders_waiting", "orders_failed_total"]
families = text_string_to_metric_families(open("metrics.txt").read())
python = [sample.name for family in families for sample in family.samples]
npm = open("npm.txt").read().split()
print("prometheus_client 0.26.0 (PyPI), parse-prometheus-text-format 1.1.1 (npm); observed 2026-11-29")
print("expected:", *wanted)
print("seen: npm ", *npm)
print("seen: PyPI", *python)
still = npm == wanted and python == ["orders_booked_total", *wanted[1:]]
print("the behaviour is still there" if still else "the behaviour is no longer there")
sys.exit(not still)
PY
PYTHONPATH=py python3 parse.py
