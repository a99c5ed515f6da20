"""The tables of the configuration file, one frozen value each (contracts.md section 2); `gateway.config` joins them.

Promises: a table that exists is checked; its paths are absolute; no `repr` shows a value that may be secret.
Fails: pydantic's `ValidationError`, whose German sentences `gateway.config_errors` puts into words.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    ValidationInfo,
    field_validator,
    model_validator,
)

from gateway.config_fields import (
    GATEWAY_KEY,
    Address,
    AuthorityKey,
    KeySource,
    LocalPath,
    Number,
    PublicUrl,
    WebhookUrl,
    Whole,
    is_loopback,
    one_or_many,
    pair_file,
    resolve,
    split_address,
)
from routing import ANLAESSE, Einstellungen, Erlaubnis
from routing.regelwerk import VORRANG_TAGE


class Table(BaseModel):
    """What all tables share: frozen, no unknown key, no input in error texts."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True)


class Gateway(Table):
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


class _Listener(Table):
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
    anfragen_je_minute: Annotated[Whole, Field(ge=60, le=10_000_000)] = 60_000
    """Requests that one certificate may make at once, and again in each minute. More than the largest data centre sends
    on its busiest day, and less than this gateway answers: it stops who asks in an endless loop, and nobody else."""


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
    vier_augen: Annotated[bool, Strict()] = True
    """Whether our own staff sees content only after a second person agreed."""
    einsicht_minuten: Annotated[Whole, Field(ge=1, le=1440)] = 30
    """How long content may be looked at, once it may."""
    sitzung_minuten: Annotated[Whole, Field(ge=1, le=1440)] = 30
    """A session ends when nothing was done for so long."""
    sitzung_stunden: Annotated[Whole, Field(ge=1, le=24)] = 10
    """A session ends so long after the log-in, whatever is done."""
    lokale_konten: Annotated[bool, Strict()] = True
    """Whether accounts with a password of our own may log in; without them, `[anmeldung]` is the only way."""


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
    """Listener of LMTP/SMTP: messages, receipts and returned mails that a mail server hands over."""

    adresse: Address = "127.0.0.1:8025"
    postfach: Annotated[str, Field(pattern=r"^[^\s@<>]+@[^\s@<>]+$", max_length=254)] | None = None
    """Our registered mail address, by which partners know us and to which they send; needed for `weg = "mail"`."""


class Store(Table):
    """Where everything is kept."""

    url: Annotated[str, Field(repr=False)] = "sqlite:///gateway.db"
    """`sqlite:///FILE` (made absolute here) or `postgresql://…`."""
    schluessel: Annotated[tuple[KeySource, ...], BeforeValidator(one_or_many), Field(min_length=1)] = (
        "keys/store.key",
    )
    """Keys that wrap the keys of the store: files or `env:NAME`, see gateway/kek.py. The first wraps what is new."""

    @field_validator("url")
    @classmethod
    def _absolute(cls, value: str, info: ValidationInfo) -> str:
        scheme, separator, rest = value.partition("://")
        if separator and scheme in ("postgresql", "postgres") and rest:
            return value
        if scheme != "sqlite" or len(rest) < 2 or not rest.startswith("/"):
            raise ValueError("erwartet wird „sqlite:///DATEI“ oder „postgresql://…“")
        return f"sqlite:///{resolve(Path(rest[1:]), info)}"


class KeyFiles(Table):
    """One private key and its certificate."""

    key: Path
    crt: Path


OwnUse = Literal["sign", "encrypt", "tls", "log", "mdn", "tls_client"]
"""What a pair of our own is for; receipts are signed by `sign`, servers are shown `tls`, where they have none."""
_STANDS_IN = {"mdn": "sign", "tls_client": "tls"}


class Schluessel(Table):
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


class Vertrauen(Table):
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


class Zustellung(Table):
    """Delivery: back-off, age limit, parallel work (design.md section 4)."""

    backoff_start_sekunden: Annotated[Number, Field(gt=0)] = 60.0
    backoff_faktor: Annotated[Number, Field(ge=1)] = 2.0
    backoff_hoechstens_sekunden: Annotated[Number, Field(gt=0)] = 3600.0
    streuung: Annotated[Number, Field(ge=0, lt=1)] = 0.2
    """Share of the waiting time by which it is spread at random, so that tries do not come in step."""
    hoechstalter_stunden: Annotated[Number, Field(gt=0)] = 120.0
    """After this age a delivery has failed for good; 5 days, as mail servers do."""
    verzug_stunden: Annotated[Number, Field(gt=0)] = 24.0
    """What has not arrived so many hours after its acceptance is told to its sender, once for each recipient."""
    gleichzeitig: Annotated[Whole, Field(ge=1, le=20)] = 5
    """Parallel deliveries to one partner at first; up to 20 while it answers well, if its agreement allows them."""
    unterbrechung_nach: Annotated[Whole, Field(ge=1, le=1000)] = 5
    """After so many failures in a row that concern the partner, its lane pauses."""
    unterbrechung_sekunden: Annotated[Number, Field(gt=0)] = 60.0
    """The first pause; each further one is twice as long, up to `backoff_hoechstens_sekunden`."""
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


