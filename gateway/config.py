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

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from gateway.config_errors import findings
from gateway.config_fields import (
    GATEWAY_KEY,
    Address,
    AuthorityKey,
    LocalPath,
    Number,
    PublicUrl,
    Whole,
    is_loopback,
    one_or_many,
    pair_file,
    resolve,
    split_address,
)
from routing import ANLAESSE, Einstellungen, Erlaubnis
from routing.regelwerk import VORRANG_TAGE

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


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True)


class Gateway(_Table):
    """Who this gateway is."""

    kennung: str
    """Its own key, `gw:<name>`."""
    eigene: tuple[AuthorityKey, ...] = ()
    """An edge lists the authorities that it stands for; a hub lists none."""
    produktion: Annotated[bool, Strict()] = False
    """Real traffic: certificates of the development CA are then trusted nowhere, neither partners' nor our own."""

    @field_validator("kennung")
    @classmethod
    def _is_gateway(cls, value: str) -> str:
        if not GATEWAY_KEY.fullmatch(value):
            raise ValueError(
                "keine Gateway-Kennung; erwartet wird gw:<name> aus Kleinbuchstaben und Ziffern, etwa gw:nrw"
            )
        return value


class _Listener(_Table):
    adresse: Address

    @property
    def host(self) -> str:
        """Host to bind."""
        return split_address(self.adresse)[0]

    @property
    def port(self) -> int:
        """Port to bind; 0 lets the system choose."""
        return split_address(self.adresse)[1]


class Api(_Listener):
    """Listener of `/v1`: mutual TLS."""

    adresse: Address = "127.0.0.1:8443"
    oeffentliche_url: PublicUrl | None = None
    """How callers reach it (`receipt.url`, `Location`); without it, relative addresses are given."""


class As2(_Listener):
    """Listener of AS2: TLS, partners are known by their CMS signature."""

    adresse: Address = "127.0.0.1:8444"
    oeffentliche_url: PublicUrl | None = None
    """How partners reach it; needed for asynchronous receipts."""
    name: Annotated[str, Field(pattern=r"^[!#-\[\]-~]{1,128}$")] | None = None
    """Our AS2 name (AS2-atomic-name, RFC 4130 section 6.2); without it `kennung` with a hyphen for the colon."""


class Betrieb(_Listener):
    """Listener of the pages: TLS, people, no client certificate."""

    adresse: Address = "127.0.0.1:8445"
    oeffentliche_url: PublicUrl | None = None


class Status(_Listener):
    """Listener of /healthz, /readyz, /metrics: plain HTTP, so loopback only."""

    adresse: Address = "127.0.0.1:8446"

    @field_validator("adresse")
    @classmethod
    def _stays_here(cls, value: str) -> str:
        if not is_loopback(split_address(value)[0]):
            raise ValueError(
                "muss auf dem eigenen Rechner bleiben (127.0.0.1 oder [::1]), denn hier wird nicht verschlüsselt"
            )
        return value


class Mail(_Listener):
    """Listener of LMTP/SMTP: receipts that come by mail."""

    adresse: Address = "127.0.0.1:8025"
    postfach: Annotated[str, Field(pattern=r"^[^\s@<>]+@[^\s@<>]+$", max_length=254)] | None = None
    """Our registered mail address, to which partners send their receipts; needed for `weg = "mail"`."""


class Store(_Table):
    """Where everything is kept."""

    url: Annotated[str, Field(repr=False)] = "sqlite:///gateway.db"
    """`sqlite:///FILE` (made absolute here) or `postgresql://…`."""
    schluessel: LocalPath = Path("keys/store.key")
    """File with the 32-byte key, in hex or base64, that wraps the keys of stored content."""

    @field_validator("url")
    @classmethod
    def _absolute(cls, value: str, info: ValidationInfo) -> str:
        scheme, separator, rest = value.partition("://")
        if separator and scheme in ("postgresql", "postgres") and rest:
            return value
        if scheme != "sqlite" or len(rest) < 2 or not rest.startswith("/"):
            raise ValueError("erwartet wird „sqlite:///DATEI“ oder „postgresql://…“")
        return f"sqlite:///{resolve(Path(rest[1:]), info)}"


class KeyFiles(_Table):
    """One private key and its certificate."""

    key: Path
    crt: Path


OwnUse = Literal["sign", "encrypt", "tls", "log", "mdn", "tls_client"]
"""What a pair of our own is for; receipts are signed by `sign`, servers are shown `tls`, where they have none."""
_STANDS_IN = {"mdn": "sign", "tls_client": "tls"}


