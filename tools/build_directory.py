"""Builds `routing/data/*.csv`, the packaged directory of NRW, from the facts in `../shared/nrw`.

Usage: `python -m tools.build_directory [FACTS [TARGET]]`.

Promises: same facts, same files, sorted by key; every code of the facts becomes a key by contracts.md section 1, and a
row without a code gets `nrw:<slug>`. The result is checked by building the directory from it before it is written.
Fails: with `KeyError` for facts that contradict each other, `VerzeichnisFehler` for a directory that does not add up.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from routing.verzeichnis import Verzeichnis

WURZEL: Final = Path(__file__).resolve().parent.parent
ZIEL: Final = WURZEL / "routing" / "data"
BEHOERDE: Final = (
    "key", "art", "stufe", "name", "ort", "ags", "regierungsbezirk",
    "gueltig_ab", "gueltig_bis", "konfidenz", "quelle",
)  # fmt: skip
GEMEINDE: Final = (
    "ags", "name", "typ", "kreis_ags", "kreis", "regierungsbezirk",
    "abh", "zab", "polizei", "sta", "gerichte", "konfidenz_abh", "konfidenz_justiz",
)  # fmt: skip
AUFNAHME: Final = ("key", "name", "art", "ags", "status", "stand", "konfidenz", "quelle")
UNBEKANNT: Final = "unknown"
"""What the facts write where an official code is missing."""
GERICHTE: Final = "GDS.Gerichte 3.7"
UMLAUTE: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})

Zeile = dict[str, str]


def slug(text: str) -> str:
    """A name as part of a key: lower case ASCII, words joined by hyphens."""
    return "-".join(re.findall(r"[a-z0-9]+", text.lower().translate(UMLAUTE)))


def lies(quelle: Path, name: str) -> list[Zeile]:
    """The rows of one file of facts."""
    with (quelle / name).open(encoding="utf-8-sig", newline="") as datei:
        return list(csv.DictReader(datei))


def zab_key(zeile: Zeile) -> str:
    """`zab:` and the town."""
    return f"zab:{slug(zeile['seat_town'])}"


def justizvollzug(zeile: Zeile) -> Zeile:
    """A prison, Jugendarrest, Sozialtherapeutische Anstalt, or the UfA, which is no JVA."""
    code = zeile["xjustiz_gds_gerichte"]
    ufa = zeile["kind"].startswith("UfA")
    return {
        "key": f"nrw:{slug(zeile['name'])}" if code == UNBEKANNT else f"gds:{code}",
        "art": "ufa" if ufa else "jva",
        "stufe": zeile["kind"].split(" ")[0],
        "name": zeile["name"],
        "ort": zeile["place"],
        "ags": zeile["municipality_ags"],
        "regierungsbezirk": zeile["regierungsbezirk"],
        "quelle": "; ".join(filter(None, ("ohne Code" if code == UNBEKANNT else GERICHTE, zeile["note"]))),
    }


def behoerden(quelle: Path) -> list[Zeile]:
    """Every authority."""
    bezirk = {zeile["ags"]: zeile["regierungsbezirk"] for zeile in lies(quelle, "municipalities.csv")}
    grosse = {z["zustaendige_abh_id"]: z for z in lies(quelle, "abh_grosse_staedte.csv") if z["eigene_abh"] == "ja"}
    zeilen: list[Zeile] = []
    for z in lies(quelle, "abh.csv"):
        beleg = grosse.get(z["id"], {})
        sitz = z["id"] if z["id"] in bezirk else ""
        zeilen.append({
            "key": f"abh:{z['id']}", "art": "abh", "stufe": z["kind"], "name": z["name"], "ort": z["seat_town"],
            "ags": sitz, "regierungsbezirk": z["regierungsbezirk"],
            "konfidenz": beleg.get("confidence", ""), "quelle": beleg.get("evidence", "§ 1 Satz 1 Nr. 4 ZustAVO"),
        })  # fmt: skip
    zeilen += [
        {
            "key": zab_key(z), "art": "zab", "name": z["name"], "ort": z["seat_town"], "ags": z["seat_ags"],
            "regierungsbezirk": z["regierungsbezirk"], "konfidenz": z["confidence"], "quelle": z["evidence"],
        }
        for z in lies(quelle, "zab.csv")
    ]  # fmt: skip
    for datei, art, name in (("sta.csv", "sta", "name"), ("courts.csv", "gericht", "court")):
        zeilen += [
            {
                "key": f"gds:{z['xjustiz_code']}", "art": art, "stufe": z["kind"], "name": z[name],
                "ort": z["seat_town"], "ags": z["seat_ags"], "regierungsbezirk": bezirk[z["seat_ags"]],
                "quelle": "; ".join(filter(None, (GERICHTE, z.get("note")))),
            }
            for z in lies(quelle, datei)
        ]  # fmt: skip
    zeilen += map(justizvollzug, lies(quelle, "jva.csv"))
    zeilen += [
        {
            "key": f"pol:{z['xjustiz_gds_polizeibehoerden']}", "art": "polizei", "stufe": z["kind"], "name": z["name"],
            "ort": z["seat_town"], "ags": z["seat_ags"], "regierungsbezirk": bezirk[z["seat_ags"]],
            "quelle": "; ".join(filter(None, ("GDS.Polizeibehoerden 1.12", z["note"]))),
        }
        for z in lies(quelle, "polizei.csv")
    ]  # fmt: skip
    zeilen.append({
        "key": "bamf:zentrale", "art": "bamf", "name": "Bundesamt für Migration und Flüchtlinge",
        "ort": "Nürnberg", "quelle": "§ 5 AsylG",
    })  # fmt: skip
    return zeilen


def gemeinden(quelle: Path) -> list[Zeile]:
    """Every municipality with its authorities."""
    bezirke = {z["ags"]: z for z in lies(quelle, "municipality_districts.csv")}
    polizei = {z["id"]: f"pol:{z['xjustiz_gds_polizeibehoerden']}" for z in lies(quelle, "polizei.csv")}
    zab = {z["regierungsbezirk"]: zab_key(z) for z in lies(quelle, "zab.csv")}
    grosse = {z["ags"]: z for z in lies(quelle, "abh_grosse_staedte.csv")}
    zeilen: list[Zeile] = []
    for z in lies(quelle, "municipalities.csv"):
        lage = bezirke[z["ags"]]
        basen = dict.fromkeys((lage["ag_basis"], lage["lg_sta_basis"]))
        zeilen.append({
            "ags": z["ags"], "name": z["name"], "typ": z["type"], "kreis_ags": z["kreis_ags"],
            "kreis": z["kreis_name"], "regierungsbezirk": z["regierungsbezirk"], "abh": f"abh:{lage['abh_id']}",
            "zab": zab[z["regierungsbezirk"]], "polizei": polizei[lage["kpb"]], "sta": f"gds:{lage['sta_xjustiz']}",
            "gerichte": " ".join(f"gds:{code}" for code in lage["ag_xjustiz"].split(";")),
            "konfidenz_abh": grosse.get(z["ags"], {}).get("confidence", ""), "konfidenz_justiz": " / ".join(basen),
        })  # fmt: skip
    return zeilen


def aufnahmeeinrichtungen(quelle: Path) -> list[Zeile]:
    """Every reception facility that the facts know; two of one name in one town get a number."""
    zeilen: list[Zeile] = []
    gezaehlt: dict[str, int] = {}
    for z in lies(quelle, "aufnahmeeinrichtungen.csv"):
        stamm = f"nrw:{slug(z['name'])}"
        gezaehlt[stamm] = gezaehlt.get(stamm, 0) + 1
        zeilen.append({
            "key": stamm if gezaehlt[stamm] == 1 else f"{stamm}-{gezaehlt[stamm]}", "name": z["name"],
            "art": z["kind"], "ags": z["municipality_ags"], "status": z["status"], "stand": z["as_of"],
            "konfidenz": z["confidence"], "quelle": z["source"],
        })  # fmt: skip
    return zeilen


def schreibe(ziel: Path, name: str, spalten: Iterable[str], zeilen: list[Zeile]) -> None:
    """One file of the directory, sorted by its first column."""
    spalten = tuple(spalten)
    with (ziel / name).open("w", encoding="utf-8", newline="") as datei:
        schreiber = csv.DictWriter(datei, spalten, restval="", lineterminator="\n")
        schreiber.writeheader()
        schreiber.writerows(sorted(zeilen, key=lambda zeile: zeile[spalten[0]]))
    print(f"{name}: {len(zeilen)} Zeilen")


def main(quelle: Path, ziel: Path) -> None:
    """Reads, checks, writes."""
    alle, orte, lager = behoerden(quelle), gemeinden(quelle), aufnahmeeinrichtungen(quelle)
    Verzeichnis.aus_zeilen(alle, orte, lager)
    schreibe(ziel, "behoerden.csv", BEHOERDE, alle)
    schreibe(ziel, "gemeinden.csv", GEMEINDE, orte)
    schreibe(ziel, "aufnahmeeinrichtungen.csv", AUFNAHME, lager)


if __name__ == "__main__":
    gegeben = [Path(argument) for argument in sys.argv[1:]]
    main(*gegeben, *(WURZEL.parent / "shared" / "nrw", ZIEL)[len(gegeben) :])
