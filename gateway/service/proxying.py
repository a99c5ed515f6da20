"""The API's second listener, for a reverse proxy that ends the clients' TLS (contracts.md section 2, RFC 9440).

Promises: only the configured proxy is believed: whoever may open the Unix socket, or whoever shows a certificate of
`proxy.zertifikate` over mutual TLS. What it passes on is validated again, by the same anchors and the same table
`[[zugang]]` as on the API's own listener.
Fails: with the `Refusal`s of gateway/clientcert.py; `Forbidden` `proxy_fremd` for another client; `OSError` where the
socket cannot be made.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from pathlib import Path

from aiohttp import web
from cryptography import x509

from gateway.clientcert import validated
from gateway.config_proxy import Proxy
from gateway.errors import Forbidden
from gateway.pki import load_anchors
from gateway.service.context import Context
from gateway.web import certificate_sha256

SOCKET_MASK = 0o117
"""Nobody but the owner and the group opens the socket: from the moment it is there, not only once it was changed."""


class Proxied:
    """Who calls through the configured proxy."""

    def __init__(self, ctx: Context, proxy: Proxy) -> None:
        self._ctx = ctx
        self._proxy = proxy
        self._anchors: list[x509.Certificate] = []

    def load(self) -> None:
        """Take the anchors of now, as the API's own listener does.

        Raises:
            PkiError: they cannot be read; those of before stay.
        """
        self._anchors = load_anchors(self._ctx.config.vertrauen.verzeichnis)

    def shown(self, request: web.Request) -> str:
        """The SHA-256 of the certificate that the proxy passes on.

        Raises:
            Forbidden: whoever connected is not the proxy; or the certificate does not hold.
            Unauthenticated: the proxy passes none on.
            Malformed: it does, but not as RFC 9440 says.
        """
        proxy = self._proxy
        if proxy.socket is None and certificate_sha256(request) not in proxy.zertifikate:
            raise Forbidden("Dieser Zugang ist dem eingetragenen Proxy vorbehalten.", code="proxy_fremd")
        certificates, chains = (request.headers.getall(name, []) for name in ("Client-Cert", "Client-Cert-Chain"))
        return validated(certificates, chains, self._anchors, self._ctx.at())


def unix_socket(path: Path) -> socket.socket:
    """A listening socket at `path`; what an earlier process left there goes.

    Raises:
        OSError: something else lies there, or the folder is missing.
    """
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(path.lstat().st_mode):
            path.unlink()
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(SOCKET_MASK)
    try:
        made.bind(str(path))
    except BaseException:
        made.close()
        raise
    finally:
        os.umask(before)
    return made
