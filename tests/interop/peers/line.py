"""The protocol between a test and a peer's process: one line asks, one line answers.

A line is a word and then `name=value` pairs, values in base64: what every language here can read without a library.
Asked is a command, answered `ok` with values, or `refused` with the peer's own reason. Standard library only, since
this file runs inside the peers' own environments.
"""

import base64
import sys
import traceback
from collections.abc import Callable

Fields = dict[str, bytes]


def write(word: str, fields: Fields) -> bytes:
    pairs = [f"{name}={base64.b64encode(value).decode('ascii')}" for name, value in fields.items()]
    return " ".join([word, *pairs]).encode("ascii") + b"\n"


def read(line: bytes) -> tuple[str, Fields]:
    word, *pairs = line.decode("ascii").split()
    split = (pair.partition("=") for pair in pairs)
    return word, {name: base64.b64decode(value) for name, _, value in split}


def serve(commands: dict[str, Callable[[Fields], Fields]]) -> None:
    """Answers until the input ends; whatever a command raises is the peer's refusal."""
    out = sys.stdout.buffer
    sys.stdout = sys.stderr  # what a library prints shall not look like an answer
    for line in sys.stdin.buffer:
        command, fields = read(line)
        try:
            answer = write("ok", commands[command](fields))
        except Exception as error:
            traceback.print_exc()
            answer = write("refused", {"reason": f"{type(error).__name__}: {error}".encode()})
        out.write(answer)
        out.flush()
