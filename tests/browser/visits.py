"""Every page that a person can come to, with how to come there: addresses of the router, each with what fills it.

A new address without a visit here fails the test that holds this list against the router.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gatewayworld import BONN, KOELN

REASON = "Weisung vom 22.11."


@dataclass(frozen=True)
class Visit:
    """One way to one page."""

    method: str
    route: str
    """As the router has it."""
    who: str | None = "alle"
    address: str = ""
    """Filled; the route itself, where nothing has to be."""
    form: dict[str, str] = field(default_factory=dict)
    status: int = 200

    @property
    def path(self) -> str:
        return self.address or self.route


MESSAGE, ACT, LOOK = "/betrieb/nachrichten/{id}", "/betrieb/nachrichten/{id}/tun/{act}", "/betrieb/einsichten/{id}"
LANE, ROW = "/betrieb/partner/{name}/spur/{what}", "/betrieb/verzeichnis/{table}/{key}"
NO_MESSAGE = "/betrieb/nachrichten/00000000-0000-4000-8000-000000000000"
SHOWN = ("zugestellt", "klaerung_hell", "gescheitert", "spaet", "zurueck")
PARTNERS = ("koeln", "bonn", "leverkusen")

VISITS: tuple[Visit, ...] = (
    Visit("GET", "/betrieb/anmelden", None),
    Visit("POST", "/betrieb/anmelden", None, form={"name": "x", "passwort": "x", "code": "1"}, status=403),
    Visit("GET", "/betrieb/abgemeldet", None, status=404),  # without a provider nobody is led there
    Visit("GET", "/betrieb/"),
    Visit("GET", "/betrieb/", "koeln"),
    Visit("GET", "/betrieb/", "leer"),
    Visit("GET", "/betrieb/nachrichten"),
    Visit("GET", "/betrieb/nachrichten", "leer"),
    Visit("POST", "/betrieb/nachrichten", form={"nummer": "2.1 Satz 1", "bis": "2030-01-01"}),
    Visit("POST", "/betrieb/nachrichten", form={"von": "gestern"}, status=422),
    *(Visit("GET", MESSAGE, address=f"/betrieb/nachrichten/{{{name}}}") for name in ("zugestellt", "klaerung_hell")),
    *(
        Visit("GET", MESSAGE, address=f"/betrieb/nachrichten/{{{name}}}")
        for name in ("gescheitert", "spaet", "zurueck")
    ),
    Visit("GET", MESSAGE, "koeln", "/betrieb/nachrichten/{haft}"),
    Visit("GET", MESSAGE, address=NO_MESSAGE, status=404),
    Visit("GET", ACT, address="/betrieb/nachrichten/{klaerung_hell}/tun/zuweisen"),
    Visit("GET", ACT, "koeln", "/betrieb/nachrichten/{haft}/tun/weiterleiten"),
    Visit("GET", ACT, address="/betrieb/nachrichten/{zugestellt}/tun/freigeben", status=409),
    Visit("POST", ACT, address="/betrieb/nachrichten/{klaerung_hell}/tun/zuweisen", status=400),
    Visit("POST", ACT, address="/betrieb/nachrichten/{klaerung_hell}/tun/zuweisen", form={"an": BONN, "grund": REASON}),
    Visit("POST", ACT, address="/betrieb/nachrichten/{zurueck}/tun/freigeben", form={"grund": REASON}),
    Visit("POST", ACT, address="/betrieb/nachrichten/{zurueck}/tun/stornieren", form={"grund": REASON}),
    Visit("GET", MESSAGE + "/einsicht", address="/betrieb/nachrichten/{zugestellt}/einsicht"),
    Visit("POST", MESSAGE + "/einsicht", address="/betrieb/nachrichten/{zugestellt}/einsicht", status=422),
    Visit("GET", "/betrieb/einsichten"),
    Visit("GET", "/betrieb/einsichten", "betrieb"),
    Visit("GET", "/betrieb/einsichten", "leer"),
    Visit("GET", LOOK, "koeln", "/betrieb/einsichten/{offen}"),
    Visit("GET", LOOK, "betrieb", "/betrieb/einsichten/{wartet}"),
    Visit("GET", LOOK + "/nachricht", "koeln", "/betrieb/einsichten/{offen}/nachricht"),
    Visit("GET", LOOK + "/nachricht", "betrieb", "/betrieb/einsichten/{wartet}/nachricht", status=409),
    Visit("GET", "/betrieb/vorgaenge"),
    Visit("POST", "/betrieb/vorgaenge", form={"nachrichten_id": "{zugestellt_eigene}"}),
    Visit("POST", "/betrieb/vorgaenge", form={"aktenzeichen": "gibt es nicht", "behoerde": "gds:R3300S"}),
    Visit("POST", "/betrieb/vorgaenge", status=422),
    Visit("GET", "/betrieb/vorgaenge/{id}", address="/betrieb/vorgaenge/{vorgang}"),
    Visit("GET", "/betrieb/fristen"),
    Visit("GET", "/betrieb/fristen", "leer"),
    Visit("GET", "/betrieb/partner"),
    *(Visit("GET", "/betrieb/partner/{name}", address=f"/betrieb/partner/{name}") for name in PARTNERS),
    Visit("POST", "/betrieb/partner/{name}/pruefen", address="/betrieb/partner/koeln/pruefen"),
    Visit("POST", "/betrieb/partner/{name}/pruefen", address="/betrieb/partner/bonn/pruefen"),
    Visit("GET", LANE, address="/betrieb/partner/bonn/spur/anhalten"),
    Visit("GET", LANE, address="/betrieb/partner/leverkusen/spur/weiter"),
    Visit("POST", LANE, address="/betrieb/partner/bonn/spur/anhalten", form={"grund": REASON}),
    Visit("POST", LANE, address="/betrieb/partner/bonn/spur/anhalten", status=422),
    Visit("GET", "/betrieb/zertifikate"),
    Visit("GET", "/betrieb/verzeichnis"),
    Visit("GET", "/betrieb/verzeichnis", address="/betrieb/verzeichnis?text=gibt-es-nicht"),
    Visit("GET", ROW, address=f"/betrieb/verzeichnis/behoerde/{KOELN}"),
    Visit("GET", ROW, "betrieb", f"/betrieb/verzeichnis/behoerde/{KOELN}"),
    Visit("POST", ROW, address=f"/betrieb/verzeichnis/behoerde/{BONN}", form={"name": "Bonn", "grund": REASON}),
    Visit("POST", ROW, address=f"/betrieb/verzeichnis/behoerde/{BONN}", status=422),
    Visit("GET", "/betrieb/regeln"),
    Visit("GET", "/betrieb/regeln/{nummer}", address="/betrieb/regeln/3.2"),
    Visit("GET", "/betrieb/revision"),
    Visit("POST", "/betrieb/revision", form={"art": "anmeldung"}),
    Visit("POST", "/betrieb/revision", form={"von": "morgen"}, status=422),
    Visit("GET", "/betrieb/revision/einsichten"),
    Visit("POST", "/betrieb/revision/einsichten"),
    Visit("GET", "/betrieb/konten"),
    Visit("POST", "/betrieb/konten", form={"name": "p.{lauf}", "rolle_lesen": "1"}),
    Visit("POST", "/betrieb/konten", form={"name": "ohne.rolle"}, status=422),
    Visit("GET", "/betrieb/konto"),
    Visit("POST", "/betrieb/konto", form={"bisher": "falsch", "neu": "auch falsch, aber lang"}, status=422),
)

NO_PAGE: frozenset[tuple[str, str]] = frozenset(
    {
        ("GET", "/"),  # leads to the overview
        ("GET", "/betrieb"),
        ("GET", "/betrieb/anmelden/dienst"),  # to the provider and back
        ("GET", "/betrieb/anmelden/dienst/zurueck"),
        ("POST", "/betrieb/anmelden/dienst/abgemeldet"),  # the provider's own call
        ("GET", "/betrieb/abgemeldet/dienst"),
        ("GET", "/betrieb/static/{name}"),
        ("GET", MESSAGE + "/nachweis"),  # a file
        ("GET", LOOK + "/teile/{n}"),  # a file
        ("POST", "/betrieb/revision/ausfuhr"),  # a file
        ("POST", "/betrieb/abmelden"),  # these lead to another page
        ("POST", "/betrieb/konto/abmelden"),
        ("POST", ACT + "/ausfuehren"),
        ("POST", LOOK + "/zustimmen"),
        ("POST", LANE + "/ausfuehren"),
        ("POST", ROW + "/berichtigen"),
        ("POST", "/betrieb/konten/{id}/{what}"),  # shows what making an account shows
    }
)
"""Addresses of the router that show no page of their own."""
