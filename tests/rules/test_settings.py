"""Rule settings of `gateway.toml` decide what a running gateway takes."""

import json
import re
from datetime import datetime
from uuid import uuid4

import pytest
from click.testing import CliRunner

from gateway.check.compose import NoticeHead, Person, compose_notice
from gateway.cli.main import cli
from gateway.clock import BERLIN
from gateway.config import load
from gateway.demo.letters import untersuchungshaft
from gateway.errors import Invalid
from gateway.message import Caller, Submission
from gateway.service.arrival.accepting import Accepting
from gateway.service.context import close_context, open_context
from routing import Sachverhalt

UFA = "nrw:unterbringungseinrichtung-fuer-ausreisepflichtige-ufa-bueren"


@pytest.fixture
def folder(tmp_path):
    assert CliRunner().invoke(cli, ["init", str(tmp_path / "hub")]).exit_code == 0
    return tmp_path / "hub"


def notice():
    now = datetime.now(BERLIN)
    facts = Sachverhalt("untersuchungshaft_antritt", UFA)
    head = NoticeHead(eigene_id=str(uuid4()), erstellt=now, aktenzeichen="1 E 1/26")
    return compose_notice(facts, head, Person("Beispiel", "Berta", "1990-01-01"), details={"antrittAm": now.date()})


async def post(folder, xml, sender):
    ctx = await open_context(load(folder / "gateway.toml"))
    try:
        caller = Caller(frozenset({sender}), frozenset({"fachverfahren"}), "00")
        return json.loads((await Accepting(ctx, lambda: None).accept(Submission(caller, xml))).body)
    finally:
        await close_context(ctx)


def permit(folder, until):
    path = folder / "gateway.toml"
    entry = f'absender = "{UFA}", anlass = "untersuchungshaft_antritt", grund = "Erprobung", bis = {until}'
    text, changed = re.subn(r"# erlaubnis = .*", f"erlaubnis = [{{ {entry} }}]", path.read_text(encoding="utf-8"))
    assert changed == 1
    path.write_text(text, encoding="utf-8")


async def test_without_a_permit_the_notice_is_refused(folder):
    with pytest.raises(Invalid) as refused:
        await post(folder, notice(), UFA)
    assert refused.value.code == "unzulaessig"


async def test_with_a_permit_it_goes_to_klaerung_and_the_decision_says_why(folder):
    permit(folder, "2099-12-31")
    answer = await post(folder, notice(), UFA)
    assert (answer["status"], answer["entscheidung"]["nummer"]) == ("klaerung", "3.1")
    assert "bis zum 31.12.2099 zugelassen: Erprobung" in answer["entscheidung"]["begruendung"][1]["text"]


async def test_a_permit_ends_with_its_last_day(folder):
    permit(folder, "2020-12-31")
    with pytest.raises(Invalid):
        await post(folder, notice(), UFA)


async def test_the_decision_names_the_versions_of_its_day(folder):
    answer = await post(folder, untersuchungshaft().xml, "gds:R8088")
    assert [each["fassung"] for each in answer["entscheidung"]["regelwerk"]] == ["29.04.2022", "10.09.2019"]
