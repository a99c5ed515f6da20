"""NIST's PKITS: 224 signed messages judged by the gateway's own code against what the PKITS document says of each."""

from collections import Counter
from importlib.metadata import version
from itertools import groupby

import pytest

from tools import pkits
from tools.pkits import Outcome, Report, Row, Suite

pytestmark = [
    pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning"),  # negative numbers in it
    pytest.mark.timeout(600),  # seconds where nothing else runs, several times that on a busy machine
]

TESTS = dict(enumerate((6, 8, 11, 21, 8, 17, 5, 20, 8, 14, 11, 10, 38, 35, 10, 2), start=1))
"""How many tests each section 4.n of the PKITS document has."""


@pytest.fixture(scope="module")
def suite() -> Suite:
    return pkits.load()


@pytest.fixture(scope="module")
def table() -> list[Row]:
    return pkits.rows()


@pytest.fixture(scope="module")
def report(suite: Suite, table: list[Row]) -> Report:
    return pkits.report(suite, table)


def test_every_message_has_its_row_and_every_row_its_message(suite: Suite, table: list[Row]) -> None:
    assert {row.message for row in table} == set(suite.messages)
    assert len(suite.messages) == 224


def test_every_test_of_the_document_has_its_rows(table: list[Row]) -> None:
    sections = {row.section for row in table}
    assert sections == {f"4.{section}.{n}" for section, tests in TESTS.items() for n in range(1, tests + 1)}
    for section, rows in groupby(table, key=lambda row: row.section):
        found = list(rows)
        assert [row.part for row in found] == list(range(1, len(found) + 1)), section
        assert len({(row.message, row.certificate) for row in found}) == 1, section
        assert len({row.rules for row in found}) == len(found), f"{section}: a setting twice"


def test_a_name_that_tells_its_verdict_tells_the_same_as_the_table(table: list[Row]) -> None:
    for row in (row for row in table if row.part == 1 and row.section != "4.10.3"):  # whose first setting is refused
        if row.message.startswith(("Valid", "Invalid")):
            assert row.valid == row.message.startswith("Valid"), row


def test_every_verdict_is_the_documents_but_for_the_listed_ones(report: Report) -> None:
    differ = {row.message for row, ours in report.verdicts if row.valid != ours.valid}
    assert differ == set(pkits.DIFFERENCES)
    assert report.named(Outcome.LAXER) == []
    assert Counter(report.outcomes.values()) == {Outcome.AGREES: 222, Outcome.STRICTER: 2}


def test_the_path_alone_is_judged_right_even_where_the_signature_is_dsa(report: Report) -> None:
    wrong = {row.message for row, ours in report.verdicts if row.valid != ours.path}
    assert wrong == {"ValidDSAParameterInheritanceTest5"}


def test_what_is_refused_is_refused_for_its_own_reason(report: Report) -> None:
    reasons = {(row.section, row.part): ours.reason for row, ours in report.verdicts}
    revoked = {key[0] for key, reason in reasons.items() if reason == "gesperrt"}
    unknown = {key[0] for key, reason in reasons.items() if reason == "unbekannt"}
    assert revoked == {
        *(f"4.4.{n}" for n in (2, 3, 15, 18, 20)),
        *(f"4.5.{n}" for n in (2, 5, 7)),
        *(f"4.14.{n}" for n in (2, 6, 15, 16, 20, 21, 23, 31, 32, 34)),
        *(f"4.15.{n}" for n in (3, 4, 6, 9)),
    }
    assert unknown == {
        *(f"4.4.{n}" for n in (1, 4, 5, 6, 8, 9, 10, 11, 12, 21)),
        *(f"4.7.{n}" for n in (4, 5)),
        *(f"4.14.{n}" for n in (3, 8, 9, 11, 12, 14, 17, 26, 27, 35)),
        *(f"4.15.{n}" for n in (1, 10)),
    }
    assert (reasons["4.2.1", 1], reasons["4.2.5", 1]) == ("pfad_noch_nicht_gueltig", "pfad_abgelaufen")
    assert {reasons[f"4.2.{n}", 1] for n in (2, 6, 7)} == {"certificate_expired"}
    assert {reasons["4.3.1", 1], reasons["4.3.2", 1]} == {"aussteller_unbekannt"}


def test_production_refuses_more_and_says_why(report: Report) -> None:
    counts = {text: len(names) for text, names in report.production.items()}
    assert list(counts.values()) == [224, 224, 221, 221, 3, 1]


def test_production_takes_with_an_alarm_only_what_no_crl_tells(report: Report) -> None:
    said = {row.message: ours for row, ours in report.verdicts}
    assert {said[name].reason for name in report.warned} == {"unbekannt"}
    assert len(report.warned) == sum(ours.reason == "unbekannt" for ours in said.values())


def test_the_readme_shows_what_comes_out(report: Report) -> None:
    text = pkits.README.read_text("utf-8")
    assert text == pkits.written(text, report), "python -m tools.pkits --write renews it"


def test_the_vectors_are_of_the_library_in_use() -> None:
    assert version("cryptography-vectors") == version("cryptography")
