"""The frame of every page: who is logged in, what a form must carry, which headers go out, how errors look.

Promises: without a session every address answers alike, with the way to the log-in; what a person's roles do not allow
answers exactly as what does not exist (404). A form counts only with the token of its session and from our own origin.
Who asks too fast waits (429). Nothing is cached, nothing foreign is loaded, nothing inline runs (CSP), and no other
site can frame or read a page.
Fails: as a page in German with the status of the `Refusal`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl

from aiohttp import web

from gateway.errors import Forbidden, Malformed, NotFound, Overloaded, Refusal, TooLarge, UnsupportedMediaType
from gateway.watch import rates
from gateway.watch.credentials import form_token
from gateway.watch.people import Person, Right
from gateway.watch.rates import RateLimit
from gateway.watch.resources import STATIC, environment, static
from gateway.web import CODE, MethodNotAllowed, ServerFault, check_text, read_limited

log = logging.getLogger(__name__)

COOKIE: Final = "__Host-sitzung"
"""The prefix makes browsers refuse it without TLS, for another path, or from a sibling host (RFC 6265bis)."""
FORM_BYTES: Final = 64 * 1024
"""Largest form: a reason has at most 2,000 characters."""
FORM_FIELDS: Final = 60
LOGIN: Final = "/betrieb/anmelden"
SIGNON: Final = LOGIN + "/dienst"
"""To the provider of `[anmeldung]`; `/zurueck` is where it sends the browser back to."""
REVOKED: Final = f"{SIGNON}/abgemeldet"
"""Where the provider itself, no browser, says that somebody logged out there: its signature is what counts."""
GONE: Final = "/betrieb/abgemeldet"
OPEN: Final = frozenset({LOGIN, SIGNON, f"{SIGNON}/zurueck", REVOKED, GONE, f"{GONE}/dienst"})
"""What needs no session, beside style sheet and script."""
LIVE: Final = "X-Gateway-Live"
"""Header of a look that the page takes by itself: it keeps no session alive."""
RETRY_S: Final = 30

HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

PERSON: web.RequestKey[Person] = web.RequestKey("person", Person)
TOKEN: web.RequestKey[str] = web.RequestKey("token", str)
FORM: web.RequestKey[dict[str, str]] = web.RequestKey("form", dict)
NAME_OF: web.AppKey[Callable[[str], str]] = web.AppKey("name_of")
"""What an authority is called, by its key."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Accounts(Protocol):
    """What the frame needs of accounts and sessions."""

    async def login(self, name: str, password: str, code: str, address: str, replaced: str = "") -> str:
        """A new session's token, which ends the session `replaced`; raises what `refusals` names, or `Overloaded`."""

    async def session(self, token: str, *, used: bool = True) -> Person | None:
        """Who the session belongs to."""

    async def logout(self, token: str) -> None:
        """Ends it."""


@dataclass(frozen=True, slots=True)
class Ways:
    """How somebody may log in."""

    lokal: bool
    """By an account with a password of ours."""
    dienst: bool
    """By a provider."""


@dataclass(frozen=True, slots=True)
class Page:
    """One address with what it needs."""

    method: str
    path: str
    right: Right
    handler: Handler


NAVIGATION: Final = (
    ("/betrieb/", "Übersicht", Right.ANGEMELDET),
    ("/betrieb/nachrichten", "Nachrichten", Right.NACHRICHTEN),
    ("/betrieb/vorgaenge", "Vorgänge", Right.NACHRICHTEN),
    ("/betrieb/fristen", "Fristen", Right.NACHRICHTEN),
    ("/betrieb/einsichten", "Einsichten", Right.ANGEMELDET),
    ("/betrieb/partner", "Partner", Right.PARTNER),
    ("/betrieb/zertifikate", "Zertifikate", Right.PARTNER),
    ("/betrieb/verzeichnis", "Verzeichnis", Right.ANGEMELDET),
    ("/betrieb/regeln", "Regeln", Right.ANGEMELDET),
    ("/betrieb/revision", "Revision", Right.REVISION),
    ("/betrieb/konten", "Konten", Right.MENSCHEN),
)
"""Main addresses in the order of a working day."""


