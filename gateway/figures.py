"""What is measured: the closed list of metrics, the counts of one process, and their text for Prometheus.

Counters and histograms belong to a process and grow from its start; those of further processes of `gateway serve
--workers N` are added up by the first (`Figures.add`). Gauges are looked up when they are asked for; those that come
from the store are the same at every gateway on it: `max`, never `sum`, over gateways.

Promises: pure; no metric that is not in `METRICS`, no label that it does not name, and at most `MOST` combinations of
labels each; values of labels are ids of agreements, codes and numbers of the decree, never personal data.
Fails: `KeyError` for a metric that is not in the list, `ValueError` for labels that it does not have.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Self

MOST: Final = 1_000
"""Combinations of labels of one metric: far more than there are codes; what comes beyond counts as `REST`."""
REST: Final = "andere"
QUICK: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds of what a client waits for."""
SLOW: Final = (0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, 86400.0)
"""Seconds of what a partner takes."""

Kind = Literal["counter", "gauge", "histogram"]
Scope = Literal["process", "store"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric."""

    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    scope: Scope = "process"
    """Whose: of the processes of this gateway, or of the store that all gateways share."""
    buckets: tuple[float, ...] = ()


METRICS: Final[dict[str, Metric]] = {
    "gateway_build_info": Metric("gauge", "Version of the program and of Python; always 1.", ("version", "python")),
    "gateway_processes": Metric("gauge", "Processes of this gateway."),
    "gateway_accepted_total": Metric("counter", "Messages accepted, by the way they came.", ("herkunft",)),
    "gateway_refused_total": Metric("counter", "What was refused, by listener and code.", ("listener", "code")),
    "gateway_decided_total": Metric("counter", "Decisions, by number and outcome.", ("nummer", "ausgang")),
    "gateway_deliveries_total": Metric(
        "counter",
        "Steps of deliveries, by the status they led to: `zugestellt` is delivered, `gescheitert` failed.",
        ("status",),
    ),
    "gateway_attempts_total": Metric("counter", "Attempts to hand over, by outcome.", ("ergebnis",)),
    "gateway_receipts_total": Metric("counter", "Receipts judged, by verdict and reason.", ("schritt", "grund")),
    "gateway_requests_total": Metric("counter", "HTTP requests answered.", ("listener", "status")),
    "gateway_store_failures_total": Metric("counter", "Steps that the store could not keep."),
    "gateway_tls_handshake_failures_total": Metric("counter", "TLS handshakes that failed.", ("listener", "reason")),
    "gateway_accept_seconds": Metric("histogram", "From a post's head to its 202.", buckets=QUICK),
    "gateway_decide_seconds": Metric("histogram", "What the rules took to decide.", buckets=QUICK),
    "gateway_hop_seconds": Metric("histogram", "One attempt: claimed, sealed at first, handed over.", buckets=SLOW),
    "gateway_receipt_seconds": Metric("histogram", "From the first attempt to the receipt that proves.", buckets=SLOW),
    "gateway_store_up": Metric("gauge", "Whether the store answered when this was asked."),
    "gateway_disk_free_bytes": Metric("gauge", "Room left where an SQLite store lies."),
    "gateway_queue_deliveries": Metric(
        "gauge", "Deliveries that wait, by partner and age.", ("partner", "alter"), "store"
    ),
    "gateway_lane_stopped": Metric("gauge", "Partners whose lane does not go.", ("partner", "zustand"), "store"),
    "gateway_open_alarms": Metric("gauge", "Alarms that were told and have not ended.", ("art",), "store"),
    "gateway_alarms_total": Metric("counter", "Deliveries that nobody collected in time.", ("grund",), "store"),
    "gateway_certificate_days_left": Metric(
        "gauge",
        "Whole days until a certificate's end; below 0 once it is past.",
        ("use", "partner", "sha256"),
        "store",
    ),
    "gateway_requests_stuck": Metric(
        "gauge", "Requests of partners whose judgement raised each time: a person is needed.", scope="store"
    ),
    "gateway_agreements_broken": Metric("gauge", "Agreements of the store that cannot be read.", scope="store"),
    "gateway_log_size": Metric("gauge", "Events in the signed log.", scope="store"),
    "gateway_log_checkpoint_seconds": Metric(
        "gauge", "When the last checkpoint was signed, seconds since 1970.", scope="store"
    ),
    "gateway_log_unsealed": Metric("gauge", "Events that wait for their place in the log.", scope="store"),
    "gateway_log_lag_seconds": Metric("gauge", "Age of the oldest of them.", scope="store"),
}
"""Everything that /metrics shows, in its order."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a counter or gauge."""

    name: str
    value: float
    labels: tuple[str, ...] = ()


@dataclass(slots=True)
class _Spread:
    """Values of one histogram and one combination of labels."""

    counts: list[int]
    total: float = 0.0


class Figures:
    """Counters and histograms of one process, or of several added up."""

    def __init__(self) -> None:
        self._counts: dict[str, dict[tuple[str, ...], float]] = {}
        self._spreads: dict[str, _Spread] = {}

    def count(self, name: str, *labels: str, by: float = 1) -> None:
        """Count something."""
        _demand(name, "counter", labels)
        known = self._counts.setdefault(name, {})
        key = labels if labels in known or len(known) < MOST else (REST,) * len(labels)
        known[key] = known.get(key, 0) + by

    def took(self, name: str, seconds: float) -> None:
        """Note how long something took."""
        _demand(name, "histogram", ())
        buckets = METRICS[name].buckets
        spread = self._spreads.setdefault(name, _Spread([0] * (len(buckets) + 1)))
        spread.counts[bisect_left(buckets, seconds)] += 1
        spread.total += seconds

    def add(self, other: Figures) -> None:
        """Add those of another process."""
        for name, values in other._counts.items():
            for labels, value in values.items():
                self.count(name, *labels, by=value)
        for name, spread in other._spreads.items():
            own = self._spreads.setdefault(name, _Spread([0] * len(spread.counts)))
            own.counts = [a + b for a, b in zip(own.counts, spread.counts, strict=True)]
            own.total += spread.total

    def as_json(self) -> str:
        """All of it in one line, for another process."""
        counts = {name: [[*labels, value] for labels, value in each.items()] for name, each in self._counts.items()}
        spreads = {name: [spread.counts, spread.total] for name, spread in self._spreads.items()}
        return json.dumps({"counts": counts, "spreads": spreads})

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """What `as_json` wrote.

        Raises:
            ValueError, KeyError, TypeError: it did not.
        """
        made, value = cls(), json.loads(text)
        for name, rows in value["counts"].items():
            for *labels, number in rows:
                made.count(name, *labels, by=number)
        for name, (counts, total) in value["spreads"].items():
            made._spreads[name] = _Spread(counts, total)
        return made

    def samples(self) -> Iterator[Sample]:
        """The counters."""
        for name, values in self._counts.items():
            for labels, value in values.items():
                yield Sample(name, value, labels)

    def exposition(self, gauges: Iterable[Sample] = ()) -> str:
        """Everything in the text format of Prometheus (version 0.0.4), with what is looked up just now."""
        by_name: dict[str, list[Sample]] = {}
        for sample in (*self.samples(), *gauges):
            by_name.setdefault(sample.name, []).append(sample)
        lines: list[str] = []
        for name, metric in METRICS.items():
            lines += [f"# HELP {name} {_scoped(metric)}", f"# TYPE {name} {metric.kind}"]
            if metric.kind == "histogram":
                lines += self._histogram(name, metric)
            else:
                lines += [_line(each.name, metric.labels, each.labels, each.value) for each in by_name.pop(name, ())]
        if by_name:
            raise KeyError(next(iter(by_name)))
        return "\n".join(lines) + "\n"

    def _histogram(self, name: str, metric: Metric) -> Iterator[str]:
        spread = self._spreads.get(name, _Spread([0] * (len(metric.buckets) + 1)))
        seen = 0
        for bound, count in zip((*metric.buckets, math.inf), spread.counts, strict=True):
            seen += count
            yield _line(f"{name}_bucket", ("le",), (_number(bound),), seen)
        yield _line(f"{name}_sum", (), (), spread.total)
        yield _line(f"{name}_count", (), (), seen)


def _demand(name: str, kind: Kind, labels: Sequence[str]) -> None:
    metric = METRICS[name]
    if metric.kind != kind or len(labels) != len(metric.labels):
        raise ValueError(f"{name}: {metric.kind} with the labels {metric.labels}")


def _scoped(metric: Metric) -> str:
    return metric.help if metric.scope == "process" else f"{metric.help} The same at all gateways on this store."


def _line(name: str, names: Sequence[str], values: Sequence[str], number: float) -> str:
    pairs = ",".join(f'{label}="{_escaped(value)}"' for label, value in zip(names, values, strict=True))
    return f"{name}{{{pairs}}} {_number(number)}" if pairs else f"{name} {_number(number)}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf"
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(float(value))
