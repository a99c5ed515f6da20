"""`gateway rules diff`: stored messages decided by other rules, in a real store."""

import asyncio
import datetime
import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from gateway.cli.main import cli
from gateway.config import load
from gateway.demo.letters import JVA, untersuchungshaft
from gateway.message import Caller, Submission
from gateway.service.arrival.accepting import Accepting
from gateway.service.casework.replaying import differences
from gateway.service.context import close_context, open_context
from gateway.store.database import Do
from routing import Entscheidung, Grund

CALLER = Caller(frozenset({JVA}), frozenset({"fachverfahren"}), "00")
HEUTE = datetime.datetime.now(datetime.UTC).date().isoformat()
GESTERN = (datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(days=1)).isoformat()
MORGEN = (datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=2)).isoformat()
ZUSTAVO = '[[zustavo]]\nname = "ZustAVO NRW"\nfassung = "10.09.2019"\ngueltig_ab = 2019-09-10\n'


def rufe(*arguments):
    return CliRunner().invoke(cli, [str(each) for each in arguments], prog_name="gateway")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """A gateway's folder whose store holds two notices of a prison: the first with a deadline on a Sunday."""
    folder = tmp_path_factory.mktemp("regeln") / "hub"
    assert rufe("init", folder).exit_code == 0
    config = folder / "gateway.toml"

    async def fill():
        ctx = await open_context(load(config))
        try:
            accepting = Accepting(ctx, lambda: None)
            for facts in ({"halbstrafenzeitpunkt": "2027-04-07"}, {}):
                await accepting.accept(Submission(CALLER, untersuchungshaft(**facts).xml))
        finally:
            await close_context(ctx)

    asyncio.run(fill())
    return config


def diff(gateway, a, b, *more, since=GESTERN):
    return rufe("--config", gateway, "rules", "diff", a, b, "--since", since, *more)


def datei(tmp_path, text):
    path = tmp_path / "entwurf.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_same_rules_change_nothing(gateway):
    for b in ("aktuell", "29.04.2022", "10.09.2019"):
        value = json.loads(diff(gateway, "aktuell", b, "--json").stdout)
        assert (value["nachgerechnet"], value["anders"], value["uebersprungen"]) == (2, [], [])


def test_another_setting_changes_one_deadline(gateway, tmp_path):
    neu = datei(tmp_path, '[regeln]\nfrist_am_wochenende = "vorgezogen"\n')
    value = json.loads(diff(gateway, "aktuell", neu, "--json").stdout)
    (anders,) = value["anders"]
    assert (anders["anlass"], anders["absender"], list(anders["felder"])) == (
        "untersuchungshaft_antritt", JVA, ["fristen"],
    )  # fmt: skip
    tage = [anders["felder"]["fristen"][seite][0]["faellig_am"] for seite in ("a", "b")]
    assert tage == ["2027-03-07", "2027-03-05"]
    text = diff(gateway, "aktuell", neu).stdout
    assert anders["id"] in text
    assert "2 Nachrichten" in text
    assert "1 anders, 0 nicht" in text


def test_an_ordinance_that_lapsed_would_bring_klaerung(gateway, tmp_path):
    value = json.loads(
        diff(gateway, "aktuell", datei(tmp_path, f"{ZUSTAVO}gueltig_bis = 2024-12-31\n"), "--json").stdout
    )
    assert len(value["anders"]) == 2
    for anders in value["anders"]:
        assert anders["felder"]["entscheidung"] == {"a": "zustellen", "b": "klaerung"}
        assert anders["felder"]["empfaenger"]["b"] == []


def test_only_since_the_day(gateway):
    assert json.loads(diff(gateway, "aktuell", "29.04.2022", "--json", since=MORGEN).stdout)["nachgerechnet"] == 0


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("[regeln]\nvorrang_tage = -1\n", "vorrang_tage: muss mindestens 0 sein"),
        ("[regeln]\nfarbe = 1\n", "unbekannter Schlüssel"),
        ("[regel]\n", "„regel“ ist unbekannt"),
        ("regeln = 3\n", "muss eine Tabelle sein"),
        ("[[zustavo]]\nname = 3\n", "muss Text sein"),
        ("[regeln", "kein gültiges TOML"),
    ],
)
def test_a_file_that_holds_no_rules(gateway, tmp_path, text, finding):
    result = diff(gateway, "aktuell", datei(tmp_path, text))
    assert (result.exit_code, result.stdout) == (2, "")
    assert finding in result.stderr


def test_a_name_that_there_is_not(gateway, tmp_path):
    result = diff(gateway, "aktuell", tmp_path / "fehlt.toml")
    assert result.exit_code == 2
    assert "29.04.2022" in result.stderr
    assert diff(gateway, "aktuell", tmp_path).exit_code == 2


def test_a_day_must_be_given(gateway):
    assert rufe("--config", gateway, "rules", "diff", "aktuell", "aktuell").exit_code == 2


def test_without_the_kept_facts_the_xml_is_read_again(gateway, tmp_path):
    neu = datei(tmp_path, '[regeln]\nfrist_am_wochenende = "vorgezogen"\n')
    vorher = json.loads(diff(gateway, "aktuell", neu, "--json").stdout)

    async def forget():
        ctx = await open_context(load(gateway))
        try:
            for anders in vorher["anders"]:
                await ctx.db.commit(Do("keep_facts", (anders["id"], None), expect=1))
        finally:
            await close_context(ctx)

    asyncio.run(forget())
    assert json.loads(diff(gateway, "aktuell", neu, "--json").stdout) == vorher


def test_route_uses_the_settings_of_a_configuration(gateway, tmp_path):
    facts = tmp_path / "fakten.json"
    facts.write_text(json.dumps({"anlass": "untersuchungshaft_antritt", "absender": JVA, "stand": HEUTE,
                                 "halbstrafenzeitpunkt": "2027-04-07"}))  # fmt: skip
    eigene = tmp_path / "gateway.toml"
    text = gateway.read_text(encoding="utf-8").replace('frist_am_wochenende = "unverschoben"', "")
    eigene.write_text(text.replace("[regeln]", '[regeln]\nfrist_am_wochenende = "vorgezogen"'), encoding="utf-8")
    tage = []
    for config in (gateway, eigene):
        result = rufe("--config", config, "route", "--facts", facts, "--json")
        tage.append(json.loads(result.stdout)["fristen"][0]["faellig_am"])
    assert tage == ["2027-03-07", "2027-03-05"]


def test_only_what_a_decision_does_is_a_difference():
    a = Entscheidung("klaerung", "3.1", (Grund("3.1", "Darum."),), regelwerk=(("Erlass", "1"),))
    b = Entscheidung("klaerung", "3.1", (Grund("3.1", "Deshalb."),), regelwerk=(("Erlass", "2"),))
    assert differences(a, b) == {}
    assert differences(a, replace(b, vorrang=True)) == {"vorrang": {"a": False, "b": True}}
