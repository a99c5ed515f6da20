"""The same post again gets the stored answer, also once its version has lapsed (contracts.md section 5)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from caseworld import Case, notice
from gatewayworld import JVA


def lapse(case: Case) -> None:
    """The version that everybody uses ended yesterday."""
    checker, yesterday = case.hub.ctx.checker, case.hub.ctx.today() - timedelta(days=1)
    packs = tuple(replace(pack, bis=yesterday) for pack in checker.catalogue.packs)
    checker.catalogue = replace(checker.catalogue, packs=packs, ueberlappung=timedelta(0))


async def test_a_repeat_after_the_version_has_lapsed(case: Case) -> None:
    head: dict[str, Any] = {"eigene_id": "6f6d1c1e-3c60-4c35-9f6e-7f1d0b1a2c3d"}
    xml = notice("strafhaft_antritt", JVA, head)
    status, first = await case["jva"].post_xml(xml)
    assert status == 202
    lapse(case)
    assert await case["jva"].post_xml(xml) == (200, first)
    for body, answer in (
        (notice("strafhaft_antritt", JVA), (422, "version_nicht_gueltig")),
        (notice("strafhaft_antritt", JVA, head | {"azr": None}), (409, "id_vergeben")),
    ):
        status, problem = await case["jva"].post_xml(body)
        assert (status, problem["type"].rpartition(":")[2]) == answer
    status, problem = await case["polizei"].post_xml(xml)
    assert (status, problem["type"].rpartition(":")[2]) == (403, "absender_fremd")


async def test_addresses_are_whole_where_the_configuration_knows_ours(case: Case) -> None:
    own = "https://gateway.example:8443"
    config = case.hub.ctx.config
    relative = await case.post("jva", "strafhaft_antritt")
    case.hub.ctx.config = config.model_copy(update={"api": config.api.model_copy(update={"oeffentliche_url": own})})
    answer = await case.post("jva", "strafhaft_antritt")
    assert answer["receipt"]["url"] == f"{own}/v1/messages/{answer['id']}/evidence"
    assert relative["receipt"]["url"] == f"/v1/messages/{relative['id']}/evidence"
