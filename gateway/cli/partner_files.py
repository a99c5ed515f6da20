"""Agreements as people write them: a TOML file of `[[partner]]` tables, or options of `gateway partners add`.

Promises: what comes out are checked `Partner` values; a certificate may stand as `pem`, or as `datei` beside the TOML
file, and its window defaults to the certificate's own.
Fails: `NotAgreed`, whose lines are German and name place and mend.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, get_args

from cryptography import x509
from pydantic import BaseModel, ConfigDict, ValidationError

from gateway.cli.partner_keys import key_problems
from gateway.config_errors import findings
from gateway.config_fields import AUTHORITY_KEY, GATEWAY_KEY
from gateway.partner import Partner, Zweck
from gateway.pki import PkiError, load_certificates, pem_of

FILE_LIMIT = 16 * 1024 * 1024
"""Largest TOML file: 2,000 agreements with their certificates take about 10 MB."""


class NotAgreed(Exception):
    """An agreement cannot be used."""

    def __init__(self, *lines: str) -> None:
        self.lines = lines
        super().__init__("\n".join(lines))


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    partner: tuple[Partner, ...]


@dataclass(frozen=True, slots=True)
class CertificateOption:
    """`--cert ZWECK=FILE`."""

    zweck: str
    path: Path

    @classmethod
    def parse(cls, text: str) -> CertificateOption:
        """From the option's text.

        Raises:
            NotAgreed: it is not `ZWECK=FILE`.
        """
        zweck, separator, path = text.partition("=")
        if not separator or zweck not in get_args(Zweck) or not path:
            raise NotAgreed(f"--cert {zweck[:40]}: erwartet wird ZWECK=DATEI mit {', '.join(get_args(Zweck))}")
        return cls(zweck, Path(path))


def from_toml(path: Path) -> list[Partner]:
    """All agreements of a TOML file.

    Raises:
        NotAgreed: the file cannot be read, is no TOML, or an agreement in it cannot be used.
    """
    try:
        with path.open("rb") as file:
            table = tomllib.loads(file.read(FILE_LIMIT).decode("utf-8"))
    except OSError as error:
        raise NotAgreed(f"{path}: nicht lesbar ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise NotAgreed(f"{path}: kein gültiges TOML ({error})") from None
    try:
        return from_tables(table, path.parent)
    except NotAgreed as error:
        raise NotAgreed(*(f"{path}: {line}" for line in error.lines)) from None


def from_options(fields: Mapping[str, Any], certificates: Sequence[CertificateOption]) -> Partner:
    """One agreement from options; those that are None keep their default.

    Raises:
        NotAgreed: it cannot be used.
    """
    table = {key: value for key, value in fields.items() if value is not None}
    table["zertifikate"] = [{"zweck": each.zweck, "datei": str(each.path)} for each in certificates]
    return from_tables({"partner": [table]}, Path())[0]


def from_tables(table: Mapping[str, Any], base: Path) -> list[Partner]:
    """Agreements from `{"partner": [...]}`; `datei` counts from `base`.

    Raises:
        NotAgreed: one of them cannot be used.
    """
    try:
        partners = list(_File.model_validate(_with_certificates(table, base)).partner)
    except ValidationError as error:
        raise NotAgreed(*findings(error, _File)) from None
    problems = [problem for n, partner in enumerate(partners, 1) for problem in _problems(n, partner)]
    problems += _twice("id", [partner.id for partner in partners])
    problems += _twice("Behörde", [key for partner in partners for key in partner.behoerden])
    problems += _twice("as2_id", [partner.as2_id for partner in partners if partner.as2_id])
    if problems:
        raise NotAgreed(*problems)
    return partners


def _with_certificates(table: Mapping[str, Any], base: Path) -> Mapping[str, Any]:
    """The same tables, with each certificate's PEM and window filled in."""
    entries = table.get("partner")
    if not isinstance(entries, list):
        return table
    return {**table, "partner": [_filled(n, entry, base) for n, entry in enumerate(entries, 1)]}


