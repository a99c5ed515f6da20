"""The real `gateway serve` in a process of its own, which kills itself with SIGKILL at one named point.

Run as a program this is the nursery: it has imported everything once, and forks a gateway for each line of JSON on its
standard input; on its standard output it tells what it started and what ended, and how. Run with arguments it is a
worker process of `gateway serve --workers`, which such a gateway started. Production code knows nothing of it: the
seams are wrapped from outside, in the child.
"""

import asyncio
import contextlib
import functools
import importlib
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NoReturn

from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from aiosmtpd.smtp import SMTP

from crash.sites import MAIL_ANSWER, SENDERS, calls, site_of
from gateway.accept.mail import MailIn
from gateway.cli.main import main
from gateway.cli.workers import Workers
from gateway.service import gateway as _whole  # noqa: F401 - imported once, before any fork
from gateway.service.telling import Told
from gateway.store.postgres import PostgresDatabase
from gateway.store.sqlite import SqliteDatabase


class Seams:
    """Counts passages of sites, and dies at the one that is meant; or its parent does."""

    def __init__(self, site: str, moment: str, nth: int = 1, victim: str = "worker") -> None:
        self._site, self._moment, self._left = site, moment, nth
        self._victim = os.getppid() if victim == "parent" else os.getpid()

    def passes(self, site: str | None, moment: str) -> None:
        if (site, moment) == (self._site, self._moment):
            self._left -= 1
            if self._left == 0:
                os.kill(self._victim, signal.SIGKILL)

    def cut(self) -> None:
        """Wrap everything that is a site."""
        for kind in (SqliteDatabase, PostgresDatabase, Told):
            kind.commit = self._called(kind.commit)  # type: ignore[method-assign, assignment]
        for module in {call.path for call in calls() if call.what in SENDERS.values()}:
            for name in SENDERS.values():
                self._wrap_sender(module, name)
        self._wrap_answers()
        self._wrap_mail()

    def _called(self, real: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """Not itself a coroutine function: it must see who calls, not who awaits."""

        @functools.wraps(real)
        def call(*args: Any, **options: Any) -> Awaitable[Any]:
            return self._around(site_of(sys._getframe(1)), lambda: real(*args, **options))

        return call

    async def _around(self, site: str | None, real: Callable[[], Awaitable[Any]]) -> Any:
        self.passes(site, "before")
        result = await real()
        self.passes(site, "after")
        return result

    def _wrap_sender(self, path: str, name: str) -> None:
        module = next(m for m in list(sys.modules.values()) if getattr(m, "__file__", None) == path)
        if callable(getattr(module, name, None)):
            setattr(module, name, self._called(getattr(module, name)))

    def _wrap_answers(self) -> None:
        real = RequestHandler.finish_response

        async def finish(
            handler: RequestHandler, request: web.BaseRequest, answer: web.StreamResponse, *rest: Any
        ) -> Any:
            resource = request.match_info.route.resource if isinstance(request, web.Request) else None
            site = f"answer {request.method} {resource.canonical}" if resource else None
            return await self._around(site, lambda: real(handler, request, answer, *rest))

        RequestHandler.finish_response = finish  # type: ignore[method-assign, assignment]

    def _wrap_mail(self) -> None:
        handle, push = MailIn.handle_DATA, SMTP.push
        answering = set[SMTP]()

        async def handled(mail: MailIn, server: SMTP, *rest: Any) -> str:
            answer = await handle(mail, server, *rest)
            self.passes(MAIL_ANSWER, "before")
            answering.add(server)
            return answer

        async def pushed(server: SMTP, status: Any) -> None:
            await push(server, status)
            if server in answering:
                self.passes(MAIL_ANSWER, "after")

        MailIn.handle_DATA = handled  # type: ignore[method-assign, assignment]
        SMTP.push = pushed  # type: ignore[method-assign]


def serve(order: dict[str, Any]) -> NoReturn:
    """In the forked child: `gateway serve`, with shorter waits and, if ordered, a point at which it dies."""
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.setpgid(0, 0)
    _prepare(order)
    if workers := order.get("workers"):
        _prepare_workers(workers)
    code = 1
    try:
        main(order["argv"])
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    finally:
        sys.stderr.flush()
        os._exit(code)


def _prepare(order: dict[str, Any]) -> None:
    for name, value in order["constants"].items():
        module, _, constant = name.rpartition(".")
        assert hasattr(importlib.import_module(module), constant), name
        setattr(importlib.import_module(module), constant, value)
    if order["point"]:
        Seams(*order["point"]).cut()


def _prepare_workers(order: dict[str, Any]) -> None:
    """Those that it starts are like it; the first one dies where ordered."""
    real, points = Workers._run_once, [order["point"]]

    async def run_once(workers: Workers, command: Sequence[str]) -> int:
        own = {**order, "point": points.pop() if points else None}
        serve_and_arguments = command[command.index("--config") :]
        return await real(workers, (sys.executable, "-m", "crash.child", json.dumps(own), *serve_and_arguments))

    Workers._run_once = run_once  # type: ignore[method-assign]


def work(order: dict[str, Any], argv: list[str]) -> None:
    """In a worker process: `gateway serve`, as the gateway that started it wants."""
    _prepare(order)
    main(argv)


def _tell(value: dict[str, Any]) -> None:
    os.write(1, json.dumps(value).encode() + b"\n")


def _reap(*_: object) -> None:
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            _tell({"ended": ended[0], "code": os.waitstatus_to_exitcode(ended[1])})


def nursery() -> None:
    """Forks a gateway for each line that comes, until there are no more; then ends those that are left."""
    signal.signal(signal.SIGCHLD, _reap)
    calls()  # read the source once
    started = []
    for line in sys.stdin:
        order = json.loads(line)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})  # what it starts is told before what ended
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
            serve(order)
        _tell({"started": pid})
        started.append(pid)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    for pid in started:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            if os.waitpid(pid, os.WNOHANG) == (0, 0):
                os.kill(pid, signal.SIGKILL)


class Nursery:
    """What tests see of the nursery."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._started: asyncio.Queue[int] = asyncio.Queue()
        self._ended: dict[int, asyncio.Future[int]] = {}
        self._one = asyncio.Lock()
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls) -> Any:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "crash.child",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment,
        )
        nursery = cls(process)
        try:
            yield nursery
        finally:
            assert process.stdin is not None
            process.stdin.close()
            await process.wait()
            await nursery._listening
            process._transport.close()  # type: ignore[attr-defined]

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            told = json.loads(line)
            if "started" in told:
                self._ended[told["started"]] = asyncio.get_running_loop().create_future()
                self._started.put_nowait(told["started"])
            else:
                self._ended[told["ended"]].set_result(told["code"])

    async def start(self, **order: Any) -> int:
        async with self._one:
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            await self._process.stdin.drain()
            return await self._started.get()

    def ended(self, pid: int) -> "asyncio.Future[int]":
        """Its exit code, once it has ended; negative for a signal."""
        return self._ended[pid]


if __name__ == "__main__":
    if len(sys.argv) > 1:
        work(json.loads(sys.argv[1]), sys.argv[2:])
    else:
        nursery()
