"""The units under which systemd runs a gateway, hardened: `gateway init --systemd` writes them beside its files.

Promises: pure; the service may write nowhere but into its own folder, holds no privilege, sees no other process, and is
started again when it fails or hangs. What each demand is for stands beside it, in German, for those who run it.
Fails: `ValueError` for a folder or program whose name systemd would read as something else.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from gateway.config import Config

SERVICE: Final = "gateway.service"
SOCKET: Final = "gateway.socket"
_PLAIN: Final = re.compile(r"[A-Za-z0-9/._@+:-]+")
"""Names that need no quoting in a unit: no space, no quote, no `%`, no `$`."""

_SERVICE: Final = """\
# Nachrichtengateway {kennung}. Einrichten, als root:
#   useradd --system --home-dir {folder} --shell /usr/sbin/nologin gateway
#   chown -R gateway: {folder}
#   cp {folder}/{service} {folder}/{socket} /etc/systemd/system/
#   systemctl daemon-reload && systemctl enable --now {service}
[Unit]
Description=Nachrichtengateway {kennung}
Documentation=man:systemd.exec(5)
After=network-online.target postgresql.service
Wants=network-online.target
StartLimitIntervalSec=300
StartLimitBurst=10

[Service]
# Bereit, wenn alle Adressen bedient werden; hängt das Gateway, meldet es sich nicht mehr und wird neu gestartet.
Type=notify
WatchdogSec=120
ExecStart={program} --config {folder}/gateway.toml serve
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=5
TimeoutStopSec=90
User=gateway
Group=gateway
UMask=0077
# Schlüssel, die nicht im Ordner liegen sollen: in gateway.toml dann schluessel = "cred:store.key".
# LoadCredential=store.key:/etc/gateway/store.key

# Geschrieben wird nur in den eigenen Ordner.
ProtectSystem=strict
ReadWritePaths={folder}
ProtectHome={home}
PrivateTmp=yes
# Für Schlüssel in einem Token (PKCS#11) am USB-Anschluss: no.
PrivateDevices=yes
LimitNOFILE=65536
LimitCORE=0

# Keine Rechte, kein Blick auf andere Prozesse oder den Kernel.
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
PrivateUsers=yes
RemoveIPC=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes

# Nur Netz und lokale Sockets (Datenbank, systemd), nur die Systemaufrufe eines Dienstes.
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""

_SOCKET: Final = """\
# Nur nötig, wenn systemd die Adressen öffnen soll: für Ports unter 1024, und damit beim Neustart keine Verbindung
# verloren geht. Die Adressen müssen dieselben sein wie in gateway.toml.
[Unit]
Description=Adressen des Nachrichtengateways {kennung}

[Socket]
{streams}
Backlog=1024

[Install]
WantedBy=sockets.target
"""


def service(config: Config, folder: Path, program: Path) -> str:
    """The service.

    Args:
        config: of the gateway.
        folder: where `gateway.toml` lies.
        program: the command `gateway`.

    Raises:
        ValueError: a name with characters that mean something else in a unit.
    """
    for path in (folder, program):
        if not _PLAIN.fullmatch(str(path)):
            raise ValueError(f"{path}: für systemd nur Buchstaben, Ziffern und / . _ @ + : - verwenden")
    return _SERVICE.format(
        kennung=config.gateway.kennung,
        folder=folder,
        program=program,
        service=SERVICE,
        socket=SOCKET,
        home="no" if folder.parts[1:2] in (("home",), ("root",)) else "yes",
    )


def socket(config: Config) -> str:
    """The socket unit, with every address of the configuration."""
    names = ["api", "as2", "betrieb", "status", *(["mail"] if config.mail.postfach else [])]
    streams = "\n".join(f"ListenStream={getattr(config, name).adresse}" for name in names)
    return _SOCKET.format(kennung=config.gateway.kennung, streams=streams)
