"""The S/MIME messages of NIST's Public Key Interoperability Test Suite (PKITS 1.0.1), opened by the gateway's own code.

Usage: `python -m tools.pkits` prints what comes out, `--all` each verdict too, `--write` renews the part of README.md.
The messages come from the package `cryptography_vectors` (tests only); `tools/pkits.csv` says of each what the PKITS
document asks, setting by setting: policies by the last number of their OID, `explicit`, `no-mapping`, `no-any`.

A message counts as valid when both hold: its signature, by the certificate that a partner registered, under an
agreement that admits PKCS#1 v1.5 and RSA 2048; and that certificate's path with every CRL at hand, when only PKITS's
anchor is trusted, any algorithm counts and unknown means refused.

Promises: the verdicts are `gateway.seal`'s and `gateway.trust`'s; nothing is validated here.
Fails: `SystemExit` without the package, `KeyError` for a row that names what is not in it.
"""

from __future__ import annotations

import csv
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning
from pyhanko_certvalidator.policy_decl import AcceptAllAlgorithms

from gateway import logs, mime
from gateway.mime import MimeError
from gateway.partner import Algorithmen
from gateway.seal.policy import PolicyRefused, admitted_key
from gateway.seal.signed import SignatureRefused
from gateway.seal.signedmime import open_entity, open_signed
from gateway.trust.path import Registered, assess
from gateway.trust.rules import PRODUCTION, PathRules
from gateway.trust.sources import Answer, read
from gateway.trust.status import Assessment, Policy, judge

ROOT: Final = Path(__file__).resolve().parent.parent
TABLE: Final = ROOT / "tools" / "pkits.csv"
README: Final = ROOT / "README.md"
BEGIN: Final = "<!-- made: pkits -->\n"
END: Final = "<!-- end: pkits -->"

AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""A fixed time: most of PKITS is valid from 2010 to 2030."""
AGREED: Final = Algorithmen(signatur="pkcs1", ausnahmen_bis=date(2030, 12, 31))
"""The weakest agreement that production knows: RSA 2048 and PKCS#1 v1.5."""
TEST_RULES: Final = PathRules(algorithms=AcceptAllAlgorithms())
TEST_POLICY: Final = Policy(unbekannt="ablehnen", karenz=timedelta(0))
_POLICY_OID: Final = "2.16.840.1.101.3.2.1.48."
DIFFERENCES: Final[Mapping[str, str]] = {
    "ValidDSASignaturesTest4": "signed by DSA with SHA-1, which no code here verifies",
    "ValidDSAParameterInheritanceTest5": "the same; nor is a key read that inherits its parameters",
}
"""Messages that PKITS calls valid and we refuse, with the reason; there are none the other way round."""


class Outcome(StrEnum):
    """How our verdict on a message relates to PKITS's, over all its settings."""

    AGREES = "agrees"
    STRICTER = "stricter"
    LAXER = "laxer"


@dataclass(frozen=True, slots=True)
class Row:
    """What the PKITS document asks of one message under one setting."""

    section: str
    part: int
    message: str
    certificate: str
    rules: PathRules = field(repr=False)
    valid: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What our code says; `reason` is empty for what it takes."""

    valid: bool
    reason: str = ""
    known: Assessment | None = None
    """What is known of the signer's certificate; None for one that cannot be read."""

    @property
    def path(self) -> bool:
        """Whether the certificate alone holds, whatever the message's signature."""
        return self.known is not None and judge(self.known, TEST_POLICY, AT).usable


@dataclass(frozen=True)
class Suite:
    """What the package holds."""

    messages: Mapping[str, bytes] = field(repr=False)
    certificates: Mapping[str, x509.Certificate] = field(repr=False)
    registered: Registered = field(repr=False)
    crls: Sequence[Answer] = field(repr=False)


def rows() -> list[Row]:
    """The table."""
    with TABLE.open(encoding="ascii", newline="") as file:
        return [_row(each) for each in csv.DictReader(file)]


def _row(line: Mapping[str, str]) -> Row:
    policies, settings = line["policies"].split(), set(line["settings"].split())
    rules = replace(
        TEST_RULES,
        policies=frozenset(_POLICY_OID + number for number in policies) or TEST_RULES.policies,
        explicit_policy="explicit" in settings,
        no_policy_mapping="no-mapping" in settings,
        no_any_policy="no-any" in settings,
    )
    valid = {"valid": True, "invalid": False}[line["verdict"]]
    return Row(line["section"], int(line["part"]), line["message"], line["certificate"], rules, valid)


