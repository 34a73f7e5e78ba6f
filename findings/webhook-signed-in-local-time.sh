#!/usr/bin/env bash
# A webhook signed with a time that carries an offset.
#
# One would guess: an aware datetime names one moment, whatever its offset, so `sign(id, moment, body)` of the
# Python library signs the seconds since 1970 of that moment, as the JavaScript one does with a Date.
# What happens: standardwebhooks for Python throws the offset away (`replace(tzinfo=utc)`) and signs another
# second: 5½ hours later for a moment in Indian time. A naive `datetime.now()` is read as UTC, too. The header
# that a sender writes from `moment.timestamp()` is right, so every verifier, its own as well, refuses it.
# Seen since: standardwebhooks 1.1.0 (PyPI), checked with 1.1.1 (npm).
# For us: what a Python service in India sends to us, or a merchant's own test of our deliveries, may fail
# with a good secret. The answer to "no matching signature" should name the clock's zone beside the secret;
# examples in our documents pass `datetime.now(timezone.utc)`.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
install() { "$@" >install.log 2>&1 || { cat install.log >&2 && exit 2; }; }
install python3 -m pip install --disable-pip-version-check --root-user-action=ignore --target py \
    standardwebhooks==1.1.0
echo '{}' >package.json
install npm install --no-audit --no-fund --ignore-scripts standardwebhooks@1.1.1

cat >sign.py <<'PY'
import json
from datetime import datetime, timedelta, timezone
from standardwebhooks.webhooks import Webhook

hook = Webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
body = '{"awb":"14345678901234","status":"delivered"}'
now = datetime.now(timezone.utc).replace(microsecond=0)
moments = {
    "aware, UTC": now,
    "aware, +05:30": now.astimezone(timezone(timedelta(hours=5, minutes=30))),
    "naive, local": datetime.fromtimestamp(now.timestamp()),
}
deliveries = {}
for name, moment in moments.items():
    deliveries[name] = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": hook.sign("msg_1", moment, body),
    }
    try:
        hook.verify(body, deliveries[name])
        deliveries[name]["python"] = "accepted"
    except Exception as error:
        deliveries[name]["python"] = f"refused: {error}"
print(json.dumps({"body": body, "deliveries": deliveries}))
PY
cat >verify.cjs <<'JS'
const { Webhook } = require("standardwebhooks");
const { body, deliveries } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const hook = new Webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
console.log("standardwebhooks 1.1.0 (PyPI) signs, it and 1.1.1 (npm) verify; observed 2026-11-29");
console.log("expected: the same moment has one signature, so all three are accepted by both");
const seen = {};
for (const [name, { python, ...headers }] of Object.entries(deliveries)) {
  let npm = "accepted";
  try { hook.verify(body, headers); } catch (error) { npm = `refused: ${error.message}`; }
  console.log(`seen: ${name}: PyPI ${python}; npm ${npm}`);
  seen[name] = [python, npm].filter((answer) => answer === "accepted").length;
}
const still = seen["aware, UTC"] === 2 && seen["aware, +05:30"] === 0 && seen["naive, local"] === 0;
console.log(still ? "the behaviour is still there" : "the behaviour is no longer there");
process.exit(still ? 0 : 1);
JS
TZ=IST-5:30 PYTHONPATH=py python3 sign.py | node verify.cjs
