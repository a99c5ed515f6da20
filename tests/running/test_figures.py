"""What is counted, and its text as Prometheus reads it."""

import math

import pytest
from prometheus_client.parser import text_string_to_metric_families as read

from gateway.figures import METRICS, MOST, REST, Figures, Sample


def values(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value for f in read(text) for sample in f.samples
    }


def test_every_metric_is_there_from_the_start_with_its_type_and_help() -> None:
    families = {family.name: family for family in read(Figures().exposition())}
    for name, metric in METRICS.items():
        family = families[name.removesuffix("_total")] if metric.kind == "counter" else families[name]
        assert family.type == metric.kind
        assert family.documentation
    assert len(families) == len(METRICS)


def test_counts_and_times_are_read_back() -> None:
    figures = Figures()
    figures.count("gateway_decided_total", "3.2 Satz 1", "zustellen")
    figures.count("gateway_decided_total", "3.2 Satz 1", "zustellen", by=2)
    for seconds in (0.001, 0.005, 0.02, 30):
        figures.took("gateway_accept_seconds", seconds)
    found = values(figures.exposition([Sample("gateway_store_up", 1)]))
    assert found["gateway_decided_total", (("ausgang", "zustellen"), ("nummer", "3.2 Satz 1"))] == 3
    assert found["gateway_store_up", ()] == 1
    assert found["gateway_accept_seconds_count", ()] == 4
    assert math.isclose(found["gateway_accept_seconds_sum", ()], 30.026)
    buckets = {
        le: found["gateway_accept_seconds_bucket", (("le", le),)] for le in ("0.005", "0.01", "0.025", "10", "+Inf")
    }
    assert buckets == {"0.005": 2, "0.01": 2, "0.025": 3, "10": 3, "+Inf": 4}


@pytest.mark.parametrize("value", ['a"b', "a\\b", "a\nb", "ä\\n€", "}", ' x="1" '])
def test_a_label_says_what_it_was_given_whatever_that_is(value: str) -> None:
    figures = Figures()
    figures.count("gateway_deliveries_total", value)
    assert values(figures.exposition())["gateway_deliveries_total", (("status", value),)] == 1


def test_processes_add_up_and_tell_each_other() -> None:
    one, two, total = Figures(), Figures(), Figures()
    for figures, count in ((one, 1), (two, 41)):
        figures.count("gateway_deliveries_total", "zugestellt", by=count)
        figures.took("gateway_hop_seconds", count)
    for figures in (one, two):
        total.add(Figures.from_json(figures.as_json()))
    found = values(total.exposition())
    assert found["gateway_deliveries_total", (("status", "zugestellt"),)] == 42
    assert (found["gateway_hop_seconds_sum", ()], found["gateway_hop_seconds_count", ()]) == (42, 2)
    assert "gateway_hop_seconds_sum 41\n" in two.exposition(), "nobody else's are touched"
    with pytest.raises((ValueError, KeyError)):
        Figures.from_json('{"counts": {"gateway_unknown_total": [[1]]}, "spreads": {}}')


def test_series_are_bounded_and_none_is_made_up() -> None:
    figures = Figures()
    for n in range(MOST + 5):
        figures.count("gateway_refused_total", "api", f"code{n}")
    samples = [sample for sample in figures.samples() if sample.name == "gateway_refused_total"]
    assert len(samples) == MOST + 1
    assert samples[-1] == Sample("gateway_refused_total", 5, (REST, REST))
    with pytest.raises(KeyError):
        figures.count("gateway_unknown_total")
    with pytest.raises(ValueError, match="gateway_refused_total"):
        figures.count("gateway_refused_total", "api")
    with pytest.raises(ValueError, match="gateway_store_up"):
        figures.count("gateway_store_up")
    with pytest.raises(KeyError):
        figures.exposition([Sample("gateway_unknown", 1)])
