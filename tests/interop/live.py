"""Three clients of the live events, each as its library's documentation shows it."""

import json
import sys
import threading

import httpx
import httpx_sse
import sseclient
from websockets.sync.client import connect

URL, AUTHORIZATION, ORDER = sys.argv[1:]
HEADERS = {"Authorization": AUTHORIZATION}


def say(line):
    # In one write: `print` makes two of a line and its end, and those of two threads get mixed.
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def tell(client, event):
    say(f"{client} {event['type']} {event['data']['orderId']}")


def with_httpx_sse():
    with httpx.Client(timeout=None) as client:
        stream = httpx_sse.connect_sse(client, "GET", f"{URL}/v1/events/stream", headers=HEADERS)
        with stream as source:
            say("ready")
            for event in source.iter_sse():
                if event.data:  # comments and `retry:` come as events without data
                    tell("httpx-sse", json.loads(event.data))


def with_sseclient():
    with httpx.Client(timeout=None) as client:
        with client.stream("GET", f"{URL}/v1/orders/{ORDER}/events",
                           headers={**HEADERS, "Accept": "text/event-stream"}) as answer:
            say("ready")
            for event in sseclient.SSEClient(answer.iter_bytes()).events():
                if event.data:
                    tell("sseclient", json.loads(event.data))


def with_websockets():
    address = URL.replace("http", "ws") + f"/ws/orders/{ORDER}"
    with connect(address, additional_headers=HEADERS) as socket:
        say("ready")
        for message in socket:
            tell("websockets", json.loads(message))


threads = [threading.Thread(target=one) for one in (with_httpx_sse, with_sseclient, with_websockets)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
