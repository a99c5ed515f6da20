"""The text of a new `gateway.toml`: every setting on its own line, with what it means, in German.

Promises: pure; the text is valid TOML that `config.parse` accepts, and names every setting that there is (tested).
Fails: not at all; values are checked by `config.parse`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

_TEXT = """\
# Konfiguration dieses Nachrichtengateways. Pfade gelten ab dem Ordner dieser Datei.
# Auskommentierte Zeilen zeigen die Voreinstellung oder ein Beispiel.

[gateway]
# Eigene Kennung: gw:<name>. Partner sehen sie als Absender.
kennung = @kennung@
# Behörden, für die dieses Gateway als Außenstelle empfängt; bei einem Vermittler leer.
eigene = @eigene@
# Echtbetrieb: true. Dann gilt kein Zertifikat der Entwicklungs-CA mehr, weder eigene noch die von Partnern.
produktion = false

[api]
# Schnittstelle /v1 für Fachverfahren, TLS mit Client-Zertifikat.
adresse = "127.0.0.1:8443"
# Adresse, unter der Fachverfahren diese Schnittstelle erreichen.
# oeffentliche_url = "https://gateway.example:8443"
# So viele Anfragen darf ein Zertifikat auf einmal stellen, und in jeder Minute wieder; darüber 429 mit Retry-After.
anfragen_je_minute = 60000

# Zweiter Zugang zu /v1 für einen Reverse-Proxy, der das Client-Zertifikat weiterreicht (RFC 9440, Client-Cert).
# [proxy]
# Rechner und Port mit gegenseitigem TLS, oder "unix:PFAD": Wer den Socket öffnen darf, ist der Proxy (Rechte 660).
# adresse = "127.0.0.1:8447"
# SHA-256 der Zertifikate, mit denen sich der Proxy über TLS ausweist.
# zertifikate = ["…"]

[as2]
# Eingang von Partnern über AS2, TLS; Partner werden an ihrer Signatur erkannt.
adresse = "127.0.0.1:8444"
# Adresse, unter der Partner diesen Eingang erreichen; nötig für asynchrone Quittungen.
# oeffentliche_url = "https://gateway.example:8444"
# Unser Name in AS2-From; ohne Angabe die Kennung mit Bindestrich statt Doppelpunkt.
# name = "gw-nrw"

[betrieb]
# Seiten für den Betrieb, TLS, ohne Client-Zertifikat.
adresse = "127.0.0.1:8445"
# Adresse, unter der Menschen die Seiten aufrufen.
# oeffentliche_url = "https://gateway.example:8445"
# Sieht der eigene Betrieb Inhalte erst, wenn eine zweite Person zugestimmt hat?
vier_augen = true
# So lange darf ein Inhalt dann angesehen werden.
einsicht_minuten = 30
# Nach so langer Untätigkeit endet eine Anmeldung …
sitzung_minuten = 30
# … und spätestens nach so vielen Stunden.
sitzung_stunden = 10
# Dürfen sich auch Konten mit eigenem Passwort anmelden? false: nur noch über [anmeldung].
lokale_konten = true

[status]
# /healthz, /readyz, /metrics; unverschlüsselt, darum nur auf dem eigenen Rechner.
adresse = "127.0.0.1:8446"

[mail]
# Eingang für Nachrichten, Quittungen und Rückläufer, die der Mailserver übergibt (LMTP/SMTP).
adresse = "127.0.0.1:8025"
# Unser Postfach, an das Partner ihre Quittungen senden; nötig für Partner mit weg = "mail".
# postfach = "gateway@example.org"

[store]
# Datenbank: sqlite:///DATEI, oder postgresql://… für mehrere Gateways.
url = "sqlite:///gateway.db"
# Schlüssel, der gespeicherte Inhalte schützt (32 Byte, Hex oder Base64): eine Datei, "env:NAME" für eine
# Umgebungsvariable oder "cred:NAME" für ein Credential der systemd-Unit; statt des Schlüssels kann darin die Adresse
# eines AES-Schlüssels im Token stehen: pkcs11:… Getrennt sichern! Für einen Wechsel mehrere: der erste schützt Neues,
# die anderen öffnen noch; dann gateway store rewrap.
schluessel = ["keys/store.key"]

