"""Metrics in Prometheus' text form: what the ledger counts, and what this process counts."""

import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

Counts = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, eq=False)
class _Ledger(Collector):
    """The ledger's counts as metrics; they are the truth over all processes and restarts."""

    counts: Counts
    version: str

    def collect(self) -> Iterator[Metric]:
        deliveries = GaugeMetricFamily("hub_deliveries", "Deliveries by state", labels=["state"])
        attempts = CounterMetricFamily("hub_attempts", "Finished attempts by outcome", labels=["outcome"])
        receipts = CounterMetricFamily("hub_receipts_kept", "Receipts kept by verdict", labels=["verdict"])
        drifts = CounterMetricFamily("hub_drift", "Drifts found in source streams by kind", labels=["what"])
        families: dict[str, GaugeMetricFamily | CounterMetricFamily] = {
            "deliveries": deliveries,
            "attempts": attempts,
            "receipts": receipts,
            "drifts": drifts,
        }
        for name, family in families.items():
            for kind, count in sorted(self.counts.get(name, {}).items()):
                family.add_metric([kind], count)
            yield family
        build = GaugeMetricFamily("hub_build_info", "What runs here", labels=["version", "python"])
        build.add_metric([self.version, platform.python_version()], 1)
        yield build


def render_metrics(counts: Counts, version: str) -> bytes:
    """All metrics. `counts` is {"deliveries": {state: n}, "attempts": {outcome: n}, …}, as the ledger counts them."""
    ledger = CollectorRegistry()
    ledger.register(_Ledger(counts, version))
    return generate_latest(ledger) + generate_latest(REGISTRY)
