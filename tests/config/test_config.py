from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from gateway.config import Config, ConfigError, hash_of_certificate, load, parse
from gateway.config_fields import AUTHORITY_KEY, split_address
from routing import Einstellungen, Erlaubnis

HASH = "ab" * 32
TABLES = [
    (name, tuple(field.annotation.model_fields))
    for name, field in Config.model_fields.items()
    if isinstance(field.annotation, type) and hasattr(field.annotation, "model_fields")
]
LEAST = '[gateway]\nkennung = "gw:nrw"\n'
ENTRY = f'[[zugang]]\nsha256 = "{HASH}"\nbehoerden = ["gds:R8088"]\nab = 2026-01-01\nbis = 2027-12-31\n'


PAGES = '[betrieb]\noeffentliche_url = "https://gateway.example"\n'
ANMELDUNG = (
    '[anmeldung]\naussteller = "https://idp.example/"\nclient_id = "gw"\ngeheimnis = "env:GEHEIM"\n'
    'rollen = { lesen = ["leser"] }\n'
)


def refused(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(text, Path("/etc/gateway/gateway.toml"))
    return str(caught.value)


def read(text: str) -> Config:
    return parse(text, Path("/etc/gateway/gateway.toml"))


def test_the_least_file_has_every_default_and_absolute_paths() -> None:
    config = read(LEAST)
    assert (config.api.host, config.api.port) == ("127.0.0.1", 8443)
    assert config.mail.adresse == "127.0.0.1:8025"
    assert config.store.url == "sqlite:////etc/gateway/gateway.db"
    assert config.store.schluessel == ("/etc/gateway/keys/store.key",)
    assert [each.crt for each in config.schluessel.files("log")] == [Path("/etc/gateway/keys/log.crt")]
    assert config.vertrauen.verzeichnis == Path("/etc/gateway/trust")
    assert config.schemata.packs == Path("/etc/gateway/packs")
    assert config.as2_name == "gw-nrw"
    assert config.zustellung.hoechstalter_stunden == 120


def test_relative_paths_count_from_the_file_and_absolute_ones_stay(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text(
        LEAST + '[store]\nurl = "sqlite:////var/lib/g.db"\n[schluessel]\nsign = ["a/old", "/b/new"]\ntls = "c/tls"\n'
    )
    config = load(tmp_path / "gateway.toml")
    assert config.store.url == "sqlite:////var/lib/g.db"
    assert [each.key for each in config.schluessel.files("sign")] == [tmp_path / "a/old.key", Path("/b/new.key")]
    assert config.schluessel.files("tls")[0].crt == tmp_path / "c/tls.crt"


def test_a_frozen_value() -> None:
    config = read(LEAST)
    with pytest.raises(ValueError, match="frozen"):
        config.gateway.kennung = "gw:other"


@pytest.mark.parametrize(
    ("text", "place", "mend"),
    [
        ("", "[gateway]:", "fehlt"),
        ('[gateway]\nkenung = "gw:nrw"\n', "[gateway] kenung:", "„kennung“"),
        (LEAST + "[unsinn]\n", "[unsinn]:", "bekannt sind hier: alarme, anmeldung, api"),
        ('[gateway]\nkennung = "abh:05315000"\n', "[gateway] kennung:", "gw:<name>"),
        (LEAST.strip() + '\neigene = ["abh:0531500"]\n', "[gateway] eigene 1:", "kein Behördenschlüssel"),
        (LEAST + ENTRY.replace("gds:R8088", "xyz:R8088"), "[zugang 1] behoerden 1:", "kein Behördenschlüssel"),
        (LEAST + ENTRY.replace("bis = 2027", "bis = 2025"), "[zugang 1]:", "bis liegt vor ab"),
        (LEAST + ENTRY.replace(HASH, "ab"), "[zugang 1] sha256:", "64 Hex-Ziffern"),
        (LEAST + ENTRY + 'rollen = ["chef"]\n', "[zugang 1] rollen 1:", "erlaubt ist 'fachverfahren'"),
        (LEAST + ENTRY + "rollen = []\n", "[zugang 1] rollen:", "mindestens 1"),
        (LEAST + ENTRY.replace('["gds:R8088"]', "[]"), "[zugang 1]:", "mindestens eine Behörde"),
        (LEAST + ENTRY + ENTRY.replace("ab" * 32, "AB:" * 31 + "AB"), "zugang 1 und 2", "zusammenfassen"),
        (LEAST + '[api]\nadresse = "8443"\n', "[api] adresse:", "Rechner:Port"),
        (LEAST + '[api]\nadresse = "127.0.0.1:70000"\n', "[api] adresse:", "Rechner:Port"),
        (LEAST + "[api]\nadresse = 8443\n", "[api] adresse:", "Anführungszeichen"),
        (LEAST + '[status]\nadresse = "0.0.0.0:8446"\n', "[status] adresse:", "eigenen Rechner"),
        (LEAST + '[api]\noeffentliche_url = "http://a"\n', "[api] oeffentliche_url:", "https"),
        (LEAST + '[store]\nurl = "mysql://a/b"\n', "[store] url:", "sqlite:///DATEI"),
        (LEAST + "[zustellung]\ngleichzeitig = 21\n", "[zustellung] gleichzeitig:", "höchstens 20"),
        (LEAST + "[zustellung]\ngleichzeitig = true\n", "[zustellung] gleichzeitig:", "ganze Zahl"),
        (LEAST + "[zustellung]\nbackoff_faktor = inf\n", "[zustellung] backoff_faktor:", "endliche Zahl"),
        (LEAST + "[zustellung]\nbackoff_start_sekunden = 7200\n", "[zustellung]:", "backoff_hoechstens_sekunden"),
        (
            LEAST + '[postausgang]\nhost = "mail.example"\nsicherheit = "keine"\nabsender = "a@b.example"\n',
            "[postausgang]:",
            "starttls oder tls",
        ),
        (LEAST + '[postausgang]\nhost = "localhost"\n', "[postausgang] absender:", "fehlt"),
        (LEAST + "[betrieb]\nlokale_konten = false\n", "lokale_konten", "[anmeldung]"),
        (LEAST + ANMELDUNG, "[anmeldung]", "oeffentliche_url"),
        (LEAST + PAGES + ANMELDUNG.replace("https", "http"), "[anmeldung] aussteller:", "https-Adresse"),
        (LEAST + PAGES + ANMELDUNG + 'algorithmen = ["none"]\n', "[anmeldung] algorithmen 1:", "RS256"),
        (LEAST + PAGES + ANMELDUNG + 'algorithmen = ["HS256"]\n', "[anmeldung] algorithmen 1:", "RS256"),
        (LEAST + PAGES + ANMELDUNG + 'umfang = ["profile"]\n', "[anmeldung] umfang:", "openid"),
        (LEAST + PAGES + ANMELDUNG.replace("lesen", "chef"), "[anmeldung] rollen chef", "lesen"),
        (LEAST + PAGES + ANMELDUNG.replace("geheimnis", "geheimniss"), "[anmeldung] geheimniss:", "„geheimnis“"),
        (LEAST + '[mail]\npostfach = "kein postfach"\n', "[mail] postfach:", "Form"),
        ("[gateway\n", "kein gültiges TOML", "Zeile 1, Spalte"),
    ],
)
def test_a_finding_names_file_key_and_mend(text: str, place: str, mend: str) -> None:
    message = refused(text)
    assert message.startswith("/etc/gateway/gateway.toml: ")
    assert place in message
    assert mend in message


def test_all_findings_at_once() -> None:
    message = refused('[gateway]\nkennung = "nrw"\n[api]\nport = 1\n[stor]\n')
    assert len(message.splitlines()) == 3


def test_one_wrong_entry_in_a_list_is_one_finding() -> None:
    assert len(refused(LEAST + ENTRY + 'rollen = ["chef"]\n').splitlines()) == 1


def test_no_secret_is_shown() -> None:
    secret = "geheim-4711"
    url = f'[store]\nurl = "postgresql://gateway:{secret}@db/gateway"\n'
    assert secret not in repr(read(LEAST + url))
    assert secret not in refused(LEAST + url.replace("postgresql", "mysql"))
    assert secret not in refused(LEAST + f"[store]\nurl = {secret}\n")
    assert secret not in refused(LEAST + url + f'[postausgang]\nkennwort = "{secret}"\nhost = "localhost"\n')


def test_mail_without_encryption_is_allowed_on_this_machine_only() -> None:
    text = LEAST + '[postausgang]\nhost = "127.0.0.1"\nport = 2525\nsicherheit = "keine"\nabsender = "a@b.example"\n'
    out = read(text).postausgang
    assert out is not None
    assert out.sicherheit == "keine"
    assert "kennwort_datei" in refused(text + 'benutzer = "g"\n')


def test_a_certificate_is_matched_within_its_window() -> None:
    der = b"any bytes"
    text = LEAST + ENTRY.replace(HASH, hash_of_certificate(der).upper())
    config = read(text)
    for day, found in [
        (date(2025, 12, 31), False),
        (date(2026, 1, 1), True),
        (date(2027, 12, 31), True),
        (date(2028, 1, 1), False),
    ]:
        entry = config.zugang_for(hash_of_certificate(der), day)
        assert (entry is not None) is found
    assert config.zugang_for(hash_of_certificate(b"other"), date(2026, 6, 1)) is None


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="gateway init"):
        load(tmp_path / "missing.toml")
    with pytest.raises(ConfigError, match="nicht lesbar"):
        load(tmp_path)
    (tmp_path / "latin.toml").write_bytes(LEAST.encode() + b"# \xe4\n")
    with pytest.raises(ConfigError, match="UTF-8"):
        load(tmp_path / "latin.toml")
    (tmp_path / "huge.toml").write_bytes(b"#" * (4 * 1024 * 1024 + 1))
    with pytest.raises(ConfigError, match="keine Konfiguration"):
        load(tmp_path / "huge.toml")


@pytest.mark.parametrize(
    "key", ["abh:05315000", "abh:05378", "zab:koeln", "gds:R3300S", "pol:05171370484301", "mrv:essen", "nrw:a-b-1"]
)
def test_keys_of_authorities(key: str) -> None:
    assert AUTHORITY_KEY.fullmatch(key)


@given(st.text(max_size=40))
def test_an_address_is_split_or_refused(text: str) -> None:
    try:
        host, port = split_address(text)
    except ValueError:
        return
    assert host
    assert 0 <= port <= 65535


NAMES = sorted({*Config.model_fields, *(key for _, keys in TABLES for key in keys), "unsinn", "2"})
VALUES = st.recursive(
    st.integers() | st.booleans() | st.text(max_size=5) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=2),
    max_leaves=6,
)