def routes(pages: list[Page]) -> list[web.RouteDef]:
    """Routes that answer 404 to whoever lacks the right."""
    return [web.route(page.method, page.path, _demanding(page)) for page in pages]


def _demanding(page: Page) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        if not request[PERSON].may(page.right):
            raise NotFound
        return await page.handler(request)

    return handle


class Filled(dict[str, str]):
    """What somebody filled in; a field that was left out is empty."""

    def __missing__(self, key: str) -> str:
        return ""


def show(request: web.Request, template: str, status: int = 200, **values: Any) -> web.Response:
    """A page as an answer; `eingabe` is what the form held."""
    if isinstance(values.get("eingabe"), dict):
        values["eingabe"] = Filled(values["eingabe"])
    person = request.get(PERSON)
    text = (
        environment()
        .get_template(template)
        .render(
            person=person,
            menue=[(path, name) for path, name, right in NAVIGATION if person is not None and person.may(right)],
            hier=request.path,
            marke=form_token(request[TOKEN]) if person is not None else "",
            stelle=request.app[NAME_OF],
            R=Right,
            **values,
        )
    )
    return web.Response(status=status, text=text, content_type="text/html")


def see_other(path: str) -> web.Response:
    """Go on there, by GET: a reload repeats nothing."""
    return web.Response(status=web.HTTPSeeOther.status_code, headers={"Location": path})


def entered(token: str) -> web.Response:
    """The browser keeps the token of its new session, and goes to the first page, whatever it was asked for."""
    answer = see_other("/betrieb/")
    answer.set_cookie(COOKIE, token, path="/", secure=True, httponly=True, samesite="Lax")
    return answer


class Frame:
    """Log-in, log-out, style sheet and script; and the middleware of all pages."""

    def __init__(
        self, accounts: Accounts, ways: Ways, refused: type[Exception], unavailable: tuple[type[Exception], ...]
    ) -> None:
        self._accounts = accounts
        self._ways = ways
        self._refused = refused
        """What a log-in that does not fit raises."""
        self._unavailable = unavailable
        self._sessions, self._persons = RateLimit(rates.SESSION), RateLimit(rates.PERSON)

    def routes(self) -> list[web.AbstractRouteDef]:
        """The addresses that need no session, and the one that ends it."""
        return [
            web.get(LOGIN, self.login_page),
            web.post(LOGIN, self.login),
            web.post("/betrieb/abmelden", self.logout),
            web.get("/betrieb/static/{name}", self.static),
            web.get("/", self.start),
            web.get("/betrieb", self.start),
        ]

    async def start(self, _: web.Request) -> web.StreamResponse:
        """Where a person begins."""
        return see_other("/betrieb/")

    async def login_page(self, request: web.Request) -> web.StreamResponse:
        """The form."""
        return self._login_page(request)

    async def login(self, request: web.Request) -> web.StreamResponse:
        """Name, password and code; one answer to whatever is wrong."""
        if not self._ways.lokal:
            raise NotFound
        form = request[FORM]
        name, password, code = (form.get(key, "") for key in ("name", "passwort", "code"))
        try:
            token = await self._accounts.login(name, password, code, request.remote or "", request.get(TOKEN, ""))
        except self._refused:
            text = (
                "Name, Passwort und Code passen nicht zusammen, oder das Konto ist gesperrt. Jeder Code gilt nur "
                "einmal. Nach mehreren Fehlversuchen muss ein Konto einige Zeit warten."
            )
            return self._login_page(request, status=403, fehler=text)
        return entered(token)

    async def logout(self, request: web.Request) -> web.StreamResponse:
        """The session ends."""
        await self._accounts.logout(request[TOKEN])
        return _away(GONE if request[PERSON].extern else LOGIN)

    async def static(self, request: web.Request) -> web.StreamResponse:
        """Style sheet and script."""
        name = request.match_info["name"]
        if name not in STATIC:
            raise NotFound
        answer = web.Response(body=static(name), content_type=STATIC[name], charset="utf-8")
        answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"  # the address names the release
        return answer

    @property
    def middleware(self) -> Any:
        """Session, form, errors."""

        @web.middleware
        async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                return await self._admitted(request, handler)
            except Refusal as refusal:
                return _sorry(request, refusal)
            except web.HTTPException as error:
                found: dict[int, type[Refusal]] = {404: NotFound, 405: MethodNotAllowed, 413: TooLarge}
                return _sorry(request, found.get(error.status, Malformed)())
            except ConnectionError:
                raise
            except self._unavailable as error:
                log.warning("page unavailable: %s", type(error).__name__)
                return _sorry(request, Overloaded(retry_after=RETRY_S))
            except Exception:
                log.exception("page failed")
                return _sorry(request, ServerFault())

        return middleware

    def _login_page(self, request: web.Request, status: int = 200, fehler: str = "") -> web.Response:
        ways = {"lokal": self._ways.lokal, "dienst": self._ways.dienst}
        return show(request, "anmelden.html.j2", status=status, fehler=fehler, **ways)

    async def _admitted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        is_open = request.path in OPEN or request.path.startswith("/betrieb/static/")
        token = request.cookies.get(COOKIE, "")
        person = await self._accounts.session(token, used=LIVE not in request.headers) if token else None
        if person is None and not is_open:
            return _away(LOGIN)
        if person is not None:
            request[PERSON], request[TOKEN] = person, token
        if person is not None and not is_open:
            self._sessions.demand(token, time.monotonic())
            self._persons.demand(person.id, time.monotonic())
        if request.method == "POST":
            if request.path != REVOKED:
                _demand_own_origin(request)
            request[FORM] = await _form(request)
            if person is not None and request[FORM].get("marke") != form_token(token):
                raise Forbidden("Dieses Formular gehört nicht zu Ihrer Anmeldung. Bitte laden Sie die Seite neu.")
        elif request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed
        return await handler(request)


