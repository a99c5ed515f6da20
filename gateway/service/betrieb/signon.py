"""Log-in by an OpenID provider: there with the browser, back with a code, in with a session.

Promises: nothing is stored before everything fits; then session, account and event are one commit, and the same way
back opens no second session. What roles and authorities the provider names replaces what was; who has none any more
loses the sessions that he had.
Fails: `Forbidden` as a page for whoever is not believed or has no access, `Overloaded` while the provider does not
answer or an address only fails.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

from gateway import clock
from gateway.errors import Forbidden, Overloaded
from gateway.events import Art
from gateway.pki import PkiError
from gateway.service.arrival.limiting import FailureLimit
from gateway.service.betrieb.provider import ProviderClient, ProviderFailed
from gateway.service.context import Context, new_id
from gateway.store.content import ContentDamaged, conceal, reveal
from gateway.store.database import AlreadyThere, Do, Row, StaleState
from gateway.store.steps import do
from gateway.watch import credentials, oidc
from gateway.watch.session_http import GONE, SIGNON

log = logging.getLogger(__name__)
T = TypeVar("T")

PURPOSE = "anmeldung"
"""What the sealed attempt in the browser is for."""
RETRY_S = 30
KEPT = 2 * oidc.ATTEMPT_S * clock.SECOND
"""How long the store knows a way that was used: longer than one may take."""


class SigningOn:
    """The journeys of `[anmeldung]`."""

    def __init__(self, ctx: Context, client: ProviderClient) -> None:
        self._ctx = ctx
        self._client = client
        self._settings = client.settings
        self._limit = FailureLimit()
        base = ctx.config.betrieb.oeffentliche_url or ""
        self._back, self._gone = f"{base}{SIGNON}/zurueck", base + GONE

    async def begin(self) -> tuple[str, str]:
        """A new attempt.

        Returns:
            Where the browser goes, and what it keeps meanwhile: sealed, so that the store need not know of it.

        Raises:
            Forbidden: the provider speaks for somebody else.
            Overloaded: it does not answer.
        """
        async with _answering():
            found = await self._client.provider()
        attempt = oidc.new_attempt(self._seconds())
        kept = conceal(self._ctx.store_key, PURPOSE, attempt.text()).hex()
        return oidc.authorization_url(found, self._settings, self._back, attempt), kept

    async def finish(self, query: Mapping[str, str], kept: str, address: str, replaced: str) -> str:
        """The browser is back.

        Args:
            query: what the provider sent with it.
            kept: from `begin`; empty for another browser.
            address: where it comes from.
            replaced: token of the session that this browser had; empty for none.

        Returns:
            The token of the new session.

        Raises:
            Forbidden: something does not fit, and nobody is told what; or somebody has no role, or a disabled account.
            Overloaded: the provider does not answer, or too much from this address failed.
        """
        self._limit.demand(address, self._ctx.now())
        try:
            async with _answering():
                attempt = self._attempt(kept)
                return await self._opened(attempt, await self._claims(query, attempt), replaced)
        except Forbidden:
            self._limit.failed(address, self._ctx.now())
            raise

    async def farewell(self) -> str | None:
        """Where the session at the provider ends; None where it offers nothing.

        Raises:
            Forbidden, Overloaded: as `begin`.
        """
        async with _answering():
            return oidc.farewell_url(await self._client.provider(), self._settings, self._gone)

    async def revoke(self, token: str) -> None:
        """The provider says by itself that somebody logged out there: the sessions here end, too.

        Raises:
            Forbidden: it is no logout token of the provider's for us.
            Overloaded: the provider's keys cannot be had.
        """
        async with _answering():
            found = partial(oidc.logged_out, token, settings=self._settings, now=self._seconds())
            row = await self._row(await self._by_its_keys(found))
        if row is not None:
            ended = do("end_sessions", person_id=row["id"])
            was = "vom_anmeldedienst_abgemeldet"
            event = self._ctx.event(Art.KONTO_GEAENDERT, self._ctx.self_akteur, konto=row["id"], was=was)
            await self._ctx.db.commit(ended, event)

    async def _by_its_keys(self, judge: Callable[..., T]) -> T:
        """A token judged by the provider's keys; they are looked for anew where it names another."""
        try:
            return judge(keys=await self._client.keys())
        except oidc.UnknownKey:
            return judge(keys=await self._client.keys(unknown=True))

    async def _claims(self, query: Mapping[str, str], attempt: oidc.Attempt) -> oidc.Identity:
        found = await self._client.provider()
        code = oidc.demand_answer(query, attempt, found, self._seconds())
        token = await self._client.redeem(code, attempt.verifier, self._back)
        judged = partial(oidc.identity, token, settings=self._settings, nonce=attempt.nonce, now=self._seconds())
        claims = await self._by_its_keys(judged)
        return await self._person(claims)

    async def _person(self, claims: Mapping[str, object]) -> oidc.Identity:
        """Whom we let in; who lost every role loses the sessions, too."""
        try:
            found = oidc.person_of(claims, self._settings, self._ctx.config.gateway.kennung)
            unknown = sorted(key for key in found.behoerden if self._ctx.directory.behoerde(key) is None)
            if unknown:
                raise oidc.no_access("Er nennt aber eine Behörde, die nicht im Verzeichnis steht.", self._settings)
        except oidc.NoAccess:
            row = await self._row(str(claims["sub"]))
            if row is not None:
                refused = self._ctx.event(Art.ANMELDUNG_ABGEWIESEN, f"person:{row['id']}", grund="ohne_zugang")
                await self._ctx.db.commit(do("end_sessions", person_id=row["id"]), refused)
            raise
        return found

    async def _opened(self, attempt: oidc.Attempt, found: oidc.Identity, replaced: str) -> str:
        row = await self._row(found.subject)
        if row is not None and row["disabled"] is not None:
            raise oidc.no_access("Ihr Konto an diesem Gateway ist aber gesperrt.", self._settings)
        person_id, token, now = row["id"] if row else new_id(), credentials.new_token(), self._ctx.now()
        oldest = now - self._ctx.config.betrieb.sitzung_stunden * 3600 * clock.SECOND
        try:
            await self._ctx.db.commit(
                do("use_signon", expect=1, id=credentials.token_id(attempt.state), now=now),
                do("sweep_signons", before=now - KEPT),
                *self._account(row, person_id, found),
                do("sweep_sessions", created_before=oldest),
                do("end_session", id=credentials.token_id(replaced)),
                do("insert_session", id=credentials.token_id(token), person_id=person_id, now=now),
                self._ctx.event(Art.ANMELDUNG, f"person:{person_id}"),
            )
        except (StaleState, AlreadyThere):  # used before; disabled, or made by another log-in, at the same moment
            raise oidc.NotBelieved("used") from None
        return token

    def _account(self, row: Row | None, person_id: str, found: oidc.Identity) -> list[Do]:
        """The account as the provider says it is, with an event where that is new."""
        rollen, behoerden = (json.dumps(sorted(each)) for each in (found.rollen, found.behoerden))
        values: dict[str, Any] = {
            "id": person_id,
            "name": found.name,
            "rollen": rollen,
            "behoerden": behoerden,
            "now": self._ctx.now(),
        }
        if row is None:
            extern = oidc.account_key(self._settings.aussteller, found.subject)
            step = do("insert_extern", **values, extern=extern, password="", totp=b"")
            return [step, self._changed(person_id, "vom_anmeldedienst_angelegt", found)]
        step = do("set_extern", expect=1, **values)
        if (row["rollen"], row["behoerden"]) == (rollen, behoerden):
            return [step]
        return [step, self._changed(person_id, "vom_anmeldedienst_geaendert", found)]

    def _changed(self, person_id: str, what: str, found: oidc.Identity) -> Do:
        rollen, behoerden = sorted(found.rollen), sorted(found.behoerden)
        by = self._ctx.self_akteur
        return self._ctx.event(Art.KONTO_GEAENDERT, by, konto=person_id, was=what, rollen=rollen, behoerden=behoerden)

    async def _row(self, subject: str) -> Row | None:
        return await self._ctx.db.fetch_one("person_by_extern", oidc.account_key(self._settings.aussteller, subject))

    def _attempt(self, kept: str) -> oidc.Attempt:
        try:
            return oidc.attempt_of(reveal(self._ctx.store_key, PURPOSE, bytes.fromhex(kept)))
        except (ValueError, ContentDamaged):
            raise oidc.NotBelieved("browser") from None

    def _seconds(self) -> int:
        return self._ctx.now() // clock.SECOND


@asynccontextmanager
async def _answering() -> AsyncIterator[None]:
    """What goes wrong with a provider, as what a person sees of it."""
    try:
        yield
    except oidc.NotBelieved as refused:
        log.warning("log-in by the identity provider refused: %s", refused.code)
        raise Forbidden(
            "Die Anmeldung über den Anmeldedienst ist nicht gelungen. Bitte beginnen Sie sie noch einmal auf der "
            "Seite „Anmelden“, im selben Browser."
        ) from None
    except oidc.NoAccess as refused:
        raise Forbidden(str(refused)) from None
    except ProviderFailed:
        raise Overloaded(
            "Der Anmeldedienst antwortet gerade nicht. Bitte versuchen Sie es gleich noch einmal.", retry_after=RETRY_S
        ) from None
    except PkiError as error:
        log.error("identity provider cannot be used: %s", error)  # noqa: TRY400 - its text says what to mend
        raise Overloaded("Die Anmeldung ist gerade nicht möglich. Bitte verständigen Sie den Betrieb.") from None
