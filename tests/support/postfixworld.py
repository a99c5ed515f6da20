"""A Postfix of its own: configuration, queue and data in a folder, on a loopback port; nothing of the system's runs.

Each domain's mail goes to a port of the test's own, which passes connections on to whatever gateway is behind it now,
or to nobody: Postfix remembers a domain's way for half a minute, so that the way itself stays. Submission has STARTTLS
with a certificate of the test's CA; to the gateways it speaks LMTP, inside TLS that it verifies. It must be started by
root, since Postfix changes users.
"""

import contextlib
import grp
import os
import pwd
import random
import shutil
import signal
import socket
import socketserver
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest

from gateway.pki import write_pair
from gateway.pki_issue import DevelopmentCa, Request

MASTER = Path("/usr/lib/postfix/sbin/master")
PATIENCE_S = 30
LOWEST, HIGHEST = 20_000, 30_000
"""Ports that the system gives to nobody by itself (ip_local_port_range): a stopped server finds its own again."""
DOMAINS = {"gateway.example": "lmtp", "koeln.example": "lmtp", "jva.example": "plain"}
"""By which transport a domain's mail goes; `plain` is LMTP without TLS."""
PRIVATE = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved", "trace")

MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = {daemons}
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
myhostname = mx.example
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtp_dns_support_level = disabled
notify_classes =
smtpd_tls_security_level = may
smtpd_tls_chain_files = {folder}/tls.key, {folder}/tls.crt
lmtp_tls_security_level = secure
lmtp_tls_loglevel = 1
lmtp_tls_CAfile = {folder}/ca.crt
lmtp_tls_secure_cert_match = localhost
smtpd_recipient_restrictions = check_recipient_access socketmap:inet:127.0.0.1:{access}:access
relay_domains = {domains}
transport_maps = inline:{{ {transport} }}
default_transport = error:5.4.4 no way there
message_size_limit = 22020096
lmtp_destination_concurrency_limit = 4
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 1s
"""
MASTER_CF = """\
127.0.0.1:{port} inet n - n - - smtpd -o mynetworks=127.0.0.0/8 -o smtpd_relay_restrictions=permit_mynetworks,reject
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
lmtp unix - - n - - lmtp
plain unix - - n - - lmtp -o lmtp_tls_security_level=none
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def demand() -> None:
    """Skips where there can be no Postfix; in CI, which has one, that is a failure."""
    reason = ""
    if not MASTER.exists():
        reason = "Postfix is not installed (Debian: postfix)"
    elif os.geteuid() != 0:
        reason = "Postfix is started by root alone"
    if reason and os.environ.get("CI"):
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


class _Server(socketserver.ThreadingTCPServer):
    """A port of the test's own, served by threads."""

    daemon_threads = True

    def __init__(self, handler: type[socketserver.StreamRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.port: int = self.server_address[1]
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self.shutdown()
        self._thread.join(PATIENCE_S)
        self.server_close()


class Switch(_Server):
    """Where a domain's mail goes: on to the port of a gateway, or nowhere."""

    def __init__(self) -> None:
        self.target: int | None = None
        super().__init__(_Passing)


class _Passing(socketserver.StreamRequestHandler):
    server: Switch

    def handle(self) -> None:
        if self.server.target is None:
            return
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.server.target)) as gateway:
            back = threading.Thread(target=_pump, args=(gateway, self.connection), daemon=True)
            back.start()
            _pump(self.connection, gateway)
            back.join(PATIENCE_S)


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Everything from one to the other; the end too."""
    with contextlib.suppress(OSError):
        while octets := source.recv(65_536):
            target.sendall(octets)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


class _Table(_Server):
    """Answers Postfix's question whether a recipient is taken now (socketmap_table(5))."""

    def __init__(self, access: dict[str, str]) -> None:
        self.access = access
        super().__init__(_Asked)


class _Asked(socketserver.StreamRequestHandler):
    server: _Table

    def handle(self) -> None:
        while True:
            length = b""
            while (octet := self.rfile.read(1)) not in (b":", b""):
                length += octet
            if not octet:
                return
            _, _, key = self.rfile.read(int(length) + 1)[:-1].decode().partition(" ")
            found = self.server.access.get(key.rpartition("@")[2])  # Postfix asks such tables for whole addresses
            answer = f"OK {found}" if found else "NOTFOUND "
            self.wfile.write(f"{len(answer)}:{answer},".encode())