async def secure(_: web.Request, answer: web.StreamResponse) -> None:
    """Headers of every answer (signal `on_response_prepare`); a page may have set a narrower one."""
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
    answer.headers.popall("Server", None)


def _away(path: str) -> web.Response:
    answer = see_other(path)
    answer.del_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="Lax")
    return answer


def _sorry(request: web.Request, refusal: Refusal) -> web.StreamResponse:
    """An error as a page; where another answer is on its way already, its connection ends unfinished."""
    if request.writer.output_size:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionAbortedError
    answer = show(request, "fehler.html.j2", status=refusal.status, titel=refusal.title, text=refusal.detail)
    if refusal.retry_after is not None:
        answer.headers["Retry-After"] = str(refusal.retry_after)
    answer[CODE] = refusal.code
    return answer


def _demand_own_origin(request: web.Request) -> None:
    """Browsers tell with every form where it came from; one that does not is none.

    Raises:
        Forbidden: another site, or nobody knows.
    """
    own = f"https://{request.host}"
    if request.headers.get("Origin") != own or request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise Forbidden("Dieses Formular kam nicht von dieser Seite. Bitte rufen Sie die Seite neu auf.")


async def _form(request: web.Request) -> dict[str, str]:
    """The fields of a form, each once.

    Raises:
        UnsupportedMediaType: it is no form.
        TooLarge: it is too large.
        Malformed: it cannot be read, or a field stands twice.
    """
    if request.content_type != "application/x-www-form-urlencoded":
        raise UnsupportedMediaType("Erwartet wird ein Formular.")
    raw = await read_limited(request, FORM_BYTES)
    try:
        pairs = parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=FORM_FIELDS, errors="strict")
    except ValueError:
        raise Malformed("Das Formular ist nicht lesbar.") from None
    found = {name: check_text(value.replace("\r\n", "\n"), "Eine Angabe").strip() for name, value in pairs}
    if len(found) != len(pairs):
        raise Malformed("Eine Angabe des Formulars steht doppelt.")
    return found