[schluessel]
# Schlüsselpaare ohne Endung: aus "keys/sign" wird keys/sign.key und keys/sign.crt. Für einen Wechsel
# das neue Paar dazuschreiben; das jüngste gültige wird benutzt, die älteren bleiben lesbar. Auch "keys/sign.p12"
# (PKCS#12, Kennwort in keys/sign.p12.kennwort). Statt eines Schlüssels kann in keys/sign.key die Adresse eines
# Schlüssels im Token stehen: pkcs11:token=…;object=…?module-path=…&pin-source=file:…
# Signatur von Nachrichten und Quittungen.
sign = ["keys/sign"]
# Entschlüsselung.
encrypt = ["keys/encrypt"]
# TLS der eigenen Adressen.
tls = ["keys/tls"]
# Signatur des Ereignisprotokolls.
log = ["keys/log"]
# Signatur von Quittungen; ohne Angabe die Paare aus sign.
# mdn = ["keys/mdn"]
# Ausweis gegenüber Adressen von Partnern, die einen verlangen; ohne Angabe die Paare aus tls.
# tls_client = ["keys/tls-client"]

[vertrauen]
# Ordner mit den CA-Zertifikaten (PEM, *.crt oder *.pem), aus denen Client-Zertifikate stammen dürfen.
verzeichnis = "trust"
# Weiterer Ordner: CA-Zertifikate, zu denen Zertifikate von Partnern führen dürfen (selbst signierte brauchen keines).
partner_verzeichnis = "trust/partner"
# Solange nicht zu erfahren ist, ob ein Zertifikat gesperrt wurde: "annehmen", "warnen" (mit Alarm), "ablehnen".
unbekannt = "warnen"
# So lange nach ihrem Ablauf gilt eine Auskunft (Sperrliste, OCSP) noch.
karenz_stunden = 72
# Dürfen die Rechner der Sperrlisten private Adressen haben?
private_adressen = false

[zustellung]
# Wartezeit nach dem ersten fehlgeschlagenen Versuch.
backoff_start_sekunden = 60
# Jede weitere Wartezeit ist um diesen Faktor länger …
backoff_faktor = 2
# … aber nie länger als dies.
backoff_hoechstens_sekunden = 3600
# Anteil, um den Wartezeiten zufällig gestreut werden (0 bis unter 1).
streuung = 0.2
# Nach diesem Alter ist eine Zustellung endgültig gescheitert (5 Tage).
hoechstalter_stunden = 120
# Was so viele Stunden nach der Annahme nicht angekommen ist, erfährt der Absender, einmal je Empfänger.
verzug_stunden = 24
# Gleichzeitige Zustellungen an einen Partner zu Beginn (1 bis 20); antwortet er gut, bis zu 20.
# Mehrere Gateways an einem Speicher zählen zusammen.
gleichzeitig = 5
# Nach so vielen Fehlern in Folge, die den Partner betreffen, pausiert die Zustellung an ihn …
unterbrechung_nach = 5
# … so lange, dann wird mit einer Zustellung geprobt; jede weitere Pause ist doppelt so lang.
unterbrechung_sekunden = 60
# Zusteller in diesem Prozess; 0 nimmt nur an.
arbeiter = 1
# So lange wartet ein Versuch auf das nächste Byte des Partners.
zeitlimit_sekunden = 60
# Dürfen Partner private Adressen haben (eigenes Netz, Vorführung)?
private_adressen = false

[schemata]
# Ordner der amtlichen Schemapakete, siehe gateway schemas add.
packs = "packs"
# Vorab zugelassene Fassungen, etwa "xjustiz-4.0.0".
vorschau = []
# So viele Tage gilt nach einem Wechsel auch die vorige Fassung.
ueberlappung_tage = 0
# Eigene Zuordnung der amtlichen MiStra-Mitteilung zu den Anlässen; ohne Angabe gilt die mitgelieferte.
# zuordnung = "mistra.toml"

