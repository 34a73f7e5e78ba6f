"""Keeps webhooks at home: a host that was made by chance may be somebody's, and would be called."""

import re

import schemathesis

HOST = re.compile(r"^(\s*https?:[/\\]*[^/?#\\:\[\]]+)", re.IGNORECASE)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Puts the hosts of addresses below `invalid`, which nobody can have (RFC 2606)."""
    if isinstance(case.body, dict) and isinstance(case.body.get("url"), str):
        case.body = {**case.body, "url": HOST.sub(r"\1.invalid", case.body["url"])}
