"""Accounts and sessions of the pages: made and changed by commands and by the administration, used at every request.

Promises: the store holds no password and no token, only what proves them; a wrong password, a wrong code, an unknown
name and a blocked account are answered alike and take the same work; each failure makes the next wait longer; a code
counts once. Sessions end by idleness, by age, with the account, and by logging out.
Fails: `LoginRefused`, `Overloaded` for an address that fails too often, `AccountRefused` with German lines.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from gateway import clock
from gateway.events import Art
from gateway.service.arrival.limiting import FailureLimit
from gateway.service.context import Context, akteur, new_id
from gateway.store.content import conceal, reveal
from gateway.store.database import AlreadyThere, Do, Row, StaleState
from gateway.store.steps import do
from gateway.watch import credentials
from gateway.watch.people import Person, role_faults

FREE_FAILURES = 3
"""Failures in a row before an account has to wait: people mistype."""
WAIT_S = 15
"""First wait; each further failure doubles it."""
WAIT_MAX_S = 15 * 60
"""Longest wait: nobody can lock somebody else out for long, and nobody can guess a code in a million."""
TOUCH = 30 * clock.SECOND
"""A session's last use is noted this often at most: a page costs no commit."""
NAME_CHARS = 60


class LoginRefused(Exception):
    """Name, password or code do not fit, or the account has to wait: nobody is told which."""


class AccountRefused(Exception):
    """An account cannot be made or changed so; German lines."""

    def __init__(self, *lines: str) -> None:
        self.lines = lines
        super().__init__("\n".join(lines))


@dataclass(frozen=True, slots=True)
class Access:
    """What a new account, or one whose access was renewed, needs for its first log-in. It is shown once."""

    id: str
    name: str
    password: str
    secret: bytes
    address: str
    """The `otpauth://` address of the one-time codes."""


