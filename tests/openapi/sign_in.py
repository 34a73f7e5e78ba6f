"""Makes the people that schemathesis calls as: sign_in.py URL MAILS, where MAILS is the file of sent mails.

Prints lines for a shell, NAME=VALUE:
- SHOP, a merchant, and PERSON, a session of its owner.
- OTHER_SHOP, whose members come and go in the run, and LAST, a session of its owner.
- LEAVING, a session that ends in the run.
- VERIFY_CODE, RESET_CODE and ACCEPT_CODE, which were mailed, and REFRESH_TOKEN: not used yet.
"""

import re
import sys
import time
from pathlib import Path

import requests

URL, MAILS = sys.argv[1], Path(sys.argv[2])
PASSWORD = "a long sentence of mine"
# How long a mail may take, in seconds.
PATIENCE = 30


def post(path, body, token=None):
    headers = {"authorization": f"Bearer {token}"} if token else {}
    answer = requests.post(URL + path, json=body, headers=headers, timeout=PATIENCE)
    if not answer.ok:
        sys.exit(f"sign_in.py: POST {path}: {answer.status_code} {answer.text}")
    return answer.json().get("data")


def mailed_code(email, about):
    """The code of the last mail to an address with this subject, once it is there."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        text = MAILS.read_text() if MAILS.exists() else ""
        _, found, mail = text.rpartition(f" to {email}: {about}")
        code = found and re.search(r"#token=([0-9a-f]{64})\b", mail)
        if code:
            return code[1]
        time.sleep(0.05)
    sys.exit(f"sign_in.py: no mail to {email} about '{about}' within {PATIENCE} s")


def registered(email):
    """The code that makes a new shop."""
    person = {"email": email, "password": PASSWORD, "name": "Asha Example"}
    post("/auth/register", person | {"shop": "Asha Crafts"})
    return mailed_code(email, "Confirm your address")


def session(email):
    return post("/auth/login", {"email": email, "password": PASSWORD})


def invited(email, owner):
    post("/v1/members/invitations", {"email": email, "role": "staff"}, owner)
    return mailed_code(email, "You are invited")


def reset_code(email):
    post("/auth/forgot", {"email": email})
    return mailed_code(email, "Set a new password")


def owner(email):
    return post("/auth/verify", {"token": registered(email)})


asha, ravi, devi = (owner(f"{name}@example.com") for name in ("asha", "ravi", "devi"))
person, last, leaving, going_on = (session(user["email"]) for user in (asha, ravi, devi, devi))
invitation = invited("meera@example.com", last["accessToken"])
accept = {"token": invitation, "name": "Meera Example", "password": PASSWORD}
meera = post("/auth/accept", accept)
made = {
    "SHOP": asha["merchantId"],
    "PERSON": person["accessToken"],
    "OTHER_SHOP": ravi["merchantId"],
    "LAST": last["accessToken"],
    "LEAVING": leaving["accessToken"],
    "REFRESH_TOKEN": going_on["refreshToken"],
    "VERIFY_CODE": registered("kiran@example.com"),
    "RESET_CODE": reset_code(meera["email"]),
    "ACCEPT_CODE": invited("tara@example.com", last["accessToken"]),
}
for name, value in made.items():
    print(f"{name}={value}")
