"""The cast: folders, keys, certificates, agreements and processes of the demo.

Promises: everything lies in one folder, listens on loopback only and ends with the demo.
Fails: `DemoFailed` when a process does not become ready in time.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from gateway.config import Config, load
from gateway.partner import Partner, Zertifikat
from gateway.pki import KeyPair, agreed, load_pair, write_pair
from gateway.pki_issue import DevelopmentCa, Request
from gateway.seal.identity import Identity

READY_S = 60.0
"""How long a gateway may take to start: seconds even on a slow machine."""
HOST = "127.0.0.1"

JVA = "gds:R8088"
POLIZEI = "pol:05211370455501"
STA = "gds:R3300S"
KOELN = "abh:05315000"
ZAB = "zab:koeln"
RHEIN_SIEG = "abh:05382"
MAILBOX = "abh@rhein-sieg-kreis.example"


class DemoFailed(Exception):
    """An expectation of the demo did not hold."""


PORTS = range(20_000, 32_000)
"""Below those that Linux gives to outgoing connections: one of these could take the port before its server starts."""


def free_port() -> int:
    """A port that is free now.

    Raises:
        OSError: none of many tries was.
    """
    for _ in range(100):
        port = secrets.choice(PORTS)
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind((HOST, port))
            return port
    raise OSError("kein freier Port")


@dataclass
class Site:
    """One gateway of the demo: its folder, its ports, its process."""

    folder: Path
    kennung: str
    eigene: tuple[str, ...] = ()
    ports: dict[str, int] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def toml(self) -> Path:
        """Its configuration."""
        return self.folder / "gateway.toml"

    @property
    def as2_name(self) -> str:
        """What it calls itself in AS2."""
        return self.kennung.replace(":", "-")

    @property
    def as2_url(self) -> str:
        """Where its AS2 listener is reached."""
        return f"https://localhost:{self.ports['as2']}/as2"

    @property
    def pages_url(self) -> str:
        """Where its pages for people are reached."""
        return f"https://localhost:{self.ports['betrieb']}/betrieb/"

    @property
    def api_url(self) -> str:
        """Where its API is reached."""
        return f"https://localhost:{self.ports['api']}"

    def gateway(self, *arguments: str) -> str:
        """Run a command of this program for this gateway; its output."""
        command = [sys.executable, "-m", "gateway", "--config", str(self.toml), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
        if done.returncode:
            raise DemoFailed(f"gateway {' '.join(arguments)}: {done.stderr or done.stdout}")
        return done.stdout

    def make(self, ca: DevelopmentCa, mail_port: int | None = None) -> None:
        """`gateway init`, then a TLS certificate of the demo's CA and ports of its own."""
        arguments = ["init", str(self.folder), "--kennung", self.kennung]
        for key in self.eigene:
            arguments += ["--eigene", key]
        self.gateway(*arguments)
        for folder in ("trust", "trust/partner"):
            (self.folder / folder / "ca.crt").write_text(ca.pem)
        for ending in ("key", "crt"):
            (self.folder / "keys" / f"tls.{ending}").unlink()
        tls = ca.issue(Request(purpose="tls", name=self.kennung, hosts=("localhost", HOST)))
        write_pair(tls, self.folder / "keys" / "tls")
        self.ports = {name: free_port() for name in ("api", "as2", "betrieb", "status", "mail")}
        self.toml.write_text(self._adjusted(self.toml.read_text(), mail_port))

    def _adjusted(self, text: str, mail_port: int | None) -> str:
        for name, port in self.ports.items():
            pattern = rf'(\[{name}\]\n(?:[^\[]*\n)*?)adresse = "[^"]*"'
            text = re.sub(pattern, rf'\g<1>adresse = "{HOST}:{port}"', text, count=1)
        text = text.replace("private_adressen = false", "private_adressen = true")
        text = text.replace("vier_augen = true", "vier_augen = false")  # there is one person at the pages
        text = text.replace("backoff_start_sekunden = 60", "backoff_start_sekunden = 0.5")
        if mail_port is not None:
            text = text.replace('# postfach = "gateway@example.org"', 'postfach = "quittung@gateway.example"')
            text += (
                f'\n[postausgang]\nhost = "{HOST}"\nport = {mail_port}\nsicherheit = "keine"\n'
                'absender = "quittung@gateway.example"\n'
            )
        return text

    def admit(self, pair: KeyPair, *behoerden: str, rolle: str = "fachverfahren") -> None:
        """A client certificate gets in."""
        keys = ", ".join(f'"{key}"' for key in behoerden)
        with self.toml.open("a") as file:
            file.write(f'\n[[zugang]]\nsha256 = "{pair.sha256}"\nbehoerden = [{keys}]\nrollen = ["{rolle}"]\n')
            file.write("ab = 2020-01-01\nbis = 2099-12-31\n")

    def config(self) -> Config:
        """Its configuration as it is now."""
        return load(self.toml)

    def pair(self, purpose: str) -> KeyPair:
        """One of its key pairs."""
        stem = self.folder / "keys" / purpose
        files = self.config().schluessel.files(purpose)[0]  # type: ignore[arg-type]
        assert files.key.with_suffix("") == stem
        return load_pair(files)

    def certificates(self, ca: DevelopmentCa) -> tuple[Zertifikat, ...]:
        """What a partner needs of it."""
        sign, encrypt = self.pair("sign").certificate, self.pair("encrypt").certificate
        return (
            agreed("signatur", sign),
            agreed("quittung", sign),
            agreed("verschluesselung", encrypt),
            agreed("tls", ca.certificate),
        )

    def agree(self, *partners: Partner) -> None:
        """`gateway partners add` from a file."""
        file = self.folder / "partner.toml"
        file.write_text("\n".join(_toml(partner) for partner in partners))
        self.gateway("partners", "add", "--toml", str(file))

    def start(self) -> None:
        """`gateway serve`, until it is ready."""
        ready = self.folder / "ready.json"
        ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", "gateway", "--config", str(self.toml), "serve", "--ready-file", str(ready)]
        with (self.folder / "gateway.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)  # noqa: S603
        until = time.monotonic() + READY_S
        while not ready.exists():
            if self.process.poll() is not None or time.monotonic() > until:
                raise DemoFailed(f"{self.kennung} startet nicht; siehe {self.folder / 'gateway.log'}")
            time.sleep(0.05)
        self.ports |= json.loads(ready.read_text())

    def stop(self) -> None:
        """SIGTERM, and wait."""
        if self.process is not None and self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGTERM)
            self.process.wait(READY_S)
        self.process = None


