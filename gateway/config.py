"""The configuration of one gateway: the file `gateway.toml` as one frozen value (contracts.md section 2).

Promises: what `load` returns is complete and checked; every relative path in it is absolute, counted from the file;
an unknown key, a wrong type or an impossible value is an error that names file, key and mend in German. No error
text and no `repr` shows a value that may be secret (a store's URL can hold a password).
Fails: `ConfigError`.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from gateway.config_errors import findings
from gateway.config_fields import AuthorityKey, Fingerprint
from gateway.config_proxy import Proxy
from gateway.config_signon import Anmeldung
from gateway.config_tables import (
    Alarme,
    Api,
    As2,
    Aufbewahrung,
    Betrieb,
    Fristen,
    Gateway,
    Mail,
    Postausgang,
    Regeln,
    Schemata,
    Schluessel,
    Status,
    Store,
    Table,
    Vertrauen,
    Zustellung,
)

FILE_LIMIT = 4 * 1024 * 1024
"""Largest configuration that is read: ten thousand `zugang` entries take about 2 MB."""

Rolle = Literal["fachverfahren", "betrieb", "revision", "verwaltung"]


class ConfigError(Exception):
    """The configuration cannot be used; `str()` is German and names file, key and mend, one line a finding."""

    def __init__(self, path: Path, lines: list[str]) -> None:
        self.path = path
        self.lines = tuple(lines)
        super().__init__("\n".join(f"{path}: {line}" for line in lines))


def hash_of_certificate(der: bytes) -> str:
    """SHA-256 of a certificate's DER in lower-case hex: what a `zugang` entry names (contracts.md section 2)."""
    return hashlib.sha256(der).hexdigest()


class Zugang(Table):
    """What one client certificate may do."""

    sha256: Fingerprint
    """SHA-256 of the certificate's DER; colons and capitals are tolerated on reading."""
    behoerden: tuple[AuthorityKey, ...] = ()
    rollen: Annotated[tuple[Rolle, ...], Field(min_length=1)] = ("fachverfahren",)
    ab: date
    bis: date

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.bis < self.ab:
            raise ValueError("bis liegt vor ab")
        if "fachverfahren" in self.rollen and not self.behoerden:
            raise ValueError("die Rolle fachverfahren braucht mindestens eine Behörde in behoerden")
        return self

    def gilt(self, day: date) -> bool:
        """Whether the window holds `day` (both ends included)."""
        return self.ab <= day <= self.bis


class Config(Table):
    """The whole file."""

    gateway: Gateway
    api: Api = Api()
    proxy: Proxy | None = None
    as2: As2 = As2()
    betrieb: Betrieb = Betrieb()
    status: Status = Status()
    mail: Mail = Mail()
    store: Store = Store()
    schluessel: Schluessel = Schluessel()
    vertrauen: Vertrauen = Vertrauen()
    zustellung: Zustellung = Zustellung()
    schemata: Schemata = Schemata()
    regeln: Regeln = Regeln()
    fristen: Fristen = Fristen()
    aufbewahrung: Aufbewahrung = Aufbewahrung()
    alarme: Alarme = Alarme()
    postausgang: Postausgang | None = None
    anmeldung: Anmeldung | None = None
    zugang: tuple[Zugang, ...] = ()

    @model_validator(mode="after")
    def _one_entry_per_certificate(self) -> Self:
        seen: dict[str, int] = {}
        for n, entry in enumerate(self.zugang, 1):
            if entry.sha256 in seen:
                raise ValueError(
                    f"zugang {seen[entry.sha256]} und {n} nennen dasselbe Zertifikat ({entry.sha256[:16]}…); "
                    "zu einem Eintrag zusammenfassen"
                )
            seen[entry.sha256] = n
        return self

    @model_validator(mode="after")
    def _somebody_gets_in(self) -> Self:
        if self.anmeldung is not None and self.betrieb.oeffentliche_url is None:
            raise ValueError(
                "[anmeldung] braucht [betrieb] oeffentliche_url: dorthin schickt der Anmeldedienst Menschen zurück"
            )
        if self.anmeldung is None and not self.betrieb.lokale_konten:
            raise ValueError("[betrieb] lokale_konten = false braucht [anmeldung], sonst käme niemand auf die Seiten")
        return self

    @model_validator(mode="after")
    def _alarms_can_be_mailed(self) -> Self:
        if self.alarme.mail and self.postausgang is None:
            raise ValueError("[alarme] mail: dafür fehlt der Mailserver; [postausgang] eintragen")
        return self

    @property
    def as2_name(self) -> str:
        """Our AS2 name: the configured one, else `kennung` with a hyphen for the colon."""
        return self.as2.name or self.gateway.kennung.replace(":", "-")

    def zugang_for(self, sha256: str, day: date) -> Zugang | None:
        """The entry of a client certificate, by `hash_of_certificate`; None without one whose window holds `day`."""
        return next((entry for entry in self.zugang if entry.sha256 == sha256 and entry.gilt(day)), None)


_WITH_PATHS = ("store", "schluessel", "vertrauen", "schemata", "alarme")
"""Tables that are read even where the file has none, so that their default paths count from the file, too."""


def parse(text: str, path: Path) -> Config:
    """The configuration that `text` holds; `path` is its file, for relative paths and for error texts.

    Raises:
        ConfigError: `text` is not TOML, or breaks a rule of contracts.md section 2.
    """
    try:
        table: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(path, [f"kein gültiges TOML: {_place(str(error))}"]) from None
    try:
        return Config.model_validate({key: {} for key in _WITH_PATHS} | table, context={"base": path.absolute().parent})
    except ValidationError as error:
        raise ConfigError(path, findings(error, Config)) from None


def _place(message: str) -> str:
    """Where TOML breaks, without the text that stands there."""
    at = re.search(r"line (\d+), column (\d+)", message)
    return f"Zeile {at[1]}, Spalte {at[2]} ist nicht lesbar" if at else "die Datei endet zu früh"


def load(path: Path) -> Config:
    """Read and check the file at `path`.

    Raises:
        ConfigError: the file cannot be read, or `parse` refuses it.
    """
    try:
        with path.open("rb") as file:
            data = file.read(FILE_LIMIT + 1)
    except FileNotFoundError:
        raise ConfigError(path, ["Datei fehlt; `gateway init DIR` legt eine an, --config nennt eine andere"]) from None
    except OSError as error:
        raise ConfigError(path, [f"Datei nicht lesbar ({error.strerror}); Rechte prüfen"]) from None
    if len(data) > FILE_LIMIT:
        raise ConfigError(path, [f"Datei größer als {FILE_LIMIT} Byte; das ist keine Konfiguration"])
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigError(path, ["Datei ist kein UTF-8; bitte als UTF-8 speichern"]) from None
    return parse(text, path)