[regeln]
# Steht die Entlassung in höchstens so vielen Tagen bevor, geht die Mitteilung mit Vorrang (Nummer 5.3 Satz 2).
vorrang_tage = 14
# Fällt die Frist der Nummer 5.6 auf ein Wochenende: "unverschoben" oder "vorgezogen" auf den Freitag davor.
frist_am_wochenende = "unverschoben"
# Stellen, die einen Anlass melden dürfen, den der Erlass ihnen nicht zuweist; die Nachricht geht dann in die Klärung.
# Mehrere Einträge auch als Tabellen [[regeln.erlaubnis]].
# erlaubnis = [{ absender = "gds:R8088", anlass = "anklage_erhoben", grund = "Erprobung", bis = 2026-12-31 }]

[fristen]
# So viele Tage vor ihrem Tag wird an eine Pflicht mit Frist erinnert (Nummer 5.6).
vorlauf_tage = 14
# So viele Tage nach ihrer Entstehung wird an eine Pflicht erinnert, die unverzüglich zu erfüllen ist.
undatiert_tage = 7
# So oft wird der Absender an eine zurückgestellte Mitteilung erinnert (Nummer 1), in Tagen.
zurueckstellung_tage = 30
# Holt so viele Tage niemand einen Eintrag im Postfach ab, gibt es einen Alarm.
abholung_tage = 3

[aufbewahrung]
# So viele Tage nach ihrem letzten Schritt wird der Inhalt einer beendeten Nachricht gelöscht; Prüfsummen,
# Entscheidungen und Nachweise bleiben.
tage = 90
# Andere Fristen für einzelne Anlässe.
# je_anlass = { strafhaft_antritt = 30 }
# Löscht ein laufendes Gateway einmal täglich? Sonst nur gateway purge.
taeglich = true
# Ab welcher Stunde (deutsche Zeit).
stunde = 3

# Wer erfährt, dass etwas einen Menschen braucht, und ab wann es das tut. Jeder Alarm kommt einmal, dann wieder nach
# wiederholung_stunden, und mit „Erledigt“, wenn er vorbei ist.
[alarme]
# Diese Adressen bekommen eine Mail; nötig ist dafür [postausgang].
# mail = ["bereitschaft@example.org"]
# Dorthin geht ein signierter POST (JSON); https, oder http zum eigenen Rechner.
# webhook_url = "https://alarm.example.org/gateway"
# Datei, oder env:NAME, mit dem Geheimnis, das ihn signiert (mindestens 24 Zeichen).
# webhook_geheimnis = "keys/alarm.webhook"
# Darf der Webhook an private Adressen gehen (eigene Netze)?
private_adressen = false
# Was noch besteht, wird nach so vielen Stunden wieder gemeldet.
wiederholung_stunden = 24
# Was kommt und geht, ist erst vorbei, wenn es so viele Minuten lang nicht mehr bestand.
ruhe_minuten = 10
# Ein Zertifikat endet in höchstens so vielen Tagen, und kein neueres ist eingetragen.
zertifikat_tage = 30
# Etwas wartet länger als so viele Stunden auf eine Klärung.
klaerung_stunden = 24
# So viele Stunden lang wird eine gescheiterte Zustellung gemeldet.
gescheitert_stunden = 24
# Eine Zustellung wartet länger als so viele Stunden.
warteschlange_stunden = 4
# Das signierte Protokoll ist mehr als so viele Minuten im Rückstand.
protokoll_minuten = 15
# Neben einer SQLite-Datenbank sind weniger als so viele Megabyte frei.
platz_megabyte = 1024
# Die letzte Sicherung ist älter als so viele Tage; 0: nie melden. Wer noch nie eine gemacht hat, sichert wohl anders.
sicherung_tage = 7

