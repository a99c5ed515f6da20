"""The decree as pure functions of values: no I/O, no clock, no import from `gateway`."""

from routing.ablauf import entscheide, weise_zu
from routing.entscheidung import Entscheidung, Folge, Frist, Grund, Hinweis
from routing.regelwerk import Einstellungen, Erlaubnis, Fassung, Regelwerk, RegelwerkFehler
from routing.sachverhalt import ANLAESSE, KeinSachverhalt, Sachverhalt, Vorgangslage
from routing.verzeichnis import Behoerde, Verzeichnis, VerzeichnisFehler
from routing.zustaendigkeit import Zustaendigkeit, weiterleitungsziel, zab_der_aufnahmeeinrichtung, zustaendige_abh

__all__ = [
    "ANLAESSE",
    "Behoerde",
    "Einstellungen",
    "Entscheidung",
    "Erlaubnis",
    "Fassung",
    "Folge",
    "Frist",
    "Grund",
    "Hinweis",
    "KeinSachverhalt",
    "Regelwerk",
    "RegelwerkFehler",
    "Sachverhalt",
    "Verzeichnis",
    "VerzeichnisFehler",
    "Vorgangslage",
    "Zustaendigkeit",
    "entscheide",
    "weise_zu",
    "weiterleitungsziel",
    "zab_der_aufnahmeeinrichtung",
    "zustaendige_abh",
]