class Postfix:
    """One instance."""

    def __init__(self, ca: DevelopmentCa) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="postfix-"))
        self.folder.chmod(0o755)
        self.access: dict[str, str] = {}
        """What is answered to RCPT, by domain: `450 4.2.0 later`."""
        self.port = 0
        self.behind = {domain: Switch() for domain in DOMAINS}
        self._table = _Table(self.access)
        self._process: subprocess.Popen[bytes] | None = None
        (self.folder / "ca.crt").write_text(ca.pem)
        write_pair(ca.issue(Request(purpose="tls", name="mx", hosts=("localhost",))), self.folder / "tls")
        self._make()

    def _make(self) -> None:
        owner, drop = pwd.getpwnam("postfix").pw_uid, grp.getgrnam("postdrop").gr_gid
        queue = self.folder / "queue"
        for name in ("pid", "public", "maildrop", *PRIVATE):
            (queue / name).mkdir(parents=True)
        for name in PRIVATE:
            (queue / name).chmod(0o700)
            os.chown(queue / name, owner, 0)
        for name, mode in (("public", 0o2710), ("maildrop", 0o1730)):
            os.chown(queue / name, owner, drop)
            (queue / name).chmod(mode)
        (self.folder / "data").mkdir(mode=0o700)
        os.chown(self.folder / "data", owner, 0)
        ways = [f"{{ {domain} = {DOMAINS[domain]}:inet:127.0.0.1:{to.port} }}" for domain, to in self.behind.items()]
        main = MAIN.format(
            folder=self.folder,
            daemons=MASTER.parent,
            access=self._table.port,
            domains=", ".join(DOMAINS),
            transport=", ".join(ways),
        )
        (self.folder / "main.cf").write_text(main)

    def start(self) -> None:
        """Starts it, on its old port if it has one."""
        for _ in range(20):
            port = self.port or random.randrange(LOWEST, HIGHEST)
            (self.folder / "master.cf").write_text(MASTER_CF.format(port=port))
            with (self.folder / "stderr").open("ab") as errors:
                self._process = subprocess.Popen(
                    [str(MASTER), "-c", str(self.folder), "-d"],
                    stdin=subprocess.DEVNULL,
                    stdout=errors,
                    stderr=errors,
                    start_new_session=True,
                )
            if self._greets(port):
                self.port = port
                return
            self.stop()
        raise AssertionError(self.log())

    def _greets(self, port: int) -> bool:
        """Whether it speaks; False if it ended: somebody else has the port."""
        assert self._process is not None
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until and self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as sock:
                sock.settimeout(PATIENCE_S)
                if sock.recv(100).startswith(b"220 mx.example"):
                    return True
            time.sleep(0.02)
        return False

    def stop(self) -> None:
        """Ends it with all of its processes; what is queued stays."""
        if self._process is None:
            return
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(PATIENCE_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(PATIENCE_S)
        until = time.monotonic() + PATIENCE_S
        while _lives(self._process.pid) and time.monotonic() < until:  # the port is theirs until then
            time.sleep(0.01)
        self._process = None

    def close(self) -> None:
        """Ends everything and removes the folder."""
        self.stop()
        for server in (self._table, *self.behind.values()):
            server.end()
        shutil.rmtree(self.folder)

    def drain(self) -> None:
        """Whatever is queued is lost: the next test's gateways shall not have it."""
        self.access.clear()
        for switch in self.behind.values():
            switch.target = None
        self.lose()

    def lose(self) -> None:
        """Removes everything from the queue, as an administrator does."""
        subprocess.run(
            ["postsuper", "-c", str(self.folder), "-d", "ALL"], capture_output=True, check=True, timeout=PATIENCE_S
        )

    def keeps(self, count: int) -> bool:
        """Whether so many mails wait for another try."""
        return sum(path.is_file() for path in (self.folder / "queue" / "deferred").rglob("*")) == count

    def logged(self, *words: str) -> bool:
        """Whether it has logged a line with all these words."""
        return any(all(word in line for word in words) for line in self.log().splitlines())

    def log(self) -> str:
        """What it logged."""
        return "".join(path.read_text() for name in ("stderr", "log") if (path := self.folder / name).exists())


def _lives(group: int) -> bool:
    """Whether any process of a group still runs; one that has ended and that nobody waits for does not count."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, pgrp = path.read_text().rpartition(")")[2].split()[:3]
            if pgrp == str(group) and state != "Z":
                return True
    return False