class Schemata(Table):
    """Official schema packs and what is valid when (design.md section 3)."""

    packs: LocalPath = Path("packs")
    vorschau: tuple[str, ...] = ()
    """Named previews that are accepted before their day, such as `xjustiz-4.0.0`."""
    ueberlappung_tage: Annotated[Whole, Field(ge=0, le=366)] = 0
    """Days for which the version before is still accepted after a change."""
    zuordnung: LocalPath | None = None
    """Mapping of the official MiStra notice to Anlässe; without it, the packaged one."""


class RegelErlaubnis(Table):
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


class Regeln(Table):
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


class Fristen(Table):
    """When somebody is reminded, and when somebody is told that nothing happens."""

    vorlauf_tage: Annotated[Whole, Field(ge=0, le=366)] = 14
    """A duty with a day of its own (Nr. 5.6) is reminded so many days ahead: two weeks are left to examine."""
    undatiert_tage: Annotated[Whole, Field(ge=0, le=366)] = 7
    """A duty that is due at once („unverzüglich“, „umgehend“) is reminded so many days after it opened."""
    zurueckstellung_tage: Annotated[Whole, Field(ge=1, le=366)] = 30
    """How often the sender of a withheld notice is reminded to see whether the reason still holds (Nr. 1)."""
    abholung_tage: Annotated[Whole, Field(ge=0, le=366)] = 3
    """An inbox entry that nobody has collected for so many days raises an alarm: a weekend passes without one."""


class Aufbewahrung(Table):
    """How long content stays after a message has ended; digests, decisions and evidence stay longer."""

    tage: Annotated[Whole, Field(ge=1, le=3660)] = 90
    """Days after the last step: long enough to forward a notice, short enough to keep no second file on a person."""
    je_anlass: dict[str, Annotated[Whole, Field(ge=1, le=3660)]] = {}
    """Other days for single Anlässe."""
    taeglich: Annotated[bool, Strict()] = True
    """Whether a gateway that serves deletes once a day; else `gateway purge` does."""
    stunde: Annotated[Whole, Field(ge=0, le=23)] = 3
    """From which hour on (German time)."""

    @field_validator("je_anlass")
    @classmethod
    def _are_known(cls, value: dict[str, int]) -> dict[str, int]:
        unknown = sorted(set(value) - set(ANLAESSE))
        if unknown:
            raise ValueError(f"„{unknown[0]:.60}“ ist kein Anlass des Erlasses; `gateway rules` zeigt sie alle")
        return value

    def days(self, anlass: str | None) -> int:
        """Days for a message of this Anlass."""
        return self.je_anlass.get(anlass or "", self.tage)

    @property
    def shortest(self) -> int:
        """The least of all days."""
        return min((self.tage, *self.je_anlass.values()))


class Alarme(Table):
    """Who is told when something needs a person, and from when on it does."""

    mail: tuple[Annotated[str, Field(pattern=r"^[^\s@<>]+@[^\s@<>]+$", max_length=254)], ...] = ()
    """Addresses that get a mail; needs [postausgang]."""
    webhook_url: Annotated[WebhookUrl | None, Field(repr=False)] = None
    """Where a signed POST goes; its path may be a secret of the receiver."""
    webhook_geheimnis: KeySource | None = None
    """File, or `env:NAME`, with the secret that signs it; at least 24 characters."""
    private_adressen: Annotated[bool, Strict()] = False
    """Whether the webhook's host may live at a private or loopback address."""
    wiederholung_stunden: Annotated[Number, Field(gt=0)] = 24.0
    """What is still so is told again after so many hours."""
    ruhe_minuten: Annotated[Number, Field(ge=0)] = 10.0
    """What comes and goes has ended only when it was not so for so long."""
    zertifikat_tage: Annotated[Whole, Field(ge=0, le=366)] = 30
    klaerung_stunden: Annotated[Number, Field(gt=0)] = 24.0
    gescheitert_stunden: Annotated[Number, Field(gt=0)] = 24.0
    warteschlange_stunden: Annotated[Number, Field(gt=0)] = 4.0
    protokoll_minuten: Annotated[Number, Field(gt=0)] = 15.0
    platz_megabyte: Annotated[Whole, Field(ge=0)] = 1024
    sicherung_tage: Annotated[Whole, Field(ge=0, le=366)] = 7
    """0: never."""

    @model_validator(mode="after")
    def _signs(self) -> Self:
        if (self.webhook_url is None) != (self.webhook_geheimnis is None):
            raise ValueError("webhook_url und webhook_geheimnis gehören zusammen; beide eintragen oder beide streichen")
        return self


class Postausgang(Table):
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
    absender: Annotated[str, Field(pattern=r"^[^\s@<>]{1,39}@[^\s@<>]+$", max_length=229)]
    """The return path, without the token of each try: `+` and 24 letters, by which a returned mail is known."""

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if self.sicherheit == "keine" and not is_loopback(self.host):
            raise ValueError('sicherheit = "keine" ist nur zum eigenen Rechner erlaubt; starttls oder tls eintragen')
        if (self.benutzer is None) != (self.kennwort_datei is None):
            raise ValueError("benutzer und kennwort_datei gehören zusammen; beide eintragen oder beide streichen")
        return self
