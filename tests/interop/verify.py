"""What the library of Standard Webhooks says of messages: one a line, as JSON."""

import json
import sys

from standardwebhooks.webhooks import Webhook

for line in sys.stdin:
    message = json.loads(line)
    try:
        Webhook(message["secret"]).verify(message["body"], message["headers"])
        print("verified")
    except Exception as error:  # a broken one raises other errors, too
        print("refused", type(error).__name__)