class Schluessel(_Table):
    """Our key pairs, as paths without ending (`keys/sign` is `keys/sign.key` and `keys/sign.crt`) or as PKCS#12.

    Each purpose takes a list, so that a new pair can stand beside the old one; a pair counts while its certificate
    is valid, and the newest valid one signs.
    """

    sign: Annotated[tuple[LocalPath, ...], BeforeValidator(one_or_many), Field(min_length=1)] = (Path("keys/sign"),)
    encrypt: Annotated[tuple[LocalPath, ...], BeforeValidator(one_or_many), Field(min_length=1)] = (
        Path("keys/encrypt"),
    )
    tls: Annotated[tuple[LocalPath, ...], BeforeValidator(one_or_many), Field(min_length=1)] = (Path("keys/tls"),)
    log: Annotated[tuple[LocalPath, ...], BeforeValidator(one_or_many), Field(min_length=1)] = (Path("keys/log"),)
    mdn: Annotated[tuple[LocalPath, ...], BeforeValidator(one_or_many)] = ()
    tls_client: Annotated[tuple[LocalPath, ...], BeforeValidator(one_or_many)] = ()

    def files(self, purpose: OwnUse) -> tuple[KeyFiles, ...]:
        """Key and certificate files of one purpose, in the order of the configuration."""
        stems: tuple[Path, ...] = getattr(self, purpose) or getattr(self, _STANDS_IN.get(purpose, purpose))
        return tuple(KeyFiles(key=pair_file(stem, ".key"), crt=pair_file(stem, ".crt")) for stem in stems)


class Vertrauen(_Table):
    """Whom we trust to issue certificates, and what counts while nobody tells whether one was revoked."""

    verzeichnis: LocalPath = Path("trust")
    """Folder of CA certificates (PEM, *.crt or *.pem) for API clients."""
    partner_verzeichnis: LocalPath = Path("trust/partner")
    """Folder of further CA certificates to which partners' certificates may lead, where they are not self-signed."""
    unbekannt: Literal["annehmen", "warnen", "ablehnen"] = "warnen"
    """What happens to a partner's certificate while nobody tells whether it was revoked."""
    karenz_stunden: Annotated[Number, Field(ge=0, le=24 * 366)] = 72.0
    """How long an answer about revocation counts beyond its own end: a weekend without the CA's host passes."""
    private_adressen: Annotated[bool, Strict()] = False
    """Whether hosts of CRLs and OCSP may live at private or loopback addresses (own networks)."""


class Zustellung(_Table):
    """Delivery: back-off, age limit, parallel work (design.md section 4)."""

    backoff_start_sekunden: Annotated[Number, Field(gt=0)] = 60.0
    backoff_faktor: Annotated[Number, Field(ge=1)] = 2.0
    backoff_hoechstens_sekunden: Annotated[Number, Field(gt=0)] = 3600.0
    streuung: Annotated[Number, Field(ge=0, lt=1)] = 0.2
    """Share of the waiting time by which it is spread at random, so that tries do not come in step."""
    hoechstalter_stunden: Annotated[Number, Field(gt=0)] = 120.0
    """After this age a delivery has failed for good; 5 days, as mail servers do."""
    gleichzeitig: Annotated[Whole, Field(ge=1, le=20)] = 5
    """Parallel deliveries to one partner, where its agreement says nothing else."""
    arbeiter: Annotated[Whole, Field(ge=0, le=64)] = 1
    """Worker tasks of this process; 0 accepts only."""
    zeitlimit_sekunden: Annotated[Number, Field(gt=0)] = 60.0
    """How long one try may wait for the partner's next byte."""
    private_adressen: Annotated[bool, Strict()] = False
    """Whether partners may live at private or loopback addresses (own networks, demo)."""

    @model_validator(mode="after")
    def _cap_above_start(self) -> Self:
        if self.backoff_hoechstens_sekunden < self.backoff_start_sekunden:
            raise ValueError("backoff_hoechstens_sekunden muss mindestens backoff_start_sekunden sein")
        return self


class Schemata(_Table):
    """Official schema packs and what is valid when (design.md section 3)."""

    packs: LocalPath = Path("packs")
    vorschau: tuple[str, ...] = ()
    """Named previews that are accepted before their day, such as `xjustiz-4.0.0`."""
    ueberlappung_tage: Annotated[Whole, Field(ge=0, le=366)] = 0
    """Days for which the version before is still accepted after a change."""
    zuordnung: LocalPath | None = None
    """Mapping of the official MiStra notice to Anlässe; without it, the packaged one."""


