"""Runs README.md: every shell block, in order, in a fresh clone, and checks what it says is printed.

    readme.py README FOLDER

FOLDER is the clone; README the file whose blocks are run there. What stands before a block says how:

    <!-- terminal: WORDS -->   a terminal of its own, left open until WORDS are served at http://…
    <!-- shell: new -->        ends what runs in the terminals, and starts a new shell
    <!-- not run: WHY -->      is not run

All other blocks run one after the other in one shell. Behind a command, lines that begin with `# ` say what
it prints, up to two blanks. A block of `text` is what the block before it printed, among other lines; `…`
stands for anything.
"""

import fcntl
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.request

FENCE = re.compile(r"^```(sh|text)\n(.*?)^```$", re.M | re.S)
MARK = re.compile(r"<!-- (terminal|shell|not run): ([^\n]*?) -->\s*$")
END = "@@ the end of"
WAIT = 120


def blocks(text):
    """(kind, mark, body, line) of each block."""
    for found in FENCE.finditer(text):
        mark = MARK.search(text[: found.start()])
        mark = (mark[1], mark[2]) if mark else (None, None)
        yield found[1], mark, found[2], text[: found.start()].count("\n") + 2


def steps(body):
    """The commands of a block, each with the lines that it is said to print."""
    commands, said = [], []
    for line in body.splitlines():
        if line.startswith("# "):
            said.append(re.split(r" {2,}", line[2:].strip())[0])
            continue
        if said:
            yield "\n".join(commands), said
            commands, said = [], []
        commands.append(line)
    yield "\n".join(commands), said


def like(pattern):
    """A line of a text block as an expression."""
    return re.compile(".*".join(re.escape(part) for part in pattern.strip().split("…")))


class Shell:
    """A bash that runs commands one after the other."""

    def __init__(self, folder):
        self.process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )
        self.count = 0

    def run(self, commands):
        """What they print, and whether the last of them succeeded."""
        self.count += 1
        end = f"{END} {self.count}"
        self.process.stdin.write(f"{commands}\nprintf '\\n%s %s\\n' '{end}' $?\n")
        self.process.stdin.flush()
        lines = []
        for line in self.process.stdout:
            line = line.rstrip("\n")
            if line.startswith(end):
                return [line for line in lines if line], line.split()[-1] == "0"
            lines.append(line)
        raise SystemExit(f"the shell ended:\n{commands}\n" + "\n".join(lines))

    def end(self):
        """With all that it started."""
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
        self.process.stdin.close()
        self.process.wait(WAIT)
        # What ran in its background holds the other end until it has ended too.
        self.process.stdout.read()


class Terminal:
    """A program that runs until it is told to end."""

    def __init__(self, folder, commands, log, url):
        self.log = open(log, "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-c", commands],
            cwd=folder, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        if not served(url, self.process):
            self.end()
            raise SystemExit(f"{url} was not served:\n" + "\n".join(self.printed()))

    def printed(self):
        with open(self.log.name, encoding="utf-8") as log:
            return log.read().splitlines()

    def end(self):
        """As Ctrl-C does."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
            self.process.wait(WAIT)


def served(url, process):
    until = time.monotonic() + WAIT
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return True
        except OSError:
            time.sleep(0.1)
    return False


class Run:
    def __init__(self, folder):
        self.folder, self.terminals, self.shell = folder, [], Shell(folder)
        self.printed, self.passed, self.failed, self.skipped = [], 0, 0, 0

    def told(self, good, about):
        if good:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED {about}")

    def block(self, kind, mark, body, line):
        if kind == "text":
            for said in filter(str.strip, body.splitlines()):
                good = any(like(said).fullmatch(printed.strip()) for printed in self.printed)
                self.told(good, f"README.md:{line}: nobody printed: {said}")
            return
        name, words = mark
        if name == "not run":
            print(f"README.md:{line}: not run: {words}")
            return
        if name == "terminal":
            log = os.path.join(self.folder, f".terminal-{line}")
            self.terminals.append(Terminal(self.folder, body, log, words))
            self.printed = self.terminals[-1].printed()
            self.told(True, "")
            return
        if name == "shell":
            self.end()
            self.shell = Shell(self.folder)
        self.printed = []
        for commands, said in steps(body):
            printed, good = self.shell.run(commands)
            self.printed += printed
            place = f"README.md:{line}: {commands.strip().splitlines()[-1] if commands.strip() else ''}"
            if said:
                # What runs in the background may print in between.
                came = [line for line in printed if line in said] if "&\n" in commands else printed
                self.told(came[-len(said) :] == said, f"{place}\n    said: {said}\n    came: {printed}")
            else:
                self.told(good, f"{place}\n    failed: {printed}")

    def end(self):
        self.shell.end()
        for terminal in self.terminals:
            terminal.end()
        self.terminals = []


def loopback_up():
    """In a network namespace of its own, where every port is free, the loopback is down at first."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, 0x8913, request))[1]
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", flags | 1))


def main(readme, folder):
    if os.environ.get("README_ALONE"):
        loopback_up()
    for port in (3000, 4000):
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                raise SystemExit(f"port {port} is taken, which README.md uses")
    with open(readme, encoding="utf-8") as file:
        text = file.read()
    run = Run(folder)
    try:
        for block in blocks(text):
            run.block(*block)
    finally:
        run.end()
    print(f"readme: {run.passed} passed, {run.failed} failed, {run.skipped} skipped")
    return 1 if run.failed or not run.passed else 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
