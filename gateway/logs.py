"""Logging: where lines go, and what libraries may not write into them.

Promises: no line carries content, addresses or header bytes of a request: libraries that write them are held back.
Fails: not at all.
"""

from __future__ import annotations

import logging

HELD_BACK = ("mail.log", "aiohttp.access", "aiosmtplib")
"""Loggers that write addresses, commands or request lines; only their warnings pass."""

SILENT = ("pyhanko_certvalidator",)
"""Its warnings name subjects of certificates, with traces; what they say is a certificate's status and our alarm."""


class _WithoutRequest(logging.Filter):
    """aiohttp logs a request that it cannot parse with its bytes; the line stays, the bytes go."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep the record, without what the peer sent."""
        record.msg, record.args, record.exc_info, record.exc_text = "a request could not be parsed", (), None, None
        return True


def configure(level: str) -> None:
    """Log to stderr, one line a step.

    Args:
        level: `debug`, `info`, `warning` or `error`.
    """
    logging.basicConfig(level=level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for name in HELD_BACK:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in SILENT:
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("aiohttp.server").addFilter(_WithoutRequest())
