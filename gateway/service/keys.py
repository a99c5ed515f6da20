"""Our own keys while the gateway runs: which pair counts now, and what happens when files or configuration change.

Promises: a change of a pair takes effect within `LOOK_S` without a restart, whichever of its uses changes; what cannot
be used is logged and changes nothing; old decryption pairs stay as long as they are configured.
Fails: `PkiError` at start only.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from gateway.config import Config, ConfigError
from gateway.config_tables import KeyFiles, OwnUse
from gateway.pki import KeyPair, PkiError, Purpose, load_anchors, load_pairs, public_bytes
from gateway.seal.identity import Identity
from gateway.trust.status import is_test

log = logging.getLogger(__name__)

LOOK_S: Final = 2.0
"""How often files are looked at; SIGHUP looks at once."""
RELOADED: Final = ("schluessel", "vertrauen", "zugang")
"""Tables of the configuration that are taken over while the gateway runs; the others need a restart, all but the keys
of `[store]`."""
_LOADED: Final[tuple[OwnUse, ...]] = ("sign", "mdn", "encrypt", "tls", "tls_client", "log")

Stamp = frozenset[tuple[str, int, int, int]]
"""Path, time, size and inode of every file that counts."""


@dataclass(frozen=True)
class OwnKeys:
    """All pairs of a configuration, by use."""

    pairs: dict[OwnUse, tuple[KeyPair, ...]] = field(repr=False)

    @classmethod
    def load(cls, config: Config, now: datetime) -> OwnKeys:
        """Read every pair.

        Raises:
            PkiError: one cannot be used, a use has none that is valid now, one key serves two purposes, or one is a
                test certificate in production.
        """
        pairs = {use: tuple(load_pairs(config.schluessel.files(use), _kind(use), now)) for use in _LOADED}
        _refuse_shared(pairs)
        if config.gateway.produktion:
            _refuse_tests(config, pairs)
        return cls(pairs)

    def current(self, use: OwnUse, at: datetime) -> KeyPair:
        """The pair for new work: the newest that is valid; where none is, the one that ended last."""
        return max(self.pairs[use], key=lambda pair: (pair.valid(at), pair.certificate.not_valid_before_utc))

    def identity(self, name: str, at: datetime, use: OwnUse = "sign") -> Identity:
        """Who signs and opens at `at`; `mdn` for who signs receipts."""
        pair = self.current(use, at)
        opened = sorted(self.pairs["encrypt"], key=lambda each: each.certificate.not_valid_before_utc, reverse=True)
        return Identity(name, pair.key, pair.certificate, tuple((each.key, each.certificate) for each in opened))


def _kind(use: OwnUse) -> Purpose:
    if use == "mdn":
        return "sign"
    return "tls" if use == "tls_client" else use


def _refuse_shared(pairs: dict[OwnUse, tuple[KeyPair, ...]]) -> None:
    """Each key for one thing (wire.md section 1): who opens a message for us must not be able to sign in our name."""
    serves: dict[bytes, Purpose] = {}
    for use, found in pairs.items():
        for pair in found:
            before = serves.setdefault(public_bytes(pair.certificate.public_key()), _kind(use))
            if before != _kind(use):
                place = pair.files.crt if pair.files else "?"
                raise PkiError(
                    f"{place}: [schluessel] {use} nennt den Schlüssel von {before}; ein eigenes Paar anlegen"
                )


def _refuse_tests(config: Config, pairs: dict[OwnUse, tuple[KeyPair, ...]]) -> None:
    for found in pairs.values():
        for pair in found:
            if is_test(pair.certificate):
                raise PkiError(f"{pair.files.crt if pair.files else '?'}: {_IS_TEST}")
    if any(map(is_test, load_anchors(config.vertrauen.verzeichnis))):
        raise PkiError(f"{config.vertrauen.verzeichnis}: {_IS_TEST}")


_IS_TEST = "Testzertifikat der Entwicklungs-CA; mit [gateway] produktion = true nicht erlaubt"


@dataclass(frozen=True)
class ConfigSource:
    """Where the configuration comes from, to read it again."""

    path: Path
    read: Callable[[], Config]


class Reloading:
    """Looks at files and says what changed."""

    def __init__(self, config: Config, source: ConfigSource | None) -> None:
        self._source = source
        self._seen = stamp(config, source)

    async def look(self, config: Config, now: datetime) -> tuple[Config, OwnKeys] | None:
        """Configuration and keys as they are since the last look; None where nothing changed or it cannot be used."""
        return await asyncio.to_thread(self._look, config, now)

    def _look(self, config: Config, now: datetime) -> tuple[Config, OwnKeys] | None:
        if stamp(config, self._source) == self._seen:
            return None
        try:
            fresh = self._read(config)
            seen = stamp(fresh, self._source)
            keys = OwnKeys.load(fresh, now)
        except (PkiError, ConfigError, OSError) as error:
            # A file may be half written: what was seen stays as it was, and the next look tries again.
            log.warning("changed keys or configuration cannot be used, those before stay: %s", error)
            return None
        self._seen = seen
        log.info("keys and configuration taken over anew")
        return fresh, keys

    def _read(self, config: Config) -> Config:
        if self._source is None:
            return config
        fresh = self._source.read()
        store = config.store.model_copy(update={"schluessel": fresh.store.schluessel})
        return config.model_copy(update={name: getattr(fresh, name) for name in RELOADED} | {"store": store})


def stamp(config: Config, source: ConfigSource | None) -> Stamp:
    """What the files look like from outside; a file that is gone counts as such."""
    paths = [path for use in _LOADED for files in config.schluessel.files(use) for path in _paths(files)]
    paths += _folder(config.vertrauen.verzeichnis)
    if source is not None:
        paths.append(source.path)
    return frozenset(_seen(path) for path in paths)


def _paths(files: KeyFiles) -> tuple[Path, ...]:
    return files.key, files.crt


def _folder(folder: Path) -> Iterable[Path]:
    return [folder, *folder.iterdir()] if folder.is_dir() else [folder]


def _seen(path: Path) -> tuple[str, int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return str(path), 0, 0, 0
    return str(path), found.st_mtime_ns, found.st_size, found.st_ino
