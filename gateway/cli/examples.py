"""The examples that stand under each command's help. A test runs them as they stand.

Promises: pure; every command has one at least; none names a real person, authority's host or secret.
Fails: not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ID: Final = "0199f3c2-6f00-7000-8000-000000000001"
"""Stands for the id of a message, as `gateway list` shows it."""

EXAMPLES: Final[Mapping[str, tuple[str, ...]]] = {
    "init": (
        "gateway init hub --kennung gw:nrw",
        "gateway init edge --kennung gw:koeln --eigene abh:05315000 --systemd",
    ),
    "serve": ("gateway serve", "gateway --config hub/gateway.toml serve --ready-file ready --log-level warning"),
    "send": ("gateway send message.xml --profil jva", "gateway send message.xml --profil jva --json"),
    "check": ("gateway check message.xml", "gateway check message.xml --json"),
    "route": ("gateway route message.xml", "gateway route message.xml --json"),
    "render": ("gateway render message.xml", "gateway render message.xml --pdf message.pdf"),
    "rules": ("gateway rules", "gateway rules 3.2", "gateway rules versions --json"),
    "forward": (f"gateway forward {ID} --an abh:05382 --grund 'Zuständig nach Umzug' --profil stadt",),
    "release": (f"gateway release {ID} --grund 'Der Absender hat freigegeben'",),
    "assign": (f"gateway assign {ID} --an abh:05382 --grund 'Auskunft des Absenders'",),
    "show": (f"gateway show {ID}", f"gateway show {ID} --json"),
    "list": ("gateway list", "gateway list --status klaerung --json"),
    "inbox": ("gateway inbox list --profil stadt", f"gateway inbox get {ID} --out received --profil stadt"),
    "resend": (f"gateway resend {ID} --grund 'Der Empfänger ist wieder erreichbar'",),
    "cancel": (f"gateway cancel {ID} --grund 'Auf anderem Weg zugestellt'",),
    "verify": ("gateway verify nachweis.tar --anchor log.crt",),
    "log": ("gateway log check", "gateway log check --json"),
    "schemas": ("gateway schemas list", "gateway schemas list --json"),
    "partners": ("gateway partners list", "gateway partners lanes --json"),
    "people": ("gateway people add a.muster --rolle betrieb", "gateway people list --json"),
    "certs": ("gateway certs list", "gateway certs list --json"),
    "directory": ("gateway directory show abh:05315000", "gateway directory check"),
    "store": ("gateway store keys", "gateway store check --json"),
    "backup": ("gateway backup copy.db",),
    "restore": ("gateway restore copy.db",),
    "keep": (f"gateway keep {ID} --grund 'Klageverfahren'",),
    "purge": ("gateway purge --dry-run", "gateway purge --json"),
    "completion": ("gateway completion bash",),
    "demo": ("gateway demo",),
}
"""By command, the plainest first."""


def epilog(name: str) -> str | None:
    """What stands under the help of a command."""
    lines = EXAMPLES.get(name)
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines) if lines else None