def _filled(n: int, entry: Any, base: Path) -> Any:
    listed = entry.get("zertifikate") if isinstance(entry, dict) else None
    if not isinstance(listed, list):
        return entry
    return {
        **entry,
        "zertifikate": [_certificate(f"[partner {n}] zertifikate {m}", each, base) for m, each in enumerate(listed, 1)],
    }


def _certificate(place: str, entry: Any, base: Path) -> Any:
    if not isinstance(entry, dict):
        return entry
    if ("pem" in entry) == ("datei" in entry):
        raise NotAgreed(f"{place}: entweder pem oder datei angeben")
    try:
        certificate = _read_certificate(entry, base)
    except (PkiError, ValueError) as error:
        text = str(error) if isinstance(error, PkiError) else "pem ist kein lesbares Zertifikat"
        raise NotAgreed(f"{place}: {text}") from None
    window = {"ab": certificate.not_valid_before_utc.date(), "bis": certificate.not_valid_after_utc.date()}
    given = {key: value for key, value in entry.items() if key not in ("pem", "datei")}
    _demand_within(place, given, window)
    return {**window, **given, "pem": pem_of(certificate)}


def _read_certificate(entry: Mapping[str, Any], base: Path) -> x509.Certificate:
    if "datei" in entry:
        return load_certificates(base / str(entry["datei"]))[0]
    return x509.load_pem_x509_certificate(str(entry["pem"]).encode("utf-8"))


def _demand_within(place: str, given: Mapping[str, Any], window: Mapping[str, date]) -> None:
    """An agreed window that ends after its certificate would promise what the certificate does not hold."""
    end = given.get("bis")
    if isinstance(end, date) and not isinstance(end, datetime) and end > window["bis"]:
        last = window["bis"].isoformat()
        raise NotAgreed(f"{place} bis: liegt nach dem Ende des Zertifikats ({last}); früher enden lassen")


def _problems(n: int, partner: Partner) -> list[str]:
    """What an agreement needs beyond its form (contracts.md sections 1 and 2)."""
    place = f"[partner {n}]"
    found = [
        f"{place} behoerden {m}: kein Behördenschlüssel; erwartet wird Präfix:Kennung, etwa abh:05315000"
        for m, key in enumerate(partner.behoerden, 1)
        if not (AUTHORITY_KEY.fullmatch(key) or (partner.art == "vermittler" and GATEWAY_KEY.fullmatch(key)))
    ]
    if partner.art == "behoerde" and not partner.behoerden:
        found.append(f"{place} behoerden: mindestens eine angeben")
    if partner.weg == "as2" and partner.url and not partner.url.startswith("https://"):
        found.append(f"{place} url: muss mit https:// beginnen")
    if partner.mdn_url and not partner.mdn_url.startswith("https://"):
        found.append(f"{place} mdn_url: muss mit https:// beginnen")
    if partner.mdn == "async" and partner.weg != "as2":
        found.append(f"{place} mdn: async gibt es nur mit weg = as2")
    if partner.adresse and any(c in "\r\n" or c.isspace() for c in partner.adresse):
        found.append(f"{place} adresse: darf keine Leerzeichen oder Zeilenumbrüche enthalten")
    has = {certificate.zweck for certificate in partner.zertifikate}
    if not has & {"signatur", "quittung"}:
        found.append(f"{place} zertifikate: eines mit zweck = signatur fehlt; ohne es ist keine Quittung prüfbar")
    if partner.weg != "abruf" and "verschluesselung" not in has:
        found.append(f"{place} zertifikate: eines mit zweck = verschluesselung fehlt")
    return found + key_problems(place, partner)


def _twice(what: str, values: Sequence[str]) -> list[str]:
    return [f"{what} {value} kommt mehrfach vor" for value in sorted({v for v in values if values.count(v) > 1})]
