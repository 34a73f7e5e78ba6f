"""Makes a mongod a replica set of one node, and waits until it takes writes.

Usage: replica_set.py PORT PID. Fails when the process ends, or after a minute. It speaks MongoDB's wire
protocol itself, since a machine with a mongod need not have a shell for it. Only Python's own library.
"""

import os
import socket
import struct
import sys
import time


def encode(document):
    """BSON of a dict of texts, 32-bit numbers, booleans, dicts and lists."""
    body = b""
    for name, value in document.items():
        key = name.encode() + b"\0"
        if isinstance(value, bool):
            body += b"\x08" + key + bytes([value])
        elif isinstance(value, int):
            body += b"\x10" + key + struct.pack("<i", value)
        elif isinstance(value, str):
            text = value.encode() + b"\0"
            body += b"\x02" + key + struct.pack("<i", len(text)) + text
        elif isinstance(value, list):
            body += b"\x04" + key + encode({str(at): item for at, item in enumerate(value)})
        else:
            body += b"\x03" + key + encode(value)
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def ask(port, command):
    """The answer's BSON, as it came: enough to look for a field in."""
    body = struct.pack("<i", 0) + b"\0" + encode({**command, "$db": "admin"})
    with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
        connection.sendall(struct.pack("<iiii", len(body) + 16, 1, 0, 2013) + body)
        answer = b""
        while len(answer) < 4 or len(answer) < struct.unpack("<i", answer[:4])[0]:
            part = connection.recv(65536)
            if not part:
                raise OSError("the connection was closed")
            answer += part
        return answer


def says_yes(answer, field):
    return b"\x08" + field.encode() + b"\0\x01" in answer


def runs(pid):
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        return stat.read().rsplit(")", 1)[-1].split()[0] != "Z"


def is_alive(pid):
    try:
        return runs(pid)
    except FileNotFoundError:  # no /proc here: the answer to the signal counts
        return not os.path.isdir("/proc/self")


def main():
    port, pid = int(sys.argv[1]), int(sys.argv[2])
    members = [{"_id": 0, "host": f"127.0.0.1:{port}"}]
    end = time.monotonic() + 60
    version = 1
    while time.monotonic() < end and is_alive(pid):
        try:
            hello = ask(port, {"hello": 1})
            if says_yes(hello, "isWritablePrimary"):
                return 0
            if b"\x02setName\0" not in hello:
                # Not yet made, or made under another port, by which it does not find itself.
                config = {"_id": "rs0", "version": version, "members": members}
                made = ask(port, {"replSetInitiate": config})
                if b"AlreadyInitialized" in made:
                    version += 100
                    ask(port, {"replSetReconfig": {**config, "version": version}, "force": True})
        except OSError:
            pass
        time.sleep(0.05)
    return 1


sys.exit(main())