class People:
    """Accounts and sessions."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._limit = FailureLimit()
        self._one = asyncio.Lock()
        """One log-in at a time: guesses at the same moment count one after the other."""
        self._nobody = credentials.hash_password(credentials.new_password())

    # --- accounts

    async def add(self, by: str, name: str, rollen: Iterable[str], behoerden: Iterable[str]) -> Access:
        """A new account.

        Args:
            by: who makes it, as events name the actor.
            name: log-in name.
            rollen: of `Rolle`.
            behoerden: keys of authorities; none for the gateway's own staff.

        Raises:
            AccountRefused: the name is taken or unusable, roles do not go together, an authority is unknown.
        """
        roles, keys = frozenset(rollen), frozenset(behoerden)
        plain = name.strip()
        faults = role_faults(roles, keys)
        if not self._ctx.config.betrieb.lokale_konten:
            faults.append("Konten mit eigenem Passwort sind abgeschaltet ([betrieb] lokale_konten).")
        if not (0 < len(plain) <= NAME_CHARS and plain.isprintable()):
            faults.append(f"Ein Name hat 1 bis {NAME_CHARS} Zeichen.")
        unknown = sorted(key for key in keys if self._ctx.directory.behoerde(key) is None)
        faults += [f"{key} steht nicht im Verzeichnis." for key in unknown]
        if faults:
            raise AccountRefused(*faults)
        access = self._access(new_id(), plain)
        step = do(
            "insert_person",
            id=access.id,
            name=plain,
            rollen=json.dumps(sorted(roles)),
            behoerden=json.dumps(sorted(keys)),
            password=await asyncio.to_thread(credentials.hash_password, access.password),
            totp=self._concealed(access),
            now=self._ctx.now(),
        )
        try:
            await self._ctx.db.commit(step, self._changed(by, access.id, "angelegt", rollen=sorted(roles)))
        except AlreadyThere:
            raise AccountRefused(f"Ein Konto „{plain}“ gibt es schon.") from None
        return access

    async def all(self) -> list[dict[str, Any]]:
        """All accounts, by name."""
        now = self._ctx.now()
        return [
            {
                "id": row["id"],
                "name": row["name"],
                "rollen": json.loads(row["rollen"]),
                "behoerden": json.loads(row["behoerden"]),
                "gesperrt": row["disabled"] is not None,
                "wartet": row["blocked_until"] > now,
                "angelegt": clock.as_iso(row["created"]),
                "extern": row["extern"] is not None,
            }
            for row in await self._ctx.db.fetch("persons")
        ]

    async def find(self, name: str) -> str:
        """The id of the account with that name, or with that id: providers may give one name to several.

        Raises:
            AccountRefused: there is none, or several are called so.
        """
        fitting = [row["id"] for row in await self._ctx.db.fetch("persons") if name in (row["name"], row["id"])]
        if not fitting:
            raise AccountRefused(f"Ein Konto „{name[:NAME_CHARS]}“ gibt es nicht.")
        if len(fitting) > 1:
            raise AccountRefused(f"Mehrere Konten heißen „{name[:NAME_CHARS]}“: {', '.join(fitting)}.")
        return str(fitting[0])

    async def disable(self, by: str, person_id: str) -> None:
        """The account cannot be used any more; its sessions end.

        Raises:
            AccountRefused: there is none.
        """
        await self._set_disabled(by, person_id, self._ctx.now(), "gesperrt")

    async def enable(self, by: str, person_id: str) -> None:
        """The account can be used again.

        Raises:
            AccountRefused: there is none.
        """
        await self._set_disabled(by, person_id, None, "entsperrt")

    async def log_out(self, by: str, person_id: str) -> None:
        """All sessions of an account end; it can log in again.

        Raises:
            AccountRefused: there is none.
        """
        await self._row(person_id)
        ended = do("end_sessions", person_id=person_id)
        await self._ctx.db.commit(ended, self._changed(by, person_id, "ueberall_abgemeldet"))

    async def renew(self, by: str, person_id: str) -> Access:
        """New password and new one-time codes; the old ones and all sessions end.

        Raises:
            AccountRefused: there is none.
        """
        row = await self._local(person_id)
        access = self._access(person_id, row["name"])
        password = await asyncio.to_thread(credentials.hash_password, access.password)
        await self._ctx.db.commit(
            do(
                "set_credentials",
                expect=1,
                id=person_id,
                password=password,
                totp=self._concealed(access),
                now=self._ctx.now(),
            ),
            do("end_sessions", person_id=person_id),
            self._changed(by, person_id, "zugang_erneuert"),
        )
        return access

    async def change_password(self, person: Person, old: str, new: str) -> None:
        """Somebody chooses another password; all sessions end.

        Raises:
            AccountRefused: the old one is wrong, or the new one too short.
        """
        if not credentials.PASSWORD_CHARS <= len(new) <= credentials.PASSWORD_MAX:
            raise AccountRefused(f"Das neue Passwort braucht mindestens {credentials.PASSWORD_CHARS} Zeichen.")
        row = await self._local(person.id)
        async with self._one:
            fits = await asyncio.to_thread(credentials.is_password, old, row["password"])
            kept = await asyncio.to_thread(credentials.hash_password, new)
        if not fits:
            raise AccountRefused("Das bisherige Passwort stimmt nicht.")
        change = do("set_password", expect=1, id=person.id, before=row["password"], password=kept, now=self._ctx.now())
        ended = do("end_sessions", person_id=person.id)
        await self._ctx.db.commit(change, ended, self._changed(akteur(person.caller), person.id, "passwort"))

    async def name_of(self, person_id: str) -> str | None:
        """The log-in name of an account; None where there is none."""
        row = await self._ctx.db.fetch_one("person", person_id)
        return row["name"] if row else None

    # --- sessions

    async def login(self, name: str, password: str, code: str, address: str, replaced: str = "") -> str:
        """Log in by a local account; the session `replaced`, which this browser had, ends.

        Returns:
            The token of the new session, for the browser.

        Raises:
            LoginRefused: something does not fit, or the account has to wait.
            Overloaded: too many failures from this address.
        """
        self._limit.demand(address, self._ctx.now())
        async with self._one:
            row = await self._ctx.db.fetch_one("person_by_name", name.strip()[:NAME_CHARS])
            step = await self._judged(row, password, code)
            if row is None or step is None:
                self._limit.failed(address, self._ctx.now())
                await self._note_failure(row)
                raise LoginRefused
        token, now = credentials.new_token(), self._ctx.now()
        oldest = now - self._ctx.config.betrieb.sitzung_stunden * 3600 * clock.SECOND
        try:
            await self._ctx.db.commit(
                do("login_done", expect=1, id=row["id"], step=step),
                do("sweep_sessions", created_before=oldest),
                do("end_session", id=credentials.token_id(replaced)),
                do("insert_session", id=credentials.token_id(token), person_id=row["id"], now=now),
                self._ctx.event(Art.ANMELDUNG, f"person:{row['id']}"),
            )
        except StaleState:  # the same code at the same moment at another gateway
            raise LoginRefused from None
        return token

    async def session(self, token: str, *, used: bool = True) -> Person | None:
        """Who this session belongs to; None where it is none any more.

        Args:
            token: of the browser.
            used: whether somebody did something; False for a page that looks for news by itself.
        """
        row = await self._ctx.db.fetch_one("session", credentials.token_id(token))
        if row is None or row["disabled"] is not None or not self._is_open(row["extern"]):
            return None
        now, limits = self._ctx.now(), self._ctx.config.betrieb
        idle = limits.sitzung_minuten * 60 * clock.SECOND
        if now - row["seen"] > idle or now - row["created"] > limits.sitzung_stunden * 3600 * clock.SECOND:
            await self.logout(token)
            return None
        if used and now - row["seen"] > min(TOUCH, idle // 2):
            await self._ctx.db.commit(do("touch_session", id=row["id"], now=now))
        return _person(row)

    async def logout(self, token: str) -> None:
        """End the session."""
        await self._ctx.db.commit(do("end_session", id=credentials.token_id(token)))

    # --- inside

    def _is_open(self, extern: str | None) -> bool:
        """Whether the configuration lets this kind of account in."""
        config = self._ctx.config
        return config.betrieb.lokale_konten if extern is None else config.anmeldung is not None

    async def _judged(self, row: Row | None, password: str, code: str) -> int | None:
        """The time step of a code that fits, where everything else does; the same work whatever is wrong."""
        kept = row["password"] if row else self._nobody
        fits = await asyncio.to_thread(credentials.is_password, password, kept)
        if row is None or not fits or row["disabled"] is not None or row["blocked_until"] > self._ctx.now():
            return None
        secret = bytes.fromhex(reveal(self._ctx.store_key, f"totp {row['id']}", bytes(row["totp"])))
        return credentials.step_of(secret, code.replace(" ", ""), self._ctx.now() // clock.SECOND, row["totp_step"])

    async def _note_failure(self, row: Row | None) -> None:
        """An account that is blocked is not blocked longer by whoever goes on: else its owner would never get in."""
        now = self._ctx.now()
        if row is None or row["blocked_until"] > now:
            return
        over = max(0, row["failures"] + 1 - FREE_FAILURES)
        wait = min(WAIT_MAX_S, WAIT_S * 2 ** min(over - 1, 10)) if over else 0
        event = self._ctx.event(Art.ANMELDUNG_ABGEWIESEN, f"person:{row['id']}", wartet_sekunden=wait)
        await self._ctx.db.commit(do("login_failed", id=row["id"], blocked_until=now + wait * clock.SECOND), event)

    async def _set_disabled(self, by: str, person_id: str, at: int | None, what: str) -> None:
        await self._row(person_id)
        await self._ctx.db.commit(
            do("set_disabled", expect=1, id=person_id, disabled=at, now=self._ctx.now()),
            do("end_sessions", person_id=person_id),
            self._changed(by, person_id, what),
        )

    async def _row(self, person_id: str) -> Row:
        row = await self._ctx.db.fetch_one("person", person_id)
        if row is None:
            raise AccountRefused("Dieses Konto gibt es nicht.")
        return row

    async def _local(self, person_id: str) -> Row:
        row = await self._row(person_id)
        if row["extern"] is not None:
            raise AccountRefused("Dieses Konto führt der Anmeldedienst; Passwort und Codes sind dort zu ändern.")
        return row

    def _access(self, person_id: str, name: str) -> Access:
        secret = credentials.new_secret()
        address = credentials.provisioning(secret, name, self._ctx.config.gateway.kennung)
        return Access(person_id, name, credentials.new_password(), secret, address)

    def _concealed(self, access: Access) -> bytes:
        return conceal(self._ctx.store_key, f"totp {access.id}", access.secret.hex())

    def _changed(self, by: str, person_id: str, what: str, rollen: Sequence[str] = ()) -> Do:
        return self._ctx.event(Art.KONTO_GEAENDERT, by, konto=person_id, was=what, rollen=list(rollen))


def _person(row: Row) -> Person:
    rollen, behoerden = (frozenset(json.loads(row[key])) for key in ("rollen", "behoerden"))
    return Person(row["person_id"], row["name"], rollen, behoerden, row["extern"] is not None)
