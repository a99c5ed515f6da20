"""The administration's journeys at the pages: rows of the directory, accounts.

Promises: a correction is judged, shown and made by the same functions as `gateway directory`; accounts by the same as
`gateway people`.
Fails: `ChangeRefused` with German lines, `NotFound` for a row or table that there is not.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import date
from typing import Any

from gateway.clock import as_iso
from gateway.errors import NotFound
from gateway.route.overlay import COLUMNS
from gateway.service.betrieb.people import Access, AccountRefused, People
from gateway.service.context import Context, akteur
from gateway.service.upkeep.directory import (
    Change,
    Corrections,
    DirectoryRefused,
    apply,
    corrections,
    differences,
    judge,
)
from gateway.watch.office_http import ChangeRefused
from gateway.watch.people import Person

SHOWN = 100
"""Rows of one page; a text finds fewer."""
TITLES = {"behoerde": "Behörden", "gemeinde": "Gemeinden", "aufnahmeeinrichtung": "Aufnahmeeinrichtungen"}


class DirectoryRows:
    """The directory for people."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    async def find(self, table: str, text: str) -> Mapping[str, Any]:
        """Rows of a table whose cells hold `text`.

        Raises:
            NotFound: no such table.
        """
        _demand_table(table)
        said = await corrections(self._ctx.db)
        wanted = text.casefold()
        rows = said.on(self._ctx.today())[table]
        hits = [(key, row) for key, row in rows.items() if wanted in " ".join((key, *row.values())).casefold()]
        corrected = {each.key for each in said.rows if each.table == table and each.row is not None}
        shown = [{"key": key, "zeile": row, "berichtigt": key in corrected} for key, row in hits[:SHOWN]]
        return {"zeilen": shown, "zahl": len(hits), "tabellen": TITLES, "revision": said.revision}

    async def row(self, table: str, key: str) -> Mapping[str, Any]:
        """One row as it counts today, with everything that was ever said about it.

        Raises:
            NotFound: there is none.
        """
        _demand_table(table)
        said = await corrections(self._ctx.db)
        found = said.on(self._ctx.today())[table].get(key)
        if found is None:
            raise NotFound
        history = await self._ctx.db.fetch("directory_history", table, key)
        people = {f"person:{row['id']}": row["name"] for row in await self._ctx.db.fetch("persons")}
        return {
            "tabelle": table,
            "key": key,
            "zeile": dict(found),
            "spalten": COLUMNS[table][1:],
            "geschichte": [
                {
                    "revision": row["revision"],
                    "am": as_iso(row["changed"]),
                    "von": people.get(row["changed_by"], row["changed_by"]),
                    "grund": row["reason"],
                    "ab": row["valid_from"],
                    "bis": row["valid_until"],
                    "zurueckgenommen": row["entry"] is None,
                }
                for row in history
            ],
        }

    async def differences(self, table: str, key: str, fields: Mapping[str, str]) -> list[tuple[str, str, str]]:
        """Column, old and new text of each column that would change.

        Raises:
            NotFound: there is no such row.
            ChangeRefused: it cannot become valid, or changes nothing.
        """
        said, change = await self._change(table, key, fields)
        found = differences(said, change, self._ctx.today())
        return [column for each in found for column in each.columns]

    async def correct(self, person: Person, table: str, key: str, fields: Mapping[str, str]) -> None:
        """The correction counts; running gateways see it within seconds, this one at once.

        Raises:
            NotFound, ChangeRefused: as `differences`; somebody else's change came first.
        """
        said, change = await self._change(table, key, fields)
        try:
            await apply(self._ctx.db, said, change, akteur(person.caller), self._ctx.now())
        except DirectoryRefused as refused:
            raise ChangeRefused(*refused.lines) from None
        await self._ctx.refresh_directory()

    async def _change(self, table: str, key: str, fields: Mapping[str, str]) -> tuple[Corrections, Change]:
        _demand_table(table)
        said = await corrections(self._ctx.db)
        today = self._ctx.today()
        found = said.on(today)[table].get(key)
        if found is None:
            raise NotFound
        row = dict(found) | {column: fields[column] for column in COLUMNS[table][1:] if column in fields}
        days = (_day(fields, name) for name in ("ab", "bis"))
        change = Change(((table, key, row),), fields.get("grund", ""), *days)
        try:
            judge(said, change, today)
        except DirectoryRefused as refused:
            raise ChangeRefused(*refused.lines) from None
        if not differences(said, change, today):
            raise ChangeRefused("Die Zeile ist schon so; es ändert sich nichts.")
        return said, change


class Accounts:
    """Accounts for the administration."""

    def __init__(self, people: People) -> None:
        self._people = people

    async def all(self) -> list[dict[str, Any]]:
        """All accounts."""
        return await self._people.all()

    async def make(self, person: Person, name: str, rollen: list[str], behoerden: list[str]) -> Mapping[str, str]:
        """A new account.

        Raises:
            ChangeRefused: it cannot be made so.
        """
        try:
            return _shown(await self._people.add(akteur(person.caller), name, rollen, behoerden))
        except AccountRefused as refused:
            raise ChangeRefused(*refused.lines) from None

    async def change(self, person: Person, account: str, what: str) -> Mapping[str, str] | None:
        """Disable, enable, renew an account, or end its sessions.

        Raises:
            ChangeRefused: there is none, or it is the person's own.
        """
        by = akteur(person.caller)
        if account == person.id and what == "sperren":
            raise ChangeRefused("Das eigene Konto kann niemand sperren.")
        try:
            if what == "erneuern":
                return _shown(await self._people.renew(by, account))
            acts = {
                "sperren": self._people.disable,
                "entsperren": self._people.enable,
                "abmelden": self._people.log_out,
            }
            await acts[what](by, account)
        except AccountRefused as refused:
            raise ChangeRefused(*refused.lines) from None
        return None

    async def password(self, person: Person, old: str, new: str) -> None:
        """One's own password.

        Raises:
            ChangeRefused: the old one is wrong, or the new one too short.
        """
        try:
            await self._people.change_password(person, old, new)
        except AccountRefused as refused:
            raise ChangeRefused(*refused.lines) from None


def _shown(access: Access) -> dict[str, str]:
    secret = base64.b32encode(access.secret).decode()
    return {"name": access.name, "passwort": access.password, "geheimnis": secret, "adresse": access.address}


def _demand_table(table: str) -> None:
    if table not in COLUMNS:
        raise NotFound


def _day(fields: Mapping[str, str], name: str) -> date | None:
    text = fields.get(name, "")
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise ChangeRefused(f"„{name}“ ist kein Tag.") from None
