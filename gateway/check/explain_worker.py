"""The process that explains: `xmlschema` is slow and follows hostile input, so it works behind a limit that ends it.

Promises: started when first needed, one question at a time, killed when a question exceeds its limit or we end;
message content goes through a pipe, never to a file, and nothing of it into a log. The child's memory is bounded.
Fails: `Unexplained`, for whatever reason; the caller then falls back to libxml2's own words.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import subprocess
import sys
import threading
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO

from gateway.errors import Befund

LIMIT_SECONDS = 15.0
"""For one explanation: `xmlschema` takes 0.6 s per MB and 0.8 s to load the schema STRAF, the child's start about as
long; on a machine that has much else to do several times that."""
MAX_WAITING = 4
"""Questions that may wait: a flood of broken messages gets short answers instead of a long queue."""
MAX_MEMORY = 1024 * 1024 * 1024
"""Address space of the child: 8 MB of XML become some 300 MB of trees there."""


class Unexplained(Exception):
    """Die Erklärung kam nicht zustande."""


class Explainer:
    """Asks the child process, and ends it when it takes too long. Safe to share between threads and event loops."""

    def __init__(self, limit_seconds: float = LIMIT_SECONDS) -> None:
        self._limit = limit_seconds
        self._turn = threading.Lock()
        self._waiting = 0
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="explain")  # apart from everybody else's
        self._child: subprocess.Popen[bytes] | None = None

    async def answer(self, xsd: Path, xml: bytes) -> list[Befund]:
        """As `explain`, without blocking the event loop.

        Raises:
            Unexplained: also when too many questions are waiting.
        """
        if self._waiting >= MAX_WAITING:
            raise Unexplained("too many questions")
        self._waiting += 1
        question = self._threads.submit(self.explain, xsd, xml)
        question.add_done_callback(self._answered)
        return await asyncio.wrap_future(question)

    def _answered(self, _: Future[list[Befund]]) -> None:
        """One question fewer is waiting: answered, failed or taken back."""
        self._waiting -= 1

    def explain(self, xsd: Path, xml: bytes) -> list[Befund]:
        """What is wrong with a message that libxml2 refused; blocks for at most the limit once it has its turn.

        Args:
            xsd: the schema's path.
            xml: the message; it has passed the intake.

        Raises:
            Unexplained: no answer within the limit, or the child failed.
        """
        with self._turn:
            try:
                return self._ask(xsd, xml)
            except (OSError, ValueError, EOFError) as error:
                self._end()
                raise Unexplained(type(error).__name__) from None

    def close(self) -> None:
        """End the child, a question under way included. Idempotent; the next question starts another."""
        if self._child is not None:
            self._child.kill()
        with self._turn:
            self._end()

    @property
    def pid(self) -> int | None:
        """Process id of the running child."""
        return self._child.pid if self._child is not None and self._child.poll() is None else None

    def _ask(self, xsd: Path, xml: bytes) -> list[Befund]:
        """One question and its answer; the alarm clock kills the child, which ends any read or write here."""
        child = self._running()
        assert child.stdin is not None
        assert child.stdout is not None
        clock = threading.Timer(self._limit, child.kill)
        clock.daemon = True
        clock.start()
        try:
            head = json.dumps({"xsd": str(xsd), "bytes": len(xml)}).encode()
            child.stdin.write(head + b"\n" + xml)
            child.stdin.flush()
            line = child.stdout.readline()
        finally:
            clock.cancel()
        if not line:
            raise EOFError
        return [Befund(**item) for item in json.loads(line)]

    def _running(self) -> subprocess.Popen[bytes]:
        """The child, started if there is none."""
        if self._child is None or self._child.poll() is not None:
            self._end()
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-m", "gateway.check.explain_worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # a traceback could quote the message
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            )
            weakref.finalize(self, _kill, self._child)
        return self._child

    def _end(self) -> None:
        """Kill the child and collect it."""
        if self._child is not None:
            _kill(self._child)
        self._child = None


def _kill(child: subprocess.Popen[bytes]) -> None:
    """Kill a process and close its pipes; harmless when it has ended."""
    child.kill()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    child.wait()


def serve(questions: IO[bytes], answers: IO[bytes]) -> None:
    """The child's life: read a question, write its answer, until the parent closes the pipe."""
    from gateway.check import explain, intake  # xmlschema is loaded in the child alone

    schemas: dict[str, explain.Schema] = {}
    while line := questions.readline():
        question = json.loads(line)
        xml = questions.read(question["bytes"])
        path = question["xsd"]
        if path not in schemas:
            schemas[path] = explain.load(Path(path))
        found = explain.findings(schemas[path], intake.parse(xml).root)
        plain = [{key: value for key, value in finding.as_json().items() if value is not None} for finding in found]
        answers.write(json.dumps(plain).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold the message
    serve(sys.stdin.buffer, sys.stdout.buffer)