# Mailserver, der ausgehende Mails annimmt; nötig für Partner mit weg = "mail".
# [postausgang]
# Name des Mailservers.
# host = "mail.example.org"
# Sein Port.
# port = 587
# "starttls", "tls" oder "keine" (nur zum eigenen Rechner).
# sicherheit = "starttls"
# Anmeldename, wenn der Mailserver einen verlangt.
# benutzer = "gateway"
# Datei, in der nur das Kennwort steht.
# kennwort_datei = "keys/postausgang.kennwort"
# CA-Zertifikate des Mailservers; ohne Angabe die des Systems.
# ca = "trust/mail.pem"
# Rücksendeadresse (Return-Path); was zurückkommt, geht an absender+Kennzeichen@….
# absender = "gateway@example.org"

# Anmeldung an den Seiten über einen Anmeldedienst (OpenID Connect); braucht [betrieb] oeffentliche_url. Der Dienst
# schickt Menschen an …/betrieb/anmelden/dienst/zurueck zurück und nach dem Abmelden an …/betrieb/abgemeldet; meldet er
# Abmeldungen von sich aus (Back-Channel), dann an …/betrieb/anmelden/dienst/abgemeldet.
# [anmeldung]
# Aussteller (issuer), Zeichen für Zeichen wie der Dienst ihn schreibt.
# aussteller = "https://anmeldung.example/realms/land"
# Kennung dieses Gateways beim Dienst.
# client_id = "nachrichtengateway"
# Womit es sich dort ausweist: eine Datei, oder "env:NAME" für eine Umgebungsvariable. Darin steht das Geheimnis
# (client_secret) oder ein privater Schlüssel (PEM), dessen öffentlichen Teil der Dienst kennt (private_key_jwt).
# geheimnis = "keys/anmeldung.geheimnis"
# CA-Zertifikate des Dienstes; ohne Angabe die des Systems.
# ca = "trust/anmeldung.pem"
# Zulässige Signaturen des ID-Tokens.
# algorithmen = ["RS256", "PS256", "ES256"]
# Was erbeten wird (scope).
# umfang = ["openid", "profile"]
# Verlangte Stufe der Anmeldung (acr), eine davon; ohne Angabe entscheidet der Dienst, auch über zweite Faktoren.
# acr = ["zwei-faktoren"]
# Angabe im ID-Token, die den Namen nennt.
# name_anspruch = "preferred_username"
# Angabe, die Gruppen oder Rollen nennt; steht sie tiefer, der Weg dorthin: ["realm_access", "roles"].
# rollen_anspruch = "groups"
# Welche Werte davon welche Rolle geben.
# rollen = { lesen = ["gateway-lesen"], betrieb = ["gateway-betrieb"], verwaltung = ["gateway-verwaltung"] }
# Angabe mit den Schlüsseln der Behörden eines Menschen; die Kennung dieses Gateways steht dort für den eigenen Betrieb.
# Ohne diese Einstellung gehört jeder, den der Dienst schickt, zum eigenen Betrieb.
# behoerde_anspruch = "behoerde"
# Wen jemand fragen kann, der keinen Zugang bekommt: „Bitte fragen Sie …“.
# ansprechstelle = "die Verwaltung des Gateways"

# Je Client-Zertifikat ein Eintrag. Ohne Eintrag: 403.
# [[zugang]]
# SHA-256 des Zertifikats: openssl x509 -in client.crt -noout -fingerprint -sha256
# sha256 = "…"
# Behörden, für die dieses Zertifikat handelt.
# behoerden = ["gds:R8088"]
# Eine oder mehrere von fachverfahren, betrieb, revision, verwaltung.
# rollen = ["fachverfahren"]
# Erster Tag.
# ab = 2026-01-01
# Letzter Tag.
# bis = 2027-12-31
"""


def render(kennung: str, eigene: Sequence[str]) -> str:
    """A new configuration for the gateway `kennung` that stands for the authorities `eigene`."""
    return _TEXT.replace("@kennung@", json.dumps(kennung)).replace("@eigene@", json.dumps(list(eigene)))