@dataclass
class Cast:
    """Everybody who takes part."""

    folder: Path
    ca: DevelopmentCa
    hub: Site
    edge: Site
    clients: dict[str, KeyPair]
    """TLS pair by authority key."""
    jva_sign: KeyPair
    """With it JVA Köln signs what it fetched."""
    mailbox: Identity
    mail_port: int


def make(folder: Path) -> Cast:
    """Keys, configurations and agreements of everybody; nothing runs yet."""
    ca = DevelopmentCa.create("Vorführ-CA")
    mail_port = free_port()
    hub = Site(folder / "hub", "gw:nrw")
    edge = Site(folder / "edge", "gw:koeln", (KOELN, ZAB))
    hub.make(ca, mail_port)
    edge.make(ca)
    clients = {key: ca.issue(Request(purpose="tls", name=key)) for key in (JVA, POLIZEI, STA, KOELN)}
    (folder / "clients").mkdir()
    (folder / "clients" / "ca.crt").write_text(ca.pem)
    for key, pair in clients.items():
        write_pair(pair, folder / "clients" / key.replace(":", "-"))
        hub.admit(pair, key)
    edge.admit(clients[KOELN], KOELN, ZAB)
    sign = ca.issue(Request(purpose="sign", name="Rhein-Sieg-Kreis", mail="abh@rhein-sieg-kreis.example"))
    encrypt = ca.issue(Request(purpose="encrypt", name="Rhein-Sieg-Kreis", mail="abh@rhein-sieg-kreis.example"))
    mailbox = Identity(
        "abh@rhein-sieg-kreis.example", sign.key, sign.certificate, ((encrypt.key, encrypt.certificate),)
    )
    cast = Cast(folder, ca, hub, edge, clients, ca.issue(Request(purpose="sign", name=JVA)), mailbox, mail_port)
    write_pair(cast.jva_sign, folder / "clients" / "gds-R8088-sign")
    _agree(cast, encrypt)
    return cast


def _agree(cast: Cast, mail_encrypt: KeyPair) -> None:
    """The agreements, on both sides."""
    hub, edge, box = cast.hub, cast.edge, cast.mailbox
    cast.hub.agree(
        Partner(
            id="koeln",
            behoerden=(KOELN, ZAB),
            weg="as2",
            url=edge.as2_url,
            as2_id=edge.as2_name,
            test=True,
            zertifikate=edge.certificates(cast.ca),
        ),
        Partner(
            id="rhein-sieg-kreis",
            behoerden=(RHEIN_SIEG,),
            weg="mail",
            adresse=box.name,
            zertifikate=(
                agreed("signatur", box.sign_cert),
                agreed("quittung", box.sign_cert),
                agreed("verschluesselung", mail_encrypt.certificate),
            ),
        ),
        Partner(
            id="jva-koeln",
            behoerden=(JVA,),
            weg="abruf",
            zertifikate=(agreed("signatur", cast.jva_sign.certificate),),
        ),
    )
    cast.edge.agree(
        Partner(
            id="hub",
            art="vermittler",
            behoerden=(),
            weg="as2",
            url=hub.as2_url,
            as2_id=hub.as2_name,
            mdn_url=hub.as2_url,
            test=True,
            zertifikate=hub.certificates(cast.ca),
        )
    )


def _toml(partner: Partner) -> str:
    """An agreement as `gateway partners add --toml` reads it."""
    value = partner.model_dump(mode="json", exclude_defaults=True, exclude={"zertifikate"})
    lines = ["[[partner]]", *(f"{key} = {json.dumps(item)}" for key, item in {"weg": partner.weg, **value}.items())]
    for certificate in partner.zertifikate:
        lines += [
            "[[partner.zertifikate]]",
            f'zweck = "{certificate.zweck}"',
            f'pem = """{certificate.pem}"""',
            f"ab = {certificate.ab}",
            f"bis = {certificate.bis}",
        ]
    return "\n".join(lines) + "\n"


def now() -> datetime:
    """Now, for letters and signatures of the cast."""
    return datetime.now(UTC)
