"""schemathesis (PyPI) calls a running hub by its OpenAPI description, with sound and unsound data: no finding."""

import asyncio
import os
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest
from gatewayworld import JVA, KOELN, POLIZEI, Site

from gateway.pki_issue import DevelopmentCa
from gateway.service.gateway import running
from tests.interop import environments
from tests.interop.environments import Unavailable

SECONDS = 180
"""It needs about 20; a loaded machine has time."""
HOOKS = {"SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": str(Path(__file__).parent / "peers")}
OPTIONS = (
    "--phases=examples,coverage,fuzzing",
    "--max-examples=12",
    "--generation-deterministic",
    "--checks=all",
    # What is sound in form may still name a message, a partner or a state that there is not: 404, 409, 422.
    "--exclude-checks=positive_data_acceptance",
    "--exclude-path=/v1/events",  # an answer without an end; tests/journey/test_stream.py
    "--request-timeout=30",
    "--no-color",
)


@pytest.fixture(params=[("fachverfahren",), ("betrieb", "revision", "fachverfahren")], ids=["agency", "operator"])
def site(tmp_path: Path, request: pytest.FixtureRequest) -> Site:
    site = Site(tmp_path / "hub", DevelopmentCa.create())
    site.init("gw:nrw")
    site.client("client", JVA, POLIZEI, KOELN, "gds:R3300S", "gds:R3306", rollen=request.param)
    return site


async def test_no_finding(site: Site, tmp_path: Path) -> None:
    try:
        program = Path(environments.python("schemathesis")[0]).with_name("schemathesis")
    except Unavailable as error:
        pytest.skip(str(error))
    client = site.clients["client"]
    async with running(site.config()) as hub:
        base = f"https://localhost:{hub.listeners.ports['api']}"
        arguments = [
            "run", f"{base}/v1/openapi.json", *OPTIONS, "--tls-verify", str(site.folder / "trust" / "ca.crt"),
            "--request-cert", f"{client.files}.crt", "--request-cert-key", f"{client.files}.key",
        ]  # fmt: skip
        process = await asyncio.create_subprocess_exec(
            str(program), *arguments, stdout=PIPE, stderr=STDOUT, cwd=tmp_path, env=os.environ | HOOKS
        )
        try:
            async with asyncio.timeout(SECONDS):
                output, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
    assert process.returncode == 0, output.decode()[-6000:]
