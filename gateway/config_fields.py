"""Forms of single settings: keys of authorities, addresses, paths.

Promises: pure; a value that has not the form is a `ValueError` whose German text says what is expected.
Fails: `ValueError`.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, Strict, ValidationInfo

from routing.leser import SCHLUESSEL

AUTHORITY_KEY = re.compile("|".join(f"{prefix}:(?:{form})" for prefix, form in SCHLUESSEL.items() if prefix != "gw"))
"""Keys of authorities (contracts.md section 1): the rule that the facts of a notice follow too, without gateways."""

GATEWAY_KEY = re.compile(r"gw:[a-z0-9]+(-[a-z0-9]+)*")
"""Keys of gateways (contracts.md section 1)."""


def _authority_key(value: str) -> str:
    if not AUTHORITY_KEY.fullmatch(value):
        raise ValueError(
            f"„{value[:60]}“ ist kein Behördenschlüssel; erwartet wird Präfix:Kennung, etwa abh:05315000, gds:R8088, "
            "pol:05171370484301, zab:koeln"
        )
    return value


def resolve(value: Path, info: ValidationInfo) -> Path:
    """A path counted from the configuration's folder, which stands in the context as `base`."""
    return Path(info.context["base"]) / value if info.context else value


P12 = frozenset({".p12", ".pfx"})
"""Endings of PKCS#12 containers: key and certificates in one file."""


def pair_file(stem: Path, ending: str) -> Path:
    """The file of a key pair that its stem and an ending name; a PKCS#12 container is both."""
    return stem if stem.suffix in P12 else stem.with_name(stem.name + ending)


def one_or_many(value: object) -> object:
    """A single text as a list of one."""
    return (value,) if isinstance(value, str) else value


def is_loopback(host: str) -> bool:
    """Whether a host name or address never leaves this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def split_address(value: str) -> tuple[str, int]:
    """`host:port` or `[v6]:port` as a pair.

    Raises:
        ValueError: anything else, in German.
    """
    match = re.fullmatch(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9._-]+)):(?P<port>\d{1,5})", value)
    if match is None or int(match["port"]) > 65535:
        raise ValueError("keine Adresse der Form „Rechner:Port“, etwa „127.0.0.1:8443“ oder „[::1]:8443“")
    return match["v6"] or match["host"], int(match["port"])


def _address(value: str) -> str:
    split_address(value)
    return value


def _fingerprint(value: str) -> str:
    """The SHA-256 of a certificate's DER as lower-case hex; colons and capitals are tolerated."""
    plain = value.replace(":", "").strip().lower()
    if not re.fullmatch(r"[0-9a-f]{64}", plain):
        raise ValueError(
            "kein SHA-256 (64 Hex-Ziffern); `gateway certs list` oder openssl x509 -fingerprint -sha256 zeigt ihn"
        )
    return plain


def _public_url(value: str) -> str:
    if not re.fullmatch(r"https://[^\s/?#@]+(/[^\s?#]*)?", value):
        raise ValueError("erwartet wird eine https-Adresse ohne Zugangsdaten, etwa „https://gateway.example.nrw“")
    return value.rstrip("/")


def _webhook_url(value: str) -> str:
    """https, or http to this machine itself."""
    found = re.fullmatch(r"(https?)://([^\s/?#@:\[\]]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[^\s#]*)?", value)
    if found is None or (found[1] == "http" and not is_loopback(found[2].strip("[]"))):
        raise ValueError(
            "erwartet wird eine https-Adresse ohne Zugangsdaten, etwa „https://alarm.example.nrw/gateway“ "
            "(http nur zum eigenen Rechner)"
        )
    return value


def _key_source(value: str, info: ValidationInfo) -> str:
    """A file, counted from the configuration's folder, `env:NAME`, or `cred:NAME`."""
    if value.startswith("cred:"):
        if not re.fullmatch(r"cred:[A-Za-z0-9_][A-Za-z0-9._-]*", value):
            raise ValueError("nach cred: steht der Name aus LoadCredential= der Unit, etwa cred:store.key")
        return value
    if not value.startswith("env:"):
        return str(resolve(Path(value), info))
    if not re.fullmatch(r"env:[A-Za-z_][A-Za-z0-9_]*", value):
        raise ValueError("nach env: steht der Name einer Umgebungsvariablen, etwa env:GATEWAY_STORE_KEY")
    return value


AuthorityKey = Annotated[str, AfterValidator(_authority_key)]
LocalPath = Annotated[Path, AfterValidator(resolve)]
KeySource = Annotated[str, AfterValidator(_key_source)]
Fingerprint = Annotated[str, AfterValidator(_fingerprint)]
Address = Annotated[str, AfterValidator(_address)]
WebhookUrl = Annotated[str, AfterValidator(_webhook_url)]
PublicUrl = Annotated[str, AfterValidator(_public_url)]
Whole = Annotated[int, Strict()]
Number = Annotated[float, Field(allow_inf_nan=False)]
