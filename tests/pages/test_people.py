"""Accounts of the pages: who gets in, who does not, and what the store holds of it."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from gatewayworld import KOELN, Site

from gateway.clock import SECOND
from gateway.errors import Overloaded
from gateway.pki_issue import DevelopmentCa
from gateway.service.arrival import limiting
from gateway.service.betrieb.people import FREE_FAILURES, WAIT_S, Access, AccountRefused, LoginRefused, People
from gateway.service.context import Context, close_context, open_context
from gateway.watch import credentials
from gateway.watch.people import RIGHTS, Person, Right, Rolle, role_faults

BY = "zertifikat:kommandozeile"
HERE = "127.0.0.1"


class Clock:
    def __init__(self) -> None:
        self.at = 1_800_000_000 * SECOND

    def __call__(self) -> int:
        return self.at

    def pass_seconds(self, seconds: float) -> None:
        self.at += int(seconds * SECOND)


@pytest.fixture
async def ctx(tmp_path: Path) -> AsyncIterator[Context]:
    site = Site(tmp_path / "hub", DevelopmentCa.create())
    await asyncio.to_thread(site.init, "gw:nrw")  # a command has a loop of its own
    context = await open_context(site.config())
    context.now = Clock()
    yield context
    await close_context(context)


@pytest.fixture
def people(ctx: Context) -> People:
    return People(ctx)


def code(ctx: Context, access: Access) -> str:
    return credentials.code_at(access.secret, ctx.now() // SECOND)


async def login(people: People, ctx: Context, access: Access, **other: str) -> str:
    given = {"name": access.name, "password": access.password, "code": code(ctx, access), "address": HERE} | other
    return await people.login(**given)


async def test_name_password_and_code_open_a_session_that_ends(ctx: Any, people: People) -> None:
    access = await people.add(BY, "a.muster", ["lesen"], [KOELN])
    token = await login(people, ctx, access)
    person = await people.session(token)
    assert person is not None
    assert (person.name, person.rollen, person.behoerden) == ("a.muster", frozenset({"lesen"}), frozenset({KOELN}))
    assert await people.session(credentials.new_token()) is None
    await people.logout(token)
    assert await people.session(token) is None


@pytest.mark.parametrize("other", [{"password": "falsch"}, {"code": "000000"}, {"code": "abc"}, {"name": "niemand"}])
async def test_whatever_is_wrong_is_refused_alike(ctx: Any, people: People, other: dict[str, str]) -> None:
    access = await people.add(BY, "a.muster", ["betrieb"], [])
    with pytest.raises(LoginRefused) as refused:
        await login(people, ctx, access, **other)
    assert str(refused.value) == ""


async def test_a_code_counts_once(ctx: Any, people: People) -> None:
    access = await people.add(BY, "a.muster", ["betrieb"], [])
    await login(people, ctx, access)
    with pytest.raises(LoginRefused):
        await login(people, ctx, access)
    ctx.now.pass_seconds(credentials.STEP_S)
    assert await login(people, ctx, access)


async def test_failures_make_the_next_one_wait_but_not_for_ever(ctx: Any, people: People) -> None:
    access = await people.add(BY, "a.muster", ["betrieb"], [])
    for _ in range(FREE_FAILURES + 1):
        with pytest.raises(LoginRefused):
            await login(people, ctx, access, password="falsch")
    with pytest.raises(LoginRefused):
        await login(people, ctx, access)
    ctx.now.pass_seconds(WAIT_S + 1)
    assert await login(people, ctx, access)


async def test_an_address_that_only_fails_has_to_wait(ctx: Any, people: People, monkeypatch: Any) -> None:
    monkeypatch.setattr(limiting, "FAILURES", 2)
    for _ in range(2):
        with pytest.raises(LoginRefused):
            await people.login("niemand", "x", "000000", HERE)
    with pytest.raises(Overloaded):
        await people.login("niemand", "x", "000000", HERE)
    with pytest.raises(LoginRefused):
        await people.login("niemand", "x", "000000", "127.0.0.2")


async def test_a_session_ends_by_idleness_and_by_age(ctx: Any, people: People) -> None:
    access = await people.add(BY, "a.muster", ["betrieb"], [])
    token = await login(people, ctx, access)
    ctx.now.pass_seconds(29 * 60)
    assert await people.session(token) is not None
    ctx.now.pass_seconds(29 * 60)
    assert await people.session(token, used=False) is not None
    ctx.now.pass_seconds(2 * 60)  # a page that looks by itself has kept nothing alive
    assert await people.session(token) is None
    token = await login(people, ctx, access)
    for _ in range(21):
        ctx.now.pass_seconds(29 * 60)
        found = await people.session(token)
    assert found is None


async def test_disabling_and_renewing_end_what_was(ctx: Any, people: People) -> None:
    access = await people.add(BY, "a.muster", ["betrieb"], [])
    token = await login(people, ctx, access)
    await people.disable(BY, access.id)
    assert await people.session(token) is None
    ctx.now.pass_seconds(60)
    with pytest.raises(LoginRefused):
        await login(people, ctx, access)
    await people.enable(BY, access.id)
    renewed = await people.renew(BY, access.id)
    with pytest.raises(LoginRefused):
        await login(people, ctx, access)
    token = await login(people, ctx, renewed)
    person = await people.session(token)
    assert person is not None
    with pytest.raises(AccountRefused):
        await people.change_password(person, "falsch", "ein langes neues Passwort")
    with pytest.raises(AccountRefused):
        await people.change_password(person, renewed.password, "kurz")
    await people.change_password(person, renewed.password, "ein langes neues Passwort")
    assert await people.session(token) is None
    ctx.now.pass_seconds(60)
    assert await login(people, ctx, renewed, password="ein langes neues Passwort")


@pytest.mark.parametrize(
    ("name", "rollen", "behoerden"),
    [
        ("x", [], []),
        ("x", ["chef"], []),
        ("x", ["revision"], [KOELN]),
        ("", ["lesen"], []),
        ("x", ["lesen"], ["abh:0"]),
    ],
)
async def test_accounts_that_make_no_sense_are_refused(
    people: People, name: str, rollen: list[str], behoerden: list[str]
) -> None:
    with pytest.raises(AccountRefused) as refused:
        await people.add(BY, name, rollen, behoerden)
    assert refused.value.lines
    assert await people.all() == []


async def test_a_name_is_there_once_and_every_change_is_an_event(ctx: Any, people: People) -> None:
    access = await people.add(BY, "a.muster", ["betrieb"], [])
    with pytest.raises(AccountRefused):
        await people.add(BY, "a.muster", ["lesen"], [])
    await people.disable(BY, access.id)
    events = await ctx.db.fetch("events_of_art", "konto_geaendert", "", 10)
    assert [json.loads(event["detail"])["was"] for event in events] == ["angelegt", "gesperrt"]
    assert "a.muster" not in str([dict(event) for event in events])


async def test_the_store_holds_neither_password_nor_token_nor_secret(ctx: Any, people: People, tmp_path: Path) -> None:
    access = await people.add(BY, "a.muster", ["betrieb"], [])
    token = await login(people, ctx, access)
    with sqlite3.connect(tmp_path / "hub" / "gateway.db") as db:
        text = "\n".join(db.iterdump())
    db.close()
    for secret in (access.password, token, access.secret.hex(), access.secret.hex().upper()):
        assert secret not in text


def test_nobody_at_an_authority_has_a_right_beyond_it() -> None:
    beyond = {right for right in Right if right not in (
        Right.ANGEMELDET, Right.NACHRICHTEN, Right.FREIGEBEN, Right.WEITERLEITEN, Right.EINSEHEN
    )}  # fmt: skip
    assert set(RIGHTS) == set(Right)
    for rolle in Rolle:
        person = Person("1", "x", frozenset({rolle}), frozenset({KOELN}))
        assert not [right for right in beyond if person.may(right)]
        assert not person.caller.betrieb
        assert not person.caller.revision


def test_staff_without_authority_sees_all_but_acts_only_by_its_role() -> None:
    assert Person("1", "x", frozenset({"betrieb"}), frozenset()).caller.betrieb
    reader = Person("1", "x", frozenset({"lesen"}), frozenset())
    assert reader.caller.revision
    assert not reader.caller.betrieb
    assert role_faults(frozenset({"lesen", "betrieb"}), frozenset({KOELN})) == []