def load() -> Suite:
    """The messages, certificates and CRLs of the installed package.

    Raises:
        SystemExit: it is not installed.
    """
    spec = find_spec("cryptography_vectors")
    if spec is None or spec.origin is None:
        raise SystemExit("cryptography_vectors is missing: make venv-test installs it")
    folder = Path(spec.origin).parent / "x509" / "PKITS_data"
    certificates = dict(_certificates(folder / "certs"))
    anchor = certificates["TrustAnchorRootCertificate"]
    issuers = tuple(c for name, c in certificates.items() if not name.endswith("EE") and c != anchor)
    return Suite(
        {path.stem.removeprefix("Signed"): path.read_bytes() for path in sorted((folder / "smime").glob("*.eml"))},
        certificates,
        Registered((anchor,), issuers),
        [read("crl", path.read_bytes()) for path in sorted((folder / "crls").glob("*.crl"))],
    )


def _certificates(folder: Path) -> Iterable[tuple[str, x509.Certificate]]:
    """Those that can be read: nobody could register another."""
    for path in sorted(folder.glob("*.crt")):
        try:
            certificate = x509.load_der_x509_certificate(path.read_bytes())
            certificate.public_key()
        except ValueError:
            continue
        yield path.stem, certificate


def verdict(suite: Suite, row: Row) -> Verdict:
    """Our verdict under the test policy."""
    certificate = suite.certificates.get(row.certificate)
    if certificate is None:
        return Verdict(valid=False, reason="certificate_unreadable")
    known = assess(certificate, suite.registered, suite.crls, AT, rules=row.rules)
    code = _signature_code(suite, row, AGREED, AT)
    if code:
        return Verdict(valid=False, reason=code, known=known)
    path = judge(known, TEST_POLICY, AT)
    return Verdict(path.usable, "" if path.usable else known.reason or path.status.value, known)


def _signature_code(suite: Suite, row: Row, agreed: Algorithmen, at: datetime) -> str:
    """Why a message's signature proves nothing; empty where it does."""
    try:
        open_signed(suite.messages[row.message], [suite.certificates[row.certificate]], agreed, at, allow_bare_lf=True)
    except SignatureRefused as refused:
        return refused.code
    return ""


def outcome(asked: Sequence[Row], said: Sequence[Verdict]) -> Outcome:
    """One message's: laxer, where one setting's verdict is, whatever the others say."""
    pairs = {(row.valid, ours.valid) for row, ours in zip(asked, said, strict=True)}
    if (False, True) in pairs:
        return Outcome.LAXER
    return Outcome.STRICTER if (True, False) in pairs else Outcome.AGREES


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that comes out."""

    verdicts: Sequence[tuple[Row, Verdict]] = field(repr=False)
    outcomes: Mapping[str, Outcome] = field(repr=False)
    production: Mapping[str, Sequence[str]] = field(repr=False)
    """What production asks beyond, with the messages that it refuses for it."""
    warned: Sequence[str] = ()
    """Messages that PKITS calls invalid and production's own settings take, with an alarm."""

    def named(self, wanted: Outcome) -> list[str]:
        """The messages of one outcome."""
        return [name for name, found in self.outcomes.items() if found is wanted]


def report(suite: Suite, table: Sequence[Row]) -> Report:
    """Judge every row, and ask production's own questions apart."""
    said = [(row, verdict(suite, row)) for row in table]
    by_message: dict[str, list[tuple[Row, Verdict]]] = {}
    for row, ours in said:
        by_message.setdefault(row.message, []).append((row, ours))
    outcomes = {name: outcome([r for r, _ in pairs], [v for _, v in pairs]) for name, pairs in by_message.items()}
    first = [pairs[0] for pairs in by_message.values()]
    production = {text: [r.message for r, v in first if refuses(suite, r, v)] for text, refuses in BEYOND.items()}
    return Report(said, outcomes, production, [r.message for r, v in first if _warned(suite, r, v)])


# --- what production asks beyond -------------------------------------------------------------------------------------


def _bare_lf(suite: Suite, row: Row, _: Verdict) -> bool:
    try:
        mime.split(mime.parse(suite.messages[row.message]))
    except MimeError as refused:
        return refused.code == "bare_lf"
    return False


def _text_beside(suite: Suite, row: Row, _: Verdict) -> bool:
    entity = mime.parse(suite.messages[row.message], allow_bare_lf=True)
    try:
        open_entity(entity, [], AGREED, AT, alone=True)
    except SignatureRefused as refused:
        return refused.code == "beside_signed"
    return False


