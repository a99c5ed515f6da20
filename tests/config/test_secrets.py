"""A secret of the configuration is never printed: not by an error, not by a command, not by `repr`, not in a log."""

import logging
from pathlib import Path

import pytest

from gateway.cli.main import main
from gateway.config import Config, ConfigError, load, parse
from gateway.logs import Canonical

SECRET = "Ge7heim-Kennwort"
LEAST = '[gateway]\nkennung = "gw:nrw"\n'
STORES = (
    f"postgresql://gateway:{SECRET}@127.0.0.1:9/gateway",
    f"postgresql://gateway:{SECRET}@127.0.0.1:keinport/gateway",
    f"postgresql://gateway:{SECRET}@[::1/gateway",
    f"postgresql://gateway@127.0.0.1:9/gateway?password={SECRET}&sslmode=unsinn",
    f"postgresql:///gateway?host=/nirgends/{SECRET}",
)
COMMANDS = (
    ("list", "--json"),
    ("show", "01a20535-3b4b-759a-a82e-ebc989cf35ae", "--json"),
    ("log", "check"),
    ("partners", "list", "--json"),
    ("partners", "lanes"),
    ("people", "list"),
    ("certs", "list", "--json"),
    ("store", "keys"),
    ("purge", "--dry-run"),
    ("directory", "export", "out.csv"),
    ("serve", "--log-level", "debug"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("secret") / "hub"
    with pytest.raises(SystemExit):
        main(["init", str(made)])
    return made


@pytest.mark.parametrize("url", STORES)
def test_no_command_tells_the_password_of_a_store_that_it_cannot_reach(
    url: str, folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    config = folder / "other.toml"
    config.write_text((folder / "gateway.toml").read_text().replace("sqlite:///gateway.db", url))
    before = logging.root.handlers[:]
    for command in COMMANDS:
        with pytest.raises(SystemExit) as ended:
            main(["--config", str(config), *command])
        assert ended.value.code in (2, 3), command
    for handler in set(logging.root.handlers) - set(before):
        logging.root.removeHandler(handler)
    said = capfd.readouterr()
    assert said.err
    assert SECRET not in said.out + said.err


@pytest.mark.parametrize(
    "text",
    [
        f'[store]\nurl = "mysql://gateway:{SECRET}@host/gateway"\n',
        f'[store]\nurl = ["postgresql://gateway:{SECRET}@host/gateway"]\n',
        f'[store]\nurl = "postgresql://gateway:{SECRET}@host/gateway\n',
        f'[alarme]\nwebhook_url = "ftp://example.org/{SECRET}"\nwebhook_geheimnis = "keys/x"\n',
        f'[alarme]\nwebhook_url = "https://example.org/{SECRET}"\n',
        f'[alarme]\nwebhook_geheimnis = "env:{SECRET}"\n',
        f'[store]\nschluessel = "cred:{SECRET} x"\n',
        f'[postausgang]\nhost = "{SECRET} x"\nabsender = "a@example.org"\n',
        f'[store]\nkennwort = "{SECRET}"\n',
    ],
)
def test_no_error_repeats_a_value(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(LEAST + text, tmp_path / "gateway.toml")
    assert SECRET not in str(refused.value)
    assert SECRET not in repr(refused.value)
    record = logging.LogRecord(
        "gateway.x", logging.ERROR, "x", 1, "%s", (refused.value,), (ConfigError, refused.value, None)
    )
    assert SECRET not in Canonical().format(record)


def test_repr_shows_no_setting_that_may_hold_a_secret(tmp_path: Path) -> None:
    text = f'[store]\nurl = "postgresql://gateway:{SECRET}@host/gateway"\n[alarme]\nwebhook_url = "https://example.org/{SECRET}"\n'
    config = parse(f'{LEAST}{text}webhook_geheimnis = "keys/x"\n', tmp_path / "gateway.toml")
    assert SECRET in config.store.url
    for each in (config, config.store, config.alarme):
        assert SECRET not in repr(each)
        assert SECRET not in str(each)


def test_the_settings_that_hold_a_secret_are_known() -> None:
    """What a value may hold, told by its name: a new one belongs into these tests."""
    names = {
        f"{table}.{key}"
        for table, field in Config.model_fields.items()
        for model in (field.annotation, *getattr(field.annotation, "__args__", ()))
        if hasattr(model, "model_fields")
        for key in model.model_fields
    }
    telling = {
        name for name in names if any(word in name for word in ("url", "kennwort", "geheimnis", "passwort", "token"))
    }
    public = {"api.oeffentliche_url", "as2.oeffentliche_url", "betrieb.oeffentliche_url"}
    files = {"postausgang.kennwort_datei", "alarme.webhook_geheimnis", "anmeldung.geheimnis"}
    assert telling - public - files == {"store.url", "alarme.webhook_url"}


def test_an_unknown_key_names_the_nearest_known_one(folder: Path) -> None:
    text = (folder / "gateway.toml").read_text().replace("wiederholung_stunden =", "wiederholungs_stunden =")
    with pytest.raises(ConfigError, match="gemeint ist wohl „wiederholung_stunden“"):
        parse(text, folder / "gateway.toml")
    assert load(folder / "gateway.toml").alarme.wiederholung_stunden == 24
