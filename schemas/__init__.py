"""Our XSDs by family and version, examples, and the catalogue of what is valid when.

Promises: data and names only, no I/O. Everything an XSD includes lies in its own folder, so a reader needs no network
and follows no location out of it.
Fails: not at all.

The catalogue `katalog.toml`:

- `ueberlappung_tage`: for how many days after `gueltig_bis` a version is still taken, unless the configuration says.
- `[[pack]]`, one version of one family: `name`; `familie` (`justiz`, `ausl`, `xjustiz`); `fassung`; `namensraum` (the
  target namespace); `einstieg` (entry XSD, relative to this folder; absent for packs that an operator adds);
  `versionsattribut` (path from the root to the attribute that states the version; steps are in the family's grammar);
  `versionsmuster` (what that attribute must match as a whole); `schreibt_version` (what we write into it ourselves);
  `gueltig_ab`, `gueltig_bis` (days, both included; without the second: open).
- `[[pack.nachricht]]`, one message: `wurzel` (local name of the root element), `nummer`, `titel` (German, for people),
  `entscheidet` (whether the rules of the decree choose its recipients), `anlaesse` (keys; the element under
  `auswahl_anlass` is the key in camelCase).

The examples: `beispiele/*.xml` are valid; `beispiele/fehlerhaft/*.xml` are refused by their XSD, and each is named by
its message and its fault. `beispiele/<anlass>/gueltig.xml` is valid, the other files there have one fault each, say it
in a comment and are named by it; tools/build_examples.py writes them. `zuordnung/*.toml` maps official messages to
Anlässe; gateway/check/mistra.py describes its keys.
"""

KATALOG = "katalog.toml"
"""The catalogue, a resource of this package."""

MISTRA_MAPPING = "zuordnung/mistra-4.0.0.toml"
"""How the official MiStra notice reads, a resource of this package."""

STANDARD_AUSL = "AuslStraf"
"""What the root attribute `standard` of the family `ausl` says."""