def as_toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {as_toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    return json.dumps(value).replace("\\u007f", "").replace("\x7f", "")


@given(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4))
def test_whatever_the_file_says_it_is_read_or_refused_in_german(table: dict[str, object]) -> None:
    text = "\n".join(f"{key} = {as_toml(value)}" for key, value in table.items())
    lines: tuple[str, ...] = ()
    try:
        assert read(text).gateway.kennung.startswith("gw:")
    except ConfigError as error:
        lines = error.lines
        event("refused")
    assert all(line and "Input should" not in line and "{" not in line for line in lines)


def test_v6_address() -> None:
    assert split_address("[::1]:8443") == ("::1", 8443)


def test_rule_settings_are_what_the_rules_take() -> None:
    text = LEAST + (
        '[regeln]\nvorrang_tage = 30\nfrist_am_wochenende = "vorgezogen"\n[[regeln.erlaubnis]]\n'
        'absender = "gds:R8088"\nanlass = "anklage_erhoben"\ngrund = "Erprobung"\nbis = 2026-12-31\n'
    )
    permit = Erlaubnis("gds:R8088", "anklage_erhoben", "Erprobung", date(2026, 12, 31))
    assert read(text).regeln.einstellungen() == Einstellungen(30, "vorgezogen", (permit,))
    assert read(LEAST).regeln.einstellungen() == Einstellungen()


@pytest.mark.parametrize(
    ("line", "finding"),
    [
        ("vorrang_tage = -1", "[regeln] vorrang_tage: muss mindestens 0 sein"),
        ("vorrang_tage = 14.0", "[regeln] vorrang_tage: muss eine ganze Zahl sein"),
        ('frist_am_wochenende = "montags"', "[regeln] frist_am_wochenende: erlaubt ist"),
        ("vorrang = 3", "unbekannter Schlüssel; gemeint ist wohl „vorrang_tage“"),
        ('erlaubnis = [{absender = "gds:R8088", anlass = "anklage", grund = "x", bis = 2026-12-31}]', "kein Anlass"),
        ('erlaubnis = [{absender = "R8088", anlass = "anklage_erhoben", grund = "x", bis = 2026-12-31}]', "schlüssel"),
        ('erlaubnis = [{absender = "gds:R8088", anlass = "anklage_erhoben", grund = ""}]', "erlaubnis"),
    ],
)
def test_rule_settings_that_the_rules_could_not_take(line: str, finding: str) -> None:
    assert finding in refused(f"{LEAST}[regeln]\n{line}\n")
