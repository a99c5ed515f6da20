"""`gateway people`, as the administration calls it."""

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from gatewayworld import KOELN, Site

from gateway.cli.main import cli
from gateway.pki_issue import DevelopmentCa


def test_an_account_is_made_listed_disabled_and_renewed(tmp_path: Path) -> None:
    site = Site(tmp_path / "hub", DevelopmentCa.create())
    site.init("gw:nrw")

    def run(*arguments: str, code: int = 0) -> Any:
        done = CliRunner().invoke(cli, ["--config", str(site.folder / "gateway.toml"), "people", *arguments])
        assert done.exit_code == code, done.output
        return json.loads(done.stdout) if "--json" in arguments else done.output

    made = run("add", "a.muster", "--rolle", "lesen", "--behoerde", KOELN, "--json")
    assert made["adresse"].startswith("otpauth://totp/")
    assert len(made["passwort"]) > 20
    run("add", "a.muster", "--rolle", "lesen", code=1)
    run("add", "b.muster", "--rolle", "chef", code=2)
    run("disable", "niemand", code=1)
    run("disable", "a.muster")
    (found,) = run("list", "--json")
    assert (found["name"], found["rollen"], found["behoerden"], found["gesperrt"]) == (
        "a.muster", ["lesen"], [KOELN], True,
    )  # fmt: skip
    assert made["passwort"] not in run("list")
    run("enable", "a.muster")
    assert "überall abgemeldet" in run("logout", "a.muster")
    run("logout", "niemand", code=1)
    assert run("renew", "a.muster", "--json")["passwort"] != made["passwort"]
