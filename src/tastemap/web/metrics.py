"""What is counted of requests, for Prometheus.

Several processes write to files of one folder, which ``PROMETHEUS_MULTIPROC_DIR`` in the
environment names before this module is loaded; any of them then answers for all.
"""

from __future__ import annotations

import os

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    multiprocess,
)

MEDIA_TYPE = CONTENT_TYPE_LATEST
FOLDER = "PROMETHEUS_MULTIPROC_DIR"

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

_REQUESTS = Counter("tastemap_requests_total", "Requests answered", ("method", "path", "status"))
_DURATION = Histogram(
    "tastemap_request_seconds", "Time to an answer", ("method", "path"), buckets=_SECONDS
)


class Meter:
    """Counts the answers of one operation.

    Args:
        method: of HTTP.
        path: as the documentation writes it, not as it was asked: there are few of these.
    """

    def __init__(self, method: str, path: str) -> None:
        self._labels = method, path
        self._duration = _DURATION.labels(method, path)
        self._counts: dict[int, Counter] = {}

    def count(self, status: int, seconds: float) -> None:
        """One answer."""
        counter = self._counts.get(status)
        if counter is None:
            counter = self._counts[status] = _REQUESTS.labels(*self._labels, status)
        counter.inc()
        self._duration.observe(seconds)


def written() -> bytes:
    """All measurements as text."""
    registry = REGISTRY
    if FOLDER in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
