"""The log: one JSON object a line on stderr, one line a step, and nothing personal in any of them.

A step (`step`) has an `art` and its own fields; anything else has `quelle` and `text`. Of what others log (aiohttp,
asyncio, aiosmtpd, asyncpg ...) only the template is written, and only where its values stand apart: a text that is
finished already may quote a request, a mail address, an exception with a value in it. Of an exception its class and
the lines of code are written, never its text; so `--log-level debug` is as safe as the default.

Promises: each line is one JSON object in ASCII; no content, no address, no text of an exception of others in it,
whoever logs at whatever level, and however the process ends.
Fails: not at all; a line that cannot be written is lost.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final

OURS: Final = "gateway"
"""Loggers of this name and below write texts of ours, which hold keys, ids, codes and paths of the configuration."""
FRAMES: Final = 20
"""Lines of code that are written of an exception, from where it was raised."""
CAUSES: Final = 8
"""Exceptions of one chain that are written."""
ANFRAGE: ContextVar[str | None] = ContextVar("anfrage", default=None)
"""The request that is being served: it stands in each line of the steps that it led to."""

_steps = logging.getLogger("gateway.schritt")
_FIELDS: Final = "felder"


def step(art: str, level: int = logging.INFO, **fields: Any) -> None:
    """One line for a step; fields that are None are left out.

    Args:
        art: what happened: an `Art` of gateway/events.py, `anfrage` or `mail`.
        level: of `logging`.
        fields: ids, keys of authorities, codes, numbers; never content.
    """
    if _steps.isEnabledFor(level):
        known = {"art": art, "anfrage": ANFRAGE.get()} | fields
        _steps.log(level, "%s", art, extra={_FIELDS: {key: each for key, each in known.items() if each is not None}})


class Canonical(logging.Formatter):
    """One JSON object a record."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line: dict[str, Any] = {
            "zeit": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "stufe": record.levelname.lower(),
        }
        line |= getattr(record, _FIELDS, None) or _said(record)
        if record.exc_info and record.exc_info[1] is not None:
            line |= raised(record.exc_info[1])
        return json.dumps(line, default=str)


def _said(record: logging.LogRecord) -> dict[str, Any]:
    """Who said what: whole where it is ours, of others the template alone and where it stands."""
    if record.name == OURS or record.name.startswith(f"{OURS}."):
        return {"quelle": record.name, "text": record.getMessage()}
    said = {"quelle": record.name, "ort": f"{record.module}:{record.lineno}"}
    return said | {"text": str(record.msg)} if record.args else said


def raised(error: BaseException) -> dict[str, Any]:
    """An exception: its classes, from the last to the first cause, and the lines of code; no text, no value."""
    chain = list(_chain(error))
    return {
        "fehler": [f"{type(each).__module__}.{type(each).__qualname__}" for each in chain],
        "spur": list(_frames(chain[-1].__traceback__))[-FRAMES:],
    }


def _chain(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    for _ in range(CAUSES):
        if found is None:
            return
        yield found
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)


def _frames(trace: TracebackType | None) -> Iterator[str]:
    while trace is not None:
        code = trace.tb_frame.f_code
        yield f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno} {code.co_name}"
        trace = trace.tb_next


def configure(level: str) -> None:
    """Log to stderr, also what nobody caught and what Python warns of.

    Args:
        level: `debug`, `info`, `warning` or `error`; of others, warnings and worse, unless it is `debug`.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(Canonical())
    logging.basicConfig(level=level.upper() if level == "debug" else logging.WARNING, handlers=[handler], force=True)
    logging.getLogger(OURS).setLevel(level.upper())
    logging.raiseExceptions = False  # else what cannot be written is printed with its values
    logging.captureWarnings(capture=True)
    _log_what_nobody_caught()


def _log_what_nobody_caught() -> None:
    """Python itself prints it with its text."""
    log = logging.getLogger(OURS)

    def at_the_end(kind: type[BaseException], error: BaseException, _: TracebackType | None) -> None:
        del kind
        if not isinstance(error, KeyboardInterrupt):
            log.critical("ended by an exception", exc_info=error)

    sys.excepthook = at_the_end
    sys.unraisablehook = lambda found: log.error("an exception that nobody could take", exc_info=found.exc_value)
    threading.excepthook = lambda found: log.error("a thread ended by an exception", exc_info=found.exc_value)