def _short_key(suite: Suite, row: Row, ours: Verdict) -> bool:
    return ours.known is not None and _key_code(suite, row) == "key_size"


def _foreign_key(suite: Suite, row: Row, ours: Verdict) -> bool:
    return ours.known is None or _key_code(suite, row) == "key_type"


def _key_code(suite: Suite, row: Row) -> str:
    try:
        admitted_key(suite.certificates[row.certificate], Algorithmen(), AT.date())
    except PolicyRefused as refused:
        return refused.code
    return ""


def _pkcs1(suite: Suite, row: Row, ours: Verdict) -> bool:
    if ours.known is None:
        return False
    start = suite.certificates[row.certificate].not_valid_before_utc  # its window is another question
    return _signature_code(suite, row, Algorithmen(ausnahmen_bis=date.max), start) == "pkcs1"


def _weak_path(suite: Suite, row: Row, ours: Verdict) -> bool:
    """Whether a path that holds by the test's algorithms does not by production's."""
    return ours.path and not judge(_by_production(suite, row), TEST_POLICY, AT).usable


def _warned(suite: Suite, row: Row, ours: Verdict) -> bool:
    """Whether production's settings as they come take what PKITS refuses."""
    if row.valid or ours.known is None or _signature_code(suite, row, AGREED, AT):
        return False
    return judge(ours.known, Policy(), AT).usable and judge(_by_production(suite, row), Policy(), AT).usable


def _by_production(suite: Suite, row: Row) -> Assessment:
    rules = replace(row.rules, algorithms=PRODUCTION.algorithms)
    return assess(suite.certificates[row.certificate], suite.registered, suite.crls, AT, rules=rules)


BEYOND: Final[Mapping[str, Callable[[Suite, Row, Verdict], bool]]] = {
    "LF alone ends a line, and no agreement lets it": _bare_lf,
    "text stands beside the signed part": _text_beside,
    "RSA below 3000 bits, and no agreement with an end date": _short_key,
    "PKCS#1 v1.5, and no agreement with an end date": _pkcs1,
    "the signer's key is DSA": _foreign_key,
    "a signature on the path is by DSA": _weak_path,
}
"""Each asked alone, whatever else is wrong."""


# --- shown -----------------------------------------------------------------------------------------------------------


def shown(found: Report) -> str:
    """The summary as Markdown."""
    counts = Counter(found.outcomes.values())
    lines = [
        f"{len(found.outcomes)} messages, {len(found.verdicts)} verdicts:",
        "",
        "| our verdict | messages |",
        "| --- | --- |",
        f"| as the PKITS document says | {counts[Outcome.AGREES]} |",
    ]
    lines += [
        f"| PKITS takes `{name}`, we refuse it: {DIFFERENCES.get(name, 'unexplained')} | 1 |"
        for name in found.named(Outcome.STRICTER)
    ]
    lines += [f"| PKITS refuses it, we take it | {counts[Outcome.LAXER]} |", ""]
    lines += ["Production's further refusals, each asked alone:", "", "| refused because | messages |", "| --- | --- |"]
    lines += [f"| {text} | {len(names)} |" for text, names in found.production.items()]
    if found.warned:
        lines += ["", _about_warned(found.warned)]
    return "\n".join(lines)


def _about_warned(names: Sequence[str]) -> str:
    return (
        f"The other way round: `vertrauen.unbekannt` as it comes (`warnen`) takes {len(names)} messages with an alarm "
        "where no CRL tells whether a certificate was revoked; the test policy, like `ablehnen`, refuses them."
    )


def every(found: Report) -> str:
    """Each verdict on a line of its own."""
    return "\n".join(
        f"{row.section}.{row.part}\t{row.message}\tPKITS {'valid' if row.valid else 'invalid'}\t"
        f"ours {'valid' if ours.valid else f'invalid ({ours.reason})'}"
        for row, ours in found.verdicts
    )


def written(text: str, found: Report) -> str:
    """README.md with the summary in its place.

    Raises:
        ValueError: a mark is missing.
    """
    start = text.index(BEGIN) + len(BEGIN)
    return f"{text[:start]}{shown(found)}\n{text[text.index(END, start) :]}"


def main(arguments: Sequence[str]) -> int:
    """Print, or renew the README."""
    logs.configure("error")
    warnings.simplefilter("ignore", CryptographyDeprecationWarning)  # PKITS has negative serial numbers
    found = report(load(), rows())
    if "--write" in arguments:
        README.write_text(written(README.read_text("utf-8"), found), "utf-8")
        return 0
    print("\n\n".join([*([every(found)] if "--all" in arguments else []), shown(found)]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