class RegelErlaubnis(_Table):
    """A sender that may post an Anlass although no row of the decree names its kind; the notice goes to Klärung."""

    absender: AuthorityKey
    anlass: str
    grund: Annotated[str, Field(min_length=1, max_length=500)]
    bis: date
    """Last day of the permit."""

    @field_validator("anlass")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value not in ANLAESSE:
            raise ValueError("kein Anlass des Erlasses; `gateway rules` zeigt sie alle")
        return value


class Regeln(_Table):
    """What an operator may set about the rules (requirements.md section 2a)."""

    vorrang_tage: Annotated[Whole, Field(ge=0, le=366)] = VORRANG_TAGE
    """A release at most this many days ahead is imminent and has Vorrang (Nr. 5.3 Satz 2)."""
    frist_am_wochenende: Literal["unverschoben", "vorgezogen"] = "unverschoben"
    """A deadline on a Saturday or Sunday stays there, or moves to the Friday before (Nr. 5.6 Satz 1)."""
    erlaubnis: tuple[RegelErlaubnis, ...] = ()

    def einstellungen(self) -> Einstellungen:
        """The same as the rules take it."""
        erlaubnisse = tuple(Erlaubnis(e.absender, e.anlass, e.grund, e.bis) for e in self.erlaubnis)
        return Einstellungen(self.vorrang_tage, self.frist_am_wochenende, erlaubnisse)


class Fristen(_Table):
    """When somebody is reminded, and when somebody is told that nothing happens."""

    vorlauf_tage: Annotated[Whole, Field(ge=0, le=366)] = 14
    """A duty with a day of its own (Nr. 5.6) is reminded so many days ahead: two weeks are left to examine."""
    undatiert_tage: Annotated[Whole, Field(ge=0, le=366)] = 7
    """A duty that is due at once („unverzüglich“, „umgehend“) is reminded so many days after it opened."""
    zurueckstellung_tage: Annotated[Whole, Field(ge=1, le=366)] = 30
    """How often the sender of a withheld notice is reminded to see whether the reason still holds (Nr. 1)."""
    abholung_tage: Annotated[Whole, Field(ge=0, le=366)] = 3
    """An inbox entry that nobody has collected for so many days raises an alarm: a weekend passes without one."""


class Postausgang(_Table):
    """The mail server that takes our outgoing mail."""

    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]+$")]
    port: Annotated[Whole, Field(ge=1, le=65535)] = 587
    sicherheit: Literal["starttls", "tls", "keine"] = "starttls"
    """`keine` only to this machine itself."""
    benutzer: str | None = None
    kennwort_datei: LocalPath | None = None
    """File that holds the password; it is never written into the configuration."""
    ca: LocalPath | None = None
    """CA certificates (PEM) that the mail server's certificate must lead to; without it, those of the system."""
    absender: Annotated[str, Field(pattern=r"^[^\s@<>]+@[^\s@<>]+$", max_length=254)]

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if self.sicherheit == "keine" and not is_loopback(self.host):
            raise ValueError('sicherheit = "keine" ist nur zum eigenen Rechner erlaubt; starttls oder tls eintragen')
        if (self.benutzer is None) != (self.kennwort_datei is None):
            raise ValueError("benutzer und kennwort_datei gehören zusammen; beide eintragen oder beide streichen")
        return self


class Zugang(_Table):
    """What one client certificate may do."""

    sha256: str
    """SHA-256 of the certificate's DER; colons and capitals are tolerated on reading."""
    behoerden: tuple[AuthorityKey, ...] = ()
    rollen: Annotated[tuple[Rolle, ...], Field(min_length=1)] = ("fachverfahren",)
    ab: date
    bis: date

    @field_validator("sha256")
    @classmethod
    def _is_hash(cls, value: str) -> str:
        plain = value.replace(":", "").strip().lower()
        if not re.fullmatch(r"[0-9a-f]{64}", plain):
            raise ValueError(
                "kein SHA-256 (64 Hex-Ziffern); `gateway certs list` oder openssl x509 -fingerprint -sha256 zeigt ihn"
            )
        return plain

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


class Config(_Table):
    """The whole file."""

    gateway: Gateway
    api: Api = Api()
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
    postausgang: Postausgang | None = None
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

    @property
    def as2_name(self) -> str:
        """Our AS2 name: the configured one, else `kennung` with a hyphen for the colon."""
        return self.as2.name or self.gateway.kennung.replace(":", "-")

    def zugang_for(self, sha256: str, day: date) -> Zugang | None:
        """The entry of a client certificate, by `hash_of_certificate`; None without one whose window holds `day`."""
        return next((entry for entry in self.zugang if entry.sha256 == sha256 and entry.gilt(day)), None)


_WITH_PATHS = ("store", "schluessel", "vertrauen", "schemata")
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
